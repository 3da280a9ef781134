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

_ALIGNED = 4
"""Exchanges in place of one that are made so that all spikes arrive at the first step of an interval, at most."""

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

    def count_steps(self, time: float, *, where: str) -> int:
        """A time as so many steps, see `clock`.

        Raises
        ------
        NetworkError
            For one that is no multiple of the step, with the step.
        """
        n = round(time / self.dt) if time < _MOST_STEPS * self.dt else 0
        if n < 1 or abs(time / self.dt - n) > _STEP_TOLERANCE:
            allowed = f"a multiple of dt = {self.dt:g} s, below {_MOST_STEPS * self.dt:g} s"
            raise NetworkError(f"{time:g} s", where=where, allowed=allowed)
        return n

    def check_delay(self, time: float, *, where: str) -> None:
        """Refuse a delay that is no multiple of the step, or shorter than the exchange interval.

        Raises
        ------
        NetworkError
            With what is allowed.
        """
        if self.count_steps(time, where=where) < self.steps:
            raise NetworkError(
                f"{time:g} s",
                where=where,
                allowed=f"at least the exchange interval, {self.exchange:g} s",
                fix="a longer delay, or another exchange interval (in steps)",
            )

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
    """Steps between exchanges: no more than the shortest delay has; a number that all times of whole projections are
    multiples of, where one of that size is.

    Raises
    ------
    NetworkError
        If a time of a whole projection is no multiple of the step, or a delay is shorter than the steps that are given.
    """
    if not (math.isfinite(dt) and dt > 0):
        raise NetworkError(f"dt = {dt!r} s", allowed="a finite number > 0 s")
    if steps is not None and not 1 <= steps <= 4096:
        raise NetworkError(f"{steps} steps between exchanges", allowed="1 to 4096")
    one, shortest, common = Clock(dt, 1), LONGEST, 0
    for p in projections:
        delay, where = _shortest_delay(p, one), f"delay of {p.where}"
        if steps is not None:
            Clock(dt, steps).check_delay(delay * dt, where=where)
        shortest = min(shortest, delay)
        common = math.gcd(common, delay if p.edges.delay is None else 0)
        if p.receptor.width is not None:
            common = math.gcd(
                common, one.count_steps(p.receptor.width, where=f"width of {p.where}")
            )
    if steps is not None:
        return Clock(dt, steps)
    aligned = max(n for n in range(1, shortest + 1) if common % n == 0)
    # Spikes may arrive at any step of an interval. Where all arrive at its first they are visited once and not twice,
    # which is worth no more exchanges than this.
    return Clock(dt, aligned if _ALIGNED * aligned >= shortest else shortest)


def _shortest_delay(p: Projection, timing: Clock) -> int:
    """Return the shortest delay of a projection in steps.

    Raises
    ------
    NetworkError
        If the delay of all edges is no multiple of the step, or that of one is longer than what counts steps holds.
    """
    where, delay = f"delay of {p.where}", p.edges.delay
    if delay is not None and not len(delay):
        return LONGEST  # of no edges
    if delay is None:
        return timing.count_steps(p.delay, where=where)
    if not np.max(delay) < _MOST_STEPS * timing.dt:
        allowed = f"below {_MOST_STEPS * timing.dt:g} s"
        raise NetworkError(f"{np.max(delay):g} s", where=where, allowed=allowed)
    return int(_nearest_steps(np.min(delay), timing))


def _nearest_steps(delay: Any, timing: Clock) -> Int[np.ndarray, "..."]:
    """Delays of edges in steps, at least one."""
    return np.asarray(np.maximum(np.rint(np.asarray(delay, float) / timing.dt), 1), np.int64)


def edge_delays(p: Projection, timing: Clock) -> Int[np.ndarray, "..."]:
    """Delays of a projection in steps, see `clock`: one for all, or one per edge, which is taken to the nearest."""
    if p.edges.delay is None:
        return np.asarray(timing.count_steps(p.delay, where=f"delay of {p.where}"), np.int64)
    delays = _nearest_steps(p.edges.delay, timing)
    return np.asarray(delays[0]) if len(delays) and np.all(delays == delays[0]) else delays


def rounded_delays(p: Projection, timing: Clock) -> str | None:
    """Describe the delays of edges that are no multiples of the step; None if all are."""
    if p.edges.delay is None or not len(p.edges):
        return None
    error = np.abs(np.asarray(p.edges.delay, float) - edge_delays(p, timing) * timing.dt)
    count = int(np.sum(error > _STEP_TOLERANCE * timing.dt))
    return (
        None
        if not count
        else (
            f"{count} of {len(error)} delays of {p.where} are no multiples of dt = {timing.dt:g} s: "
            f"they were rounded to the nearest, by up to {error.max():.2g} s"
        )
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """Connections of a projection: those of source k are ``first[k]`` to ``first[k + 1]``, one table per shard.

    Tables are arrays of NumPy until an engine has put them on its devices, and then those there.

    Parameters
    ----------
    first : Int[np.ndarray, "shards sources"]
        Where the rows begin.
    target : Int[np.ndarray, "shards edges"]
        Place of the target in a shard's arrivals, at the first step.
    weight : Float[np.ndarray, "shards edges"] or Float[np.ndarray, ""]
        Weights.
    delay : Int[np.ndarray, "shards edges"] or Int[np.ndarray, ""]
        Delays [steps]; within a row they rise.
    latest, earliest : int
        Of how many exchange intervals ago spikes may arrive, at most and at least.
    longest : int
        Of the part of a row through which a spike arrives in one exchange interval.
    sign : float
        +1, or -1 for the end of a rectangular pulse.
    steps : int
        Of an exchange interval.
    later : int
        Steps by which delays are longer: the width of that pulse.
    aligned : bool
        Whether all spikes arrive in a step of the number in which they were sent, counted from the beginning of an
        interval: delays are whole intervals.
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

    first: Int[Array | np.ndarray, "shards sources"]
    target: Int[Array | np.ndarray, "shards edges"]
    weight: Float[Array | np.ndarray, "..."]
    delay: Int[Array | np.ndarray, "..."]
    latest: int
    earliest: int
    longest: int
    steps: int
    sign: float = 1.0
    later: int = 0
    aligned: bool = True
    devices: ConductanceOf | DriftWeights | None = None
    edge: Int[Array | np.ndarray, "shards edges"] | None = None
    post: Int[Array | np.ndarray, "shards edges"] | None = None
    first_in: Int[Array | np.ndarray, "shards places"] | None = None
    edge_in: Int[Array | np.ndarray, "shards edges"] | None = None
    longest_in: int = 0

    @property
    def visits(self) -> range:
        """Ages of the exchange intervals from which spikes may arrive, in intervals, the oldest first.

        Arrivals in a step add up in the order of their delays, from the longest, whatever the exchange interval.
        """
        return range(self.latest, self.earliest - 1, -1)

    @property
    def is_simple(self) -> bool:
        """Whether all spikes of one exchange interval, and no others, arrive in another one."""
        return self.aligned and self.latest == self.earliest

    def outline(self) -> "Rows":
        """The same without its tables: what a program holds as constants."""
        none = np.zeros((0, 0), np.int32)
        absent = {n: none for n in TABLES_OF_DEVICES if getattr(self, n) is not None}
        devices = self.devices
        weight, delay = (np.zeros((0,) * x.ndim) for x in (self.weight, self.delay))
        if isinstance(devices, DriftWeights):
            devices = replace(devices, start=None)
        tables = {"first": none, "target": none, "weight": weight, "delay": delay, **absent}
        return replace(self, devices=devices, **tables)


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
    """Return what projections need in common to share their sum: rectangular pulses of all widths add up."""
    return r if r.width is None else Receptor(width=1.0, port=r.port, reversal=r.reversal)


def receptor_number(receptor: Receptor, target: Layout) -> int:
    """Number of a projection's receptor among those of its target."""
    return target.receptors.index(_kind(receptor))


def rows(
    p: Projection, n_pre: int, target: Layout, timing: Clock, *, shards: int, dtype
) -> list[Rows]:
    """Connections of a projection, ordered by source: those of spikes, and of the ends of their pulses."""
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
    delay = edge_delays(p, timing)
    tables = _by_source(pre, post, weight, delay, n_pre, target, timing, shards)
    arrays = _delivery_tables(tables, target, timing)
    if devices is not None:
        arrays |= _device_tables(devices, tables)
    # A rectangular pulse is two steps: + w when it arrives, - w when its width is over.
    width = p.receptor.width
    ends = [] if width is None else [timing.count_steps(width, where=f"width of {p.where}")]
    return [
        Rows(sign=sign, later=later, **_arrival_times(np.asarray(delay + later), timing), **arrays)
        for sign, later in ((1.0, 0), *((-1.0, x) for x in ends))
    ]


def _arrival_times(delay: Int[np.ndarray, "..."], timing: Clock) -> dict[str, Any]:
    """When spikes arrive, as `Rows` has it."""
    aligned = not np.any(delay % timing.steps)
    least, most = int(delay.min(initial=2**31)), int(delay.max(initial=0))
    earliest = min(least, most) // timing.steps
    latest = -(-most // timing.steps)
    return {"aligned": aligned, "earliest": earliest, "latest": latest, "steps": timing.steps}


@dataclass(frozen=True, eq=False)
class _Table:
    """Connections to the neurons of one shard, by source: their order, where rows begin, targets, weights, delays."""

    order: Int[Array | np.ndarray, " edges"]
    first: Int[Array | np.ndarray, " sources"]
    post: Int[Array | np.ndarray, " edges"]
    weight: Float[np.ndarray, "..."]
    delay: Int[np.ndarray, "..."]
    size: int


def _by_source(
    pre, post, weight, delay, n_pre: int, target: Layout, timing: Clock, shards: int
) -> list[_Table]:
    """One table per shard."""
    rows = target.blocks // shards * target.block
    tables = []
    for s in range(shards):
        local = np.flatnonzero((post >= s * rows) & (post < (s + 1) * rows)) if shards > 1 else None
        a, b, w, d = (
            x if local is None or not x.ndim else x[local] for x in (pre, post, weight, delay)
        )
        # Edges of one source side by side; a stable order makes sums of float32 reproducible.
        order = np.lexsort((d, a)) if d.ndim else np.argsort(a, kind="stable")
        first = np.zeros(n_pre + 1, np.int64)
        np.cumsum(np.bincount(a, minlength=n_pre), out=first[1:])
        w, d = (x[order] if x.ndim else x for x in (w, d))
        edge_order = order if local is None else local[order]
        tables.append(_Table(edge_order, first, b[order] - s * rows, w, d, rows))
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
    """Return the number of edges in the longest of all rows."""
    return max(int(np.max(np.diff(x), initial=0)) for x in firsts)


def _longest_part(table: _Table, steps: int) -> int:
    """Most connections of one source whose delays lie within so many steps."""
    if not table.delay.ndim:
        return _longest([table.first])
    rise = np.repeat(np.arange(len(table.first) - 1), np.diff(table.first)) << 32
    keys = rise + table.delay
    counts = np.searchsorted(keys, keys + steps) - np.arange(len(keys))
    return int(counts.max(initial=0))


def _delivery_tables(tables: list[_Table], target: Layout, timing: Clock) -> dict[str, Any]:
    """Return the tables that delivery needs of each shard."""

    def slot(b):
        return b // target.block * timing.steps * target.block + b % target.block

    weights, delays = [t.weight for t in tables], [t.delay.astype(np.int32) for t in tables]
    return {
        "first": np.stack([t.first for t in tables]).astype(np.int32),
        "target": _stack([slot(t.post).astype(np.int32) for t in tables]),
        "weight": _stack(weights) if weights[0].ndim else weights[0],
        "delay": _stack(delays) if delays[0].ndim else delays[0],
        "longest": max(_longest_part(t, timing.steps) for t in tables),
    }


def _device_tables(devices: Any, tables: list[_Table]) -> dict[str, Any]:
    """Return the further tables of weights that are devices."""
    arrays = {
        "devices": devices,
        "edge": _stack([t.order.astype(np.int32) for t in tables]),
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
        return max([r.latest for pre, _, _, r in self.rows if pre == name], default=0) + 1


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
        connections += [(p.pre, p.post, receptor_number(p.receptor, target), r) for r in tables]
        names += [p.name] * len(tables)
    return Plan(timing, by_name, layouts, connections, names, shards)
