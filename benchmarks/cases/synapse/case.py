"""A synapse of a diffusive and a drift memristor: the plasticity that comes out of the equations of its devices."""

import jax
import numpy as np

import memjax as mj
from benchmarks.cases.synapse import pictures
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from memjax import observables, synapse

SLOWER = 4.0
"""Factor by which the relaxation of the diffusive memristor is slowed down."""

RATES_OF_DECAY = ("gamma1", "gamma2", "beta")

TIMES = {"smoke": 8, "full": 20}
"""Times between spikes on each side; twice as many rates of firing."""

INTERVALS = {
    "smoke": (3e-3, 20e-3, 0.1, 0.3, 1000.0),
    "full": (1e-3, 3e-3, 10e-3, 20e-3, 40e-3, 70e-3, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 1000.0),
}
"""Between pulses [s]; the last is the rest over which the weight has to stay."""

PULSES = 12

BAND = 0.15
"""How far the ratio of widths may be from that of relaxation times: within a spike, growth races decay, so that
a slower decay gains a little more than its factor."""

DRIFT = {4e-3: 642.0, 6e-3: 1275.0, 10e-3: 1659.0}
"""Resistance [ohm] of the published drift memristor, first at 470 ohm, by the time [s] since a pulse of 50 us began."""

PUBLISHED_PULSE = 50e-6
"""Length of that pulse [s]: the times here count from the end of one, which latches as fully."""

LONG = synapse.Spike.pulse(2.2, 6e-3)
"""A pulse [V, s] that closes the channel, sets the drift memristor and charges its latch in full."""


def slower(circuit: mj.Circuit, factor: float = SLOWER) -> mj.Circuit:
    """The synapse whose diffusive memristor has all rates of decay divided by a factor."""
    names = [f"diffusive.{n}" for n in RATES_OF_DECAY]
    return mj.params.replace(circuit, {n: mj.params.get(circuit, n) / factor for n in names})


def forgetful() -> mj.Circuit:
    """The synapse with the published drift memristor as weight, behind a channel of 20 ohm."""
    low = mj.params.replace(synapse.diffusive_drift().devices["diffusive"], {"r_on": 20.0})
    return synapse.diffusive_drift(low, mj.DriftMemristor())


def times_between(count: int, factor: float) -> np.ndarray:
    """Times between spikes [s], of both signs, from where they touch to where nothing is left."""
    touch, reach = 10.6e-3, 27e-3
    one = touch + factor * np.linspace(0.0, reach, count)
    return np.concatenate([-one[::-1], one])


def _claim(record: Recorder, name: str, seconds: float, holds: bool, claim: str, extra) -> None:
    """Record whether something that is said of a synapse holds."""
    record.ok(
        name,
        Times(run=[seconds]),
        error=float(not holds),
        reference=f"0 if it holds: {claim}",
        tolerance=0.5,
        problem=claim,
        dtype="float64",
        extra=extra,
    )


def _window(record: Recorder, circuit, count: int, factor: float) -> list[float]:
    """One window of spike timing; the widths [s] of its sides."""
    dts = times_between(count, factor)
    seconds, dw = lap(lambda: synapse.stdp(slower(circuit, factor), dts, pairs=5))
    window = observables.stdp_window(dts, dw)
    sides = [window.positive, window.negative]
    holds = np.all(dw * np.sign(dts) >= -1e-3) and dw.max() > 0.1 and dw.min() < -0.1
    far = bool(np.all(np.abs(dw[[0, -1]]) < 1e-3))
    widths = [s.width for s in sides if s is not None]
    _claim(
        record,
        f"stdp, relaxation x{factor:g}",
        seconds,
        bool(holds) and far,
        "pre before post potentiates, post before pre depresses, spikes far apart do nothing",
        {"dt_s": dts.tolist(), "change": dw.tolist(), "widths_s": widths},
    )
    return widths


def _timing(record: Recorder, circuit, count: int) -> None:
    """Both windows, and the ratio of their widths."""
    seconds, both = lap(lambda: [_window(record, circuit, count, f) for f in (1.0, SLOWER)])
    ratios = np.array(both[1]) / np.array(both[0])
    record.ok(
        "stdp, width",
        Times(run=[seconds]),
        error=float(np.max(np.abs(ratios / SLOWER - 1))),
        reference=f"width of the window follows the relaxation time, slowed {SLOWER:g} times: relative deviation",
        tolerance=BAND,
        problem="width of the window, relaxation x4 over x1",
        dtype="float64",
        extra={"ratio_potentiation": float(ratios[0]), "ratio_depression": float(ratios[1])},
    )


def _rates(record: Recorder, circuit, count: int) -> None:
    """Change of weight against the rate of firing."""
    rates = np.geomspace(8.0, 46.0, 2 * count)
    seconds, dw = lap(lambda: synapse.srdp(circuit, rates, pairs=5))
    sizeable = np.where(np.abs(dw) > 1e-3, dw, 0.0)
    threshold = observables.srdp(rates, sizeable, log=True)
    holds = sizeable[0] == 0 and sizeable.min() < -0.05 and sizeable[-1] > 0.1
    claim = "firing in turn depresses below a rate and potentiates above it"
    found = {"rate_per_s": rates.tolist(), "change": dw.tolist(), "threshold_per_s": threshold}
    _claim(record, "srdp", seconds, bool(holds), claim, found)


def _pulses(record: Recorder, circuit, size: str) -> None:
    """Pairs and trains of pulses; and the weight over the longest interval."""
    seconds, got = lap(lambda: synapse.train(circuit, INTERVALS[size], count=PULSES))
    ratio = got.ratio
    found = {"interval_s": got.intervals.tolist(), "ratio": ratio.tolist()}
    found |= {"first_A": float(got.current[0, 0])}
    crossing = observables.ppr_curve(got.intervals, ratio[:, 1], log=True).to_depression
    claim = "the second of two pulses is facilitated at short, depressed at long intervals"
    holds = ratio[0, 1] > 1.1 and ratio[-1, 1] < 0.95 and len(crossing) == 1
    more = {"crossing_s": crossing.tolist()}
    _claim(record, "paired pulses", seconds, bool(holds), claim, found | more)
    claim = "after many pulses the response is depressed, at the shortest interval too"
    _claim(record, "trains", seconds, bool(ratio[0, -1] < 0.95), claim, found)
    kept = got.before[-1, 1] / got.after[-1, 0]
    _retained(record, "retention between pulses", seconds, float(kept), {})


def _retained(record: Recorder, name: str, seconds: float, kept: float, extra: dict) -> None:
    """Record what is left of the weight after 1000 s."""
    record.ok(
        name,
        Times(run=[seconds]),
        error=abs(kept - 1),
        reference="weight at the start of 1000 s at rest: relative change",
        tolerance=0.01,
        problem="weight over 1000 s at rest",
        dtype="float64",
        extra=extra,
    )


def _rest(record: Recorder, circuit) -> None:
    """The weight after a pulse, the default one and the published drift memristor."""
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1000.0, 25)])
    seconds, weight = lap(lambda: synapse.retention(circuit, times))
    curve = {"time_s": times.tolist(), "kept": (weight / weight[0]).tolist()}
    _retained(record, "retention", seconds, float(weight[-1] / weight[0]), curve)
    shown = np.linspace(0.0, 12e-3, 49)
    asked = np.array(list(DRIFT)) - PUBLISHED_PULSE
    both = np.union1d(shown, asked)
    seconds, weight = lap(lambda: synapse.retention(forgetful(), both, pulse=LONG))
    r = 1 / weight
    there = r[np.searchsorted(both, asked)]
    record.ok(
        "retention, drift memristor",
        Times(run=[seconds]),
        error=float(np.max(np.abs(there / np.array(list(DRIFT.values())) - 1))),
        reference="642, 1275, 1659 ohm at 4, 6, 10 ms, solved independently: largest relative deviation",
        tolerance=0.01,
        problem="published drift memristor as weight: it forgets",
        dtype="float64",
        extra={"time_s": both.tolist(), "ohm": r.tolist(), "kept": (weight / weight[0]).tolist()}
        | {"ohm_at_4_6_10_ms": there.tolist()},
    )


def run(size: str, record: Recorder) -> None:
    """Spike timing, rates, pulses; rest; the picture."""
    jax.config.update("jax_enable_x64", True)
    circuit = synapse.diffusive_drift()
    _timing(record, circuit, TIMES[size])
    _rates(record, circuit, TIMES[size])
    _pulses(record, circuit, size)
    if size == "full":
        _rest(record, circuit)
    pictures.write(record.path, record.run_id)


CASE = Case(name="synapse", run=run, baseline="stdp, relaxation x1", suites=("synapse",))
