"""Several problems of one shape as one, each evaluated at a point of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from memjax.programs import is_array, outermost

from .problem import linearise


def stacked(problems: Sequence[Any]) -> Any:
    """Problems of one shape as one, its arrays with a leading axis."""
    parts = [eqx.partition(p, is_array) for p in problems]
    arrays = jax.tree.map(lambda *x: np.stack(x), *(a for a, _ in parts))
    return eqx.combine(jax.device_put(arrays), parts[0][1])


@outermost
def evaluate_each(problems: Any, z: Float[Array, "problems free"]):
    """Residuals, Jacobian and success of stacked problems, each at its own point.

    Parameters
    ----------
    problems : Any
        See `stacked`.
    z : Float[Array, "problems free"]
        Unconstrained coordinates.

    Returns
    -------
    residuals : Float[Array, "problems residuals"]
    jacobian : Float[Array, "problems residuals free"]
    ok : Bool[Array, "problems"]
    """
    arrays, rest = eqx.partition(problems, eqx.is_array)
    return jax.vmap(lambda own, x: linearise(eqx.combine(own, rest), x))(arrays, z)


def of_some(
    evaluate: Callable[..., tuple], z: Float[np.ndarray, "lanes free"]
) -> Callable[..., tuple]:
    """``evaluate(points, which)`` of some lanes, by one that takes all of them: the others stay where they were."""
    last = np.array(z)

    def some(points: np.ndarray, which: np.ndarray) -> tuple:
        last[which] = points
        return tuple(np.asarray(x)[which] for x in evaluate(last))

    return some


__all__ = ["evaluate_each", "of_some", "stacked"]
