"""How far derivatives of events and integrals are from secants of the same quantities."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.derivatives import pictures
from benchmarks.cases.derivatives.problems import (
    QUANTITIES,
    REVERSE,
    TIGHT,
    Problem,
    derivatives,
    diffusive,
    errors,
    problems,
    second_order,
    secants,
)
from benchmarks.cases.derivatives.rows import DISTANCES, NAMES, WAYS
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times

QUIET, NOISY = 1e-3, 1e-2
"""Largest errors of a derivative without noise and with noise held, relative to the largest of its quantity."""

MODES = ("forward", "reverse")

_NEAR = 1e-6
"""Relative change of a parameter for secants along a noisy path, whose steps have to stay."""

SEED = 3


def _timed(call: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, Times]:
    """What a call gives, and its wall time, compilation included."""
    begin = time.perf_counter()
    found = call(*args, **options)
    return found, Times(run=[time.perf_counter() - begin])


def _worst(
    away: Float[np.ndarray, "quantities parameters"], names: Sequence[str], problem: Problem
) -> dict[str, Any]:
    """Largest error of each quantity, and whose derivative it is."""
    largest = dict(zip(names, away.max(axis=1).tolist(), strict=True))
    by = [problem.parameters[k] for k in away.argmax(axis=1)]
    return largest | {"parameters": dict(zip(names, by, strict=True))}


def _smoke(record: Recorder) -> None:
    """Forward derivatives of one delay."""
    problem = problems()["threshold-switch"]
    exact = secants(problem, Problem.pulsed, policy=TIGHT)
    found, taken = _timed(derivatives, problem, Problem.pulsed, policy=mj.Stiff())
    away = errors(found, exact)
    record.ok(
        "threshold-switch, forward",
        taken,
        error=float(away.max()),
        tolerance=QUIET,
        reference="central differences at rtol 1e-9, of the delay",
        problem="threshold-switch, without noise",
        n=exact.shape[1],
        extra=_worst(away, QUANTITIES[-1:], problem) | {"mode": "forward"},
    )


def _without_noise(record: Recorder, problem: Problem) -> None:
    """Both modes of the default policy."""
    exact = secants(problem, Problem.quantities, policy=TIGHT)
    for mode, policy in zip(MODES, (mj.Stiff(), REVERSE), strict=True):
        way: dict[str, Any] = dict(reverse=mode == "reverse", policy=policy)
        found, taken = _timed(derivatives, problem, Problem.quantities, **way)
        away = errors(found, exact)
        record.ok(
            f"{problem.name}, {mode}",
            taken,
            error=float(away.max()),
            tolerance=QUIET,
            reference="central differences at rtol 1e-9",
            problem=f"{problem.name}, without noise",
            n=exact.shape[1],
            extra=_worst(away, QUANTITIES, problem) | {"mode": mode},
        )


def _with_noise(record: Recorder, problem: Problem, policies: dict[str, tuple[Any, Any]]) -> None:
    """Both modes along one path: policies for forward and for reverse mode by name."""
    for name, both in policies.items():
        about: dict[str, Any] = dict(seed=SEED)
        exact = secants(problem, Problem.quantities, step=_NEAR, policy=both[0], **about)
        for mode, policy in zip(MODES, both, strict=True):
            way: dict[str, Any] = about | dict(reverse=mode == "reverse", policy=policy)
            found, taken = _timed(derivatives, problem, Problem.quantities, **way)
            away = errors(found, exact)
            record.ok(
                f"{problem.name}, {name}, {mode}",
                taken,
                error=float(away.max()),
                tolerance=NOISY,
                reference=f"central differences of {_NEAR:g} along the same path",
                problem=f"{problem.name}, {name}, noise held",
                n=exact.shape[1],
                extra=_worst(away, QUANTITIES, problem) | {"mode": mode, "seed": SEED},
            )


def _rows(record: Recorder, problem: Problem) -> None:
    """From rows, and from the solve, at several distances of rows."""
    # Which rows there are changes nothing in a tight solve.
    exact = secants(problem, WAYS["events and integrals"], policy=TIGHT, save=DISTANCES[-1])
    for distance in DISTANCES:
        for way, of in WAYS.items():
            found, taken = _timed(derivatives, problem, of, policy=mj.Stiff(), save=distance)
            away = errors(found, exact)
            new = of is WAYS["events and integrals"]
            record.ok(
                f"rows of {distance:g} s, {way}",
                taken,
                error=float(away.max()),
                tolerance=QUIET if new else None,
                reference="central differences of events and integrals at rtol 1e-9",
                problem=f"{problem.name}, rows",
                n=exact.shape[1],
                extra=_worst(away, NAMES, problem) | {"way": way, "distance_s": distance},
            )


def run(size: str, record: Recorder) -> None:
    """One delay; or all quantities of all devices, along noisy paths, against the distance of rows, and the picture."""
    jax.config.update("jax_enable_x64", True)
    if size == "smoke":
        _smoke(record)
        return
    _rows(record, diffusive())
    fixed, adaptive = (mj.Fixed(1e-4), mj.Fixed(1e-4)), (mj.Stiff(), REVERSE)
    noisy = diffusive(sigma1=8.0, sigma2=5.0)
    _with_noise(record, noisy, {"fixed steps": fixed, "adaptive steps": adaptive})
    _with_noise(record, second_order(sigma=0.3), {"fixed steps": fixed})
    for problem in problems().values():
        _without_noise(record, problem)
    pictures.write(record.path, record.run_id, quiet=QUIET, noisy=NOISY)


CASE = Case(
    name="derivatives",
    run=run,
    baseline="threshold-switch, forward",
    suites=("gradients",),
    limit_s=7200.0,
)
