"""Functions that stay finite, with finite derivatives, wherever a Newton iterate may go."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

CAP = 60.0
"""Exponent beyond which an exponential goes on as a straight line: e^60 = 1e26 is a float32 with room."""


def safe_exp(x: Float[Array, "..."], cap: float = CAP) -> Float[Array, "..."]:
    """The exponential; beyond `cap` its tangent there, so that value and gradient stay finite."""
    inner = jnp.minimum(x, cap)
    return jnp.exp(inner) * (1 + x - inner)


def safe_sinh(x: Float[Array, "..."], cap: float = CAP) -> Float[Array, "..."]:
    """The hyperbolic sine; beyond `cap` of either sign its tangent there; exact near 0."""
    inner = jnp.clip(x, -cap, cap)
    # Value and slope are continuous at the cap.
    return jnp.sinh(inner) + jnp.cosh(inner) * (x - inner)


def asinh_of_sinh(ratio: Float[Array, "..."], x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The inverse hyperbolic sine of `ratio` > 0 times the hyperbolic sine of `x` >= 0, which itself may overflow."""
    exponent = jnp.log(ratio) + x
    inner = jnp.minimum(exponent, 30.0)  # beyond, asinh is a logarithm to 26 digits
    return jnp.arcsinh(-0.5 * jnp.expm1(-2 * x) * jnp.exp(inner)) + exponent - inner


def safe_power(base: Float[Array, "..."], exponent: Float[Array, "..."]) -> Float[Array, "..."]:
    """`base` to a real power > 0; 0, with no gradient, where the base is not above 1e-30."""
    valid = base > 1e-30
    power = jnp.exp(exponent * jnp.log(jnp.where(valid, base, 1.0)))
    return jnp.where(valid, power, 0.0)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def safe_sqrt(x: Float[Array, "..."], scale: float) -> Float[Array, "..."]:
    r"""Root of \|x\|, whose slope is finite and 0 at 0: that of y^2 / (y^2 + 1e-12)^(3/4) with y = x / `scale`.

    This smooth root differs from the root itself where \|x\| is below a millionth of `scale`. The root itself, one
    operation, is the value: large ensembles spend much of their time here.
    """
    del scale
    return jnp.sqrt(jnp.abs(x))


@safe_sqrt.defjvp
def _safe_sqrt_tangent(scale, primals, tangents):
    """Value and slope along a direction, see `safe_sqrt`."""
    (x,), (direction,) = primals, tangents
    root, y = safe_sqrt(x, scale), x / scale
    far = jnp.abs(y) > 1e3  # there both roots are the same to 18 digits, and y^2 may overflow
    near = jnp.where(far, 1.0, y)
    square = near * near
    part = lax.rsqrt(square + 1e-12)
    smooth = near * (0.5 * square + 2e-12) * (part * part) * part * jnp.sqrt(part)
    plain = jnp.sign(x) * 0.5 / jnp.where(far, root, 1.0)
    return root, jnp.where(far, plain, smooth / math.sqrt(scale)) * direction


def bound(x: Float[Array, "..."], low: float, high: float) -> Float[Array, "..."]:
    """`x` within bounds, of which either may be infinite; what is no number stays none.

    In loops over many devices half as costly as `jnp.clip`, which looks for what is no number.
    """
    if low > -math.inf:
        x = jnp.where(x < low, jnp.asarray(low, x.dtype), x)
    if high < math.inf:
        x = jnp.where(x > high, jnp.asarray(high, x.dtype), x)
    return x


# 2^t in powers of t for 0 <= t <= 1, of least largest relative error: 8e-8.
_EXP2 = (0.9999999251, 0.6931530732, 0.240153617, 0.05582631805, 0.008989340093, 0.001877576674)


@jax.custom_jvp
def single_exp2(t: Float[Array, "..."]) -> Float[Array, "..."]:
    """2^t in float32, to 2e-7; below 2^-126 it stays there, above 2^127 too."""
    t = bound(t, -126.0, 127.0)
    whole = jnp.floor(t)
    rest = t - whole
    power = jnp.full_like(rest, _EXP2[-1])
    for c in _EXP2[-2::-1]:
        power = power * rest + c
    # The exponent of a float32 is a whole number in its own bits.
    word = lax.bitcast_convert_type(power, jnp.int32) + (whole.astype(jnp.int32) << 23)
    return lax.bitcast_convert_type(word, jnp.float32)


@single_exp2.defjvp
def _single_exp2_tangent(primals, tangents):
    power = single_exp2(*primals)
    return power, power * (math.log(2) * tangents[0])
