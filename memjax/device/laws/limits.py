"""How rates end at the edges of a state's range, and the window functions of ion drift."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def stop_at_bounds(
    rate: Float[Array, ""],
    x: Float[Array, ""],
    low: Float[Array, ""] | float,
    high: Float[Array, ""] | float,
    width: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """A rate that ends where its state reaches an edge.

    Parameters
    ----------
    rate : Float[Array, ""]
        Rate away from the edges [unit/s].
    x, low, high, width : Float[Array, ""]
        State, its edges, and the distance from an edge over which the rate fades [unit].

    Notes
    -----
    Linear over the width, so that the rate is continuous and no adaptive step meets a jump; beyond
    the edge it points back.
    """
    rise = jnp.maximum(rate, 0.0) * jnp.clip((high - x) / width, -1.0, 1.0)
    return rise + jnp.minimum(rate, 0.0) * jnp.clip((x - low) / width, -1.0, 1.0)


_ROUNDINGS = 4
"""Of a state that is brought back to an edge, scaled for a solver and taken back: at most."""


def past_rounding(
    low: Float[Array, ""] | float, high: Float[Array, ""] | float
) -> tuple[Float[Array, ""] | float, Float[Array, ""] | float]:
    """Edges for `stop_at_bounds` where states in SI are scaled for a solver: a few roundings outside of `low`, `high`.

    A state that a step has brought back to an edge may lie a rounding beyond it. There a rate would point back, and
    one that is large enough, as 1e11 m/s at 100 V, throws the state to the other edge in an explicit step.
    """
    share = float(_ROUNDINGS * jnp.finfo(jnp.result_type(low, high)).eps)
    return low - share * abs(low), high + share * abs(high)


def window(kind: str, x: Float[Array, ""], i: Float[Array, ""], p: int) -> Float[Array, ""]:
    """Window function of ion drift.

    Parameters
    ----------
    kind : {"none", "joglekar", "biolek", "prodromakis"}
        Which one.
    x : Float[Array, ""]
        State, 0 to 1.
    i : Float[Array, ""]
        Current, of which Biolek's window takes the sign.
    p : int
        Its power.

    References
    ----------
    .. [1] Y. N. Joglekar, S. J. Wolf, Eur. J. Phys. 30, 661 (2009), doi:10.1088/0143-0807/30/4/001
    .. [2] Z. Biolek, D. Biolek, V. Biolkova, Radioengineering 18, 210 (2009)
    .. [3] T. Prodromakis et al., IEEE Trans. Electron Devices 58, 3099 (2011),
       doi:10.1109/TED.2011.2158004
    """
    if kind == "joglekar":
        return 1 - (2 * x - 1) ** (2 * p)
    if kind == "biolek":
        return 1 - (x - jnp.where(i < 0, 1.0, 0.0)) ** (2 * p)
    if kind == "prodromakis":
        return 1 - ((x - 0.5) ** 2 + 0.75) ** p
    return jnp.ones_like(x)
