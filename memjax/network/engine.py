"""The program of a network: chunks of fixed steps between exchanges of spikes.

Notes
-----
Nothing passes between neurons sooner than the least delay. For so many steps each block of neurons therefore advances
alone, its states in a core's cache, with its arrivals laid out step by step; then spikes are listed, and each adds to
the arrivals of its targets, a delay later. What connections cost follows the spikes, not the steps.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as Spec

from ..programs import understood
from ..solve.batch import wide
from .delivery import delivered, listed
from .groups import Neurons, Poisson, SpikeList
from .neuron_program import NeuronProgram, member_keys
from .plan import Plan, State
from .plasticity import Programming
from .poisson import poisson_begin, poisson_chunk, poisson_rates
from .weights import ConductanceOf, DriftWeights

AXIS = "shard"
"""Name of the axis of devices."""

_NEVER = 2**31 - 1

_OF_DEVICES = ("edge", "post", "first_in", "edge_in")
"""Tables of connections whose weights are devices."""


@dataclass(frozen=True)
class Room:
    """How many spikes there is room for.

    Parameters
    ----------
    each : int
        Of one neuron or source within an exchange interval.
    all : tuple of (str, int)
        Of each group within it.
    """

    each: int
    all: tuple[tuple[str, int], ...]


class Engine:
    """A network's program on some devices.

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
    watched : mapping of str to Int[np.ndarray, "some"]
        Neurons whose states are recorded at exchanges, by group.
    """

    def __init__(
        self, plan: Plan, *, seed: int, devices: Any, dtype: Any, watched: Mapping[str, Any]
    ):
        self.plan, self.dtype, self.watched = plan, np.dtype(dtype), dict(watched)
        at = plan.clock
        self.neurons = {
            n: NeuronProgram(x, dt=at.dt, steps=at.steps, dtype=self.dtype)
            for n, x in plan.layouts.items()
        }
        self.programming = {
            k: Programming(r.devices, r, clock=at, dtype=self.dtype)
            for k, (*_, r) in enumerate(plan.rows)
            if isinstance(r.devices, DriftWeights)
        }
        self.mesh = Mesh(np.asarray(devices), (AXIS,))
        self.split, self.same = (NamedSharding(self.mesh, s) for s in (Spec(AXIS), Spec()))
        self.fixed = self._fixed(seed)
        self._programs: dict = {}
        self._scratch: State | None = None

    def _put(self, tree: Any, sharding: NamedSharding) -> Any:
        """Arrays on the devices."""

        def put(x):
            whole = np.asarray(x)
            return jax.make_array_from_callback(whole.shape, sharding, lambda part: whole[part])

        return jax.tree.map(put, tree)

    def _fixed(self, seed: int) -> State:
        """What does not change: parameters, keys, connections."""
        found: State = {"groups": {}, "rows": []}
        for number, (name, group) in enumerate(self.plan.groups.items()):
            if isinstance(group, Neurons):
                lanes = self.plan.layouts[name].lanes
                own = {
                    "values": self.neurons[name].values(),
                    "bias": self.neurons[name].bias(),
                    "key": tuple(lanes(w, np.uint32) for w in member_keys(seed, number, group.n)),
                }
                own["real"] = np.arange(own["key"][0].size).reshape(own["key"][0].shape) < group.n
                found["groups"][name] = self._put(own, self.split)
            else:
                found["groups"][name] = self._put(self._source(seed, number, group), self.same)
        for k, (_, _, _, r) in enumerate(self.plan.rows):
            own: State = {"first": r.first, "target": r.target}
            own |= {n: x for n in _OF_DEVICES if (x := getattr(r, n)) is not None}
            if k in self.programming:
                own["key"] = self._edge_keys(seed, self.plan.names[k], np.asarray(r.edge))
            scalar = r.weight.ndim == 0
            table = self._put(own, self.split)
            found["rows"].append(
                table | {"weight": self._put(r.weight, self.same if scalar else self.split)}
            )
        return found

    def _edge_keys(self, seed: int, name: str, edge: np.ndarray) -> tuple[np.ndarray, ...]:
        """Words of the noise of devices: they depend on seed, projection and number of the edge."""
        own = zlib.crc32(name.encode()) & 0x7FFFFFFF
        keys = member_keys(seed, own, int(edge.max(initial=0)) + 1)
        return tuple(np.asarray(w)[edge] for w in keys)

    def _source(self, seed: int, number: int, group: Poisson | SpikeList) -> State:
        """Numbers of a group of sources."""
        if isinstance(group, Poisson):
            rates = poisson_rates(group, dt=self.plan.clock.dt)
            key = member_keys(seed, number, group.n)
            return {
                "key": key,
                "rates": rates.astype(np.float32),
                "most": rates.max(axis=0).astype(np.float32),
            }
        step = group.steps(self.plan.clock.dt)
        order = np.lexsort((np.asarray(group.source), step))
        kept = order[step[order] < _NEVER]
        return {
            "source": np.asarray(group.source)[kept].astype(np.int32),
            "step": step[kept].astype(np.int32),
        }

    def begin(self) -> State:
        """The state before the first step."""
        groups, ring = {}, {}
        for name, group in self.plan.groups.items():
            if isinstance(group, Neurons):
                groups[name] = self._put(self.neurons[name].begin(), self.split)
            elif isinstance(group, Poisson):
                own = jax.tree.map(np.asarray, self.fixed["groups"][name])
                groups[name] = self._put(jax.jit(poisson_begin)(own), self.same)
            else:
                groups[name] = {"count": self._put(np.zeros(group.n, np.int32), self.same)}
        weights = {str(k): self._put(p.begin(), self.split) for k, p in self.programming.items()}
        return {"groups": groups, "ring": ring, "weights": weights}

    def ring(self, room: Room, old: State | None = None) -> State:
        """Lists of spikes that are still to arrive: none, or those of smaller ones."""
        found: State = {}
        for name, size in room.all:
            shape = (self.plan.memory(name), size)
            found[name] = (
                np.full(shape, -1, np.int32),
                np.zeros(shape, np.int32),
                np.zeros(shape[:1], np.int32),
            )
            for new, kept in zip(found[name], (old or {}).get(name, ()), strict=False):
                new[..., : kept.shape[-1]] = np.asarray(kept)
        return self._put(found, self.same)

    def placed(self, state: State) -> State:
        """A state of numbers on the devices."""
        kept = {
            n: self._put(x, self.split if n in self.plan.layouts else self.same)
            for n, x in state["groups"].items()
        }
        weights = self._put(state["weights"], self.split)
        return {"groups": kept, "ring": self._put(state["ring"], self.same), "weights": weights}

    def program(self, room: Room, most: int):
        """Compiled: ``run(fixed, state, first, count)`` of up to `most` chunks."""
        if (room, most) not in self._programs:
            self._programs[room, most] = self._compiled(room, most)
        program = self._programs[room, most]

        def run(fixed, state, first, count):
            # Lost where the program is interrupted, and then made anew.
            scratch, self._scratch = self._scratch or self._blank(), None
            *found, self._scratch = program(fixed, state, scratch, first, count)
            return found

        return run

    def _blank(self) -> State:
        """Memory for arrivals, which calls hand on: it is large, and slow to be given anew by the system."""
        of, steps = self.plan.layouts, self.plan.clock.steps
        zeros = lambda x: [jnp.zeros(x.size * steps, self.dtype) for _ in x.receptors]  # noqa: E731
        make = lambda: {n: zeros(x) for n, x in of.items()}  # noqa: E731
        return jax.jit(make, out_shardings=self.split)()

    def _compiled(self, room: Room, most: int):
        """See `program`."""
        sizes = dict(room.all)

        def run(fixed, state, scratch, first, count):
            def one(k, carry):
                state, scratch, seen, worst = carry
                state, scratch, told, most_of = self._chunk(fixed, state, scratch, first + k, room)
                write = lambda all, x: lax.dynamic_update_index_in_dim(all, x, k, 0)  # noqa: E731
                worst = jax.tree.map(jnp.maximum, worst, most_of)
                return state, scratch, jax.tree.map(write, seen, told), worst

            zero = jnp.zeros((), jnp.int32)
            row = lambda *shape: jnp.zeros((most, *shape), jnp.int32)  # noqa: E731
            blank = {n: (row(size), row(size), row()) for n, size in sizes.items()}
            traces = jax.tree.map(
                lambda x: jnp.zeros((most, *x.shape), x.dtype), self._seen(fixed, state)
            )
            worst = {n: (zero, zero, jnp.zeros((), self.dtype)) for n in sizes}
            begin = (state, scratch, (blank, traces), worst)
            state, scratch, seen, worst = lax.fori_loop(0, count, one, begin)
            return state, seen, worst, self._finite(state), scratch

        by_group = {n: Spec(AXIS) if n in self.plan.layouts else Spec() for n in self.plan.groups}
        by_row = [
            dict.fromkeys(table, Spec(AXIS)) | ({} if r.weight.ndim else {"weight": Spec()})
            for table, (*_, r) in zip(self.fixed["rows"], self.plan.rows, strict=True)
        ]
        ours = {"groups": by_group, "rows": by_row}
        states = {"groups": by_group, "ring": Spec(), "weights": Spec(AXIS)}
        mapped = jax.shard_map(
            run,
            mesh=self.mesh,
            in_specs=(ours, states, Spec(AXIS), Spec(), Spec()),
            out_specs=(states, Spec(), Spec(), Spec(), Spec(AXIS)),
            check_vma=False,
        )
        return jax.jit(mapped, donate_argnums=2, compiler_options=understood(wide))

    def _finite(self, state: State):
        """Number of the first neuron of each group that is not finite; that of all neurons if there is none."""
        found = {}
        for name, of in self.plan.layouts.items():
            parts = state["groups"][name]["parts"]
            bad = ~jnp.all(jnp.stack([jnp.isfinite(x) for x in parts.values()]), axis=0)
            own = bad.size * lax.axis_index(AXIS) + jnp.argmax(bad.ravel()).astype(jnp.int32)
            found[name] = lax.pmin(jnp.where(jnp.any(bad), own, of.size), AXIS)
        return found

    def _seen(self, fixed: State, state: State) -> State:
        """States of the neurons that are watched [SI]."""
        found = {}
        for name, some in self.watched.items():
            own, now = fixed["groups"][name], state["groups"][name]
            flat = lambda x: x.reshape(-1)  # noqa: E731
            own = jax.tree.map(flat, {k: own[k] for k in ("values", "bias")})
            now = jax.tree.map(flat, (now["parts"], now["input"]))
            size = next(iter(now[0].values())).size
            at = jnp.asarray(some) - lax.axis_index(AXIS) * size
            here = (at >= 0) & (at < size)
            own, now = jax.tree.map(lambda x: x[jnp.where(here, at, 0)], (own, now))  # noqa: B023
            shown = jax.vmap(self.neurons[name].shown)(own, *now)
            found[name] = {k: lax.psum(jnp.where(here, x, 0), AXIS) for k, x in shown.items()}
        return found

    def _chunk(self, fixed: State, state: State, scratch: State, k, room: Room):
        """State after a chunk; arrivals; spikes and what is watched; by group the most of one, of all, stiffness."""
        at, groups, ring = self.plan.clock, dict(state["groups"]), dict(state["ring"])
        weights = jax.tree.map(lambda x: x[0], state["weights"])
        conductances = self._conductances(fixed, groups)
        arrivals = {
            n: self._arrivals(n, x, fixed, ring, k, weights, conductances)
            for n, x in scratch.items()
        }
        first, spikes, worst = k * at.steps, {}, {}
        for name, size in room.all:
            own = fixed["groups"][name]
            if name in self.plan.layouts:
                program = self.neurons[name]
                run = lambda x: program.chunk(x[0], x[1], x[2], first, room.each)  # noqa: E731, B023
                blocks = (-1, at.steps, self.plan.layouts[name].block)
                arriving = [x.reshape(blocks) for x in arrivals[name]]
                groups[name], found, slots = lax.map(run, (own, groups[name], arriving))
                slots = slots.reshape(-1, room.each)
                offset = lax.axis_index(AXIS) * slots.shape[0]
                here = listed(slots, found, offset, size)
                *some, total, each = self._gathered(here, size)
            else:
                some, total, each, groups[name] = self._fired(
                    name, own, groups[name], first, room.each, size
                )
            slot = k % self.plan.memory(name)
            kept = (*some, jnp.minimum(total, size))
            ring[name] = jax.tree.map(
                lambda all, x: lax.dynamic_update_index_in_dim(all, x, slot, 0),  # noqa: B023
                ring[name],
                kept,
            )
            stiff = self._stiffness(name, own, groups[name])
            spikes[name], worst[name] = kept, (each.astype(jnp.int32), total, stiff)
        weights = self._programmed(fixed, weights, ring, k, (state["groups"], groups), spikes)
        weights = jax.tree.map(lambda x: x[None], weights)
        state = {"groups": groups, "ring": ring, "weights": weights}
        return state, arrivals, (spikes, self._seen(fixed, state)), worst

    def _stiffness(self, name: str, own: State, state: State):
        """Largest of a group's neurons now, see `NeuronProgram.stiffness`; 0 of sources."""
        if name not in self.plan.layouts:
            return jnp.zeros((), self.dtype)
        each = jax.vmap(jax.vmap(self.neurons[name].stiffness))
        return lax.pmax(jnp.max(each(own, state["parts"], state["input"])), AXIS)

    def _table(self, fixed: State, k: int) -> State:
        """Connections, as far as this shard has them."""
        table, rows = fixed["rows"][k], self.plan.rows[k][3]
        own = {n: jax.tree.map(lambda x: x[0], x) for n, x in table.items() if n != "weight"}
        return own | {"weight": table["weight"][0] if rows.weight.ndim else table["weight"]}

    def _due(self, ring: State, k: int, chunk) -> tuple:
        """Spikes that arrive in a chunk through connections."""
        pre, _, _, rows = self.plan.rows[k]
        slot = (chunk - rows.exchanges) % self.plan.memory(pre)
        return jax.tree.map(lambda x: x[slot], ring[pre])

    def _arrivals(
        self,
        name: str,
        scratch: list,
        fixed: State,
        ring: State,
        chunk,
        weights: State,
        conductances: dict,
    ) -> list:
        """What arrives at a group's neurons in each step of a chunk, by receptor, block after block."""
        of = self.plan.layouts[name]
        found = [jnp.zeros_like(x) for x in scratch]
        for k, (_, post, receptor, rows) in enumerate(self.plan.rows):
            if post != name:
                continue
            table = self._table(fixed, k)
            weigh = self._weigh(k, table, weights, conductances)
            due = self._due(ring, k, chunk)
            found[receptor] = delivered(found[receptor], table, rows, of.block, due, weigh)
        return found

    def _weigh(self, k: int, table: State, weights: State, conductances: dict) -> Callable:
        """Weights of edges of connections."""
        devices, weight = self.plan.rows[k][3].devices, table["weight"]
        if isinstance(devices, DriftWeights):
            return lambda edge: self.programming[k].weight(weights[str(k)], edge)
        if isinstance(devices, ConductanceOf):
            g = conductances[devices]
            return lambda edge: devices.scale * (g[table["edge"][edge]] - devices.reference)
        return (lambda edge: weight) if weight.ndim == 0 else (lambda edge: weight[edge])

    def _conductances(self, fixed: State, groups: State) -> dict[ConductanceOf, Any]:
        """Conductances of devices in circuits that are weights, of all shards [S]."""
        found = {}
        for *_, r in self.plan.rows:
            d = r.devices
            if isinstance(d, ConductanceOf) and d not in found:
                read = jax.vmap(jax.vmap(partial(self.neurons[d.group].conductance, d)))
                g = read(fixed["groups"][d.group]["values"], groups[d.group]["parts"])
                found[d] = lax.all_gather(g.reshape(-1), AXIS, tiled=True)
        return found

    def _programmed(
        self, fixed: State, weights: State, ring: State, chunk, groups: tuple, spikes: State
    ) -> State:
        """Devices after the pulses of a chunk, given groups before and after it."""
        found, first = dict(weights), chunk * self.plan.clock.steps
        for k, program in self.programming.items():
            _, post, _, _ = self.plan.rows[k]
            last = tuple(g[post]["last"].reshape(-1) for g in groups)
            table, own = self._table(fixed, k), found[str(k)]
            own = program.arrivals(table, own, self._due(ring, k, chunk), last, first)
            offset = lax.axis_index(AXIS) * last[0].shape[0]
            found[str(k)] = program.fired(table, own, spikes[post], offset, first)
        return found

    def _gathered(self, here: tuple, room: int) -> tuple:
        """Spikes of all shards, members in order."""
        number, step, total, each = here
        if self.plan.shards > 1:
            number, step = (lax.all_gather(x, AXIS, tiled=True) for x in (number, step))
            (at,) = jnp.nonzero(number >= 0, size=room, fill_value=0)
            total, each = lax.psum(total, AXIS), lax.pmax(each, AXIS)
            fine = jnp.arange(room, dtype=jnp.int32) < total
            number, step = jnp.where(fine, number[at], -1), jnp.where(fine, step[at], 0)
        return number, step, total, each

    def _fired(self, name: str, own: State, state: State, first, each: int, room: int):
        """Spikes of sources in a chunk."""
        group, at = self.plan.groups[name], self.plan.clock
        if isinstance(group, Poisson):
            interval = round(group.interval / at.dt) if group.interval else 0
            state, found, slots = poisson_chunk(own, state, first, at.steps, each, interval)
            number, step, total, most = listed(slots, found, 0, room)
            return (number, step), total, most, state
        begin, end = (
            jnp.searchsorted(own["step"], first + x).astype(jnp.int32) for x in (0, at.steps)
        )
        k = begin + jnp.arange(room, dtype=jnp.int32)
        fine, last = k < end, max(len(own["step"]) - 1, 0)
        if not len(own["step"]):
            none = jnp.zeros(room, jnp.int32)
            zero = jnp.zeros((), jnp.int32)
            return (none - 1, none), zero, zero, state
        number = jnp.where(fine, own["source"][jnp.minimum(k, last)], -1)
        step = jnp.where(fine, own["step"][jnp.minimum(k, last)] - first, 0)
        count = state["count"].at[jnp.where(fine, number, group.n)].add(1, mode="drop")
        return (
            (number, step),
            end - begin,
            jnp.zeros((), jnp.int32),
            {"count": count},
        )
