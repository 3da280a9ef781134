"""The neuron with Table 1, and what counts as a spike of it."""

import numpy as np

import memjax as mj
from memjax.observables import detect
from memjax.solver import SemiImplicitEuler

PRESET = "1m1t1r/zhao2025-table1"
SIGMA = 7e-3
"""Strength of the filament's noise; its value is not published."""

GATE = "gate.v"
V_TH = 0.2
"""A spike: the gate rises through it [V], as published; no hysteresis."""

STIFF = mj.Stiff(max_steps=400_000)


def neuron(r_c: float = 250e6, *, sigma1: float = 0.0, output_stage: bool = False) -> mj.Circuit:
    """The circuit with Table 1."""
    values = mj.presets.load(PRESET)[1] | {"memristor.sigma1": sigma1, "r_c.r": r_c}
    circuit = mj.neuron.one_memristor(output_stage=output_stage)
    known = mj.fields.parameter_specs(circuit)
    return mj.params.replace(circuit, {n: v for n, v in values.items() if n in known})


def fixed(dt: float) -> mj.Fixed:
    """Steps of an ensemble."""
    return mj.Fixed(dt, method=SemiImplicitEuler())


def spikes(t, gate, *, level: float = V_TH) -> np.ndarray:
    """Times of the spikes of one member [s]."""
    return detect(np.asarray(t), np.asarray(gate), level=level)


def trains(trace: mj.Trace) -> list[np.ndarray]:
    """Times of the spikes of every member of one sweep [s]."""
    return [spikes(trace.t, g) for g in trace.check().state[GATE]]


def pulses(height: float, width: float, gap: float, count: int) -> mj.PulseTrain:
    """Pulses [V, s] with gaps [s] between them."""
    return mj.PulseTrain(height, width, width + gap, count, edge=1e-6)
