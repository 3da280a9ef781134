"""A RODAS3 step with one array per component, and a step of its tangents: for batches of devices."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from .linear import derivative, dot, factor_small, total

Scalars = list[Float[Array, ""]]


def rodas3_componentwise_step(
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
    start, end = jnp.zeros_like(h), jnp.ones_like(h)
    rate, jacobian = f(start, y), _jacobian(lambda z: f(start, z), y)
    # Time is a share of the step here, so that the derivative by it is h f_t already.
    half_slope = [0.5 * x for x in derivative(lambda s: f(s, y), start, end)]
    diagonal = 2.0 / h
    # I / (h gamma) - J with gamma = 1/2, as in `rodas3_step`.
    solve = factor_small(_scale_and_shift(jacobian, diagonal, -1.0))
    k1 = solve([a + b for a, b in zip(rate, half_slope)])
    k2 = solve([a + 4.0 / h * k + 3.0 * b for a, k, b in zip(rate, k1, half_slope)])
    third = f(end, [x + 2.0 * k for x, k in zip(y, k1)])
    k3 = solve([a + (p - q) / h for a, p, q in zip(third, k1, k2)])
    embedded = [x + 2.0 * p + q for x, p, q in zip(y, k1, k3)]
    fourth = f(end, embedded)
    k4 = solve([a + (p - q - (8.0 / 3.0) * r) / h for a, p, q, r in zip(fourth, k1, k2, k3)])
    return [x + k for x, k in zip(embedded, k4)], k4


def _jacobian(f: Callable[[Scalars], Scalars], y: Scalars) -> list[list]:
    """Derivatives of each rate by each component; numbers 0.0 where one does not depend on the other."""
    n = range(len(y))
    columns = [
        derivative(lambda x, k=k: f([*y[:k], x, *y[k + 1 :]]), y[k], jnp.ones_like(y[k])) for k in n
    ]
    return [[columns[j][i] for j in n] for i in n]


def _scale_and_shift(
    a: list[list], diagonal: Float[Array, ""] | float, factor: Float[Array, ""] | float
) -> list[list]:
    """A matrix times a factor, and a number along its diagonal."""
    return [
        [total([diagonal if i == j else 0.0, dot([factor], [x])]) for j, x in enumerate(row)]
        for i, row in enumerate(a)
    ]


def tangents_step(
    f: Callable[[list, Float[Array, ""], Scalars], Scalars],
    leaves: list[Array],
    ends: tuple[Scalars, Scalars],
    leaf_tangents: Sequence[dict[int, Array]],
    d: list[Scalars],
    *,
    h: Float[Array, ""],
) -> list[Scalars]:
    r"""Derivatives of the state along several directions after a step between known states.

    Parameters
    ----------
    f : callable
        ``f(leaves, s, y)``: rates [1/s] at the share `s` of the step.
    leaves : list of Array
        Arrays on which the rates depend.
    ends : (list of Float[Array, ""], list of Float[Array, ""])
        States at both ends.
    leaf_tangents : sequence of dict of int to Array
        For each direction the derivatives of those `leaves` that depend on it, by their place.
    d : list of list of Float[Array, ""]
        For each direction the derivatives of the components at the start.
    h : Float[Array, ""]
        Step [s].

    Notes
    -----
    The variational equation :math:`\dot d = J d + g` by the two-stage Lobatto IIIC method, of second order and
    L-stable [1]_. It takes J and g at the ends of the step alone, however many directions there are; exact tangents of
    RODAS3 take second derivatives at every stage. With :math:`M = (1 - h J_0)(1 - h J_1) + 1` it is :math:`M d_1 =
    2 d_0 + h g_0 + (1 - h J_0) h g_1`.

    References
    ----------
    .. [1] E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, IV.5, doi:10.1007/978-3-642-05221-7
    """
    n = range(len(ends[0]))
    begin, end = ends
    starts, stops = 0 * h, 1 + 0 * h
    factor0, factor1 = (
        _scale_and_shift(_jacobian(lambda z, s=s: f(leaves, s, z), y), 1.0, -h)
        for s, y in ((starts, begin), (stops, end))
    )
    # Both stages eliminated by hand: the system of 2n unknowns becomes one of n.
    product = [[dot(row, [factor1[k][j] for k in n]) for j in n] for row in factor0]
    solve = factor_small(_scale_and_shift(product, 1.0, 1.0))

    def push(m: dict[int, Array], s: Float[Array, ""], y: Scalars) -> list:
        """The product h g along one direction."""

        def rates_of(x):
            return f([x.get(k, leaf) for k, leaf in enumerate(leaves)], s, y)

        slope = derivative(rates_of, {k: leaves[k] for k in m}, m)
        return [dot([h], [x]) for x in slope]

    def advance(m: dict[int, Array], tangent: Scalars) -> Scalars:
        g0, g1 = push(m, starts, begin), push(m, stops, end)
        sides = zip(tangent, g0, factor0, strict=True)
        return solve([total([2 * x, g, dot(row, g1)]) for x, g, row in sides])

    return [advance(m, tangent) for m, tangent in zip(leaf_tangents, d, strict=True)]
