"""Spread from curve to curve that brings simulated delays and relaxations nearest to the measured ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import get
from memjax.noise import cycle_factors

from ..stochastic.two_sample import split_half_distance
from .features import Features, times_of

_GRID = 17  # points of either axis of the table of delays and relaxations
_REACH = 1.8  # how far the table reaches about the best values [natural log units]
_FULLEST = 0.95  # largest residue at rest that is drawn
_DRAWS = 500  # curves (and as many mirror images) by which spreads are compared
_RESAMPLED = 20  # resamplings of the curves for the spreads' standard errors


@dataclass(frozen=True)
class _Table:
    """Rates 1/delay and 1/relaxation [1/s] at factors of two parameters, 0 where there is none."""

    names: tuple[str, str]
    rates: Any

    def __call__(self, logs: Float[np.ndarray, "draws 2"]) -> np.ndarray:
        """Delays and relaxations [s] at logarithms of the factors; infinite where there is none."""
        rates = self.rates(np.clip(logs, -_REACH, _REACH))
        return np.where(rates > 0, 1 / np.maximum(rates, 1e-12), np.inf)


def _table(device: mj.AbstractDevice, features: Features, name: str) -> _Table:
    """Delays and relaxations where `name` and `gamma3` differ from their best values."""
    from scipy.interpolate import RegularGridInterpolator

    logs = np.linspace(-_REACH, _REACH, _GRID)
    a, b = (x.ravel() for x in np.meshgrid(logs, logs, indexing="ij"))
    pairs = ((name, a), ("gamma3", b))
    values = {n: float(get(device, n)) * np.exp(x) for n, x in pairs}
    delay, relax, _ = times_of(device, features, _drawable(device, values))
    # What never ends has the rate 0: the table is finite and interpolates.
    rates = [np.where(np.isfinite(x), 1 / np.maximum(x, 1e-6), 0.0) for x in (delay, relax)]
    grid = np.stack(rates, axis=1).reshape(_GRID, _GRID, 2)
    return _Table((name, "gamma3"), RegularGridInterpolator((logs, logs), grid))


def _distance(
    times: np.ndarray, features: Features, measured: dict[str, np.ndarray]
) -> dict[str, float]:
    """First Wasserstein distances [s]; what never switches, or never relaxes, counts as long as was watched."""
    from scipy.stats import wasserstein_distance

    delay = np.minimum(times[:, 0], features.responses[0].width)
    relax = np.minimum(times[np.isfinite(times[:, 0]), 1], features.responses[0].watched)
    relax = relax if len(relax) else np.array([features.responses[0].watched])
    pairs = (("delay", delay), ("relaxation", relax))
    return {n: float(wasserstein_distance(x, measured[n])) for n, x in pairs}


def spread_of(
    device: mj.AbstractDevice, features: Features, seed: int
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Spread of `gamma3`, and of `mu` or `r0`, whichever comes nearer; floors of the distances [s].

    Notes
    -----
    The sum of both distances over their floors is least (Nelder-Mead, common random numbers, a table
    of simulated times). Standard errors are those of resampled curves.
    """
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    measured = {"delay": features.delay, "relaxation": features.relaxation}
    floors = {n: split_half_distance(x, seed=rng) for n, x in measured.items()}
    normal = rng.normal(size=(_DRAWS, 2))
    normal = np.concatenate([normal, -normal])

    def loss(log_sigma, table, measured):
        distances = _distance(table(np.exp(log_sigma) * normal), features, measured)
        return sum(distances[n] / floors[n] for n in floors)

    def best(table, measured, start=(-1.5, -1.5), steps=80):
        search = minimize(
            loss, start, (table, measured), method="Nelder-Mead", options={"maxfev": steps}
        )
        return search.x, search.fun

    tables = [_table(device, features, n) for n in ("mu", "r0")]
    searches = [best(t, measured) for t in tables]
    k = int(np.argmin([value for _, value in searches]))
    again = []
    for _ in range(_RESAMPLED):
        drawn = {n: rng.choice(x, len(x)) for n, x in measured.items()}
        again.append(best(tables[k], drawn, searches[k][0], 40)[0])
    sigma, std = np.exp(searches[k][0]), np.std(np.exp(again), axis=0, ddof=1)
    spread = {}
    for name, x, error, event in zip(tables[k].names, sigma, std, floors, strict=True):
        source = {"from": event, "sweeps": len(features.delay)}
        spread[name] = {"sigma_ln": float(x), "std": float(error)} | source
    return spread, floors


def compared(device, features: Features, spread, floors, draws: int, seed: int):
    """Delays and relaxations with the spread, and how far their distributions are from the measured ones."""
    sigma = {n: s["sigma_ln"] for n, s in spread.items()}
    factors = cycle_factors(seed, sigma, members=draws, sweeps=1)
    values = {n: float(get(device, n)) * np.asarray(x)[:, 0] for n, x in factors.items()}
    delay, relax, _ = times_of(device, features, _drawable(device, values))
    measured = {"delay": features.delay, "relaxation": features.relaxation}
    distances = _distance(np.column_stack([delay, relax]), features, measured)
    switched = np.isfinite(delay)
    ended = {"delay": switched, "relaxation": switched & np.isfinite(relax)}
    w1: dict[str, dict[str, float]] = {}
    for name, value in distances.items():
        counts = {"simulated": int(ended[name].sum()), "measured": len(measured[name])}
        w1[name] = {"value": value, "floor": floors[name], **counts}
    width, watched = features.limits
    relaxation = np.where(switched, np.minimum(relax, watched), np.nan)
    return {"delay": np.minimum(delay, width), "relaxation": relaxation}, w1


def _drawable(device: mj.AbstractDevice, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values within the bounds of the parameters, and with no fuller residue than is drawn."""
    specs = parameter_specs(device)
    inside = {n: np.clip(x, *specs[n].bounds) for n, x in values.items()}
    return {n: np.minimum(x, _FULLEST) if n == "r0" else x for n, x in inside.items()}
