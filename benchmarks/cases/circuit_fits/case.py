"""Fits through a circuit to synthetic data of known truth: whether the errors are as large as is said."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from scipy.stats import chi2

import fitting as ft
import memjax as mj
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from memjax import neuron
from memjax.observables import detect_all
from memjax.solver import SemiImplicitEuler

SETS = {"smoke": (2, 1), "full": (12, 5)}
"""Data sets: traces, and sets of spike trains."""

RARE = 1e-3
"""Probability with which a mean square above its bound comes by chance."""

ROWS = np.arange(201) * 2e-4
SIGMA = 2e-3
PULSE = mj.Sampled(np.array([0.0, 20e-3, 40e-3]), np.array([1.0, 0.05, 0.05]), kind="staircase")

TRACE = {
    "memristor.mu": (100.0, 130.0),
    "memristor.gamma1": (800.0, 1000.0),
    "memristor.r_on": (4e4, 3e4),
    "memristor.theta": (10.0, 14.0),
}
"""Truth and start of a fit to a trace."""

SPIKES = {
    "memristor.mu": (150.0, 140.0),
    "r_c.r": (250e6, 320e6),
    "memristor.sigma1": (0.02, 0.03),
}
"""Truth and start of a fit to spikes."""

TRAINS, MEMBERS = 32, 96
PULSES = mj.PulseTrain(1.5, 0.4e-3, 0.8e-3, count=125)
LEVEL, REARM = 0.22, 0.15
"""Between which a spike rises [V]."""


def oscillator() -> mj.Circuit:
    """The device of the published pulses without diffusion, behind 22 kohm and 10 nF."""
    rates = {"beta": 80.0, "mu": 100.0, "gamma1": 800.0, "gamma2": 10.0, "gamma3": 4.0}
    geometry = {"alpha": 0.01, "lam": 0.1, "r_on": 4e4, "r_off": 1e9, "r0": 0.4}
    device = mj.params.replace(mj.DiffusiveMemristor(), rates | geometry | {"theta": 10.0})
    return neuron.relaxation_oscillator(device, r_in=22e3, c=1e-8)


def core() -> mj.Circuit:
    """The one-memristor neuron without its transistor stage."""
    device = mj.params.replace(mj.Diffusive1M1T1R(), {"sigma1": 0.02})
    return mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("memristor", device, "in", "gate"),
            ("c_gate", mj.Capacitor(1e-11), "gate", "0"),
            ("r_c", mj.Resistor(250e6), "gate", "0"),
        ]
    )


def _policy() -> mj.Fixed:
    """Fixed steps for the noisy circuit."""
    return mj.Fixed(2e-6, method=SemiImplicitEuler())


def traces(count: int) -> list[np.ndarray]:
    """Voltages of the node [V], each with noise of its own."""
    fine = mj.Stiff(rtol=1e-7, atol=1e-9)
    trace = mj.simulate(oscillator(), PULSE, save=ROWS, deterministic=True, policy=fine).check()
    clean = np.asarray(trace.state["node.v"][0])
    rng = np.random.default_rng
    return [clean + SIGMA * rng(k).normal(size=len(ROWS)) for k in range(count)]


def trains(count: int) -> list[list[np.ndarray]]:
    """Sets of spike trains [s]."""
    found = []
    for k in range(count):
        trace = mj.simulate(
            core(), PULSES, members=TRAINS, seed=1000 + k, save=2e-5, policy=_policy()
        ).check()
        found.append(detect_all(trace.t, trace.state["gate.v"], level=LEVEL, rearm=REARM))
    return found


def _started(circuit: mj.Circuit, pairs: dict[str, tuple[float, float]]) -> mj.Circuit:
    """The circuit at the start of a fit."""
    return mj.params.replace(circuit, {n: x for n, (_, x) in pairs.items()})


def from_trace(v: np.ndarray, seed: int) -> ft.VoltageFit:
    """Fit to one trace."""
    return ft.solve(
        ft.TraceProblem(
            (ROWS, v),
            _started(oscillator(), TRACE),
            stimulus=PULSE,
            node="node",
            sigma=SIGMA,
            free=list(TRACE),
        ),
        seed=seed,
    )


def from_trains(times: list[np.ndarray], seed: int) -> ft.SpikeFit:
    """Fit to one set of spike trains."""
    return ft.solve(
        ft.MomentProblem(
            times,
            _started(core(), SPIKES),
            stimulus=PULSES,
            signal="gate.v",
            level=LEVEL,
            rearm=REARM,
            free=list(SPIKES),
            members=MEMBERS,
            save=2e-5,
            policy=_policy(),
        ),
        seed=seed,
    )


def _timed(fit: Callable[..., ft.VoltageFit | ft.SpikeFit], data, seed: int):
    """Wall time of a fit [s], and the fit."""
    return lap(lambda: fit(data, seed))


def _scored(
    record: Recorder,
    name: str,
    fit: Callable[..., ft.VoltageFit | ft.SpikeFit],
    data: Sequence,
    pairs: dict[str, tuple[float, float]],
) -> None:
    """Fit every data set and record the z-scores of what is determined."""
    truth, seconds, rows = {n: x for n, (x, _) in pairs.items()}, [], []
    for k, one in enumerate(data):
        took, found = _timed(fit, one, k)
        seconds.append(took)
        z = {n: x for n, x in found.z_scores(truth).items() if n not in found.undetermined}
        row: dict[str, Any] = {"z": z, "values": found.values, "std": found.std}
        row["undetermined"] = list(found.undetermined)
        rows.append(row | {"chi2": found.chi2, "converged": found.converged})
    z = np.array([x for row in rows for x in row["z"].values()])
    worst = float(np.max(np.abs(z))) if z.size else None
    record.ok(
        name,
        Times(run=seconds[1:] or seconds),
        error=float(np.mean(z**2)) if z.size else float("nan"),
        reference="1: mean square of (estimate - truth) / standard deviation",
        tolerance=float(chi2.ppf(1 - RARE, z.size) / z.size) if z.size else 0.0,
        problem=f"{len(rows)} synthetic data sets, {len(pairs)} free parameters",
        dtype="float64",
        extra={"fits": rows, "largest_abs_z": worst, "scores": int(z.size)},
    )


def run(size: str, record: Recorder) -> None:
    """Fits to traces, fits to spikes."""
    jax.config.update("jax_enable_x64", True)
    n_traces, n_sets = SETS[size]
    _scored(record, "trace of a node", from_trace, traces(n_traces), TRACE)
    _scored(record, "spike times", from_trains, trains(n_sets), SPIKES)


CASE = Case(name="circuit_fits", run=run, baseline="trace of a node", suites=("circuit_fits",))
