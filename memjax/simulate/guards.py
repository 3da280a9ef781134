"""What is looked at in fixed steps: whether they are too long for a rate."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core.result import Result
from ..core.scaling import Scaled
from ..lanes.xla_fixed import is_too_long
from ..solver import SemiImplicitEuler
from ..solver.semi_implicit import rates_along
from .policy import Fixed

if TYPE_CHECKING:
    from .fixed import GridStep


def step_result(code, stiffness: Float[Array, "*lanes two"] | None):
    """How a solve ended, given the stiffness that it met: a step that was too long is the cause of other failures."""
    if stiffness is None:
        return code
    return jnp.where(is_too_long(stiffness), Result.step_too_long, code)


def explicit_rates(scaled: Scaled, policy: Fixed) -> Callable | None:
    """Products of a step and the rates at which states that it takes explicitly act on themselves, see `Solution`.

    A function of scaled states and a `GridStep`; None of methods that take no state explicitly, or that limit its step.
    Of a state of several numbers it is the rate at which they act on each other, all moved alike. A state at rest, as
    one on a bound where its rate fades to 0, counts for nothing: it fades steeply. One that a projection holds counts,
    since a step that is too long throws states onto their bounds.
    """
    arrays, others = eqx.partition(scaled, eqx.is_array)
    scaled = eqx.combine(lax.stop_gradient(arrays), others)  # what is looked at has no derivative
    explicit = [s.name for s in scaled.system.specs if s.name not in scaled.linear]
    method = policy.method
    if not isinstance(method, SemiImplicitEuler) or method.damped or not explicit:
        return None

    def stiffness(parts, step: "GridStep"):
        parts, step = lax.stop_gradient((parts, step))

        def rates(p):
            return scaled.rates(step.t_end, p, step.u1)

        along = {k: rates_along(rates, parts, k) for k in explicit}

        def slope_of(k):
            x, (rate, slope) = parts[k], (y[k] for y in along[k])
            # Scaled states are of order one: a move by some roundings of it is rest.
            roundings = 8 * jnp.finfo(x.dtype).eps * jnp.maximum(jnp.abs(x), 1.0)
            at_rest = jnp.abs(step.h * rate) <= roundings
            return step.h * jnp.ravel(jnp.where(at_rest, 0.0, slope))

        slope = jnp.concatenate([slope_of(k) for k in explicit])
        return jnp.stack([_largest(-slope), _largest(jnp.abs(slope))])

    return stiffness


def _largest(x: Float[Array, " n"]):
    """The largest of some numbers, one after the other: compilers of C make no whole vectors of `jnp.max`."""
    return functools.reduce(lambda a, b: jnp.where(b > a, b, a), list(x))
