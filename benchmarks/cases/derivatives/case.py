"""How far derivatives of events and integrals are from secants of the same quantities."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.derivatives import pictures
from benchmarks.cases.derivatives.neurons import record_neurons
from benchmarks.cases.derivatives.problems import (
    QUANTITIES,
    REVERSE,
    STEP,
    TIGHT,
    Problem,
    Quantities,
    derivatives,
    diffusive,
    errors,
    problems,
    secants,
    second_order,
)
from benchmarks.cases.derivatives.rows import DISTANCES, EVENTS, NAMES, WAYS
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times

WITHOUT = "without noise"

BASELINE = f"threshold-switch, {WITHOUT}, forward"

QUIET, NOISY = 1e-3, 1e-2
"""Largest errors of a derivative without noise and with noise held, relative to the largest of its quantity."""

MODES = ("forward", "reverse")

FIXED, ADAPTIVE = "fixed steps", "adaptive steps"

NEAR = {FIXED: 1e-6, ADAPTIVE: 1e-9}
"""Relative change of a parameter for secants along a noisy path; which adaptive steps are taken has to stay."""

SEED = 3

_EXACT = "central differences at rtol 1e-9"


def _worst(
    away: Float[np.ndarray, "quantities parameters"], names: Sequence[str], problem: Problem
) -> dict[str, Any]:
    """Largest error of each quantity, and whose derivative it is."""
    largest = dict(zip(names, away.max(axis=1).tolist(), strict=True))
    by = [problem.parameters[k] for k in away.argmax(axis=1)]
    return largest | {"parameters": dict(zip(names, by, strict=True))}


def _compare(
    record: Recorder,
    variant: str,
    problem: Problem,
    of: Quantities,
    exact: Float[np.ndarray, "quantities parameters"],
    *,
    names: Sequence[str],
    options: dict[str, Any],
    about: dict[str, Any],
    label: str,
    **fields: Any,
) -> None:
    """Record the derivatives of quantities called `names` beside exact ones, with the time that they took."""
    begin = time.perf_counter()
    found = derivatives(problem, of, **options)
    taken = Times(run=[time.perf_counter() - begin])
    away = errors(found, exact)
    fields |= {"extra": _worst(away, names, problem) | about, "problem": label}
    record.ok(variant, taken, error=float(away.max()), n=exact.shape[1], **fields)


def _both_modes(
    record: Recorder,
    problem: Problem,
    policies: tuple[Any, Any],
    *,
    kind: str,
    step: float,
    by: Any,
    seed: int = 0,
    **fields: Any,
) -> None:
    """Forward and reverse derivatives of all quantities, by a policy for each, beside secants by a third one."""
    of = Problem.quantities
    exact = secants(problem, of, step=step, policy=by, seed=seed)
    # A path of which other steps were taken on one side of a secant would show in those of twice the step.
    twice = secants(problem, of, step=2 * step, policy=by, seed=seed)
    apart = float(errors(twice, exact).max())
    for mode, policy in zip(MODES, policies, strict=True):
        _compare(
            record,
            f"{problem.name}, {kind}, {mode}",
            problem,
            of,
            exact,
            names=QUANTITIES,
            options=dict(policy=policy, reverse=mode == "reverse", seed=seed),
            about={"mode": mode, "secants": apart, "kind": kind},
            label=f"{problem.name}, {kind}",
            **fields,
        )


def _smoke(record: Recorder) -> None:
    """Forward derivatives of one delay."""
    problem = problems()["threshold-switch"]
    _compare(
        record,
        BASELINE,
        problem,
        Problem.pulsed,
        secants(problem, Problem.pulsed, policy=TIGHT),
        names=QUANTITIES[-1:],
        options=dict(policy=mj.Stiff()),
        about={"mode": "forward", "kind": WITHOUT},
        label=f"threshold-switch, {WITHOUT}",
        tolerance=QUIET,
        reference=_EXACT,
    )


def _rows(record: Recorder, problem: Problem) -> None:
    """From rows, and from the solve, at several distances of rows."""
    # Which rows there are changes nothing in a tight solve.
    exact = secants(problem, WAYS[EVENTS], policy=TIGHT, save=DISTANCES[-1])
    for distance in DISTANCES:
        for way, of in WAYS.items():
            _compare(
                record,
                f"{problem.name}, rows of {distance:g} s, {way}",
                problem,
                of,
                exact,
                names=NAMES,
                options=dict(policy=mj.Stiff(), save=distance),
                about={"way": way, "distance_s": distance},
                label=f"{problem.name}, rows",
                tolerance=QUIET if way == EVENTS else None,
                reference=_EXACT,
            )


def _noisy(record: Recorder, problem: Problem, kind: str, policies: tuple[Any, Any]) -> None:
    """Both modes along one path."""
    _both_modes(
        record,
        problem,
        policies,
        kind=kind,
        step=NEAR[kind],
        by=policies[0],
        seed=SEED,
        tolerance=NOISY,
        reference=f"central differences of {NEAR[kind]:g} along the same path",
    )


def run(size: str, record: Recorder) -> None:
    """One delay; or all quantities of all devices, along noisy paths, against the distance of rows, and the picture."""
    jax.config.update("jax_enable_x64", True)
    if size == "smoke":
        _smoke(record)
        return
    for problem in problems().values():
        about: dict[str, Any] = dict(kind=WITHOUT, step=STEP, by=TIGHT)
        _both_modes(
            record, problem, (mj.Stiff(), REVERSE), **about, tolerance=QUIET, reference=_EXACT
        )
    noisy, fixed = diffusive(sigma1=8.0, sigma2=5.0), (mj.Fixed(1e-4), mj.Fixed(1e-4))
    _noisy(record, noisy, FIXED, fixed)
    _noisy(record, noisy, ADAPTIVE, (mj.Stiff(), REVERSE))
    _noisy(record, second_order(sigma=0.01), FIXED, fixed)
    for problem in (diffusive(), second_order()):
        _rows(record, problem)
    record_neurons(size, record)
    pictures.write(record.path, record.run_id, quiet=QUIET, noisy=NOISY)


CASE = Case(name="derivatives", run=run, baseline=BASELINE, suites=("gradients",), limit_s=7200.0)
