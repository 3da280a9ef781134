"""Energy of a block of neurons between two exchanges of spikes: what each element takes, by what goes on meanwhile."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import lax

from ..circuit.power import drive_step_energies, kinds_of_elements, step_powers
from ..solver import linear_change
from .plan import Layout, State

if TYPE_CHECKING:
    from .neuron_program import NeuronProgram

PHASES = ("spike", "synaptic event", "integration")
"""What a step of a neuron belongs to: the first of these that applies."""

ON = 0.01
"""Share of the largest input that a receptor of a neuron has had so far above which an arrival is on."""

_SETTLE_TIME, _NEWTON_STEPS = 1e6, 40
"""Time [s] of an implicit step after which nodes have settled, and how many of them settle transistors, too."""


class EnergyProgram:
    """Ledger of the energy of one block of neurons.

    Parameters
    ----------
    program : NeuronProgram
        The equations and steps of these neurons.

    Attributes
    ----------
    kinds : dict of str to str
        Rows of the ledger, see `memjax.circuit.power.kinds_of_elements`.

    Notes
    -----
    Powers of single steps are added up in the precision of the states over the steps of an exchange interval, and over
    all intervals in float64 outside the program: a million steps lose no digits. What a step takes is defined by
    `memjax.circuit.power.step_powers`.
    """

    def __init__(self, program: "NeuronProgram"):
        self.program = program
        circuit: Any = program.scaled.system
        self.kinds = kinds_of_elements(circuit)
        self._sources = [k for k, kind in self.kinds.items() if kind in ("input", "supply")]
        ports = {circuit.names.index(p) for p in circuit.ports}
        # Only capacitors at nodes that a driven source holds are charged by its jumps.
        driven = [any(e in ports for _, e in terms) for terms in circuit.topology.offset]
        self._jumps = any(driven[a] or driven[b] for _, a, b in circuit.capacitors)
        self.rest_powers = jax.jit(jax.vmap(jax.vmap(self._rest_powers)))

    def begin(self, layout: Layout) -> State:
        """Return the ledger's memory of each neuron at the beginning."""
        zero = layout.lanes(0.0, self.program.dtype)
        return {
            "window": layout.lanes(False, bool),
            "peak": [zero for _ in layout.receptors],
            "given": [zero, zero],
        }

    def chunk_begin(self, memory: State) -> tuple:
        """Return the carry of a scan over the steps of a chunk: memory of the ledger, and sums by phase."""
        zero = jnp.zeros_like(memory["given"][0])
        return (
            memory["window"],
            memory["peak"],
            [dict.fromkeys(self.kinds, zero) for _ in PHASES],
            [jnp.zeros(zero.shape, jnp.int32) for _ in PHASES],
        )

    def add(
        self, constants: State, carry: tuple, number, step: tuple, inputs: tuple, crossing: tuple
    ) -> tuple:
        """The carry after a step of one neuron.

        Parameters
        ----------
        constants : dict
            Parameters and bias.
        carry : tuple
            See `chunk_begin`.
        number
            Of the step.
        step : tuple of dict
            States before the step, those at which it took its rates, and those at its end.
        inputs : tuple of list
            Inputs during the step, and after it.
        crossing : tuple of Bool[Array, ""]
            Whether the neuron fires at its end, and whether it re-arms.
        """
        window, peak, sums, counts = carry
        # The step is compiled as without a ledger, and its results enter here: spikes are the same to the bit.
        (before, stage, end), inputs = lax.optimization_barrier((step, inputs))
        now, later = inputs
        is_on, is_on_later = self._on(now, peak), False
        powers = self._powers(constants, number, (before, stage), now)
        phases = self._phases(window, is_on)
        sums = _accumulate(sums, powers, phases)
        peak = [jnp.maximum(p, jnp.abs(s)) for p, s in zip(peak, later, strict=True)]
        fires, rearms = crossing
        after = (window | fires) & ~rearms
        if self._jumps:
            is_on_later = is_on | self._on(later, peak)
            jump = self._jump_powers(constants, end, now, later)
            sums = _accumulate(sums, jump, self._phases(after, is_on_later))
        counts = [n + p.astype(jnp.int32) for n, p in zip(counts, phases, strict=True)]
        return after, peak, sums, counts

    def _on(self, inputs: list, peak: list):
        """Whether arrivals are on."""
        is_on = jnp.zeros((), bool)
        for s, p in zip(inputs, peak, strict=True):
            is_on = is_on | (jnp.abs(s) > ON * p)
        return is_on

    def _phases(self, window, is_on) -> list:
        """Whether a step belongs to each phase."""
        return [window, ~window & is_on, ~window & ~is_on]

    def _system(self, constants: State, parts: State) -> tuple[Any, State]:
        """Circuit of a neuron, and its states [SI]."""
        system = self.program.equations(constants["values"]).system
        return system, {s.name: parts[s.name] * s.scale for s in system.specs}

    def _powers(self, constants: State, number, step: tuple, inputs: list) -> State:
        """Power of each element in a step [W]."""
        program, (before, stage) = self.program, step
        h = jnp.asarray(program.dt, program.dtype)
        scaled, t = program.equations(constants["values"]), number.astype(program.dtype) * h
        system, state = self._system(constants, stage)

        def drive(p):
            return program.drive(system, p, inputs, constants["bias"])

        # Newton's next step: too small to be added to the voltages, but the balance of energies needs it.
        moved = {k: stage[k] - before[k] for k in scaled.linear}
        newton_change = linear_change(
            lambda p: scaled.rates(t, p, drive(p)), stage, scaled.linear, h, moved
        )
        newton_change = {k: newton_change.get(k, jnp.zeros_like(x)) for k, x in stage.items()}
        _, state_before = self._system(constants, before)
        _, correction = self._system(constants, newton_change)
        return step_powers(system, t, state, state_before, drive(stage), h, scaled.env, correction)

    def _jump_powers(self, constants: State, parts: State, inputs: list, later: list) -> State:
        """Energy that elements take as the inputs change at the end of a step, over the step [W]."""
        system, state = self._system(constants, parts)
        u, u_later = (
            self.program.drive(system, parts, s, constants["bias"]) for s in (inputs, later)
        )
        energies = drive_step_energies(system, state, u, u_later)
        return {k: x / jnp.asarray(self.program.dt, x.dtype) for k, x in energies.items()}

    def chunk_end(self, constants: State, memory: State, carry: tuple) -> tuple[State, tuple]:
        """Memory of the ledger after a chunk, and the sums of a block by phase: of powers [W] by element, of steps."""
        window, peak, sums, counts = carry
        real = constants["real"]
        (high, low), supply = memory["given"], -sum(t[k] for t in sums for k in self._sources)
        memory = {"window": window, "peak": peak, "given": _add_twice(high, low, supply)}
        powers = [[jnp.sum(jnp.where(real, t[k], 0)) for k in self.kinds] for t in sums]
        steps = [jnp.sum(jnp.where(real, n, 0)).astype(self.program.dtype) for n in counts]
        return memory, (jnp.asarray(powers), jnp.asarray(steps))

    def _rest_powers(self, constants: State) -> State:
        """Power of each element of one neuron at rest [W]: no drive, devices at rest, nodes settled."""
        scaled = self.program.equations(constants["values"])
        system: Any = scaled.system
        initial = system.initial(scaled.env)
        parts = {s.name: initial[s.name] / s.scale for s in system.specs}
        zero = jnp.zeros((), self.program.dtype)
        u = zero if len(system.ports) == 1 else jnp.zeros(len(system.ports), self.program.dtype)

        def change(parts):
            # An implicit step of any length is one Newton step towards where no current is left over.
            if not scaled.linear:
                return {}
            long = zero + _SETTLE_TIME
            return linear_change(lambda p: scaled.rates(zero, p, u), parts, scaled.linear, long)

        def settle(_, parts):
            return parts | {k: parts[k] + c for k, c in change(parts).items()}

        parts = lax.fori_loop(0, _NEWTON_STEPS, settle, parts)
        newton_change = {k: jnp.zeros_like(x) for k, x in parts.items()} | change(parts)
        state, correction = (
            {s.name: p[s.name] * s.scale for s in system.specs} for p in (parts, newton_change)
        )
        return step_powers(system, zero, state, state, u, zero + 1.0, scaled.env, correction)


def _accumulate(sums: list, powers: State, phases: list) -> list:
    """Sums by phase with the powers of a step."""
    return [
        {k: x + jnp.where(phase, powers[k], 0) for k, x in table.items()}
        for table, phase in zip(sums, phases, strict=True)
    ]


def _add_twice(high, low, x) -> list:
    """Sum of a number in two parts and another number, exact to twice the digits."""
    total = high + x
    part = total - high
    # Knuth's sum without an error: what rounding took is carried in the lower part.
    error = (high - (total - part)) + (x - part)
    low = low + error
    top = total + low
    return [top, low - (top - total)]
