"""Gradients of expected values where jumps make paths discontinuous in the parameters."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..errors import BoundsError


def expected(
    values: Float[Array, " members"], pattern: Float[Array, " members"]
) -> Float[Array, ""]:
    r"""Mean over members whose derivative is that of the expected value.

    Parameters
    ----------
    values : Float[Array, "members"]
        A number per member, as a function of parameters along its path, with two members or more.
    pattern : Float[Array, "members"]
        Log-probability of each member's pattern of jumps, e.g. ``trace.pattern.sum(axis=1)``.

    Returns
    -------
    Float[Array, ""]
        The mean of `values`.

    Notes
    -----
    When a parameter changes, jumps appear and vanish, which no derivative along a path at a fixed
    pattern sees. With the probability p of the pattern

    .. math::

        \frac{d}{d\theta} E[y] = E\Big[\frac{\partial y}{\partial\theta} + (y - b) \frac{\partial
        \ln p}{\partial\theta}\Big],

    the score-function estimator: unbiased, in forward and reverse mode; the baseline b is the mean of
    the other members. Its variance grows with the number of jumps that matter to y.

    References
    ----------
    .. [1] P. Glynn, Commun. ACM 33, 75 (1990), doi:10.1145/84537.84552
    """
    n = values.shape[0] if jnp.ndim(values) == 1 else 0
    if n < 2 or jnp.shape(pattern) != (n,):
        raise BoundsError(
            f"values of shape {jnp.shape(values)} and a pattern of shape {jnp.shape(pattern)}",
            where="expected",
            allowed="one number of each per member, of two members or more",
        )
    baselines = (jnp.sum(values) - values) / (n - 1)
    score = pattern - lax.stop_gradient(pattern)
    return jnp.mean(values + lax.stop_gradient(values - baselines) * score)
