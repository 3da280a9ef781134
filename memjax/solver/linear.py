"""Small dense systems by unrolled elimination: no LAPACK call per lane, batches vectorise."""

from collections.abc import Callable

import jax
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
    rows = _eliminate(_entries(a))
    return lambda b: jnp.stack(_substitute(rows, list(b)))


Rows = list[list[Float[Array, "..."]]]


def solve_small(rows: Rows, b: list) -> list:
    """Solution of a system given entry by entry, without pivoting: for matrices I - h A of dissipative A.

    More than 8 unknowns go to LAPACK: unrolled they would take long to compile.
    """
    return factor_small(rows)(b)


def factor_small(rows: Rows) -> Callable[[list], list]:
    """A function that solves a system given entry by entry for any right-hand side; see `solve_small`."""
    if len(rows) <= _UNROLLED:
        eliminated = _eliminate(rows)
        return lambda b: _substitute(eliminated, b)
    a = jnp.stack([jnp.stack(jnp.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)
    factors = jax.scipy.linalg.lu_factor(a)

    def solve(b: list) -> list:
        right = jnp.stack(jnp.broadcast_arrays(*b), axis=-1)
        found = jax.scipy.linalg.lu_solve(factors, right[..., None])[..., 0]
        return [found[..., k] for k in range(len(rows))]

    return solve


def _entries(a: Float[Array, "n n"]) -> Rows:
    """A matrix entry by entry."""
    return [[a[i, j] for j in range(a.shape[1])] for i in range(a.shape[0])]


def _substitute(rows: Rows, b: list) -> list:
    """Solution with eliminated rows."""
    x, n = list(b), len(rows)
    for i in range(n):
        for j in range(i):
            x[i] = x[i] - rows[i][j] * x[j]
    for i in reversed(range(n)):
        for j in range(i + 1, n):
            x[i] = x[i] - rows[i][j] * x[j]
        x[i] = x[i] / rows[i][i]
    return x


def _eliminate(rows: Rows) -> Rows:
    """Multipliers below and upper triangle on and above the diagonal, without pivoting."""
    rows, n = [list(row) for row in rows], len(rows)
    for k in range(n):
        for i in range(k + 1, n):
            rows[i][k] = rows[i][k] / rows[k][k]
            for j in range(k + 1, n):
                rows[i][j] = rows[i][j] - rows[i][k] * rows[k][j]
    return rows


def apply(a: Float[Array, "n m"], x: Float[Array, " m"]) -> Float[Array, " n"]:
    """Product of a small matrix and a vector, column by column: a batch of them stays one loop over lanes."""
    m = a.shape[1]
    if not 0 < m <= _UNROLLED:
        return a @ x
    out = a[:, 0] * x[0]
    for k in range(1, m):
        out = out + a[:, k] * x[k]
    return out


def orientation(a: Float[Array, "n n"]) -> Float[Array, ""]:
    """Sign of the determinant."""
    if a.shape[0] > _UNROLLED:
        return jnp.linalg.slogdet(a)[0]
    rows = _eliminate(_entries(a))
    return jnp.prod(jnp.stack([jnp.sign(rows[k][k]) for k in range(a.shape[0])]))
