r"""Fits through a circuit: parameters of its elements from the trace of a node, or from spike times alone.

Notes
-----
`fit_voltages` minimises :math:`\frac12\sum_k (v(t_k) - v_k)^2/\sigma_k^2` over unconstrained coordinates with the
forward-mode Jacobian J of the adaptive solve. Standard deviations are those of :math:`(J^TJ)^{-1}`: of
first order, for independent errors of the stated size, without a prior and not inflated where chi2 is above 1.
A switching time that is far off has its own local minimum: hence several starts.

`fit_spikes` is the method of simulated moments [1]_ [2]_. With the summaries S of the trains and :math:`d =
S_{measured} - S_{simulated}(\theta)` it minimises :math:`d^TWd` by Gauss-Newton steps, where :math:`W^{-1} = C\,(1/n
+ 1/m)`, C is the covariance of one train's share (jackknife over the m simulated trains, at the current
point) and n the number of measured ones. The covariance of the logarithms of the parameters is
:math:`(J^TWJ)^{-1}`, which holds the factor :math:`1 + n/m` for the noise of the simulation.

A threshold makes spike counts piecewise constant in the parameters, and derivatives along paths say nothing
of spikes that come or go. J is therefore of central differences over a finite step with the same noise on both
sides; its bias is of second order in the step. Noise that the sides do not share remains, and a
noisy Jacobian overstates the information: the mean of that (jackknife over members) is taken off
:math:`J^TWJ`, and three times that before a
parameter counts as determined. One without influence is thus named, and not given a small error.

References
----------
.. [1] D. McFadden, Econometrica 57, 995 (1989), doi:10.2307/1913621
.. [2] C. Gourieroux, A. Monfort, Simulation-Based Econometric Methods (1996), doi:10.1093/0198774753.001.0001
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import chi2

import memjax as mj
from memjax.errors import DataError, FitError
from memjax.fields import parameter_specs
from memjax.observables import SpikeTrain, detect_all, in_window
from memjax.params import constrain
from memjax.policy import require_x64
from memjax.transforms import from_spec

from ..inference.identifiability import log_slopes
from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt, screen
from ..result import AbstractFit
from .problem import POLICY, Traces, start_of, voltage_problem

TOGETHER, ITERATIONS = 8, 60
"""Starts that advance together, and the most steps that they take."""

LIMIT = 0.5
"""Relative standard deviation above which a parameter counts as undetermined."""

SUMMARIES = ("rate", "isi_mean", "isi_spread", "latency_mean", "latency_spread")
"""What spike trains are compared by, see `fit_spikes`."""

_LONGEST = 0.5
"""Longest move of a parameter in one iteration on spikes [natural log units]."""

_SPREAD = 1e-3
"""Least standard deviation of a logarithm of a time: below it spikes count as equally spaced."""

_COLLINEAR = 1e-3
"""Least eigenvalue of the correlation matrix of the summaries: beyond it they say the same."""

_MANY = 16
"""Measured trains whose scatter tells enough to begin with."""

_DISAGREE, _SEARCHED = 0.01, 3
"""Probability below which summaries do not agree, and from how many starts a search is begun at most."""

_BIAS_MARGIN = 3.0
"""How many times the bias of a noisy Jacobian is taken off before a parameter counts as determined."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Free parameters and how well they are known.

    Parameters
    ----------
    circuit : Circuit
        With the best parameters.
    values, std : dict of str to float
        Best values and standard deviations to first order [the parameter's unit], by dotted name.
    correlation : Float[np.ndarray, "free free"]
        Correlations, in the order of `values`.
    undetermined : tuple of str
        Parameters whose relative standard deviation exceeds `LIMIT`, or that are part of a
        direction in which the data say next to nothing. Their standard deviations have no meaning
        beyond being large.
    """

    circuit: mj.Circuit
    values: dict[str, float]
    std: dict[str, float]
    correlation: Float[np.ndarray, "free free"]
    undetermined: tuple[str, ...]

    def z_scores(self, truth: Mapping[str, float]) -> dict[str, float]:
        """(estimate - truth) / standard deviation of each parameter that is named in `truth`."""
        return {n: (self.values[n] - x) / self.std[n] for n, x in truth.items()}


@dataclass(frozen=True, kw_only=True, repr=False)
class VoltageFit(AbstractFit):
    """What `fit_voltages` found.

    Parameters
    ----------
    device : Circuit
        With the best parameters.
    model : str
        Its name.
    problem : Traces
        What was minimised.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates of the best parameters.
    loss, chi2 : float
        Half the sum of squared residuals [sigma^2]; that sum per degree of freedom, about 1 if
        model and sigma are right.
    covariance : Float[np.ndarray, "free free"]
        Of the coordinates; directions in which the data say next to nothing are cut off at a factor of 150.
    trace : Float[np.ndarray, "rows"]
        Trace of the best parameters [V or A].
    converged : bool
        Whether the search ended because nothing was gained.
    search : Progress
        Iterations, evaluations, failed solves, cost of each start.
    """

    device: mj.Circuit
    model: str
    problem: Traces
    z: Float[np.ndarray, " free"]
    loss: float
    covariance: Float[np.ndarray, "free free"]
    chi2: float
    trace: Float[np.ndarray, " rows"]
    converged: bool
    search: Progress
    profiles: tuple[Any, ...] = ()
    sample: Any = None


@dataclass(frozen=True, kw_only=True)
class SpikeFit:
    """What `fit_spikes` found.

    Parameters
    ----------
    estimate : Estimate
        Parameters, standard deviations, what is undetermined.
    summaries : tuple of str
        Names of what was compared.
    measured, simulated, sigma : Float[np.ndarray, "summaries"]
        Summaries of both, and the standard deviation of their difference.
    chi2, freedom : float, int
        Squared difference, weighted by the inverse of its covariance; summaries less parameters.
    predicted_reduction, converged : float, bool
        Fall of chi2 that one more full step promises; whether it is below 1.
    iterations, simulations : int
        Iterations, and parameter sets simulated.
    """

    estimate: Estimate
    summaries: tuple[str, ...]
    measured: Float[np.ndarray, " summaries"]
    simulated: Float[np.ndarray, " summaries"]
    sigma: Float[np.ndarray, " summaries"]
    chi2: float
    freedom: int
    predicted_reduction: float
    converged: bool
    iterations: int
    simulations: int


def _values(circuit: mj.Circuit, free: Sequence[str], z: np.ndarray) -> dict[str, float]:
    """Values [SI] at coordinates."""
    specs = parameter_specs(circuit)
    pairs = zip(free, z, strict=True)
    return {n: float(from_spec(specs[n]).inverse(jnp.asarray(x))) for n, x in pairs}


def _covariance(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of an information matrix of logarithms, and each parameter's share in its null directions.

    Information below that of ten times the limit is lifted to it.
    """
    size, axes = np.linalg.eigh(information)
    least = (10 * LIMIT) ** -2
    null = np.sqrt(np.sum(axes[:, size <= least] ** 2, axis=1))
    return (axes / np.maximum(size, least)) @ axes.T, null


def _estimate(
    circuit: mj.Circuit,
    free: tuple[str, ...],
    z: np.ndarray,
    *,
    information: np.ndarray,
    surely: np.ndarray | None = None,
) -> Estimate:
    """Estimate out of the information matrix of the logarithms, and of what of it is sure."""
    covariance, _ = _covariance(information)
    strict, null = _covariance(information if surely is None else surely)
    values, sigma = _values(circuit, free, z), np.sqrt(np.diag(covariance))
    undetermined = (np.sqrt(np.diag(strict)) > LIMIT) | (null > 0.1) | (sigma > LIMIT)
    return Estimate(
        circuit=constrain(circuit, free, jnp.asarray(z)),
        values=values,
        std={n: float(s * (abs(values[n]) or 1.0)) for n, s in zip(free, sigma, strict=True)},
        correlation=covariance / np.outer(sigma, sigma),
        undetermined=tuple(
            n for n, is_undetermined in zip(free, undetermined, strict=True) if is_undetermined
        ),
    )


def fit_voltages(
    circuit: mj.Circuit,
    stimulus: mj.AbstractStimulus,
    t: Float[np.ndarray | Array, " rows"],
    v: Float[np.ndarray | Array, " rows"],
    *,
    node: str,
    sigma: float | Float[np.ndarray | Array, " rows"],
    free: Sequence[str],
    starts: int = 16,
    spread: float = 0.3,
    seed: int = 0,
    policy: mj.Stiff = POLICY,
    env: mj.Environment | None = None,
) -> VoltageFit:
    """Fit parameters of a circuit to the trace of a node, by least squares.

    Parameters
    ----------
    circuit : Circuit
        Fixed parameters, and the start of the free ones. Diffusion is left out.
    stimulus : AbstractStimulus
        What drives it, from the state at rest.
    t, v : Float[np.ndarray, "rows"]
        Times [s], increasing, and what was measured [V or A].
    node : str
        Node that was measured; "i" for the current of the first driven source.
    sigma : float or Float[np.ndarray, "rows"]
        Standard deviation of the measured values [V or A].
    free : sequence of str
        Free parameters, as ``element.parameter``.
    starts, spread, seed
        Starts that are screened, the first being the circuit itself, the others scattered about it
        with this standard deviation [natural log units]; the 8 best go on.
    policy, env
        Solver and temperature.

    Raises
    ------
    DataError, ModelError
        For rows, a node, a parameter or a sigma that make no problem.
    FitError
        If the solve of no start ended well.
    """
    if starts < 1:
        raise DataError(f"starts = {starts}", where="fit_voltages", allowed="at least 1")
    about = {"node": node, "sigma": sigma, "free": free, "policy": policy, "env": env}
    problem = voltage_problem(circuit, stimulus, t, v, **about)
    names, center = problem.free, np.asarray(problem.center)

    noise = np.random.default_rng(seed).normal(size=(starts, len(names)))
    noise[0] = 0.0
    many = center + spread * noise / np.abs(log_slopes(problem.device, names, center))
    keep = min(starts, TOGETHER)
    search = Progress(many[:keep], np.full(keep, np.inf))
    z = screen(problem.linearise, many, keep=keep, progress=search)
    search = levenberg_marquardt(problem.linearise, z, iterations=ITERATIONS, progress=search)
    return _voltage_fit(problem, search)


def _voltage_fit(problem: Traces, search: Progress) -> VoltageFit:
    """Result at the best point of a search."""
    best = search.best
    if not np.isfinite(search.cost[best]):
        raise FitError(
            f"no solve of {len(search.cost)} starts ended well",
            where="fit_voltages",
            fix="start from other values, or allow more steps: policy=mj.Stiff(max_steps=...)",
        )
    r, jac, _ = problem.linearise(search.z)
    rows, z, cost = len(problem.data), search.z[best], float(search.cost[best])
    r, slope = r[best][:rows], log_slopes(problem.device, problem.free, z)
    jac = jac[best][:rows] / slope
    covariance, _ = _covariance(jac.T @ jac)
    return VoltageFit(
        device=problem.at(jnp.asarray(z)),
        model=getattr(problem.device, "name", "circuit"),
        problem=problem,
        z=z,
        loss=cost,
        covariance=covariance / np.outer(slope, slope),
        chi2=2 * cost / max(rows - len(z), 1),
        trace=np.asarray(problem.data) + r * np.asarray(problem.sigma),
        converged=bool(search.converged[best]) or search.iterations < ITERATIONS,
        search=search,
    )


def _features(
    trains: Sequence[np.ndarray], start: float, stop: float
) -> Float[np.ndarray, "trains 6"]:
    """Sums of each train whose means give the summaries.

    Number of spikes and of intervals, sum of their logarithms and of its squares, logarithm of the
    latency and its square; the latency of a train without a spike is that of the whole window.
    """
    found = []
    for train in trains:
        times = np.asarray(train, float)
        times = times[in_window(times, start, stop)]
        log = np.log(np.diff(times))
        first = np.log(max(times[0] - start if times.size else stop - start, 1e-12))
        found.append([times.size, log.size, log.sum(), (log**2).sum(), first, first**2])
    return np.array(found, float)


def _summaries(
    means: Float[np.ndarray, "... 6"], names: Sequence[str], length: float
) -> Float[np.ndarray, "... summaries"]:
    """Summaries out of mean features; not finite without spikes or intervals."""
    count, n, s1, s2, l1, l2 = np.moveaxis(means, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = s1 / n
        variance = np.maximum(s2 / n - mean**2, 0.0) + _SPREAD**2
        later = np.maximum(l2 - l1**2, 0.0) + _SPREAD**2
        every = {
            "rate": np.log(count / length),
            "isi_mean": mean,
            "isi_spread": 0.5 * np.log(variance),
            "latency_mean": l1,
            "latency_spread": 0.5 * np.log(later),
        }
    return np.stack([every[k] for k in names], axis=-1)


def _left_out(features: Float[np.ndarray, "trains 6"]) -> Float[np.ndarray, "trains 6"]:
    """Mean features without each train in turn."""
    return (features.sum(axis=0) - features) / (len(features) - 1)


@dataclass(frozen=True)
class _Bench:
    """What is the same for every simulated parameter set, and how many were simulated."""

    circuit: mj.Circuit
    stimulus: mj.AbstractStimulus
    free: tuple[str, ...]
    signal: str
    level: float
    rearm: float | None
    sign: int
    window: tuple[float, float]
    names: tuple[str, ...]
    members: int
    seed: int
    policy: mj.Fixed | mj.Stiff
    save: float
    env: mj.Environment | None
    calls: list[int] = field(default_factory=list)

    def check(self, step: float) -> None:
        """Refuse options that mean nothing."""
        signals = [*(s.name for s in self.circuit.specs), "v", "i"]
        unknown = ", ".join(repr(s) for s in self.names if s not in SUMMARIES)
        (start, stop), end, few = self.window, float(self.stimulus.duration), self.members < 8
        numbers = f"members = {self.members}, step = {step:g}, save = {self.save:g} s"
        seen, window = (
            0 <= start < stop <= end * (1 + 1e-9),
            f"a window from {start:g} to {stop:g} s",
        )
        for wrong, what, allowed in (
            (self.signal not in signals, f"no signal {self.signal!r}", ", ".join(signals)),
            (unknown or not self.names, f"summaries {unknown or 'none'}", ", ".join(SUMMARIES)),
            (few or not (step > 0 and self.save > 0), numbers, "8 or more, > 0, > 0 s"),
            (not seen, window, f"within the stimulus, 0 to {end:g} s"),
        ):
            if wrong:
                raise DataError(what, where="fit_spikes", allowed=allowed)

    def measured(self, trains: Sequence[SpikeTrain | np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Summaries of measured trains, and their features."""
        if not len(trains):
            raise DataError("no spike trains", where="fit_spikes", allowed="at least one")
        start, stop = self.window
        own = [s.within(start, stop).times if isinstance(s, SpikeTrain) else s for s in trains]
        cut = [x[in_window(x, start, stop)] for x in map(np.asarray, own)]
        times = [SpikeTrain(times=x, start=start, stop=stop).times for x in cut]  # checked
        features = _features(times, start, stop)
        target = self.summaries(features.mean(axis=0))
        lacking = ", ".join(n for n, x in zip(self.names, target) if not np.isfinite(x))
        if lacking:
            raise DataError(
                f"too few spikes for {lacking}", where="trains", fix="leave these summaries out"
            )
        return target, features

    def features(self, z: np.ndarray) -> np.ndarray | None:
        """Features of the members' trains; None where a solve failed or there is nothing to compare."""
        values = _values(self.circuit, self.free, z)
        rows = int(np.floor(self.stimulus.duration / self.save + 1e-9)) + 1
        self.calls.append(1)
        trace = mj.simulate(
            self.circuit,
            self.stimulus,
            policy=self.policy,
            env=self.env,
            members=self.members,
            seed=self.seed,
            save=np.arange(rows) * self.save,
            values={n: np.full((self.members, 1), x) for n, x in values.items()},
            on_failure="ignore",
        )
        if trace.failed.size:
            return None
        x = {"v": trace.v, "i": trace.i}.get(self.signal)
        x = trace.state[self.signal] if x is None else x
        if not np.isfinite(np.asarray(x)).all():
            return None
        trains = detect_all(trace.t, x, level=self.level, rearm=self.rearm, sign=self.sign)
        found = _features(trains, *self.window)
        return found if np.isfinite(self.summaries(_left_out(found))).all() else None

    def summaries(self, means: np.ndarray) -> np.ndarray:
        """Summaries out of mean features."""
        return _summaries(means, self.names, self.window[1] - self.window[0])

    def weight(self, features: np.ndarray, trains: int) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of the covariance of measured less simulated summaries, and standard deviations."""
        left, n = self.summaries(_left_out(features)), len(features)
        away = (left - left.mean(axis=0)) * (n - 1)
        one = away.T @ away / (n - 1) + _SPREAD**2 * np.eye(len(self.names))
        covariance = one * (1 / trains + 1 / self.members)
        sigma = np.sqrt(np.diag(covariance))
        size, axes = np.linalg.eigh(covariance / np.outer(sigma, sigma))
        inverse = (axes / np.maximum(size, _COLLINEAR)) @ axes.T
        return inverse / np.outer(sigma, sigma), sigma

    def jacobian(self, z, features, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Central differences by the logarithms of the parameters, and their jackknife deviations.

        One-sided, with the features at z, where a side has no trains to compare.
        """
        slope, mean, left = log_slopes(self.circuit, self.free, z), [], []
        for k, name in enumerate(self.free):
            move = step / slope[k] * np.eye(len(z))[k]
            sides = [(1, self.features(z + move)), (-1, self.features(z - move)), (0, features)]
            found = [(s, f) for s, f in sides if f is not None][:2]
            if len(found) < 2:
                value = _values(self.circuit, self.free, z)[name]
                raise FitError(
                    f"no trains to compare {step:g} log units from {name} = {value:g}",
                    where="fit_spikes",
                    fix="start from other values, or take a smaller step",
                )
            (a, high), (b, low) = found
            for out, take in ((mean, lambda f: f.mean(axis=0)), (left, _left_out)):
                difference = self.summaries(take(high)) - self.summaries(take(low))
                out.append(difference / ((a - b) * step))
        jac, each = np.stack(mean, axis=-1), np.stack(left, axis=-1)
        return jac, each - each.mean(axis=0)


def _jacobian_noise_bias(
    away: Float[np.ndarray, "members summaries free"], weight: np.ndarray
) -> np.ndarray:
    """A noisy Jacobian overstates the curvature J'WJ; this is the bias on average, from its jackknife deviations."""
    n = len(away)
    return (n - 1) / n * np.einsum("kai,ab,kbj->ij", away, weight, away)


def fit_spikes(
    circuit: mj.Circuit,
    stimulus: mj.AbstractStimulus,
    trains: Sequence[SpikeTrain | Float[np.ndarray, " _"]],
    *,
    signal: str,
    level: float,
    free: Sequence[str],
    members: int,
    policy: mj.Fixed | mj.Stiff,
    save: float,
    seed: int = 0,
    rearm: float | None = None,
    sign: int = 1,
    window: tuple[float, float] | None = None,
    summaries: Sequence[str] = SUMMARIES,
    step: float = 0.2,
    iterations: int = 8,
    starts: int = 1,
    spread: float = 0.3,
    env: mj.Environment | None = None,
) -> SpikeFit:
    """Fit parameters of a noisy circuit to spike times alone: the method of simulated moments.

    All parameter sets run in one compiled program. Fewer summaries than parameters are allowed: what
    is left open is named.

    Parameters
    ----------
    circuit, stimulus, free, env
        As for `fit_voltages`; parameters of the noise may be free too.
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Measured spikes [s] of repeats of the stimulus, or of equal devices.
    signal : str
        State in which spikes are found, as ``node.v``; "v" or "i" at the first driven source.
    level, rearm, sign
        As `memjax.observables.detect` has them.
    members, seed : int
        Simulated trains per parameter set, several times the measured ones; seed of their noise.
    policy : Fixed or Stiff
        Solver; ``mj.Fixed(dt, method=memjax.solver.SemiImplicitEuler())`` is fastest.
    save : float
        Time between rows in which spikes are looked for [s].
    window : tuple of float, optional
        Time that counts [s]; that of the stimulus by default.
    summaries : sequence of str
        Logarithm of the rate; mean, and logarithm of the standard deviation, of the logarithms of
        all intervals; the same of the latencies (the window, for a train without a spike).
    step, iterations
        Half the distance of differences [natural log units]; most Gauss-Newton steps.
    starts, spread
        Starts that are screened, the first being the circuit itself, the others scattered about it with this
        standard deviation [natural log units]. The search goes on from the one whose summaries are nearest;
        from the next ones, three in all, while it ends in summaries that do not agree (p < 0.01).

    Raises
    ------
    DataError, ModelError, BoundsError
        For trains, a signal, a parameter or a window that make no problem.
    FitError
        If a solve fails, or simulated trains have too few spikes to compare.
    """
    require_x64()
    circuit, free, z = start_of(circuit, free)
    watched, names = window or (0.0, float(stimulus.duration)), tuple(summaries)
    how = (signal, level, rearm, sign, watched, names)
    bench = _Bench(circuit, stimulus, free, *how, members, seed, policy, save, env)
    bench.check(step)
    data, found = bench.measured(trains), []
    for begin in _screened(bench, z, data[0], starts, spread):
        found.append(_descend(bench, begin, data, step, iterations))
        if chi2.sf(found[-1].chi2, max(found[-1].freedom, 1)) >= _DISAGREE:
            break
    return min(found, key=lambda f: f.chi2)


def _screened(bench: _Bench, z: np.ndarray, target: np.ndarray, starts: int, spread: float) -> list:
    """The starts whose summaries are nearest to the measured ones; the given one where it is the only one."""
    if starts < 2:
        return [z]
    noise = np.random.default_rng(bench.seed).normal(size=(starts, len(z)))
    noise[0] = 0.0
    found = []
    for one in z + spread * noise / np.abs(log_slopes(bench.circuit, bench.free, z)):
        features = bench.features(one)
        if features is not None:
            away = target - bench.summaries(features.mean(axis=0))
            found.append((float(away @ away), one))
    if not found:
        return [z]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])[:_SEARCHED]]


def _descend(
    bench: _Bench, z: np.ndarray, data: tuple[np.ndarray, np.ndarray], step: float, iterations: int
) -> SpikeFit:
    """Gauss-Newton with step control: weighted by the scatter of the data at first, by the model's at last."""
    features, (target, own) = bench.features(z), data
    if features is None:
        what = "too few simulated spikes, or a failed solve, at the start"
        raise FitError(what, where="fit_spikes", fix="start from values at which it fires")
    rough = len(own) >= _MANY and bool(np.isfinite(bench.summaries(_left_out(own))).all())
    weight, sigma = bench.weight(own if rough else features, len(own))
    done = 0
    while True:
        away = target - bench.summaries(features.mean(axis=0))
        jac, noise = bench.jacobian(z, features, step)
        found = None
        for stage in (rough, False):
            if not stage:
                weight, sigma = bench.weight(features, len(own))
            rough, bias = stage, _jacobian_noise_bias(noise, weight)
            gradient, matrix = jac.T @ weight @ away, jac.T @ weight @ jac
            predicted_reduction = float(gradient @ _covariance(matrix)[0] @ gradient)
            if predicted_reduction > 0.1 * len(z) and done < iterations:
                goal = (away, weight, target)
                found = _shorter(bench, z, goal, (gradient, matrix, bias))
            if found is not None or not stage:
                break
        if found is None:
            break
        z, features, done = *found, done + 1
    known = {"information": matrix - bias, "surely": matrix - _BIAS_MARGIN * bias}
    return SpikeFit(
        estimate=_estimate(bench.circuit, bench.free, z, **known),
        summaries=bench.names,
        measured=target,
        simulated=target - away,
        sigma=sigma,
        chi2=float(away @ weight @ away),
        freedom=len(target) - len(z),
        predicted_reduction=predicted_reduction,
        converged=predicted_reduction < 1.0,
        iterations=done,
        simulations=len(bench.calls),
    )


def _shorter(bench: _Bench, z, goal, model) -> tuple[np.ndarray, np.ndarray] | None:
    """The first of ever more damped steps that lowers chi2, and its features; None if none does."""
    (away, weight, target), (gradient, matrix, bias) = goal, model
    slope, cost, damping = log_slopes(bench.circuit, bench.free, z), away @ weight @ away, 1e-3
    scale = np.diag(np.diag(matrix) + 1e-9)
    for _ in range(5):
        move = np.linalg.solve(matrix + damping * scale + bias, gradient)
        move *= min(1.0, _LONGEST / max(float(np.max(np.abs(move))), 1e-300))
        features = bench.features(z + move / slope)
        if features is not None:
            rest = target - bench.summaries(features.mean(axis=0))
            if rest @ weight @ rest < cost:
                return z + move / slope, features
        damping = max(8 * damping, 0.1)
    return None


__all__ = ["SUMMARIES", "Estimate", "SpikeFit", "VoltageFit", "fit_spikes", "fit_voltages"]
