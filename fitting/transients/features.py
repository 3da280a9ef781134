"""What curves under one pulse each show, measured or simulated: delay, relaxation, the current in between."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax import observables
from memjax.errors import DataError

FEWEST = 6
"""Curves below which nothing is said."""

SHARES = (0.5, 0.75, 0.95)  # shares of the relaxation at which the current is compared


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

    responses: list[observables.PulseResponse]
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
        """Relaxations that ended within what was watched [s]."""
        return np.array([r.relaxation for r in self.responses if r.relaxed])

    def restricted(self) -> dict[str, Float[np.ndarray, " curves"]]:
        """Times [s], of which what did not end counts as long as was watched; no relaxation of what never switched."""
        pairs = [(r.delay, r.width, r.relaxation, r.watched) for r in self.responses]
        delay, width, relaxation, watched = np.array(pairs).T
        return {"delay": np.minimum(delay, width), "relaxation": np.minimum(relaxation, watched)}

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of median delay, median relaxation and levels, and their standard errors."""
        summary = observables.summarise_pulses(self.responses)
        times = [summary[f"{k}_s"]["median"] for k in ("delay", "relaxation")]
        if None in times or min(times) <= 0:
            what = "most curves never switch, or never relax, within what was recorded"
            fix = "choose another threshold (--on-threshold A)"
            raise DataError(what, where="delay and relaxation", fix=fix)
        errors = [_median_error(np.log(np.maximum(x, 1e-9))) for x in (self.delay, self.relaxation)]
        ok = np.isfinite(self.levels)
        logs = np.concatenate([np.log(times), np.log(self.levels[ok])])
        return logs, np.concatenate([errors, self.levels_se[ok]])


def _median_error(x: np.ndarray) -> float:
    """Standard error of a median, by the interquartile range."""
    # Of normal values the interquartile range is 1.349 sigma, and the error of a median sqrt(pi / 2) that of a mean.
    sigma = np.subtract(*np.percentile(x, [75, 25])) / 1.349
    return float(1.2533 * sigma / np.sqrt(len(x)))


def features_of(
    measurement: mj.Measurement,
    *,
    threshold: float = observables.ON_CURRENT,
    off_threshold: float | None = None,
) -> Features:
    """Delay, relaxation and the current in between, of curves (sweeps with time) under one pulse each.

    A device is on above `threshold` [A], and has relaxed below `off_threshold` [A], the same by default.

    Raises
    ------
    BoundsError
        Without time or pulses.
    DataError
        Where fewer than `FEWEST` curves switch and relax.
    """
    off = threshold if off_threshold is None else off_threshold
    every = observables.pulse_responses(measurement, threshold=threshold, off_threshold=off)
    responses = [r for r in every if r.pulse == 0]
    if (relaxed := sum(r.relaxed for r in responses)) < FEWEST:
        what = f"{relaxed} curves that switch on and off again"
        fix = "choose another threshold (--on-threshold A)"
        raise DataError(what, where="delay and relaxation", allowed=f"at least {FEWEST}", fix=fix)
    clip = measurement.compliance or np.inf
    levels, pulses = [], []
    known = {r.sweep: r for r in responses}
    for label, curve in measurement.sweeps():
        if label not in known or curve.t is None:
            continue
        pulse, r = observables.find_pulses(curve.t, curve.v)[0], known[label]
        before = curve.t < pulse.onset - 0.05 * r.width
        base = float(np.median(curve.v[before | (curve.t > pulse.end + 0.05 * r.watched)]))
        pulses.append((pulse.onset - curve.t[0], pulse.amplitude, r.width, r.watched, base))
        if r.relaxed and r.relaxation > 0:
            at = pulse.end + np.asarray(SHARES) * r.relaxation
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


def curves(
    device: mj.AbstractDevice, features: Features, values: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times [s], currents as they are shown [A] of devices with these values, and which solves ended well."""
    stimulus, members = features.stimulus, len(next(iter(values.values())))
    grid = np.linspace(0.0, float(stimulus.duration), 1201)
    rows = np.unique(np.concatenate([grid, np.asarray(stimulus.breakpoints())]))
    conditions = mj.Conditions(values={n: np.asarray(x)[:, None] for n, x in values.items()})
    output = mj.Output(on_failure="ignore")
    options: dict[str, Any] = dict(output=output, conditions=conditions, deterministic=True)
    trace = mj.simulate(device, stimulus, save=rows, members=members, **options)
    good = np.asarray(trace.result)[:, 0] == int(mj.Result.successful)
    return rows, np.minimum(np.abs(np.asarray(trace.i)), features.clip), good


def times_of(
    device: mj.AbstractDevice, features: Features, values: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delays, relaxations [s; infinite where there is none] and levels [A] of devices with these values."""
    t, i, good = curves(device, features, values)
    onset = float(features.stimulus.delay)
    end = onset + float(features.stimulus.width)
    i = np.where(np.isfinite(i), i, 0.0)
    delay = observables.delays(t, i, onset=onset, end=end, threshold=features.threshold)
    relax = observables.relaxations(t, i, end=end, threshold=features.off_threshold)
    delay = np.where(good, delay, np.inf)
    relax = np.where(np.isfinite(delay), relax, np.inf)
    at = end + np.asarray(SHARES)[None] * np.where(np.isfinite(relax), relax, 0.0)[:, None]
    return delay, relax, np.stack([np.interp(a, t, x) for a, x in zip(at, i, strict=True)])
