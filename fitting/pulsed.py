"""Randomness of delays and relaxations: ion noise and spread from curve to curve, by simulation."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.observables import delays, pulse_responses, relaxations

from .ensemble import Experiment, Reading
from .samples import Sample
from .stochastic import Start, noise_of, search, strength_of
from .transients import Features, TransientFit

RATES = ("mu", "gamma1", "gamma2", "beta", "theta", "gamma3")
"""What moves delay and relaxation of a `DiffusiveMemristor`, beside `alpha` and `r0`."""

_KNOWN = 1.0
"""Standard deviation that a fit to medians leaves them [natural log units]."""

_POINTS, _SUBSTEPS = 1000, 4
"""Rows of the simulated curves, and steps between two of them, to begin with."""

_BEYOND = 1.2
"""What never happens counts as this many times what was watched."""


def of_pulses(
    measurement: mj.Measurement, seen: Features, *, off_threshold: float | None = None
) -> Experiment:
    """Logarithms of delay and relaxation of curves under one pulse each.

    Parameters
    ----------
    measurement : Measurement
        One sweep per curve, with time.
    seen : Features
        Pulse, threshold and clip of the same curves.
    off_threshold : float, optional
        Current below which the device has relaxed [A]; the threshold of `seen` by default.
    """
    off = seen.threshold if off_threshold is None else off_threshold
    found = [
        r
        for r in pulse_responses(measurement, threshold=seen.threshold, off_threshold=off)
        if r.pulse == 0
    ]
    train = seen.stimulus
    end = float(train.delay) + float(train.width)
    rows = np.linspace(0.0, float(train.duration), _POINTS + 1)[1:]
    ends = np.array([float(train.width), rows[-1] - end])
    read = partial(_read, rows, float(train.delay), end, (seen.threshold, off), seen.clip, ends)
    times = np.array([[r.delay, r.relaxation] for r in found])
    step = float(np.median(np.diff(rows)))
    sample = Sample(
        label="pulse",
        names=("ln(delay)", "ln(relaxation)"),
        unit="ln s",
        values=_logs(times, step, ends),
        step=0.05,
    )
    reading = Reading(wave=0, sample=sample, read=read)
    return Experiment(stimuli=(train,), rows=(rows,), readings=(reading,))


def _logs(times: np.ndarray, step: float, ends: np.ndarray) -> np.ndarray:
    """Logarithms of times [s]: a row's distance at least; what never ended as longer than was watched."""
    return np.log(np.clip(np.nan_to_num(times, nan=np.inf), step, _BEYOND * ends))


def _read(rows, onset, end, thresholds, clip, ends, i) -> Float[np.ndarray, "... 2"]:
    """Logarithms of delay and relaxation of simulated currents."""
    size = np.minimum(np.abs(np.nan_to_num(i)), clip)
    on = delays(rows, size, onset=onset, end=end, threshold=thresholds[0])
    off = relaxations(rows, size, end=end, threshold=thresholds[1])
    times = np.stack([on, np.where(np.isfinite(on), off, np.inf)], axis=-1)
    return _logs(times, float(rows[1] - rows[0]), ends)


def randomised(
    fit: TransientFit,
    measurement: mj.Measurement,
    *,
    off_threshold: float | None = None,
    tick: Callable[[str, Any], None] | None = None,
) -> TransientFit:
    """Calibrate ion noise, spread and kinetics to the joint distribution of delay and relaxation.

    Parameters
    ----------
    fit : TransientFit
        A fit to the medians, where the search starts.
    measurement : Measurement
        The curves.
    off_threshold : float, optional
        Current below which the device has relaxed [A].
    tick : callable, optional
        Called with the name of the round and a `Progress`.

    Returns
    -------
    TransientFit
        With `device`, `cycle_spread` and `stochastic` replaced, see `fitting.stochastic.search`.
    """
    floor = float(
        np.median(np.abs(measurement.i[np.abs(measurement.i) < 0.01 * fit.seen.threshold]))
    )
    start = Start(
        device=fit.device,
        experiment=of_pulses(measurement, fit.seen, off_threshold=off_threshold),
        known=dict.fromkeys(
            (*RATES, "alpha", *(["r0"] if strength_of(fit.device, "r0") else [])), _KNOWN
        ),
        noise=noise_of(fit.device),
        bench=mj.Bench(),
        env=None,
        read_noise={"relative": 0.0, "floor_A": floor if np.isfinite(floor) else 0.0},
        seed=fit.seed,
        substeps=_SUBSTEPS,
    )
    found = search(start, tick=tick)
    return replace(fit, device=found.device, cycle_spread=found.cycle_spread, stochastic=found)
