"""One exchange interval of a network as a compiled program, traced once for all networks of a structure.

Notes
-----
Nothing passes between neurons sooner than the least delay. For so many steps each block of neurons therefore advances
alone, its states in a core's cache, with its arrivals laid out step by step; then spikes are listed, and each adds to
the arrivals of its targets, a delay later, at any step of an interval. What connections cost follows the spikes, not
the steps. Intervals begin at multiples of their length; a run may end, and go on, within one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as Spec

from ..circuit import replace_values
from ..lanes.backend import LaneFunction
from ..lanes.choice import chosen_backend, compile_lanes
from ..lanes.drivers import Exchange, Table
from ..runtime.compile_cache import supported_options
from ..simulate.batch import wide_loop_options
from .delivery import (
    append_spikes,
    deliver_spikes,
    in_order_of_time,
    list_spikes,
    spikes_per_word,
    words_of_spikes,
)
from .digest import Digest
from .energy_program import PHASES
from .groups import Neurons, Poisson
from .neuron_program import NeuronProgram
from .plan import TABLES_OF_DEVICES, Plan, Rows, State
from .plasticity import Programming
from .poisson import poisson_chunk
from .weights import ConductanceOf, DriftWeights
from .wire import places, room_for

AXIS = "shard"
"""Name of the axis of devices."""

_PROGRAMS = 8
"""Programs of that many structures of networks stay ready in a process."""


@dataclass(frozen=True)
class Room:
    """Sizes of the lists of spikes.

    Parameters
    ----------
    per_member : int
        Of one neuron or source within an exchange interval.
    all : tuple of (str, int)
        Of each group within it.
    """

    per_member: int
    all: tuple[tuple[str, int], ...]


class ExchangeProgram:
    """The program of all networks of one structure, whatever their weights, parameters, seeds and states.

    Parameters
    ----------
    outline : Plan
        See `Plan.outline`.
    devices : sequence of jax.Device
        Where it runs: as many as the plan has shards.
    dtype
        Of states.
    watched : mapping of str to Int[np.ndarray, "some"]
        Neurons whose states are recorded, by group.
    every : int, optional
        Steps from one record of them to the next; those between two exchanges by default.
    energy : bool
        Whether the energy of neurons is added up, see `EnergyProgram`.

    Attributes
    ----------
    room : Room, optional
        The most that a run has needed so far.
    """

    def __init__(
        self,
        outline: Plan,
        *,
        devices: Sequence[Any],
        dtype: Any,
        watched: Mapping[str, Any],
        every: int | None,
        energy: bool = False,
    ):
        self.plan, self.dtype, self.watched = outline, np.dtype(dtype), dict(watched)
        clock = outline.clock
        self.every = None if every == clock.steps else every
        self.neurons = {
            n: NeuronProgram(x, dt=clock.dt, steps=clock.steps, dtype=self.dtype, energy=energy)
            for n, x in outline.layouts.items()
        }
        self.programming = {
            k: Programming(r.devices, r, clock=clock, dtype=self.dtype)
            for k, (*_, r) in enumerate(outline.rows)
            if isinstance(r.devices, DriftWeights)
        }
        self.mesh = Mesh(np.asarray(devices), (AXIS,))
        self.split, self.same = (NamedSharding(self.mesh, s) for s in (Spec(AXIS), Spec()))
        self.room: Room | None = None
        self.kernels: dict[str, LaneFunction] = {}
        self.kernels |= {n: self._kernel(n) for n in self.neurons}
        self.blank = jax.jit(self._blank, out_shardings=self.split)
        self._programs: dict = {}

    def run(self, room: Room, chunks: int) -> Callable:
        """Compiled: ``run(fixed, state, scratch, first, count)`` of up to `chunks` chunks; of none of them
        ``run(fixed, state, scratch, chunk, (begin, end))`` of some steps of a chunk.
        """
        if (room, chunks) not in self._programs:
            self._programs[room, chunks] = self._compile(room, chunks)
        return self._programs[room, chunks]

    def _blank(self) -> State:
        """Memory for arrivals. Each call passes it to the next one, since it is large and slow to allocate."""
        steps = self.plan.clock.steps
        return {
            n: {
                k: jnp.zeros(x.size * steps, self.dtype)
                for k, dense in enumerate(self._dense(n))
                if dense
            }
            for n, x in self.plan.layouts.items()
        }

    def _dense(self, name: str) -> list[bool]:
        """Return for each receptor of a group whether its arrivals are an array over all steps; else the driver adds
        them.
        """
        if name in self.kernels:
            driver: Any = self.kernels[name].driver
            return list(driver.dense)
        receptors = self.plan.layouts[name].receptors
        if name in self.watched and self._is_between:
            return [True] * len(receptors)
        return [
            any(post == name and k == r and t.devices for _, post, k, t in self.plan.rows)
            for r in range(len(receptors))
        ]

    def _tables(self, name: str) -> list[int]:
        """Numbers of the tables of connections whose spikes a kernel delivers to a group."""
        dense = self._dense(name)
        return [
            k
            for k, (_, post, r, rows) in enumerate(self.plan.rows)
            if post == name and not dense[r] and rows.longest
        ]

    def _is_in_order(self, name: str) -> bool:
        """Whether lists of the spikes of a group are put in order of time: arrivals then add up as in `Rows.visits`."""
        return any(
            pre == name and not rows.aligned and self._dense(post)[r]
            for pre, post, r, rows in self.plan.rows
        )

    def _kernel(self, name: str) -> LaneFunction:
        """Return the function that advances a group, see `memjax.lanes`."""
        steps, layout = self.plan.clock.steps, self.plan.layouts[name]
        dense = self._dense(name)
        tables = [self.plan.rows[k] for k in self._tables(name)]
        driver = Exchange(
            steps=steps,
            block=layout.block,
            halves=spikes_per_word(steps) == 2,
            dense=tuple(dense),
            tables=tuple(
                Table(r, rows.sign, rows.later, rows.latest, rows.earliest, aligned=rows.aligned)
                for _, _, r, rows in tables
            ),
        )
        return compile_lanes(self.neurons[name].step_program(), driver)

    def _compile(self, room: Room, length: int) -> Callable:
        """See `run`."""
        sizes = dict(room.all)

        def run(fixed, state, scratch, first, count):
            def run_chunk(k, carry, span=None):
                state, scratch, records, worst = carry
                state, scratch, output, needs = self._chunk(
                    fixed, state, scratch, first + k, room, span
                )

                def write(all, x):
                    return lax.dynamic_update_index_in_dim(all, x, k, 0)

                worst = jax.tree.map(jnp.maximum, worst, needs)
                return state, scratch, jax.tree.map(write, records, output), worst

            zero = jnp.zeros((), jnp.int32)

            def row(*shape, dtype=jnp.int32):
                return jnp.zeros((length or 1, *shape), dtype)

            spikes = {n: (row(size), row(size), row()) for n, size in sizes.items()}
            traces = jax.tree.map(
                lambda x: row(self.rows, *x.shape[1:], dtype=x.dtype),
                self._states_now(fixed, state),
            )
            checks = {n: ([row(dtype=self.dtype)] * 3, row()) for n in self.plan.layouts}
            records = (spikes, traces, self._no_energies(length or 1), checks)
            carry = (state, scratch, records, dict.fromkeys(sizes, (zero, zero)))
            if length:
                carry = lax.fori_loop(0, count, run_chunk, carry)
            else:
                carry = run_chunk(0, carry, count)
            state, scratch, (*records, checks), needs = carry
            checks = {n: (x, lax.pmin(first_bad, AXIS)) for n, (x, first_bad) in checks.items()}
            return state, (*records, checks), needs, scratch

        by_group = {n: Spec(AXIS) if n in self.plan.layouts else Spec() for n in self.plan.groups}
        arrays = {
            "groups": by_group,
            "rows": [self._row_specs(k) for k in range(len(self.plan.rows))],
        }
        states = {"groups": by_group, "ring": Spec(), "weights": Spec(AXIS), "begun": Spec(AXIS)}
        sharded = jax.shard_map(
            run,
            mesh=self.mesh,
            in_specs=(arrays, states, Spec(AXIS), Spec(), Spec()),
            out_specs=(states, Spec(), Spec(), Spec(AXIS)),
            check_vma=False,
        )
        return jax.jit(
            sharded, donate_argnums=2, compiler_options=supported_options(wide_loop_options)
        )

    def _no_energies(self, length: int) -> State:
        """Room for the sums of `EnergyProgram.chunk_end` of so many chunks, by group; empty without a ledger."""
        ledgers = {n: x.energy for n, x in self.neurons.items() if x.energy is not None}
        return {
            n: (
                jnp.zeros((length, len(PHASES), len(x.kinds)), self.dtype),
                jnp.zeros((length, len(PHASES)), self.dtype),
            )
            for n, x in ledgers.items()
        }

    def _row_specs(self, k: int) -> dict[str, Spec]:
        """How a table of connections lies on the devices."""
        rows = self.plan.rows[k][3]
        names = ["first", "target", *(n for n in TABLES_OF_DEVICES if getattr(rows, n) is not None)]
        names += ["key"] if k in self.programming else []
        return dict.fromkeys(names, Spec(AXIS)) | {
            n: Spec(AXIS) if getattr(rows, n).ndim else Spec() for n in ("weight", "delay")
        }

    @property
    def _is_between(self) -> bool:
        """Whether states are recorded between two exchanges."""
        return self.every is not None and self.every % self.plan.clock.steps != 0

    @property
    def rows(self) -> int:
        """Records of states in an exchange interval at most."""
        return 1 if self.every is None else -(-self.plan.clock.steps // self.every)

    def _first_not_finite(self, name: str, parts: State):
        """Number of the first neuron of a group on this device that is not finite; that of all neurons if there is
        none.
        """
        bad = ~jnp.all(jnp.stack([jnp.isfinite(x) for x in parts.values()]), axis=0)
        number = bad.size * lax.axis_index(AXIS) + jnp.argmax(bad.ravel()).astype(jnp.int32)
        return jnp.where(jnp.any(bad), number, self.plan.layouts[name].size)

    def _watched_lanes(self, name: str, tree: Any) -> tuple[Any, Any, Any]:
        """Values of the watched neurons, out of arrays in blocks; their places in this shard, and whether they are in
        it.
        """
        flat = jax.tree.map(lambda x: x.reshape(-1), tree)
        size = jax.tree.leaves(flat)[0].size
        lane = jnp.asarray(self.watched[name]) - lax.axis_index(AXIS) * size
        is_local = (lane >= 0) & (lane < size)
        lane = jnp.where(is_local, lane, 0)
        return jax.tree.map(lambda x: x[lane], flat), lane, is_local

    def _states_now(self, fixed: State, state: State) -> State:
        """States of the neurons that are watched [SI], as one row."""
        rows = {}
        for name in self.watched:
            constants, group_state = fixed["groups"][name], state["groups"][name]
            tree = (
                {k: constants[k] for k in ("values", "bias")},
                group_state["parts"],
                group_state["input"],
            )
            lanes, _, is_local = self._watched_lanes(name, tree)
            visible = jax.vmap(self.neurons[name].visible_state)(*lanes)
            rows[name] = {
                k: lax.psum(jnp.where(is_local, x, 0), AXIS)[None] for k, x in visible.items()
            }
        return rows

    def _states_between(self, fixed: State, before: State, arrivals: State, first, begin) -> State:
        """States of the neurons that are watched [SI] at those steps of a chunk, from step `begin` of it on, that are
        multiples of `every`.

        These neurons are computed once more, alone, from their states before the chunk: no other one waits for that.
        """
        steps, every, rows = self.plan.clock.steps, self.every or 1, {}
        for name in self.watched:
            block, constants = self.plan.layouts[name].block, fixed["groups"][name]
            constants = {k: constants[k] for k in ("values", "bias", "key")}
            tree = (constants, before[name]["parts"], before[name]["input"])
            (constants, parts, inputs), lane, is_local = self._watched_lanes(name, tree)
            # Arrivals lie block by block, and within a block step by step.
            position = lane // block * (steps * block) + lane % block
            step = jnp.minimum(begin + jnp.arange(steps, dtype=lane.dtype), steps - 1)
            position = position[None, :] + block * step[:, None]
            lane_arrivals = [x[position] for x in arrivals[name].values()]
            start = first + begin
            visible = self.neurons[name].path(constants, parts, inputs, lane_arrivals, start)
            # Steps after which `every` divides the number of steps so far.
            row = every - 1 - start % every + every * jnp.arange(self.rows, dtype=jnp.int32)
            row = jnp.minimum(row, steps - 1)  # the rest is not read
            rows[name] = {
                k: lax.psum(jnp.where(is_local, x[row], 0), AXIS) for k, x in visible.items()
            }
        return rows

    def _chunk(self, fixed: State, state: State, scratch: State, k, room: Room, span: Any = None):
        """State after a chunk, arrivals, spikes, traces, energies and checks; room needed by group.

        Of a chunk only the steps from the first to before the second of `span`, where it is given.
        """
        clock, groups, ring = self.plan.clock, dict(state["groups"]), dict(state["ring"])
        weights = jax.tree.map(lambda x: x[0], state["weights"])
        begun = self._begun(fixed, state, span)
        conductances = {
            # An edge may belong to a circuit of any shard.
            d: lax.all_gather(g, AXIS, tiled=True)
            for d, g in zip(self.circuit_weights, begun["conductances"], strict=True)
        }
        arrivals = {
            n: self._arrivals(n, x, fixed, ring, k, weights, conductances)
            for n, x in scratch.items()
        }
        first, spikes, needs, checks, energies = k * clock.steps, {}, {}, {}, {}
        begin, end = (jnp.int32(0), jnp.int32(clock.steps)) if span is None else span
        for name, size in room.all:
            constants, group = fixed["groups"][name], groups[name]
            if name in self.plan.layouts:
                due = [
                    (self._table(fixed, i), ring[self.plan.rows[i][0]]) for i in self._tables(name)
                ]
                part = places(size, self.plan.shards)
                groups[name], spike_list, rates, sums = self._advance_neurons(
                    name,
                    constants,
                    group,
                    (arrivals[name], due),
                    first,
                    room.per_member,
                    part,
                    span,
                )
                checks[name] = (rates, self._first_not_finite(name, groups[name]["parts"]))
                energies |= {name: sums} if sums else {}
                *lists, total, per_member = self._gather(spike_list, size)
            else:
                lists, total, per_member, groups[name] = self._source(
                    name, constants, group, first, (begin, end), room.per_member, size
                )
            number, step = lists
            if self._is_in_order(name):
                number, step = in_order_of_time(number, step, total)
            spikes[name] = (number, step, jnp.minimum(total, size))
            sent = (number, step, total)
            if span is not None:
                number, step, before = self._due(ring, name, 0, k)
                sent = append_spikes((number, step, jnp.where(begin > 0, before, 0)), sent)
            ring[name] = self._keep(ring, name, k, sent)
            needs[name] = (per_member.astype(jnp.int32), sent[-1])
        weights = self._program_devices(fixed, weights, ring, k, (begun["last"], groups), end)
        weights = jax.tree.map(lambda x: x[None], weights)
        before = state["groups"]
        state = {"groups": groups, "ring": ring, "weights": weights, "begun": begun}
        if self._is_between:
            traces = self._states_between(fixed, before, arrivals, first, begin)
        else:
            traces = self._states_now(fixed, state)
        return state, arrivals, (spikes, traces, energies, checks), needs

    @property
    def circuit_weights(self) -> list[ConductanceOf]:
        """Devices in circuits that are weights."""
        devices = [r.devices for *_, r in self.plan.rows]
        return list(dict.fromkeys(d for d in devices if isinstance(d, ConductanceOf)))

    @property
    def taught(self) -> list[str]:
        """Groups that programmed devices lead to."""
        return list(dict.fromkeys(self.plan.rows[k][1] for k in self.programming))

    def _begun(self, fixed: State, state: State, span: Any) -> State:
        """Return the values at the beginning of a chunk that hold for all of it: conductances of devices in
        circuits that are weights [S]; the step of the last spike of each neuron that programmed devices lead to.
        """
        groups = state["groups"]
        now = {
            "conductances": [self._read(d, fixed, groups) for d in self.circuit_weights],
            "last": {n: groups[n]["last"] for n in self.taught},
        }
        if span is None:
            return now
        return jax.tree.map(lambda x, y: jnp.where(span[0] == 0, x, y), now, state["begun"])

    def _advance_neurons(
        self,
        name: str,
        constants: State,
        state: State,
        arriving: tuple,
        first,
        per_member: int,
        room,
        span: Any,
    ):
        """Neurons after a chunk, their spikes, the largest rates and energies, see `NeuronProgram.chunk_end`."""
        program, kernel, (arrivals, due) = self.neurons[name], self.kernels[name], arriving
        lane_constants = {k: constants[k] for k in ("values", "bias", "key")}
        numbers = ("first", "target", "weight", "delay")
        tables = [(*(t[n] for n in numbers), *spikes) for t, spikes in due]
        steps = jnp.stack([first, *map(jnp.int32, span or (0, program.steps))])
        arrays = [*arrivals.values(), *(x for table in tables for x in table)]
        words = words_of_spikes(per_member, program.steps)
        begin = program.chunk_begin(state)
        carry, spikes = kernel(lane_constants, begin, steps, arrays, words)
        end = jax.vmap(lambda c, s, x, w: program.chunk_end(c, s, x, w, first, per_member))
        state, count, slots, rates, sums = end(constants, state, carry, spikes)
        slots = slots.reshape(-1, per_member)
        spike_list = list_spikes(slots, count, lax.axis_index(AXIS) * slots.shape[0], room)
        sums = tuple(lax.psum(jnp.sum(x, axis=0), AXIS) for x in sums)
        return state, spike_list, [lax.pmax(jnp.max(x), AXIS) for x in rates], sums

    def _table(self, fixed: State, k: int) -> State:
        """Connections, as far as this shard has them."""
        table, rows = fixed["rows"][k], self.plan.rows[k][3]
        shared = ("weight", "delay")
        shard = {n: jax.tree.map(lambda x: x[0], x) for n, x in table.items() if n not in shared}
        return shard | {n: table[n][0] if getattr(rows, n).ndim else table[n] for n in shared}

    def _due(self, ring: State, name: str, ago: int, chunk) -> tuple:
        """Spikes of a group of so many chunks ago."""
        slot = (chunk - ago) % self.plan.memory(name)
        return jax.tree.map(lambda x: x[slot], ring[name])

    def _keep(self, ring: State, name: str, chunk, sent: tuple) -> tuple:
        """Lists of spikes of a group with those of a chunk: they stay for as many chunks as the longest delay."""
        slot, (number, step, total) = chunk % self.plan.memory(name), sent
        return jax.tree.map(
            lambda all, x: lax.dynamic_update_index_in_dim(all, x, slot, 0),
            ring[name],
            (number, step, jnp.minimum(total, number.size)),
        )

    def _arrivals(
        self,
        name: str,
        scratch: dict,
        fixed: State,
        ring: State,
        chunk,
        weights: State,
        conductances: dict,
    ) -> dict:
        """Sums of the weights that arrive at a group's neurons in each step of a chunk, block after block, by the
        number of the receptor, see `_dense`.
        """
        layout = self.plan.layouts[name]
        arrivals = {k: jnp.zeros_like(x) for k, x in scratch.items()}
        for k, (pre, post, receptor, rows) in enumerate(self.plan.rows):
            if post != name or receptor not in arrivals:
                continue
            table = self._table(fixed, k)
            weigh = self._weigh(k, table, weights, conductances)

            def deliver(ago, arrivals, pre=pre, table=table, rows=rows, weigh=weigh):
                due = self._due(ring, pre, ago, chunk)
                return deliver_spikes(arrivals, table, rows, layout.block, due, weigh, ago=ago)

            arrivals[receptor] = _visit(rows, deliver, arrivals[receptor])
        return arrivals

    def _weigh(self, k: int, table: State, weights: State, conductances: dict) -> Callable:
        """Weights of edges of connections."""
        devices, weight = self.plan.rows[k][3].devices, table["weight"]
        if isinstance(devices, DriftWeights):
            return lambda edge: self.programming[k].weight(weights[str(k)], edge)
        if isinstance(devices, ConductanceOf):
            g = conductances[devices]
            return lambda edge: devices.scale * (g[table["edge"][edge]] - devices.reference)
        return (lambda edge: weight) if weight.ndim == 0 else (lambda edge: weight[edge])

    def _read(self, devices: ConductanceOf, fixed: State, groups: State):
        """Conductances of devices in circuits that are weights, of this shard [S]."""
        name = devices.group
        read = jax.vmap(jax.vmap(partial(self.neurons[name].conductance, devices)))
        return read(fixed["groups"][name]["values"], groups[name]["parts"]).reshape(-1)

    def _program_devices(
        self, fixed: State, weights: State, ring: State, chunk, targets: tuple, end
    ) -> State:
        """Devices after the pulses of a chunk, given the last spikes of their targets before it and groups after it:
        they change at its end, so that its own arrivals met the old weights.
        """
        first = chunk * self.plan.clock.steps

        def program_all(weights):
            new_weights = dict(weights)
            for k, program in self.programming.items():
                pre, post, _, rows = self.plan.rows[k]
                last = tuple(x.reshape(-1) for x in (targets[0][post], targets[1][post]["last"]))
                table, device_state = self._table(fixed, k), new_weights[str(k)]

                def arrive(ago, state, program=program, pre=pre, table=table, last=last):
                    due = self._due(ring, pre, ago, chunk)
                    return program.arrivals(table, state, due, last, first, ago=ago)

                device_state = _visit(rows, arrive, device_state)
                offset = lax.axis_index(AXIS) * last[0].shape[0]
                sent = self._due(ring, post, 0, chunk)
                new_weights[str(k)] = program.target_spikes(
                    table, device_state, sent, offset, first
                )
            return new_weights

        if not self.programming:
            return weights
        return lax.cond(end == self.plan.clock.steps, program_all, lambda x: x, weights)

    def _gather(self, spike_list: tuple, room: int) -> tuple:
        """Spikes of all shards, members in order."""
        number, step, total, per_member = spike_list
        shards, part = self.plan.shards, places(room, self.plan.shards)
        if shards > 1:
            number, step = (lax.all_gather(x, AXIS, tiled=True) for x in (number, step))
            (index,) = jnp.nonzero(number >= 0, size=room, fill_value=0)
            most, per_member = lax.pmax(total, AXIS), lax.pmax(per_member, AXIS)
            total = lax.psum(total, AXIS)
            fine = jnp.arange(room, dtype=jnp.int32) < total
            number, step = jnp.where(fine, number[index], -1), jnp.where(fine, step[index], 0)
            # Where the part of a device was cut there was not enough room, whatever the sum.
            total = jnp.maximum(total, jnp.where(most > part, room_for(most, shards), 0))
        return number, step, total, per_member

    def _source(
        self, name: str, constants: State, state: State, first, span, per_member: int, room: int
    ):
        """Spikes of sources in some steps of a chunk."""
        group, clock = self.plan.groups[name], self.plan.clock
        if isinstance(group, Poisson):
            interval = round(group.interval / clock.dt) if group.interval else 0
            state, count, slots = poisson_chunk(
                constants, state, first, span[1], per_member, interval
            )
            number, step, total, largest = list_spikes(slots, count, 0, room)
            return (number, step), total, largest, state
        begin, end = (
            jnp.searchsorted(constants["step"], first + x).astype(jnp.int32) for x in span
        )
        # The list is in order of time: the spikes of a chunk are one stretch of it.
        k = begin + jnp.arange(room, dtype=jnp.int32)
        fine, last = k < end, max(len(constants["step"]) - 1, 0)
        if not len(constants["step"]):
            none = jnp.zeros(room, jnp.int32)
            zero = jnp.zeros((), jnp.int32)
            return (none - 1, none), zero, zero, state
        number = jnp.where(fine, constants["source"][jnp.minimum(k, last)], -1)
        step = jnp.where(fine, constants["step"][jnp.minimum(k, last)] - first, 0)
        count = state["count"].at[jnp.where(fine, number, group.n)].add(1, mode="drop")
        return (
            (number, step),
            end - begin,
            jnp.zeros((), jnp.int32),
            {"count": count},
        )


def _visit(rows: Rows, visit: Callable, state: Any) -> Any:
    """State after visits for spikes of all chunks that may arrive, see `Rows.visits`: ``visit(ago, state)`` each."""
    visits = rows.visits
    if len(visits) == 1:
        return visit(rows.latest, state)

    def visit_next(k, state):
        return visit(rows.latest - k.astype(jnp.int32), state)

    return lax.fori_loop(0, len(visits), visit_next, state)


@dataclass(frozen=True)
class _Structure:
    """The hash of a program, by which programs are compared, and a function that builds it."""

    word: str
    build: Callable[[], ExchangeProgram] = field(compare=False)


@lru_cache(maxsize=_PROGRAMS)
def _cached_program(structure: _Structure) -> ExchangeProgram:
    """The program of all networks of a structure."""
    return structure.build()


def exchange_program(
    plan: Plan,
    *,
    devices: Sequence[Any],
    dtype: Any,
    watched: Mapping[str, Any],
    every: int | None,
    energy: bool = False,
) -> ExchangeProgram:
    """The program of a network, which others of its structure share, see `ExchangeProgram`."""
    outline = plan.outline()
    options: dict[str, Any] = dict(
        devices=devices, dtype=dtype, watched=watched, every=every, energy=energy
    )
    build = partial(ExchangeProgram, outline, **options)
    digest = Digest().add(_structure(outline)).add(options | {"dtype": str(np.dtype(dtype))})
    digest.add(chosen_backend()).add([d.id for d in devices]).add(
        bool(jax.config.values["jax_enable_x64"])
    )
    return _cached_program(_Structure(digest.word(), build)) if digest.lasting else build()


def _structure(outline: Plan) -> dict[str, Any]:
    """All numbers that a program holds as constants."""
    groups = {}
    for name, g in outline.groups.items():
        content = vars(g)
        if isinstance(g, Neurons):
            # Values are arguments; only whether there is noise at all decides on the program.
            ones = dict.fromkeys(g.values, 1.0)
            content = content | {
                "circuit": replace_values(g.circuit, ones) if ones else g.circuit,
                "values": {k: not np.any(x) for k, x in g.values.items()},
            }
        groups[name] = {"kind": type(g).__name__, **content}
    layouts = {n: [x.block, x.blocks, x.receptors] for n, x in outline.layouts.items()}
    return {
        "clock": outline.clock,
        "groups": groups,
        "layouts": layouts,
        "rows": outline.rows,
        "shards": outline.shards,
    }
