"""Direct solve of the sparse equations of an array by SciPy, where iterations do not converge."""

from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Array, Bool

from .lines import Lines

if TYPE_CHECKING:
    from .net import Net, Nodes


def solve_directly(
    net: "Net", sources: "Nodes", nodes: "Nodes", failed: Bool[Array, ""]
) -> "Nodes":
    """Voltages by a factorisation in float64 on the host where iterations have failed, else `nodes` as they are.

    Below `jax.vmap` both branches of a condition are computed: the flag spares the factorisation.
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), nodes)
    return jax.pure_callback(_solve, shapes, net, sources, nodes, failed, vmap_method="sequential")


def _wires(lines: Lines, count: int, stride: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Rows, columns and values of the Laplacian of lines; `stride` is between nodes of a line, and between lines."""
    link = 1 / float(lines.resistance)
    first, last = (np.asarray(x, float) * link for x in (lines.first, lines.last))
    node = stride[0] * np.arange(count)[:, None] + stride[1] * np.arange(len(first))[None, :]
    a, b = node[:-1].ravel(), node[1:].ravel()
    full = np.full(a.size, link)
    rows = np.concatenate([a, b, a, b, node[0], node[-1]])
    columns = np.concatenate([a, b, b, a, node[0], node[-1]])
    return rows, columns, np.concatenate([full, full, -full, -full, first, last])


def _solve(net: "Net", sources: "Nodes", nodes: "Nodes", failed: Bool[Array, ""]) -> "Nodes":
    """The same on the host."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import splu

    if not failed:
        return nodes
    g = np.asarray(net.conductance, float)
    (rows, columns), cell = g.shape, np.arange(g.size)
    cells = g.ravel()
    word = _wires(net.word, columns, (1, columns))
    bit = _wires(net.bit, rows, (columns, 1))
    other = cell + g.size
    i = np.concatenate([word[0], bit[0] + g.size, cell, other, cell, other])
    j = np.concatenate([word[1], bit[1] + g.size, cell, other, other, cell])
    values = np.concatenate([word[2], bit[2], cells, cells, -cells, -cells])
    b = np.concatenate([np.asarray(sources.word).T.ravel(), np.asarray(sources.bit).ravel()])
    try:
        x = splu(coo_array((values, (i, j))).tocsc()).solve(b.astype(float))
    except (RuntimeError, ValueError):  # singular, or with NaN
        x = np.full(b.size, np.nan)
    kind = np.asarray(nodes.bit).dtype
    word_voltages, bit_voltages = x.astype(kind).reshape(2, rows, columns)
    return nodes._replace(word=word_voltages.T, bit=bit_voltages)
