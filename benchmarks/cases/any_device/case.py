"""Sweeps of any device, every second one fitted and the others predicted: learned functions beside laws of physics."""

import jax
import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.cases.any_device import coverage, peers, switching
from benchmarks.cases.any_device.left import left_of
from benchmarks.cases.any_device.sets import SCREENED, SETS
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from fitting.sweeps.halves import halves
from memjax.errors import MemjaxError

PHYSICS = ("yakopcic", "vteam", "stanford-pku", "mms")
"""Laws of devices that keep their state."""

COVERED = 10
"""Simulated devices of each law to which bands are compared."""

BANDS = (0.84, 0.96)
"""Shares of points that bands of 90 % are to hold."""


COMPARED = ("knowm_iv", "sto_nb_iv_old_device", "sto_nb_iv_timed", "vo2_iv_cycles")
"""Sets by which models are compared; `unseen` fits `hybrid` to all sets."""

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


def _record_switch(record: Recorder, name: str, model: str, screened: int) -> None:
    """Fit every second half-sweep of a switch, and record what is left of the others and of their voltages."""
    variant = f"{model}, {name}"
    try:
        row = switching.row_of(switching.SETS[name], model, screened)
    except (MemjaxError, np.linalg.LinAlgError) as error:
        record.write(variant, status="failed", reason=str(error))
        return
    record.ok(
        variant,
        Times(run=[row["seconds"]]),
        error=row["unseen"],
        reference="root mean square of the residuals of half-sweeps that were not fitted [decades]",
        problem=f"{name}: {row['points']} points of the medians of each waveform",
        dtype="float64",
        extra=row,
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
    """Measured sets by each model, by the best of physics with corrections and by peers, switches, and bands.

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
    for name in switching.SETS:
        for model in switching.MODELS:
            _record_switch(record, name, model, screened)
    for model in coverage.TRUTHS:
        _record_coverage(record, model)


CASE = Case(
    name="any_device",
    run=run,
    baseline="hybrid, knowm_iv",
    suites=("device_fits",),
    limit_s=5400.0,
)
