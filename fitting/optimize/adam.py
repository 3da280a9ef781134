"""The optax path: for stochastic losses, and for more parameters than a Jacobian is worth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

ValueAndGradient = Callable[[Float[Array, " free"]], tuple[Float[Array, ""], Float[Array, " free"]]]


@dataclass
class Descent:
    """What a descent has reached; updated in place, so that an interrupt loses nothing.

    Parameters
    ----------
    z : Float[np.ndarray, "free"]
        Best point.
    loss : float
        Loss there.
    history : list of float
        Loss at each step; NaN where it was no number.
    """

    z: Float[np.ndarray, " free"]
    loss: float = float("inf")
    history: list[float] = field(default_factory=list)


def descend(
    value_and_gradient: ValueAndGradient,
    z: Float[np.ndarray, " free"],
    *,
    optimizer: optax.GradientTransformation | None = None,
    steps: int = 60,
    tick: Callable[[Descent], None] | None = None,
) -> Descent:
    """Minimise a loss by an optax optimiser, Adam at a decaying rate of 0.1 by default, keeping the best point.

    With common random numbers loss and gradient are functions of the point alone. `tick` is called after each step.

    Notes
    -----
    A step to where loss or gradient is no number is taken back and the next one halved; a
    `KeyboardInterrupt` ends the descent at the best point.
    """
    schedule = optax.cosine_decay_schedule(0.1, steps, alpha=0.1)
    optimizer = optimizer or optax.adam(schedule)
    here, done = jnp.asarray(z), Descent(np.asarray(z).copy())
    state, update = optimizer.init(here), jnp.zeros_like(here)
    try:
        for _ in range(steps):
            loss, gradient = value_and_gradient(here)
            good = bool(jnp.isfinite(loss) & jnp.all(jnp.isfinite(gradient)))
            done.history.append(float(loss))
            if good and float(loss) < done.loss:
                done.loss, done.z = float(loss), np.asarray(here).copy()
            if good:
                with jax.numpy_dtype_promotion("standard"):  # optax counts its steps in integers
                    moved, state = optimizer.update(gradient, state, here)
                update = cast(Array, moved)
                here = cast(Array, optax.apply_updates(here, update))
            else:
                update = update / 2
                here = here - update
            if tick is not None:
                tick(done)
    except KeyboardInterrupt:
        pass
    return done
