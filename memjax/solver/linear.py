"""Small dense linear systems by unrolled elimination, which vectorises over a batch; LAPACK is called lane by lane."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal
from jaxtyping import Array, Float

# n^3/3 operations are traced one by one: more unknowns would take long to compile.
_MAX_UNROLLED = 8


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
    if n > _MAX_UNROLLED:
        return partial(jax.scipy.linalg.lu_solve, jax.scipy.linalg.lu_factor(a))
    rows = _eliminate(_entries(a))
    return lambda b: jnp.stack(_substitute(rows, list(b)))


Rows = list[list[Any]]
"""Entries of a matrix. A Python 0.0 marks a structural zero, which costs no operation."""


def _is_zero(x: Any) -> bool:
    """Whether an entry is a structural zero."""
    return isinstance(x, float) and x == 0.0


def dependent_results(jaxpr: Jaxpr) -> list[bool]:
    """Whether each result of a program depends on its inputs at all."""
    dependent = set(jaxpr.invars)
    for eqn in jaxpr.eqns:
        if any(not isinstance(v, Literal) and v in dependent for v in eqn.invars):
            dependent.update(eqn.outvars)
    return [not isinstance(v, Literal) and v in dependent for v in jaxpr.outvars]


def solve_small(rows: Rows, b: list) -> list:
    """Solution of a system given entry by entry, without pivoting: for matrices I - h A of dissipative A.

    More than 8 unknowns go to LAPACK: unrolled they would take long to compile.
    """
    if len(rows) <= _MAX_UNROLLED:
        eliminated = _eliminate(rows)
        return _substitute(eliminated, b, [1.0 / eliminated[k][k] for k in range(len(rows))])
    a = jnp.stack([jnp.stack(jnp.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)
    right = jnp.stack(jnp.broadcast_arrays(*b), axis=-1)
    solution = jax.scipy.linalg.lu_solve(jax.scipy.linalg.lu_factor(a), right[..., None])[..., 0]
    return [solution[..., k] for k in range(len(rows))]


def _entries(a: Float[Array, "n n"]) -> Rows:
    """A matrix entry by entry."""
    return [[a[i, j] for j in range(a.shape[1])] for i in range(a.shape[0])]


def _substitute(rows: Rows, b: list, inverse: list | None = None) -> list:
    """Solution with eliminated rows, and the inverses of their pivots where they are at hand."""
    x, n = list(b), len(rows)
    for i in range(n):
        x[i] = _subtract_products(x[i], rows[i][:i], x[:i])
    for i in reversed(range(n)):
        x[i] = _subtract_products(x[i], rows[i][i + 1 :], x[i + 1 :])
        x[i] = x[i] / rows[i][i] if inverse is None else x[i] * inverse[i]
    return x


def _subtract_products(x: Any, row: list, factors: list) -> Any:
    """Subtract the products of two lists from a number, one after the other."""
    for a, b in zip(row, factors, strict=True):
        x = x if _is_zero(a) or _is_zero(b) else x - a * b
    return x


def _eliminate(rows: Rows) -> Rows:
    """Multipliers below and upper triangle on and above the diagonal, without pivoting."""
    rows, n = [list(row) for row in rows], len(rows)
    for k in range(n):
        for i in range(k + 1, n):
            # A structural zero needs no multiplier, and fills no entry of its row.
            if _is_zero(rows[i][k]):
                continue
            rows[i][k] = rows[i][k] / rows[k][k]
            for j in range(k + 1, n):
                rows[i][j] = _subtract_products(rows[i][j], [rows[i][k]], [rows[k][j]])
    return rows


def apply(a: Float[Array, "n m"], x: Float[Array, " m"]) -> Float[Array, " n"]:
    """Product of a small matrix and a vector, column by column: a batch of them stays one loop over lanes."""
    m = a.shape[1]
    if not 0 < m <= _MAX_UNROLLED:
        return a @ x
    out = a[:, 0] * x[0]
    for k in range(1, m):
        out = out + a[:, k] * x[k]
    return out


def orientation(a: Float[Array, "n n"]) -> Float[Array, ""]:
    """Sign of the determinant."""
    if a.shape[0] > _MAX_UNROLLED:
        return jnp.linalg.slogdet(a)[0]
    rows = _eliminate(_entries(a))
    # Without pivoting no row is exchanged: the determinant is the product of the pivots.
    return jnp.prod(jnp.stack([jnp.sign(rows[k][k]) for k in range(a.shape[0])]))
