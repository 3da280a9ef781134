"""What a block of neurons does between two exchanges of spikes."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, UInt32

from ..circuit import replaced
from ..errors import NetworkError
from ..fields import stored
from ..noise import device_key, increments, words
from ..params import quiet
from ..scaling import Scaled
from ..solver import semi_implicit_euler_step
from ..solver.semi_implicit import along
from .plan import Layout, State
from .weights import ConductanceOf


def member_keys(seed: int, number: int, n: int) -> tuple[UInt32[Array, "n"], UInt32[Array, "n"]]:
    """Words of the noise of the members of a group of a number, or of the devices of a projection."""
    key = lambda m: words(device_key(seed, member=m, sweep=number))  # noqa: E731
    return jax.jit(jax.vmap(key))(jnp.arange(n))


class NeuronProgram:
    """What one block of neurons does.

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
    """

    def __init__(self, layout: Layout, *, dt: float, steps: int, dtype: Any):
        group = layout.group
        self.layout, self.steps, self.dtype = layout, steps, dtype
        most = {k: np.max(x) for k, x in group.values.items()}
        # Noise acts where any neuron has it; parameters have the precision of the states.
        circuit = quiet(replaced(group.circuit, most) if most else group.circuit)
        dynamic, static = eqx.partition(circuit, eqx.is_inexact_array)
        cast = jax.tree.map(lambda x: x.astype(dtype), dynamic)
        self.scaled = Scaled(eqx.combine(cast, static), group.env)
        self.dt = dt
        kinds = layout.receptors
        self.decay = [
            np.asarray(1.0 if r.tau is None else np.exp(-dt / r.tau), dtype) for r in kinds
        ]
        self.channels = len(self.scaled.channels())
        if self.scaled.jumping:
            raise NetworkError(
                "a device with jumps",
                where=f"group {group.name!r}",
                allowed="devices whose noise is continuous",
                fix="its diffusion form, where the model has one",
            )

    def values(self) -> dict[str, np.ndarray]:
        """Parameters that differ, in blocks."""
        return {k: self.layout.lanes(x, self.dtype) for k, x in self.layout.group.values.items()}

    def bias(self) -> dict[str, np.ndarray]:
        """Constant part of each driven source, in blocks."""
        return {p: self.layout.lanes(x, self.dtype) for p, x in self.layout.group.biases.items()}

    def rest(self, values: dict) -> State:
        """States at rest [SI]: of each neuron where values differ, else of one."""
        one = lambda v: self.own(v).system.initial(self.scaled.env)  # noqa: E731
        return jax.vmap(one)(values) if values else one({})

    def begin(self) -> State:
        """States at the beginning."""
        group, lanes = self.layout.group, self.layout.lanes
        drawn = {k: jnp.asarray(x, self.dtype) for k, x in group.values.items()}
        rest = {k: np.asarray(x) for k, x in self.rest(drawn).items()}
        scale = {s.name: s.scale for s in self.scaled.system.specs}
        parts = {k: lanes({**rest, **group.start}[k] / scale[k], self.dtype) for k in rest}
        inputs = [lanes(0.0, self.dtype) for _ in self.layout.receptors]
        own = {"values": self.values(), "bias": self.bias()}
        over = jax.jit(jax.vmap(jax.vmap(self.shown)))
        x = group.spike.sign * np.asarray(over(own, parts, inputs)[group.spike.signal])
        zeros = lanes(0, np.int32)
        return {
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

    def own(self, values: dict) -> Scaled:
        """The equations of one neuron."""
        if not values:
            return self.scaled
        # `params.replace` would take them to the precision that JAX is set to.
        pick = lambda system: [stored(system, name) for name in values]  # noqa: E731
        own = eqx.tree_at(
            pick, self.scaled.system, list(values.values()), is_leaf=lambda x: x is None
        )
        return Scaled(own, self.scaled.env)

    def step(self, own: State, parts: State, inputs: list, number):
        """States of one neuron after one step."""
        scaled, h = self.own(own["values"]), jnp.asarray(self.dt, self.dtype)
        t = number.astype(self.dtype) * h
        drive = lambda p: self.drive(scaled.system, p, inputs, own["bias"])  # noqa: E731
        kick = {k: jnp.zeros_like(x) for k, x in parts.items()}
        if self.channels:
            w = jnp.sqrt(h) * increments(
                own["key"], number, channels=self.channels, dtype=self.dtype
            )
            kick = scaled.kick(t, parts, drive(parts), w)
        rates = lambda p: scaled.rates(t, p, drive(p))  # noqa: E731
        return scaled.kept(semi_implicit_euler_step(rates, parts, kick, h=h, linear=scaled.linear))

    def shown(self, own: State, parts: State, inputs: list) -> State:
        """States as they are recorded and compared with thresholds [SI]."""
        system = self.own(own["values"]).system
        state = {s.name: parts[s.name] * s.scale for s in system.specs}
        return system.shown(state, self.drive(system, parts, inputs, own["bias"]))

    def conductance(self, of: ConductanceOf, values: dict, parts: State):
        """Conductance of a device of the circuit [S]."""
        system: Any = self.own(values).system
        device, v = system.devices[of.element], jnp.asarray(of.read_voltage, self.dtype)
        scale = {s.name: s.scale for s in system.specs}
        names = [s.name for s in device.states]
        own = {n: parts[f"{of.element}.{n}"] * scale[f"{of.element}.{n}"] for n in names}
        return device.current(jnp.zeros((), self.dtype), own, v, self.scaled.env) / v

    def stiffness(self, own: State, parts: State, inputs: list):
        """Largest rate at which a state that is taken explicitly acts on itself, times the step [1]."""
        scaled = self.own(own["values"])
        t = jnp.zeros((), self.dtype)
        rates = lambda p: scaled.rates(t, p, self.drive(scaled.system, p, inputs, own["bias"]))  # noqa: E731
        explicit = [k for k in parts if k not in scaled.linear]
        found = [t, *(jnp.max(jnp.abs(along(rates, parts, k)[1][k])) for k in explicit)]
        return jnp.max(jnp.stack(found)) * self.dt

    def chunk(self, own: State, state: State, arrivals: list, first, each: int):
        """State of a block after a chunk, and the step numbers of its spikes, -1 for none."""
        signal = self.layout.group.spike.signal
        sign = self.layout.group.spike.sign

        def lane(own, carry, at, arriving):
            parts, armed, inputs, found, slots = carry
            parts = self.step(own, parts, inputs, first + at)
            x = sign * self.shown(own, parts, inputs)[signal]
            inputs = [s * d + a for s, d, a in zip(inputs, self.decay, arriving, strict=True)]
            fires = armed & (x > self.level)
            slots = [jnp.where(fires & (found == j), at, s) for j, s in enumerate(slots)]
            armed = (armed & ~fires) | (x < self.rearm)
            return parts, armed, inputs, found + fires.astype(found.dtype), slots

        def one(carry, now):
            at, arriving = now
            return jax.vmap(lane, (0, 0, None, 0))(own, carry, at, arriving), None

        none = jnp.zeros_like(state["count"])
        begin = (state["parts"], state["armed"], state["input"], none, [none - 1] * each)
        places = (jnp.arange(self.steps, dtype=jnp.int32), arrivals)
        (parts, armed, inputs, found, slots), _ = lax.scan(one, begin, places)
        # A lane beyond the last neuron never re-arms.
        armed = armed & own["real"]
        slots = [jnp.where(own["real"], s, -1) for s in slots]
        found = jnp.where(own["real"], found, 0)
        state = state | {"parts": parts, "armed": armed, "input": inputs}
        return _counted(state, found, slots, first), found, jnp.stack(slots, axis=-1)


def _counted(state: State, found, slots: list, first) -> State:
    """Running statistics of a block: spikes, time of the last one, sums of intervals and of their squares [steps]."""
    last, (total, squares) = state["last"], state["isi"]
    for s in slots:
        gap = (first + s - last).astype(total.dtype)
        counts = (s >= 0) & (last >= 0)
        total = total + jnp.where(counts, gap, 0)
        squares = squares + jnp.where(counts, gap * gap, 0)
        last = jnp.where(s >= 0, first + s, last)
    return state | {"count": state["count"] + found, "last": last, "isi": [total, squares]}
