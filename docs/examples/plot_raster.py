"""
A raster of one-memristor neurons
=================================

Forty neurons, each with a device of its own, under fifty Poisson sources.
"""

import matplotlib.pyplot as plt

import memjax as mj
from memjax.network import Network, Neurons, Poisson, Projection, Receptor, Threshold, fixed_fan_in

values = mj.presets.load("1m1t1r/zhao2025-table1-noisy")[1]
neurons = Neurons(
    name="neurons",
    n=40,
    circuit=mj.params.replace(mj.model("1m1t1r"), values),
    spike=Threshold(signal="gate.v", level=0.2, rearm=0.1),
)
source = Poisson(name="input", n=50, rate=60.0)
pulses = Projection(
    pre="input",
    post="neurons",
    edges=fixed_fan_in(50, 40, 10),
    receptor=Receptor(width=1e-3),
    weight=0.8,
)
network = Network(groups=[source, neurons], projections=[pulses], dt=2.5e-7)
recording = mj.network.run(network, 0.12)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(7, 4.5))
    mj.plot.network_raster(recording, ax=ax)
