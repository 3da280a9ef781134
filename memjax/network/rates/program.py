"""The program that all rates share: a network in exchange intervals, for traced parameters and seeds."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ...errors import NetworkError
from ..groups import Group, Neurons, Poisson
from ..network import Network
from ..neuron_program import NeuronProgram, member_keys
from ..plan import Layout, State, edge_delays, layout, receptor_number
from ..poisson import poisson_begin, poisson_chunk, poisson_rates
from ..projection import Projection

Rates = dict[str, Float[Array, " members"]]
Values = Mapping[str, Mapping[str, Any]]
Weights = Mapping[str, Any]

_RESIDUALS = 2**31
"""Size of the states that reverse mode keeps [bytes]; of larger runs it keeps fewer and recomputes the others."""


class AbstractEmission(eqx.Module):
    """How one neuron turns its states into spikes, hard or soft."""

    @abstractmethod
    def begin(self, program: NeuronProgram, constants: State, parts: State, inputs: list) -> State:
        """Memory of one neuron before the first step."""

    @abstractmethod
    def step(
        self, program: NeuronProgram, constants: State, memory: State, **step_data: Any
    ) -> tuple[Array, State, State]:
        """Output of the neuron in a step, its states after the step, and its memory.

        Parameters
        ----------
        program, constants : NeuronProgram, dict
            Equations and parameters of the neuron.
        memory : dict
            Its memory, with the spikes so far as `count`.
        **step_data
            States `before` and `after` the step, `inputs` during it, and its `number`.
        """


def check_numbers(network: Network, where: str) -> None:
    """Refuse weights that are devices.

    Raises
    ------
    NetworkError
        Names the projection.
    """
    for p in network.projections:
        if not isinstance(p.weight, int | float | np.ndarray):
            kind = type(p.weight).__name__
            raise NetworkError(
                f"weights that are a {kind}",
                where=f"{p.where}, {where}",
                allowed="numbers",
            )


class RateProgram:
    """Mean rates of a network as a function of parameters, weights and the seed.

    Parameters
    ----------
    network : Network
        The network.
    emission : AbstractEmission
        How neurons spike.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    warmup : float
        Time at the beginning whose spikes are not counted [s], rounded up likewise.
    most_spikes : int
        Largest number of spikes of a Poisson source in an exchange interval; rates are NaN where it is too small.
    where : str
        Name of the caller, for errors.
    """

    def __init__(
        self,
        network: Network,
        emission: AbstractEmission,
        *,
        duration: float,
        warmup: float,
        most_spikes: int,
        where: str,
    ):
        check_numbers(network, where)
        self.network, self.emission = network, emission
        self.most_spikes, self.where = most_spikes, where
        self.clock, self.dtype = network.clock, np.dtype(network.dtype)
        self.chunks = -(-network.steps(duration) // self.clock.steps)
        self.skipped = -(-network.steps(warmup) // self.clock.steps) if warmup else 0
        if not 0 <= self.skipped < self.chunks:
            raise NetworkError(
                f"warmup = {warmup:g} s of {duration:g} s",
                where=where,
                allowed="0 <= warmup < duration",
            )
        self.groups: dict[str, Group] = {g.name: g for g in network.groups}
        options: dict[str, Any] = dict(dt=self.clock.dt, steps=self.clock.steps, dtype=self.dtype)
        self.layouts: dict[str, Layout] = {
            g.name: layout(g, network.projections, 1)
            for g in network.groups
            if isinstance(g, Neurons)
        }
        self.programs = {n: NeuronProgram(x, **options) for n, x in self.layouts.items()}
        self.delays = {p.name: self._delays(p) for p in network.projections}
        self.memory = {n: self._memory(n) for n in self.groups}

    @property
    def counting_time(self) -> float:
        """Time whose spikes are counted [s]."""
        return (self.chunks - self.skipped) * self.clock.exchange

    def _memory(self, name: str) -> int:
        """Exchange intervals for which the spikes of a group are remembered."""
        ends = [
            int(np.max(-(-d // self.clock.steps), initial=1))
            for p in self.network.projections
            if p.pre == name
            for d, _ in self.delays[p.name]
        ]
        return max(ends, default=0)

    def _delays(self, p: Projection) -> list[tuple[np.ndarray, float]]:
        """Delay of each edge in steps, and the sign of what arrives: -1 for ends of pulses."""
        first = np.broadcast_to(edge_delays(p, self.clock), len(p.edges))
        if p.receptor.width is None:
            return [(first, 1.0)]
        later = self.clock.count_steps(p.receptor.width, where=f"width of {p.where}")
        return [(first, 1.0), (first + later, -1.0)]

    def keys(self, seed) -> dict[str, tuple]:
        """Words of the noise of the members of each group."""
        return {n: member_keys(seed, k, g.n) for k, (n, g) in enumerate(self.groups.items())}

    def neuron(self, name: str, values: Mapping[str, Any], key: tuple) -> State:
        """Parameters, biases and noise of the neurons of a group."""
        g: Any = self.groups[name]

        def per_neuron(x):
            return jnp.broadcast_to(jnp.asarray(x, self.dtype), (g.n,))

        return {
            "values": {n: per_neuron(x) for n, x in {**g.values, **values}.items()},
            "bias": {n: per_neuron(x) for n, x in g.biases.items()},
            "key": key,
        }

    def weights(self, weights: Weights) -> dict[str, Array]:
        """One weight per edge, by projection."""

        def number(p):
            return jnp.asarray(weights.get(p.name, p.weight), self.dtype)

        return {
            p.name: jnp.broadcast_to(number(p), (len(p.edges),)) for p in self.network.projections
        }

    def check(self, values: Values, weights: Weights) -> None:
        """Refuse names and shapes that the network does not have.

        Raises
        ------
        NetworkError
            Names what does not fit.
        """
        sizes = {p.name: len(p.edges) for p in self.network.projections}
        for name, x in weights.items():
            if name not in sizes:
                raise NetworkError(
                    f"no projection {name!r}",
                    where=f"weights of {self.where}",
                    allowed=", ".join(sizes),
                )
            self._check_shape(x, sizes[name], f"weights[{name!r}]")
        for name, table in values.items():
            if name not in self.programs:
                raise NetworkError(
                    f"no neurons {name!r}",
                    where=f"values of {self.where}",
                    allowed=", ".join(self.programs),
                )
            if not isinstance(table, Mapping):
                raise NetworkError(
                    f"a {type(table).__name__} as values of {name!r}",
                    where=self.where,
                    allowed="numbers by the name of a parameter",
                )
            for parameter, x in table.items():
                self._check_shape(x, self.groups[name].n, f"values[{name!r}][{parameter!r}]")

    def _check_shape(self, x: Any, n: int, name: str) -> None:
        """Refuse what is neither one number nor `n` of them."""
        if jnp.shape(x) not in {(), (n,)}:
            raise NetworkError(
                f"{name} of shape {jnp.shape(x)}", where=self.where, allowed=f"one number, or {n}"
            )

    def begin(self, constants: State) -> State:
        """All that changes: states of neurons, sources, and what was sent."""
        neurons = {n: self._neurons_at_rest(n, constants["neurons"][n]) for n in self.programs}
        sources = {
            n: poisson_begin(self._source(g, constants["keys"][n]))
            for n, g in self.groups.items()
            if isinstance(g, Poisson)
        }
        outputs = {n: self._silence(n) for n in self.groups if self.memory[n]}
        return {
            "neurons": neurons,
            "sources": sources,
            "sent": outputs,
            "full": jnp.zeros((), bool),
        }

    def _silence(self, name: str) -> Array:
        """Nothing sent: step numbers of Poisson sources, else numbers of spikes by step."""
        n, k = self.groups[name].n, self.memory[name]
        if isinstance(self.groups[name], Poisson):
            return jnp.full((k, n, self.most_spikes), -1, jnp.int32)
        return jnp.zeros((k, self.clock.steps, n), self.dtype)

    def _neurons_at_rest(self, name: str, constants: State) -> State:
        """States of neurons at the beginning."""
        program, g = self.programs[name], self.layouts[name].group
        state = program.resting_state(constants["values"]) | dict(g.start)

        def per_neuron(x):
            return jnp.broadcast_to(jnp.asarray(x, self.dtype), (g.n,))

        parts = {s.name: per_neuron(state[s.name]) / s.scale for s in program.scaled.system.specs}
        inputs = [jnp.zeros(g.n, self.dtype) for _ in program.layout.receptors]

        def remember(*x):
            return self.emission.begin(program, *x)

        return {
            "parts": parts,
            "input": inputs,
            "memory": jax.vmap(remember)(constants, parts, inputs),
            "early": jnp.zeros(g.n, self.dtype),
        }

    def constants(self, values: Values, weights: Weights, seed) -> State:
        """All that does not change during a run."""
        keys = self.keys(seed)
        neurons = {n: self.neuron(n, values.get(n, {}), keys[n]) for n in self.programs}
        return {"neurons": neurons, "weights": self.weights(weights), "keys": keys}

    def run(self, values: Values, weights: Weights, seed) -> tuple[State, State]:
        """States at the end of the run, and its constants."""
        constants = self.constants(values, weights, seed)
        begin = self.begin(constants)
        end = self.scan(lambda state, k: self.chunk(constants, state, k), begin)
        return end, constants

    def scan(self, chunk, state: Any) -> Any:
        """State after all chunks; of reverse mode's states only as many are kept as there is room for."""
        size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
        # Checkpoints of both loops: at the square root of the number of chunks memory is least.
        inner = max(1, min(math.isqrt(self.chunks), math.ceil(size * self.chunks / _RESIDUALS)))
        one_chunk = jax.checkpoint(lambda state, k: (chunk(state, k), None))
        if inner == 1:
            return lax.scan(one_chunk, state, jnp.arange(self.chunks))[0]
        outer, remainder = divmod(self.chunks, inner)
        numbers = jnp.arange(outer * inner).reshape(outer, inner)
        many_chunks = jax.checkpoint(lambda state, ks: (lax.scan(one_chunk, state, ks)[0], None))
        state, _ = lax.scan(many_chunks, state, numbers)
        return (
            lax.scan(one_chunk, state, jnp.arange(outer * inner, self.chunks))[0]
            if remainder
            else state
        )

    def chunk(self, constants: State, state: State, k) -> State:
        """State after one exchange interval."""
        return self.traced_chunk(constants, state, k)[0]

    def traced_chunk(self, constants: State, state: State, k) -> tuple[State, State]:
        """State after one exchange interval, and scaled states of neurons after each of its steps."""
        first = k * self.clock.steps
        arrivals = self._arrivals(state["sent"], constants["weights"])
        neurons, sources, outputs, traces = {}, {}, dict(state["sent"]), {}
        full = state["full"]
        for name, g in self.groups.items():
            if name in self.programs:
                arguments = (
                    constants["neurons"][name],
                    state["neurons"][name],
                    arrivals[name],
                    first,
                )
                output, neurons[name], traces[name] = self._advance(name, *arguments)
                count, count_before = neurons[name]["memory"]["count"], neurons[name]["early"]
                neurons[name]["early"] = jnp.where(k < self.skipped, count, count_before)
            elif isinstance(g, Poisson):
                output, sources[name], overflow = self._fire(
                    g, constants, state["sources"][name], first
                )
                full = full | overflow
            else:
                output = self._list_spikes(g, first)
            if self.memory[name]:
                outputs[name] = jnp.concatenate([output[None], outputs[name][:-1]])
        end = {"neurons": neurons, "sources": sources, "sent": outputs, "full": full}
        return end, traces

    def rates(self, state: State) -> Rates:
        """Rates of neurons [1/s]; NaN where there was not room for all spikes of a source."""
        nan_if_full = jnp.where(state["full"], jnp.asarray(jnp.nan, self.dtype), 0)
        return {
            n: (s["memory"]["count"] - s["early"]) / self.counting_time + nan_if_full
            for n, s in state["neurons"].items()
        }

    def _arrivals(self, outputs: State, weights: State) -> dict[str, list]:
        """Sums of the weights that arrive in each step of a chunk, by group and receptor."""
        steps = self.clock.steps
        total = {
            n: [jnp.zeros((steps, target.group.n), self.dtype) for _ in target.receptors]
            for n, target in self.layouts.items()
        }
        for p in self.network.projections:
            k, target = receptor_number(p.receptor, self.layouts[p.post]), total[p.post]
            pre, post = np.asarray(p.edges.pre), np.asarray(p.edges.post)
            for delay, sign in self.delays[p.name]:
                w, sent = sign * weights[p.name][:, None], outputs[p.pre]
                if isinstance(self.groups[p.pre], Poisson):
                    for step in _arrival_steps(sent, pre, delay, steps):  # edges by spikes
                        target[k] = target[k].at[step, post[:, None]].add(w, mode="drop")
                else:
                    edge_input = w * _arriving(sent, pre, delay, steps)  # edges by steps
                    target[k] = (
                        target[k]
                        + jax.ops.segment_sum(edge_input, post, self.layouts[p.post].group.n).T
                    )
        return total

    def _advance(self, name: str, constants: State, state: State, arrivals: list, first) -> tuple:
        """Output of neurons in each step of a chunk, their states at its end, and their states after each step."""
        program = self.programs[name]

        def lane(constants, carry, step, lane_arrivals):
            parts, inputs, memory = carry
            end = program.step(constants, parts, inputs, step)
            step_data: State = {"before": parts, "after": end, "inputs": inputs, "number": step}
            output, parts, memory = self.emission.step(program, constants, memory, **step_data)
            inputs = [
                s * d + a for s, d, a in zip(inputs, program.decay, lane_arrivals, strict=True)
            ]
            return (parts, inputs, memory), output

        def advance(carry, step_data):
            carry, output = jax.vmap(lane, (0, 0, None, 0))(constants, carry, *step_data)
            return carry, (output if self.memory[name] else None, carry[0])

        steps = first + jnp.arange(self.clock.steps)
        begin = (state["parts"], state["input"], state["memory"])
        (parts, inputs, memory), (output, trace) = lax.scan(advance, begin, (steps, arrivals))
        end = {"parts": parts, "input": inputs, "memory": memory, "early": state["early"]}
        return output, end, trace  # XLA leaves out what nobody uses

    def _source(self, group: Poisson, key: tuple) -> State:
        """Keys and rates of Poisson sources."""
        rates = poisson_rates(group, dt=self.clock.dt).astype(np.float32)
        return {"key": key, "rates": jnp.asarray(rates), "most": jnp.asarray(rates.max(axis=0))}

    def _fire(self, group: Poisson, constants: State, state: State, first) -> tuple:
        """Steps of the spikes of Poisson sources, -1 for none; their state; whether there was not enough room."""
        interval = round(group.interval / self.clock.dt) if group.interval else 0
        source = self._source(group, constants["keys"][group.name])
        arguments = (first.astype(jnp.int32), self.clock.steps, self.most_spikes, interval)
        state, counts, slots = poisson_chunk(source, state, *arguments)
        return slots, state, jnp.any(counts > self.most_spikes)

    def _list_spikes(self, group: Any, first) -> Array:
        """Spikes of a list in each step of a chunk."""
        output = jnp.zeros((self.clock.steps, group.n), self.dtype)
        step = jnp.asarray(group.steps(self.clock.dt)) - first
        source = jnp.asarray(np.asarray(group.source))
        return output.at[step, source].add(1.0, mode="drop", wrap_negative_indices=False)


def _arrival_steps(sent: Array, pre: np.ndarray, delay: np.ndarray, steps: int) -> list[Array]:
    """Steps of a chunk in which spikes of Poisson sources arrive through edges, beyond the last for those that do not:
    of either chunk in which they may have been sent.
    """
    exchanges, offset = np.divmod(delay.astype(np.int32), steps)
    arrivals = []
    for late in (1, 0) if offset.any() else (0,):
        slots = sent[np.minimum(exchanges + late, len(sent)) - 1, pre]
        at = slots + (offset - late * steps)[:, None]
        arrivals.append(jnp.where((slots >= 0) & (at >= 0) & (at < steps), at, steps))
    return arrivals


def _arriving(sent: Array, pre: np.ndarray, delay: np.ndarray, steps: int) -> Array:
    """Return the arrivals through edges in each step of a chunk: edges by steps."""
    if not np.any(delay % steps):
        return sent[delay // steps - 1, :, pre]
    past = sent[::-1].reshape(-1, sent.shape[-1])  # steps from the earliest on
    return past[len(past) - delay[:, None] + np.arange(steps), pre[:, None]]
