"""Digits as latencies, and a network of one-memristor neurons that is trained on them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.cases.neuron.model import SIGMA, neuron
from memjax.learning import Conductances, Samples, Training, digits, latency_samples
from memjax.network import Network, Neurons, Projection, Receptor, SpikeList, Threshold, dense

R_C = 100e6
"""Resistance from the gate to ground [ohm]."""

INTERVAL, DURATION = 8e-3, 16e-3
"""Pixels fire within the first, outputs within the second [s]."""

STEP, FULL_STEP = 1e-4, 5e-7
"""Of the reduced neurons, and of the circuits in the engine [s]."""

SPREAD = {"memristor.mu": 0.03, "r_c.r": 0.05}
"""Standard deviation of the logarithm of parameters from neuron to neuron."""

DEVICES = {
    "pixels-hidden": Conductances(low=1e-5, high=1e-4, scale=2e4, levels=64, sigma=0.02),
    "hidden-out": Conductances(low=1e-5, high=1e-4, scale=4e4, levels=64, sigma=0.02),
}
"""Drift memristors of 10 to 100 uS, 64 levels, 2 % error of programming; weights of +-0.9 and +-1.8 V."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    hidden, epochs : int
        Neurons of the hidden layer, epochs of the training.
    train, validation, test : int
        Numbers of images.
    """

    hidden: int
    epochs: int
    train: int
    validation: int
    test: int


SIZES = {
    "smoke": Size(hidden=16, epochs=1, train=64, validation=32, test=32),
    "full": Size(hidden=100, epochs=40, train=1200, validation=200, test=397),
}


def split(size: Size, seed: int) -> tuple[Samples, Samples, Samples]:
    """Images in random order: those that are trained on, those that choose the epoch, and those that are held out."""
    images = digits()
    order = np.random.default_rng(seed).permutation(len(images.labels))
    ends = np.cumsum([0, size.train, size.validation, size.test])
    parts = [order[a:b] for a, b in pairwise(ends)]
    first, second, third = (
        latency_samples(
            images.pixels[part], images.labels[part], interval=INTERVAL, duration=DURATION
        )
        for part in parts
    )
    return first, second, third


def network(hidden: int, seed: int) -> Network:
    """Pixels, hidden layer and one output for each digit, with random weights."""
    circuit = neuron(R_C, sigma1=SIGMA)
    rng = np.random.default_rng(seed)
    spike = Threshold(signal="gate.v", level=0.2, rearm=0.1)
    receptor = Receptor(tau=3e-3)
    silence = SpikeList(name="pixels", n=64, source=np.zeros(0, int), time=np.zeros(0))
    return Network(
        groups=[
            silence,
            Neurons(name="hidden", n=hidden, circuit=circuit, spike=spike, bias=0.7),
            Neurons(name="out", n=10, circuit=circuit, spike=spike, bias=0.7),
        ],
        projections=[
            Projection(
                pre="pixels",
                post="hidden",
                edges=dense(64, hidden),
                receptor=receptor,
                weight=rng.normal(0.06, 0.12, 64 * hidden),
                delay=1e-4,
            ),
            Projection(
                pre="hidden",
                post="out",
                edges=dense(hidden, 10),
                receptor=receptor,
                weight=rng.normal(0.08, 0.2, hidden * 10) * np.sqrt(64 / hidden),
                delay=1e-4,
            ),
        ],
        dt=FULL_STEP,
        seed=seed,
    )


def training(size: Size, seed: int) -> Training:
    """How it is trained: with the noise of the devices, their spread, levels and errors of programming."""
    return Training(
        output="out",
        epochs=size.epochs,
        batch=32,
        learning_rate=0.01,
        spread={"hidden": SPREAD, "out": SPREAD},
        conductances=DEVICES,
        seed=seed,
    )
