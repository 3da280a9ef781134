"""Newton's method around the linear solve: node voltages of an array whose cells are not ohmic."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from .cells import Cells
from .lines import Lines
from .net import Net, Nodes, Progress, wire_currents
from .nodes import solve_nodes

_STEPS = 100
"""Steps of Newton's method at most: a steep exponential law takes about one for each e-fold of its current."""

_HALVINGS = 30
"""Of a step that makes the currents balance worse."""

_CHANGE = {"float64": 1e-8, "float32": 1e-4}
"""Last change over the largest voltage: convergence is quadratic, and one more step follows."""


class _State(NamedTuple):
    """Where the search is: voltages, those of the devices, imbalance, last change, steps, iterations."""

    nodes: Nodes
    inner: Float[Array, "rows columns"]
    imbalance: Float[Array, ""]
    change: Float[Array, ""]
    steps: Int[Array, ""]
    iterations: Int[Array, ""]


class Balance(NamedTuple):
    """Node voltages at which currents through cells and wires balance.

    Parameters
    ----------
    nodes : Nodes
        The voltages [V].
    current : Float[Array, "*inputs rows columns"]
        Through the cells [A].
    inner : Float[Array, "*inputs rows columns"]
        Voltages across the devices, without their selectors [V].
    progress : Progress
        Of the last linear solve, with the iterations of all.
    steps : Int[Array, "*inputs"]
        Of Newton's method.
    converged : Bool[Array, "*inputs"]
        Whether the iterations sufficed.
    """

    nodes: Nodes
    current: Float[Array, "*inputs rows columns"]
    inner: Float[Array, "*inputs rows columns"]
    progress: Progress
    steps: Int[Array, "*inputs"]
    converged: Bool[Array, "*inputs"]


def _square(x: Array) -> Array:
    """Sum of squares."""
    return jnp.sum(x**2)


def _solve(net: Net, sources: Nodes, most: int) -> tuple[Nodes, Progress]:
    """`solve_nodes` of one input."""
    batch = solve_nodes(net, jax.tree.map(lambda x: x[None], sources), most=most)
    return jax.tree.map(lambda x: x[0], batch)


def balance(
    word: Lines,
    bit: Lines,
    cells: Cells,
    sources: Nodes,
    *,
    start: Nodes,
    scale: Float[Array, ""],
    most: int,
) -> Balance:
    """Voltages at which the currents of an array of nonlinear cells balance.

    Parameters
    ----------
    word, bit : Lines
        The wires.
    cells : Cells
        Laws whose currents rise with the voltage.
    sources : Nodes
        Currents [A] into the nodes.
    start : Nodes
        Voltages [V] to begin with.
    scale : Float[Array, ""]
        Largest voltage of what drives [V], beside which a change counts.
    most : int
        See `solve_nodes`.

    Notes
    -----
    The last step is taken where the others ended, held constant, and is the only one that derivatives see. With
    G the slopes of the laws and v the voltages that the search ended at, it solves (L + G) x = s - I(v) + G v. At x = v
    the derivative of G cancels, and what is left is the implicit function theorem.
    """
    frozen = lax.stop_gradient((word, bit, cells, sources, start, scale))
    end = _search(*frozen, most)
    end = lax.stop_gradient(end)
    v = end.nodes.word.T - end.nodes.bit
    point = cells.at(v, end.inner)
    offset = point.current - point.conductance * v
    shifted = Nodes(sources.word - offset.T, sources.bit + offset)
    nodes, progress = _solve(Net(point.conductance, word, bit), shifted, most)
    across = nodes.word.T - nodes.bit
    current = point.conductance * across + offset
    inner = end.inner + point.share * (across - v) + point.shift
    progress = progress._replace(iterations=progress.iterations + end.iterations)
    converged = end.change <= _CHANGE[v.dtype.name] * scale
    return Balance(nodes, current, inner, progress, end.steps, converged)


def _search(
    word: Lines,
    bit: Lines,
    cells: Cells,
    sources: Nodes,
    start: Nodes,
    scale: Float[Array, ""],
    most: int,
) -> _State:
    """Newton's steps, halved while the currents balance worse."""

    def cell_voltage(nodes):
        return nodes.word.T - nodes.bit

    def leaving(nodes, current):
        wires = wire_currents(word, bit, nodes)
        return Nodes(wires.word + current.T - sources.word, wires.bit - current - sources.bit)

    def imbalance_of(nodes, inner):
        point = cells.at(cell_voltage(nodes), inner)
        missing = leaving(nodes, point.device)
        return sum(map(_square, missing), _square(point.mismatch))

    def moved(s, step, point, length):
        nodes = jax.tree.map(lambda x, dx: x + length * dx, s.nodes, step)
        change = point.share * cell_voltage(step) + point.shift
        return nodes, s.inner + length * change, change

    def advance(s):
        point = cells.at(cell_voltage(s.nodes), s.inner)
        wanted = jax.tree.map(jnp.negative, leaving(s.nodes, point.current))
        step, progress = _solve(Net(point.conductance, word, bit), wanted, most)

        def worse(trial):
            length, count = trial
            nodes, inner, _ = moved(s, step, point, length)
            # A sum that is not finite is no improvement.
            return ~(imbalance_of(nodes, inner) <= s.imbalance) & (count < _HALVINGS)

        one = jnp.ones((), scale.dtype)
        length, _ = lax.while_loop(worse, lambda x: (x[0] / 2, x[1] + 1), (one, 0))
        nodes, inner, change = moved(s, step, point, length)
        largest = jnp.max(jnp.stack([jnp.max(jnp.abs(x)) for x in (*step, change)]))
        return _State(
            nodes, inner, imbalance_of(nodes, inner), largest, s.steps + 1,
            s.iterations + progress.iterations,
        )  # fmt: skip

    v = cell_voltage(start)
    inner = v if cells.selector is None else v / 2
    zero = jnp.zeros((), int)
    first = _State(
        start, inner, imbalance_of(start, inner), jnp.full_like(scale, jnp.inf), zero, zero
    )
    tolerance = _CHANGE[scale.dtype.name]
    return lax.while_loop(
        lambda s: (s.change > tolerance * scale) & (s.steps < _STEPS), advance, first
    )
