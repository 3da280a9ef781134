"""The current limit of a source, smooth enough to differentiate, sharp enough to be an instrument's."""

import jax.numpy as jnp
from jaxtyping import Array, Float

_SHARPNESS = 64


def soft_limit(i: Float[Array, "..."], limit: float | Float[Array, ""]) -> Float[Array, "..."]:
    r"""Current that a source gives where it would give `i` without its limit.

    Parameters
    ----------
    i : Float[Array, "..."]
        Unlimited current [A].
    limit : Float[Array, ""]
        Compliance current [A], positive.

    Returns
    -------
    Float[Array, "..."]
        Limited current [A].

    Notes
    -----
    :math:`i\,(1 + |i/I_c|^p)^{-1/p}` with p = 64: within 1e-4 of `i` below 0.92 of the limit, of
    the limit above 1.09 times it, and smooth between; monotone and odd.
    """
    y = i / limit
    inside = jnp.abs(y) < 1
    # |y|^p below the limit, |y|^-p above: neither overflows, and no branch sees the other's numbers.
    low = jnp.where(inside, y, 0.5)
    high = jnp.where(inside, 2.0, y)
    low_branch = low * (1 + jnp.abs(low) ** _SHARPNESS) ** (-1 / _SHARPNESS)
    high_branch = jnp.sign(high) * (1 + jnp.abs(high) ** -_SHARPNESS) ** (-1 / _SHARPNESS)
    return limit * jnp.where(inside, low_branch, high_branch)
