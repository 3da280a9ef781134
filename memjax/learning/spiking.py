"""A network of one-memristor neurons in reduced form: batches of samples, gradients, and back to the full physics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import NetworkError
from ..network import Network, Neurons, SpikeList
from ..network.neuron_program import member_keys
from ..runtime.flags import check_flags
from .reduced_neuron import ReducedNeuron, ReducedState, draws
from .reduction import reduce
from .samples import Samples, check_decision, winners

Parameters = dict[str, dict[str, Any]]
"""``weights`` by projection, sources times targets [V], and ``bias`` by group [V]."""

_FIELDS = {"c_gate.c": "c", "r_c.r": "r_c"}
"""Parameters of the circuit that the reduced neuron calls otherwise; those of the memristor keep their names."""


class Outputs(eqx.Module):
    """Activity of a group of neurons in each sample.

    Parameters
    ----------
    counts : Float[Array, "batch neurons"]
        Spikes.
    first : Float[Array, "batch neurons"]
        Time of the first spike [s], with its exact derivative; the duration where there is none.
    filament : Float[Array, "batch neurons"]
        Mean of the filament over time: the membrane.
    gap : Float[Array, "batch neurons"]
        The least gap: how close one came that did not fire.
    """

    counts: Float[Array, "batch neurons"]
    first: Float[Array, "batch neurons"]
    filament: Float[Array, "batch neurons"]
    gap: Float[Array, "batch neurons"]


class SpikingNetwork:
    """A network in reduced form.

    Parameters
    ----------
    network : Network
        Groups of `1m1t1r` neurons and one source, a `SpikeList` of which only name and size are used. Weights are
        numbers, connections have one delay per projection, at most one edge joins two members.
    dt : float
        Step [s]; all delays and widths are taken to whole steps, at least one.
    noise : bool
        Whether neurons have the noise of their devices.
    spikes : {"surrogate", "exact", "soft"}
        Spikes that are passed on: 0 or 1, with the exact derivatives of their times and that of soft spikes for
        whether there is one; with those of their times only; or soft ones.
    **options
        As for `memjax.learning.reduce`.

    Raises
    ------
    NetworkError
        For a network that this form does not have.
    """

    def __init__(
        self,
        network: Network,
        *,
        dt: float = 5e-5,
        noise: bool = True,
        spikes: str = "surrogate",
        **options: Any,
    ):
        check_flags({"noise": noise}, where="SpikingNetwork")
        if spikes not in ("surrogate", "exact", "soft"):
            raise NetworkError(
                f"spikes = {spikes!r}", where="SpikingNetwork", allowed="surrogate, exact, soft"
            )
        self.network, self.dt, self.noise, self.spikes = network, dt, noise, spikes
        sources = [g for g in network.groups if not isinstance(g, Neurons)]
        if len(sources) != 1 or not isinstance(sources[0], SpikeList):
            raise NetworkError(
                f"{len(sources)} sources", where="SpikingNetwork", allowed="one, a SpikeList"
            )
        self.source = sources[0]
        self.groups: dict[str, Neurons] = {
            g.name: g for g in network.groups if isinstance(g, Neurons)
        }
        self.neurons = {n: self._reduce_group(g, options) for n, g in self.groups.items()}
        for p in network.projections:
            pairs = np.stack([p.edges.pre, p.edges.post])
            numbers = isinstance(p.weight, int | float | np.ndarray)
            if (
                not numbers
                or p.edges.delay is not None
                or np.unique(pairs, axis=1).shape[1] < len(p.edges)
            ):
                raise NetworkError(
                    "weights that are devices, delays by edge, or two edges between two members", where=p.where,
                    allowed="numbers, one delay, and one edge at most",
                )  # fmt: skip
            if p.receptor.reversal is not None or p.receptor.port not in (
                None,
                self.groups[p.post].circuit.ports[0],
            ):
                raise NetworkError(
                    "a reversal voltage or another port",
                    where=p.where,
                    allowed="the input, in volts",
                )
        self.masks = {p.name: self._dense(p, np.ones(len(p.edges))) for p in network.projections}
        self._evaluate = jax.jit(self.outputs)

    def _reduce_group(self, group: Neurons, options: Mapping[str, Any]) -> ReducedNeuron:
        """The neurons of a group, in the precision of the network."""
        spike = group.spike
        if spike.signal != "gate.v" or spike.sign != 1 or group.start:
            raise NetworkError(
                "another signal than gate.v, or states at the beginning", where=f"group {group.name!r}",
                allowed="spikes of gate.v, from rest",
            )  # fmt: skip
        rearm = spike.level if spike.rearm is None else spike.rearm
        neuron = reduce(group.circuit, level=spike.level, rearm=rearm, **options)
        neuron = with_values(neuron, {k: jnp.asarray(x) for k, x in group.values.items()})
        return jax.tree.map(lambda x: jnp.asarray(x, self.network.dtype), neuron)

    def _dense(self, p: Any, x: np.ndarray) -> np.ndarray:
        """Return numbers of the edges as a matrix, with 0 where there is no edge."""
        sizes = {g.name: g.n for g in self.network.groups}
        matrix = np.zeros((sizes[p.pre], sizes[p.post]), self.network.dtype)
        matrix[p.edges.pre, p.edges.post] = x
        return matrix

    @property
    def parameters(self) -> Parameters:
        """Weights and biases of the network."""
        weights = {
            p.name: jnp.asarray(self._dense(p, np.broadcast_to(p.weight, len(p.edges))))
            for p in self.network.projections
        }
        bias = {
            n: jnp.broadcast_to(
                jnp.asarray(next(iter(g.biases.values())), self.network.dtype), (g.n,)
            )
            for n, g in self.groups.items()
        }
        return {"weights": weights, "bias": bias}

    def to_network(self, parameters: Parameters) -> Network:
        """The network with these weights and biases."""
        projections = [
            replace(
                p,
                weight=np.asarray(parameters["weights"][p.name])[p.edges.pre, p.edges.post].astype(
                    float
                ),
            )
            for p in self.network.projections
        ]
        groups = [
            replace(g, bias=np.asarray(parameters["bias"][g.name], float))
            if isinstance(g, Neurons)
            else g
            for g in self.network.groups
        ]
        return replace(self.network, groups=groups, projections=projections)

    def outputs(
        self,
        parameters: Parameters,
        inputs: tuple[Float[Array, "steps batch sources"], Float[Array, "steps batch sources"]],
        seed: Any = 0,
        factors: Mapping[str, Mapping[str, Float[Array, "..."]]] | None = None,
    ) -> dict[str, Outputs]:
        """Outputs of all groups of neurons.

        Parameters
        ----------
        parameters : Parameters
            Weights and biases.
        inputs : tuple of Float[Array, "steps batch sources"]
            Spikes of the source in each step and their times, see `Samples.spikes`.
        seed : int
            Of the noise.
        factors : mapping of str to mapping of str to Float[Array, "neurons"], optional
            By what parameters of the neurons of a group are multiplied.
        """
        (steps, batch, _), dtype = inputs[0].shape, jnp.dtype(self.network.dtype)
        sizes = {n: (batch, g.n) for n, g in self.groups.items()}
        keys = (
            {n: self._keys(seed, k, s) for k, (n, s) in enumerate(sizes.items())}
            if self.noise
            else {}
        )
        # A leading axis of one for the samples of a batch.
        row = lambda x: x[None] if jnp.ndim(x) == 1 else x  # noqa: E731
        neurons = {
            n: jax.tree.map(row, scale_values(x, (factors or {}).get(n, {})))
            for n, x in self.neurons.items()
        }
        weights = {n: w * self.masks[n] for n, w in parameters["weights"].items()}
        spikes, times = (jnp.asarray(x, dtype) for x in inputs)
        sent = {self.source.name: (spikes, times)}
        out: dict[str, Outputs] = {}
        for stage in self.stages:
            drive = {
                n: jnp.broadcast_to(parameters["bias"][n], (steps, *sizes[n])).astype(dtype)
                for n in stage
            }
            inner = [p for p in self.network.projections if p.post in stage]
            for p in (p for p in inner if p.pre not in stage):
                drive[p.post] = (
                    drive[p.post] + self._filter_spikes(p, sent[p.pre]) @ weights[p.name]
                )
            loops = [p for p in inner if p.pre in stage]
            begin = {
                "neurons": {n: neurons[n].resting_state(sizes[n]) for n in stage},
                "out": {n: self._silence(sizes[n], steps, dtype) for n in stage},
                **self._memory(loops, batch, dtype),
            }
            step = self._step(stage, loops, neurons, weights, keys, steps)
            # Reverse mode keeps the states only, and computes each step again.
            state, passed = jax.lax.scan(jax.checkpoint(step), begin, (jnp.arange(steps), drive))
            sent |= passed
            out |= state["out"]
        return {n: out[n] for n in self.groups}

    @cached_property
    def stages(self) -> list[tuple[str, ...]]:
        """Groups in the order in which they can be solved over all time, one stage after the other.

        A group whose inputs are known is a stage of its own; what remains feeds back on itself and is one stage.
        Between stages a projection is one product over all steps and samples.
        """
        stages: list[tuple[str, ...]] = []
        remaining = list(self.groups)
        while remaining:
            needs = {(p.pre, p.post) for p in self.network.projections if p.pre in remaining}
            ready = [(n,) for n in remaining if all(post != n for _, post in needs)] or [
                tuple(remaining)
            ]
            stages += ready
            remaining = [n for n in remaining if all(n not in stage for stage in ready)]
        return stages

    def _memory(self, loops: list[Any], batch: int, dtype: Any) -> dict[str, Any]:
        """Return the memory of a stage that feeds back on itself: its spikes, and what remains of their input."""
        lengths: dict[str, int] = {}
        for p in loops:
            lengths[p.pre] = max(lengths.get(p.pre, 0), *self._steps(p))
        return {
            "input": {p.name: jnp.zeros((batch, self.groups[p.pre].n), dtype) for p in loops},
            "sent": {
                n: (jnp.zeros((k, batch, self.groups[n].n), dtype),) * 2 for n, k in lengths.items()
            },
        }

    def _step(self, stage, loops, neurons, weights, keys, steps: int) -> Callable:
        """One step of the groups of a stage under their input, for `jax.lax.scan`."""
        passed_on = {
            p.pre for p in self.network.projections if p.pre in stage and p.post not in stage
        }

        def step(state, at):
            number, u = at
            dtype = jnp.dtype(self.network.dtype)
            inputs_after = {}
            for p in loops:
                arrived = [tuple(x[k - 1] for x in state["sent"][p.pre]) for k in self._steps(p)]
                mean, inputs_after[p.name] = self._arrival(p, arrived, state["input"][p.name])
                u = u | {p.post: u[p.post] + mean @ weights[p.name]}
            sends, after, out = {}, {}, {}
            for n in stage:
                neuron = neurons[n]
                noise = draws(keys[n], number, dtype, neuron.stretches) if self.noise else None
                reached, done = neuron.step(state["neurons"][n], u[n], self.dt, noise)
                after[n] = _detach_above(reached, neuron.level)
                sends[n] = tuple(x.astype(dtype) for x in self._pass_on(done))
                out[n] = self._collect(state["out"][n], sends[n][0], done, after[n], number, steps)
            sent = {
                n: tuple(jnp.concatenate([new[None], old[:-1]]) for new, old in zip(sends[n], x))
                for n, x in state["sent"].items()
            }
            state = {"neurons": after, "input": inputs_after, "sent": sent, "out": out}
            return state, {n: x for n, x in sends.items() if n in passed_on}

        return step

    def _filter_spikes(self, p: Any, sent: tuple[Array, Array]) -> Float[Array, "steps batch pre"]:
        """Return the effect of all spikes of a projection's sources before they are weighted, as a mean over each
        step.
        """
        steps = sent[0].shape[0]

        def late(x, k):
            return jnp.concatenate([jnp.zeros((min(k, steps), *x.shape[1:]), x.dtype), x[:-k]])

        arrived = [tuple(late(x, k) for x in sent) for k in self._steps(p)]

        def step(before, arrived):
            mean, after = self._arrival(p, arrived, before)
            return after, mean

        return jax.lax.scan(step, jnp.zeros_like(sent[0][0]), arrived)[1]

    def _keys(self, seed: Any, group: int, shape: tuple[int, int]):
        """Words of the noise of each neuron in each sample of a batch."""
        lo, hi = member_keys(seed, group, shape[0] * shape[1])
        return lo.reshape(shape), hi.reshape(shape)

    def _steps(self, p: Any) -> tuple[int, ...]:
        """Steps until a spike arrives, and until a rectangular pulse ends."""
        first = max(1, round(p.delay / self.dt))
        return (
            (first,)
            if p.receptor.width is None
            else (first, first + max(1, round(p.receptor.width / self.dt)))
        )

    def _arrival(
        self, p: Any, arrived: Sequence[tuple[Array, Array]], before: Array
    ) -> tuple[Array, Array]:
        """Return the mean input of a projection over a step, and its input at the end, given the spikes that arrive.

        Both are by source, before the weights. A spike acts from its own time on, so that derivatives with respect to
        this time are exact.

        Parameters
        ----------
        p : Projection
            The projection.
        arrived : sequence of tuple of Float[Array, "batch pre"]
            Spikes and their times that begin in this step, and of rectangular pulses those that end.
        before : Float[Array, "batch pre"]
            What was left of the input.
        """
        dt, tau = self.dt, p.receptor.tau
        first, time = arrived[0]
        if tau is not None:
            share_at_end = jnp.exp(-(dt - time) / tau)
            # Over the step: what was there decays from its beginning on, what a spike adds from its own time on.
            decay, whole = float(np.exp(-dt / tau)), float((1 - np.exp(-dt / tau)) * tau / dt)
            mean = before * whole + first * (1 - share_at_end) * tau / dt
            return mean, before * decay + first * share_at_end
        last, end = arrived[1]
        mean = before + first * (1 - time / dt) - last * (1 - end / dt)
        return mean, before + first - last

    def _pass_on(self, done: Any) -> tuple[Array, Array]:
        """Spikes that other neurons see, and their times within the step."""
        if self.spikes == "soft":
            return done.soft, jnp.full_like(done.soft, self.dt)
        hard = jax.lax.stop_gradient(done.spikes)
        if self.spikes == "surrogate":
            hard = hard + (done.soft - jax.lax.stop_gradient(done.soft))
        return hard, done.time

    def _silence(self, shape, steps: int, dtype) -> Outputs:
        zero = jnp.zeros(shape, dtype)
        return Outputs(zero, zero + steps * self.dt, zero, zero + 1)

    def _collect(
        self, out: Outputs, spikes, done, state: ReducedState, number, steps: int
    ) -> Outputs:
        """Outputs after one more step."""
        end = jnp.asarray(steps * self.dt, spikes.dtype)
        is_first = (done.spikes > 0) & (out.first >= end)
        first = jnp.where(is_first, number.astype(spikes.dtype) * self.dt + done.time, out.first)
        gap = jnp.minimum(out.gap, 1 - state.f - state.r)
        return Outputs(out.counts + spikes, first, out.filament + state.f / steps, gap)

    def classify(
        self, parameters: Parameters, samples: Samples, *, output: str, by: str = "first-spike", seed: int = 0,
        batch: int = 128,
    ) -> Int[np.ndarray, " samples"]:  # fmt: skip
        """Class of each sample, see `winners`."""
        check_decision(by)
        classes = []
        for start in range(0, len(samples), batch):
            members = np.arange(start, min(start + batch, len(samples)))
            out = self._evaluate(parameters, samples.spikes(members, self.dt), seed + start)[output]
            counts, first, filament = map(np.asarray, (out.counts, out.first, out.filament))
            classes.append(winners(counts, first, filament, samples.duration, by=by))
        return np.concatenate(classes)


def _detach_above(state: ReducedState, level: float) -> ReducedState:
    """The state, without derivatives where the gate is above its level.

    There the channel opens and closes many times in a millisecond, a chaotic motion: derivatives through it grow
    without bound and say nothing of what comes after.
    """
    held = state.v >= level
    return ReducedState(*(jnp.where(held, jax.lax.stop_gradient(x), x) for x in state))


def with_values(neuron: ReducedNeuron, values: Mapping[str, Any]) -> ReducedNeuron:
    """A reduced neuron with other parameters, by the names of its circuit."""
    for name, x in values.items():
        attribute = field_of(name)
        neuron = eqx.tree_at(lambda n, a=attribute: getattr(n, a), neuron, x)
    return neuron


def scale_values(neuron: ReducedNeuron, factors: Mapping[str, Any]) -> ReducedNeuron:
    """A reduced neuron whose parameters are multiplied, by the names of its circuit."""
    return with_values(neuron, {n: getattr(neuron, field_of(n)) * x for n, x in factors.items()})


def field_of(name: str) -> str:
    """Return the reduced neuron's name of a parameter of its circuit.

    Raises
    ------
    NetworkError
        For a parameter that does not act on the gate.
    """
    attribute = _FIELDS.get(name, name.removeprefix("memristor."))
    names = (
        "mu",
        "alpha",
        "beta",
        "gamma1",
        "gamma2",
        "lam",
        "r_on",
        "r_off",
        "sigma1",
        "c",
        "r_c",
    )
    if attribute not in names:
        allowed = ", ".join([*_FIELDS, *(f"memristor.{n}" for n in names[:-2])])
        raise NetworkError(
            f"no parameter {name!r} of a reduced neuron", where="values", allowed=allowed
        )
    return attribute
