"""Node voltages of an array of ohmic cells between real wires."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from .batch_kernel import (
    BatchKernel,
    Handed,
    Products,
    Solved,
    products_of,
    solve_ends,
    solve_sources,
)
from .equations import equations_of, solve_one
from .lines import solve_lines, transposed
from .net import Net, Nodes, Progress, end_currents, end_sources, node_currents


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
    kernel: BatchKernel, most: int, handed: Handed, net: Net, v: Array, v_bit: Array
) -> Solved:
    """Voltages of so many of the last rows of word lines and bit lines."""
    return solve_ends(kernel, net, most, handed, v, v_bit)


def _by_rows(nodes: Nodes) -> tuple[Array, Array]:
    """Numbers of the nodes of word lines and of bit lines by rows and columns."""
    return jnp.swapaxes(nodes.word, -1, -2), nodes.bit


def _leaving(net: Net, word: Array, bit: Array) -> tuple[Array, Array]:
    """`node_currents` of all inputs, by rows and columns."""
    nodes = Nodes(jnp.swapaxes(word, -1, -2), bit)
    return _by_rows(jax.vmap(partial(node_currents, net))(nodes))


@partial(_solve_by_kernel.defjvp, symbolic_zeros=True)
def _tangent_by_kernel(kernel, most, handed, primals, tangents):
    """One more solve, for the currents that the change of net and ends leaves unbalanced.

    The equations have the changes themselves as further unknowns, which are known: so the transposed solve may give
    the derivatives in the place of the voltages that they are products of.
    """
    net, rows = lax.stop_gradient(primals[0]), len(primals[0].conductance)
    word, bit, progress = _solve_by_kernel(kernel, most, Handed(rows, rows), *primals)
    moves = jax.tree.map(lambda x: not isinstance(x, SymbolicZero), tangents)
    (here, still), change = eqx.partition(primals, moves), eqx.filter(tangents, moves)

    def unbalanced(moved):
        net, v, v_bit = eqx.combine(moved, still)
        sources = jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)
        return jax.tree.map(jnp.subtract, _by_rows(sources), _leaving(net, word, bit))

    def currents_of(change):
        return jax.jvp(unbalanced, (here,), (change,))[1]

    def equations(unknowns):
        voltages, change = unknowns
        left = _leaving(primals[0], *voltages)
        return jax.tree.map(jnp.subtract, left, currents_of(change)), change

    def voltages_at(currents):
        return solve_sources(kernel, net, most, handed.bits, *currents)[:2]

    def solve(_, right):
        currents, change = right
        return voltages_at(jax.tree.map(jnp.add, currents, currents_of(change))), change

    def solve_transposed(_, right):
        currents, slopes = right
        voltages = voltages_at(currents)  # XLA leaves this out where nothing takes it
        if any(jax.tree.leaves(moves[0][1:])):
            (more,) = jax.vjp(unbalanced, here)[1](voltages)
        else:
            products = products_of(kernel, net, most, handed.bits, currents, (word, bit))

            def power_at(moved):
                net, v, v_bit = eqx.combine(moved, still)
                return _power(net, v, v_bit, products)

            more = jax.grad(power_at)(here)
        return voltages, jax.tree.map(jnp.add, slopes, more)

    # No current, but as JAX wants it: made of something that changes.
    none = jnp.zeros_like(word) + jnp.sum(jnp.ravel(jax.tree.leaves(change)[0])[:0])
    voltages, _ = lax.custom_linear_solve(
        equations, ((none, none), change), solve, solve_transposed
    )
    word, bit, *voltages = (
        x[:, rows - count :] for x, count in zip((word, bit, *voltages), 2 * handed)
    )
    return (word, bit, progress), (*voltages, _no_tangent(progress))


def _power(net: Net, v: Array, v_bit: Array, products: Products) -> Array:
    """Power whose change by cells and by what drives them is the derivative; wires do not change [W]."""
    word = jax.vmap(partial(end_currents, net.word))(v)
    bit = jnp.stack(end_currents(net.bit, v_bit)) * jnp.sum(products.bit_ends, axis=0)
    ends = jnp.sum(jnp.stack(word, axis=1) * products.word_ends) + jnp.sum(bit)
    return ends - jnp.sum(net.conductance * products.cells)


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
    handed: Handed,
    kernel: BatchKernel | None = None,
) -> Solved:
    """Voltages where voltages drive the ends of lines; see `solve_nodes`.

    The kernel solves for many inputs side by side, and hands back the rows that are wanted. XLA gives all of them.
    """
    if kernel is not None:
        return _solve_by_kernel(kernel, most, handed, net, v, v_bit)
    sources = jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)
    nodes, progress = solve_nodes(net, sources, most=most)
    return lax.map(transposed, nodes.word), nodes.bit, progress


@eqx.filter_jit
def word_voltages(
    net: Net,
    v: Float[Array, "inputs rows"],
    v_bit: Float[Array, " columns"],
    most: int,
    kernel: BatchKernel | None,
) -> Float[Array, "inputs rows columns"]:
    """Voltages of all nodes of the word lines [V]."""
    handed = Handed(len(net.conductance), 1)
    return solve_driven(net, v, v_bit, most=most, handed=handed, kernel=kernel)[0]


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
