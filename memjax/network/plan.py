"""A network in whole numbers: steps, chunks, blocks of neurons, rows of connections."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from ..errors import NetworkError
from .groups import Group, Neurons
from .projection import Projection, Receptor

BLOCK = 512
"""Neurons that advance together: their states stay in a core's cache, their steps are whole vectors."""

LONGEST = 256
"""Steps between two exchanges of spikes at most: arrivals of that many are laid out beforehand."""

_NEAR = 1e-3
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

    def exchanges(self, time: float, *, where: str) -> int:
        """A time as so many exchanges."""
        n = round(time / self.exchange)
        if n < 1 or abs(time / self.exchange - n) * self.steps > _NEAR:
            raise NetworkError(
                f"{time:g} s",
                where=where,
                allowed=f"a multiple of the exchange interval, {self.exchange:g} s",
                fix="change it, or say another exchange interval (in steps)",
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
        n = round(time / dt)
        if n < 1 or abs(time / dt - n) > _NEAR:
            raise NetworkError(f"{time:g} s", where=where, allowed=f"a multiple of dt = {dt:g} s")
        common = math.gcd(common, n)
    free = [p.edges.delay.min() / dt for p in projections if p.edges.delay is not None]
    if common == 0:
        common = max(int(min([LONGEST, *free])), 1)
    limit = min([LONGEST, *free])
    return Clock(
        dt, max((d for d in range(1, common + 1) if common % d == 0 and d <= limit), default=1)
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """Connections of one delay: those of source k are ``first[k]`` to ``first[k + 1]``, one table per shard.

    Parameters
    ----------
    exchanges : int
        Their delay.
    sign : float
        +1, or -1 for the end of a rectangular pulse.
    first : Int[np.ndarray, "shards pre+1"]
        Where the rows begin.
    target : Int[np.ndarray, "shards edges"]
        Place of the target in a shard's arrivals, at the first step.
    weight : Float[np.ndarray, "shards edges"] or Float[np.ndarray, ""]
        Weights.
    longest : int
        Of a row.
    """

    exchanges: int
    sign: float
    first: Int[np.ndarray, "shards sources"]
    target: Int[np.ndarray, "shards edges"]
    weight: Float[np.ndarray, "..."]
    longest: int


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


def layout(group: Neurons, projections: Sequence[Projection], shards: int) -> Layout:
    """How a group lies in memory; the block does not depend on the number of shards."""
    block = min(BLOCK, -(-group.n // 16) * 16)
    blocks = -(-group.n // block)
    own = dict.fromkeys(_kind(p.receptor) for p in projections if p.post == group.name)
    ports = group.circuit.ports
    for r in own:
        if r.port is not None and r.port not in ports:
            raise NetworkError(
                f"no driven source {r.port!r}",
                where=f"group {group.name!r}",
                allowed=", ".join(ports),
            )
        quantity = group.circuit.quantities[ports.index(r.port or ports[0])]
        if r.reversal is not None and quantity != "current":
            raise NetworkError(
                f"a reversal voltage at a {quantity} source",
                where=f"group {group.name!r}",
                allowed="a current source, whose node has a voltage of its own",
            )
    return Layout(group, block, -(-blocks // shards) * shards, tuple(own))


def _kind(r: Receptor) -> Receptor:
    """What projections have to have in common to share their sum: rectangular pulses of all widths add up."""
    return r if r.width is None else Receptor(width=1.0, port=r.port, reversal=r.reversal)


def place(receptor: Receptor, of: Layout) -> int:
    """Number of a projection's receptor among those of its target."""
    return of.receptors.index(_kind(receptor))


def rows(p: Projection, n_pre: int, of: Layout, at: Clock, *, shards: int, dtype) -> list[Rows]:
    """Connections of a projection by delay, ordered by source."""
    pre, post = (np.asarray(x) for x in (p.edges.pre, p.edges.post))
    for x, n, what in ((pre, n_pre, p.pre), (post, of.group.n, p.post)):
        if len(x) and not (x.min() >= 0 and x.max() < n):
            raise NetworkError(
                f"member {x.min()} to {x.max()} of {what!r}", where=p.where, allowed=f"0 to {n - 1}"
            )
    weight = np.asarray(p.weight, dtype)
    if p.edges.delay is None:
        delays = np.array([at.exchanges(p.delay, where=f"delay of {p.where}")])
        which = None
    else:
        own = np.maximum(np.rint(np.asarray(p.edges.delay) / at.exchange), 1).astype(np.int32)
        delays, which = np.unique(own, return_inverse=True)
    found = []
    for k, delay in enumerate(delays):
        some = slice(None) if which is None else np.flatnonzero(which == k)
        w = weight if weight.ndim == 0 else weight[some]
        one = _table(pre[some], post[some], w, n_pre, of, at, shards)
        found.append(Rows(int(delay), 1.0, *one))
        if p.receptor.width is not None:
            later = at.exchanges(p.receptor.width, where=f"width of {p.where}")
            found.append(Rows(int(delay) + later, -1.0, *one))
    return found


def _table(pre, post, weight, n_pre: int, of: Layout, at: Clock, shards: int):
    """Rows by source for each shard, padded to equal lengths."""
    own = of.blocks // shards * of.block
    tables = []
    for s in range(shards):
        here = (
            slice(None)
            if shards == 1
            else np.flatnonzero((post >= s * own) & (post < (s + 1) * own))
        )
        a, b = pre[here], post[here] - s * own
        order = np.argsort(a, kind="stable")
        first = np.zeros(n_pre + 1, np.int64)
        np.cumsum(np.bincount(a, minlength=n_pre), out=first[1:])
        b = b[order]
        target = (b // of.block * at.steps * of.block + b % of.block).astype(np.int32)
        tables.append((first, target, weight if weight.ndim == 0 else weight[here][order]))
    most = max(len(t[1]) for t in tables)
    if most * 1.0 >= 2**31 or of.size * at.steps >= 2**31:
        raise NetworkError(
            f"{most} connections, {of.size * at.steps} arrivals of {of.group.name!r} on one device",
            allowed="fewer than 2^31",
            fix="fewer steps between exchanges, or more devices",
        )
    longest = max(int(np.max(np.diff(t[0]), initial=0)) for t in tables)
    pad = lambda x: np.pad(x, (0, most - len(x)))  # noqa: E731
    first = np.stack([t[0] for t in tables]).astype(np.int32)
    target = np.stack([pad(t[1]) for t in tables])
    weights = weight if weight.ndim == 0 else np.stack([pad(t[2]) for t in tables])
    return first, target, weights, longest


@dataclass(frozen=True, eq=False)
class Plan:
    """All of it.

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
    shards : int
        Devices.
    """

    clock: Clock
    groups: dict[str, Group]
    layouts: dict[str, Layout]
    rows: list[tuple[str, str, int, Rows]] = field(default_factory=list)
    shards: int = 1

    def memory(self, name: str) -> int:
        """Exchanges for which spikes of a group are kept."""
        return max([r.exchanges for pre, _, _, r in self.rows if pre == name], default=0) + 1


def checked(groups: Sequence[Group], projections: Sequence[Projection]) -> dict[str, Group]:
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
    by_name = checked(groups, projections)
    at = clock(dt, projections, steps)
    layouts = {g.name: layout(g, projections, shards) for g in groups if isinstance(g, Neurons)}
    found = [
        (p.pre, p.post, place(p.receptor, layouts[p.post]), r)
        for p in projections
        for r in rows(p, by_name[p.pre].n, layouts[p.post], at, shards=shards, dtype=dtype)
    ]
    return Plan(at, by_name, layouts, found, shards)
