"""The two networks: 40 neurons with 25 inputs each, 1,000 edges."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import memjax as mj
from memjax import network as nw


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A network, and at what it is looked at.

    Parameters
    ----------
    name : str
        Of the neuron.
    step : float
        Of the network [s].
    weight, start : float
        Weight at which derivatives are compared, and at which training begins (about 24 1/s) [V].
    width : float
        Of surrogate derivatives [factors of e].
    parameters : dict of str to float
        Of the device, by which derivatives are compared [SI].
    """

    name: str
    step: float
    weight: float
    start: float
    width: float
    parameters: dict[str, float]

    def network(self, weight, *, n: int, seed: int = 0, dtype: str = "float32") -> nw.Network:
        """Its neurons under Poisson input."""
        if self.name == "1m1t1r":
            circuit: Any = mj.model("1m1t1r")
            values = mj.presets.load("1m1t1r/zhao2025-table1-noisy")[1]
            circuit = mj.params.replace(circuit, values)
            spike = nw.Threshold(signal="gate.v", level=0.2, rearm=0.1)
        else:
            circuit = mj.neuron.threshold_switch_neuron()
            spike = nw.Threshold(signal="switch.x", level=0.5, rearm=0.1)
        pulses = nw.Projection(
            pre="input",
            post="cells",
            edges=nw.fixed_fan_in(50, n, 25),
            receptor=nw.Receptor(width=1e-3),
            weight=weight if np.ndim(weight) == 0 else np.asarray(weight),
            name="input",
        )
        return nw.Network(
            groups=[
                nw.Poisson(name="input", n=50, rate=24.0),
                nw.Neurons(name="cells", n=n, circuit=circuit, spike=spike),
            ],
            projections=[pulses],
            dt=self.step,
            seed=seed,
            dtype=dtype,
        )


KINDS = (
    Kind(
        name="1m1t1r",
        step=2e-6,
        weight=0.5,
        start=0.415,
        width=2.0,
        parameters={"memristor.mu": 150.0, "memristor.gamma1": 600.0, "r_c.r": 250e6},
    ),
    Kind(
        name="threshold-switch",
        step=2e-7,
        weight=0.14,
        start=0.13,
        width=10.0,
        parameters={"switch.v_th": 0.3, "c.c": 1e-9, "r_in.r": 1e6},
    ),
)
"""Both of them."""
