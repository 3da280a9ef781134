"""The six functions of the one-memristor neuron, each simulated from its ion dynamics."""

from dataclasses import dataclass

import numpy as np

import memjax as mj
from benchmarks.cases.neuron import published
from benchmarks.cases.neuron.model import GATE, SIGMA, STIFF, fixed, neuron, pulses, spikes, trains
from memjax.observables import (
    IsiStatistics,
    Proportion,
    SpikeTrain,
    detect,
    firing_probability,
    isi_statistics,
)

STOP = {"smoke": 0.35, "full": 0.9}
MEMBERS = {"smoke": 8, "full": 100}
START = 0.3
"""Intervals between spikes count from here [s], where the gate no longer charges up from rest."""

STEP = 0.5e-6
"""Longest step of an ensemble [s]: near a closed gap the filament follows within a microsecond."""

ROW = 50e-6
"""Between rows of an ensemble [s]."""


def turn_on() -> dict[float, float]:
    """Time [s] until the gate passes 0.2 V under a constant input [V]."""
    drives = [mj.Sampled(np.array([0.0, 0.1]), np.full(2, v)) for v in published.TURN_ON]
    rows = [np.linspace(0.0, 1.05 * t, 2001)[1:] for t in published.TURN_ON.values()]
    policy = mj.Stiff(rtol=1e-6, atol=1e-9, max_steps=400_000)
    trace = mj.simulate(neuron(), drives, save=rows, policy=policy).check()
    gate, t = np.asarray(trace.state[GATE][0]), np.asarray(trace.t)
    each = (trace.sweep == k for k in range(len(rows)))
    return {v: float(spikes(t[m], gate[m])[0]) for v, m in zip(published.TURN_ON, each)}


def leak() -> dict[float, int]:
    """Pulses of 0.9 V, 1 ms until the first spike, by the gap [s] between them, without noise."""
    drives = [pulses(0.9, 1e-3, gap, 120) for gap in published.PULSES]
    rows = [np.linspace(0.0, d.duration, 12001)[1:] for d in drives]
    trace = mj.simulate(neuron(), drives, save=rows, policy=STIFF).check()
    gate, t = np.asarray(trace.state[GATE][0]), np.asarray(trace.t)
    found = {}
    for k, gap in enumerate(published.PULSES):
        m = trace.sweep == k
        found[gap] = int(spikes(t[m], gate[m])[0] // (1e-3 + gap)) + 1
    return found


def firing(size: str) -> dict[float, Proportion]:
    """Share of members that fire within one pulse of 15 ms, by its height [V]."""
    found = {}
    for height in published.PROBABILITY:
        drive = mj.PulseTrain(height, 15e-3, 16e-3, edge=1e-6)
        options = {"members": MEMBERS[size], "seed": 3, "save": ROW, "policy": fixed(STEP)}
        trace = mj.simulate(neuron(sigma1=SIGMA), drive, **options)
        each = [SpikeTrain(times=s, start=0.0, stop=16e-3) for s in trains(trace)]
        found[height] = firing_probability(each, start=0.0, stop=16e-3)
    return found


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Three neurons in a row: their gates [V] over time [s], and their first spikes [s]."""

    t: np.ndarray
    gates: np.ndarray
    first: tuple[float, ...]


def chain(memristor=None, *, count: int = 215, save: float = 5e-5) -> Chain:
    """A chain of three under pulses of 1 V, 1 ms every 2 ms, without noise, seen at rows [s]."""
    circuit = mj.neuron.cascade(3, memristor)
    policy = mj.Stiff(rtol=1e-4, atol=1e-6, max_steps=1_000_000)
    trace = mj.simulate(circuit, pulses(1.0, 1e-3, 1e-3, count), save=save, policy=policy).check()
    gates = np.stack([np.asarray(trace.state[f"gate_{k}.v"][0]) for k in (1, 2, 3)])
    t = np.asarray(trace.t)
    first = [spikes(t, g, level=0.22) for g in gates]
    return Chain(t=t, gates=gates, first=tuple(float(s[0]) if len(s) else np.inf for s in first))


@dataclass(frozen=True, kw_only=True)
class Refractory:
    """Trains of spikes [s] by R_c [ohm]; one member's gate [V] over t [s] for each."""

    trains: dict[float, list[np.ndarray]]
    t: np.ndarray
    gate: dict[float, np.ndarray]

    def intervals(self, stop: float, start: float = START) -> dict[float, IsiStatistics]:
        """Mean and spread of the intervals whose spikes both lie in a window [s]."""
        options = {"start": start, "stop": stop, "convention": "inside"}
        return {r: isi_statistics(s, **options) for r, s in self.trains.items()}


def refractory(
    resistances, members: int, stop: float, *, dt: float = STEP, sigma1: float = SIGMA
) -> Refractory:
    """Trains under 0.8 V, 1 ms every 2 ms, from rest; all resistances in one batch."""
    resistances = list(resistances)
    count = members * len(resistances)
    conditions = mj.Conditions(values={"r_c.r": np.repeat(resistances, members)[:, None]})
    rows = ROW * np.arange(1, round(stop / ROW) + 1)  # even: steps between rows are equal in number
    drive = pulses(0.8, 1e-3, 1e-3, round(stop / 2e-3))
    options = {
        "members": count,
        "seed": 1,
        "conditions": conditions,
        "save": rows,
        "policy": fixed(dt),
    }
    trace = mj.simulate(neuron(sigma1=sigma1), drive, **options)
    every = trains(trace)
    parts = {r: every[k * members : (k + 1) * members] for k, r in enumerate(resistances)}
    gate = {r: np.asarray(trace.state[GATE][k * members]) for k, r in enumerate(resistances)}
    return Refractory(trains=parts, t=np.asarray(trace.t), gate=gate)


def latched(resistances) -> dict[float, bool]:
    """Whether the noise-free neuron holds its gate above threshold from 0.9 s on; at 1 Gohm it spikes until 0.6 s."""
    drive, rows = pulses(0.8, 1e-3, 1e-3, 600), np.arange(0.9, 1.2, 1e-4)
    found = {}
    for r in resistances:
        trace = mj.simulate(neuron(r), drive, save=rows, policy=STIFF).check()
        found[r] = bool(np.min(trace.state[GATE]) > 0.2)
    return found


def plasticity() -> dict[float, tuple[float, float]]:
    """First and second integration [s] under 2 V, 20 ms, by the gap [s] between the pulses, without noise.

    An integration ends when the gate rises through half of the input: 3 ms after the first pulse it is still above
    the transistor's threshold.
    """
    width, found = 20e-3, {}
    drives = [pulses(2.0, width, gap, 2) for gap in published.SHORTENED]
    rows = []
    for gap in published.SHORTENED:
        starts = (0.0, width + gap)
        rows.append(np.concatenate([s + np.linspace(0.0, width, 2001)[1:] for s in starts]))
    trace = mj.simulate(neuron(), drives, save=rows, policy=STIFF).check()
    gate, t = np.asarray(trace.state[GATE][0]), np.asarray(trace.t)
    for k, gap in enumerate(published.SHORTENED):
        m = trace.sweep == k
        seen = detect(t[m], gate[m], level=1.0, rearm=0.8)
        first, second = seen[0], seen[seen >= width + gap][0]
        found[gap] = (float(first), float(second - width - gap))
    return found
