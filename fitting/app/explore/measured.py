"""Sweeps of a file or of a fit, beside what a model does under the same waveforms."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

import memjax as mj
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import replace as with_values
from memjax.errors import DataError
from memjax.io.fit import load_fit
from memjax.io.request import file_of, measurements_from
from memjax.noise import cycle_factors
from memjax.observables import switching
from memjax.simulate import is_noisy, simulate

from ...command import start_of
from ...config import Request
from ...fit_json import digest, load
from ...kinds import kind_of, of_data
from ...sweeps.kind import sweep_options
from ...sweeps.limits import by_wave
from ...sweeps.prepare import Prepared, prepare
from ...sweeps.summary import Waveform, middle
from ...sweeps.thinning import thin
from ..config import parse_fit
from .curves import curve, event_voltages, events, numbers, solve
from .fit_words import choice_words, option_words
from .functions import coverage, fitted_functions, functions_at
from .parameters import device_at, page_of

BUDGET = 0.05
"""Time [s] that the curves of one change may take: above it the waveforms are coarsened."""

COARSE = (200, 80)
"""Points of a sweep to which a page coarsens waveforms that take longer, in turn."""

CYCLES = 100
"""Simulated cycles of each waveform."""

_WAVES, _DRAWN, _POINTS = 6, 12, 6000
"""Waveforms that are simulated; measured cycles that are drawn, and points of them, at the most."""


@dataclass(kw_only=True)
class Measured:
    """What a page needs of measured sweeps.

    Parameters
    ----------
    options : Request
        Of a ``memjax fit`` that reads the files.
    title : str
        Name of what is explored.
    device : AbstractDevice or Circuit
        Where sliders begin.
    guess : AbstractDevice or Circuit
        What the sweeps show.
    prepared : Prepared
        The problem that the sweeps make.
    measurements : list of Measurement
        The sweeps.
    free : tuple of str
        Parameters that are ticked at first.
    notes : list of str
        What is to be said on the page.
    fit_summary : dict
        Of a fit: standard deviations, spread from cycle to cycle, verdict.
    """

    options: Request
    title: str
    device: Any
    guess: Any
    prepared: Prepared
    measurements: list[mj.Measurement]
    free: tuple[str, ...]
    notes: list[str]
    fit_summary: dict[str, Any] = field(default_factory=dict)
    waves: list[Waveform] = field(init=False)
    ready: bool = field(init=False, default=False)
    lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self):
        self.waves = self.prepared.waves
        if len(self.waves) > _WAVES:
            text = f"{len(self.waves)} waveforms: the page simulates {_WAVES} of most sweeps"
            self.notes.append(f"{text}; a fit takes all of them")

    @property
    def _selection(self) -> list[int]:
        """Numbers of the waveforms that are simulated."""
        order = sorted(range(len(self.waves)), key=lambda k: -self.waves[k].n_sweeps)
        return sorted(order[:_WAVES])

    def _inputs(self, device: Any) -> tuple[tuple, dict]:
        """Arguments of `solve`."""
        problem, rows = self.prepared.problem, self._selection
        pick = lambda x: None if x is None else np.asarray(x)[rows]  # noqa: E731
        stimuli = jax.tree.map(pick, problem.group.stimuli)
        surroundings = {"bench": problem.bench, "env": problem.env}
        surroundings["limits"] = pick(problem.group.limits)
        return (device, stimuli, pick(problem.group.rows)), surroundings

    def warm(self) -> None:
        """Compile the program, and coarsen the waveforms where it is too slow to follow a slider."""
        with self.lock:
            if self.ready:
                return
            for points in (*COARSE, None):
                args, surroundings = self._inputs(self.device)
                solve(*args, **surroundings)
                begin = time.perf_counter()
                solve(*args, **surroundings)
                spent = time.perf_counter() - begin
                most = max(len(w.v) for w in self.waves)
                if spent <= BUDGET or points is None or most <= points:
                    break
                self._coarsen(points, spent)
            self.ready = True

    def _coarsen(self, points: int, spent: float) -> None:
        """Average neighbours, down to so many points of a sweep."""
        arguments = sweep_options(self.options) | {"seed": self.options.seed}
        thinned = [thin(m, points, point_time=arguments["point_time"]) for m in self.measurements]
        self.prepared = problem_of(thinned, self.device, arguments, self.free)
        self.waves = self.prepared.waves
        text = f"the curves take {1e3 * spent:.0f} ms at all points of a sweep: the page simulates averages, {points}"
        self.notes.append(f"{text} of a sweep; a fit takes what 'memjax fit' takes")

    def setup(self) -> dict:
        """What a page shows first."""
        self.warm()
        problem, levels = self.prepared.problem, self.waves[0].thresholds
        around = {"bench": problem.bench, "free": self.free}
        applied = [m.applied for m in self.measurements]
        return (
            page_of(self.options.model, self.device, problem.env, **around)
            | {
                "kind": "sweeps",
                "title": self.title,
                "driven": self.waves[0].driven,
                "measured": self._measured_curves(),
                "events": self._measured_events(),
                "thresholds": {"on": levels.on, "hold": levels.hold},
                "step": self._step(),
                "waves": [self._label(k) for k in self._selection],
                "bounds": {n: list(x) for n, x in self.options.bounds},
                "notes": list(self.notes),
                "coverage": coverage(applied, reversed=problem.bench.reversed),
                "can_fit": True,
                "can_be_random": bool(getattr(self.device, "volatile", False)),
                "cycles": CYCLES,
            }
            | self.fit_summary
        )

    def _label(self, k: int) -> str:
        """A waveform in words."""
        w, unit = self.waves[k], "V" if self.waves[k].driven == "voltage" else "A"
        return f"{np.min(w.v):.3g} to {np.max(w.v):.3g} {unit}, {w.n_sweeps} sweep{'s' * (w.n_sweeps > 1)}"

    def _step(self) -> float:
        """Median step of the voltage between rows [V]."""
        v = np.concatenate([np.abs(np.diff(m.v)) for m in self.measurements])
        return float(np.median(v[v > 0])) if np.any(v > 0) else 0.01

    def _measured_curves(self) -> dict:
        """Measured cycles, evenly chosen, and how many there are."""
        every = [sweep for m in self.measurements for _, sweep in m.sweeps()]
        longest = max(len(s.v) for s in every)
        count = int(np.clip(_POINTS // longest, 1, _DRAWN))
        chosen = np.unique(np.linspace(0, len(every) - 1, min(count, len(every))).astype(int))
        cycles = [{"v": numbers(every[k].v), "i": numbers(every[k].i)} for k in chosen]
        return {"cycles": cycles, "count": len(every)}

    def _measured_events(self) -> list[dict]:
        """Switching and hold voltages of all measured sweeps [V]; nothing where none switches."""
        options = self.waves[0].thresholds.options
        read = [event_voltages(f) for m in self.measurements for f in switching(m, **options)]
        return read if any(e["v_th"] is not None for e in read) else []

    def simulate(self, choice: Mapping[str, Any]) -> dict:
        """Curves and events at values of sliders."""
        self.warm()
        begin = time.perf_counter()
        device = device_at(self.device, choice.get("values", {}))
        args, surroundings = self._inputs(device)
        outputs, states, results = solve(*args, **surroundings)
        outputs = self._at_terminals(outputs)
        waves, driven = [self.waves[k] for k in self._selection], self.waves[0].driven
        curves, read = [], []
        for k, w in enumerate(waves):
            n = len(w.v)
            cut = lambda x, n=n: {name: y[:, :n] for name, y in x.items()}  # noqa: E731
            curves.append(curve(np.asarray(args[2])[:, :n], cut(outputs), cut(states), k))
            if results[k] == 0:
                v, i = (outputs[x][k, :n] for x in ("v", "i"))
                read += events(v, i, thresholds=w.thresholds, driven=driven)
        spent = 1e3 * (time.perf_counter() - begin)
        solved = [bool(r == 0) for r in results]
        return {
            "curves": curves,
            "events": read,
            "functions": functions_at(device),
            "solved": solved,
            "ms": round(spent, 1),
        }

    def _at_terminals(self, outputs: dict) -> dict:
        """Outputs, with the voltage that a limited source leaves at its terminals where the files hold that."""
        v = np.array(outputs["v"])
        left = self.prepared.problem.bench.terminal_voltage(outputs["v_device"], outputs["i"])
        for k, wave in enumerate(self.waves[j] for j in self._selection):
            if wave.log_left is not None:
                at = np.flatnonzero(np.isfinite(middle(wave.log_left)))
                v[k, at] = np.asarray(left)[k, at]
        return outputs | {"v": v}

    def simulate_cycles(self, choice: Mapping[str, Any]) -> dict:
        """Cycles with the device's noise and the spread of a fit: their events [V], and some of their curves.

        Raises
        ------
        DataError
            Where neither is there, and all cycles would be alike.
        """
        problem, device = self.prepared.problem, device_at(self.device, choice.get("values", {}))
        spread, noisy = dict(choice.get("spread", {})), is_noisy(device)
        mj.params.known(device, spread, where="the page")
        if not spread and not noisy:
            specs = parameter_specs(device).items()
            names = ", ".join(n for n, s in specs if s.noise and s.bounds[0] == 0)
            allowed = f"one of {names} above 0" if names else "a model with noise"
            what = "no noise and no spread: all cycles are alike"
            fix = "raise one, or fit with 'randomness' ticked"
            raise DataError(what, allowed=allowed, fix=fix)
        waves = [self.waves[k] for k in self._selection]
        seed = int(choice.get("seed", 0))
        factors = cycle_factors(seed, spread, members=CYCLES, sweeps=len(waves))
        values = dict(mj.params.scale(device, factors)) if spread else {}
        limits = problem.group.limits
        limits = None if limits is None else np.asarray(limits)[self._selection]
        values |= by_wave(problem.bench, limits)
        trace = simulate(
            device, [w.stimulus for w in waves], save=[w.rows for w in waves], bench=problem.bench,
            members=CYCLES, seed=seed, deterministic=not noisy,
            conditions=mj.Conditions(env=problem.env, values=values), output=mj.Output(on_failure="ignore"),
        ).good()  # fmt: skip
        read = [
            event_voltages(f)
            for m in range(len(trace.v))
            for f in switching(trace.member(m), **waves[0].thresholds.options)
        ]
        drawn = [trace.member(m) for m in range(min(6, len(trace.v)))]
        curves = [{"v": numbers(x.v), "i": numbers(x.i)} for x in drawn]
        return {"events": read, "curves": curves, "count": len(trace.v)}

    def fit_words(self, choice: Mapping[str, Any]) -> list[str]:
        """Words of the command line that fits what the page says, but for the folder."""
        words = ["fit", *self.options.files, "--model", self.options.model]
        return [*words, *option_words(self.options), *choice_words(self.device, choice, self.guess)]


def problem_of(
    measurements: Sequence[mj.Measurement], device: Any, arguments: Mapping, free: Any
) -> Prepared:
    """The problem that sweeps make; errors as those of `fitting.SweepProblem`."""
    arguments = dict(arguments) | {"free": free, "screened": 1}
    return prepare(measurements, device, **arguments)


def of_file(options: Request) -> Measured:
    """What a page needs of a file: sliders begin at what the sweeps show.

    Parameters
    ----------
    options : Request
        Of ``memjax fit``.

    Raises
    ------
    MemjaxError
        The reader's own, or for a file of another kind than sweeps.
    """
    kind = of_data(options)
    if kind.label != "sweeps":
        where = ", ".join(options.files)
        what = f"a file of {kind.label}"
        raise DataError(what, where=where, allowed="sweeps", fix="use 'memjax fit'")
    arguments, device = sweep_options(options) | {"seed": options.seed}, start_of(options)
    read = [
        thin(m, options.points, point_time=arguments["point_time"])
        for m in measurements_from(options.files, options)
    ]
    prepared = problem_of(read, device, arguments, options.free)
    notes = [*dict.fromkeys(w for m in read for w in m.warnings), *prepared.notes]
    title = ", ".join(Path(n).name for n in options.files)
    # A problem knows nothing of the noise of the device.
    noise = {n: stored(device, n) for n, s in parameter_specs(device).items() if s.noise}
    noise = {n: x for n, x in noise.items() if x is not None}
    guess = with_values(prepared.problem.device, noise)
    return Measured(
        options=options, title=title, device=guess, guess=guess, prepared=prepared, measurements=read,
        free=prepared.problem.free, notes=notes,
    )  # fmt: skip


def of_fit(path: Path) -> Measured:
    """What a page needs of a fit: sliders begin at its values, and what it left free is ticked.

    Raises
    ------
    MemjaxError
        For what is no fit of sweeps, and where its measured files are no longer there.
    """
    folder = path if path.is_dir() else path.parent
    values, content = load_fit(path), load(folder)
    kind = kind_of(content, where=folder / "fit.json")
    if kind.label != "sweeps":
        what = f"a fit of {kind.label}"
        raise DataError(what, where=str(path), allowed="a fit of sweeps", fix="see its report.html")
    options = parse_fit(["--config", str(folder / "fit.json"), "--out", str(folder)])
    options = options.replace(files=[_data_file(name, folder) for name in options.files])
    subject = of_file(options)
    for entry, name in zip(content["data"], options.files, strict=False):
        if digest(file_of(name)) != entry["sha256"]:
            subject.notes.append(f"{name} is not what was fitted: its content has changed")
    subject.device = with_values(subject.device, values.values, where=str(path))
    subject.free = tuple(content["free"])
    subject.title = f"{path} ({subject.title})"
    subject.fit_summary = fit_about(folder)
    return subject


def _data_file(name: str, folder: Path) -> str:
    """A measured file of a fit, as its command names it, or beside the fit's folder."""
    if file_of(name).exists():
        return name
    for place in (folder.parent, folder):
        if (place / name).exists():
            return str(place / name)
    what = "the measured file of the fit is not there"
    fix = "go to the folder in which the fit was made, or: memjax explore FILE --model MODEL"
    raise DataError(what, where=name, allowed="the path in fit.json", fix=fix)


def fit_about(folder: Path) -> dict[str, Any]:
    """What a page shows of a fit: values, standard deviations, verdict, what is not determined."""
    content, numbers_of = load(folder), load_fit(folder)
    verdict = content.get("verdict") or {}
    return {
        "fitted": {
            "values": numbers_of.values,
            "std": numbers_of.std,
            "free": content["free"],
            "loss": content["loss"],
            "verdict": verdict,
            "interrupted": content["interrupted"],
            "functions": fitted_functions(content),
            **{n: content.get(n, []) for n in ("undetermined", "at_bound", "warnings")},
        },
        "spread": numbers_of.spread,
    }
