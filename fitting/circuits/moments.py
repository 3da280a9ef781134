"""Simulated moments of spike trains: their summaries, the covariance of these, and derivatives by differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.params import unconstrain
from memjax.errors import DataError, FitError
from memjax.observables import SpikeTrain, detect_all, in_window

from ..inference.identifiability import log_slopes
from ..problem import AbstractProblem
from .problem import values_at

SUMMARIES = ("rate", "isi_mean", "isi_spread", "latency_mean", "latency_spread")
"""What spike trains are compared by, see `fitting.MomentProblem`."""

# Least standard deviation of a logarithm of a time: below it spikes count as equally spaced.
_SPREAD = 1e-3
# Least eigenvalue of the correlation matrix of the summaries: beyond it they say the same.
_COLLINEAR = 1e-3


def simulate_signal(
    circuit: mj.Circuit,
    stimulus: mj.AbstractStimulus,
    *,
    signal: str,
    save: float,
    env: mj.Environment | None = None,
    values: Mapping[str, np.ndarray] | None = None,
    **options: Any,
) -> tuple[mj.Trace, Any]:
    """Members of a circuit, failed ones included, at rows so far apart [s], and their signal [its unit]."""
    rows = np.arange(int(np.floor(stimulus.duration / save + 1e-9)) + 1) * save
    conditions = mj.Conditions(env=env, values=values)
    output = mj.Output(on_failure="ignore")
    trace = mj.simulate(
        circuit, stimulus, save=rows, conditions=conditions, output=output, **options
    )
    return trace, signal_of(trace, signal)


def signal_of(trace: mj.Trace, signal: str) -> Any:
    """A state of a circuit, or "v" or "i" at its first driven source, of each member."""
    return getattr(trace, signal) if signal in ("v", "i") else trace.state[signal]


def train_features(
    trains: Sequence[np.ndarray], start: float, stop: float
) -> Float[np.ndarray, "trains 6"]:
    """Sums of each train whose means give the summaries.

    Number of spikes and of intervals, sum of their logarithms and of its squares, logarithm of the
    latency and its square; the latency of a train without a spike is that of the whole window.
    """
    rows = []
    for train in trains:
        times = np.asarray(train, float)
        times = times[in_window(times, start, stop)]
        log = np.log(np.diff(times))
        first = np.log(max(times[0] - start if times.size else stop - start, 1e-12))
        rows.append([times.size, log.size, log.sum(), (log**2).sum(), first, first**2])
    return np.array(rows, float)


def summaries_of(
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


def left_out(features: Float[np.ndarray, "trains 6"]) -> Float[np.ndarray, "trains 6"]:
    """Mean features without each train in turn."""
    return (features.sum(axis=0) - features) / (len(features) - 1)


@dataclass(frozen=True)
class SimulatedMoments:
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
    calls: list[str] = field(default_factory=list)

    def at(self, z: np.ndarray) -> mj.Circuit:
        """The circuit at coordinates."""
        return mj.params.replace(self.circuit, values_at(self.circuit, self.free, z))

    def check(self, step: float) -> None:
        """Refuse options that mean nothing."""
        signals = [*(s.name for s in self.circuit.specs), "v", "i"]
        unknown = ", ".join(repr(s) for s in self.names if s not in SUMMARIES)
        (start, stop), end = self.window, float(self.stimulus.duration)
        numbers = self.members >= 8 and step > 0 and self.save > 0
        inside = 0 <= start < stop <= end * (1 + 1e-9)
        for fine, what, allowed in (
            (self.signal in signals, f"no signal {self.signal!r}", ", ".join(signals)),
            (self.names and not unknown, f"summaries {unknown or 'none'}", ", ".join(SUMMARIES)),
            (numbers, f"members = {self.members}, step = {step:g}, save = {self.save:g} s", "8 or more, > 0, > 0 s"),
            (inside, f"a window from {start:g} to {stop:g} s", f"within the stimulus, 0 to {end:g} s"),
        ):  # fmt: skip
            if not fine:
                raise DataError(what, where="MomentProblem", allowed=allowed)

    def measured(self, trains: Sequence[SpikeTrain | np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Summaries of measured trains, and their features."""
        if not len(trains):
            raise DataError("no spike trains", where="MomentProblem", allowed="at least one")
        start, stop = self.window
        trains_inside = [
            s.within(start, stop).times if isinstance(s, SpikeTrain) else s for s in trains
        ]
        cut = [x[in_window(x, start, stop)] for x in map(np.asarray, trains_inside)]
        times = [SpikeTrain(times=x, start=start, stop=stop).times for x in cut]  # checked
        features = train_features(times, start, stop)
        target = self.summaries(features.mean(axis=0))
        lacking = ", ".join(n for n, x in zip(self.names, target) if not np.isfinite(x))
        if lacking:
            what = f"too few spikes for {lacking}"
            raise DataError(what, where="trains", fix="leave these summaries out")
        return target, features

    def features(self, z: np.ndarray) -> np.ndarray | None:
        """Features of the members' trains; None where a solve failed or there is nothing to compare."""
        values = values_at(self.circuit, self.free, z)
        trace, x = simulate_signal(
            self.circuit,
            self.stimulus,
            signal=self.signal,
            save=self.save,
            policy=self.policy,
            env=self.env,
            members=self.members,
            seed=self.seed,
            values={n: np.full((self.members, 1), x) for n, x in values.items()},
        )
        self.calls.append(trace.notes["backend"])
        if trace.failed.size or not np.isfinite(np.asarray(x)).all():
            return None
        trains = detect_all(trace.t, x, level=self.level, rearm=self.rearm, sign=self.sign)
        features = train_features(trains, *self.window)
        return features if np.isfinite(self.summaries(left_out(features))).all() else None

    def summaries(self, means: np.ndarray) -> np.ndarray:
        """Summaries out of mean features."""
        return summaries_of(means, self.names, self.window[1] - self.window[0])

    def weight(self, features: np.ndarray, trains: int) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of the covariance of measured less simulated summaries, and standard deviations."""
        left, n = self.summaries(left_out(features)), len(features)
        # Jackknife: a mean without one train is off by 1 / (n - 1) of that train's own deviation.
        deviations = (left - left.mean(axis=0)) * (n - 1)
        one = deviations.T @ deviations / (n - 1) + _SPREAD**2 * np.eye(len(self.names))
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
            sides = [(s, f) for s, f in sides if f is not None][:2]
            if len(sides) < 2:
                value = values_at(self.circuit, self.free, z)[name]
                what = f"no trains to compare {step:g} log units from {name} = {value:g}"
                fix = "start from other values, or take a smaller step"
                raise FitError(what, where="MomentProblem", fix=fix)
            (a, high), (b, low) = sides
            for out, take in ((mean, lambda f: f.mean(axis=0)), (left, left_out)):
                difference = self.summaries(take(high)) - self.summaries(take(low))
                out.append(difference / ((a - b) * step))
        jac, by_member = np.stack(mean, axis=-1), np.stack(left, axis=-1)
        return jac, by_member - by_member.mean(axis=0)


def jacobian_noise_bias(
    deviations: Float[np.ndarray, "members summaries free"], weight: np.ndarray
) -> np.ndarray:
    """A noisy Jacobian overstates the curvature J'WJ; this is the bias on average, from its jackknife deviations."""
    n = len(deviations)
    # Jackknife variance of a mean: (n - 1) / n times the sum of the squares of the deviations.
    return (n - 1) / n * np.einsum("kai,ab,kbj->ij", deviations, weight, deviations)


class MomentResiduals(AbstractProblem):
    """Summaries of simulated trains less those of measured ones, in units of their covariance, without a prior.

    Parameters
    ----------
    device, free, center, ties, noise
        See `AbstractProblem`; the centre is the start.
    simulated : SimulatedMoments
        What gives the summaries, with the same noise at all points.
    target : Float[np.ndarray, "summaries"]
        Of the measured trains.
    root : Float[np.ndarray, "summaries summaries"]
        Root of the inverse of the covariance of the difference, as it is at the best point.
    step : float
        Half the distance of differences [natural log units].
    """

    device: mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[np.ndarray, " free"]
    simulated: SimulatedMoments = eqx.field(static=True)
    target: Float[np.ndarray, " summaries"]
    root: Float[np.ndarray, "summaries summaries"]
    step: float = eqx.field(static=True)
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.zeros((), float))

    @classmethod
    def of(
        cls,
        simulated: SimulatedMoments,
        *,
        target: np.ndarray,
        weight: np.ndarray,
        step: float,
    ) -> "MomentResiduals":
        """The residuals whose sum of squares is weighed by a matrix."""
        size, axes = np.linalg.eigh(weight)
        # The least eigenvalues are as good as zero, and rounding may leave them below it.
        root = axes * np.sqrt(np.maximum(size, 0.0))
        circuit, free = simulated.circuit, simulated.free
        start = np.asarray(unconstrain(circuit, free))
        fixed: dict[str, Any] = dict(simulated=simulated, target=target, root=root, step=step)
        return cls(device=circuit, free=free, center=start, **fixed)

    @property
    def backend(self) -> str:
        return " and ".join(dict.fromkeys(self.simulated.calls)) or "xla"

    def linearise(self, z: Float[np.ndarray, "points free"]):
        """See `AbstractProblem`; equal points are simulated once."""
        points, back = np.unique(z, axis=0, return_inverse=True)
        parts = [self._at(point) for point in points]
        r, jacobian, ok = (np.stack(x)[back.ravel()] for x in zip(*parts, strict=True))
        return r, jacobian, ok

    def _at(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, their Jacobian, and success at one point."""
        n, bench = len(z), self.simulated
        r, jacobian = np.zeros(len(self.target) + n), np.zeros((len(self.target) + n, n))
        features = bench.features(z)
        if features is None:
            return r, jacobian, np.asarray(False)
        slopes, _ = bench.jacobian(z, features, self.step)
        r[:-n] = self.root.T @ (bench.summaries(features.mean(axis=0)) - self.target)
        jacobian[:-n] = self.root.T @ slopes * log_slopes(self.device, self.free, z)
        return r, jacobian, np.asarray(True)
