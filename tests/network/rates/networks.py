"""Networks whose rates are differentiated: neurons of one memristor, and threshold switches, under Poisson input."""

import memjax as mj
from memjax import network as nw

STEP = {"1m1t1r": 2e-6, "switch": 2e-7}
"""Steps [s]."""

WEIGHT = {"1m1t1r": 0.48, "switch": 0.14}
"""Weights at which neurons fire some tens of times per second [V]."""

PARAMETER = {"1m1t1r": ("memristor.mu", 150.0), "switch": ("switch.v_th", 0.3)}
"""A parameter of the device [SI]."""

WIDTH = {"1m1t1r": 2.0, "switch": 10.0}
"""Widths of surrogate derivatives [factors of e]."""


def neurons(kind: str, n: int) -> nw.Neurons:
    """Neurons of a kind as they are shipped."""
    if kind == "switch":
        spike = nw.Threshold(signal="switch.x", level=0.5, rearm=0.1)
        circuit = mj.neuron.threshold_switch_neuron()
    else:
        values = mj.presets.load("1m1t1r/zhao2025-table1-noisy")[1]
        spike = nw.Threshold(signal="gate.v", level=0.2, rearm=0.1)
        circuit = mj.params.replace(mj.model("1m1t1r"), values)
    return nw.Neurons(name="cells", n=n, circuit=circuit, spike=spike)


def driven(kind: str, n: int, *, dtype: str = "float32", seed: int = 0) -> nw.Network:
    """Neurons with 25 inputs each out of 50 Poisson sources of 24 1/s."""
    pulses = nw.Projection(
        pre="input",
        post="cells",
        edges=nw.fixed_fan_in(50, n, 25),
        receptor=nw.Receptor(width=1e-3),
        weight=WEIGHT[kind],
        name="input",
    )
    return nw.Network(
        groups=[nw.Poisson(name="input", n=50, rate=24.0), neurons(kind, n)],
        projections=[pulses],
        dt=STEP[kind],
        seed=seed,
        dtype=dtype,
    )
