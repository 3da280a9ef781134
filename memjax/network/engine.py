"""A network on some devices: its plan, and the arrays that do not change."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as Spec

from ..lanes.choice import chosen_backend
from .exchange_program import AXIS, ExchangeProgram, Room, exchange_program
from .groups import Neurons, Poisson, SpikeList
from .neuron_program import member_keys
from .plan import TABLES_OF_DEVICES, Plan, State
from .poisson import poisson_begin, poisson_rates
from .weights import DriftWeights

_NEVER = 2**31 - 1


class Engine:
    """A network on some devices; nothing in it changes while it runs.

    Parameters
    ----------
    plan : Plan
        The network in whole numbers.
    seed : int
        Of all noise.
    devices : sequence of jax.Device
        Where it runs: as many as the plan has shards.
    dtype
        Of states.
    """

    def __init__(self, plan: Plan, *, seed: int, devices: Sequence[Any], dtype: Any):
        self.dtype, self.devices = np.dtype(dtype), list(devices)
        mesh = Mesh(np.asarray(self.devices), (AXIS,))
        self.split, self.same = (NamedSharding(mesh, s) for s in (Spec(AXIS), Spec()))
        self.fixed = {"groups": self._groups(plan, seed), "rows": self._rows(plan, seed)}
        self.plan = self._lean(plan)
        self._programs: dict[tuple, ExchangeProgram] = {}

    def program(
        self, watched: Mapping[str, Any], every: int | None, energy: bool = False
    ) -> ExchangeProgram:
        """The program that records the states of some neurons, every so many steps, and energies of all."""
        key = (
            tuple((n, tuple(map(int, x))) for n, x in watched.items()),
            every,
            energy,
            chosen_backend(),
        )
        if key not in self._programs:
            options: dict[str, Any] = dict(watched=watched, every=every, energy=energy)
            self._programs[key] = exchange_program(
                self.plan, devices=self.devices, dtype=self.dtype, **options
            )
        return self._programs[key]

    def _put(self, tree: Any, sharding: NamedSharding) -> Any:
        """Arrays on the devices."""

        def put(x):
            array = np.asarray(x)
            # Each process places the shards of its own devices only.
            return jax.make_array_from_callback(array.shape, sharding, lambda part: array[part])

        return jax.tree.map(put, tree)

    def _groups(self, plan: Plan, seed: int) -> State:
        """Parameters, biases and keys of neurons; what sources do."""
        groups: State = {}
        for number, (name, group) in enumerate(plan.groups.items()):
            if isinstance(group, Neurons):
                layout = plan.layouts[name]
                parameters = layout.parameters(self.dtype)
                parameters["key"] = tuple(
                    layout.lanes(w, np.uint32) for w in member_keys(seed, number, group.n)
                )
                parameters["real"] = (
                    np.arange(layout.size).reshape(parameters["key"][0].shape) < group.n
                )
                groups[name] = self._put(parameters, self.split)
            else:
                groups[name] = self._put(_source(plan, seed, number, group), self.same)
        return groups

    def _rows(self, plan: Plan, seed: int) -> list[State]:
        """Connections."""
        tables: list[State] = []
        placed: dict[tuple, Any] = {}

        def put(x, sharding):
            # Both ends of rectangular pulses share their tables.
            if (id(x), sharding) not in placed:
                placed[id(x), sharding] = self._put(x, sharding)
            return placed[id(x), sharding]

        for k, (_, _, _, r) in enumerate(plan.rows):
            arrays: State = {"first": r.first, "target": r.target}
            arrays |= {n: x for n in TABLES_OF_DEVICES if (x := getattr(r, n)) is not None}
            if isinstance(r.devices, DriftWeights):
                arrays["key"] = _edge_keys(seed, plan.names[k], np.asarray(r.edge))
            shared = {
                n: put(x, self.split if x.ndim else self.same)
                for n, x in (("weight", r.weight), ("delay", r.delay))
            }
            key = {"key": self._put(arrays.pop("key"), self.split)} if "key" in arrays else {}
            arrays = {n: put(x, self.split) for n, x in arrays.items()}
            tables.append(arrays | key | shared)
        return tables

    def _lean(self, plan: Plan) -> Plan:
        """The plan without a second copy of its tables: those on the devices stand for it."""
        rows = []
        for table, (pre, post, receptor, r) in zip(self.fixed["rows"], plan.rows, strict=True):
            arrays = {
                n: table[n]
                for n in ("first", "target", "weight", "delay", *TABLES_OF_DEVICES)
                if n in table
            }
            rows.append((pre, post, receptor, replace(r, **arrays)))
        return replace(plan, rows=rows)

    def begin(self, program: ExchangeProgram) -> State:
        """The state before the first step."""
        groups, plan = {}, self.plan
        for name, group in plan.groups.items():
            if isinstance(group, Neurons):
                groups[name] = self._put(
                    program.neurons[name].begin(plan.layouts[name]), self.split
                )
            elif isinstance(group, Poisson):
                constants = jax.tree.map(np.asarray, self.fixed["groups"][name])
                groups[name] = self._put(_poisson_begin(constants), self.same)
            else:
                groups[name] = {"count": self._put(np.zeros(group.n, np.int32), self.same)}
        weights = {
            str(k): self._put(p.begin(plan.rows[k][3]), self.split)
            for k, p in program.programming.items()
        }
        begun = {
            "conductances": [
                self._put(np.zeros(plan.layouts[d.group].size, self.dtype), self.split)
                for d in program.circuit_weights
            ],
            "last": {n: groups[n]["last"] for n in program.taught},
        }
        return {"groups": groups, "ring": {}, "weights": weights, "begun": begun}

    def ring(self, room: Room, old: State | None = None) -> State:
        """Lists of spikes that are still to arrive: none, or those of smaller ones."""
        ring: State = {}
        for name, size in room.all:
            shape = (self.plan.memory(name), size)
            ring[name] = (
                np.full(shape, -1, np.int32),
                np.zeros(shape, np.int32),
                np.zeros(shape[:1], np.int32),
            )
            # Longer lists keep the spikes that are on their way.
            for new, before in zip(ring[name], (old or {}).get(name, ()), strict=False):
                new[..., : before.shape[-1]] = np.asarray(before)
        return self._put(ring, self.same)

    def put_on_devices(self, state: State) -> State:
        """A state of numbers on the devices."""
        groups = {
            n: self._put(x, self.split if n in self.plan.layouts else self.same)
            for n, x in state["groups"].items()
        }
        split = {n: self._put(state[n], self.split) for n in ("weights", "begun")}
        return {"groups": groups, "ring": self._put(state["ring"], self.same), **split}


_poisson_begin = jax.jit(poisson_begin)


def _edge_keys(seed: int, name: str, edge: np.ndarray) -> tuple[np.ndarray, ...]:
    """Words of the noise of devices: they depend on seed, projection and number of the edge."""
    number = zlib.crc32(name.encode()) & 0x7FFFFFFF
    keys = member_keys(seed, number, int(edge.max(initial=0)) + 1)
    return tuple(np.asarray(w)[edge] for w in keys)


def _source(plan: Plan, seed: int, number: int, group: Poisson | SpikeList) -> State:
    """Numbers of a group of sources."""
    if isinstance(group, Poisson):
        rates = poisson_rates(group, dt=plan.clock.dt)
        return {
            "key": member_keys(seed, number, group.n),
            "rates": rates.astype(np.float32),
            "most": rates.max(axis=0).astype(np.float32),
        }
    step = group.steps(plan.clock.dt)
    # By step, and by member within it: the spikes of a chunk are one stretch of the list.
    order = np.lexsort((np.asarray(group.source), step))
    order = order[step[order] < _NEVER]
    return {
        "source": np.asarray(group.source)[order].astype(np.int32),
        "step": step[order].astype(np.int32),
    }
