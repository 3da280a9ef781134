"""Delay and relaxation of pulsed volatile devices: a device calibrated to their medians, and their spread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.errors import DataError, FitError
from memjax.fields import parameter_specs
from memjax.noise import cycle_factors
from memjax.observables import (
    ON_CURRENT,
    PulseResponse,
    delays,
    find_pulses,
    pulse_responses,
    relaxations,
    summarise_pulses,
)
from memjax.params import get, known, replace as with_values, unconstrain
from memjax.policy import require_x64

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from ..problem import PRIOR_SIGMA, AbstractProblem, begun
from ..result import AbstractFit
from ..stochastic.two_sample import split_half_distance
from ..sweeps.thinning import curves_of
from .comparison import differences

FEWEST = 6
"""Curves below which nothing is said."""

FREE = ("mu", "theta", "gamma3", "r_on")
"""What delay, relaxation, and the current in between tell of a `DiffusiveMemristor`."""

_SHARES = (0.5, 0.75, 0.95)
"""Shares of the relaxation at which the current is compared."""

_STEP = 1e-2
"""Difference of coordinates for derivatives."""

_GRID = 17
"""Points of either axis of the table of delays and relaxations."""

_REACH = 1.8
"""How far the table reaches about the best values [natural log units]."""

_FULLEST = 0.95
"""Largest residue at rest that is drawn."""

_DRAWS = 500
"""Curves (and as many mirror images) by which spreads are compared."""

_RESAMPLED = 20
"""Resamplings of the curves for the spreads' standard errors."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the curves show.

    Parameters
    ----------
    responses : list of PulseResponse
        Of every curve.
    stimulus : PulseTrain
        The typical pulse.
    threshold, off_threshold, clip : float
        Current that means on, current below which the device has relaxed, and the limit of what is shown [A].
    levels : Float[np.ndarray, "shares"]
        Median current at shares of the relaxation [A]; NaN where most of the curves are clipped.
    levels_se : Float[np.ndarray, "shares"]
        Standard errors of their logarithms.
    """

    responses: list[PulseResponse]
    stimulus: mj.PulseTrain
    threshold: float
    off_threshold: float
    clip: float
    levels: Float[np.ndarray, " shares"]
    levels_se: Float[np.ndarray, " shares"]

    @property
    def limits(self) -> Float[np.ndarray, " 2"]:
        """How long delay, and relaxation, are watched in the typical curve [s]."""
        width, onset = float(self.stimulus.width), float(self.stimulus.delay)
        return np.array([width, float(self.stimulus.duration) - onset - width])

    @property
    def delay(self) -> Float[np.ndarray, " curves"]:
        """Delays of the curves that switched [s]."""
        return np.array([r.delay for r in self.responses if r.switched])

    @property
    def relaxation(self) -> Float[np.ndarray, " curves"]:
        """Relaxations that were seen to end [s]."""
        return np.array([r.relaxation for r in self.responses if r.relaxed])

    def restricted(self) -> dict[str, Float[np.ndarray, " curves"]]:
        """Times [s], of which what did not end counts as long as was watched; no relaxation of what never switched."""
        pairs = [(r.delay, r.width, r.relaxation, r.watched) for r in self.responses]
        delay, width, relaxation, watched = np.array(pairs).T
        return {"delay": np.minimum(delay, width), "relaxation": np.minimum(relaxation, watched)}

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of median delay, median relaxation and levels, and their standard errors."""
        about = summarise_pulses(self.responses)
        times = [about[f"{k}_s"]["median"] for k in ("delay", "relaxation")]
        if None in times or min(times) <= 0:
            raise DataError(
                "most curves never switch, or never relax, within what was recorded",
                where="delay and relaxation", fix="choose another threshold (--on-threshold A)",
            )  # fmt: skip
        errors = [_median_error(np.log(np.maximum(x, 1e-9))) for x in (self.delay, self.relaxation)]
        ok = np.isfinite(self.levels)
        return (
            np.concatenate([np.log(times), np.log(self.levels[ok])]),
            np.concatenate([errors, self.levels_se[ok]]),
        )


def _median_error(x: np.ndarray) -> float:
    """Standard error of a median, by the interquartile range."""
    q = np.subtract(*np.percentile(x, [75, 25])) / 1.349
    return float(1.2533 * q / np.sqrt(len(x)))


def features(
    measurement: mj.Measurement,
    *,
    threshold: float = ON_CURRENT,
    off_threshold: float | None = None,
) -> Features:
    """Delay, relaxation and the current in between, of curves under one pulse each.

    Parameters
    ----------
    measurement : Measurement
        One sweep per curve, with time.
    threshold : float
        Current that means on [A].
    off_threshold : float, optional
        Current below which the device has relaxed [A]; `threshold` by default.

    Raises
    ------
    BoundsError
        Without time or pulses.
    DataError
        Where fewer than `FEWEST` curves switch and relax.
    """
    off = threshold if off_threshold is None else off_threshold
    found = pulse_responses(measurement, threshold=threshold, off_threshold=off)
    responses = [r for r in found if r.pulse == 0]
    if sum(r.relaxed for r in responses) < FEWEST:
        raise DataError(
            f"{sum(r.relaxed for r in responses)} curves that switch on and off again",
            where="delay and relaxation",
            allowed=f"at least {FEWEST}",
            fix="choose another threshold (--on-threshold A)",
        )
    clip = measurement.compliance or np.inf
    levels, pulses = [], []
    known = {r.sweep: r for r in responses}
    for label, curve in measurement.sweeps():
        if label not in known or curve.t is None:
            continue
        pulse, r = find_pulses(curve.t, curve.v)[0], known[label]
        before = curve.t < pulse.onset - 0.05 * r.width
        base = float(np.median(curve.v[before | (curve.t > pulse.end + 0.05 * r.watched)]))
        pulses.append((pulse.onset - curve.t[0], pulse.amplitude, r.width, r.watched, base))
        if r.relaxed and r.relaxation > 0:
            at = pulse.end + np.asarray(_SHARES) * r.relaxation
            levels.append(np.interp(at, curve.t, np.abs(curve.i)))
    onset, amplitude, width, watched, base = np.median(np.array(pulses), axis=0)
    level = np.median(np.array(levels), axis=0)
    error = np.array([_median_error(np.log(np.maximum(x, 1e-12))) for x in np.array(levels).T])
    stimulus = mj.PulseTrain(
        float(amplitude), float(width), float(width + watched * 0.999), delay=float(onset),
        edge=min(1e-6, float(width) / 100), base=float(base),
    )  # fmt: skip
    return Features(
        responses=responses,
        stimulus=stimulus,
        threshold=threshold,
        off_threshold=off,
        clip=float(clip),
        levels=np.where(level < 0.98 * clip, level, np.nan),
        levels_se=np.maximum(error, 0.02),
    )


def _rows(stimulus: mj.PulseTrain) -> np.ndarray:
    """Times of output [s]: even over the whole, and the corners."""
    grid = np.linspace(0.0, float(stimulus.duration), 1201)
    return np.unique(np.concatenate([grid, np.asarray(stimulus.breakpoints())]))


def curves(
    device: mj.AbstractDevice, seen: Features, values: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times [s], currents as they are shown [A] of devices with these values, and which solves ended well."""
    rows, members = _rows(seen.stimulus), len(next(iter(values.values())))
    trace = mj.simulate(
        device,
        seen.stimulus,
        save=rows,
        members=members,
        deterministic=True,
        values={n: np.asarray(x)[:, None] for n, x in values.items()},
        on_failure="ignore",
    )
    good = np.asarray(trace.result)[:, 0] == int(mj.Result.successful)
    return rows, np.minimum(np.abs(np.asarray(trace.i)), seen.clip), good


def times_of(
    device: mj.AbstractDevice, seen: Features, values: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delays, relaxations [s; infinite where there is none] and levels [A] of devices with these values."""
    t, i, good = curves(device, seen, values)
    onset = float(seen.stimulus.delay)
    end = onset + float(seen.stimulus.width)
    i = np.where(np.isfinite(i), i, 0.0)
    delay = delays(t, i, onset=onset, end=end, threshold=seen.threshold)
    relax = relaxations(t, i, end=end, threshold=seen.off_threshold)
    delay = np.where(good, delay, np.inf)
    relax = np.where(np.isfinite(delay), relax, np.inf)
    at = end + np.asarray(_SHARES)[None] * np.where(np.isfinite(relax), relax, 0.0)[:, None]
    return delay, relax, np.stack([np.interp(a, t, x) for a, x in zip(at, i, strict=True)])


class Medians(AbstractProblem):
    """Residuals of the medians and of the levels; derivatives are secants.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`.
    seen : Features
        What the curves show.
    """

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    seen: Features = eqx.field(static=True)
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))

    def linearise(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `AbstractProblem`."""
        n, (targets, sigma) = len(self.free), self.seen.targets()
        used = np.concatenate([[True, True], np.isfinite(self.seen.levels)])
        moved = z[:, None] + np.concatenate([np.zeros((1, n)), _STEP * np.eye(n)])
        held = [self.at(jnp.asarray(p)) for p in moved.reshape(-1, n)]
        values = {k: np.array([float(get(d, k)) for d in held]) for k in self.free}
        times = np.column_stack(times_of(self.device, self.seen, values))
        logs = np.log(np.maximum(times, 1e-12))[:, used]
        off = ((logs - targets) / sigma).reshape(len(z), -1, used.sum())
        with np.errstate(invalid="ignore"):  # where neither end switches
            jacobian = np.moveaxis(off[:, 1:] - off[:, :1], 1, 2) / _STEP
        eye = np.broadcast_to(np.eye(n) / PRIOR_SIGMA, (len(z), n, n))
        r = np.concatenate([off[:, 0], (z - np.asarray(self.center)) / PRIOR_SIGMA], axis=1)
        j = np.concatenate([jacobian, eye], axis=1)
        return r, j, np.asarray(np.isfinite(r).all(axis=1) & np.isfinite(j).all(axis=(1, 2)))


@dataclass(frozen=True, kw_only=True, repr=False)
class TransientFit(AbstractFit):
    """A volatile device calibrated to delays and relaxations.

    Parameters
    ----------
    seen : Features
        The data.
    device : AbstractDevice
        With the best parameters: its noise-free delay and relaxation are the medians.
    model : str
        Its name.
    problem : Medians
        What was minimised.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates.
    covariance : Float[np.ndarray, "free free"]
        Of these.
    cycle_spread : dict
        By parameter: `sigma_ln`, `std`, `from`, `sweeps`.
    w1 : dict
        First Wasserstein distance [s] between simulated and measured delays, and relaxations: `value`,
        `floor` (mean of random halves of the measured values), `simulated` and `measured` numbers.
    simulated : dict of str to Float[np.ndarray, "draws"]
        Delays and relaxations with the spread [s], as `Features.restricted`.
    loss : float
        Half the sum of squared residuals.
    search : Progress
        Iterations, evaluations, cost of each start.
    seed : int
        Of the draws.
    stochastic : Stochastic or None
        How ion noise and spread were calibrated, see `fitting.transients.randomness.randomised`.
    comparison : dict or None
        What `fitting.transients.comparison.compare_times` says of it.
    unresolved : tuple of str
        Rates that came out faster than a step.
    curves : dict of str to Float[np.ndarray, "rows"]
        Some of the measured curves, for the report, see `fitting.sweeps.thinning.curves_of`.
    """

    seen: Features
    device: mj.AbstractDevice
    model: str
    problem: Medians
    z: Float[np.ndarray, " free"]
    covariance: Float[np.ndarray, "free free"]
    cycle_spread: dict[str, dict[str, Any]]
    w1: dict[str, dict[str, float]]
    simulated: dict[str, Float[np.ndarray, " draws"]]
    loss: float
    search: Progress
    seed: int
    stochastic: Any = None
    profiles: tuple[Any, ...] = ()
    sample: Any = None
    comparison: dict[str, Any] | None = None
    unresolved: tuple[str, ...] = ()
    curves: dict[str, Float[np.ndarray, " rows"]] = field(default_factory=dict)

    def moved(self, problem: Medians, z, covariance) -> "TransientFit":
        """See `AbstractFit`; the spread stays."""
        device = problem.at(jnp.asarray(z))
        floors = {n: x["floor"] for n, x in self.w1.items()}
        draws = len(self.simulated["delay"])
        simulated, w1 = _compared(device, self.seen, self.cycle_spread, floors, draws, self.seed)
        about = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        return replace(self, device=device, simulated=simulated, w1=w1, **about)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result, in words."""
        found = [] if self.stochastic is None else list(self.stochastic.warnings)
        if self.stochastic is not None and self.unresolved:
            names, step = ", ".join(self.unresolved), self.stochastic.step
            found.append(f"faster than a step of {step:.2g} s, the curves tell no more: {names}")
        if self.comparison and (apart := differences(self.comparison)):
            found.append(f"simulated and measured curves differ: {'; '.join(apart)}")
        return tuple(found)


def begin(device: Any, seen: Features) -> mj.AbstractDevice:
    """A device whose delay and relaxation are about right: closed forms, then the best growth of a row of them.

    Notes
    -----
    The read bias holds a channel closed where mu |V| / alpha exceeds gamma1 f: where it would, the gap
    alpha of a closed channel is taken as large as it takes to open.
    """
    targets, _ = seen.targets()
    delay, relax = np.exp(targets[:2])
    v, base = abs(float(seen.stimulus.amplitude)), abs(float(seen.stimulus.base))
    gap, alpha = 1 - float(device.r0), float(device.alpha)
    level = np.exp(targets[-1]) if len(targets) > 2 else seen.threshold * 5
    gamma3 = 0.6 / relax
    values = {"gamma3": gamma3, "theta": 8 * gamma3 / v}
    # Closed, the channel passes the on-threshold in the pulse whatever is read in between.
    values |= {"r_on": min(base / level, v / (2 * seen.threshold))} if base else {}
    device = with_values(device, values)
    mu = (alpha * gap + gap**2 / 2) / (v * delay) * np.geomspace(0.1, 30.0, 24)
    wide = np.clip(2 * mu * base / (float(device.gamma1) * gap), alpha, 0.9)
    found, after, _ = times_of(device, seen, {"mu": mu, "alpha": wide})
    away = np.abs(np.log(np.maximum(found, 1e-12) / delay)) + 10.0 * ~np.isfinite(after)
    if not np.isfinite(away).any():
        raise FitError(
            "no growth rate switches the device within the pulse and lets it relax",
            where="delay and relaxation",
            fix="begin at other values (--preset, --fix), such as of r0, gamma1 and gamma2",
        )
    k = int(np.argmin(away))
    return with_values(device, {"mu": mu[k], "alpha": wide[k]})


def fit_transients(
    measurement: mj.Measurement,
    device: mj.AbstractDevice,
    *,
    threshold: float = ON_CURRENT,
    off_threshold: float | None = None,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    draws: int = 400,
    seed: int = 0,
    tick: Callable[[str, Progress], None] | None = None,
) -> TransientFit:
    """Calibrate a diffusive memristor to the delays and relaxations of many curves under one pulse each.

    Parameters
    ----------
    measurement : Measurement
        One sweep per curve, with time.
    device : AbstractDevice
        A `DiffusiveMemristor`; values that are not fitted stay, but `alpha` where it would keep the
        channel closed at the read bias.
    threshold : float
        Current that means on [A].
    off_threshold : float, optional
        Current below which the device has relaxed [A]; `threshold` by default.
    free : sequence of str, optional
        Parameters to fit, `FREE` by default.
    fix : Mapping, optional
        Values to keep [SI].
    start : mapping of str to float, optional
        Values at which the search and the prior of free parameters begin [SI], in place of those that the data show;
        bounds are those of the device, see `memjax.params.bounded`.
    draws, seed : int
        Curves simulated with the spread, and their seed.
    tick : callable, optional
        Called with the stage and the progress after each iteration.

    Returns
    -------
    TransientFit

    Raises
    ------
    DataError
        For another model, or curves of which too few switch and relax.
    FitError
        If the start could not be solved.

    Notes
    -----
    The best values reproduce the medians, and the current at shares of the relaxation. From curve to
    curve `gamma3`, and `mu` or `r0`, are drawn anew, log-normal about them, with the spreads that bring the
    distributions nearest; the ions' own noise is left out where it is not fixed.
    """
    require_x64()
    if not isinstance(device, mj.DiffusiveMemristor):
        what = f"the model {device.name!r}"
        raise DataError(what, where="a fit to delay and relaxation", allowed="diffusive")
    seen = features(measurement, threshold=threshold, off_threshold=off_threshold)
    problem = _problem(device, seen, free or FREE, fix or {}, start or {})
    show = None if tick is None else lambda p: tick("delay and relaxation", p)
    search = levenberg_marquardt(
        problem.linearise, np.asarray(problem.center)[None], iterations=25, tick=show
    )
    if not np.isfinite(search.cost).any():
        raise FitError("the start could not be solved", where="delay and relaxation")
    z = search.z[search.best]
    best = problem.at(jnp.asarray(z))
    _, jacobian, _ = problem.linearise(z[None])
    spread, floors = _spread(best, seen, seed)
    simulated, w1 = _compared(best, seen, spread, floors, draws, seed)
    return TransientFit(
        seen=seen, device=best, model=device.name,
        problem=problem,
        z=z,
        covariance=np.linalg.inv(jacobian[0].T @ jacobian[0]),
        cycle_spread=spread,
        w1=w1,
        simulated=simulated,
        loss=float(search.cost[search.best]),
        search=search, seed=seed, curves=curves_of(measurement),
    )  # fmt: skip


def _problem(
    device: Any, seen: Features, free: Sequence[str], fix: Mapping[str, float], start: Mapping[str, float]
):  # fmt: skip
    """What is searched: from a start that keeps the fixed values."""
    quiet = {n: 0.0 for n, s in parameter_specs(device).items() if s.noise}
    device = with_values(device, quiet | dict(fix), where="--fix")
    names = tuple(n for n in known(device, free, where="--free") if n not in fix)
    if not names:
        raise DataError("nothing is free", where="--fix", allowed="one free parameter at least")
    found = with_values(begin(begun(device, names, start), seen), fix)
    found = begun(found, names, start)
    return Medians(device=found, free=names, center=unconstrain(found, names), seen=seen)


@dataclass(frozen=True)
class _Table:
    """Rates 1/delay and 1/relaxation [1/s] at factors of two parameters, 0 where there is none."""

    names: tuple[str, str]
    rates: Any

    def __call__(self, logs: Float[np.ndarray, "draws 2"]) -> np.ndarray:
        """Delays and relaxations [s] at logarithms of the factors; infinite where there is none."""
        found = self.rates(np.clip(logs, -_REACH, _REACH))
        return np.where(found > 0, 1 / np.maximum(found, 1e-12), np.inf)


def _table(device: mj.AbstractDevice, seen: Features, name: str) -> _Table:
    """Delays and relaxations where `name` and `gamma3` differ from their best values."""
    from scipy.interpolate import RegularGridInterpolator

    logs = np.linspace(-_REACH, _REACH, _GRID)
    a, b = (x.ravel() for x in np.meshgrid(logs, logs, indexing="ij"))
    pairs = ((name, a), ("gamma3", b))
    values = {n: float(get(device, n)) * np.exp(x) for n, x in pairs}
    if name == "r0":
        values["r0"] = np.minimum(values["r0"], _FULLEST)
    delay, relax, _ = times_of(device, seen, values)
    rates = [np.where(np.isfinite(x), 1 / np.maximum(x, 1e-6), 0.0) for x in (delay, relax)]
    grid = np.stack(rates, axis=1).reshape(_GRID, _GRID, 2)
    return _Table((name, "gamma3"), RegularGridInterpolator((logs, logs), grid))


def _distance(
    times: np.ndarray, seen: Features, measured: dict[str, np.ndarray]
) -> dict[str, float]:
    """First Wasserstein distances [s]; what never switches, or never relaxes, counts as long as was watched."""
    from scipy.stats import wasserstein_distance

    delay = np.minimum(times[:, 0], seen.responses[0].width)
    relax = np.minimum(times[np.isfinite(times[:, 0]), 1], seen.responses[0].watched)
    relax = relax if len(relax) else np.array([seen.responses[0].watched])
    pairs = (("delay", delay), ("relaxation", relax))
    return {n: float(wasserstein_distance(x, measured[n])) for n, x in pairs}


def _spread(
    device: mj.AbstractDevice, seen: Features, seed: int
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Spread of `gamma3`, and of `mu` or `r0`, whichever comes nearer; floors of the distances [s].

    Notes
    -----
    The sum of both distances over their floors is least (Nelder-Mead, common random numbers, a table
    of simulated times). Standard errors are those of resampled curves.
    """
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    measured = {"delay": seen.delay, "relaxation": seen.relaxation}
    floors = {n: split_half_distance(x, seed=rng) for n, x in measured.items()}
    normal = rng.normal(size=(_DRAWS, 2))
    normal = np.concatenate([normal, -normal])

    def loss(log_sigma, table, measured):
        found = _distance(table(np.exp(log_sigma) * normal), seen, measured)
        return sum(found[n] / floors[n] for n in floors)

    def best(table, measured, start=(-1.5, -1.5), steps=80):
        done = minimize(
            loss, start, (table, measured), method="Nelder-Mead", options={"maxfev": steps}
        )
        return done.x, done.fun

    tables = [_table(device, seen, n) for n in ("mu", "r0")]
    found = [best(t, measured) for t in tables]
    k = int(np.argmin([f[1] for f in found]))
    again = []
    for _ in range(_RESAMPLED):
        drawn = {n: rng.choice(x, len(x)) for n, x in measured.items()}
        again.append(best(tables[k], drawn, found[k][0], 40)[0])
    sigma, std = np.exp(found[k][0]), np.std(np.exp(again), axis=0, ddof=1)
    out = {
        name: {"sigma_ln": float(x), "std": float(e), "from": event, "sweeps": len(seen.delay)}
        for name, x, e, event in zip(
            tables[k].names, sigma, std, ("delay", "relaxation"), strict=True
        )
    }
    return out, floors


def _compared(device, seen: Features, spread, floors, draws: int, seed: int):
    """Delays and relaxations with the spread, and how far their distributions are from the measured ones."""
    sigma = {n: s["sigma_ln"] for n, s in spread.items()}
    factors = cycle_factors(seed, sigma, members=draws, sweeps=1)
    values = {n: float(get(device, n)) * np.asarray(x)[:, 0] for n, x in factors.items()}
    if "r0" in values:
        values["r0"] = np.minimum(values["r0"], _FULLEST)
    delay, relax, _ = times_of(device, seen, values)
    measured = {"delay": seen.delay, "relaxation": seen.relaxation}
    away = _distance(np.column_stack([delay, relax]), seen, measured)
    ended = {"delay": np.isfinite(delay), "relaxation": np.isfinite(delay) & np.isfinite(relax)}
    w1 = {
        n: {
            "value": away[n],
            "floor": floors[n],
            "simulated": int(ended[n].sum()),
            "measured": len(measured[n]),
        }
        for n in away
    }
    width, watched = seen.limits
    relaxation = np.where(ended["delay"], np.minimum(relax, watched), np.nan)
    return {"delay": np.minimum(delay, width), "relaxation": relaxation}, w1
