"""Wires of all word lines, or of all bit lines, side by side: their equations are tridiagonal."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


class Lines(NamedTuple):
    """Wires of equal segments.

    Parameters
    ----------
    resistance : Float[Array, ""]
        Of a segment [ohm].
    first, last : Float[Array, "lines"]
        Conductance from the first and the last node of each line to what drives or senses it, over that of a segment;
        0 where the line ends open.
    """

    resistance: Float[Array, ""]
    first: Float[Array, " lines"]
    last: Float[Array, " lines"]

    def laplacian(self, x: Float[Array, "nodes lines"]) -> Float[Array, "nodes lines"]:
        """Currents [A] times the resistance of a segment that leave the nodes along the wires, at voltages `x`."""
        first, last = self.first[None] * x[:1], -self.last[None] * x[-1:]
        arriving = jnp.concatenate([first, x[1:] - x[:-1], last])
        return arriving[:-1] - arriving[1:]

    def ratios(self, load: Float[Array, "nodes lines"]) -> Float[Array, "nodes lines"]:
        """Inverse pivots of the Laplacian and a load to ground at each node, over the conductance of a segment.

        Nothing is subtracted: each is a sum of conductances, and exact to rounding however thin the load.
        """

        def step(before, load):
            conductance = load + before
            passed = conductance / (1 + conductance)  # in series with the next segment
            return passed, conductance

        _, conductance = lax.scan(step, self.first, load)
        return 1 / (conductance + 1).at[-1].set(conductance[-1] + self.last)


_PANEL = 16
"""Rows that `transposed` moves at a time."""


@jax.custom_jvp
def transposed(x: Float[Array, "rows columns"]) -> Float[Array, "columns rows"]:
    """The transpose, in panels of rows that stay in the cache: XLA's own takes three times as long on a CPU."""
    rows, columns = x.shape
    panel = min(_PANEL, rows)

    def move(k, y):
        # Both slices of the last panel begin earlier where it is not full: these rows are moved twice.
        part = lax.dynamic_slice_in_dim(x, k * panel, panel)
        return lax.dynamic_update_slice_in_dim(y, part.T, k * panel, axis=1)

    return lax.fori_loop(0, -(-rows // panel), move, jnp.zeros((columns, rows), x.dtype))


@transposed.defjvp
def _transposed_tangent(primals, tangents):
    """The tangent in one operation: the reverse pass would keep each panel of a loop."""
    (x,), (tangent,) = primals, tangents
    return transposed(x), tangent.T


def inner_product(x: Float[Array, "nodes lines"], y: Float[Array, "nodes lines"]) -> Array:
    """Sum of the products: columns first, side by side, since XLA adds numbers of one sum one after the other."""
    products, _ = lax.scan(lambda s, row: (s + row[0] * row[1], None), jnp.zeros_like(x[0]), (x, y))
    return jnp.sum(products)


def solve_lines(
    ratios: Float[Array, "nodes lines"], x: Float[Array, "nodes lines"]
) -> tuple[Float[Array, "nodes lines"], Float[Array, ""]]:
    """Voltages at currents `x` into the nodes, with the pivots of `Lines.ratios`, and their product with `x`.

    The sweeps run over the nodes of a line, all lines at once, which lie side by side in memory.
    """
    zero = jnp.zeros_like(x[0])

    def down(before, row):
        ratio, current = row
        here = ratio * (current + before)
        return here, here

    def up(carry, row):
        after, product = carry
        ratio, current, here = row
        voltage = here + ratio * after
        return (voltage, product + voltage * current), voltage

    _, half = lax.scan(down, zero, (ratios, x))
    (_, products), voltage = lax.scan(up, (zero, zero), (ratios, x, half), reverse=True)
    return voltage, jnp.sum(products)
