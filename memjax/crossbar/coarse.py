"""Correction of voltages that are smooth over the whole array, which solves of single lines reach slowly."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .lines import Lines

_KNOTS = 4
"""For each mode, between which all modes are straight: 3 cost an array of the benchmark one iteration more."""


def knot_spacing(nodes: int, modes: int) -> int:
    """Nodes of a line from one knot of its modes to the next."""
    return max(1, nodes // (_KNOTS * modes))


@functools.cache
def _polynomials(
    nodes: int, degrees: int
) -> tuple[Float[np.ndarray, "knots modes"], Float[np.ndarray, "nodes modes"]]:
    """Orthonormal functions on a line at its knots and at its nodes: polynomials at knots, straight between them.

    They follow any ends, be they driven, sensed or open.
    """
    modes = min(nodes, degrees)
    spacing = knot_spacing(nodes, modes)
    knots = np.arange(-(-nodes // spacing) + 1)
    hats = np.maximum(0, 1 - np.abs(np.arange(nodes)[:, None] / spacing - knots))
    places = 2 * knots * spacing / max(nodes - 1, 1) - 1
    polynomials = np.polynomial.chebyshev.chebvander(places, modes - 1)
    values, triangle = np.linalg.qr(hats @ polynomials)
    return np.linalg.solve(triangle.T, polynomials.T).T, values


def _modes(lines: Lines, nodes: int, degrees: int) -> tuple[Array, Array, Array]:
    """Conductances [S] that the lowest modes of a line with mean ends meet along its wires (Ritz), and the modes.

    These are given at the knots and at the nodes.
    """
    knots, basis = (jnp.asarray(x, lines.first.dtype) for x in _polynomials(nodes, degrees))
    ends = (jnp.broadcast_to(jnp.mean(x), basis.shape[1:]) for x in (lines.first, lines.last))
    mean = Lines(lines.resistance, *ends)
    levels, vectors = jnp.linalg.eigh(basis.T @ mean.laplacian(basis))
    return jnp.abs(levels) / lines.resistance, knots @ vectors, basis @ vectors


class Correction(NamedTuple):
    """What solves of the word lines leave of the inverse of the equations, in modes of the whole array.

    Parameters
    ----------
    factors : Float[Array, "word_modes bit_modes"]
        Resistance [ohm] of each pair of modes.
    word_knots : Float[Array, "knots word_modes"]
        Modes of the word lines at every so many columns (`knot_spacing`), between which they are straight.
    along_word : Float[Array, "columns word_modes"]
        The same at all columns.
    along_bit : Float[Array, "rows bit_modes"]
        Modes of the bit lines.
    """

    factors: Float[Array, "word_modes bit_modes"]
    word_knots: Float[Array, "knots word_modes"]
    along_word: Float[Array, "columns word_modes"]
    along_bit: Float[Array, "rows bit_modes"]


def smooth_correction(
    conductance: Float[Array, ""], word: Lines, bit: Lines, shape: tuple[int, ...]
) -> Correction:
    """Correction of smooth voltages for an array whose cells are alike.

    Parameters
    ----------
    conductance : Float[Array, ""]
        Mean of the cells [S].
    word, bit : Lines
        The wires.
    shape : tuple of int
        Word lines and bit lines.

    Returns
    -------
    Correction
        For the equations of the word lines, from which the bit lines are eliminated.

    Notes
    -----
    Were all cells alike, modes would separate: the equations of a pair have w and b on the diagonal beside the cells'
    conductance m. Eliminating the bit lines leaves w + m b / (b + m), and the solve of the word lines alone is that of
    w + m. The difference of the inverses is never negative, so that the sum of both stays positive definite.
    """
    rows, columns = shape
    # Fewer leave iterations of long lines, more cost time in short ones.
    degrees = 8 + max(shape) // 128
    w, word_knots, along_word = _modes(word, columns, degrees)
    b, _, along_bit = _modes(bit, rows, degrees)
    w, b = w[:, None], b[None, :]
    factors = 1 / (w + conductance * b / (b + conductance)) - 1 / (w + conductance)
    return Correction(factors, word_knots, along_word, along_bit)
