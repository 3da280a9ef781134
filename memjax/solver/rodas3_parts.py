"""A step of RODAS3 on named scalars: the step of many devices on grids of their own."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .linear import factor_small

Scalars = list[Float[Array, ""]]


def rodas3_parts_step(
    f: Callable[[Float[Array, ""], Scalars], Scalars], y: Scalars, *, h: Float[Array, ""]
) -> tuple[Scalars, Scalars]:
    """One step of RODAS3, as `rodas3_step`, with every component an array of its own.

    Parameters
    ----------
    f : callable
        ``f(s, y)``: rates [1/s] at the share `s` of the step, 0 at its start.
    y : list of Float[Array, ""]
        Start of the step.
    h : Float[Array, ""]
        Step [s].

    Returns
    -------
    y : list of Float[Array, ""]
        Third-order solution at its end.
    error : list of Float[Array, ""]
        Difference from the embedded second-order solution.

    Notes
    -----
    A batch of devices runs along contiguous memory in one loop.

    References
    ----------
    .. [1] A. Sandu et al., Atmos. Environ. 31, 3459 (1997), doi:10.1016/S1352-2310(97)83212-8
    """
    start, end, n = jnp.zeros_like(h), jnp.ones_like(h), range(len(y))
    rate, columns = f(start, y), []
    for k in n:
        only = [jnp.ones_like(x) if j == k else jnp.zeros_like(x) for j, x in enumerate(y)]
        columns.append(jax.jvp(lambda z: f(start, z), (y,), (only,))[1])
    late = [0.5 * x for x in jax.jvp(lambda s: f(s, y), (start,), (end,))[1]]
    diagonal = 2.0 / h
    solve = factor_small([[(diagonal if i == j else 0.0) - columns[j][i] for j in n] for i in n])
    k1 = solve([a + b for a, b in zip(rate, late)])
    k2 = solve([a + 4.0 / h * k + 3.0 * b for a, k, b in zip(rate, k1, late)])
    third = f(end, [x + 2.0 * k for x, k in zip(y, k1)])
    k3 = solve([a + (p - q) / h for a, p, q in zip(third, k1, k2)])
    embedded = [x + 2.0 * p + q for x, p, q in zip(y, k1, k3)]
    fourth = f(end, embedded)
    k4 = solve([a + (p - q - (8.0 / 3.0) * r) / h for a, p, q, r in zip(fourth, k1, k2, k3)])
    return [x + k for x, k in zip(embedded, k4)], k4
