"""Random arrays, their node equations for a sparse direct solver, and a regression through wires."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LOW, HIGH = 1e-5, 1e-3
"""Conductances of cells [S], uniform in the logarithm."""

LEVELS, SCATTER = 32, 0.05
"""Levels of cells that were written, and the standard deviation of the logarithm that the writing left."""


@dataclass(frozen=True)
class Problem:
    """A square array.

    Parameters
    ----------
    g : Float[np.ndarray, "lines lines"]
        Conductances [S].
    v : Float[np.ndarray, "inputs lines"]
        Voltages [V].
    wire : float
        Resistance of each segment [ohm].
    cells : str
        What they are called.
    """

    g: Float[np.ndarray, "lines lines"]
    v: Float[np.ndarray, "inputs lines"]
    wire: float
    cells: str = "cells"

    @property
    def name(self) -> str:
        """Size and wires."""
        n = len(self.g)
        return f"{n} x {n} {self.cells}, wires of {self.wire:g} ohm"


def problem(lines: int, wire: float, inputs: int = 64) -> Problem:
    """Random cells and inputs, the same for all variants."""
    rng = np.random.default_rng(lines)
    g = np.exp(rng.uniform(np.log(LOW), np.log(HIGH), (lines, lines)))
    return Problem(g, rng.uniform(0.05, 0.3, (inputs, lines)), wire)


def written_problem(lines: int, wire: float) -> Problem:
    """A matrix as it was written: evenly spaced levels from LOW to HIGH, each cell off its level by the scatter."""
    rng = np.random.default_rng(lines)
    levels = LOW + (HIGH - LOW) * rng.integers(LEVELS, size=(lines, lines)) / (LEVELS - 1)
    g = levels * np.exp(SCATTER * rng.normal(size=levels.shape))
    return Problem(g, rng.uniform(0.05, 0.3, (1, lines)), wire, "written cells")


def bit_line_currents(p: Problem) -> Float[np.ndarray, " lines"]:
    """Currents at the first input where word lines have no resistance: a tridiagonal system for each bit line."""
    from scipy.linalg import solveh_banded

    n, link = len(p.g), 1 / p.wire
    bands = np.full((2, n), -link)

    def current(g):
        bands[1] = g + link * np.where(np.arange(n) == 0, 1, 2)
        return link * solveh_banded(bands, g * p.v[0])[-1]

    return np.array([current(g) for g in p.g.T])


def sparse_currents(p: Problem) -> Float[np.ndarray, " lines"]:
    """Currents at the first input, by SciPy's direct solver of the sparse node equations."""
    from scipy.sparse import block_array, csr_array, diags_array, eye_array, kron
    from scipy.sparse.linalg import spsolve

    n, link = len(p.g), 1 / p.wire
    neighbours = np.eye(n, k=1) + np.eye(n, k=-1)
    # A driver or a sense node is one more neighbour of the first node; the last one is open.
    chain = link * (np.diag(neighbours.sum(axis=1) + (np.arange(n) == 0)) - neighbours)
    turned = chain[::-1, ::-1]
    cells, one = diags_array(p.g.ravel()), eye_array(n)
    word, bit = kron(one, csr_array(chain)) + cells, kron(csr_array(turned), one) + cells
    sources = np.zeros((2, n, n))
    sources[0, :, 0] = link * p.v[0]
    matrix = block_array([[word, -cells], [-cells, bit]]).tocsc()
    x = np.asarray(spsolve(matrix, sources.ravel()))
    return link * x.reshape(2, n, n)[1, -1]
