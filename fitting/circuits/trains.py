"""Measured and simulated spike trains beside each other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import wasserstein_distance

from memjax.observables import isi_statistics

from ..fit_json import finite
from ..stochastic.two_sample import energy_test
from .report import Trains

_HALVES = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class FreshTrains:
    """Fresh trains of a fitted circuit beside the measured ones, and the steps of the fit.

    Parameters
    ----------
    measured, simulated : tuple of Float[np.ndarray, "spikes"]
        Spike times [s]: measured, and fresh ones in adaptive steps.
    comparison : dict
        See `compare_trains`.
    steps : tuple of dict
        `dt_s` and `p`, of the energy test between trains in fixed and in adaptive steps, of each step that was tried.
    """

    measured: tuple[Float[np.ndarray, " _"], ...]
    simulated: tuple[Float[np.ndarray, " _"], ...]
    comparison: dict
    steps: tuple[dict, ...]


def _features(trains: Trains, window: tuple[float, float]) -> Float[np.ndarray, "trains 4"]:
    """Logarithms of count, interval (mean, spread) and latency of each train; the window where there is none."""
    length, rows = window[1] - window[0], []
    for t in trains:
        log = np.log(np.diff(t))
        first = np.log(t[0] - window[0] if t.size and t[0] > window[0] else length)
        mean, sd = (log.mean(), log.std()) if log.size else (np.log(length), 0.0)
        rows.append([np.log(t.size + 0.5), mean, sd, first])
    return np.array(rows)


def scaled_features(
    x: Trains, y: Trains, window: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Features of both, in units of the second one's spread."""
    a, b = _features(x, window), _features(y, window)
    scale = np.maximum(b.std(axis=0), 1e-6)
    return a / scale, b / scale


def compare_trains(
    measured: Trains, simulated: Trains, *, window: tuple[float, float], seed: int
) -> dict:
    """Rates, intervals and latencies of measured and simulated spike times [s], watched from one time to another [s].

    `rate` [1/s], `isi` [s], `latency` [s]: each with `measured` and `simulated` (`n`, `mean`, `cv`), the first
    Wasserstein distance `w1` and its `floor` (mean over random halves of the measured trains; None of fewer than four);
    `isi` with standard errors by the jackknife over trains and `z` of mean and CV; `energy_p` of count, intervals and
    latency of each train together (None of fewer than four).
    """
    rng, enough = np.random.default_rng(seed), len(measured) >= 4
    length, out = window[1] - window[0], {}
    kinds: dict[str, Callable[[Trains], np.ndarray]] = {
        "rate": lambda trains: np.array([len(t) / length for t in trains]),
        "isi": lambda trains: np.concatenate([np.zeros(0), *map(np.diff, trains)]),
        "latency": lambda trains: np.array([t[0] - window[0] for t in trains if len(t)]),
    }
    both = {"measured": measured, "simulated": simulated}
    for name, values in kinds.items():
        sides = {word: values(trains) for word, trains in both.items()}
        whole = all(x.size for x in sides.values())
        out[name] = {word: _moments(x) for word, x in sides.items()}
        out[name]["w1"] = float(wasserstein_distance(*sides.values())) if whole else None
        out[name]["floor"] = _floor(measured, values, rng) if enough else None
    isi = out["isi"]
    for word, trains in both.items():
        s = isi_statistics(trains, start=window[0], stop=window[1], convention="inside")
        isi[word] |= {"mean_se": finite(s.mean_se), "cv_se": finite(s.cv_se)}
    isi["z"] = {n: _z(isi["measured"], isi["simulated"], n) for n in ("mean", "cv")}
    scaled = scaled_features(measured, simulated, window)
    return out | {"energy_p": energy_test(*scaled, seed=seed) if enough else None}


def _moments(x: np.ndarray) -> dict:
    """Size, mean and coefficient of variation."""
    mean = float(np.mean(x)) if x.size else None
    return {"n": int(x.size), "mean": mean, "cv": float(np.std(x) / mean) if mean else None}


def _z(m: dict, s: dict, name: str) -> float | None:
    """Simulated less measured in standard errors of both."""
    errors = [e[f"{name}_se"] for e in (m, s)]
    if None in errors or m[name] is None or s[name] is None or not np.hypot(*errors) > 0:
        return None
    return float((s[name] - m[name]) / np.hypot(*errors))


def _floor(trains: Trains, values, rng: np.random.Generator) -> float | None:
    """Mean first Wasserstein distance of random halves of the trains."""
    half, distances = len(trains) // 2, []
    for _ in range(_HALVES):
        order = rng.permutation(len(trains))
        a, b = (values([trains[k] for k in part]) for part in (order[:half], order[half:]))
        if a.size and b.size:
            distances.append(wasserstein_distance(a, b))
    return float(np.mean(distances)) if distances else None
