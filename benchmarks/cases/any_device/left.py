"""What a fitted device leaves of sweeps, its own or others: residuals, and the verdict that fits are given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

import fitting as ft
import memjax as mj
from benchmarks.cases.any_device.sets import NEAR_ZERO
from fitting.constants import FREE_BENCH
from fitting.sweeps.group import seeks_events
from fitting.sweeps.learned import SEQUENCE, is_in_sequence
from fitting.sweeps.prepare import Prepared, prepare
from fitting.sweeps.problem import Problem, responses
from fitting.sweeps.simulated import simulated_opposed
from fitting.sweeps.summary import Waveform
from fitting.sweeps.verdict import judge


@dataclass(frozen=True)
class Left:
    """What a fitted device leaves of sweeps.

    Parameters
    ----------
    residuals : Float[np.ndarray, "points"]
        Of all points that count [decades].
    clear : Bool[np.ndarray, "points"]
        Those of them that are not beside 0 V: by these the scatter between cycles is told as well.
    verdict, reason : str
        Whether it describes these sweeps, by the rules that judge a fit, and why.
    waves : list of Waveform
        These sweeps.
    simulated : Float[np.ndarray, "waves points"]
        log10 of the simulated responses [decades of A].
    """

    residuals: Float[np.ndarray, " points"]
    clear: Bool[np.ndarray, " points"]
    verdict: str
    reason: str
    waves: list[Waveform]
    simulated: Float[np.ndarray, "waves points"]

    @property
    def rms(self) -> float:
        """Root mean square of the residuals [decades]."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def clear_rms(self) -> float:
        """The same of points that are not beside 0 V."""
        return float(np.sqrt(np.mean(self.residuals[self.clear] ** 2)))


def left_of(
    fit: ft.FitResult,
    data: Sequence[mj.Measurement],
    point_time: float | None,
    among: Sequence[mj.Measurement] = (),
) -> Left:
    """What a fitted device leaves of sweeps, its own or others.

    `among` are all sweeps that were measured: of a device whose sweeps are fitted one after the other, those of `data`
    begin where the sweeps before them, which are simulated as well, have left it.
    """
    prepared, problem = _problem_of(fit, data, point_time)
    group, z, waves = problem.group, np.asarray(problem.center), prepared.waves
    if len(among) == 1 and is_in_sequence(fit.device) and len(among[0].labels) <= SEQUENCE:
        rows = np.isin(among[0].sweep, data[0].labels)
        whole, every = _problem_of(fit, among, point_time)
        # Of one cycle that is held out the others say how far it may lie from any.
        (wave,) = whole.waves
        cycles = None if wave.cycles is None else wave.cycles[rows]
        waves = [replace(w, cycles=cycles, closings=wave.closings) for w in waves]
        simulated, opposed = responses(every, z)[:, rows], simulated_opposed(every, z)
        opposed = None if opposed is None else opposed[:, rows]
    else:
        simulated, opposed = responses(problem, z), simulated_opposed(problem, z)
    counted, v = np.asarray(group.weight) > 0, np.abs(np.asarray(group.stimuli.values))
    # Residuals say when events happened; where none counts they cost a program that no one looks at.
    size = np.size(group.weight) + np.size(group.event_weight)
    events = problem.of_data(z) if seeks_events(group) else np.zeros(size)
    verdict = judge(waves, group, events, simulated, opposed)
    residuals = (simulated - np.asarray(group.target))[counted]
    clear = (v > NEAR_ZERO * v.max())[counted]
    return Left(residuals, clear, verdict.word, verdict.reason, waves, simulated)


def _problem_of(
    fit: ft.FitResult, data: Sequence[mj.Measurement], point_time: float | None
) -> tuple[Prepared, Problem]:
    """Other sweeps as a problem of the fitted device, with what its fit says of the bench."""
    common: dict[str, Any] = dict(env=None, free=None, fix=None, seed=0, screened=2)
    prepared = prepare(data, fit.device, bench=None, point_time=point_time, **common)
    first = prepared.problem
    # Which way round it stands is what its fit says, too: other sweeps may be read otherwise.
    names = ("reversed", *FREE_BENCH.values())
    bench = replace(first.bench, **{n: getattr(fit.bench, n) for n in names})
    return prepared, Problem.of(fit.device, first.free, first.group, bench=bench, env=first.env)
