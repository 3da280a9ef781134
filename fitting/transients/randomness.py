"""Randomness of delays and relaxations: ion noise and spread from curve to curve, by simulation."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import wasserstein_distance

import memjax as mj
from memjax.errors import DataError
from memjax.observables import delays, pulse_responses, relaxations
from memjax.params import replace as with_values, unconstrain

from ..result import slopes
from ..stochastic.result import Stochastic
from ..stochastic.two_sample import Sample
from ..sweeps.cycles import DRAWS, Cycles, noise_of, strength_of
from ..sweeps.ensemble import Experiment, Reading
from ..sweeps.randomness import search
from .comparison import compare_times
from .features import Features
from .fit import TransientFit, begin

RATES = ("mu", "gamma1", "gamma2", "beta", "theta", "gamma3")
"""What moves delay and relaxation of a `DiffusiveMemristor`, beside `alpha` and `r0`."""

EVENTS = ("ln(delay)", "ln(relaxation)")
"""What is read off each curve."""

_KNOWN = 1.0  # widest standard deviation of the prior of what the start sets [natural log units]
# Narrowest one; how many of them lie between the start and a rate as fast as one step.
_NARROW, _SIGMAS = 0.1, 3.0
_OPENING, _TURNING = 3.0, 0.3  # `gamma1` and `beta` at the start, times the median relaxation
# Fewest and most rows of the simulated curves, and steps between two of them, to begin with.
_POINTS, _SUBSTEPS = (1000, 4000), 4
_ROWS = 10  # rows within the shorter of the two median times, where that many do
_FINE = 0.01  # differences of a logarithm of time that are nothing


def rows_of(seen: Features) -> Float[np.ndarray, " rows"]:
    """When simulated curves are read [s]: evenly, and so densely that the shorter median time holds ten rows."""
    duration, (times, _) = float(seen.stimulus.duration), seen.targets()
    count = np.clip(np.ceil(_ROWS * duration / np.exp(np.min(times[:2]))), *_POINTS)
    return np.linspace(0.0, duration, int(count) + 1)[1:]


def of_pulses(measurement: mj.Measurement, seen: Features) -> Experiment:
    """Logarithms of delay and relaxation of curves under one pulse each, as `seen` has pulse, thresholds, clip."""
    levels = (seen.threshold, seen.off_threshold)
    found = pulse_responses(measurement, threshold=levels[0], off_threshold=levels[1])
    times = np.array([[r.delay, r.relaxation] for r in found if r.pulse == 0])
    rows, train = rows_of(seen), seen.stimulus
    end = float(train.delay) + float(train.width)
    read = partial(_read, rows, float(train.delay), end, levels, seen.clip, seen.limits)
    values = np.log(_restricted(times, float(rows[1] - rows[0]), seen.limits))
    sample = Sample(label="pulse", names=EVENTS, unit="ln s", values=values, step=_FINE)
    reading = Reading(wave=0, sample=sample, read=lambda i: np.log(read(i)))
    return Experiment(stimuli=(train,), rows=(rows,), readings=(reading,))


def _restricted(times: np.ndarray, step: float, limits: np.ndarray) -> np.ndarray:
    """Times [s] restricted to a row's distance at least and to what was watched at most.

    A curve that never switched has nothing to relax.
    """
    return np.clip(np.nan_to_num(times, nan=0.0), step, limits)


def _read(rows, onset, end, thresholds, clip, limits, i) -> Float[np.ndarray, "... 2"]:
    """Delay and relaxation of simulated currents [s]."""
    size = np.minimum(np.abs(np.nan_to_num(i)), clip)
    on = delays(rows, size, onset=onset, end=end, threshold=thresholds[0])
    off = relaxations(rows, size, end=end, threshold=thresholds[1])
    times = np.stack([on, np.where(np.isfinite(on), off, np.nan)], axis=-1)
    return _restricted(times, float(rows[1] - rows[0]), limits)


def _reached(seen: Features, name: str, value: float, step: float) -> float:
    """A rate at the pulse, times a step."""
    drive = abs(float(seen.stimulus.amplitude)) if name in ("mu", "theta") else 1.0
    return value * drive * step


def _started(fit: TransientFit, fixed: Collection[str]) -> mj.AbstractDevice:
    """Where the search begins: rates from the median delay and relaxation, and from what the pulse and clip show."""
    device, seen = fit.device, fit.seen
    delay, relaxation = np.exp(seen.targets()[0][:2])
    own = {n: strength_of(device, n) for n in fixed}
    values = {"gamma1": _OPENING / relaxation, "beta": _TURNING / relaxation}
    device = begin(with_values(device, values | own), seen)
    # Noise that adds up to the channel's own length within a delay.
    noise = {n: delay**-0.5 for n in noise_of(device) if n == "sigma_ion"}
    return with_values(device, noise | own)


def randomised(
    fit: TransientFit,
    measurement: mj.Measurement,
    *,
    fixed: Collection[str] = (),
    draws: int | None = None,
    tick: Callable[[str, Any], None] | None = None,
) -> TransientFit:
    """Calibrate ion noise, spread and kinetics to the joint distribution of delay and relaxation.

    Parameters
    ----------
    fit : TransientFit
        A fit to the medians.
    measurement : Measurement
        The curves.
    fixed : collection of str
        Parameters that keep the values of `fit`.
    draws : int, optional
        See `fitting.sweeps.randomness.calibrate`.
    tick : callable, optional
        Called with the name of the round and a `Progress`.

    Returns
    -------
    TransientFit
        With `device`, `cycle_spread`, `stochastic`, `comparison` and all that is simulated replaced.

    Notes
    -----
    The start is a closed form of the medians (`begin`), not `fit`: currents at shares of the relaxation, which
    `fit` meets as well, may pull it to where the on-threshold is not passed but by growth of the area. From curve to
    curve differ `gamma3` and the residue that a curve begins with, `r0`, as published; `mu` where there is
    none. A rate as fast as a step lies three standard deviations of its prior away, since the curves cannot tell
    it from a faster one.
    """
    device, seen = _started(fit, fixed), fit.seen
    experiment = of_pulses(measurement, seen)
    step = experiment.gap / _SUBSTEPS
    known = {n: _prior(seen, n, strength_of(device, n), step) for n in RATES if n not in fixed}
    known |= {n: _KNOWN for n in ("alpha", "r0") if n not in fixed and strength_of(device, n)}
    wandering = [n for n in ("r0", "mu") if n in known]
    if not wandering or "gamma3" not in known:
        raise DataError(
            "nothing that may differ from curve to curve", where="--fix",
            allowed="gamma3, and mu or r0 other than 0, free",
        )  # fmt: skip
    quiet = np.abs(measurement.i[np.abs(measurement.i) < 0.01 * seen.threshold])
    cycles = Cycles(
        device=device,
        experiment=experiment,
        known=known,
        noise=tuple(n for n in noise_of(device) if n not in fixed),
        bench=mj.Bench(),
        env=None,
        read_noise={"relative": 0.0, "floor_A": float(np.median(quiet)) if len(quiet) else 0.0},
        seed=fit.seed,
        substeps=_SUBSTEPS,
        draws=draws or DRAWS,
        spreads={wandering[0]: f"{EVENTS[0]}, pulse", "gamma3": f"{EVENTS[1]}, pulse"},
    )
    return _with(fit, search(cycles, tick=tick), experiment)


def _prior(seen: Features, name: str, value: float, step: float) -> float:
    """Standard deviation of the logarithm of a rate."""
    reach = -np.log(max(_reached(seen, name, value, step), 1e-300))
    return float(np.clip(reach / _SIGMAS, _NARROW, _KNOWN))


def _with(fit: TransientFit, found: Stochastic, experiment: Experiment) -> TransientFit:
    """A fit with what a search found."""
    seen, limits = fit.seen, fit.seen.limits
    step = float(np.diff(experiment.rows[0][:2])[0])
    measured, simulated = (
        np.exp(x) for x in (experiment.readings[0].sample.values, found.simulated[0])
    )
    comparison = compare_times(
        measured, simulated, limits, step=step, tolerance=2 * _FINE, seed=fit.seed
    )
    names = tuple(n for n in found.values if n in found.std and not n.startswith("sigma_ln("))
    z = np.asarray(unconstrain(found.device, names))
    sigma = np.array([found.std[n] for n in names]) / slopes(found.device, names, z)
    fast = tuple(
        n
        for n in RATES
        if n in names and _reached(seen, n, found.values[n], found.step) > 1.0
    )  # fmt: skip
    switched = simulated[:, 0] < (1 - 2 * _FINE) * limits[0]
    drawn = {
        "delay": simulated[:, 0],
        "relaxation": np.where(switched, simulated[:, 1], np.nan),
    }
    pairs = {n: (x[~np.isnan(x)] for x in (seen.restricted()[n], drawn[n])) for n in drawn}
    w1 = {
        n: {
            "value": float(wasserstein_distance(*pair)),
            "floor": fit.w1[n]["floor"],
            "simulated": comparison["times"][n]["simulated"]["ended"],
            "measured": comparison["times"][n]["measured"]["ended"],
        }
        for n, pair in pairs.items()
    }
    return replace(
        fit,
        device=found.device,
        free=names,
        z=z,
        covariance=np.diag(sigma**2),
        cycle_spread=found.cycle_spread,
        stochastic=found,
        comparison=comparison,
        unresolved=fast,
        loss=found.loss,
        simulated=drawn,
        w1=w1,
    )
