"""A reservoir improved by derivatives through the equations of its devices: mask, gain, offset, hold time, pause."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..errors import BoundsError, FitError
from .evaluation import WASHOUT, training_steps
from .readout import fit_ridge
from .reservoir import Reservoir
from .series import Series

TIMES = ("hold", "rest")
"""What is optimised by its logarithm; mask, gain and offset are as they are."""

SETTINGS = ("mask", "gain", "offset", *TIMES)


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """Course and result of a search by derivatives.

    Parameters
    ----------
    reservoir : Reservoir
        That of the least loss.
    losses : Float[np.ndarray, "steps"]
        Squared NRMSE on held-out steps of the training before each step, and after the last.
    """

    reservoir: Reservoir
    losses: Float[np.ndarray, " steps"]


def readout_loss(
    states: Float[Array, "steps features"],
    targets: Float[Array, " steps"],
    fitted: int,
    penalty: float,
) -> Float[Array, ""]:
    """Squared NRMSE of a ridge read-out on steps that it was not fitted to, with derivatives.

    Parameters
    ----------
    states : Float[Array, "steps features"]
        Readings.
    targets : Float[Array, "steps"]
        Wanted outputs.
    fitted : int
        First steps, by which the read-out is fitted.
    penalty : float
        Of the weights, times the number of steps.

    Returns
    -------
    Float[Array, ""]
        Squared NRMSE [1]: 1 for a read-out that gives the mean.

    Notes
    -----
    The weights solve the normal equations (Z'Z + penalty n) w = Z'y of scaled states; their derivative is that of the
    solution of a linear system.
    """
    x, y = states[:fitted], targets[:fitted]
    middle, deviation = x.mean(axis=0), x.std(axis=0)
    scale = jnp.where(deviation > 0, deviation, 1.0)
    z, mean = (x - middle[None]) / scale[None], y.mean()
    gram = z.T @ z + penalty * fitted * jnp.eye(z.shape[1], dtype=z.dtype)
    weights = jnp.linalg.solve(gram, z.T @ (y - mean))
    residual = (states[fitted:] - middle[None]) / scale[None] @ weights + mean - targets[fitted:]
    return jnp.mean(residual**2) / jnp.var(targets[fitted:])


def _unpack(reservoir: Reservoir, free: dict[str, Array]) -> Reservoir:
    """The reservoir with free numbers in their places."""
    return replace(reservoir, **{n: jnp.exp(x) if n in TIMES else x for n, x in free.items()})


def task_loss(
    reservoir: Reservoir,
    free: dict[str, Array],
    task: Series,
    *,
    train: int,
    penalty: float,
    seed: int = 1,
) -> Float[Array, ""]:
    """Squared NRMSE on the last third of the training, as a function of settings.

    Parameters
    ----------
    reservoir : Reservoir
        All else.
    free : dict of str to Array
        Some of `SETTINGS`; times as their natural logarithm.
    task : Series
        The task.
    train : int
        Steps of the training.
    penalty : float
        See `readout_loss`.
    seed : int
        Of the noise, which is the same for all settings.
    """
    one = _unpack(reservoir, free)
    states = one.states(jnp.asarray(task.inputs[:train]), seed=seed)[0][WASHOUT:]
    states = states.astype(jnp.result_type(float))
    targets = jnp.asarray(task.targets[WASHOUT:train], states.dtype)
    return readout_loss(states, targets, 2 * (train - WASHOUT) // 3, penalty)


def limit_voltage(reservoir: Reservoir, limit: float) -> Reservoir:
    """The reservoir with gains so small that inputs of 0 to 1 give no voltage above a limit [V]."""
    offset = jnp.clip(reservoir.offset, -limit, limit)
    low, high = (
        f(0.0, f2(reservoir.mask, axis=1))
        for f, f2 in ((jnp.minimum, jnp.min), (jnp.maximum, jnp.max))
    )
    gain = jnp.broadcast_to(reservoir.gain, low.shape)
    ends = jnp.stack([gain * low, gain * high])
    room = jnp.where(ends > 0, limit - offset, limit + offset)
    share = jnp.min(
        jnp.where(ends == 0, 1.0, room / jnp.where(ends == 0, 1.0, jnp.abs(ends))), axis=0
    )
    gain = gain * jnp.minimum(share, 1.0)
    # One gain for all devices stays one.
    return replace(
        reservoir,
        offset=offset,
        gain=gain if jnp.ndim(reservoir.gain) else gain[jnp.argmin(jnp.abs(gain))],
    )


def optimize(
    reservoir: Reservoir,
    task: Series,
    *,
    settings: Sequence[str] = ("mask", "gain", "offset", "hold"),
    steps: int = 50,
    rate: float = 0.02,
    train: int | None = None,
    limit: float | None = None,
    seed: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Optimization:
    """Improve settings of a reservoir by Adam, with derivatives through the equations of its devices.

    Parameters
    ----------
    reservoir : Reservoir
        Where the search starts. With its noise: of one seed, the same in all steps.
    task : Series
        Of which only the steps before `train` are used.
    settings : sequence of str
        Some of mask, gain, offset, hold, rest.
    steps : int
        Steps of the search.
    rate : float
        Of learning: about the change of a setting in a step, in V, of a mask value, or of the logarithm of a time.
    train : int, optional
        60 % of the steps by default.
    limit : float, optional
        Largest voltage [V]; none by default.
    seed : int
        Of the noise; another one than that of a study.
    progress : callable, optional
        Is told the number of steps done and the loss.

    Raises
    ------
    BoundsError
        For an unknown setting, or a pause that is optimised though there is none.
    FitError
        If the loss at the start is no number.
    """
    _check_settings(reservoir, settings)
    train = training_steps(task, train)
    first = np.asarray(reservoir.states(jnp.asarray(task.inputs[:train]), seed=seed)[0])
    penalty = max(fit_ridge(first[WASHOUT:], task.targets[WASHOUT:train]).penalty, 1e-8)
    free: Any = {n: jnp.asarray(getattr(reservoir, n), jnp.result_type(float)) for n in settings}
    free = {n: jnp.log(x) if n in TIMES else x for n, x in free.items()}

    @eqx.filter_jit
    def loss_and_slope(free):
        def loss(free):
            return task_loss(reservoir, free, task, train=train, penalty=penalty, seed=seed)

        return jax.value_and_grad(loss)(free)

    search = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    state, best, least, losses = search.init(free), free, np.inf, []
    for k in range(steps + 1):
        value, slope = loss_and_slope(free)
        losses.append(float(value))
        if k == 0 and not np.isfinite(value):
            raise FitError(f"a loss of {float(value)} at the start", where="optimize")
        if losses[-1] < least:
            best, least = free, losses[-1]
        if progress is not None:
            progress(k, losses[-1])
        if not all(bool(jnp.all(jnp.isfinite(x))) for x in slope.values()):
            break  # beyond a switching event no derivative tells more; the best so far stands
        with jax.numpy_dtype_promotion("standard"):  # optax counts its steps in integers
            change, state = search.update(slope, state)
        free = optax.apply_updates(free, change)
        if limit is not None:
            inside = limit_voltage(_unpack(reservoir, free), limit)
            free |= {n: getattr(inside, n) for n in settings if n in ("gain", "offset")}
    return Optimization(reservoir=_unpack(reservoir, best), losses=np.array(losses))


def _check_settings(reservoir: Reservoir, settings: Sequence[str]) -> None:
    """Raise for settings that there are not."""
    wrong = [n for n in settings if n not in SETTINGS]
    if wrong or not settings or ("rest" in settings and not reservoir.rest_steps):
        description = ", ".join(wrong) or ("rest" if settings else "nothing")
        allowed = f"some of {', '.join(SETTINGS)}; rest where there is a pause"
        raise BoundsError(description, where="optimize", allowed=allowed)
