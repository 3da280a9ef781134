"""How often a fit suggests a quantity of the bench: where there is none, and where one was hidden.

``python -m benchmarks.cases.calibration.suggestions COUNT [MODEL ...]`` prints the table of some models alone, and
after ``COUNT,none`` that of devices behind which nothing is hidden.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.cases.calibration.presets import CYCLES, FINE, FLOOR, NOISE, POINTS, SCATTER
from benchmarks.cases.device_fits.verdicts import LOOPS, truth_of
from fitting.constants import FREE_BENCH
from memjax.core.params import get
from memjax.errors import MemjaxError

MODELS = ("mms", "vteam", "diffusive", "linear-drift", "yakopcic")
"""Models whose devices are simulated."""

NONE = "none"
"""Word for a bench without any of these quantities."""

RATES = (1.0, 0.25)
"""Durations of sweeps behind a capacitance, over that of the other ones: one rate does not show it."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes of a device's loop, of which quantities of the bench are shares.

    Parameters
    ----------
    current, voltage : float
        Largest moduli [A], [V].
    low, high : float
        Least and largest ratio of voltage and current above a fifth of the voltage [ohm].
    rate : float
        Rate of the sweep [V/s].
    """

    current: float
    voltage: float
    low: float
    high: float
    rate: float


HIDDEN: dict[str, Callable[[Scale], mj.Bench]] = {
    NONE: lambda s: mj.Bench(),
    "series_resistance": lambda s: mj.Bench(0.5 * s.low),
    "offset_current": lambda s: mj.Bench(offset_current=0.02 * s.current),
    "offset_voltage": lambda s: mj.Bench(offset_voltage=0.05 * s.voltage),
    "shunt": lambda s: mj.Bench(parallel_resistance=0.5 * s.high),
    "parallel_capacitance": lambda s: mj.Bench(parallel_capacitance=0.03 * s.current / s.rate),
}
"""Benches by the word for what is hidden."""


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """What the fits of devices of one model behind one bench suggest.

    Parameters
    ----------
    model, hidden : str
        The model; the word for what was hidden, `NONE` for nothing.
    count : int
        Devices that were fitted.
    suggested : dict of str to int
        How often each word was suggested; `NONE` where nothing was.
    named : int
        Fits whose notes name the option that frees what was hidden, be it for the current at 0 V alone.
    good : int
        Fits that are called good.
    failed : int
        Devices without a fit.
    """

    model: str
    hidden: str
    count: int
    suggested: dict[str, int]
    named: int
    good: int
    failed: int

    @property
    def right(self) -> int:
        """Fits that suggest what was hidden, and nothing where nothing was."""
        return self.suggested.get(self.hidden, 0)


def scale_of(model: str) -> Scale:
    """Sizes of the loop of a model's preset."""
    _, amplitude, duration = LOOPS[model]
    v, i = (np.abs(x[0]) for x in _simulated(model, mj.Bench(), {}, 1, (1.0,))[:2])
    far = (v > 0.2 * amplitude) & (i > 0)
    ratio = v[far] / i[far]
    return Scale(
        current=float(np.max(i)),
        voltage=amplitude,
        low=float(np.min(ratio)),
        high=float(np.max(ratio)),
        rate=4 * amplitude / duration,
    )


def _simulated(
    model: str,
    bench: mj.Bench,
    values: dict[str, np.ndarray],
    count: int,
    periods: Sequence[float],
):
    """Voltage, current, times and numbers of sweeps of so many devices, at these multiples of the usual duration."""
    _, amplitude, duration = LOOPS[model]
    stimuli = [
        mj.triangle_sweep(amplitude, 4 * amplitude / (p * duration), negative=amplitude)
        for p in periods
    ]
    rows = [np.linspace(0.0, p * duration, POINTS + 1)[1:] for p in periods]
    about: dict[str, Any] = dict(bench=bench, policy=FINE, deterministic=True)
    trace = mj.simulate(
        truth_of(model),
        stimuli,
        save=rows,
        members=count,
        conditions=mj.Conditions(values=values, carry_state=False),
        **about,
    ).check()
    v, i, t, sweep = (np.asarray(x) for x in (trace.v, trace.i, trace.t, trace.sweep))
    return np.broadcast_to(v, i.shape), i, t, sweep


def measured(model: str, hidden: str, count: int, *, seed: int = 0) -> list[mj.Measurement]:
    """Noisy sweeps of devices about the preset of a model, behind a bench that hides a quantity."""
    rng, base = np.random.default_rng(seed), truth_of(model)
    factors = {n: np.exp(SCATTER * rng.normal(size=(count, 1))) for n in LOOSE[model]}
    values = {n: float(get(base, n)) * x for n, x in factors.items()}
    periods = RATES if hidden == "parallel_capacitance" else (1.0,)
    again = CYCLES // len(periods)
    v, i, t, sweep = _simulated(model, HIDDEN[hidden](scale_of(model)), values, count, periods)
    numbers = np.concatenate([sweep + k * len(periods) for k in range(again)])
    v, i, t = np.tile(v, again), np.tile(i, again), np.tile(t, again)
    i = i * np.exp(NOISE * rng.normal(size=i.shape)) + FLOOR * rng.normal(size=i.shape)
    whole: dict[str, Any] = dict(t=t, sweep=numbers, reader="simulated")
    whole["at_compliance"] = np.zeros(len(t), bool)
    return [mj.Measurement(v=a, i=b, **whole) for a, b in zip(v, i, strict=True)]


LOOSE = {
    "mms": ("r_on", "r_off", "v_on", "v_off", "tau"),
    "vteam": ("r_on", "r_off", "v_on", "v_off", "k_on", "k_off"),
    "diffusive": ("r_on", "mu", "gamma1", "gamma3"),
    "linear-drift": ("r_on", "r_off", "mobility"),
    "yakopcic": ("a1", "a2", "v_p", "v_n"),
}
"""Parameters that scatter from device to device."""


def suggested(model: str, hidden: str, count: int, *, seed: int = 0) -> Suggested:
    """What fits of so many devices suggest."""
    words: Counter[str] = Counter()
    good = failed = named = 0
    for m in measured(model, hidden, count, seed=seed):
        try:
            fit = ft.solve(ft.SweepProblem(m, truth_of(model)))
        except MemjaxError:
            failed += 1
            continue
        words[NONE if fit.suggestion is None else fit.suggestion.quantity] += 1
        good += fit.verdict.word == "good"
        named += any(f"--free-bench {hidden}" in n for n in fit.notes)
    return Suggested(
        model=model,
        hidden=hidden,
        count=sum(words.values()),
        suggested=dict(words),
        named=named,
        good=good,
        failed=failed,
    )


def main(arguments: Sequence[str]) -> int:
    """Print the table of some models, of all by default."""
    count, *chosen = arguments[0].split(",")
    for model in arguments[1:] or MODELS:
        for hidden in chosen or (NONE, *FREE_BENCH):
            row = suggested(model, hidden, int(count))
            text = ", ".join(f"{n} {k}" for n, k in sorted(row.suggested.items()))
            numbers = f"right {row.right} of {row.count}, named {row.named}, good {row.good}, failed {row.failed}"
            print(f"{model}, {hidden}: {numbers}; {text}", flush=True)
    return 0


if __name__ == "__main__":
    import jax

    from memjax.runtime.jax_setup import prepare_jax

    prepare_jax()
    jax.config.update("jax_enable_x64", True)
    sys.exit(main(sys.argv[1:]))
