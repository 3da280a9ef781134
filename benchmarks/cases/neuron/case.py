"""The one-memristor neuron: its six functions out of its ion dynamics, beside published figures; baselines."""

import jax
import numpy as np

from benchmarks.cases.neuron import baselines, functions, pictures, population, published
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap

LONG = {"smoke": None, "full": (32, 3.0)}
"""Members and end [s] of the run that shows how intervals depend on the window."""

WITHIN = 0.1
"""How far the intervals between spikes may be from the reference values, relative."""

Z = 4.0


def _ms(values: dict) -> dict[str, float]:
    """Times by parameter, in ms."""
    return {f"{k:g}": 1e3 * float(v) for k, v in values.items()}


def _integration(record: Recorder) -> dict:
    """Leaky integration and threshold, without noise."""
    seconds, found = lap(functions.turn_on)
    off = max(abs(found[v] / t - 1) for v, t in published.TURN_ON.items())
    record.ok(
        "threshold: time to fire",
        Times(run=[seconds]),
        error=off,
        reference="77.6, 34.92, 15.43 ms [C] at 0.6, 0.8, 1.0 V: largest relative deviation",
        tolerance=1e-3,
        problem="constant input from rest, no noise",
        extra={"ms": _ms(found)},
    )
    seconds, pulses = lap(functions.leak)
    count = list(pulses.values())
    record.ok(
        "leaky integration",
        Times(run=[seconds]),
        error=float(not np.all(np.diff(count) > 0)),
        reference="0 if more pulses are needed the longer the gap between them",
        tolerance=0.5,
        problem="pulses of 0.9 V, 1 ms until the first spike, no noise",
        extra={"pulses": {f"{g:g}": n for g, n in pulses.items()}}
        | {"published": {f"{g:g}": n for g, n in published.PULSES.items()}},
    )
    return {"turn_on": found, "pulses": pulses}


def _firing(record: Recorder, size: str) -> dict:
    """Probability to fire within one pulse."""
    seconds, found = lap(lambda: functions.firing(size))
    record.ok(
        "stochasticity: firing probability",
        Times(run=[seconds]),
        error=None,
        reference="published 5, 76, 95 % [2nd] at 0.8, 0.9, 1.0 V: reported, no set is known to meet them all",
        problem="one pulse of 15 ms, sigma1 = 7e-3",
        n=functions.MEMBERS[size],
        extra={"probability": {f"{v:g}": [p.value, p.low, p.high] for v, p in found.items()}},
    )
    return {"firing": found}


def _cascade(record: Recorder) -> dict:
    """A chain of three."""
    seconds, found = lap(functions.chain)
    delays = np.diff(found.first)
    record.ok(
        "cascaded connection",
        Times(run=[seconds]),
        error=float(not (np.all(np.isfinite(found.first)) and np.all(delays > 0))),
        reference="0 if all three fire, in order",
        tolerance=0.5,
        problem="chain of three under pulses of 1 V, R_c = 50 Mohm, no noise",
        extra={"first_spikes_ms": [1e3 * x for x in found.first if np.isfinite(x)]}
        | {"delay_per_stage_ms": [1e3 * float(x) for x in delays if np.isfinite(x)]},
    )
    return {"chain": found}


def _refractory(record: Recorder, size: str) -> dict:
    """Intervals against R_c, at two steps, without noise, and over a long window."""
    members, stop = functions.MEMBERS[size], functions.STOP[size]
    seconds, run = lap(lambda: functions.refractory(published.INTERVALS, members, stop))
    every = run.intervals(stop)
    off = max(abs(s.mean / published.REFERENCE[r] - 1) for r, s in every.items())
    record.ok(
        "refractory period: intervals",
        Times(run=[seconds]),
        error=off,
        reference="2.00, 2.32, 4.22, 8.30, 21.3 ms [C] at 50 ... 1000 Mohm: largest relative deviation",
        tolerance=WITHIN if size == "full" else None,
        problem="0.8 V, 1 ms every 2 ms, sigma1 = 7e-3; spikes from 0.3 s on",
        n=5 * members,
        extra={
            "isi_ms": {f"{r / 1e6:g}": [1e3 * s.mean, 1e3 * s.mean_se] for r, s in every.items()}
        }
        | {"cv": {f"{r / 1e6:g}": [s.cv, s.cv_se] for r, s in every.items()}}
        | {"published_ms": {f"{r / 1e6:g}": 1e3 * t for r, t in published.INTERVALS.items()}},
    )
    found = {"run": run, "intervals": every}
    if size != "full":
        return found
    found["latched"] = _noise_free(record)
    _halved(record, run, members, stop)
    found["long"] = _windows(record)
    return found


def _noise_free(record: Recorder) -> dict[float, bool]:
    """Which resistances latch without noise."""
    seconds, found = lap(lambda: functions.latched(published.INTERVALS))
    record.ok(
        "stochasticity: what noise does",
        Times(run=[seconds]),
        error=float(not (found[250e6] and found[500e6])),
        reference="0 if the neuron latches without noise at 250 and 500 Mohm",
        tolerance=0.5,
        problem="the same without noise, 0.6 to 0.9 s",
        extra={"latched": {f"{r / 1e6:g}": x for r, x in found.items()}},
    )
    return found


def _halved(record: Recorder, run, members: int, stop: float) -> None:
    """The same at half the step."""
    half = functions.STEP / 2
    seconds, finer = lap(lambda: functions.refractory(published.INTERVALS, members, stop, dt=half))
    z = {r: _paired(run.trains[r], finer.trains[r], stop) for r in published.INTERVALS}
    record.ok(
        "refractory period: half the step",
        Times(run=[seconds]),
        error=max(abs(x) for x in z.values()),
        reference="largest |z| of the mean difference of intervals, seed by seed",
        tolerance=Z,
        problem="steps of 0.25 us against 0.5 us",
        n=5 * members,
        extra={"z": {f"{r / 1e6:g}": x for r, x in z.items()}}
        | {"isi_ms": {f"{r / 1e6:g}": 1e3 * s.mean for r, s in finer.intervals(stop).items()}},
    )


def _paired(a: list[np.ndarray], b: list[np.ndarray], stop: float) -> float:
    """Mean difference of the members' mean intervals over its standard error; 0 where none differs."""
    inside = lambda s: np.diff(s[(s >= functions.START) & (s < stop)])  # noqa: E731
    pairs = [(inside(x), inside(y)) for x, y in zip(a, b)]
    d = np.array([x.mean() - y.mean() for x, y in pairs if len(x) and len(y)])
    spread = d.std(ddof=1)
    return float(d.mean() / (spread / np.sqrt(len(d)))) if spread > 1e-9 else 0.0


def _windows(record: Recorder) -> dict:
    """Intervals in windows that end later and later."""
    members, end = LONG["full"]
    seconds, run = lap(lambda: functions.refractory(published.INTERVALS, members, end))
    stops = (0.6, 0.9, 1.5, 2.0, 3.0)
    means = {s: {r: x.mean for r, x in run.intervals(s).items()} for s in stops}
    record.ok(
        "refractory period: long window",
        Times(run=[seconds]),
        error=None,
        reference="none: mean intervals by the end of the window",
        problem="the neuron is still in a transient: spikes from 0.3 s to ...",
        n=5 * members,
        extra={
            "isi_ms": {
                f"{s:g}": {f"{r / 1e6:g}": 1e3 * x for r, x in m.items()} for s, m in means.items()
            }
        },
    )
    return means


def _plasticity(record: Recorder) -> dict:
    """Second integration against the gap."""
    seconds, found = lap(functions.plasticity)
    first, second = np.array(list(found.values())).T
    holds = np.all(second < first) and np.all(np.diff(second) > 0)
    record.ok(
        "intrinsic plasticity",
        Times(run=[seconds]),
        error=float(not holds),
        reference="0 if the second integration is shorter, the less so the longer the gap",
        tolerance=0.5,
        problem="two pulses of 2 V, 20 ms, no noise",
        extra={
            "first_ms": 1e3 * float(first[0]),
            "second_ms": _ms({g: s for g, (_, s) in found.items()}),
        }
        | {"shortened": {f"{g:g}": 1 - s / f for g, (f, s) in found.items()}}
        | {
            "published": {
                f"{g:g}": t / published.INTEGRATION for g, t in published.SHORTENED.items()
            }
        },
    )
    return {"plasticity": found}


def _population(record: Recorder, size: str) -> None:
    """A thousand neurons by adaptive and by fixed steps."""
    count = population.COUNT[size]
    runs = {
        k: lap(lambda p=p, k=k: population.trains(p, count, seed=1 + (k == population.FIXED)))
        for k, p in population.policies().items()
    }
    found = population.compare({k: trains for k, (_, trains) in runs.items()})
    record.ok(
        "population",
        Times(run=[runs[population.ADAPTIVE][0]]),
        error=max(abs(found["z_rate"]), abs(found["z_cv"])),
        reference="fixed steps of 0.5 us: largest |z| of rate and CV, neuron by neuron",
        tolerance=Z,
        problem="spread of 5 % in mu, gamma1 and R_c, 1.4 V, 100 ms",
        n=count,
        extra=found | {"fixed_s": runs[population.FIXED][0]},
    )


def _baselines(record: Recorder) -> dict:
    """What neurons without ions do."""
    found = {}
    for name, neuron in (("threshold switch", baselines.switch()), ("CMOS", baselines.dpi())):
        seconds, found[name] = lap(lambda neuron=neuron: baselines.functions(neuron))
        record.ok(
            f"baseline: {name}",
            Times(run=[seconds]),
            error=None,
            reference="none",
            problem="leak, threshold, refractory period, plasticity, randomness of a neuron without ions",
            extra=found[name] | (baselines.cascaded() if name == "threshold switch" else {}),
        )
    return {"baselines": found}


def run(size: str, record: Recorder) -> None:
    """The six functions, the baselines, the page."""
    jax.config.update("jax_enable_x64", True)
    found = _integration(record) | _firing(record, size) | _refractory(record, size)
    found |= _plasticity(record)
    _population(record, size)
    if size == "full":
        found |= _cascade(record) | _baselines(record)
    pictures.write(record.path, found)


CASE = Case(
    name="neuron",
    run=run,
    baseline="refractory period: intervals",
    suites=("neuron",),
    limit_s=3000.0,
)
