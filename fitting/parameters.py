"""Parameters of a fit in their own units: standard deviations, ends of intervals, what is wide or sits at a bound."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

import memjax as mj
from memjax.core.fields import ParameterSpec, parameter_specs, stored
from memjax.core.params import get
from memjax.core.transforms import Logit, from_spec

SHARE = 0.25
"""Share of a range above which a standard deviation says nothing."""

# Share of a parameter's range (of its logarithm where that is long) from a bound within which it sits at the bound.
_AT_BOUND = 0.01


def reach(level: float, freedom: float) -> float:
    """Half-width of an interval of that level [standard deviations], of so many degrees of freedom."""
    return float(stats.t.ppf((1 + level) / 2, freedom))


def parameter_rows(
    device: mj.AbstractDevice | mj.Circuit,
    std: Mapping[str, float | None],
    intervals: dict[str, tuple[float | None, ...]],
    *,
    undetermined: Sequence[str],
    at_bound: Sequence[str],
) -> list[dict]:
    """Rows of `AbstractFit.table`; what has a standard deviation [unit], or None of one that is not known, is free."""
    rows = []
    for name, spec in parameter_specs(device).items():
        value = stored(device, name)
        if value is None and spec.default is None and spec.follows is None:
            continue  # a quantity of the bench that is not there
        number = 0.0 if value is None and spec.noise else value
        span = intervals.get(name)
        rows.append(
            {
                "name": name,
                "value": None if number is None else float(number),
                "unit": spec.unit,
                "std": std.get(name),
                "interval_90": None if span is None else list(span),
                "bounds": list(spec.bounds),
                "free": name in std,
                "at_bound": name in at_bound,
                "determined": name not in undetermined,
                "doc": spec.doc,
                "follows": spec.follows if value is None else None,
            }
        )
    return rows


def has_short_range(spec: ParameterSpec) -> bool:
    """Whether an error is small or large by the range of the parameter, and not by its value.

    So it is of bounds less than two decades apart, and of a share between 0 and 1. A size that begins or ends at 0 has
    a value that its error can exceed, however far off its other bound may be.
    """
    if not isinstance(from_spec(spec), Logit):
        return False
    lower, upper = spec.bounds
    return spec.narrowed or 0 not in (lower, upper) or (spec.unit == "1" and upper <= 1)


def is_wide(device: mj.AbstractDevice | mj.Circuit, name: str, std: float) -> bool:
    """Whether a standard deviation [unit] says nothing: above the value, or a quarter of a short range.

    Within narrower bounds of a search it is what a quarter of the range is in their middle: the prior leaves twice as
    much.
    """
    spec, value = parameter_specs(device)[name], float(get(device, name))
    (lower, upper), transform = spec.bounds, from_spec(spec)
    short = has_short_range(spec) or (spec.narrowed and lower > 0 and upper < 100 * lower)
    limit = SHARE * (upper - lower) if short else abs(value)
    if short and spec.narrowed and not sits_at_bound(device, name):
        limit = float(slopes(device, (name,), np.array([transform.forward(np.asarray(value))]))[0])
    return not std <= limit  # what is no number is not small


def slopes(
    device: mj.AbstractDevice | mj.Circuit, free: Sequence[str], z: Float[np.ndarray, " free"]
) -> Float[np.ndarray, " free"]:
    """How much parameters change [unit] per change of their unconstrained coordinates."""
    specs, step = parameter_specs(device), 1e-5
    # Central differences: the error of second order, 1e-10, is that of rounding.
    apart = step * np.array([-1.0, 1.0])
    ends = [from_spec(specs[n]).inverse(x + apart) for n, x in zip(free, z, strict=True)]
    return np.diff(ends, axis=1)[:, 0] / (2 * step)


def standard_deviations(
    device: mj.AbstractDevice | mj.Circuit,
    free: Sequence[str],
    z: Float[np.ndarray, " free"],
    sigma_z: Float[np.ndarray, " free"],
) -> dict[str, float]:
    """Standard deviations of parameters to first order [unit], from those of their unconstrained coordinates."""
    return {n: float(x) for n, x in zip(free, slopes(device, free, z) * sigma_z, strict=True)}


def to_parameter_units(
    device: mj.AbstractDevice | mj.Circuit, names: Sequence[str], *ends: np.ndarray
) -> dict[str, tuple[float, ...]]:
    """Values [unit] of parameters at several unconstrained coordinates of each."""
    specs = parameter_specs(device)
    return {
        n: tuple(float(from_spec(specs[n]).inverse(e[k])) for e in ends)
        for k, n in enumerate(names)
    }


def to_coordinates(
    device: mj.AbstractDevice | mj.Circuit, name: str, low: float | None, high: float | None
) -> tuple[float, float]:
    """Unconstrained coordinates of the ends of an interval of a parameter [unit], infinite where they are open."""
    transform = from_spec(parameter_specs(device)[name])
    with np.errstate(divide="ignore"):  # on a bound
        ends = [None if x is None else float(transform.forward(np.asarray(x))) for x in (low, high)]
    return -np.inf if ends[0] is None else ends[0], np.inf if ends[1] is None else ends[1]


def sits_at_bound(device: mj.AbstractDevice | mj.Circuit, name: str) -> bool:
    """Whether a parameter lies within a hundredth of its range of one of its bounds."""
    spec, value = parameter_specs(device)[name], float(get(device, name))
    lower, upper = spec.bounds
    if np.isinf([lower, upper]).any():
        return any(0 < abs(value - x) < _AT_BOUND * abs(x) < np.inf for x in (lower, upper))
    if lower > 0 and upper / lower >= 100:
        lower, upper, value = np.log(lower), np.log(upper), np.log(value)
    elif lower == 0 and value > 0:
        return value > (1 - _AT_BOUND) * upper
    elif upper == 0 and value < 0:
        return value < (1 - _AT_BOUND) * lower
    return not lower + _AT_BOUND * (upper - lower) < value < upper - _AT_BOUND * (upper - lower)


def prior_widths(problem: Any, count: int) -> Any:
    """Standard deviations of a prior [natural log units]: one, or of so many parameters each; None without a prior."""
    root = getattr(problem, "prior_root", None)
    if root is not None:
        return np.linalg.norm(np.linalg.inv(np.asarray(root)), axis=1)[:count]
    noise, weight = float(problem.noise), float(problem.prior_weight)
    return noise / weight if weight > 0 else None
