"""Integration of a block of neurons between two exchanges of spikes."""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int, UInt32

from ..circuit import replace_values
from ..core.fields import stored
from ..core.params import quiet
from ..core.scaling import Scaled
from ..errors import NetworkError
from ..lanes.drivers import ExchangeEnd
from ..lanes.program import StepProgram
from ..noise import device_key, increments, words
from ..solver import semi_implicit_euler_step
from ..solver.semi_implicit import rates_along
from .delivery import unpack_spikes
from .energy_program import EnergyProgram
from .plan import Layout, State
from .weights import ConductanceOf


@jax.jit
def _member_keys(seed, number, members):
    """Words of each member, traced once for all seeds and numbers."""

    def key(m):
        return words(device_key(seed, member=m, sweep=number))

    return jax.vmap(key)(members)


def member_keys(
    seed: int | Int[Array, ""], number: int, n: int
) -> tuple[UInt32[Array, "n"], UInt32[Array, "n"]]:
    """Both words of the noise keys of the members of a group with this number, or of the devices of a projection."""
    number_seed = seed if isinstance(seed, jax.Array) else np.int64(seed)  # a traced seed stays one
    return _member_keys(
        jnp.asarray(number_seed, jnp.result_type(int)), np.uint32(number), jnp.arange(n)
    )


class NeuronProgram:
    """The equations of one block of neurons, as steps between exchanges of spikes.

    Parameters
    ----------
    layout : Layout
        The group and its blocks.
    dt : float
        Step [s].
    steps : int
        Of a chunk.
    dtype
        Of the states.
    energy : bool
        Whether the energy of the elements is added up, see `EnergyProgram`.
    """

    def __init__(self, layout: Layout, *, dt: float, steps: int, dtype: Any, energy: bool = False):
        group = layout.group
        self.layout, self.steps, self.dtype = layout, steps, dtype
        maxima = {k: np.max(x) for k, x in group.values.items()}
        # Noise acts where any neuron has it; parameters have the precision of the states.
        circuit = quiet(replace_values(group.circuit, maxima) if maxima else group.circuit)
        dynamic, static = eqx.partition(circuit, eqx.is_inexact_array)
        cast = jax.tree.map(lambda x: x.astype(dtype), dynamic)
        self.scaled = Scaled(eqx.combine(cast, static), group.env)
        self.dt = dt
        several = [s.name for s in self.scaled.system.specs if s.size > 1]
        if several:
            raise NetworkError(
                f"states of several numbers: {', '.join(several)}",
                where=f"group {group.name!r}",
                allowed="devices whose states are one number each",
            )
        kinds = layout.receptors
        # Exact over a step of any length: a receptor's input decays as exp(-t / tau).
        self.decay = [
            np.asarray(1.0 if r.tau is None else np.exp(-dt / r.tau), dtype) for r in kinds
        ]
        self.channels = len(self.scaled.channels())
        self.visible_in_blocks = jax.jit(jax.vmap(jax.vmap(self.visible_state)))
        self._shift_in_blocks = jax.jit(jax.vmap(jax.vmap(self._shift)))
        self._rest = jax.jit(self._compute_rest)
        self.energy = EnergyProgram(self) if energy else None
        self._conductances: dict[ConductanceOf, Callable] = {}
        if self.scaled.has_jumps:
            raise NetworkError(
                "a device with jumps",
                where=f"group {group.name!r}",
                allowed="devices whose noise is continuous",
                fix="its diffusion form, where the model has one",
            )

    def resting_state(self, values: dict) -> State:
        """States at rest [SI]: of each neuron where values differ, else of one."""
        return self._rest(values)

    def _compute_rest(self, values: dict) -> State:
        """See `resting_state`."""

        def rest_of(v):
            return self.equations(v).system.initial(self.scaled.env)

        return jax.vmap(rest_of)(values) if values else rest_of({})

    @property
    def scale(self) -> dict[str, float]:
        """Scale of each state [SI]."""
        return {s.name: s.scale for s in self.scaled.system.specs}

    @property
    def units(self) -> dict[str, str]:
        """Unit of each state."""
        return {s.name: s.unit for s in self.scaled.system.specs}

    def begin(self, layout: Layout) -> State:
        """States at the beginning of the neurons of a layout."""
        group, lanes = layout.group, layout.lanes
        values = {k: jnp.asarray(x, self.dtype) for k, x in group.values.items()}
        resting = {k: np.asarray(x) for k, x in self.resting_state(values).items()}
        states = resting | {k: np.asarray(x).reshape(-1) for k, x in group.start.items()}
        parts = {k: lanes(states[k] / x, self.dtype) for k, x in self.scale.items()}
        inputs = [lanes(0.0, self.dtype) for _ in layout.receptors]
        parameters = layout.parameters(self.dtype)
        if group.start:
            # They are given as a trace shows them, and a solver sees some nodes otherwise.
            shift = self._shift_in_blocks(parameters, parts, inputs)
            parts |= {k: parts[k] + np.asarray(shift[k]) for k in group.start}
        visible = self.visible_in_blocks(parameters, parts, inputs)
        x = group.spike.sign * np.asarray(visible[group.spike.signal])
        zeros = lanes(0, np.int32)
        ledger = {} if self.energy is None else {"energy": self.energy.begin(layout)}
        return ledger | {
            "parts": parts,
            "armed": (x < self.rearm) & (np.arange(x.size).reshape(x.shape) < group.n),
            "input": inputs,
            "count": zeros,
            "last": zeros - 1,
            "isi": [lanes(0.0, self.dtype), lanes(0.0, self.dtype)],
        }

    @property
    def level(self) -> float:
        """Above which the signal, times the sign, fires."""
        return self.layout.group.spike.sign * self.layout.group.spike.level

    @property
    def never(self) -> float:
        """Level of a neuron that is not armed: finite, since kernels count on finite numbers."""
        return float(np.finfo(self.dtype).max)

    @property
    def rearm(self) -> float:
        """Below which it re-arms."""
        spike = self.layout.group.spike
        return spike.sign * (spike.level if spike.rearm is None else spike.rearm)

    def drive(self, system: Any, parts: State, inputs: list, bias: dict):
        """Value of each driven source."""
        ports = system.ports
        u = [bias[p] for p in ports]
        for r, s in zip(self.layout.receptors, inputs, strict=True):
            if r.reversal is None:
                k = ports.index(r.port or ports[0])
                u[k] = u[k] + s
        if any(r.reversal is not None for r in self.layout.receptors):
            state = {s.name: parts[s.name] * s.scale for s in system.specs}
            v = system.node_voltages(state, jnp.stack(u))
            for r, s in zip(self.layout.receptors, inputs, strict=True):
                if r.reversal is not None:
                    k = ports.index(r.port or ports[0])
                    node = system.topology.nodes[system.names.index(ports[k])][0]
                    u[k] = u[k] + s * (r.reversal - v[node])
        return u[0] if len(u) == 1 else jnp.stack(u)

    def equations(self, values: dict) -> Scaled:
        """The equations of one neuron."""
        # Noise that no neuron has is no part of the equations.
        overrides = {k: x for k, x in values.items() if stored(self.scaled.system, k) is not None}
        if not overrides:
            return self.scaled

        # `params.replace` would take them to the precision that JAX is set to.
        def pick(system):
            return [stored(system, name) for name in overrides]

        circuit = eqx.tree_at(pick, self.scaled.system, list(overrides.values()))
        return Scaled(circuit, self.scaled.env)

    def step(self, constants: State, parts: State, inputs: list, number):
        """States of one neuron after one step."""
        end = self._take_step(constants, parts, inputs, number)[0]
        return self.scaled.project_parts(end)

    def _take_step(self, constants: State, parts: State, inputs: list, number) -> tuple:
        """States of one neuron after one step, not yet projected onto their domain; its rates; the state that explicit
        parts took them at, and how fast these then moved without noise [1/s].
        """
        scaled, h = self.equations(constants["values"]), jnp.asarray(self.dt, self.dtype)
        t = number.astype(self.dtype) * h

        def drive(p):
            return self.drive(scaled.system, p, inputs, constants["bias"])

        kick = {k: jnp.zeros_like(x) for k, x in parts.items()}
        if self.channels:
            w = jnp.sqrt(h) * increments(
                constants["key"], number, channels=self.channels, dtype=self.dtype
            )
            kick = scaled.noise_increment(t, parts, drive(parts), w)

        def rates(p):
            return scaled.rates(t, p, drive(p))

        end = semi_implicit_euler_step(rates, parts, kick, h=h, linear=scaled.linear)
        stage = {k: end[k] if k in scaled.linear else x for k, x in parts.items()}
        rate = rates(stage)  # as the step has taken them: compilers see that they are the same
        return end, rates, stage, {k: rate[k] for k in parts if k not in scaled.linear}

    def _slopes(self, rates: Callable[[State], State], parts: State) -> State:
        """Rates at which the states that are taken explicitly act on themselves [1/s], negative where they decay.

        A step that jumps over a feature of the rates, as a gap that closes, begins where their size times the step is
        above 1: what jumps across a gap g at a rate c/g has dt c/g >= g, hence dt c/g^2 >= 1.
        """
        return {k: rates_along(rates, parts, k)[1][k] for k in parts if k not in self.scaled.linear}

    def _largest(self, parts: State):
        """Largest size of any of some states; 0 of none."""
        sizes = [jnp.max(jnp.abs(x)) for x in parts.values()]
        return reduce(_larger, sizes) if sizes else jnp.zeros((), self.dtype)

    def _shift(self, constants: State, parts: State, inputs: list) -> State:
        """Return the offset of scaled states between a trace and a solver."""
        system: Any = self.equations(constants["values"]).system
        state = {s.name: parts[s.name] * s.scale for s in system.specs}
        voltages = system.internal_state(
            state, self.drive(system, parts, inputs, constants["bias"])
        )
        return {s.name: (voltages[s.name] - state[s.name]) / s.scale for s in system.specs}

    def visible_state(self, constants: State, parts: State, inputs: list) -> State:
        """States as they are recorded and compared with thresholds [SI]."""
        system = self.equations(constants["values"]).system
        state = {s.name: parts[s.name] * s.scale for s in system.specs}
        return system.visible_state(state, self.drive(system, parts, inputs, constants["bias"]))

    def conductance(self, weight: ConductanceOf, values: dict, parts: State):
        """Conductance of a device of the circuit [S]."""
        system: Any = self.equations(values).system
        device, v = system.devices[weight.element], jnp.asarray(weight.read_voltage, self.dtype)
        scale = {s.name: s.scale for s in system.specs}
        names = [s.name for s in device.states]
        device_state = {
            n: parts[f"{weight.element}.{n}"] * scale[f"{weight.element}.{n}"] for n in names
        }
        return device.current(jnp.zeros((), self.dtype), device_state, v, self.scaled.env) / v

    def conductances_in_blocks(self, weight: ConductanceOf, values: dict, parts: State):
        """Conductances of a device of all circuits [S], in blocks."""
        if weight not in self._conductances:
            read = partial(self.conductance, weight)
            self._conductances[weight] = jax.jit(jax.vmap(jax.vmap(read)))
        return self._conductances[weight](values, parts)

    def _decay_now(self, constants: State, parts: State, inputs: list):
        """Largest rate at which a state that is taken explicitly decays [1/s], of one neuron as it stands."""
        scaled, t = self.equations(constants["values"]), jnp.zeros((), self.dtype)

        def drive(p):
            return self.drive(scaled.system, p, inputs, constants["bias"])

        slopes = self._slopes(lambda p: scaled.rates(t, p, drive(p)), parts)
        return self._largest({k: jnp.minimum(x, 0) for k, x in slopes.items()})

    def _incoming(self, inputs: list, arrivals: list) -> list:
        """Inputs after a step: they decay, and what arrives is added."""
        terms = zip(inputs, self.decay, arrivals, strict=True)
        return [s * d + a for s, d, a in terms]

    def path(self, constants: State, parts: State, inputs: list, arrivals: list, first) -> State:
        """States of some neurons after each step of a chunk [SI], by steps and neurons."""

        def lane(constants, carry, number, arrivals):
            parts, inputs = carry
            parts = self.step(constants, parts, inputs, number)
            visible = self.visible_state(constants, parts, inputs)
            return (parts, self._incoming(inputs, arrivals)), visible

        def advance(carry, step_inputs):
            return jax.vmap(lane, (0, 0, None, 0))(constants, carry, *step_inputs)

        numbers = first + jnp.arange(self.steps, dtype=jnp.int32)
        return lax.scan(advance, (parts, inputs), (numbers, arrivals))[1]

    def chunk_begin(self, state: State) -> tuple:
        """Return the carry from step to step of a chunk, of one neuron, a block, or all: states and inputs, the
        level above which it fires, the largest slopes and rates so far [1/s], and sums of energies.
        """
        none = jnp.zeros_like(state["armed"], self.dtype)
        return (
            state["parts"],
            # What is not armed has no level: numbers of one width keep the loop in whole vectors.
            jnp.where(state["armed"], jnp.asarray(self.level, self.dtype), self.never),
            state["input"],
            none,
            none,
            () if self.energy is None else self.energy.chunk_begin(state["energy"]),
        )

    def step_program(self) -> StepProgram:
        """The step of one neuron, see `lane`."""
        group = self.layout.group
        number, word = (jax.ShapeDtypeStruct((), x) for x in (self.dtype, np.uint32))
        constants = {
            "values": dict.fromkeys(group.values, number),
            "bias": dict.fromkeys(group.biases, number),
            "key": (word, word),
        }
        state: State = {
            "parts": dict.fromkeys(self.scale, number),
            "armed": jax.ShapeDtypeStruct((), bool),
            "input": [number] * len(self.layout.receptors),
        }
        if self.energy is not None:
            memory = self.energy.begin(self.layout)
            state["energy"] = jax.tree.map(lambda x: jax.ShapeDtypeStruct((), x.dtype), memory)

        def step(constants, carry, shared, moment):
            carry, fires, end = self.lane(constants, carry, *moment)
            return carry, ExchangeEnd(end, fires)

        return StepProgram(step, constants, jax.eval_shape(self.chunk_begin, state))

    def lane(self, constants: State, carry: tuple, number, arrivals: list) -> tuple:
        """The carry of one neuron after a step, see `chunk_begin`; whether it fires at its end; and its states there
        before they are projected onto their domain, which are finite where all is well.
        """
        before, level, inputs, slope, speed, ledger = carry
        end, rates, stage, speeds = self._take_step(constants, before, inputs, number)
        parts = self.equations(constants["values"]).project_parts(end)
        slope = _larger(self._largest(self._slopes(rates, stage)), slope)
        speed = _larger(self._largest(speeds), speed)
        spike = self.layout.group.spike
        x = spike.sign * self.visible_state(constants, parts, inputs)[spike.signal]
        held, inputs = inputs, self._incoming(inputs, arrivals)
        # A Schmitt trigger: noise about the level fires once, until the signal has been below
        # the lower one.
        fires, rearms = x > level, x < self.rearm
        armed = jnp.where(rearms, jnp.asarray(self.level, self.dtype), level)
        level = jnp.where(fires, jnp.asarray(self.never, self.dtype), armed)
        if self.energy is not None:
            states, crossing = (before, stage, parts), (fires, rearms)
            ledger = self.energy.add(constants, ledger, number, states, (held, inputs), crossing)
        return (parts, level, inputs, slope, speed, ledger), fires, end

    def chunk_end(
        self, constants: State, state: State, carry: tuple, words: list, first, per_member: int
    ) -> tuple:
        """A block after a chunk, given what was carried, and the words of its spikes, see `unpack_spikes`.

        Returns
        -------
        tuple
            Its state; the number of spikes of each neuron; the numbers of the steps of up to `per_member` of them, -1
            for none; the step times the largest rate at which a state that is taken explicitly acts on itself in any
            step of any neuron, see `_slopes`; that of decay of any neuron at the end; and how far such a state moved
            in any step, in units of its scale; and the sums of `EnergyProgram.chunk_end`, empty without a ledger.
        """
        parts, level, inputs, slope, speed, ledger = carry
        # A lane beyond the last neuron never re-arms.
        armed = (level < self.never) & constants["real"]
        slots, count = unpack_spikes(words, per_member, self.steps)
        slots = [jnp.where(constants["real"], s, -1) for s in slots]
        count = jnp.where(constants["real"], count, 0)
        at_end = jax.vmap(self._decay_now)(constants, parts, inputs)
        sizes = (slope * self.dt, at_end * self.dt, speed * self.dt)
        rates = [jnp.max(jnp.where(constants["real"], x, 0)) for x in sizes]
        state = state | {"parts": parts, "armed": armed, "input": inputs}
        sums: tuple = ()
        if self.energy is not None:
            memory, sums = self.energy.chunk_end(constants, state["energy"], ledger)
            state = state | {"energy": memory}
        return (
            _update_statistics(state, count, slots, first),
            count,
            jnp.stack(slots, axis=-1),
            rates,
            sums,
        )


def _larger(x, y):
    """The larger of two sizes; the second one where either is no number.

    A slope may be none in passing, as that of a root at 0, where the state is fine: one at an exchange is told, see
    `NeuronProgram.chunk_end`, and a state that is none ends the run. It is one instruction, `jnp.maximum` three.
    """
    return jnp.where(x > y, x, y)


def _update_statistics(state: State, spikes, slots: list, first) -> State:
    """Running statistics of a block: spikes, time of the last one, sums of intervals and of their squares [steps]."""
    last, (total, squares) = state["last"], state["isi"]
    for s in slots:
        gap = (first + s - last).astype(total.dtype)
        counts = (s >= 0) & (last >= 0)
        total = total + jnp.where(counts, gap, 0)
        squares = squares + jnp.where(counts, gap * gap, 0)
        last = jnp.where(s >= 0, first + s, last)
    return state | {"count": state["count"] + spikes, "last": last, "isi": [total, squares]}
