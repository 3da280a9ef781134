"""Time of training, devices per second, ranks and coverage of 1,000 devices, and distance from NUTS."""

import json
import resource
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.cases.amortised import problem
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from fitting.amortised.calibration import LEVELS
from fitting.amortised.density import TrainingSettings
from fitting.amortised.simulations import Simulator
from fitting.inference.nuts import Sampling, draw

SIZES = {"smoke": (2000, 40, 1), "full": (40_000, 150, 8)}
"""Simulated devices, passes over them, and devices that NUTS draws for."""

FRESH = 10_000_000
"""Number of the first of 1,000 devices that are measured after training."""

DEVICES = 1000
LIMIT_S = 20 * 60.0
"""Time of training at the most [s]."""


def _spent() -> tuple[float, float]:
    """Wall and processor time [s]."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), use.ru_utime + use.ru_stime


def _timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall and processor time of a call [s], and what it gave."""
    begin = _spent()
    result = call()
    end = _spent()
    return end[0] - begin[0], end[1] - begin[1], result


def _fresh(posterior: ft.AmortisedPosterior, deterministic: bool) -> tuple[np.ndarray, dict]:
    """Readings of devices that were not trained on [A], and their parameters."""
    about: dict[str, Any] = {
        "cycle_spread": {},
        "seed": posterior.seed,
        "deterministic": deterministic,
    }
    simulator = Simulator(
        device=posterior.device, protocol=posterior.protocol, prior=posterior.prior,
        statistics=posterior.statistics, **about,
    )  # fmt: skip
    u = simulator.coordinates(FRESH, DEVICES)
    parts = [simulator.currents(FRESH + a, u[a : a + 250])[0] for a in range(0, DEVICES, 250)]
    return simulator.read(np.concatenate(parts), FRESH), posterior.prior.values(u)


def _measurements(protocol: ft.SweepProtocol, i: np.ndarray) -> list[mj.Measurement]:
    """The same readings as files have them."""
    rows = [protocol.rows[k] for k in protocol.order]
    t, v = np.concatenate(rows), np.concatenate([protocol.voltages[k] for k in protocol.order])
    sweep = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    # Points of a staircase are read at the ends of their holds: without time, as such files are.
    times = None if protocol.point_time else t
    about: dict[str, Any] = {
        "sweep": sweep,
        "at_compliance": np.zeros(len(t), bool),
        "reader": "made here",
    }
    return [mj.Measurement(t=times, v=v, i=x, **about) for x in i]


def _setting(name: str, size: str, record: Recorder, **about: Any) -> tuple[Any, np.ndarray, dict]:
    """Train, and measure 1,000 devices; the density, their readings and their parameters."""
    simulations, passes, _ = SIZES[size]
    training = TrainingSettings(epochs=passes)
    wall, cpu, posterior = _timed(
        lambda: ft.amortise(simulations=simulations, seed=0, training=training, **about)
    )
    i, truth = _fresh(posterior, "simulation" in about)
    options: dict[str, Any] = {"uncalibrated": True, "warn": False}
    first = _timed(lambda: posterior.posterior(i, **options))
    runs = [_timed(lambda: posterior.posterior(i, **options)) for _ in range(5)]
    files = _measurements(posterior.protocol, i) if name == "quiet" else []
    read = _timed(lambda: posterior.posterior(files, **options)) if files else None
    result, check = runs[-1][2], posterior.calibration
    ends = result.interval(0.9)
    inside = np.array([not w for w in result.outside])
    held = {
        n: float(np.mean((ends[n][inside, 0] <= x[inside]) & (x[inside] <= ends[n][inside, 1])))
        for n, x in truth.items()
    }
    run_s = [w for w, *_ in runs]
    record.ok(
        name,
        Times(run=run_s, compile=max(first[0] - float(np.median(run_s)), 0.0)),
        error=max(abs(h - 0.9) for h in held.values()),
        tolerance=0.05 if size == "full" else None,
        reference="share of 1,000 simulated devices in their intervals of 90 %, from 0.9: the worst parameter",
        n=DEVICES,
        dtype="float32",
        problem=f"{len(truth)} free parameters, {simulations} simulated devices",
        extra={
            "training_s": wall,
            "training_cpu_s": cpu,
            "trained_in_time": wall <= LIMIT_S,
            "devices_per_second": DEVICES / float(np.median(run_s)),
            "devices_per_cpu_second": DEVICES / float(np.median([c for _, c, _ in runs])),
            "devices_per_second_from_files": None if read is None else DEVICES / read[0],
            "p": dict(zip(check.names, check.p, strict=True)),
            "coverage": {f"{a:g}": c.tolist() for a, c in zip(LEVELS, check.coverage, strict=True)},
            "coverage_of_1000": held,
            "contraction": dict(zip(check.names, check.contraction, strict=True)),
            "passed": check.passed,
            "outside": int(np.sum(~inside)),
            "failed": posterior.failed,
        },
    )
    return posterior, i, truth


def _width(draws: np.ndarray) -> float:
    """Length of the interval of 90 %."""
    low, high = np.quantile(draws, [0.05, 0.95])
    return float(high - low)


def _against_nuts(size: str, record: Recorder, posterior: Any, i: np.ndarray, truth: dict) -> list:
    """Medians and standard deviations of some devices by both, in units of NUTS' standard deviation."""
    rows, walls = [], []
    count = SIZES[size][2]
    draws = {"smoke": (2, 100, 100), "full": (4, 300, 500)}[size]
    mine = posterior.posterior(i[:count], draws=2000, uncalibrated=True, warn=False)
    for k in range(count):
        target = problem.ReadSweep.of(i[k])
        at = {n: float(x[k]) for n, x in truth.items()}
        device = mj.params.replace(target.device, at)
        z = jnp.asarray(mj.params.unconstrain(device, list(at)))
        jacobian = np.asarray(jax.jacfwd(lambda x, t=target: t.residuals(x)[0])(z))
        covariance = np.linalg.inv(jacobian.T @ jacobian + 1e-6 * np.eye(len(z)))
        sampling = Sampling(*draws)
        wall, _, sample = _timed(
            lambda t=target, z=z, c=covariance, s=sampling: draw(
                t, t.device, list(BOUNDS), z=np.asarray(z), covariance=c, sampling=s
            )
        )
        walls.append(wall)
        for n in BOUNDS:
            exact = sample.data.posterior[n].values.ravel()
            own, std = mine.draws[n][k], float(exact.std(ddof=1))
            rows.append(
                {
                    "device": k,
                    "parameter": n,
                    "median": float((np.median(own) - np.median(exact)) / std),
                    "std_ratio": float(own.std(ddof=1) / std),
                    "width_ratio": _width(own) / _width(exact),
                    "r_hat": float(sample.r_hat[n]),
                    "ess": float(sample.ess[n]),
                    "nuts_median": float(np.median(exact)),
                    "nuts_std": std,
                    "truth": at[n],
                }
            )
        print(json.dumps(rows[-len(BOUNDS) :]), flush=True)
    away = np.array([r["median"] for r in rows])
    ratio = np.array([r["std_ratio"] for r in rows])
    record.ok(
        "NUTS",
        Times(run=walls),
        error=float(np.sqrt(np.mean(away**2))),
        reference="medians, root mean square distance in standard deviations of NUTS",
        n=count,
        dtype="float64",
        problem="quiet, same data",
        extra={
            "median_worst": float(np.max(np.abs(away))),
            "std_ratio_median": float(np.median(ratio)),
            "width_ratio_median": float(np.median([r["width_ratio"] for r in rows])),
            "std_ratio_range": [float(ratio.min()), float(ratio.max())],
            "r_hat_worst": max(r["r_hat"] for r in rows),
            "rows": rows,
        },
    )
    return rows


BOUNDS = problem.BOUNDS


def run(size: str, record: Recorder) -> None:
    """Both settings, and NUTS where there is a likelihood."""
    jax.config.update("jax_enable_x64", True)
    quiet = dict(
        device=problem.quiet_model(),
        protocol=problem.quiet_protocol(),
        prior=ft.DevicePrior(bounds=problem.BOUNDS),
        simulation=ft.SimulationSettings(deterministic=True),
    )
    posterior, i, truth = _setting("quiet", size, record, **quiet)
    _against_nuts(size, record, posterior, i, truth)
    noisy = dict(
        device=mj.DiffusiveMemristor(),
        protocol=problem.noisy_protocol(),
        prior=ft.DevicePrior(bounds=problem.NOISY_BOUNDS),
    )
    _setting("noisy", size, record, **noisy)


CASE = Case(name="amortised", run=run, baseline="quiet", suites=("fit",), limit_s=2 * 3600.0)
