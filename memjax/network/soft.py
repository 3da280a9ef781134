"""Networks whose spikes are soft, so that rates can be differentiated by parameters and weights."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ..errors import NetworkError
from .groups import Neurons, Poisson
from .network import Network
from .neuron_program import NeuronProgram, member_keys
from .plan import Layout, State, layout, place
from .poisson import poisson_begin, poisson_chunk, poisson_rates
from .projection import Projection

Rates = dict[str, Float[Array, " members"]]


def soft_rates(
    network: Network, duration: float, *, width: float, each: int = 4
) -> Callable[..., Rates]:
    r"""Mean rates of a network as a differentiable function of parameters and weights.

    Parameters
    ----------
    network : Network
        The network; its `dtype` should be "float64". Weights that are devices are not taken.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    width : float
        Width of a soft spike [unit of the groups' signals].
    each : int
        Spikes of a Poisson source in an exchange interval that there is room for; rates are NaN where it
        is too small.

    Returns
    -------
    callable
        ``f(values, weights)``: `values` holds parameters by group and name, one for all or one per neuron [SI];
        `weights` those of projections by name, one for all or one per edge. What is not given is the
        network's own. It returns rates by group of neurons [1/s], for `jax.jit`, `jax.jvp` and `jax.grad`.

    Notes
    -----
    In step k a neuron of signal x sends :math:`\max(0, S_{k+1} - S_k)`, :math:`S = 1/(1 + e^{-(x - \theta)/w})`: in
    all 1 for a rise that begins and ends well away from the level, as `memjax.observables.soft_count` counts, whose
    limit for :math:`w \to 0` are spikes without hysteresis. The noise is that of the network itself, the same at all
    parameters. Reverse mode keeps one state per exchange interval.
    """
    chunks = network.exchanges(duration)
    if not width > 0:
        raise NetworkError(f"width = {width:g}", where="soft_rates", allowed="> 0")
    for p in network.projections:
        if not isinstance(p.weight, int | float | np.ndarray):
            raise NetworkError(
                f"weights that are a {type(p.weight).__name__}",
                where=p.where,
                allowed="numbers",
            )
    made = _Soft(network, width, each)

    def rates(
        values: Mapping[str, Mapping[str, Any]] | None = None,
        weights: Mapping[str, Any] | None = None,
    ) -> Rates:
        return made.rates(chunks, values or {}, weights or {})

    return rates


class _Soft:
    """The program of `soft_rates`."""

    def __init__(self, network: Network, width: float, each: int):
        self.network, self.width, self.each = network, width, each
        self.clock, self.dtype = network.clock, np.dtype(network.dtype)
        self.layouts: dict[str, Layout] = {}
        self.programs: dict[str, NeuronProgram] = {}
        self.keys, self.sources = {}, {}
        for number, g in enumerate(network.groups):
            self.keys[g.name] = member_keys(network.seed, number, g.n)
            if isinstance(g, Neurons):
                self.layouts[g.name] = layout(g, network.projections, 1)
                about: dict[str, Any] = dict(dt=self.clock.dt, steps=self.clock.steps)
                self.programs[g.name] = NeuronProgram(
                    self.layouts[g.name], dtype=self.dtype, **about
                )
            else:
                self.sources[g.name] = self._source(g)
        self.delays = {p.name: self._delays(p) for p in network.projections}
        ends = [d.max(initial=1) for parts in self.delays.values() for d, _ in parts]
        self.memory = int(max(ends, default=1))

    def _delays(self, p: Projection) -> list[tuple[np.ndarray, float]]:
        """Delay of each edge in exchange intervals, and the sign of what arrives: -1 for ends of pulses."""
        if p.edges.delay is None:
            one = self.clock.exchanges(p.delay, where=f"delay of {p.where}")
            first = np.full(len(p.edges), one)
        else:
            own = np.rint(np.asarray(p.edges.delay) / self.clock.exchange)
            first = np.maximum(own, 1).astype(int)
        if p.receptor.width is None:
            return [(first, 1.0)]
        later = self.clock.exchanges(p.receptor.width, where=f"width of {p.where}")
        return [(first, 1.0), (first + later, -1.0)]

    def _source(self, g: Any) -> State:
        """What a group of sources does, as numbers."""
        if isinstance(g, Poisson):
            rates = poisson_rates(g, dt=self.clock.dt).astype(np.float32)
            own = {"key": self.keys[g.name], "rates": rates, "most": rates.max(axis=0)}
            return jax.tree.map(jnp.asarray, own)
        return {
            "step": jnp.asarray(g.steps(self.clock.dt)),
            "source": jnp.asarray(np.asarray(g.source)),
        }

    def rates(self, chunks: int, values: Mapping, weights: Mapping) -> Rates:
        """See `soft_rates`."""
        own = {n: self._own(n, values.get(n, {})) for n in self.programs}
        weighed = {
            p.name: jnp.broadcast_to(
                jnp.asarray(weights.get(p.name, p.weight), self.dtype), (len(p.edges),)
            )
            for p in self.network.projections
        }
        begin = {n: self._begin(n, own[n]) for n in self.programs}
        fired = {n: poisson_begin(s) for n, s in self.sources.items() if "key" in s}
        shape = (self.memory, self.clock.steps)
        sent = {g.name: jnp.zeros((*shape, g.n), self.dtype) for g in self.network.groups}

        @jax.checkpoint
        def chunk(carry, k):
            states, fired, sent = carry
            arrivals = self._arrivals(sent, weighed)
            now, states, fired = self._advance(k, own, states, fired, arrivals)
            sent = {n: jnp.concatenate([now[n][None], x[:-1]]) for n, x in sent.items()}
            return (states, fired, sent), None

        (states, *_), _ = lax.scan(chunk, (begin, fired, sent), jnp.arange(chunks))
        time = chunks * self.clock.exchange
        return {n: s["count"] / time for n, s in states.items()}

    def _own(self, name: str, values: Mapping[str, Any]) -> State:
        """Parameters, biases and keys of neurons."""
        g = self.programs[name].layout.group
        each = lambda x: jnp.broadcast_to(jnp.asarray(x, self.dtype), (g.n,))  # noqa: E731
        return {
            "values": {n: each(x) for n, x in {**g.values, **values}.items()},
            "bias": {n: each(x) for n, x in g.biases.items()},
            "key": self.keys[name],
        }

    def _begin(self, name: str, own: State) -> State:
        """States of neurons at the beginning."""
        program = self.programs[name]
        scaled, start = program.scaled, program.layout.group.start
        n, rest = len(self.keys[name][0]), program.rest(own["values"])
        state = {k: jnp.broadcast_to(jnp.asarray(x, self.dtype), (n,)) for k, x in rest.items()}
        state |= {k: jnp.broadcast_to(jnp.asarray(x, self.dtype), (n,)) for k, x in start.items()}
        parts = {s.name: state[s.name] / s.scale for s in scaled.system.specs}
        inputs = [jnp.zeros(n, self.dtype) for _ in program.layout.receptors]
        return {"parts": parts, "input": inputs, "count": jnp.zeros(n, self.dtype)}

    def _arrivals(self, sent: State, weights: State) -> dict[str, list]:
        """What arrives in each step of a chunk, by group and receptor."""
        steps = self.clock.steps
        found = {
            n: [jnp.zeros((steps, of.group.n), self.dtype) for _ in of.receptors]
            for n, of in self.layouts.items()
        }
        for p in self.network.projections:
            k, post = place(p.receptor, self.layouts[p.post]), np.asarray(p.edges.post)
            for delay, sign in self.delays[p.name]:
                came = sent[p.pre][delay - 1, :, np.asarray(p.edges.pre)]  # edges by steps
                weighed = sign * weights[p.name][:, None] * came
                total = jax.ops.segment_sum(weighed, post, self.layouts[p.post].group.n)
                found[p.post][k] = found[p.post][k] + total.T
        return found

    def _advance(self, k, own: State, states: State, fired: State, arrivals: dict) -> tuple:
        """What each member sends in each step of a chunk, and states after it."""
        first, now, after = k * self.clock.steps, {}, dict(fired)
        states = dict(states)
        for name in self.programs:
            now[name], states[name] = self._neurons(
                name, own[name], states[name], arrivals[name], first
            )
        for name, source in self.sources.items():
            now[name], after[name] = self._spikes(name, source, fired.get(name), first)
        return now, states, {n: x for n, x in after.items() if n in fired}

    def _neurons(self, name: str, own: State, state: State, arrivals: list, first) -> tuple:
        """Soft spikes of neurons in each step of a chunk."""
        program = self.programs[name]
        spike = program.layout.group.spike

        def softly(own, parts, inputs):
            x = program.shown(own, parts, inputs)[spike.signal]
            return jax.nn.sigmoid(spike.sign * (x - spike.level) / self.width)

        def lane(own, carry, step, arriving):
            parts, inputs, count = carry
            before = softly(own, parts, inputs)
            parts = program.step(own, parts, inputs, step)
            sent = jax.nn.relu(softly(own, parts, inputs) - before)
            moved = zip(inputs, program.decay, arriving, strict=True)
            return (parts, [s * d + a for s, d, a in moved], count + sent), sent

        def one(carry, now):
            return jax.vmap(lane, (0, 0, None, 0))(own, carry, *now)

        steps = first + jnp.arange(self.clock.steps)
        begin = (state["parts"], state["input"], state["count"])
        (parts, inputs, count), sent = lax.scan(one, begin, (steps, arrivals))
        return sent, {"parts": parts, "input": inputs, "count": count}

    def _spikes(self, name: str, source: State, state: Any, first) -> tuple:
        """Spikes of sources in each step of a chunk."""
        n = len(self.keys[name][0])
        sent = jnp.zeros((self.clock.steps, n), self.dtype)
        if state is None:
            step = source["step"] - first
            return sent.at[step, source["source"]].add(
                1.0, mode="drop", wrap_negative_indices=False
            ), None
        group: Any = next(g for g in self.network.groups if g.name == name)
        interval = round(group.interval / self.clock.dt) if group.interval else 0
        after, found, slots = poisson_chunk(
            source, state, first.astype(jnp.int32), self.clock.steps, self.each, interval
        )
        at = jnp.where(slots >= 0, slots, self.clock.steps)
        own = jnp.broadcast_to(jnp.arange(n)[:, None], at.shape)
        sent = sent.at[at, own].add(1.0, mode="drop")
        full = jnp.any(found > self.each)
        return jnp.where(full, jnp.nan, sent), after
