r"""The nearest state of a domain, whose derivative on a bound is the one-sided one.

Notes
-----
A clip has no derivative on its bound, and JAX takes half: a state that rests there would lose half of its derivative
in each step of a solve. Along a direction d into the domain the derivative is d, along one that leaves it 0. Reverse
mode, which knows no direction, has that of directions into the domain.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

Bound = Float[Array, "..."] | float


def _kept(d: Array, tie: Array, *, sign: int) -> Array:
    """A tangent; where `tie` is set, what of it has that sign, else 0."""
    zero = jnp.zeros_like(d)
    return jnp.where(tie, jnp.maximum(d, zero) if sign > 0 else jnp.minimum(d, zero), d)


def _kept_jvp(primals, tangents, *, sign: int):
    (d, tie), (dd, _) = primals, tangents
    out = _kept_p.bind(d, tie, sign=sign)
    if isinstance(dd, ad.Zero):
        return out, dd
    lost = tie & (sign * d < 0)
    return out, _kept_p.bind(jnp.where(lost, 0.0, dd), tie & (d == 0), sign=sign)


def _kept_batch(args, dims, *, sign: int):
    size = next(x.shape[k] for x, k in zip(args, dims, strict=True) if k is not None)
    pairs = zip(args, dims, strict=True)
    return _kept_p.bind(*(batching.bdim_at_front(x, k, size) for x, k in pairs), sign=sign), 0


# Not linear in the tangent, which no function that JAX transposes may be: a primitive says what its transpose is.
_kept_p: Any = Primitive("memjax_kept")
_kept_p.def_impl(jax.jit(_kept, static_argnames="sign"))
_kept_p.def_abstract_eval(lambda d, tie, *, sign: d)
mlir.register_lowering(_kept_p, mlir.lower_fun(_kept, multiple_results=False))
ad.primitive_jvps[_kept_p] = _kept_jvp
ad.primitive_transposes[_kept_p] = lambda ct, d, tie, *, sign: [ct, None]
batching.primitive_batchers[_kept_p] = _kept_batch


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _limited(x: Float[Array, "..."], end: Float[Array, "..."], sign: int) -> Float[Array, "..."]:
    """`x`, no lower than `end` (sign 1), or no higher (sign -1)."""
    return jnp.maximum(x, end) if sign > 0 else jnp.minimum(x, end)


@_limited.defjvp
def _limited_jvp(sign, primals, tangents):
    (x, end), (dx, d_end) = primals, tangents
    # A state that was scaled is off its bound by roundings.
    tie = jnp.abs(x - end) <= 4 * jnp.finfo(x.dtype).eps * jnp.abs(end)
    base = jnp.where(tie, d_end, 0.0)
    inside = base + _kept_p.bind(dx - base, tie, sign=sign)
    beyond = ~tie & (sign * x < sign * end)
    return _limited(x, end, sign), jnp.where(beyond, d_end, inside)


def nearest(x: Float[Array, "..."], low: Bound, high: Bound) -> Float[Array, "..."]:
    """`x`, or the bound that it is beyond: what a `project` is made of; what is no number stays none.

    Parameters
    ----------
    x : Float[Array, "..."]
        State.
    low, high : Float[Array, "..."] or float
        Its bounds, in its unit; infinite for none. They may have derivatives.
    """
    x = jnp.asarray(x, jnp.result_type(x, float)) if isinstance(x, int | float) else x
    for end, sign in ((low, 1), (high, -1)):
        if not (isinstance(end, float | int) and math.isinf(end)):
            x = _limited(x, jnp.broadcast_to(jnp.asarray(end, x.dtype), x.shape), sign)
    return x
