"""Digits as latencies, and a network of one-memristor neurons that is trained on them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.cases.neuron.model import SIGMA, neuron
from memjax.learning import Conductances, Samples, Training, digits, latency_samples
from memjax.network import Network, Neurons, Projection, Receptor, SpikeList, Threshold, dense

R_C = 1e9
"""Resistance from the gate to ground [ohm]: the gate holds its voltage over a sample, so that a neuron fires once."""

INTERVAL, DURATION = 3e-3, 6e-3
"""Pixels fire within the first, outputs within the second [s]."""

CLOCKS = 2
"""Sources that fire once all pixels have: their push makes a neuron fire that its image hardly drives. Two, since the
weight of one would be beyond what a device can have.
"""

TAU = 20e-3
"""Decay of what a spike adds to an input [s]: longer than a sample, so that a spike acts until its end."""

STEP, FULL_STEP = 1e-4, 2e-7
"""Of the reduced neurons, and of the circuits in the engine [s]."""

SPREAD = {"memristor.mu": 0.03, "r_c.r": 0.05}
"""Standard deviation of the logarithm of parameters from neuron to neuron."""

DEVICES = {
    "pixels-hidden": Conductances(low=1e-5, high=1e-4, scale=2e4, levels=64, sigma=0.02),
    "hidden-out": Conductances(low=1e-5, high=1e-4, scale=3e4, levels=64, sigma=0.02),
}
"""Drift memristors of 10 to 100 uS, 64 levels, 2 % error of programming; weights of +-0.9 and +-1.35 V."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    hidden, epochs : int
        Neurons of the hidden layer, epochs of the training.
    train, test : int
        Numbers of images. None chooses the epoch: the learning rate falls to 0, and the last one counts.
    """

    hidden: int
    epochs: int
    train: int
    test: int


SIZES = {
    "smoke": Size(hidden=16, epochs=1, train=64, test=32),
    "full": Size(hidden=100, epochs=40, train=1400, test=397),
}


def split(size: Size, seed: int) -> tuple[Samples, Samples]:
    """Images in random order: those that are trained on, and those that are held out."""
    images = digits()
    order = np.random.default_rng(seed).permutation(len(images.labels))
    ends = np.cumsum([0, size.train, size.test])
    parts = [order[a:b] for a, b in pairwise(ends)]
    first, second = (
        latency_samples(
            images.pixels[part], images.labels[part], interval=INTERVAL, duration=DURATION,
            clock=INTERVAL, clocks=CLOCKS,
        )
        for part in parts
    )  # fmt: skip
    return first, second


def network(hidden: int, seed: int) -> Network:
    """Pixels and clock, hidden layer and one output for each digit, with random weights."""
    circuit = neuron(R_C, sigma1=SIGMA)
    rng = np.random.default_rng(seed)
    spike = Threshold(signal="gate.v", level=0.2, rearm=0.1)
    sources, receptor = 64 + CLOCKS, Receptor(tau=TAU)
    first = rng.normal(0.02, 0.15, (sources, hidden))
    first[64:] = 1.5 / CLOCKS  # most neurons fire after the clock, whatever the image
    second = rng.normal(0.017, 0.1, hidden * 10) * np.sqrt(100 / hidden)
    edges: dict[str, Any] = dict(receptor=receptor, delay=1e-4)
    none = np.zeros(0, int)
    return Network(
        groups=[
            SpikeList(name="pixels", n=sources, source=none, time=none.astype(float)),
            Neurons(name="hidden", n=hidden, circuit=circuit, spike=spike, bias=0.9),
            Neurons(name="out", n=10, circuit=circuit, spike=spike, bias=0.9),
        ],
        projections=[
            Projection(
                pre="pixels",
                post="hidden",
                edges=dense(sources, hidden),
                weight=first.ravel(),
                **edges,
            ),
            Projection(pre="hidden", post="out", edges=dense(hidden, 10), weight=second, **edges),
        ],
        dt=FULL_STEP,
        seed=seed,
    )


def training(size: Size, seed: int) -> Training:
    """How it is trained: with the noise of the devices, their spread, levels and errors of programming."""
    return Training(
        output="out",
        scale=3.0,
        epochs=size.epochs,
        batch=32,
        learning_rate=0.01,
        spread={"hidden": SPREAD, "out": SPREAD},
        conductances=DEVICES,
        seed=seed,
    )
