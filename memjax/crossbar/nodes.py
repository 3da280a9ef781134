"""Node voltages of an array of ohmic cells between real wires."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from .batch_kernel import BatchKernel, Solved, solve_ends, solve_sources
from .equations import equations_of, solve_one
from .lines import solve_lines, transposed
from .net import Net, Nodes, Progress, end_sources, node_currents


def solve_nodes(net: Net, sources: Nodes, *, most: int) -> tuple[Nodes, Progress]:
    """Voltages at which all currents balance.

    Parameters
    ----------
    net : Net
        The array.
    sources : Nodes
        Currents [A] into the nodes, of several inputs.
    most : int
        Iterations after which the sparse equations are solved directly.

    Returns
    -------
    voltages : Nodes
        Of all inputs, to 1e-9 in float64.
    progress : Progress
        How the solves ended.

    Notes
    -----
    Bit lines are eliminated by their tridiagonal solves. Conjugate gradients find the voltages of the word lines,
    preconditioned by the tridiagonal solves of these lines and by a correction in smooth modes. All that depends on the
    conductances alone is computed once for all inputs. These are solved one after the other: the arrays of one stay in
    the cache. Derivatives in both modes are one more solve of the same symmetric equations.
    """
    equations = equations_of(lax.stop_gradient(net))
    return lax.custom_linear_solve(
        jax.vmap(partial(node_currents, net)),
        sources,
        lambda _, currents: lax.map(partial(solve_one, equations, most), currents),
        symmetric=True,
        has_aux=True,
    )


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _solve_by_kernel(
    kernel: BatchKernel, most: int, bits: int, net: Net, v: Array, v_bit: Array
) -> Solved:
    """Voltages of word lines, and of so many of the last rows of the bit lines."""
    return solve_ends(kernel, net, most, bits, v, v_bit)


@_solve_by_kernel.defjvp
def _tangent_by_kernel(kernel, most, bits, primals, tangents):
    """One more solve, for the currents that the change of net and ends leaves unbalanced."""
    net, rows = primals[0], len(primals[0].conductance)
    word, bit, progress = _solve_by_kernel(kernel, most, rows, *primals)

    def by_rows(nodes):
        return jnp.swapaxes(nodes.word, -1, -2), nodes.bit

    def leaving(net, word, bit):
        nodes = Nodes(jnp.swapaxes(word, -1, -2), bit)
        return by_rows(jax.vmap(partial(node_currents, net))(nodes))

    def unbalanced(net, v, v_bit):
        sources = jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)
        return jax.tree.map(jnp.subtract, by_rows(sources), leaving(net, word, bit))

    def solve(_, currents):
        *voltages, progress = solve_sources(kernel, lax.stop_gradient(net), most, bits, *currents)
        return tuple(voltages), progress

    _, currents = jax.jvp(unbalanced, primals, tangents)
    change, _ = lax.custom_linear_solve(
        lambda x: leaving(net, *x), currents, solve, symmetric=True, has_aux=True
    )
    tangent = change[0], change[1][:, -bits:], _no_tangent(progress)
    return (word, bit[:, -bits:], progress), tangent


def _no_tangent(progress: Progress) -> Any:
    """Tangents of numbers that nothing depends on."""

    def none(x):
        is_real = jnp.issubdtype(x.dtype, jnp.floating)
        return jnp.zeros_like(x) if is_real else np.zeros(x.shape, jax.dtypes.float0)

    return jax.tree.map(none, progress)


def solve_driven(
    net: Net,
    v: Float[Array, "inputs rows"],
    v_bit: Float[Array, " columns"],
    *,
    most: int,
    bits: int,
    kernel: BatchKernel | None = None,
) -> Solved:
    """Voltages where voltages drive the ends of lines; see `solve_nodes`.

    The kernel solves for many inputs side by side, and gives `bits` of the last rows of the bit lines: 1 or all.
    Without it XLA gives all.
    """
    if kernel is not None:
        return _solve_by_kernel(kernel, most, bits, net, v, v_bit)
    sources = jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)
    nodes, progress = solve_nodes(net, sources, most=most)
    return lax.map(transposed, nodes.word), nodes.bit, progress


@eqx.filter_jit
def bit_voltages(
    net: Net, word: Float[Array, "*inputs rows columns"], v_bit: Float[Array, " columns"]
) -> Float[Array, "*inputs rows columns"]:
    """Voltages of the bit lines at those of the word lines, by their tridiagonal equations [V]."""
    ratios = net.bit.ratios(net.bit.resistance * net.conductance)
    ends = end_sources(net.word, net.bit, jnp.zeros_like(net.word.first), v_bit).bit

    def one(x):
        return solve_lines(ratios, net.bit.resistance * (net.conductance * x + ends))[0]

    return lax.map(one, word.reshape(-1, *word.shape[-2:])).reshape(word.shape)
