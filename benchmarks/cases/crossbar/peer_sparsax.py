"""Times of sparsax, by CHOLMOD in a program of JAX; run with the Python of the peer sparsax.

Reads {file, wire, repeats, ...} on standard input: conductances `g`, voltages `v` and exact currents in an .npz.
The names that the record has besides are given back.
"""
# sparsax is in the peer's environment only:
# pyright: reportMissingImports=false

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import sparsax

jax.config.update("jax_enable_x64", True)


def reader(lines: int, wire: float):
    """A compiled read: node equations of the array at conductances and voltages, and currents into sense nodes."""
    cell = np.arange(lines * lines).reshape(lines, lines)
    word, bit = cell, cell + lines * lines
    neighbours = [(word[:, :-1], word[:, 1:]), (bit[:-1], bit[1:])]
    along, after = (np.concatenate([p[k].ravel() for p in neighbours]) for k in (0, 1))
    driven, sensed = word[:, 0], bit[-1]
    # Above the diagonal alone: each pair of nodes once, and all that stands on it, which is summed.
    rows = np.concatenate(
        [along, word.ravel(), along, after, word.ravel(), bit.ravel(), driven, sensed]
    )
    columns = np.concatenate(
        [after, bit.ravel(), along, after, word.ravel(), bit.ravel(), driven, sensed]
    )
    links, ends = np.full(along.size, 1 / wire), np.full(2 * lines, 1 / wire)

    @jax.jit
    def read(g, v):
        values = [-links, -g.ravel(), links, links, g.ravel(), g.ravel(), ends]
        sources = jnp.zeros(2 * lines * lines).at[driven].set(v / wire)
        nodes = sparsax.solve(
            jnp.asarray(rows, jnp.int32),
            jnp.asarray(columns, jnp.int32),
            jnp.concatenate(values),
            sources,
        )
        return nodes[sensed] / wire

    return read


def main() -> None:
    """Time reads of one array, and compare the last one."""
    job = json.load(sys.stdin)
    with np.load(job["file"]) as file:
        g, v, exact = file["g"], file["v"], file["current"]
    read = reader(len(g), job["wire"])
    jax.block_until_ready(read(2 * g, v))  # compiles, and orders the equations
    seconds, current = [], np.zeros(0)
    for k in range(job["repeats"]):
        # Values that are those of the call before are not factorised again.
        changed = g * (1 + 1e-13 * k)
        begin = time.perf_counter()
        current = np.asarray(jax.block_until_ready(read(changed, v)))
        seconds.append(time.perf_counter() - begin)
    error = float(np.max(np.abs(current / exact - 1)))
    answer = {name: job[name] for name in ("reference", "problem", "n", "dtype")}
    print(json.dumps({"run_s": seconds, "error": error} | answer))


if __name__ == "__main__":
    main()
