"""A network in whole numbers: steps, chunks, blocks of neurons, rows of connections."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int

from ..circuit import Circuit
from ..errors import NetworkError
from .groups import Group, Neurons
from .projection import Projection, Receptor
from .weights import ConductanceOf, DriftWeights

State = dict[str, Any]
"""Arrays by name, and tables of them."""

BLOCK = 512
"""Neurons that advance together: their states stay in a core's cache, their steps are whole vectors."""

LONGEST = 256
"""Steps between two exchanges of spikes at most: arrivals of that many are laid out beforehand."""

TABLES_OF_DEVICES = ("edge", "post", "first_in", "edge_in")
"""Tables of connections whose weights are devices."""

_MOST_STEPS = 2.0**31
"""Steps of a delay, a width or a record: what counts them has 32 bits."""

_STEP_TOLERANCE = 1e-3
"""Share of a step by which a time may miss a multiple of it."""


@dataclass(frozen=True)
class Clock:
    """Time of a network.

    Parameters
    ----------
    dt : float
        Step [s].
    steps : int
        Steps between two exchanges of spikes.
    """

    dt: float
    steps: int

    @property
    def exchange(self) -> float:
        """Time between two exchanges [s]."""
        return self.dt * self.steps

    def check_steps(self, time: float, *, where: str) -> None:
        """Refuse a time that is no multiple of the step, see `clock`.

        Raises
        ------
        NetworkError
            With the step.
        """
        n = round(time / self.dt) if time < _MOST_STEPS * self.dt else 0
        if n < 1 or abs(time / self.dt - n) > _STEP_TOLERANCE:
            allowed = f"a multiple of dt = {self.dt:g} s, below {_MOST_STEPS * self.dt:g} s"
            raise NetworkError(f"{time:g} s", where=where, allowed=allowed)

    def exchanges(self, time: float, *, where: str) -> int:
        """A time as so many exchanges."""
        n = round(time / self.exchange) if time < _MOST_STEPS * self.exchange else 0
        if n < 1 or abs(time / self.exchange - n) * self.steps > _STEP_TOLERANCE:
            raise NetworkError(
                f"{time:g} s",
                where=where,
                allowed=f"a multiple of the exchange interval, {self.exchange:g} s",
                fix="change it, or say another exchange interval (in steps)",
            )
        return n


def record_steps(timing: Clock, every: float | None) -> int:
    """Steps from one record of states to the next; those between two exchanges by default.

    Raises
    ------
    NetworkError
        If it is no multiple of the step.
    """
    if every is None:
        return timing.steps
    n = round(every / timing.dt) if every < _MOST_STEPS * timing.dt else 0
    if not 1 <= n < 2**31 or abs(every / timing.dt - n) > _STEP_TOLERANCE:
        multiple = max(n, 1) * timing.dt
        raise NetworkError(
            f"every = {every:g} s",
            where="record",
            allowed=f"a multiple of dt = {timing.dt:g} s",
            fix=f"every = {multiple:g} s",
        )
    return n


def clock(dt: float, projections: Sequence[Projection], steps: int | None) -> Clock:
    """Steps between exchanges: the greatest number that all delays and widths are multiples of.

    Raises
    ------
    NetworkError
        If one is no multiple of the step.
    """
    if not (math.isfinite(dt) and dt > 0):
        raise NetworkError(f"dt = {dt!r} s", allowed="a finite number > 0 s")
    if steps is not None:
        if not 1 <= steps <= 4096:
            raise NetworkError(f"{steps} steps between exchanges", allowed="1 to 4096")
        return Clock(dt, steps)
    times = [(p.delay, f"delay of {p.where}") for p in projections if p.edges.delay is None]
    times += [(p.receptor.width, f"width of {p.where}") for p in projections if p.receptor.width]
    common = 0
    for time, where in times:
        Clock(dt, 1).check_steps(time, where=where)
        # Delays and widths have to be whole exchange intervals: the greatest common divisor of all.
        common = math.gcd(common, round(time / dt))
    free = [p.edges.delay.min() / dt for p in projections if p.edges.delay is not None]
    if common == 0:
        common = max(int(min([LONGEST, *free])), 1)
    # Delays of edges are taken to the nearest interval, which may not be longer than the shortest.
    limit = min([LONGEST, *free])
    candidates = range(1, min(common, int(limit)) + 1)
    return Clock(dt, max((d for d in candidates if common % d == 0), default=1))


@dataclass(frozen=True, eq=False)
class Rows:
    """Connections of one delay: those of source k are ``first[k]`` to ``first[k + 1]``, one table per shard.

    Tables are arrays of NumPy until an engine has put them on its devices, and then those there.

    Parameters
    ----------
    exchanges : int
        Their delay.
    first : Int[np.ndarray, "shards sources"]
        Where the rows begin.
    target : Int[np.ndarray, "shards edges"]
        Place of the target in a shard's arrivals, at the first step.
    weight : Float[np.ndarray, "shards edges"] or Float[np.ndarray, ""]
        Weights.
    longest : int
        Of a row.
    sign : float
        +1, or -1 for the end of a rectangular pulse.
    devices : ConductanceOf or DriftWeights, optional
        What the weights are; the fields below are theirs.
    edge : Int[np.ndarray, "shards edges"]
        Number of each among the projection's edges.
    post : Int[np.ndarray, "shards edges"]
        Number of the target in its shard, where devices are programmed.
    first_in, edge_in : Int[np.ndarray, "shards places"]
        The same by target: where its rows begin, and places in the rows by source.
    longest_in : int
        Of a row by target.
    """

    exchanges: int
    first: Int[Array | np.ndarray, "shards sources"]
    target: Int[Array | np.ndarray, "shards edges"]
    weight: Float[Array | np.ndarray, "..."]
    longest: int
    sign: float = 1.0
    devices: ConductanceOf | DriftWeights | None = None
    edge: Int[Array | np.ndarray, "shards edges"] | None = None
    post: Int[Array | np.ndarray, "shards edges"] | None = None
    first_in: Int[Array | np.ndarray, "shards places"] | None = None
    edge_in: Int[Array | np.ndarray, "shards edges"] | None = None
    longest_in: int = 0

    def outline(self) -> "Rows":
        """The same without its tables: what a program holds as constants."""
        none = np.zeros((0, 0), np.int32)
        absent = {n: none for n in TABLES_OF_DEVICES if getattr(self, n) is not None}
        devices, weight = self.devices, np.zeros((0,) * self.weight.ndim)
        if isinstance(devices, DriftWeights):
            devices = replace(devices, start=None)
        return replace(self, first=none, target=none, weight=weight, devices=devices, **absent)


@dataclass(frozen=True, eq=False)
class Layout:
    """A group of neurons in blocks: neuron k is lane k % block of block k // block.

    Parameters
    ----------
    group : Neurons
        The group.
    block, blocks : int
        Neurons of a block, and how many there are; those beyond the last neuron do nothing.
    receptors : tuple of Receptor
        Kinds of input that it has.
    """

    group: Neurons
    block: int
    blocks: int
    receptors: tuple[Receptor, ...]

    @property
    def size(self) -> int:
        """Neurons, and those that do nothing."""
        return self.block * self.blocks

    def lanes(self, x, dtype) -> np.ndarray:
        """A number per neuron in blocks; the last one's for those that do nothing."""
        x = np.broadcast_to(np.asarray(x), (self.group.n,))
        return (
            np.pad(x, (0, self.size - self.group.n), mode="edge")
            .reshape(self.blocks, -1)
            .astype(dtype)
        )

    def parameters(self, dtype) -> dict[str, Any]:
        """Parameters that differ, and the constant part of each driven source, in blocks."""
        tables = {"values": self.group.values, "bias": self.group.biases}
        return {
            k: {n: self.lanes(x, dtype) for n, x in table.items()} for k, table in tables.items()
        }

    def outline(self) -> "Layout":
        """The same without numbers of single neurons."""
        return replace(self, group=self.group.outline())


def check_receptor(receptor: Receptor, circuit: Circuit, *, where: str) -> None:
    """Refuse a driven source that a circuit does not have, and a reversal voltage at a voltage source.

    Raises
    ------
    NetworkError
        With what is allowed.
    """
    ports, port = circuit.ports, receptor.port
    if port is not None and port not in ports:
        allowed = ", ".join(ports)
        raise NetworkError(f"no driven source {port!r}", where=where, allowed=allowed)
    quantity = circuit.quantities[ports.index(port or ports[0])]
    if receptor.reversal is not None and quantity != "current":
        raise NetworkError(
            f"a reversal voltage at a {quantity} source",
            where=where,
            allowed="a current source, whose node has a voltage of its own",
        )


def layout(group: Neurons, projections: Sequence[Projection], shards: int) -> Layout:
    """How a group lies in memory; the block does not depend on the number of shards."""
    # 16 numbers of 32 bits fill the widest vectors of a processor.
    block = min(BLOCK, -(-group.n // 16) * 16)
    blocks = -(-group.n // block)
    kinds = dict.fromkeys(_kind(p.receptor) for p in projections if p.post == group.name)
    for r in kinds:
        check_receptor(r, group.circuit, where=f"group {group.name!r}")
    return Layout(group, block, -(-blocks // shards) * shards, tuple(kinds))


def _kind(r: Receptor) -> Receptor:
    """What projections have to have in common to share their sum: rectangular pulses of all widths add up."""
    return r if r.width is None else Receptor(width=1.0, port=r.port, reversal=r.reversal)


def place(receptor: Receptor, target: Layout) -> int:
    """Number of a projection's receptor among those of its target."""
    return target.receptors.index(_kind(receptor))


def rows(
    p: Projection, n_pre: int, target: Layout, timing: Clock, *, shards: int, dtype
) -> list[Rows]:
    """Connections of a projection by delay, ordered by source."""
    pre, post = (np.asarray(x) for x in (p.edges.pre, p.edges.post))
    for x, n, group in ((pre, n_pre, p.pre), (post, target.group.n, p.post)):
        if len(x) and not (x.min() >= 0 and x.max() < n):
            raise NetworkError(
                f"member {x.min()} to {x.max()} of {group!r}",
                where=p.where,
                allowed=f"0 to {n - 1}",
            )
    devices = p.weight if isinstance(p.weight, ConductanceOf | DriftWeights) else None
    weight = np.asarray(0.0 if devices is not None else p.weight, dtype)
    if p.edges.delay is None:
        delays = np.array([timing.exchanges(p.delay, where=f"delay of {p.where}")])
        number = None
    else:
        delay_steps = np.maximum(np.rint(np.asarray(p.edges.delay) / timing.exchange), 1).astype(
            np.int32
        )
        delays, number = np.unique(delay_steps, return_inverse=True)
    parts = []
    for k, delay in enumerate(delays):
        edges = slice(None) if number is None else np.flatnonzero(number == k)
        w = weight if weight.ndim == 0 else weight[edges]
        tables = _by_source(pre[edges], post[edges], w, n_pre, target, timing, shards)
        device_tables = (
            _device_tables(devices, tables, np.arange(len(pre))[edges])
            if devices is not None
            else {}
        )
        parts.append(
            Rows(exchanges=int(delay), **_delivery_tables(tables, target, timing), **device_tables)
        )
        if p.receptor.width is not None:
            # A rectangular pulse is two steps: + w when it arrives, - w when its width is over.
            later = timing.exchanges(p.receptor.width, where=f"width of {p.where}")
            parts.append(replace(parts[-1], exchanges=int(delay) + later, sign=-1.0))
    return parts


@dataclass(frozen=True, eq=False)
class _Table:
    """Connections to the neurons of one shard, by source: their order, where rows begin, targets, weights."""

    order: Int[Array | np.ndarray, " edges"]
    first: Int[Array | np.ndarray, " sources"]
    post: Int[Array | np.ndarray, " edges"]
    weight: Float[Array | np.ndarray, "..."]
    size: int


def _by_source(
    pre, post, weight, n_pre: int, target: Layout, timing: Clock, shards: int
) -> list[_Table]:
    """One table per shard."""
    rows = target.blocks // shards * target.block
    tables = []
    for s in range(shards):
        local = np.flatnonzero((post >= s * rows) & (post < (s + 1) * rows)) if shards > 1 else None
        a, b = (x if local is None else x[local] for x in (pre, post))
        # Edges of one source side by side; a stable order makes sums of float32 reproducible.
        order = np.argsort(a, kind="stable")
        first = np.zeros(n_pre + 1, np.int64)
        np.cumsum(np.bincount(a, minlength=n_pre), out=first[1:])
        w = weight if weight.ndim == 0 else (weight if local is None else weight[local])[order]
        edge_order = order if local is None else local[order]
        tables.append(_Table(edge_order, first, b[order] - s * rows, w, rows))
    largest = max(len(t.post) for t in tables)
    if largest >= 2**31 or target.size * timing.steps >= 2**31:
        raise NetworkError(
            f"{largest} connections, {target.size * timing.steps} arrivals of {target.group.name!r} on one device",
            allowed="fewer than 2^31",
            fix="fewer steps between exchanges, or more devices",
        )
    return tables


def _stack(parts: Sequence[Array | np.ndarray]) -> np.ndarray:
    """Tables of all shards, padded to equal lengths."""
    length = max(len(x) for x in parts)
    return np.stack([np.pad(x, (0, length - len(x))) for x in parts])


def _longest(firsts: Sequence[Array | np.ndarray]) -> int:
    """Of all rows."""
    return max(int(np.max(np.diff(x), initial=0)) for x in firsts)


def _delivery_tables(tables: list[_Table], target: Layout, timing: Clock) -> dict[str, Any]:
    """What delivery needs of each shard."""

    def place(b):
        return b // target.block * timing.steps * target.block + b % target.block

    scalar = tables[0].weight.ndim == 0
    return {
        "first": np.stack([t.first for t in tables]).astype(np.int32),
        "target": _stack([place(t.post).astype(np.int32) for t in tables]),
        "weight": tables[0].weight if scalar else _stack([t.weight for t in tables]),
        "longest": _longest([t.first for t in tables]),
    }


def _device_tables(devices: Any, tables: list[_Table], number: np.ndarray) -> dict[str, Any]:
    """What weights that are devices need beyond that."""
    arrays = {
        "devices": devices,
        "edge": _stack([number[t.order].astype(np.int32) for t in tables]),
    }
    if isinstance(devices, DriftWeights):
        counts = [np.bincount(t.post, minlength=t.size) for t in tables]
        first = [np.concatenate([[0], np.cumsum(c)]) for c in counts]
        order = [np.argsort(t.post, kind="stable").astype(np.int32) for t in tables]
        arrays |= {"first_in": np.stack(first).astype(np.int32), "edge_in": _stack(order)}
        arrays |= {"post": _stack([t.post.astype(np.int32) for t in tables])}
        arrays |= {"longest_in": _longest(first)}
    return arrays


@dataclass(frozen=True, eq=False)
class Plan:
    """A network in whole numbers: clock, groups, layouts and tables of connections.

    Parameters
    ----------
    clock : Clock
        Steps and exchanges.
    groups : dict of str to Group
        The groups by name.
    layouts : dict of str to Layout
        Those of neurons.
    rows : list of tuple of (str, str, int, Rows)
        Source, target, receptor and connections.
    names : list of str
        Projection of each of them.
    shards : int
        Devices.
    """

    clock: Clock
    groups: dict[str, Group]
    layouts: dict[str, Layout]
    rows: list[tuple[str, str, int, Rows]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    shards: int = 1

    def outline(self) -> "Plan":
        """The same without tables and numbers of single members: what a program holds as constants."""
        layouts = {n: x.outline() for n, x in self.layouts.items()}
        groups = {
            n: layouts[n].group if n in layouts else g.outline() for n, g in self.groups.items()
        }
        rows = [(pre, post, receptor, r.outline()) for pre, post, receptor, r in self.rows]
        return replace(self, groups=groups, layouts=layouts, rows=rows)

    def memory(self, name: str) -> int:
        """Exchanges for which spikes of a group are kept."""
        return max([r.exchanges for pre, _, _, r in self.rows if pre == name], default=0) + 1


def check_circuits(p: Projection, groups: Mapping[str, Group]) -> None:
    """Refuse weights that are no devices of one circuit per edge.

    Raises
    ------
    NetworkError
        With what is allowed.
    """
    circuits = groups.get(p.weight.group)
    if not isinstance(circuits, Neurons) or circuits.n != len(p.edges):
        raise NetworkError(
            f"no group {p.weight.group!r} of {len(p.edges)} circuits",
            where=f"weight of {p.where}",
            allowed="a group of neurons with one circuit per edge",
        )
    if p.weight.element not in circuits.circuit.devices:
        raise NetworkError(
            f"no device {p.weight.element!r}",
            where=f"weight of {p.where}",
            allowed=", ".join(circuits.circuit.devices),
        )


def groups_by_name(groups: Sequence[Group], projections: Sequence[Projection]) -> dict[str, Group]:
    """Groups by name, if names are unique and projections lead from a group to neurons.

    Raises
    ------
    NetworkError
        Names what does not fit.
    """
    names = [g.name for g in groups]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise NetworkError(f"groups {', '.join(twice)} twice", allowed="one group of each name")
    for p in projections:
        for end in (p.pre, p.post):
            if end not in names:
                raise NetworkError(f"no group {end!r}", where=p.where, allowed=", ".join(names))
    by_name = dict(zip(names, groups, strict=True))
    for p in projections:
        if not isinstance(by_name[p.post], Neurons):
            raise NetworkError(
                f"{p.post!r} is a source", where=p.where, allowed="neurons as target"
            )
        if isinstance(p.weight, ConductanceOf):
            check_circuits(p, by_name)
    return by_name


def plan(
    groups: Sequence[Group],
    projections: Sequence[Projection],
    *,
    dt: float,
    steps: int | None,
    shards: int,
    dtype,
) -> Plan:
    """A network in whole numbers.

    Raises
    ------
    NetworkError
        Names what does not fit.
    """
    by_name = groups_by_name(groups, projections)
    timing = clock(dt, projections, steps)
    layouts = {g.name: layout(g, projections, shards) for g in groups if isinstance(g, Neurons)}
    connections, names = [], []
    for p in projections:
        target = layouts[p.post]
        tables = rows(p, by_name[p.pre].n, target, timing, shards=shards, dtype=dtype)
        connections += [(p.pre, p.post, place(p.receptor, target), r) for r in tables]
        names += [p.name] * len(tables)
    return Plan(timing, by_name, layouts, connections, names, shards)
