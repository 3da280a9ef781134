"""Tasks by reservoirs of the fitted USC diffusive device, beside their controls and an echo state network."""

import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import memjax as mj
from benchmarks.environments import asked
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax import learning as ln
from memjax.circuit import Bench
from memjax.errors import MemjaxError
from memjax.io.fit import load_fit
from memjax.learning.evaluation import WASHOUT, heldout_error

HERE = Path(__file__).parent
PEER, SCRIPT = "reservoirpy", HERE / "peer_reservoirpy.py"
PUBLISHED = {"henon": 0.046, "mackey-glass": 0.036}
"""What the issue asks for: NRMSE of dynamic memristors in publications, of other devices."""

NOISE = 0.05
"""Of an echo state network's readings, in standard deviations of each: about what a reading of the device has."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    devices : int
        Of a series, in parallel.
    steps, seeds : int
        Of a series, and runs.
    scaling : tuple of int
        Numbers of devices of further runs, of three seeds each.
    images : mapping of str to int
        Images of each task, the first so many.
    image_seeds : int
        Runs of images.
    """

    devices: int
    steps: int
    seeds: int
    scaling: tuple[int, ...]
    images: dict[str, int]
    image_seeds: int


SIZES = {
    "smoke": Size(
        devices=20, steps=500, seeds=2, scaling=(), images={"digits": 200}, image_seeds=1
    ),
    "full": Size(
        devices=400,
        steps=5000,
        seeds=20,
        scaling=(25, 50, 100, 200, 1200),
        images={"digits": 1797, "mnist": 5000, "japanese-vowels": 640},
        image_seeds=20,
    ),
}


def design_of(task: str) -> tuple[ln.Design, dict]:
    """The design of a task that the search has led to, and its numbers of devices and nodes."""
    content = json.loads((HERE / "designs.json").read_text())[task]
    return ln.Design(**content["design"]), content["sizes"]


def reservoir_of(task: str, devices: int | None = None) -> ln.Reservoir:
    """The reservoir of a task: noise, cycle spread and bench are those of the fit."""
    fit = load_fit(HERE / "fit.json")
    design, sizes = design_of(task)
    device = mj.params.replace(mj.DiffusiveMemristor(), fit.values)
    session: dict[str, Any] = {} if task in SIZES["full"].images else {"session": 100, "warmup": 10}
    return design.reservoir(
        device, devices=devices or sizes["devices"], nodes=sizes["nodes"], steps=4, reading="log-current",
        relative=fit.relative, floor=fit.floor, cycle_spread=fit.spread,
        bench=Bench(compliance=fit.bench["compliance"]), **session,
    )  # fmt: skip


def series_of(task: str, steps: int) -> ln.Series:
    """The task."""
    return getattr(ln, task.replace("-", "_"))(steps)


def series(record: Recorder, name: str, size: Size, folder: Path) -> None:
    """One series: the study, fewer devices, the echo state network."""
    task, reservoir = series_of(name, size.steps), reservoir_of(name, size.devices)
    begin = time.perf_counter()
    result = ln.study(reservoir, task, seeds=size.seeds)
    content = result.to_json()
    del content["reservoir"]
    record.ok(
        name,
        Times(run=[time.perf_counter() - begin]),
        error=float(result.errors.mean()),
        reference="NRMSE, mean over seeds; noise and spread of the fit on",
        problem=f"{size.devices} devices x {reservoir.mask.shape[1]} nodes, {size.steps} steps, {size.seeds} seeds",
        extra=content | {"published": PUBLISHED.get(name)},
    )
    for devices in size.scaling:
        begin = time.perf_counter()
        one = reservoir_of(name, devices)
        # One run after the other: all at once would fill the memory.
        runs = (one.states(jnp.asarray(task.inputs), seed=100 + k)[0] for k in range(3))
        errors = [heldout_error(np.asarray(x), task, result.train)[0] for x in runs]
        record.ok(
            f"{name}, {devices} devices",
            Times(run=[time.perf_counter() - begin]),
            error=float(np.mean(errors)),
            reference="NRMSE, mean over seeds",
            problem=f"{devices} devices, 3 seeds",
            extra={"seeds": errors},
        )
    peer(record, task, result.train, reservoir.count, min(size.seeds, 5), folder)


def peer(
    record: Recorder, task: ln.Series, train: int, units: int, seeds: int, folder: Path
) -> None:
    """An echo state network with as many states and our read-out: without noise, and with noisy readings."""
    path = folder / "states.npz"
    job = {"inputs": task.inputs.tolist(), "units": units, "seeds": seeds, "out": str(path)}
    answer, status, reason = asked(PEER, SCRIPT, job)
    if answer is None:
        record.write(f"{task.name}, reservoirpy", status=status, reason=reason, peer=PEER)
        return
    with np.load(path) as file:
        states = [file[f"seed{k}"] for k in range(seeds)]
    rng = np.random.default_rng(0)
    noisy = [x + NOISE * x.std(axis=0) * rng.normal(size=x.shape) for x in states]
    for words, runs in (("", states), (f", {NOISE:.0%} noise of readings", noisy)):
        errors = [heldout_error(x, task, train)[0] for x in runs]
        record.ok(
            f"{task.name}, reservoirpy{words}",
            Times(run=answer["run_s"]),
            error=float(np.mean(errors)),
            reference="NRMSE, mean over seeds; the same read-out",
            problem=f"{units} units, spectral radius 0.9, {seeds} seeds",
            peer=PEER,
            extra={"seeds": errors, "version": answer["version"], "washout": WASHOUT},
        )


def images(record: Recorder, name: str, size: Size) -> None:
    """One set of images."""
    try:
        task = getattr(ln, name.replace("-", "_"))()
    except MemjaxError as error:
        record.write(name, status="skipped", reason=str(error))
        return
    count = size.images[name]
    if task.train is None:  # else the set has an order and a split of its own
        order = np.random.default_rng(0).permutation(len(task.labels))[:count]
        task = replace(task, pixels=task.pixels[order], labels=task.labels[order])
    begin = time.perf_counter()
    result = ln.study_images(reservoir_of(name), task, seeds=size.image_seeds)
    content = result.to_json()
    del content["reservoir"]
    record.ok(
        name,
        Times(run=[time.perf_counter() - begin]),
        error=float(1 - result.accuracies.mean()),
        reference="share of test images that are classified wrong, mean over seeds; noise and spread on",
        problem=f"{len(task.labels)} images, {result.states} devices, {size.image_seeds} seeds",
        extra=content | {"published": "83 % of a diffusive reservoir on MNIST: other images"},
    )


def run(size: str, record: Recorder) -> None:
    """All tasks."""
    jax.config.update("jax_enable_x64", True)
    plan = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        more = ("mackey-glass", "narma10", "waveforms") if size == "full" else ()
        for name in ("henon", *more):
            series(record, name, plan, Path(folder))
    for name in plan.images:
        images(record, name, plan)


CASE = Case(
    name="tasks_reservoirs",
    run=run,
    baseline="henon",
    suites=("tasks",),
    peers=(PEER,),
    limit_s=14400.0,
)
