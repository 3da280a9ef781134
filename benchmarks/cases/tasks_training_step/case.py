"""One step of a training: forward, backward and update, beside snnTorch and Spyx in environments of their own."""

import os
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.cases.tasks_training_step import problem
from benchmarks.cases.tasks_training_step.problem import SIZES, STEP, Size
from benchmarks.environments import asked
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.learning.training import _Loop
from memjax.runtime import compile_cache

HERE = Path(__file__).parent
SNNTORCH, SPYX = "snntorch", "spyx"
CORES = 2
"""That everyone may use."""


Medians = tuple[float, float]
"""Wall time and processor time of a step [s]: the second says more where others use the machine."""


def snntorch(size: Size, batch: int, record: Recorder) -> Medians | None:
    """The better of one thread and two."""
    best = None
    for threads in range(1, CORES + 1):
        job = problem.job(size, batch) | {"threads": threads}
        answer, status, reason = asked(SNNTORCH, HERE / "peer_snntorch.py", job)
        variant = f"snnTorch, batch {batch}, {threads} thread{'s' * (threads > 1)}"
        medians = _record(record, variant, SNNTORCH, answer, status, reason, None)
        best = min((t for t in (best, medians) if t is not None), default=None)
    return best


def spyx(size: Size, batch: int, record: Recorder, reference: Medians | None) -> None:
    """Spyx, compiled as a whole."""
    answer, status, reason = asked(SPYX, HERE / "peer_spyx.py", problem.job(size, batch))
    _record(record, f"Spyx, batch {batch}", SPYX, answer, status, reason, reference)


def _record(
    record: Recorder, variant: str, peer: str, answer: dict | None, status: str, reason: str,
    reference: Medians | None,
) -> Medians | None:  # fmt: skip
    """Record what a peer answered; its medians."""
    if answer is None:
        record.write(variant, status=status, reason=reason, peer=peer)
        return None
    times, peak = answer.pop("run_s"), answer.pop("peak_rss_bytes")
    medians = float(np.median(times)), float(np.median(answer["cpu_s"]))
    answer |= _ratios(medians, reference)
    record.ok(
        variant, Times(run=times), error=None, reference="", peer=peer, peak_rss_bytes=peak, extra=answer
    )  # fmt: skip
    return medians


def _ratios(medians: Medians, reference: Medians | None) -> dict[str, float]:
    """Times over those of snnTorch."""
    if reference is None:
        return {}
    names = ("to_snntorch", "cpu_to_snntorch")
    return {n: a / b for n, a, b in zip(names, medians, reference)}


def memjax(
    size: Size, batch: int, record: Recorder, reference: Medians | None, *, full: bool
) -> None:
    """Our step, spikes made into arrays included; `full` has noise, spread and weights that are devices."""
    data = problem.samples(size, batch)
    loop = _Loop(problem.network(size, full=full), data, problem.training(batch, full=full), None)
    state = loop.begin()
    parameters, optimizer, members = state.parameters, state.optimizer, np.arange(batch)
    seconds, cpu, losses = [], [], []
    for k in range(2 + size.repeats):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        parameters, optimizer, loss, _ = loop.step(parameters, optimizer, members, np.uint32(k))
        jax.block_until_ready((parameters, loss))
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - cpu_begin)
        losses.append(float(loss))
    run = seconds[2:]
    median = float(np.median(run))
    extra: dict[str, Any] = {"losses": losses, "simulated_s": batch * size.steps * STEP}
    extra |= {"cpu_s": cpu[2:]} | _ratios((median, float(np.median(cpu[2:]))), reference)
    record.ok(
        f"memjax, batch {batch}{', noise, spread and devices' if full else ''}",
        Times(run=run, compile=seconds[0] - median),
        error=None,
        reference="",
        dtype="float32",
        n=batch,
        problem=f"{problem.SOURCES}-{size.hidden}-{problem.CLASSES}, {size.steps} steps of {STEP * 1e3:g} ms",
        extra=extra,
    )


def run(size: str, record: Recorder) -> None:
    """Everyone, one batch after the other, on the same two cores."""
    if hasattr(os, "sched_setaffinity"):
        # Before JAX counts them; peers are children and inherit it.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    compile_cache.fuse_small_loops()
    plan = SIZES[size]
    for batch in plan.batches:
        reference = snntorch(plan, batch, record)
        spyx(plan, batch, record, reference)
        for full in (False, True):
            memjax(plan, batch, record, reference, full=full)
        jax.clear_caches()


CASE = Case(
    name="tasks_training_step",
    run=run,
    baseline="memjax, batch 64",
    suites=("tasks",),
    peers=(SNNTORCH, SPYX),
    limit_s=1200.0,
)
"""The case."""
