"""What is connected to what: nodes, voltages that sources fix, and the errors of a netlist."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..device import AbstractDevice, AbstractTwoTerminal, Parallel, Series
from ..errors import CircuitError
from .elements import AbstractElement, AbstractSource, Capacitor, VoltageSource

GROUND = ("0", "gnd")
"""Names of the node that has 0 V."""

Line = tuple
"""Name of an element, the element, and its nodes."""

Offset = tuple[tuple[float, int], ...]
"""A voltage as a sum of source voltages: signs, and numbers of elements."""


@dataclass(frozen=True)
class Topology:
    """Everything about a netlist that does not depend on values.

    Parameters
    ----------
    nodes : tuple of tuple of int
        Number of the node of each terminal of each element; 0 is ground.
    names : tuple of str
        Names of the nodes, the first being ground.
    group : tuple of int
        For each node the free voltage that it follows, -1 where sources fix it.
    offset : tuple
        For each node its voltage above that free voltage, or above ground.
    free : tuple of str
        Name of the node whose voltage is each free one.
    fed_nodes : tuple of tuple of int, or None
        For each voltage source the nodes whose current flows through it; None for other elements.
    stray : tuple of int
        Nodes that need a parasitic capacitance: without one they would have none.
    """

    nodes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    group: tuple[int, ...]
    offset: tuple[Offset, ...]
    free: tuple[str, ...]
    fed_nodes: tuple[tuple[int, ...] | None, ...]
    stray: tuple[int, ...]


def lines(netlist: Mapping | Sequence) -> list[Line]:
    """Lines (name, element, node, ...) of a netlist, branches taken apart.

    Raises
    ------
    CircuitError
        For a line that is none, a name that stands twice, or a wrong number of nodes.
    """
    if not isinstance(netlist, Mapping | Sequence):
        raise CircuitError(
            f"a {type(netlist).__name__} in place of a netlist",
            allowed='lines [("in", mj.VoltageSource(), "a", "0"), ...]',
        )
    items = (
        [(n, *entry) for n, entry in netlist.items()] if isinstance(netlist, Mapping) else netlist
    )
    entries: list[Line] = []
    for line in items:
        _check_line(line)
        name, part, *nodes = line
        branch = isinstance(part, Series | Parallel)
        entries += branch_lines(f"{name}.", part, *nodes) if branch else [tuple(line)]
    twice = {n for n, *_ in entries if [m for m, *_ in entries].count(n) > 1}
    if twice:
        raise CircuitError(
            f"{', '.join(sorted(map(repr, twice)))} twice",
            where="netlist",
            allowed="a name per element",
        )
    return entries


def _check_line(line) -> None:
    """Raise where a line is not (name, element, node, ...)."""
    shape = "(name, element, node, ...)"
    if not isinstance(line, tuple | list) or len(line) < 3 or not isinstance(line[0], str):
        raise CircuitError(f"line {line!r}", where="netlist", allowed=shape)
    name, part, *nodes = line
    if not isinstance(part, AbstractElement | AbstractTwoTerminal):
        allowed = "a device, an element of memjax.circuit, or a branch of them"
        raise CircuitError(f"{type(part).__name__} as {name!r}", where="netlist", allowed=allowed)
    terminals = part.terminals if isinstance(part, AbstractElement) else ("p", "n")
    if len(nodes) != len(terminals) or not all(isinstance(n, str) and n for n in nodes):
        raise CircuitError(
            f"{name!r} between {nodes!r}",
            where="netlist",
            allowed=f"names of {len(terminals)} nodes: {', '.join(terminals)}",
        )


def branch_lines(prefix: str, part, p: str, n: str) -> Iterator[Line]:
    """Lines of a branch: its elements by what they are called, its inner nodes by numbers."""
    count: dict[str, int] = {}
    inner = iter(range(1, 1000))

    def walk(part, p, n):
        if isinstance(part, Parallel):
            for element in part.parts:
                yield from walk(element, p, n)
            return
        if isinstance(part, Series):
            chain = [p, *(f"{prefix}{next(inner)}" for _ in part.parts[1:]), n]
            for element, a, b in zip(part.parts, chain[:-1], chain[1:]):
                yield from walk(element, a, b)
            return
        kind = part.name
        count[kind] = count.get(kind, 0) + 1
        yield (prefix + kind + (f"_{count[kind]}" if count[kind] > 1 else ""), part, p, n)

    return walk(part, p, n)


def kind_of(part: AbstractElement | AbstractDevice) -> str:
    """Return the kind of a part in the topology."""
    if isinstance(part, VoltageSource):
        return "voltage"
    if isinstance(part, AbstractSource):
        return "current"
    return "capacitor" if isinstance(part, Capacitor) else "other"


@functools.lru_cache(maxsize=256)
def topology(
    names: tuple[str, ...], kinds: tuple[str, ...], nets: tuple[tuple[str, ...], ...]
) -> Topology:
    """Topology of a netlist.

    Parameters
    ----------
    names : tuple of str
        Names of the elements.
    kinds : tuple of str
        What each is, see `kind_of`.
    nets : tuple of tuple of str
        The nodes of each.

    Raises
    ------
    CircuitError
        For a netlist without ground, a floating node, or voltage sources in a loop.
    """
    plain = [["0" if n in GROUND else n for n in net] for net in nets]
    labels = list(dict.fromkeys(n for net in plain for n in net))
    if "0" not in labels:
        raise CircuitError(
            "no ground", where="netlist", allowed=f"a node {' or '.join(map(repr, GROUND))}"
        )
    labels = ["0", *(n for n in labels if n != "0")]
    nodes = tuple(tuple(labels.index(n) for n in net) for net in plain)
    _check_floating(names, labels, nodes)
    parent, sign, source = _sources(names, kinds, nodes, len(labels))
    roots, offset = zip(*(_above_root(k, parent, sign, source) for k in range(len(labels))))
    heads = [k for k in range(1, len(labels)) if roots[k] == k]
    group = tuple(-1 if r == 0 else heads.index(r) for r in roots)
    fed_nodes = tuple(
        _fed_nodes(e, source, parent, len(labels)) if k == "voltage" else None
        for e, k in enumerate(kinds)
    )
    free = tuple(labels[k] for k in heads)
    stray = _stray(kinds, nodes, roots, heads)
    return Topology(nodes, tuple(labels), group, tuple(offset), free, fed_nodes, stray)


def _check_floating(names, labels, nodes) -> None:
    """Raise where a node has one terminal only, or no way to ground."""
    for k, label in enumerate(labels[1:], 1):
        owners = [n for n, net in zip(names, nodes) if k in net]
        if sum(net.count(k) for net in nodes) < 2:
            raise CircuitError(
                f"floating node {label!r}: only {owners[0]!r} is connected to it",
                where="netlist",
                allowed="nodes with two terminals or more",
                fix="is it a misspelt name? A node that is only looked at needs a Capacitor to ground",
            )
    floating = set(range(len(labels))) - set(_reach(0, nodes))
    if floating:
        raise CircuitError(
            f"floating nodes {', '.join(repr(labels[k]) for k in sorted(floating))}",
            where="netlist",
            allowed="nodes with a way to ground",
        )


def _reach(start: int, nets) -> list[int]:
    """Nodes connected to one by any elements."""
    component, todo = {start}, [start]
    while todo:
        node = todo.pop()
        new = {k for net in nets if node in net for k in net} - component
        component |= new
        todo += new
    return sorted(component)


def _sources(names, kinds, nodes, count: int):
    """Forest of the voltage sources: for each node its parent, the sign and the number of the source."""
    edges = {e: nodes[e] for e, k in enumerate(kinds) if k == "voltage"}
    parent, sign, source = [-1] * count, [0.0] * count, [-1] * count
    in_forest: set[int] = set()
    for root in range(count):  # ground first
        if root in in_forest:
            continue
        todo = [root]
        in_forest.add(root)
        while todo:
            node = todo.pop()
            for e, (p, n) in edges.items():
                if e == source[node] or node not in (p, n):
                    continue
                neighbour = n if node == p else p
                # Two ways over ideal sources between two nodes: their voltages would contradict each other.
                if neighbour in in_forest:
                    raise CircuitError(
                        f"voltage source {names[e]!r} closes a loop of voltage sources",
                        where="netlist",
                        fix="put a resistance in series",
                    )
                in_forest.add(neighbour)
                parent[neighbour], source[neighbour] = node, e
                sign[neighbour] = 1.0 if neighbour == p else -1.0
                todo.append(neighbour)
    return parent, sign, source


def _above_root(k: int, parent, sign, source) -> tuple[int, Offset]:
    """Root of the tree of sources that a node is in, and its voltage above it."""
    terms = []
    while parent[k] >= 0:
        terms.append((sign[k], source[k]))
        k = parent[k]
    return k, tuple(terms)


def _fed_nodes(e: int, source, parent, count: int) -> tuple[int, ...]:
    """Nodes that are beyond a source, seen from its root."""

    def is_fed(k: int) -> bool:
        while k >= 0 and source[k] != e:
            k = parent[k]
        return k >= 0

    return tuple(k for k in range(count) if is_fed(k))


def _stray(kinds, nodes, roots, heads) -> tuple[int, ...]:
    """Heads whose capacitors, all together, hold on to nothing that is fixed."""
    nets = [tuple(roots[k] for k in net) for net, kind in zip(nodes, kinds) if kind == "capacitor"]
    # A head that no chain of capacitors ties to a fixed node would make the capacitance matrix singular.
    fixed = set(_reach(0, nets))
    return tuple(k for k in heads if k not in fixed)
