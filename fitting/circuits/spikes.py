"""Kinetics and noise of a circuit out of spike trains, and how far its fresh trains are from the measured ones."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2, wasserstein_distance

import memjax as mj
from memjax.core.html import or_text
from memjax.core.params import to_dict
from memjax.errors import DataError
from memjax.observables import detect_all, in_window, isi_statistics
from memjax.plot import style
from memjax.solver import SemiImplicitEuler

from ..fit_json import finite
from ..has_folder import HasFolder
from ..optimize.levenberg_marquardt import Progress
from ..problem import moved_inside
from ..solve import AbstractFitProblem, Tick
from ..stochastic.two_sample import energy_test
from ..verdict import Verdict
from .fit import MomentProblem, SpikeFit
from .moments import signal_of, simulate_signal
from .problem import begun_circuit
from .report import Trains, spike_figure
from .verdict import judge_trains

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

_HALVES = 200

METHOD = "method of simulated moments; derivatives by central differences with the same random numbers on both sides"


@dataclass(frozen=True, kw_only=True, repr=False)
class SpikeCalibration(HasFolder):
    """A circuit calibrated to spike trains, and its fresh trains beside the measured ones.

    Parameters
    ----------
    fit : SpikeFit
        Parameters and summaries.
    trains, simulated : tuple of Float[np.ndarray, "spikes"]
        Spike times [s]: measured, and fresh ones in adaptive steps.
    dt, save : float
        Step, and time between the rows in which spikes were sought [s], of the fit.
    members, seed : int
        Trains of each parameter set; of their noise. Fresh trains have the next seed.
    steps : tuple of dict
        `dt_s` and `p`, of the energy test between trains in fixed and in adaptive steps, of each step that was tried.
    comparison : dict
        See `compare_trains`.
    warnings : tuple of str
        What should be known before the fit is used, in words.
    window : tuple of float
        Time that counts [s].
    signal : str or None
        State of the circuit that spikes.
    level, rearm : float or None
        What a spike rises above, and below which it was before [unit of the signal].
    moved : tuple of str
        Free parameters whose start was moved inside narrower bounds.
    model : str
        The name by which `memjax.model` makes the circuit; "circuit" for one of one's own.
    notes, summary, interrupted, failure, sample
        See `fitting.result.AbstractFit`.
    """

    fit: SpikeFit
    trains: tuple[Float[np.ndarray, " _"], ...]
    simulated: tuple[Float[np.ndarray, " _"], ...]
    dt: float
    save: float
    members: int
    seed: int
    steps: tuple[dict, ...]
    comparison: dict
    warnings: tuple[str, ...] = ()
    window: tuple[float, float]
    signal: str | None = None
    level: float | None = None
    rearm: float | None = None
    moved: tuple[str, ...] = ()
    model: str = "circuit"
    notes: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    interrupted: bool = False
    failure: str = ""
    sample: None = None
    kind: ClassVar[str] = "spike times"

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What the fresh trains are worth as a description of the measured ones, and why."""
        return judge_trains(self.fit.summaries, self.trains, self.simulated, self.window)

    def __repr__(self) -> str:
        """The verdict's word, numbers of trains, and what `SpikeFit` says."""
        sides = f"{len(self.trains)} measured and {len(self.simulated)} simulated trains"
        return f"SpikeCalibration({self.verdict.word}, {sides})\n{self.fit}"

    def _repr_html_(self) -> str | None:
        """The picture of `plot`, parameters with units, what is to be known of them."""
        return or_text(lambda: self.fit.html(self.plot, *self.warnings, *self.notes))

    def plot(self) -> Any:
        """Draw the picture of the report: measured and simulated spikes, their intervals and latencies.

        Returns
        -------
        matplotlib.figure.Figure
            Notebooks show it; `savefig` writes it.

        Raises
        ------
        MemjaxError
            If matplotlib is not installed.
        """
        with style():
            return spike_figure(self.trains, self.simulated, self.window, self.comparison)

    @property
    def probability(self) -> float | None:
        """Of a chi squared at least as large, where the model is right; None without a degree of freedom."""
        free = self.fit.freedom
        return float(chi2.sf(self.fit.chi2, free)) if free > 0 else None


@dataclass(frozen=True)
class SpikeProblem(AbstractFitProblem):
    """Spike trains of a circuit, from which kinetics and noise are calibrated, with steps as good as adaptive ones.

    Parameters
    ----------
    data : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Measured spikes [s] of repeats of the stimulus, or of equal devices; the stimulus begins at 0.
    device, fix, start
        See `AbstractFitProblem`.
    free : sequence of str
        Free parameters, as ``element.parameter``; those of the noise may be free too.
    stimulus : AbstractStimulus
        What drives the circuit, from the state at rest.
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

    Raises
    ------
    DataError, FitError
        When it is solved: as `MomentProblem`.
    """

    data: Trains
    _: dataclasses.KW_ONLY
    stimulus: mj.AbstractStimulus
    signal: str
    level: float
    rearm: float | None = None
    members: int | None = None
    dt: float | None = None
    env: mj.Environment | None = None

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> SpikeCalibration:
        """See `fitting.solve`; the seed is that of the noise of the simulated trains."""
        return solve_spikes(self, seed=seed, progress=progress)


def solve_spikes(
    task: SpikeProblem, *, seed: int = 0, progress: Callable[[str, Progress], None] | None = None
) -> SpikeCalibration:
    """The fit of kinetics and noise to spike trains, with steps as good as adaptive ones, see `SpikeProblem`."""
    stimulus, trains, free = task.stimulus, task.data, task.free or ()
    circuit = begun_circuit(task)
    window = (0.0, float(stimulus.duration))
    trains_inside = tuple(x[in_window(x, *window)] for x in (np.asarray(t, float) for t in trains))
    short, moved = _short(trains_inside), moved_inside(circuit, to_dict(circuit), free)
    members = task.members or max(MEMBERS, _MORE * len(trains_inside))
    dt, steps = task.dt or short / _STEPS, []
    shown = Progress(np.zeros((1, len(free))), np.full(1, np.inf))
    say = progress or (lambda *_: None)
    signals: dict[str, Any] = {n: getattr(task, n) for n in ("signal", "level", "rearm")}
    options: dict[str, Any] = {**signals, "env": task.env}
    while True:
        policy = mj.Fixed(dt, method=SemiImplicitEuler())
        options["save"] = save = dt * max(1, int(short / _ROWS / dt))
        stage = f"simulated moments, steps of {dt:.2g} s"
        say(stage, shown)
        search: dict[str, Any] = dict(free=free, members=members, policy=policy)
        search |= {"starts": 1 if steps else _STARTS, "stimulus": stimulus}
        tick = None if progress is None else partial(_in_stage, progress, stage)
        fit = MomentProblem(trains_inside, circuit, **search, **options).solve(
            seed=seed, progress=tick
        )
        circuit, many = fit.estimate.circuit, max(_FRESH, 2 * len(trains_inside))
        say("fresh trains in fixed and adaptive steps", shown)
        fresh, fixed = (
            fresh_trains(circuit, stimulus, members=many, policy=p, seed=seed + k, **options)
            for k, p in ((1, mj.Auto()), (2, policy))
        )
        p_value = energy_test(*_scaled(fixed, fresh, window), seed=seed)
        steps.append({"dt_s": dt, "p": p_value})
        if p_value >= _TOLD or len(steps) > _TRIES:
            break
        dt /= 2
    calibration = SpikeCalibration(
        fit=fit,
        trains=trains_inside,
        simulated=tuple(fresh),
        dt=dt,
        save=save,
        members=members,
        seed=seed,
        steps=tuple(steps),
        comparison=compare_trains(trains_inside, fresh, window=window, seed=seed),
        window=window,
    )
    lost = sum(map(len, trains)) - sum(map(len, trains_inside))
    return replace(calibration, **signals, moved=moved, warnings=_warnings(calibration, lost))


def _in_stage(progress: Callable, stage: str, _: str, search: Progress) -> None:
    """Tell of a search under the name of the stage that it is part of."""
    progress(stage, search)


def _warnings(calibration: SpikeCalibration, lost: int) -> tuple[str, ...]:
    """What should be known before the fit is used."""
    p, test, last = (
        calibration.probability,
        calibration.comparison["energy_p"],
        calibration.steps[-1],
    )
    fit = calibration.fit
    texts = {
        f"{lost} spikes lie outside the stimulus and do not count": lost > 0,
        f"the summaries do not agree (chi squared {fit.chi2:.3g} of {fit.freedom}, p = {p or 0:.2g}): "
        "this circuit does not do what the trains do": p is not None and p < _TOLD,
        "the search had not ended": not fit.converged,
        f"steps of {last['dt_s']:.2g} s are told from adaptive ones (p = {last['p']:.2g}): say a smaller --dt":
            last["p"] < _TOLD,
        f"fresh trains are told from the measured ones (energy test, p = {test or 0:.2g})":
            test is not None and test < _TOLD,
    }  # fmt: skip
    return tuple(text for text, wrong in texts.items() if wrong)


def _short(trains: Trains) -> float:
    """A short interval or latency [s]."""
    intervals = np.concatenate([np.diff(t) for t in trains])
    times = [intervals, np.array([t[0] for t in trains if t.size])]
    short = [float(np.quantile(x[x > 0], _SHORT)) for x in times if np.any(x > 0)]
    if not short:
        raise DataError(
            "no spikes within the stimulus", where="trains", allowed="one spike at least",
            fix="let time begin with the stimulus",
        )  # fmt: skip
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


def _features(trains: Trains, window: tuple[float, float]) -> Float[np.ndarray, "trains 4"]:
    """Logarithms of count, interval (mean, spread) and latency of each train; the window where there is none."""
    length, rows = window[1] - window[0], []
    for t in trains:
        log = np.log(np.diff(t))
        first = np.log(t[0] - window[0] if t.size and t[0] > window[0] else length)
        mean, sd = (log.mean(), log.std()) if log.size else (np.log(length), 0.0)
        rows.append([np.log(t.size + 0.5), mean, sd, first])
    return np.array(rows)


def _scaled(x: Trains, y: Trains, window: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Features of both, in units of the second one's spread."""
    a, b = _features(x, window), _features(y, window)
    scale = np.maximum(b.std(axis=0), 1e-6)
    return a / scale, b / scale


def compare_trains(
    measured: Trains, simulated: Trains, *, window: tuple[float, float], seed: int
) -> dict:
    """Rates, intervals and latencies of measured and simulated spike times [s], watched from one time to another [s].

    `rate` [1/s], `isi` [s], `latency` [s]: each with `measured` and `simulated` (`n`, `mean`, `cv`), the first
    Wasserstein distance `w1` and its `floor` (mean over random halves of the measured trains; None of fewer than four);
    `isi` with standard errors by the jackknife over trains and `z` of mean and CV; `energy_p` of count, intervals and
    latency of each train together (None of fewer than four).
    """
    rng, enough = np.random.default_rng(seed), len(measured) >= 4
    length, out = window[1] - window[0], {}
    kinds: dict[str, Callable[[Trains], np.ndarray]] = {
        "rate": lambda trains: np.array([len(t) / length for t in trains]),
        "isi": lambda trains: np.concatenate([np.zeros(0), *map(np.diff, trains)]),
        "latency": lambda trains: np.array([t[0] - window[0] for t in trains if len(t)]),
    }
    both = {"measured": measured, "simulated": simulated}
    for name, values in kinds.items():
        sides = {word: values(trains) for word, trains in both.items()}
        whole = all(x.size for x in sides.values())
        out[name] = {word: _moments(x) for word, x in sides.items()}
        out[name]["w1"] = float(wasserstein_distance(*sides.values())) if whole else None
        out[name]["floor"] = _floor(measured, values, rng) if enough else None
    isi = out["isi"]
    for word, trains in both.items():
        s = isi_statistics(trains, start=window[0], stop=window[1], convention="inside")
        isi[word] |= {"mean_se": finite(s.mean_se), "cv_se": finite(s.cv_se)}
    isi["z"] = {n: _z(isi["measured"], isi["simulated"], n) for n in ("mean", "cv")}
    scaled = _scaled(measured, simulated, window)
    return out | {"energy_p": energy_test(*scaled, seed=seed) if enough else None}


def _moments(x: np.ndarray) -> dict:
    """Size, mean and coefficient of variation."""
    mean = float(np.mean(x)) if x.size else None
    return {"n": int(x.size), "mean": mean, "cv": float(np.std(x) / mean) if mean else None}


def _z(m: dict, s: dict, name: str) -> float | None:
    """Simulated less measured in standard errors of both."""
    errors = [e[f"{name}_se"] for e in (m, s)]
    if None in errors or m[name] is None or s[name] is None or not np.hypot(*errors) > 0:
        return None
    return float((s[name] - m[name]) / np.hypot(*errors))


def _floor(trains: Trains, values, rng: np.random.Generator) -> float | None:
    """Mean first Wasserstein distance of random halves of the trains."""
    half, distances = len(trains) // 2, []
    for _ in range(_HALVES):
        order = rng.permutation(len(trains))
        a, b = (values([trains[k] for k in part]) for part in (order[:half], order[half:]))
        if a.size and b.size:
            distances.append(wasserstein_distance(a, b))
    return float(np.mean(distances)) if distances else None
