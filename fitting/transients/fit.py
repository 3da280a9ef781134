"""Delay and relaxation of pulsed volatile devices: a device calibrated to their medians, and their spread."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import get, replace as with_values, unconstrain
from memjax.errors import DataError, FitError
from memjax.observables import ON_CURRENT, summarise_pulses
from memjax.runtime.arguments import as_seed
from memjax.simulate.policy import require_x64

from ..fit_json import finite
from ..problem import AbstractProblem, Linearised, begun, free_names, one_by_one, secant_points
from ..result import AbstractFit
from ..solve import AbstractFitProblem, Tick
from ..sweeps.thinning import curves_of
from ..verdict import Verdict
from .comparison import differences, summary
from .features import Features, curves, features_of, times_of
from .report import figure_of
from .spread import compared, spread_of
from .verdict import judge_times

FREE = ("mu", "theta", "gamma3", "r_on")
"""What delay, relaxation, and the current in between tell of a `DiffusiveMemristor`."""

_STEP = 1e-2  # difference of coordinates for derivatives
_ITERATIONS = 25
_ROWS = 400  # of the typical curve


class Medians(AbstractProblem):
    """Residuals of the medians and of the levels; derivatives are secants.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`.
    features : Features
        What the curves show.
    """

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    features: Features = eqx.field(static=True)
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))

    def linearise(self, z: np.ndarray) -> Linearised:
        targets, sigma = self.features.targets()
        used = np.concatenate([[True, True], np.isfinite(self.features.levels)])
        points = secant_points(z, _STEP)
        devices = [self.at(jnp.asarray(p)) for p in points.reshape(-1, z.shape[1])]
        values = {k: np.array([float(get(d, k)) for d in devices]) for k in self.free}
        times = np.column_stack(times_of(self.device, self.features, values))
        off = (np.log(np.maximum(times, 1e-12))[:, used] - targets) / sigma
        r, jacobian = self.by_secants(off.reshape(*points.shape[:2], -1), z, _STEP)
        ok = np.isfinite(r).all(axis=1) & np.isfinite(jacobian).all(axis=(1, 2))
        return r, jacobian, np.asarray(ok)


@dataclass(frozen=True, kw_only=True, repr=False)
class TransientFit(AbstractFit):
    """A volatile device calibrated to delays and relaxations.

    Parameters
    ----------
    device, problem, z, covariance, loss, search, stochastic, notes, failure
        See `AbstractFit`; the device's noise-free delay and relaxation are the medians.
    features : Features
        The data.
    cycle_spread : dict
        By parameter: `sigma_ln`, `std`, `from`, `sweeps`.
    w1 : dict
        First Wasserstein distance [s] between simulated and measured delays, and relaxations: `value`,
        `floor` (mean of random halves of the measured values), `simulated` and `measured` numbers.
    simulated : dict of str to Float[np.ndarray, "draws"]
        Delays and relaxations with the spread [s], as `Features.restricted`.
    seed : int
        Of the draws.
    comparison : dict or None
        What `fitting.transients.comparison.compare_times` says of it.
    unresolved : tuple of str
        Rates that came out faster than a step.
    curves : dict of str to Float[np.ndarray, "rows"]
        Some of the measured curves, for the report, see `fitting.sweeps.thinning.curves_of`.
    source : dict
        Of the measured curves, see `memjax.Measurement.source`.
    """

    features: Features
    device: mj.AbstractDevice
    problem: Medians
    covariance: Float[np.ndarray, "free free"]
    cycle_spread: dict[str, dict[str, Any]]
    w1: dict[str, dict[str, float]]
    simulated: dict[str, Float[np.ndarray, " draws"]]
    stochastic: Any = None
    notes: tuple[str, ...] = ()
    failure: str = ""
    kind: ClassVar[str] = "delay and relaxation"
    comparison: dict[str, Any] | None = None
    unresolved: tuple[str, ...] = ()
    curves: dict[str, Float[np.ndarray, " rows"]] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [self.source]

    def moved(self, problem: Medians, z, covariance) -> "TransientFit":
        """See `AbstractFit`; the spread stays."""
        device = problem.at(jnp.asarray(z))
        floors = {n: x["floor"] for n, x in self.w1.items()}
        draws = len(self.simulated["delay"])
        simulated, w1 = compared(device, self.features, self.cycle_spread, floors, draws, self.seed)
        fields = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        return replace(self, device=device, simulated=simulated, w1=w1, **fields)

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What the fit of both distributions is worth, and why."""
        return judge_times(self.features.restricted(), self.simulated)

    @property
    def summary(self) -> tuple[str, ...]:
        """The comparison with the measured curves, where randomness was calibrated."""
        return () if self.comparison is None else tuple(summary(self.comparison))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result, in words."""
        if self.stochastic is None:
            return ()
        texts = list(self.stochastic.warnings)
        if self.unresolved:
            names, step = ", ".join(self.unresolved), self.stochastic.step
            texts.append(f"faster than a step of {step:.2g} s, the curves tell no more: {names}")
        if self.comparison and (apart := differences(self.comparison)):
            texts.append(f"simulated and measured curves differ: {'; '.join(apart)}")
        return tuple(texts)

    def as_json(self) -> dict[str, Any]:
        """What ``fit.json`` and pictures hold of this kind alone: thresholds, pulse, typical curve, distributions."""
        features, pulse = self.features, self.features.stimulus
        best = {self.free[0]: np.array([float(get(self.device, self.free[0]))])}
        t, i, _ = curves(self.device, features, best)
        few = np.unique(np.linspace(0, len(t) - 1, _ROWS).astype(int))
        return {
            "threshold_A": features.threshold,
            "clip_A": finite(features.clip),
            "pulse": {
                "amplitude_V": float(pulse.amplitude),
                "width_s": float(pulse.width),
                "watched_s": float(features.limits[1]),
                "onset_s": float(pulse.delay),
                "base_V": float(pulse.base),
            },
            "off_threshold_A": features.off_threshold,
            "measured": summarise_pulses(features.responses),
            "comparison": self.comparison,
            "w1_s": self.w1,
            "typical": {"t_s": t[few].tolist(), "i_A": i[0][few].tolist()},
        }

    def tables(self) -> dict[str, pandas.DataFrame]:
        """Delays and relaxations [s] of measured and simulated curves, NaN beyond the end of the shorter column."""
        sides = {"measured": self.features.restricted(), "simulated": self.simulated}
        named = {n: {f"{k}_s": pandas.Series(x) for k, x in t.items()} for n, t in sides.items()}
        return {n: pandas.DataFrame(columns) for n, columns in named.items()}

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: distributions of both times."""
        return figure_of(self.as_json(), **self.tables())


def begin(device: Any, features: Features) -> mj.AbstractDevice:
    """A device whose delay and relaxation are about right: closed forms, then the best growth of a row of them.

    Notes
    -----
    The read bias holds a channel closed where mu |V| / alpha exceeds gamma1 f: where it would, the gap
    alpha of a closed channel is taken as large as it takes to open.
    """
    targets, _ = features.targets()
    delay, relax = np.exp(targets[:2])
    v, base = abs(float(features.stimulus.amplitude)), abs(float(features.stimulus.base))
    gap, alpha = 1 - float(device.r0), float(device.alpha)
    level = np.exp(targets[-1]) if len(targets) > 2 else features.threshold * 5
    gamma3 = 0.6 / relax
    values = {"gamma3": gamma3, "theta": 8 * gamma3 / v}
    # Closed, the channel passes the on-threshold in the pulse whatever is read in between.
    values |= {"r_on": min(base / level, v / (2 * features.threshold))} if base else {}
    device = with_values(device, values)
    # A gap g closes at mu V / (alpha + g): integrated from the whole gap to none.
    mu = (alpha * gap + gap**2 / 2) / (v * delay) * np.geomspace(0.1, 30.0, 24)
    wide = np.clip(2 * mu * base / (float(device.gamma1) * gap), alpha, 0.9)
    delays, after, _ = times_of(device, features, {"mu": mu, "alpha": wide})
    distance = np.abs(np.log(np.maximum(delays, 1e-12) / delay)) + 10.0 * ~np.isfinite(after)
    if not np.isfinite(distance).any():
        what = "no growth rate switches the device within the pulse and lets it relax"
        fix = "begin at other values (--preset, --fix), such as of r0, gamma1 and gamma2"
        raise FitError(what, where="delay and relaxation", fix=fix)
    k = int(np.argmin(distance))
    return with_values(device, {"mu": mu[k], "alpha": wide[k]})


@dataclass(frozen=True)
class TransientProblem(AbstractFitProblem):
    """Delays and relaxations of many curves under one pulse each, to which a diffusive memristor is calibrated.

    Parameters
    ----------
    data : Measurement
        One sweep per curve, with time.
    device : AbstractDevice
        A `DiffusiveMemristor`; values that are not fitted stay, but `alpha` where it would keep the
        channel closed at the read bias.
    free : sequence of str, optional
        Parameters to fit, `fitting.transients.fit.FREE` by default.
    fix, start
        See `AbstractFitProblem`.
    threshold : float
        Current that means on [A].
    off_threshold : float, optional
        Current below which the device has relaxed [A]; `threshold` by default.
    draws : int
        Curves simulated with the spread.

    Raises
    ------
    DataError
        When it is solved: for another model, or curves of which too few switch and relax.
    FitError
        When it is solved: if the start could not be solved.

    Notes
    -----
    The best values reproduce the medians, and the current at shares of the relaxation. From curve to
    curve `gamma3`, and `mu` or `r0`, are drawn anew, log-normal about them, with the spreads that bring the
    distributions nearest; the ions' own noise is left out where it is not fixed.
    """

    data: mj.Measurement
    _: dataclasses.KW_ONLY
    threshold: float = ON_CURRENT
    off_threshold: float | None = None
    draws: int = 400

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> TransientFit:
        """See `fitting.solve`; the seed is that of the curves that are simulated."""
        seed, device = as_seed(seed, where="TransientProblem", lowest=0), self.device
        require_x64()
        if not isinstance(device, mj.DiffusiveMemristor):
            what = f"the model {device.name!r}"
            raise DataError(what, where="a fit to delay and relaxation", allowed="diffusive")
        thresholds = {"threshold": self.threshold, "off_threshold": self.off_threshold}
        features = features_of(self.data, **thresholds)
        problem = _problem(device, features, self.free or FREE, self.fix or {}, self.start or {})
        center, stage = np.asarray(problem.center), "delay and relaxation"
        search = one_by_one(problem, [center], stage=stage, iterations=_ITERATIONS, tick=progress)
        z = search.z[search.best]
        best = problem.at(jnp.asarray(z))
        _, jacobian, _ = problem.linearise(z[None])
        spread, floors = spread_of(best, features, seed)
        simulated, w1 = compared(best, features, spread, floors, self.draws, seed)
        return TransientFit(
            features=features,
            device=best,
            problem=problem,
            z=z,
            covariance=np.linalg.inv(jacobian[0].T @ jacobian[0]),
            cycle_spread=spread,
            w1=w1,
            simulated=simulated,
            loss=float(search.cost[search.best]),
            search=search,
            seed=seed,
            curves=curves_of(self.data),
            source=self.data.source,
        )


def _problem(device: Any, features: Features, free: Sequence[str], fix, start) -> Medians:
    """What is searched: from a start that keeps the fixed values, the ions' noise left out where it is not fixed."""
    quiet = {n: 0.0 for n, s in parameter_specs(device).items() if s.noise}
    device = with_values(device, quiet | dict(fix), where="--fix")
    names = free_names(device, free, fix)
    near = with_values(begin(begun(device, names, start), features), fix)
    near = begun(near, names, start)
    return Medians(device=near, free=names, center=unconstrain(near, names), features=features)
