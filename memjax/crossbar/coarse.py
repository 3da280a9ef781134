"""Correction of voltages that are smooth over the whole array, which solves of single lines reach slowly."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .lines import Lines


@functools.cache
def _polynomials(nodes: int, degrees: int) -> Float[np.ndarray, "nodes degrees"]:
    """Orthonormal polynomials on the nodes of a line: they follow any ends, be they driven, sensed or open."""
    places = np.linspace(-1.0, 1.0, nodes) if nodes > 1 else np.zeros(1)
    return np.linalg.qr(np.polynomial.chebyshev.chebvander(places, min(nodes, degrees) - 1))[0]


def _modes(
    lines: Lines, nodes: int, degrees: int
) -> tuple[Float[Array, " modes"], Float[Array, "nodes modes"]]:
    """Lowest modes of a line with mean ends, and the conductances [S] that they meet along its wires (Ritz)."""
    basis = jnp.asarray(_polynomials(nodes, degrees), lines.first.dtype)
    ends = (jnp.broadcast_to(jnp.mean(x), basis.shape[1:]) for x in (lines.first, lines.last))
    mean = Lines(lines.resistance, *ends)
    levels, vectors = jnp.linalg.eigh(basis.T @ mean.laplacian(basis))
    return jnp.abs(levels) / lines.resistance, basis @ vectors


class Correction(NamedTuple):
    """What solves of the word lines leave of the inverse of the equations, in modes of the whole array.

    Parameters
    ----------
    factors : Float[Array, "word_modes bit_modes"]
        Resistance [ohm] of each pair of modes.
    along_word : Float[Array, "columns word_modes"]
        Modes of the word lines.
    along_bit : Float[Array, "rows bit_modes"]
        Modes of the bit lines.
    """

    factors: Float[Array, "word_modes bit_modes"]
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
    w, along_word = _modes(word, columns, degrees)
    b, along_bit = _modes(bit, rows, degrees)
    w, b = w[:, None], b[None, :]
    factors = 1 / (w + conductance * b / (b + conductance)) - 1 / (w + conductance)
    return Correction(factors, along_word, along_bit)
