"""Smooth functions of one variable on equally spaced nodes: cubic B-splines that go on as straight lines."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .safe import bound


def cubic_basis(u: Float[Array, ""], count: int) -> Float[Array, " count"]:
    """Values at `u` of the cubic B-splines of so many nodes at -1, 0, ..., count - 2.

    They add up to 1 for 0 <= u <= count - 3. Algebra alone, without a table to look up, so that a law is translated and
    exported like any other.

    References
    ----------
    .. [1] C. de Boor, A Practical Guide to Splines (1978)
    """
    distance = jnp.abs(u - jnp.arange(-1.0, count - 1.0, dtype=jnp.result_type(u)))
    wide, narrow = jnp.maximum(2 - distance, 0.0), jnp.maximum(1 - distance, 0.0)
    return (wide * wide * wide - 4 * narrow * narrow * narrow) / 6


def extrapolated(
    coefficients: Float[Array, "functions count"], u: Float[Array, ""]
) -> tuple[Float[Array, " functions"], Float[Array, " functions"]]:
    """Functions at `u`, held beyond the nodes at 0 and count - 3, and what a straight line adds there.

    The functions are the sum of both where they are to go on as straight lines.
    """
    count = coefficients.shape[1]
    inner = bound(u, 0.0, float(count - 3))
    # Slopes at both ends follow from the two nodes beside them: there the spline between has none of its own.
    below, above = (0.5 * (coefficients[:, k] - coefficients[:, k - 2]) for k in (2, count - 1))
    outside = u - inner
    line = jnp.where(outside < 0, below, above) * outside
    return jnp.sum(coefficients * cubic_basis(inner, count)[None], axis=1), line
