"""Learning on the chip: digits by synapses of two memristors, scored with frozen conductances."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cases.tasks_onchip import pictures, synapses
from benchmarks.cases.tasks_onchip.problem import (
    INTERVAL,
    PAUSE,
    SCORE_INTERVAL,
    SIZES,
    Size,
    write_files,
)
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.errors import MemjaxError
from memjax.learning import Assignment, assign_labels, digits, responses
from memjax.network import Recording
from memjax.network.folder_run import run_network
from memjax.network.run_store import load_recording
from memjax.network.toml import load_network
from memjax.runtime import compile_cache

WANTED = 0.80
"""Share of the held-out digits that has to be right."""

MARGIN = 0.2
"""By how much the trained network has to be better than the same with its first, random conductances."""

PROJECTION = "input-neurons"


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a network with frozen conductances makes of the digits.

    Parameters
    ----------
    assigned : Assignment
        By the training images.
    counts : Int[np.ndarray, "images members"]
        Responses to held-out ones, and their labels.
    labels : Int[np.ndarray, "images"]
        Of these.
    """

    assigned: Assignment
    counts: np.ndarray
    labels: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of held-out digits that are right."""
        return self.assigned.accuracy(self.counts, self.labels)


def simulate(folder: Path, name: str, images: int, seed: int) -> tuple[Recording, float]:
    """Run a network file into a folder of its name; the recording, and the time that it took [s]."""
    began = time.perf_counter()
    file = load_network(folder / f"{name}.toml", seed=seed)
    out = folder / {"learn": "learned"}.get(name, name)
    every = file.conductances_every
    period = (INTERVAL if name == "learn" else SCORE_INTERVAL) + PAUSE
    # Some ten records of a short training, too.
    every = every if every is None or images > 100 else 10 * period
    run_network(file.network, images * period, out, conductances_every=every)
    return load_recording(out), time.perf_counter() - began


def score(recording: Recording, labels: np.ndarray, trained: int) -> Score:
    """Labels of neurons by the images of the training, answers to the others."""
    counts = responses(
        recording, "neurons", images=len(labels), interval=SCORE_INTERVAL, pause=PAUSE
    )
    assigned = assign_labels(counts[:trained], labels[:trained])
    return Score(assigned=assigned, counts=counts[trained:], labels=labels[trained:])


def _one(record: Recorder, size: Size, seed: int, data: tuple) -> tuple[float, float]:
    """Training, score and control of one seed; both accuracies."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels, trained = write_files(folder, size, seed, *data), size.trained
        learned, seconds = simulate(folder, "learn", trained, 2 * seed)
        g = learned.conductances[PROJECTION]
        moved = float(np.mean(np.abs(g["end"] - g["start"]) > 0.01 * g["start"]))
        record.ok(
            f"training, seed {seed}",
            Times(run=[seconds]),
            error=1.0 - moved,
            reference="all conductances moved by more than 1 %: share of those that did not",
            tolerance=0.5,
            n=g["end"].size,
            dtype="float32",
            problem=f"{trained} digits once, {size.members} neurons",
            extra={
                "spikes_per_image": len(learned.spikes["neurons"][0]) / trained,
                "notes": list(learned.notes),
            },
        )
        scores, times = {}, {}
        for run in ("frozen", "control"):
            recording, times[run] = simulate(folder, run, len(labels), 2 * seed + 1)
            scores[run] = score(recording, labels, trained)
        if seed == 0:
            pictures.write(record.path, learned, scores["frozen"], size.members)
    best, random = scores["frozen"], scores["control"]
    about = {
        "n": size.members,
        "dtype": "float32",
        "problem": f"{len(best.labels)} held-out digits",
    }
    record.ok(
        f"trained, seed {seed}",
        Times(run=[times["frozen"]]),
        error=1.0 - best.accuracy,
        reference="the labels: share of errors",
        tolerance=1.0 - WANTED,
        extra={
            "accuracy": best.accuracy,
            "silent": float(np.mean(~best.counts.any(axis=1))),
            "neurons_with_a_label": int(np.sum(best.assigned.labels >= 0)),
        },
        **about,
    )
    record.ok(
        f"random, seed {seed}",
        Times(run=[times["control"]]),
        error=max(MARGIN - (best.accuracy - random.accuracy), 0.0),
        reference=f"trained is better by {MARGIN}: what is missing",
        tolerance=0.0,
        extra={"accuracy": random.accuracy},
        **about,
    )
    return best.accuracy, random.accuracy


def _synapse(record: Recorder, data: tuple) -> None:
    """What one spike of the neuron does to one synapse, and what the input alone does."""
    began = time.perf_counter()
    change = synapses.responses(*data)
    pair, alone = change["pair"], change["input"]
    violations = [
        not pair[0, -1] > 0.05,  # active input, low conductance: set
        not np.all(pair[1:, 0] < -0.01),  # silent input: reset
        not np.all(np.diff(pair, axis=1)[:, :-1].mean(axis=0) > -0.01),  # more input, more set
        not np.all(np.abs(alone) < 1e-3),  # without a spike of the neuron: nothing
    ]
    record.ok(
        "one synapse",
        Times(run=[time.perf_counter() - began]),
        error=float(sum(violations)),
        reference="set by active input, reset by silent input, unmoved by input alone: how many do not hold",
        tolerance=0.0,
        n=pair.size * synapses.COPIES,
        dtype="float32",
        extra={
            "rates": synapses.RATES.tolist(),
            "starts": synapses.STARTS.tolist(),
            **{k: x.tolist() for k, x in change.items()},
        },
    )


def run(size: str, record: Recorder) -> None:
    """Each seed; mean and standard deviation of all; pictures of the first; one synapse."""
    compile_cache.fuse_small_loops()
    try:
        images = digits()
        data = images.pixels, images.labels
    except MemjaxError as error:
        record.write("training, seed 0", status="skipped", reason=str(error))
        return
    both = np.array([_one(record, SIZES[size], k, data) for k in range(SIZES[size].seeds)])
    mean, spread = both.mean(axis=0), both.std(axis=0, ddof=1 if len(both) > 1 else 0)
    record.ok(
        "trained, all seeds",
        Times(run=[0.0]),
        error=float(1.0 - mean[0]),
        reference="the labels: share of errors, mean of seeds",
        tolerance=1.0 - WANTED,
        n=SIZES[size].members,
        dtype="float32",
        extra={
            "accuracy": mean[0],
            "accuracy_sd": spread[0],
            "random": mean[1],
            "random_sd": spread[1],
        },
    )
    if size == "full":
        _synapse(record, data)


CASE = Case(
    name="tasks_onchip",
    run=run,
    baseline="training, seed 0",
    suites=("tasks",),
    limit_s=3600.0,
)
