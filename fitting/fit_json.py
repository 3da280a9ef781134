"""The content of a fit directory's ``fit.json``: what fits of all kinds say, and how it is written and read."""

import functools
import hashlib
import itertools
import platform
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from memjax.core.fields import setting_specs, stored
from memjax.errors import DataError
from memjax.io.fit import fit_content

from .optimize.levenberg_marquardt import Progress
from .result import APART, METHODS, AbstractFit, apart
from .stochastic.result import Stochastic

SCHEMA = 1
"""Layout of a ``fit.json``."""

POSTERIOR = "posterior.nc"
"""Draws from the posterior, for arviz."""

_ELEMENTS = (
    "series_resistance",
    "parallel_resistance",
    "parallel_capacitance",
    "compliance",
    "point_time",
)

BENCH: dict[str, Any] = dict.fromkeys(_ELEMENTS) | {"reversed": False, "temperature": 300.0}
"""The bench of a fit around whose device or circuit nothing stands."""

PULLED = 0.3
"""Standard deviations by which the prior moves an estimate from which on that is said."""

_PACKAGES = ("jax", "jaxlib", "equinox", "diffrax", "numpy", "scipy")


def load(folder: Path, name: str = "fit.json") -> dict:
    """The content of a fit directory's ``fit.json``, or of another file of that layout.

    Raises
    ------
    DataError
        If it is missing or not what memjax writes.
    """
    return fit_content(folder, error=DataError, inside=name)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of memjax, Python and what computes."""
    return {"memjax": version("memjax"), "python": platform.python_version()} | {
        p: version(p) for p in _PACKAGES
    }


def finite(x: float) -> float | None:
    """The number; None where it is none, or infinite: JSON knows neither."""
    return float(x) if np.isfinite(x) else None


def search_of(search: Progress) -> dict:
    """What a search says in ``fit.json``."""
    return {
        "iterations": search.iterations,
        "evaluations": search.evaluations,
        "failed": search.failed,
        "best_cost": search.history,
    }


def correlations_of(spread: Mapping[str, Any], random: Stochastic | None) -> list | None:
    """Pairs of parameters that vary from cycle to cycle, and the correlation of each; None where all vary apart."""
    if random is None or random.correlation is None:
        return None
    pairs = itertools.combinations(enumerate(spread), 2)
    return [[a, b, float(random.correlation[j, k])] for (j, a), (k, b) in pairs]


def randomness_of(random: Stochastic) -> dict:
    """How the randomness was calibrated, without the simulated cycles."""
    left_out = ("device", "cycle_spread", "simulated", "replicates", "profiles", "correlation")
    values = {f.name: getattr(random, f.name) for f in fields(random) if f.name not in left_out}
    replicates = {n: [float(f"{x:.6g}") for x in xs] for n, xs in random.replicates.items()}
    profiles = {n: [x.tolist(), rise.tolist()] for n, (x, rise) in random.profiles.items()}
    return values | {"replicates": replicates, "profiles": profiles}


def uncertainty_of(fit: AbstractFit, level: float = 0.9) -> dict:
    """Intervals of the free parameters [unit] by the best method that there is, and what speaks against them."""
    methods = fit.interval_methods(level)
    best = [m for m in METHODS if m in methods.values()]
    content: dict = {"method": best[-1], "methods": methods, "level": level, "notes": []}
    content["freedom"] = finite(fit.freedom)
    content["intervals"] = {n: list(x) for n, x in fit.intervals(level).items()}
    content["notes"] += [str(p) for p in fit.profiles if p.low is None or p.high is None]
    sample = fit.sample
    if sample is not None:
        text = f"{', '.join(apart(sample))}: no intervals of draws, R-hat above {APART}"
        content["notes"] += [*sample.notes, *[text] * bool(apart(sample))]
        content |= {"r_hat": sample.r_hat, "ess": sample.ess}
    return content


def pulls_in_words(prior: dict) -> list[str]:
    """What the prior of a fit moves by more than `PULLED`, in words."""
    far = {n: x for n, x in prior["pull"].items() if abs(x) > PULLED}
    parts = (f"{n} by {x:+.1f} (centre {prior['centre'][n]:.3g})" for n, x in far.items())
    return [f"the prior moves, in standard deviations, {', '.join(parts)}"] * bool(far)


def methods_in_words(uncertainty: dict) -> str:
    """Where intervals come from; of several methods with the parameters of each."""
    methods = uncertainty.get("methods") or {"": uncertainty["method"]}  # memjax 0.1 had one
    names: dict[str, list[str]] = {}
    for name, method in methods.items():
        names.setdefault(method, []).append(name)
    several = len(names) > 1
    return "; ".join(
        METHODS.get(m, m) + f" ({', '.join(of_it)})" * several for m, of_it in names.items()
    )


def write_draws(sample: Any, folder: Path) -> list[str]:
    """Write draws from the posterior, if there are any; names of the files."""
    if sample is None:
        return []
    sample.data.to_netcdf(str(folder / POSTERIOR), engine="h5netcdf")
    return [POSTERIOR]


def common_content(fit: AbstractFit, *, kind: str, **more: Any) -> dict:
    """What fits of one device or circuit say in ``fit.json``, and more beside it or in its place."""
    entries: dict[str, Any] = dict(model=fit.model, loss=fit.loss, search=search_of(fit.search))
    entries |= dict(uncertainty=uncertainty_of(fit), reasons=fit.reasons)
    entries |= {n: list(getattr(fit, n)) for n in ("out_of_reach", "notes", "warnings")}
    entries |= dict(moved_inside=list(fit.problem.moved), interrupted=bool(fit.interrupted))
    entries["backend"] = fit.backend
    entries["verdict"] = None if fit.verdict is None else fit.verdict.as_json()
    entries["prior"] = prior = fit.prior
    content = content_of(fit.device, fit.table(), fit.correlation, kind=kind, **entries) | more
    return content | {"warnings": [*content["warnings"], *pulls_in_words(prior)]}


def content_of(device: Any, rows: list[dict], correlation: np.ndarray, **more: Any) -> dict:
    """What all fits that are not of sweeps say in ``fit.json``.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the best parameters.
    rows : list of dict
        See `fitting.parameters.parameter_rows`.
    correlation : Float[np.ndarray, "free free"]
        Of the free ones.
    **more
        Entries beside these, or in their place.
    """
    table = {row["name"]: {k: x for k, x in row.items() if k != "name"} for row in rows}
    content = {
        "schema_version": SCHEMA,
        "parameters": table,
        "settings": {n: stored(device, n) for n in setting_specs(device)},
        "bench": dict(BENCH),
        "read_noise": {"relative": 0.0, "floor_A": 0.0},
        "cycle_spread": None,
        "cycle_correlation": None,
        "free": [n for n, row in table.items() if row["free"]],
        "undetermined": [n for n, row in table.items() if not row["determined"]],
        "at_bound": [n for n, row in table.items() if row["at_bound"]],
        "correlation": np.round(correlation, 6).tolist(),
        "interrupted": False,
        "synthetic_truth": False,
        "notes": [],
        "warnings": [],
        "versions": versions(),
    }
    return content | more
