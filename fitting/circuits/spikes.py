"""Kinetics and noise of a circuit out of spike trains, and how far its fresh trains are from the measured ones."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.data import read_spike_trains
from memjax.errors import DataError
from memjax.io.request import file_of
from memjax.io.stimulus import stimulus_of
from memjax.observables import detect_all, in_window
from memjax.solver import SemiImplicitEuler

from ..kinds import paths_in
from ..optimize.levenberg_marquardt import Progress
from ..solve import AbstractFitProblem, Tick
from ..stochastic.two_sample import energy_test
from .fit import MomentProblem, SpikeFit
from .moments import signal_of, simulate_signal
from .problem import begun_circuit
from .report import Trains
from .trains import FreshTrains, compare_trains, scaled_features

MEMBERS = 96
"""Fewest simulated trains of each parameter set."""

_MORE = 3  # simulated trains for each measured one, where these are many
# Steps, and rows in which spikes are sought, of a short interval or latency, to begin with.
_STEPS, _ROWS = 1000, 50
_STARTS = 12  # starts that are screened
_SHORT = 0.05  # quantile that is a short one
# Probability below which fixed steps are told from adaptive ones, and how often steps are halved then.
_TOLD, _TRIES = 0.01, 3
_FRESH = 64  # fewest fresh trains that are compared with the measured ones


@dataclass(frozen=True)
class SpikeProblem(AbstractFitProblem):
    """Spike trains of a circuit, from which kinetics and noise are calibrated, with steps as good as adaptive ones.

    Parameters
    ----------
    data : sequence of SpikeTrain or Float[np.ndarray, "spikes"], str or Path, or sequence of these
        Measured spikes [s] of repeats of the stimulus, or of equal devices; the stimulus begins at 0. Or the files
        that hold them, see `memjax.data.read_spike_trains`.
    device, fix, start
        See `AbstractFitProblem`.
    free : sequence of str
        Free parameters, as ``element.parameter``; those of the noise may be free too.
    stimulus : AbstractStimulus, str or Path
        What drives the circuit, from the state at rest; or its file, see `memjax.io.stimulus.load_stimulus`.
    signal : str
        State in which spikes are found, as ``node.v``; "v" or "i" at the first driven source.
    level, rearm : float
        As `memjax.observables.detect` has them.
    members : int, optional
        Simulated trains of each parameter set; by default three for each measured one, 96 at least.
    dt : float, optional
        Step to begin with [s]; by default a thousandth of a short interval or latency. While fresh trains in
        fixed and in adaptive steps differ (energy test, p < 0.01) it is halved, up to three times.
    env : Environment, optional
        Temperature.
    columns : mapping of str to str, optional
        Names of columns of files by their roles, see `memjax.data.read_spike_trains`.

    Raises
    ------
    DataError, FitError
        When it is solved: as `MomentProblem`.
    """

    data: Trains | str | Path | Sequence[str | Path]
    _: dataclasses.KW_ONLY
    stimulus: mj.AbstractStimulus | str | Path
    signal: str
    level: float
    rearm: float | None = None
    members: int | None = None
    dt: float | None = None
    env: mj.Environment | None = None
    columns: Mapping[str, str] | None = None

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> SpikeFit:
        """See `fitting.solve`; the seed is that of the noise of the simulated trains."""
        circuit, free = begun_circuit(self), self.free or ()
        stimulus, trains = stimulus_of(self.stimulus, circuit), _trains_of(self)
        window = (0.0, float(stimulus.duration))
        trains_inside = tuple(
            x[in_window(x, *window)] for x in (np.asarray(t, float) for t in trains)
        )
        short = _short(trains_inside)
        members = self.members or max(MEMBERS, _MORE * len(trains_inside))
        dt, steps = self.dt or short / _STEPS, []
        shown = Progress(np.zeros((1, len(free))), np.full(1, np.inf))
        say = progress or (lambda *_: None)
        signals: dict[str, Any] = {n: getattr(self, n) for n in ("signal", "level", "rearm")}
        options: dict[str, Any] = {**signals, "env": self.env}
        while True:
            policy = mj.Fixed(dt, method=SemiImplicitEuler())
            options["save"] = dt * max(1, int(short / _ROWS / dt))
            stage = f"simulated moments, steps of {dt:.2g} s"
            say(stage, shown)
            search: dict[str, Any] = dict(free=free, members=members, policy=policy)
            search |= {"starts": 1 if steps else _STARTS, "stimulus": stimulus}
            # The search tells of itself under the name of the stage that it is part of.
            tick = lambda _, search, stage=stage: say(stage, search)  # noqa: E731
            problem = MomentProblem(trains_inside, circuit, **search, **options)
            fit = problem.solve(seed=seed, progress=tick)
            circuit, many = fit.device, max(_FRESH, 2 * len(trains_inside))
            say("fresh trains in fixed and adaptive steps", shown)
            fresh, fixed = (
                fresh_trains(circuit, stimulus, members=many, policy=p, seed=seed + k, **options)
                for k, p in ((1, mj.Auto()), (2, policy))
            )
            p_value = energy_test(*scaled_features(fixed, fresh, window), seed=seed)
            steps.append({"dt_s": dt, "p": p_value})
            if p_value >= _TOLD or len(steps) > _TRIES:
                break
            dt /= 2
        trains_beside = FreshTrains(
            measured=trains_inside,
            simulated=tuple(fresh),
            comparison=compare_trains(trains_inside, fresh, window=window, seed=seed),
            steps=tuple(steps),
        )
        fit = replace(fit, fresh=trains_beside)
        lost = sum(map(len, trains)) - sum(map(len, trains_inside))
        return replace(fit, warnings=_warnings(fit, lost))


def _trains_of(problem: SpikeProblem) -> Sequence[Any]:
    """The trains of a problem, out of their files where it names these."""
    names = paths_in(problem.data)
    said = ("signal", "level", "rearm", "columns")
    signals: dict[str, Any] = {n: getattr(problem, n) for n in said}
    read = [x for n in names for x in read_spike_trains(file_of(str(n)), **signals).values()]
    return read if names else cast(Sequence[Any], problem.data)


def _warnings(fit: SpikeFit, lost: int) -> tuple[str, ...]:
    """What should be known before the fit is used."""
    fresh: Any = fit.fresh
    p, test, last = fit.probability, fresh.comparison["energy_p"], fresh.steps[-1]
    texts = {
        f"{lost} spikes lie outside the stimulus and do not count": lost > 0,
        f"the summaries do not agree (chi squared {fit.chi2:.3g} of {fit.chi2_freedom}, p = {p or 0:.2g}): "
        "this circuit does not do what the trains do": p is not None and p < _TOLD,
        "the search had not ended": not fit.converged,
        f"steps of {last['dt_s']:.2g} s are told from adaptive ones (p = {last['p']:.2g}): say a smaller --dt":
            last["p"] < _TOLD,
        f"fresh trains are told from the measured ones (energy test, p = {test or 0:.2g})":
            test is not None and test < _TOLD,
    }  # fmt: skip
    return tuple(text for text, wrong in texts.items() if wrong)


def _short(trains: Trains) -> float:
    intervals = np.concatenate([np.diff(t) for t in trains])
    times = [intervals, np.array([t[0] for t in trains if t.size])]
    short = [float(np.quantile(x[x > 0], _SHORT)) for x in times if np.any(x > 0)]
    if not short:
        what, fix = "no spikes within the stimulus", "let time begin with the stimulus"
        raise DataError(what, where="trains", allowed="one spike at least", fix=fix)
    return min(short)


def fresh_trains(
    circuit: mj.Circuit, stimulus: mj.AbstractStimulus, *, level: float, rearm: float | None, members: int,
    signal: str, **options: Any,
) -> list[Float[np.ndarray, " _"]]:  # fmt: skip
    """Spike times [s] of simulated members; those whose solve failed are left out.

    `options` are those of `fitting.circuits.moments.simulate_signal`.

    Raises
    ------
    SolveError
        If all failed.
    """
    trace, _ = simulate_signal(circuit, stimulus, signal=signal, members=members, **options)
    trace = trace.check() if len(trace.failed) == members else trace.good()
    return detect_all(trace.t, signal_of(trace, signal), level=level, rearm=rearm)
