"""Energy per spike of the published neuron of one memristor, by element and cause, beside the published estimates."""

from dataclasses import dataclass

import numpy as np

import memjax as mj
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from memjax.models import footprint
from memjax.network import (
    EnergyLedger,
    Network,
    Neurons,
    Projection,
    Receptor,
    SpikeList,
    Threshold,
    dense,
    run as run_in_memory,
)
from memjax.neuron import one_memristor

V_IN = 0.8
"""Height of the input pulses [V], at which the published estimates are C_g V_in^2."""

SIGMA1 = 7e-3
"""Strength of the noise, which is not published: that of the case `neuron`."""

BALANCE = 1e-3
"""How far the sum over the elements may be from what the sources give."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A set of parameters, and what was published of its energy.

    Parameters
    ----------
    preset : str
        Its name.
    estimate : float
        C_g V_in^2 as published [J].
    unit : float
        Its unit of time [s]: pulses of one, every two, as Fig. 2e has them in ms.
    output_stage : bool
        Whether the transistor and its load belong to it.
    """

    preset: str
    estimate: float
    unit: float = 1e-3
    output_stage: bool = True


SETS = {
    "table 1": Published(preset="1m1t1r/zhao2025-table1", estimate=6.4e-12),
    "table 7": Published(preset="1m1t1r/zhao2025-table7", estimate=6.4e-12),
    "table 8": Published(
        preset="1m1t1r/zhao2025-table8", estimate=2.6e-18, unit=1e-8, output_stage=False
    ),
}
"""Table 7's gate is that of Table 1, and so is its C_g V_in^2. The load of 47 kohm is none of Table 8's."""

NEURONS = {"smoke": 16, "full": 64}
UNITS = {"smoke": (140, 260), "full": (300, 900)}
"""Units of time before the window, and at its end."""

STEPS = 2000
"""Steps per unit of time: 0.5 us of 1 ms."""


def _circuit(published: Published) -> mj.Circuit:
    """The neuron with its noise; a gate of 4 aF has no parasitic capacitance beside it."""
    values = mj.presets.load(published.preset)[1]
    circuit = one_memristor(output_stage=published.output_stage)
    own = {k: x for k, x in values.items() if k.split(".")[0] in circuit.names}
    return mj.params.replace(circuit, own | {"memristor.sigma1": SIGMA1, "memristor.sigma2": 0.0})


def ledger(published: Published, size: str, *, finer: int = 1, seed: int = 0) -> EnergyLedger:
    """Energy of neurons under common pulses, in a window after the first spikes."""
    n, (begin, end), unit = NEURONS[size], UNITS[size], published.unit
    cells = Neurons(
        name="cells",
        n=n,
        circuit=_circuit(published),
        spike=Threshold(signal="gate.v", level=0.2, rearm=0.1),
    )
    times = unit * np.arange(1, end, 2)
    pulses = SpikeList(name="pulses", n=1, source=np.zeros(len(times), int), time=times)
    synapses = Projection(
        pre="pulses",
        post="cells",
        edges=dense(1, n),
        receptor=Receptor(width=unit),
        weight=V_IN,
        delay=unit,
    )
    network = Network(
        groups=[pulses, cells],
        projections=[synapses],
        dt=unit / (STEPS * finer),
        seed=seed,
        exchange_steps=250,
    )
    before = run_in_memory(network, begin * unit, energy=True)
    return run_in_memory(network, (end - begin) * unit, initial=before.final, energy=True).energy[
        "cells"
    ]


def _report(found: EnergyLedger, published: Published) -> dict:
    """Energies per spike [J], and what was published."""
    per_spike = found.per_spike or {}
    elements = {k: e / max(found.spikes, 1) for k, e in found.by_element.items()}
    area = footprint("1m1t1r")
    return {
        "spikes": found.spikes,
        "per_spike_J": per_spike,
        "elements_per_spike_J": elements,
        "input_per_spike_J": -elements["input"],
        "published_J": published.estimate,
        "input_over_published": -elements["input"] / published.estimate,
        "time_in_spike_s": float(found.times[:, 0].sum()) / max(found.spikes, 1),
        "numerical_share": found.numerical_share,
        "residual_share": found.residual,
        "area_m2": area.area if area and published.preset.endswith("table1") else None,
    }


def run(size: str, record: Recorder) -> None:
    """Each set; at full size Table 1 at half the step, too."""
    names = SETS if size == "full" else ["table 1"]
    variants = [(name, 1) for name in names] + ([("table 1", 2)] if size == "full" else [])
    for name, finer in variants:
        seconds, found = lap(lambda name=name, finer=finer: ledger(SETS[name], size, finer=finer))
        record.ok(
            name + (", half the step" if finer > 1 else ""),
            Times(run=[seconds]),
            error=abs(found.residual) if found.spikes else 1.0,
            reference="what the sources give: deviation of the sum over all elements, as a share; 1 without a spike",
            tolerance=BALANCE,
            problem=f"pulses of {V_IN:g} V, {SETS[name].unit:g} s every two, sigma1 = {SIGMA1:g}",
            n=NEURONS[size],
            extra=_report(found, SETS[name]),
        )


CASE = Case(name="energy", run=run, baseline="table 1", suites=("neuron",), limit_s=1200.0)
