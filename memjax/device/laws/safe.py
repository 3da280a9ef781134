"""Functions that stay finite, with finite derivatives, wherever a Newton iterate may go."""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

CAP = 60.0
"""Exponent beyond which an exponential goes on as a straight line: e^60 = 1e26 is a float32 with room."""


def safe_exp(x: Float[Array, "..."], cap: float = CAP) -> Float[Array, "..."]:
    """The exponential; beyond `cap` its tangent there, so that value and gradient stay finite."""
    inner = jnp.minimum(x, cap)
    return jnp.exp(inner) * (1 + x - inner)


def log_expm1(x: Float[Array, "..."], cap: float = CAP) -> Float[Array, "..."]:
    """Logarithm of exp(x) - 1 at x > 0, with the tangent of `safe_exp` beyond `cap`: finite where the number itself,
    or the square of it that the derivative of a quotient holds, is no float32.
    """
    inner = jnp.minimum(x, cap)
    return inner + jnp.log(-jnp.expm1(-inner) * (1 + x - inner))


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
