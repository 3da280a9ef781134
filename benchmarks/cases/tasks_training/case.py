"""A network of reduced neurons trained on digits, and the same weights in the engine with full physics."""

import time
import zlib
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases.tasks_training.problem import (
    DEVICES,
    SIZES,
    SPREAD,
    STEP,
    network,
    split,
    training,
)
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.core import params
from memjax.errors import MemjaxError
from memjax.learning import SpikingNetwork, TrainedNetwork, classify_in_full, train
from memjax.network import Network, Neurons
from memjax.noise import cycle_factors
from memjax.runtime import compile_cache

WANTED, LOSS_IN_FULL = 0.96, 0.02
"""Share of held-out digits that has to be right, and how much less it may be with the full physics."""

DRAWS = 5
"""Draws of the noise of the reduced neurons, over which their share is the mean."""


def program_and_spread(trained: TrainedNetwork, seed: int) -> Network:
    """The trained network with errors of programming and spread from neuron to neuron, drawn anew."""
    rng = np.random.default_rng(seed)
    net = trained.network
    projections = [
        replace(
            p,
            weight=np.asarray(
                DEVICES[p.name].program(p.weight, jnp.asarray(rng.normal(size=len(p.edges))))
            ),
        )
        for p in net.projections
    ]
    groups = [
        replace(g, values=_values(g, seed)) if isinstance(g, Neurons) else g for g in net.groups
    ]
    return replace(net, groups=groups, projections=projections)


def _values(group: Neurons, seed: int) -> dict[str, np.ndarray]:
    """Parameters of each neuron, another draw for each group."""
    own = seed + zlib.crc32(group.name.encode())
    factors = cycle_factors(own, SPREAD, members=1, sweeps=group.n)
    return {n: np.asarray(x[0]) for n, x in params.scale(group.circuit, factors).items()}


def run(size: str, record: Recorder) -> None:
    """Training, held-out digits by reduced neurons, and by the circuits themselves."""
    compile_cache.fuse_small_loops()
    n = SIZES[size]
    try:
        samples, test = split(n, seed=0)
    except MemjaxError as error:
        record.write("digits", status="skipped", reason=str(error))
        return
    model = SpikingNetwork(network(n.hidden, seed=1), dt=STEP, stretches=2, width=0.1)
    began = time.perf_counter()
    trained = train(model, samples, training(n, seed=2), progress=size == "full")
    seconds = time.perf_counter() - began
    draws = [
        model.classify(trained.parameters, test, output="out", seed=7 + 1000 * k)
        for k in range(DRAWS)
    ]
    before = model.classify(model.parameters, test, output="out", seed=7)
    classes, accuracies = draws[0], [float(np.mean(c == test.labels)) for c in draws]
    reduced = float(np.mean(accuracies))
    about: dict[str, Any] = {
        "n": n.hidden + 10,
        "dtype": "float32",
        "problem": f"{len(test)} held-out digits",
    }
    record.ok(
        "reduced neurons",
        Times(run=[seconds]),
        error=1 - reduced,
        reference="the labels: share of errors",
        tolerance=1 - WANTED if size == "full" else 1.0,
        extra={
            "accuracy": reduced,
            "accuracies": accuracies,
            "accuracy_before": float(np.mean(before == test.labels)),
            "silent": float(np.mean(classes < 0)),
            "history": trained.history,
        },
        **about,
    )
    began = time.perf_counter()
    full, notes = classify_in_full(program_and_spread(trained, seed=3), test, output="out")
    accuracy = float(np.mean(full == test.labels))
    record.ok(
        "full physics, spread and programmed weights",
        Times(run=[time.perf_counter() - began]),
        error=max(reduced - accuracy, 0.0),
        reference="the reduced neurons: loss of accuracy",
        tolerance=LOSS_IN_FULL if size == "full" else 1.0,
        extra={
            "accuracy": accuracy,
            "same_class": float(np.mean(full == classes)),
            "notes": list(notes),
        },
        **about,
    )
    jax.clear_caches()


CASE = Case(
    name="tasks_training",
    run=run,
    baseline="reduced neurons",
    suites=("tasks",),
    limit_s=3000.0,
)
"""The case."""
