r"""Spread from cycle to cycle of devices that keep their state, by simulation: medians, spreads and correlations.

Notes
-----
Features of a cycle are the logarithms of its set voltage, reset voltage, on- and off-resistance. Of as many parameters
as there are features the logarithms are drawn anew in each cycle from a normal distribution; its centre and its
covariance are those with which simulated cycles have the medians, the standard deviations and the correlations of the
measured ones: a method of simulated moments [1]_ with as many unknowns as moments. Cycles are simulated one after the
other, each from the state in which the last one ended.

Features follow the logarithms of the parameters by a matrix J of central differences. Of all sets of parameters that
can explain the scatter of the features, that with the least scatter of its own is taken. With the root F of the
measured covariance and the root F' of that of the simulated features, the root L of the parameters' covariance becomes
inv(J) F inv(F') J L, until moments agree; the centre follows by inv(J).

Correlations are shrunk towards zero, as if as many further cycles as there are features had shown none. Errors are
those of the measured moments, as of cycles of a normal distribution, carried to the parameters by the same matrices:
t-distributed centres, and standard deviations by chi squared.

References
----------
.. [1] D. McFadden, Econometrica 57, 995 (1989), doi:10.2307/1913621
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from memjax.core.params import get

from ..inference.identifiability import LIMIT, log_slopes
from ..problem import PRIOR_SIGMA, initial_states
from ..stochastic.moments import Moments, typical_sd
from ..stochastic.result import Stochastic
from ..stochastic.two_sample import Sample, Target, compare
from .cycle_search import CycleSearch, Point, moved, run
from .cycles import DRAWS
from .instrument import device_of, parameter_names
from .learned import learned_functions, varying_parameters
from .result import FitResult
from .set_reset import UNITS

ESTIMATOR = "medians, standard deviations and correlations of simulated set and reset cycles"

FEWEST = 4
"""Cycles of a waveform below which they have no spread to speak of."""

_SEEDS = range(1, 5)  # seeds, counted from that of the search, under which the loss is seen again
_REPLICATES = 400
# Other devices from which a search begins; multiple of the loss up to which the data allow one; squared distance of a
# feature [natural log units] beyond which it is far.
_OTHERS, _WORSE, _FAR = 6, 2.0, 1.0
_PRIOR = float(np.log(7.0))  # standard deviation of the prior of a spread [natural log units]
_GRID = np.linspace(-4, 4, 81)  # values of a profile, in standard deviations


def _others(result: FitResult, search: CycleSearch) -> list[Any]:
    """Devices that the data allow as well as the best one, whose cycles are near to the measured ones.

    What a fit leaves open decides how the scatter of the cycles can come about: they are drawn about the optimum, and
    about others at which its search ended.
    """
    if varying_parameters(
        result.device
    ):  # about the optimum alone: what moves is no parameter of the fit
        return []
    count, rng = search.simulation.members, np.random.default_rng(search.seed)
    known = result.search.cost < _WORSE * result.loss
    centers = np.concatenate([result.z[None], result.search.z[known]])
    root = np.linalg.cholesky(result.covariance + 1e-12 * np.eye(len(result.z)))
    # Shrunk at random: in many dimensions hardly any normal draw lies near the optimum.
    normal = rng.normal(size=(count, len(result.z))) * rng.uniform(size=(count, 1))
    normal[: len(centers)] = 0.0
    devices = [
        device_of(result.problem.at(z)) for z in np.resize(centers, normal.shape) + normal @ root.T
    ]
    moves = {
        n: np.log([float(get(d, n)) / float(get(search.device, n)) for d in devices])
        for n in search.names
    }
    shape = search.simulation.shape
    factors = {n: np.broadcast_to(np.exp(x)[:, None], shape) for n, x in moves.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = np.log(search.values(search.device, factors)[:, -1])
    gap = np.nan_to_num(shown - search.target.center, nan=np.inf)
    nearest = np.argsort(np.sum(np.minimum(gap**2, _FAR), axis=1), kind="stable")
    table = np.array([*moves.values()])
    # Ends of one search are often alike.
    _, first = np.unique(np.round(table.T[nearest], 1), axis=0, return_index=True)
    chosen = nearest[np.sort(first)][:_OTHERS]
    return [moved(search.device, [*moves], table[:, k]) for k in chosen]


def _log_covariance(result: FitResult, names: Sequence[str]) -> Float[np.ndarray, "names names"]:
    """Covariance of the logarithms of parameters, as the fit leaves them open; no wider than a search begins.

    Of parameters that are not free it is that of a prior: nothing is known of them but their size.
    """
    free = result.problem.free
    if not set(names) <= set(free):
        return PRIOR_SIGMA**2 * np.eye(len(names))
    slopes = log_slopes(result.problem.device, free, result.z)
    spread = np.sqrt(np.diag(result.covariance))
    narrowed = np.minimum(1.0, PRIOR_SIGMA / np.maximum(spread, 1e-300)) * slopes
    whole = result.covariance * np.outer(narrowed, narrowed)
    at = [free.index(n) for n in names]
    return whole[np.ix_(at, at)]


def calibrate_cycles(
    result: FitResult,
    *,
    draws: int | None = None,
    tick: Callable[[str, Any], None] | None = None,
) -> FitResult:
    """Calibrate medians and spread from cycle to cycle of a device that keeps its state.

    Parameters
    ----------
    result : FitResult
        A deterministic fit, whose waveform with the most cycles counts.
    draws : int, optional
        Simulated cycles at each point, by default 128.
    tick : callable, optional
        Called with ``"randomness"`` and a `Progress`.

    Returns
    -------
    FitResult
        With `device`, `cycle_spread` and `stochastic` replaced; with a note where nothing could be calibrated.
    """
    reading, simulation = result.cycle_simulation(draws or DRAWS)
    values = reading(reading.cycles) if reading.names else np.zeros((0, 0))
    values = values[np.all(np.isfinite(values) & (values > 0), axis=1)]
    if simulation.wave.driven != "voltage" or len(values) < FEWEST:
        text = f"{FEWEST} cycles of one voltage waveform in which the device sets or resets"
        return _noted(result, f"no randomness was calibrated: it takes {text}")
    target = Moments.of(values, shrunk=True, resolution=reading.resolution(values))
    known: dict[str, Any] = dict(reading=reading, simulation=simulation, target=target)
    search = CycleSearch(result.device, _candidates(result), **known, seed=result.seed)
    show = None if tick is None else lambda p: tick("randomness", p)
    covariance = _log_covariance(result, search.names)
    searches = [s.centered(covariance) for s in (search, *map(search.of, _others(result, search)))]
    point, interrupted = run(searches, show)
    if point is None:
        text = "no parameter moves set, reset or resistances"
        return _noted(result, f"no randomness was calibrated: {text}")
    stochastic = _stochastic(point, values, interrupted=interrupted)
    left = [n for j, n in enumerate(reading.names) if j not in point.choice.features]
    if left:
        result = _noted(result, f"no spread of a parameter explains that of {', '.join(left)}")
    names = ("device", "cycle_spread", "interrupted")
    return replace(result, stochastic=stochastic, **{n: getattr(stochastic, n) for n in names})


def _noted(result: FitResult, text: str) -> FitResult:
    return replace(result, notes=(*result.notes, text))


def _candidates(result: FitResult) -> tuple[str, ...]:
    """Free parameters of the device that have a logarithm, but for the state in which a measurement begins.

    A function that was learned moves as a whole, and none of its nodes alone.
    """
    device = result.device
    if names := varying_parameters(device):
        return names
    nodes = [n for names in learned_functions(device).values() for n in names]
    others = {*initial_states(device), *result.at_bound, *nodes}
    free = [n for n in parameter_names(result.problem.free) if n not in others]
    return tuple(n for n in free if float(get(device, n)) != 0)


def _stochastic(point: Point, values: np.ndarray, *, interrupted: bool) -> Stochastic:
    """The calibration in numbers; `values` are what the measured cycles show."""
    search, choice = point.search, point.choice
    device = point.device
    covariance = point.root @ point.root.T
    sigma = np.sqrt(np.diag(covariance))
    names = (*choice.names, *(f"sigma_ln({n})" for n in choice.names))
    estimate = np.array([*(float(get(device, n)) for n in choice.names), *sigma])
    logs = _replicates(point)
    widths = np.std(logs, axis=0)
    std = dict(zip(names, (np.abs(estimate) * widths).tolist(), strict=True))
    fresh_values = _seen_again(point, values)
    return Stochastic(
        estimator=ESTIMATOR,
        device=device,
        cycle_spread=_spread(point, sigma, std),
        noise=(),
        values=dict(zip(names, estimate.tolist(), strict=True)),
        std=std,
        undetermined=tuple(n for n, w in zip(names, widths, strict=True) if w > LIMIT),
        replicates=dict(zip(names, (estimate * np.exp(logs)).T, strict=True)),
        profiles={
            n: (x * np.exp(np.sign(x) * _GRID * w), 0.5 * _GRID**2)  # values ascend
            for n, x, w in zip(names, estimate, widths, strict=True)
        },
        prior=dict.fromkeys(names, _PRIOR),
        settled=point.met,
        draws=search.simulation.members * search.simulation.cycles,
        step=None,
        step_p=[],
        correlation=covariance / np.outer(sigma, sigma),
        interrupted=interrupted,
        **fresh_values,
    )


def _seen_again(point: Point, values: np.ndarray) -> dict[str, Any]:
    """Cycles under other random numbers: how far their moments are off, and how they compare with the measured ones."""
    search = point.search
    drawn = [search.features(point, search.draws(point.choice.names, s)) for s in _SEEDS]
    count = search.target.cycles
    off = [search.target.differences(Moments.of(x, like=count)) for x, _ in drawn]
    costs = [0.5 * float(np.sum(x**2)) for x in off]
    together, names = np.concatenate([x for x, _ in drawn]), search.reading.names
    together = together[np.isfinite(together).all(axis=1)]
    units = tuple(UNITS[n] for n in names)
    sample = Sample(label="cycles", names=names, unit=units, values=values)
    against = Target(sample, seed=search.seed, draws=len(together))
    comparison = compare(against, together, seed=search.seed)
    for name, sd in zip(names, typical_sd(together, count), strict=True):
        comparison[name]["simulated"]["typical_sd"] = float(sd)
    return {
        "loss": float(np.mean(costs)),
        "loss_noise": float(np.std(costs, ddof=1)),
        "failed": float(np.mean([x for _, x in drawn])),
        "comparison": [{"label": sample.label} | comparison],
        "simulated": [together],
    }


def _spread(point: Point, sigma: np.ndarray, std: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Spread of each parameter, and what of a cycle it moves most."""
    choice, target = point.choice, point.search.target.some(point.choice.features)
    share = np.abs(choice.slope * sigma) / target.sd[:, None]
    most = [point.search.reading.names[choice.features[k]] for k in np.argmax(share, axis=0)]
    return {
        n: {
            "sigma_ln": float(s),
            "std": std[f"sigma_ln({n})"],
            "from": event,
            "sweeps": target.cycles,
            "method": ESTIMATOR,
        }
        for n, s, event in zip(choice.names, sigma, most, strict=True)
    }


def _replicates(point: Point) -> Float[np.ndarray, "replicates moves"]:
    """Moves of the logarithms of medians and of spreads, from the errors of the measured moments."""
    choice, target = point.choice, point.search.target.some(point.choice.features)
    rng, freedom = np.random.default_rng(point.search.seed), target.cycles - 1
    shape, inverse = (_REPLICATES, len(target.sd)), np.linalg.inv(choice.slope)
    medians = rng.standard_t(freedom, shape) * target.errors[0] @ inverse.T
    stretched = np.sqrt(freedom / rng.chisquare(freedom, shape))
    roots = inverse @ (stretched[:, :, None] * (choice.slope @ point.root))
    sigma, estimate = (np.sqrt(np.sum(x**2, axis=-1)) for x in (roots, point.root))
    return np.concatenate([medians, np.log(sigma / estimate)], axis=1)
