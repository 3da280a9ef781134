"""Spikes, labels and a network of 64 sources, a hidden layer and ten outputs, the same for all libraries."""

from dataclasses import dataclass

import numpy as np

from benchmarks.cases.neuron.model import SIGMA, neuron
from benchmarks.cases.tasks_training.problem import SPREAD
from memjax.learning import Conductances, Samples, SpikingNetwork, Training
from memjax.network import Network, Neurons, Projection, Receptor, SpikeList, Threshold, dense

SOURCES, CLASSES = 64, 10
STEP = 1e-4
"""Of the reduced neurons [s]."""

DEVICES = {
    "sources-hidden": Conductances(low=1e-5, high=1e-4, scale=2e4, levels=64, sigma=0.02),
    "hidden-out": Conductances(low=1e-5, high=1e-4, scale=4e4, levels=64, sigma=0.02),
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    hidden, steps : int
        Neurons of the hidden layer, time steps.
    batches : tuple of int
        Numbers of samples of a step.
    repeats : int
        Steps that are timed.
    """

    hidden: int
    steps: int
    batches: tuple[int, ...]
    repeats: int


SIZES = {
    "smoke": Size(hidden=8, steps=20, batches=(8,), repeats=2),
    "full": Size(hidden=100, steps=160, batches=(64, 256), repeats=9),
}


def samples(size: Size, batch: int) -> Samples:
    """Each source fires once in the first half of a sample, in each class at times of its own and a little jitter."""
    rng = np.random.default_rng(0)
    duration = size.steps * STEP
    labels = np.arange(batch) % CLASSES
    pattern = rng.uniform(0, 0.45 * duration, (CLASSES, SOURCES))
    time = pattern[labels] + rng.uniform(0, 0.05 * duration, (batch, SOURCES))
    return Samples(
        source=np.tile(np.arange(SOURCES), batch),
        time=time.ravel(),
        sample=np.repeat(np.arange(batch), SOURCES),
        labels=labels,
        sources=SOURCES,
        duration=duration,
    )


def network(size: Size, *, full: bool) -> SpikingNetwork:
    """Reduced neurons of the published circuit; `full` is with the noise of its devices."""
    rng = np.random.default_rng(1)
    circuit = neuron(100e6, sigma1=SIGMA)
    spike = Threshold(signal="gate.v", level=0.2, rearm=0.1)
    receptor = Receptor(tau=3e-3)

    def layer(pre, post, n, m, mean, sd):
        weight = rng.normal(mean, sd, n * m)
        return Projection(
            pre=pre, post=post, edges=dense(n, m), receptor=receptor, weight=weight, delay=STEP
        )

    none = np.zeros(0)
    groups = [
        SpikeList(name="sources", n=SOURCES, source=none.astype(int), time=none),
        Neurons(name="hidden", n=size.hidden, circuit=circuit, spike=spike, bias=0.7),
        Neurons(name="out", n=CLASSES, circuit=circuit, spike=spike, bias=0.7),
    ]
    projections = [
        layer("sources", "hidden", SOURCES, size.hidden, 0.06, 0.12),
        layer("hidden", "out", size.hidden, CLASSES, 0.08, 0.2),
    ]
    whole = Network(groups=groups, projections=projections, dt=5e-7, seed=1)
    return SpikingNetwork(whole, dt=STEP, stretches=2, width=0.1, noise=full)


def training(batch: int, *, full: bool) -> Training:
    """First spikes by Adam; `full` is with spread of the neurons and weights that are devices."""
    return Training(
        output="out",
        batch=batch,
        learning_rate=0.005,
        spread={"hidden": SPREAD, "out": SPREAD} if full else {},
        conductances=DEVICES if full else {},
    )


def job(size: Size, batch: int) -> dict:
    """The same spikes and sizes for a peer."""
    data = samples(size, batch)
    step = np.minimum((data.time / STEP).astype(int), size.steps - 1)
    return {
        "steps": size.steps, "batch": batch, "sources": SOURCES, "hidden": size.hidden, "classes": CLASSES,
        "spikes": np.stack([step, data.sample, data.source]).tolist(),
        "labels": data.labels.tolist(), "repeats": size.repeats,
    }  # fmt: skip
