"""Programming of drift memristors: which pulses spikes make, and what they do to the devices."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..noise import increments
from ..synapse import Pulsed, PulseNoise
from ..synapse.pulsed import Memory, pulse
from .delivery import edges_of
from .plan import Clock, Rows, State
from .weights import DriftWeights

_LONG_AGO = -(2**30)
"""Number of a step that is too long ago for every window."""


class Programming:
    """Pulses of one table of connections.

    Parameters
    ----------
    weights : DriftWeights
        The devices.
    rows : Rows
        The connections, without tables.
    clock : Clock
        Steps.
    dtype
        Of states.
    """

    def __init__(self, weights: DriftWeights, rows: Rows, *, clock: Clock, dtype: Any):
        self.weights, self.rows, self.dtype = weights, rows, dtype
        self._conductances = jax.jit(jax.vmap(jax.vmap(self._conductance)))
        self.windows = [round(w / clock.dt) for w in (weights.set_window, weights.reset_window)]
        noise = PulseNoise.none() if weights.noise is None else weights.noise
        dynamic, static = eqx.partition((weights.pulsed, noise), eqx.is_inexact_array)
        cast = jax.tree.map(lambda x: x.astype(dtype), dynamic)
        pair: tuple[Pulsed, PulseNoise] = eqx.combine(cast, static)
        self.pulsed, self.noise = pair

    def _conductance(self, z):
        """Conductance of one device [S]."""
        return self.pulsed.conductance(z)

    def begin(self, rows: Rows) -> State:
        """Devices of a table of connections at the beginning, one table per shard."""
        edge, devices = np.asarray(rows.edge), rows.devices
        start = devices.start if isinstance(devices, DriftWeights) else None
        shape = edge.shape
        z = np.broadcast_to(
            np.asarray(self.pulsed.start()), (*shape, len(self.pulsed.scaled.scale))
        )
        z = z.astype(self.dtype)
        if start is not None:
            start_values = np.broadcast_to(
                np.asarray(start, self.dtype), (edge.max(initial=0) + 1,)
            )
            z[..., 0] = start_values[edge] / self.pulsed.scaled.scale[0]
        long_ago = np.full(shape, _LONG_AGO, np.int32)
        g = self._conductances(z)
        return {
            "z": z,
            "flicker": np.zeros((*shape, 3), self.dtype),
            "jitter": np.zeros(shape, self.dtype),
            "g": np.asarray(g),
            "arrived": long_ago,
            "before": long_ago.copy(),
            "pulses": np.zeros(shape, np.uint32),
        }

    def weight(self, state: State, edge):
        """Weights of edges."""
        return self.weights.scale * (state["g"][edge] - self.weights.reference)

    def _apply_pulse(self, table: State, state: State, edge, mask, kind: int) -> State:
        """Devices after one more pulse each, where they are chosen."""
        index = jnp.where(mask, edge, 0)
        key = tuple(k[index] for k in table["key"])

        def draw(key, n):
            return increments(key, n, channels=5, dtype=self.dtype)

        draws = jax.vmap(draw)(key, state["pulses"][index])
        memory = Memory(state["z"][index], state["flicker"][index], state["jitter"][index])
        pulse_kind = jnp.asarray(kind, jnp.int32)

        def one_pulse(m, d):
            return pulse(self.pulsed, self.noise, m, pulse_kind, d)

        memory = jax.vmap(one_pulse)(memory, draws)
        g = jax.vmap(self.pulsed.conductance)(memory.z)
        g = g + jnp.sum(memory.flicker, axis=-1) + memory.jitter
        target = jnp.where(mask, edge, state["g"].shape[0])
        new = {"z": memory.z, "flicker": memory.flicker, "jitter": memory.jitter, "g": g}
        state = state | {k: state[k].at[target].set(x, mode="drop") for k, x in new.items()}
        return state | {"pulses": state["pulses"].at[target].add(jnp.uint32(1), mode="drop")}

    def arrivals(
        self, table: State, state: State, spikes: tuple, last: tuple, first, *, ago
    ) -> State:
        """Devices after the arrivals in a chunk of spikes of so many chunks ago: note them, and reset where the target
        fired before.

        `last` holds the step of each target's last spike, before and after the chunk.
        """
        number, step, total = spikes
        last_before, last_after = last

        def deliver(k, state):
            edge, in_row, at = edges_of(table, self.rows, number[k], step[k], ago=ago)
            step_now = first + at
            post = table["post"][edge]
            # A target that fires in this chunk after the arrival has not fired yet: its spike
            # before the chunk counts.
            last_spike = jnp.where(
                last_after[post] <= step_now, last_after[post], last_before[post]
            )
            mask = (
                in_row
                & (last_spike >= 0)
                & (last_spike <= step_now)
                & (step_now - last_spike <= self.windows[1])
            )
            if self.windows[1]:
                state = self._apply_pulse(table, state, edge, mask, 1)
            target = jnp.where(in_row, edge, state["g"].shape[0])
            old = state["arrived"][edge]
            return state | {
                "before": state["before"].at[target].set(old, mode="drop"),
                "arrived": state["arrived"].at[target].set(step_now, mode="drop"),
            }

        return lax.fori_loop(0, total, deliver, state) if self.rows.longest else state

    def target_spikes(self, table: State, state: State, spikes: tuple, offset, first) -> State:
        """Devices after the spikes of their targets: set where something arrived before."""
        number, step, total = spikes
        columns = jnp.arange(self.rows.longest_in, dtype=jnp.int32)
        size = table["first_in"].shape[0] - 1

        def program_inputs(k, state):
            n, step_now = number[k] - offset, first + step[k]
            is_local = (n >= 0) & (n < size)
            n = jnp.where(is_local, n, 0)
            entry = table["first_in"][n] + columns
            in_row = is_local & (entry < table["first_in"][n + 1])
            edge = table["edge_in"][jnp.where(in_row, entry, 0)]
            last_arrival, arrival_before = state["arrived"][edge], state["before"][edge]
            # An arrival later in this chunk is still to come: the one before it counts.
            last_arrival = jnp.where(last_arrival <= step_now, last_arrival, arrival_before)
            mask = (
                in_row & (last_arrival <= step_now) & (step_now - last_arrival <= self.windows[0])
            )
            return self._apply_pulse(table, state, edge, mask, 0)

        active = self.windows[0] and self.rows.longest_in
        return lax.fori_loop(0, total, program_inputs, state) if active else state
