"""Node voltages of an array of ohmic cells between real wires."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from .batch_kernel import BatchKernel, solve_batch, solve_ends
from .equations import Equations, equations_of, solve_one
from .lines import transposed
from .net import Net, Nodes, Progress, end_sources, node_currents


def solve_nodes(
    net: Net, sources: Nodes, *, most: int, kernel: BatchKernel | None = None
) -> tuple[Nodes, Progress]:
    """Voltages at which all currents balance.

    Parameters
    ----------
    net : Net
        The array.
    sources : Nodes
        Currents [A] into the nodes, of several inputs.
    most : int
        Iterations after which the sparse equations are solved directly.
    kernel : BatchKernel, optional
        What solves for many inputs side by side; without it XLA solves for one after the other.

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
    conductances alone is computed once for all inputs. By XLA these are solved one after the other: the arrays of one
    stay in the cache. Derivatives in both modes are one more solve of the same symmetric equations.
    """
    constant = lax.stop_gradient(net)
    if kernel is None:
        solve_all = partial(_solve_in_turn, equations_of(constant), most)
    else:
        solve_all = partial(solve_batch, kernel, constant, most)
    return lax.custom_linear_solve(
        jax.vmap(partial(node_currents, net)),
        sources,
        lambda _, currents: solve_all(currents),
        symmetric=True,
        has_aux=True,
    )


def _solve_in_turn(equations: Equations, most: int, sources: Nodes) -> tuple[Nodes, Progress]:
    """Inputs one after the other."""
    return lax.map(partial(solve_one, equations, most), sources)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _voltages_by_kernel(
    kernel: BatchKernel, most: int, net: Net, v: Array, v_bit: Array
) -> tuple[Array, Array, Progress]:
    """Voltages of word lines and bit lines by rows and columns."""
    return solve_ends(kernel, net, most, v, v_bit)


@_voltages_by_kernel.defjvp
def _tangent_by_kernel(kernel, most, primals, tangents):
    """One more solve, for the currents that the change of net and ends leaves unbalanced."""
    word, bit, progress = _voltages_by_kernel(kernel, most, *primals)
    nodes = Nodes(jnp.swapaxes(word, -1, -2), bit)

    def unbalanced(net, v, v_bit):
        sources = jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)
        leaving = jax.vmap(partial(node_currents, net))(nodes)
        return jax.tree.map(jnp.subtract, sources, leaving)

    _, currents = jax.jvp(unbalanced, primals, tangents)
    change, _ = solve_nodes(primals[0], currents, most=most, kernel=kernel)
    return (word, bit, progress), (
        jnp.swapaxes(change.word, -1, -2),
        change.bit,
        _no_tangent(progress),
    )


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
    kernel: BatchKernel | None = None,
) -> tuple[Float[Array, "inputs rows columns"], Float[Array, "inputs rows columns"], Progress]:
    """Voltages of all word lines and of all bit lines where voltages drive their ends; see `solve_nodes`."""
    if kernel is not None:
        return _voltages_by_kernel(kernel, most, net, v, v_bit)
    sources = jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)
    nodes, progress = solve_nodes(net, sources, most=most)
    return lax.map(transposed, nodes.word), nodes.bit, progress
