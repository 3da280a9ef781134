"""Sweeps of any device, every second one fitted and the others predicted: learned functions beside laws of physics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

import fitting as ft
import memjax as mj
from benchmarks.cases.any_device import coverage, peers
from benchmarks.cases.any_device.sets import NEAR_ZERO, SETS
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from fitting.constants import FREE_BENCH
from fitting.sweeps.group import seeks_events
from fitting.sweeps.halves import halves
from fitting.sweeps.learned import SEQUENCE, is_in_sequence
from fitting.sweeps.prepare import Prepared, prepare
from fitting.sweeps.problem import Problem, responses
from fitting.sweeps.simulated import simulated_opposed
from fitting.sweeps.summary import Waveform
from fitting.sweeps.verdict import judge
from memjax.errors import MemjaxError

PHYSICS = ("yakopcic", "vteam", "stanford-pku", "mms")
"""Laws of devices that keep their state."""

COVERED = 10
"""Simulated devices of each law to which bands are compared."""

BANDS = (0.84, 0.96)
"""Shares of points that bands of 90 % are to hold."""


COMPARED = ("knowm_iv", "sto_nb_iv_old_device", "sto_nb_iv_timed", "vo2_iv_cycles")
"""Sets by which models are compared; `unseen` fits `hybrid` to all sets."""

SCREENED = {"smoke": 8, "full": 64}
"""Starts of a search."""

NOISE = 0.02
"""Relative noise of the synthetic sweeps."""


def synthetic() -> list[mj.Measurement]:
    """Four loops of a device with laws of which `hybrid` knows nothing."""
    device = mj.params.replace(
        mj.Yakopcic(), {"a1": 1e-4, "a2": 5e-5, "b": 3.0, "a_p": 200.0, "a_n": 100.0}
    )
    rng, columns = np.random.default_rng(0), []
    for sweep, top in enumerate((0.5, 0.6, 0.7, 0.8)):
        v = top * np.concatenate(
            [np.linspace(0, 1, 21), np.linspace(1, -1, 41)[1:], np.linspace(-1, 0, 21)[1:]]
        )
        drive, t = mj.stimulus.staircase(v, 0.01), 0.01 * np.arange(1.0, len(v) + 1)
        i = np.ravel(mj.simulate(device, drive, save=t, deterministic=True).check().i)
        columns.append((np.full(len(v), sweep), v, i * np.exp(NOISE * rng.normal(size=len(v)))))
    sweep, v, i = (np.concatenate(x) for x in zip(*columns, strict=True))
    limited = np.zeros(len(v), bool)
    return [
        mj.Measurement(v=v, i=i, t=None, sweep=sweep, at_compliance=limited, reader="", source={})
    ]


@dataclass(frozen=True)
class Left:
    """What a fitted device leaves of sweeps.

    Parameters
    ----------
    residuals : Float[np.ndarray, "points"]
        Of all points that count [decades].
    clear : Bool[np.ndarray, "points"]
        Those of them that are not beside 0 V: by these the scatter between cycles is told as well.
    verdict, reason : str
        Whether it describes these sweeps, by the rules that judge a fit, and why.
    waves : list of Waveform
        These sweeps.
    simulated : Float[np.ndarray, "waves points"]
        log10 of the simulated responses [decades of A].
    """

    residuals: Float[np.ndarray, " points"]
    clear: Bool[np.ndarray, " points"]
    verdict: str
    reason: str
    waves: list[Waveform]
    simulated: Float[np.ndarray, "waves points"]

    @property
    def rms(self) -> float:
        """Root mean square of the residuals [decades]."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def clear_rms(self) -> float:
        """The same of points that are not beside 0 V."""
        return float(np.sqrt(np.mean(self.residuals[self.clear] ** 2)))


def left_of(
    fit: ft.FitResult,
    data: Sequence[mj.Measurement],
    point_time: float | None,
    among: Sequence[mj.Measurement] = (),
) -> Left:
    """What a fitted device leaves of sweeps, its own or others.

    `among` are all sweeps that were measured: of a device whose sweeps are fitted one after the other, those of `data`
    begin where the sweeps before them, which are simulated as well, have left it.
    """
    prepared, problem = _problem_of(fit, data, point_time)
    group, z, waves = problem.group, np.asarray(problem.center), prepared.waves
    if len(among) == 1 and is_in_sequence(fit.device) and len(among[0].labels) <= SEQUENCE:
        rows = np.isin(among[0].sweep, data[0].labels)
        whole, every = _problem_of(fit, among, point_time)
        # Of one cycle that is held out the others say how far it may lie from any.
        (wave,) = whole.waves
        cycles = None if wave.cycles is None else wave.cycles[rows]
        waves = [replace(w, cycles=cycles, closings=wave.closings) for w in waves]
        simulated, opposed = responses(every, z)[:, rows], simulated_opposed(every, z)
        opposed = None if opposed is None else opposed[:, rows]
    else:
        simulated, opposed = responses(problem, z), simulated_opposed(problem, z)
    counted, v = np.asarray(group.weight) > 0, np.abs(np.asarray(group.stimuli.values))
    # Residuals say when events happened; where none counts they cost a program that no one looks at.
    size = np.size(group.weight) + np.size(group.event_weight)
    events = problem.of_data(z) if seeks_events(group) else np.zeros(size)
    verdict = judge(waves, group, events, simulated, opposed)
    residuals = (simulated - np.asarray(group.target))[counted]
    clear = (v > NEAR_ZERO * v.max())[counted]
    return Left(residuals, clear, verdict.word, verdict.reason, waves, simulated)


def _problem_of(
    fit: ft.FitResult, data: Sequence[mj.Measurement], point_time: float | None
) -> tuple[Prepared, Problem]:
    """Other sweeps as a problem of the fitted device, with what its fit says of the bench."""
    common: dict[str, Any] = dict(env=None, free=None, fix=None, seed=0, screened=2)
    prepared = prepare(data, fit.device, bench=None, point_time=point_time, **common)
    first = prepared.problem
    # Which way round it stands is what its fit says, too: other sweeps may be read otherwise.
    names = ("reversed", *FREE_BENCH.values())
    bench = replace(first.bench, **{n: getattr(fit.bench, n) for n in names})
    return prepared, Problem.of(fit.device, first.free, first.group, bench=bench, env=first.env)


def _record(
    record: Recorder, name: str, model: str, data: list[mj.Measurement], point_time: float | None, screened: int
) -> float:  # fmt: skip
    """Fit every second sweep of a set, and record what is left of the others; the error of those fitted."""
    variant = f"{model}, {name}"
    fitted, others = halves(data, point_time=point_time)
    problem = ft.SweepProblem(fitted, mj.model(model), point_time=point_time, screened=screened)
    try:
        seconds, fit = lap(lambda: ft.solve(problem, seed=0))
        known, unseen = left_of(fit, fitted, point_time), left_of(fit, others, point_time, data)
    except (MemjaxError, np.linalg.LinAlgError) as error:
        record.write(variant, status="failed", reason=str(error))
        return np.inf
    record.ok(
        variant,
        Times(run=[seconds]),
        error=unseen.rms,
        reference="root mean square of the residuals of sweeps that were not fitted [decades]",
        problem=f"{name}: {known.residuals.size} points fitted, {unseen.residuals.size} predicted",
        dtype="float64",
        extra={
            "fitted": known.rms,
            "median_unseen": float(np.median(np.abs(unseen.residuals))),
            "verdict": fit.verdict.word,
            "verdict_unseen": unseen.verdict,
        },
    )
    return known.rms


def _record_peer(
    record: Recorder, name: str, peer: str, data: list[mj.Measurement], point_time: float | None
) -> None:
    """Train a peer on every second sweep of a set, and record what is left of the others."""
    fitted, others = halves(data, point_time=point_time)
    scale = peers.scale_of(fitted)
    seen, unseen = (peers.sweeps_of(x, scale) for x in (fitted, others))
    seconds, network = lap(lambda: peers.trained(peer, seen))
    rms = lambda x: float(np.sqrt(np.mean(peers.residuals_of(network, x) ** 2)))  # noqa: E731
    record.ok(
        f"{peer}, {name}",
        Times(run=[seconds]),
        error=rms(unseen),
        reference="root mean square of the residuals of sweeps that were not fitted [decades]",
        problem=f"{name}: {np.sum(seen.counts)} points fitted, {np.sum(unseen.counts)} predicted",
        dtype="float64",
        extra={"fitted": rms(seen), "parameters": peers.parameters(network)},
    )


def _record_coverage(record: Recorder, model: str) -> None:
    """Record what bands of `hybrid` hold of devices of a law of which it knows nothing."""
    results = coverage.covered(model, COVERED)
    if not results:
        record.write(f"bands, {model}", status="failed", reason="no fit")
        return
    row = coverage.row_of(results)
    record.ok(
        f"bands, {model}",
        Times(run=[h.seconds for h in results]),
        error=row["off"],
        reference="median root mean square of the error of a loop that was not fitted [decades]",
        problem=f"{len(results)} devices, loops of {coverage.POINTS} points",
        dtype="float64",
        extra=row | {"holds": all(BANDS[0] <= row[n] <= BANDS[1] for n in ("seen", "unseen"))},
    )


def run(size: str, record: Recorder) -> None:
    """Measured sets by each model, by the best of physics with corrections and by peers, and bands.

    The smoke size has synthetic sweeps.
    """
    jax.config.update("jax_enable_x64", True)
    screened = SCREENED[size]
    if size == "smoke":
        _record(record, "synthetic", "hybrid", synthetic(), 0.01, screened)
        return
    for name in COMPARED:
        options: tuple = (SETS[name].read(), SETS[name].point_time, screened)
        _record(record, name, "hybrid", *options)
        left = {m: _record(record, name, m, *options) for m in PHYSICS}
        _record(record, name, min(left, key=lambda m: left[m]) + "+hybrid", *options)
        for peer in peers.PEERS:
            _record_peer(record, name, peer, *options[:2])
    for model in coverage.TRUTHS:
        _record_coverage(record, model)


CASE = Case(
    name="any_device",
    run=run,
    baseline="hybrid, knowm_iv",
    suites=("device_fits",),
    limit_s=3600.0,
)
