"""Randomness of delays and relaxations: ion noise and spread from curve to curve, by simulation."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.stats import wasserstein_distance

import memjax as mj
from memjax.core.params import replace as with_values, unconstrain
from memjax.errors import DataError
from memjax.observables import delays, pulse_responses, relaxations

from ..parameters import slopes
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


def rows_of(features: Features) -> Float[np.ndarray, " rows"]:
    """When simulated curves are read [s]: evenly, and so densely that the shorter median time holds ten rows."""
    duration, (times, _) = float(features.stimulus.duration), features.targets()
    count = np.clip(np.ceil(_ROWS * duration / np.exp(np.min(times[:2]))), *_POINTS)
    return np.linspace(0.0, duration, int(count) + 1)[1:]


def of_pulses(measurement: mj.Measurement, features: Features) -> Experiment:
    """Logarithms of delay and relaxation of curves under one pulse each, as `features` has pulse, thresholds, clip."""
    levels = (features.threshold, features.off_threshold)
    responses = pulse_responses(measurement, threshold=levels[0], off_threshold=levels[1])
    times = np.array([[r.delay, r.relaxation] for r in responses if r.pulse == 0])
    rows, train = rows_of(features), features.stimulus
    end = float(train.delay) + float(train.width)
    read = partial(_read, rows, float(train.delay), end, levels, features.clip, features.limits)
    values = np.log(_restricted(times, float(rows[1] - rows[0]), features.limits))
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


def _reached(features: Features, name: str, value: float, step: float | None) -> float:
    """A rate at the pulse, times a step; 0 where steps are adaptive."""
    if step is None:
        return 0.0
    drive = abs(float(features.stimulus.amplitude)) if name in ("mu", "theta") else 1.0
    return value * drive * step


def _started(fit: TransientFit, fixed: Collection[str]) -> mj.AbstractDevice:
    """Where the search begins: rates from the median delay and relaxation, and from what the pulse and clip show."""
    device, features = fit.device, fit.features
    delay, relaxation = np.exp(features.targets()[0][:2])
    strengths = {n: strength_of(device, n) for n in fixed}
    values = {"gamma1": _OPENING / relaxation, "beta": _TURNING / relaxation}
    device = begin(with_values(device, values | strengths), features)
    # Noise that adds up to the channel's own length within a delay.
    noise = {n: delay**-0.5 for n in noise_of(device) if n == "sigma_ion"}
    return with_values(device, noise | strengths)


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
    device, features = _started(fit, fixed), fit.features
    experiment = of_pulses(measurement, features)
    step = experiment.gap / _SUBSTEPS
    known = {n: _prior(features, n, strength_of(device, n), step) for n in RATES if n not in fixed}
    known |= {n: _KNOWN for n in ("alpha", "r0") if n not in fixed and strength_of(device, n)}
    wandering = [n for n in ("r0", "mu") if n in known]
    if not wandering or "gamma3" not in known:
        what = "nothing that may differ from curve to curve"
        raise DataError(what, where="--fix", allowed="gamma3, and mu or r0 other than 0, free")
    quiet = np.abs(measurement.i[np.abs(measurement.i) < 0.01 * features.threshold])
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


def _prior(features: Features, name: str, value: float, step: float) -> float:
    """Standard deviation of the logarithm of a rate."""
    # As a log-normal prior that has a rate of one per step at three standard deviations.
    reach = -np.log(max(_reached(features, name, value, step), 1e-300))
    return float(np.clip(reach / _SIGMAS, _NARROW, _KNOWN))


def _with(fit: TransientFit, random: Stochastic, experiment: Experiment) -> TransientFit:
    """A fit with what a search found."""
    features, limits = fit.features, fit.features.limits
    step = float(np.diff(experiment.rows[0][:2])[0])
    sample = np.exp(experiment.readings[0].sample.values)
    simulated = np.exp(random.simulated[0])
    comparison = compare_times(
        sample, simulated, limits, step=step, tolerance=2 * _FINE, seed=fit.seed
    )
    names = tuple(n for n in random.values if n in random.std and not n.startswith("sigma_ln("))
    z = np.asarray(unconstrain(random.device, names))
    sigma = np.array([random.std[n] for n in names]) / slopes(random.device, names, z)
    rates = [n for n in RATES if n in names]
    switched = simulated[:, 0] < (1 - 2 * _FINE) * limits[0]
    relaxation = np.where(switched, simulated[:, 1], np.nan)
    drawn, w1 = {"delay": simulated[:, 0], "relaxation": relaxation}, {}
    for name, x in features.restricted().items():
        value = wasserstein_distance(*(y[~np.isnan(y)] for y in (x, drawn[name])))
        ended = {n: comparison["times"][name][n]["ended"] for n in ("simulated", "measured")}
        w1[name] = {"value": float(value), "floor": fit.w1[name]["floor"]} | ended
    return replace(
        fit,
        device=random.device,
        problem=replace(fit.problem, device=random.device, free=names, center=jnp.asarray(z)),
        z=z,
        covariance=np.diag(sigma**2),
        cycle_spread=random.cycle_spread,
        stochastic=random,
        comparison=comparison,
        unresolved=tuple(
            n for n in rates if _reached(features, n, random.values[n], random.step) > 1.0
        ),
        loss=random.loss,
        simulated=drawn,
        w1=w1,
    )
