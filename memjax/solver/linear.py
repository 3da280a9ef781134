"""Small dense systems by unrolled elimination: no LAPACK call per lane, batches vectorise."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

_UNROLLED = 8


def factor(a: Float[Array, "n n"]) -> Callable[[Float[Array, " n"]], Float[Array, " n"]]:
    """A function that solves a x = b for any b.

    Parameters
    ----------
    a : Float[Array, "n n"]
        A matrix 1/h I - J of a stiff step, whose elimination needs no pivot for dissipative J;
        where a pivot vanishes the result is not finite, and the step is refused.

    Returns
    -------
    callable
        Solves by two substitutions (n <= 8), or by LAPACK.
    """
    n = a.shape[0]
    if n > _UNROLLED:
        return lambda b: jnp.linalg.solve(a, b)
    rows = _eliminate(a)

    def solve(b: Float[Array, " n"]) -> Float[Array, " n"]:
        x = [b[i] for i in range(n)]
        for i in range(n):
            for j in range(i):
                x[i] = x[i] - rows[i][j] * x[j]
        for i in reversed(range(n)):
            for j in range(i + 1, n):
                x[i] = x[i] - rows[i][j] * x[j]
            x[i] = x[i] / rows[i][i]
        return jnp.stack(x)

    return solve


def _eliminate(a: Float[Array, "n n"]) -> list[list[Float[Array, ""]]]:
    """Multipliers below and upper triangle on and above the diagonal, without pivoting."""
    n = a.shape[0]
    rows = [[a[i, j] for j in range(n)] for i in range(n)]
    for k in range(n):
        for i in range(k + 1, n):
            rows[i][k] = rows[i][k] / rows[k][k]
            for j in range(k + 1, n):
                rows[i][j] = rows[i][j] - rows[i][k] * rows[k][j]
    return rows


def orientation(a: Float[Array, "n n"]) -> Float[Array, ""]:
    """Sign of the determinant."""
    if a.shape[0] > _UNROLLED:
        return jnp.linalg.slogdet(a)[0]
    rows = _eliminate(a)
    return jnp.prod(jnp.stack([jnp.sign(rows[k][k]) for k in range(a.shape[0])]))
