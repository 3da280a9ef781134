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


def safe_sqrt(x: Float[Array, "..."], scale: float) -> Float[Array, "..."]:
    r"""Root of \|x\|, smooth at 0, where it has no gradient: y^2 / (y^2 + 1e-12)^(3/4) of y = x / `scale`."""
    y = x / scale
    if jnp.result_type(y) == jnp.float32:  # without divisions, which cost large ensembles most
        part = jnp.sqrt(lax.rsqrt(y * y + 1e-12))
        return math.sqrt(scale) * (y * part) * (y * part) * part
    root = jnp.sqrt(jnp.sqrt(y * y + 1e-12))
    return math.sqrt(scale) * (y / root) * (y / root) / root


def ensemble_sqrt(x: Float[Array, "..."], scale: float) -> Float[Array, "..."]:
    """`safe_sqrt`, in float32 by one root and to 2e-4 of the root of `scale`: for what is mostly above 1e-5 `scale`."""
    return _single_sqrt(x, scale) if jnp.result_type(x) == jnp.float32 else safe_sqrt(x, scale)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _single_sqrt(x: Float[Array, "..."], scale: float) -> Float[Array, "..."]:
    """`ensemble_sqrt` in float32: large ensembles spend much of their time here.

    The ratio of the smooth root to the root rises from 0 to 1 about y = 1e-6. It is 0.6e6 y up to 1 to within 0.15, and
    the root is below 1.3e-3 there.
    """
    size = jnp.abs(x)
    ratio = size * (0.6e6 / scale)
    return jnp.sqrt(size) * jnp.where(ratio > 1.0, 1.0, ratio)


@_single_sqrt.defjvp
def _single_sqrt_tangent(scale, primals, tangents):
    """The slope of the smooth root."""
    (x,), (direction,) = primals, tangents
    y = x / scale
    far = jnp.abs(y) > 1e3  # there the root is smooth to 18 digits, and y^2 may overflow
    near = jnp.where(far, 1.0, y)
    square = near * near
    part = lax.rsqrt(square + 1e-12)
    smooth = near * (0.5 * square + 2e-12) * (part * part) * part * jnp.sqrt(part)
    plain = jnp.sign(x) * 0.5 * lax.rsqrt(jnp.where(far, jnp.abs(x), 1.0))
    return _single_sqrt(x, scale), jnp.where(far, plain, smooth / math.sqrt(scale)) * direction


def bound(
    x: Float[Array, "..."], low: Float[Array, ""] | float, high: Float[Array, ""] | float
) -> Float[Array, "..."]:
    """`x` within bounds to 4 roundings, of which either may be infinite; what is no number stays none.

    On a bound its derivative is that inside, where `jnp.clip` has half of it: that of a state which may only move
    inwards. What is beyond by roundings, as a state that was scaled, is on it. In loops over many devices half as
    costly as `jnp.clip`, which looks for what is no number.
    """
    x = jnp.asarray(x, jnp.result_type(float)) if isinstance(x, int | float) else x
    slack = 4 * jnp.finfo(x.dtype).eps
    if not (isinstance(low, float) and math.isinf(low)):
        low = jnp.asarray(low, x.dtype)
        x = jnp.where(x < low - slack * abs(low), low, x)
    if not (isinstance(high, float) and math.isinf(high)):
        high = jnp.asarray(high, x.dtype)
        x = jnp.where(x > high + slack * abs(high), high, x)
    return x


def normal_pdf(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Density of the standard normal distribution."""
    return jnp.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


@jax.custom_jvp
def normal_cdf(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Probability that a standard normal number is at most x.

    `jax.scipy.stats.norm.cdf`, and the derivative of `jax.lax.erfc`, are other programs in each version of JAX, some of
    which no translation to C or SPICE knows; here both are one primitive and an exponential.
    """
    return 0.5 * lax.erfc(-math.sqrt(0.5) * x)


@normal_cdf.defjvp
def _normal_cdf_tangent(primals, tangents):
    return normal_cdf(*primals), normal_pdf(*primals) * tangents[0]


# 2^t in powers of t for 0 <= t <= 1, of least largest relative error: 8e-8.
_EXP2 = (0.9999999251, 0.6931530732, 0.240153617, 0.05582631805, 0.008989340093, 0.001877576674)


@jax.custom_jvp
def single_exp2(t: Float[Array, "..."]) -> Float[Array, "..."]:
    """2^t in float32, to 2e-7; below 2^-126 it stays there, above 2^127 too."""
    t = jnp.where(t < -126.0, -126.0, t)
    t = jnp.where(t > 127.0, 127.0, t)
    whole = jnp.floor(t)
    fraction = t - whole
    power = jnp.full_like(fraction, _EXP2[-1])
    for c in _EXP2[-2::-1]:
        power = power * fraction + c
    # The exponent of a float32 is a whole number in its own bits.
    word = lax.bitcast_convert_type(power, jnp.int32) + (whole.astype(jnp.int32) << 23)
    return lax.bitcast_convert_type(word, jnp.float32)


@single_exp2.defjvp
def _single_exp2_tangent(primals, tangents):
    power = single_exp2(*primals)
    return power, power * (math.log(2) * tangents[0])
