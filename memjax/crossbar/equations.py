"""Equations of the word lines, from which the bit lines are eliminated, and conjugate gradients that solve them."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from .coarse import Correction, smooth_correction
from .direct import solve_directly
from .lines import inner_product, solve_lines, transposed
from .net import Net, Nodes, Progress

TOLERANCE = {"float64": 2e-11, "float32": 1e-6}
"""Residual over that of no voltage, in the norm of the preconditioner, at which iterations end."""


_BIT_LINES = 128
"""Solved at a time where an array has more than twice as many: what they pass on stays in the cache of a CPU."""


class Log(NamedTuple):
    """Numbers of the iterations.

    Parameters
    ----------
    lengths : Float[Array, "iterations"]
        Of the steps along the directions.
    ratios : Float[Array, "iterations"]
        Square of the residual over that before.
    """

    lengths: Float[Array, " iterations"]
    ratios: Float[Array, " iterations"]


class _Iterate(NamedTuple):
    """Conjugate gradients: solution, residual, direction, their products, and how often."""

    x: Float[Array, "columns rows"]
    residual: Float[Array, "columns rows"]
    direction: Float[Array, "columns rows"]
    square: Float[Array, ""]
    count: Int[Array, ""]
    log: Log


class Solution(NamedTuple):
    """Where conjugate gradients ended.

    Parameters
    ----------
    x : Float[Array, "columns rows"]
        Voltages of the word lines [V].
    square, scale : Float[Array, ""]
        Square of the residual at the end and at the start, in the norm of the preconditioner.
    count : Int[Array, ""]
        Iterations.
    log : Log
        Their numbers, where they were wanted.
    """

    x: Float[Array, "columns rows"]
    square: Float[Array, ""]
    scale: Float[Array, ""]
    count: Int[Array, ""]
    log: Log


class Equations(NamedTuple):
    """Equations of the word lines, times the resistance of their segments.

    Parameters
    ----------
    net : Net
        The array.
    load : Float[Array, "columns rows"]
        Conductances of the cells over that of a segment of the word lines.
    word_ratios : Float[Array, "columns rows"]
        Pivots of the word lines, see `Lines.ratios`.
    bit_ratios : Float[Array, "rows columns"]
        Those of the bit lines.
    smooth : Correction
        Of smooth voltages, in these units.
    """

    net: Net
    load: Float[Array, "columns rows"]
    word_ratios: Float[Array, "columns rows"]
    bit_ratios: Float[Array, "rows columns"]
    smooth: Correction

    def bit_voltages(self, currents: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        """Voltages of the bit lines at currents [A] into them."""
        return solve_lines(self.bit_ratios, self.net.bit.resistance * currents)[0]

    def sides(
        self, sources: Nodes
    ) -> tuple[Float[Array, "columns rows"], Float[Array, "rows columns"]]:
        """Right-hand sides, and voltages of the bit lines were all word lines at 0 V [V]."""
        known = self.bit_voltages(sources.bit)
        return self.net.word.resistance * sources.word + self.load * known.T, known

    def reduced(self, x: Float[Array, "columns rows"]) -> Float[Array, "columns rows"]:
        """Left-hand sides at voltages of the word lines [V]."""
        if len(x) <= 2 * _BIT_LINES:
            return self.net.word.laplacian(x) + self.of_cells(x)
        parts, whole = self._cells_in_parts, self.of_cells
        image = lax.platform_dependent(x, cpu=parts, default=whole)
        return self.net.word.laplacian(x) + image

    def of_cells(self, x: Float[Array, "columns rows"]) -> Float[Array, "columns rows"]:
        """What the cells of these columns add to them, between wires of the bit lines."""
        ratio = self.net.bit.resistance / self.net.word.resistance
        cells = self.load * x
        voltages, _ = solve_lines(self.bit_ratios, ratio * transposed(cells))
        return cells - self.load * transposed(voltages)

    def _cells_in_parts(self, x: Float[Array, "columns rows"]) -> Float[Array, "columns rows"]:
        """The same, some bit lines after the others."""
        columns = len(x)

        def add(k, image):
            # The last bit lines begin earlier where they are not as many: some are solved twice.
            begin = jnp.minimum(k * _BIT_LINES, columns - _BIT_LINES)
            load, voltages = (
                lax.dynamic_slice_in_dim(y, begin, _BIT_LINES) for y in (self.load, x)
            )
            ratios = lax.dynamic_slice_in_dim(self.bit_ratios, begin, _BIT_LINES, axis=1)
            part = self._replace(load=load, bit_ratios=ratios).of_cells(voltages)
            return lax.dynamic_update_slice_in_dim(image, part, begin, axis=0)

        return lax.fori_loop(0, -(-columns // _BIT_LINES), add, jnp.zeros_like(x))

    def precondition(
        self, x: Float[Array, "columns rows"]
    ) -> tuple[Float[Array, "columns rows"], Float[Array, ""]]:
        """Correction that a residual asks for, and their product."""
        factors, _, along_word, along_bit = self.smooth
        lines, product = solve_lines(self.word_ratios, x)
        smooth = along_word.T @ x @ along_bit
        scaled = factors * smooth
        return lines + along_word @ scaled @ along_bit.T, product + jnp.sum(scaled * smooth)

    def iterate(
        self,
        b: Float[Array, "columns rows"],
        *,
        tolerance: float,
        most: int,
        logs: bool = False,
    ) -> Solution:
        """Conjugate gradients until the residual is within the tolerance, or for so many iterations at most."""
        z, scale = self.precondition(b)
        zeros = jnp.zeros(most if logs else 0, b.dtype)
        end = lax.while_loop(
            lambda s: (s.square > tolerance**2 * scale) & (s.count < most),
            self._advance,
            _Iterate(jnp.zeros_like(b), b, z, scale, jnp.zeros((), int), Log(zeros, zeros)),
        )
        return Solution(end.x, end.square, scale, end.count, end.log)

    def _advance(self, s: _Iterate) -> _Iterate:
        image = self.reduced(s.direction)
        length = s.square / inner_product(s.direction, image)
        residual = s.residual - length * image
        z, square = self.precondition(residual)
        ratio, log = square / s.square, s.log
        if log.lengths.size:
            log = Log(log.lengths.at[s.count].set(length), log.ratios.at[s.count].set(ratio))
        x = s.x + length * s.direction
        return _Iterate(x, residual, z + ratio * s.direction, square, s.count + 1, log)


def equations_of(net: Net) -> Equations:
    """All that is the same for every input."""
    g, word, bit = net
    load = word.resistance * g.T
    smooth = smooth_correction(jnp.mean(g), word, bit, g.shape)
    smooth = smooth._replace(factors=smooth.factors / word.resistance)
    return Equations(net, load, word.ratios(load), bit.ratios(bit.resistance * g), smooth)


def solve_one(equations: Equations, most: int, sources: Nodes) -> tuple[Nodes, Progress]:
    """The solve of one input, and directly where the iterations do not converge."""
    net = equations.net
    g = net.conductance
    b, known = equations.sides(sources)
    tolerance = TOLERANCE[g.dtype.name]
    end = equations.iterate(b, tolerance=tolerance, most=most)
    nodes = Nodes(end.x, known + equations.bit_voltages(g * end.x.T))
    failed = ~(end.square <= tolerance**2 * end.scale)
    nodes = lax.cond(failed, lambda n: solve_directly(net, sources, n, failed), lambda n: n, nodes)
    size = jnp.sqrt(end.square / jnp.where(end.scale > 0, end.scale, 1))
    return nodes, Progress(end.count, size, failed)
