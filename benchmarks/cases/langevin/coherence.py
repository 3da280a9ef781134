"""R4.3: noise below threshold makes spikes, most regular ones at a noise of its own (coherence resonance)."""

import numpy as np

import memjax as mj
from benchmarks.cases.langevin import ensembles, model
from benchmarks.cases.langevin.ensembles import Spiking, Window
from benchmarks.cases.langevin.figures import FIXED, Exact, Figure, finite
from benchmarks.records import Recorder
from benchmarks.timing import lap

R_EXT, TAU, V_EXT = 128.0, 0.8, 28.0
TABLE = {
    0.003: (41.2, 0.1, 0.933),
    0.005: (6.99, 0.01, 0.611),
    0.01: (3.22, 0.01, 0.252),
    0.02: (2.36, 0.01, 0.174),
    0.03: (2.05, 0.01, 0.165),
    0.05: (1.76, 0.01, 0.168),
    0.08: (1.53, 0.01, 0.184),
    0.12: (1.36, 0.01, 0.221),
}
"""Mean interval, its last digit, and coefficient of variation, by D."""

LOWEST, SHALLOW = 0.03, (0.02, 0.05)
"""Where the recipe has its least CV, and the neighbours between which it can lie."""

SMOKE = Window(burn=5.0, begin=15.0, follow=12.0, members=64)
SHORT = Window(burn=5.0, begin=60.0, follow=20.0, members=256, batches=2)
LONG = Window(burn=5.0, begin=60.0, follow=75.0, members=256, batches=2)
RARE = Window(burn=5.0, begin=200.0, follow=300.0, members=256, batches=2)
WINDOWS = {0.003: RARE, 0.005: LONG}
"""Where `SHORT` is too short for intervals to end."""

CHECK = {4e-4: 3.08, 2e-4: 3.04, 1e-4: 3.04, 5e-5: 3.05}
"""Mean interval behind 64 at V_ext = 24, D = 0.03, by step; tau is not stated, 1 fits."""


def at(noise: float, window: Window, policy: mj.Fixed | mj.Stiff) -> Spiking:
    """The ensemble of one noise."""
    drive = model.held(V_EXT, window.duration)
    own, bench = model.device(noise), model.bench(R_EXT, TAU)
    return ensembles.run(own, bench, drive, window=window, policy=policy)


def _counts(found: Spiking) -> dict:
    """What else there is to say of an ensemble."""
    i = found.intervals
    free = {
        "CV of members never at the wall": finite(found.free.cv),
        "its se": finite(found.free.cv_se),
    }
    counts = {
        "intervals": i.count,
        "unfinished": i.unfinished,
        "longest": float(found.lengths.max(initial=0.0)),
    }
    return counts | {"share of time at the right wall": found.trapped} | free


def pair(name: str, found: Spiking, mean, digit, cv, *, n: int) -> list[Figure]:
    """Mean and CV of an ensemble beside those of one path of the recipe."""
    i, (mean_se, cv_se) = found.intervals, ensembles.recipe_errors(mean, cv)
    own = {"n": n, "extra": _counts(found)}
    mean_of = {"value": i.mean, "se": i.mean_se, "reference": mean, "reference_se": mean_se}
    cv_of = {"value": i.cv, "se": i.cv_se, "reference": cv, "reference_se": cv_se}
    return [
        Figure(name=f"{name}: mean interval", half_digit=digit / 2, **mean_of, **own),
        Figure(name=f"{name}: CV", half_digit=0.0005, **cv_of, **own),
    ]


def lowest(found: dict[float, Spiking]) -> float:
    """Noise of least CV: vertex of the parabola in log D, weighted by errors, through five figures about the least."""
    noises = np.array(sorted(found))
    cv, se = np.array([(found[d].intervals.cv, found[d].intervals.cv_se) for d in noises]).T
    k = int(np.clip(np.argmin(cv), 2, len(noises) - 3))
    near = slice(k - 2, k + 3)
    a, b, _ = np.polyfit(np.log(noises[near]), cv[near], 2, w=1 / se[near])
    return float(np.exp(-b / (2 * a)))


def _steps(record: Recorder) -> None:
    """The recipe's check of the step."""
    window = Window(burn=5.0, begin=60.0, follow=20.0, members=256)
    for dt, reference in CHECK.items():
        drive, own = model.held(24.0, window.duration), model.device(0.03)
        seconds, found = lap(
            lambda dt=dt, own=own, drive=drive: ensembles.run(
                own, model.bench(64.0, 1.0), drive, window=window, policy=model.steps(dt)
            )
        )
        name = f"R4.3 step {dt:g}, R_ext = 64, tau = 1, V_ext = 24, D = 0.03"
        cv = found.intervals.cv  # the recipe states none
        pair(name, found, reference, 0.01, cv, n=window.total)[0].tell(record, seconds)


def _adaptive(record: Recorder, noise: float, fixed: Spiking) -> None:
    """Adaptive steps on the same circuit, beside fixed ones: how tight tolerances have to be."""
    for rtol, members in ((1e-3, 256), (1e-4, 128)):
        policy = mj.Stiff(rtol=rtol, atol=rtol / 10, max_steps=1_000_000)
        window = Window(burn=5.0, begin=60.0, follow=20.0, members=members)
        seconds, found = lap(lambda p=policy, w=window: at(noise, w, p))
        Exact(
            name=f"R4.3 D = {noise:g}: mean interval, deviation from fixed steps",
            value=found.intervals.mean,
            reference=fixed.intervals.mean,
            tolerance=None,
            variant=f"memjax adaptive, rtol {rtol:g}",
            n=members,
            extra={"se": float(np.hypot(found.intervals.mean_se, fixed.intervals.mean_se))},
        ).tell(record, seconds)


def run(record: Recorder, size: str) -> dict[float, Spiking]:
    """All of R4.3 (in smoke three noises); the ensembles by noise."""
    found, total = {}, 0.0
    for noise in TABLE if size == "full" else (0.01, 0.03, 0.12):
        window = WINDOWS.get(noise, SHORT) if size == "full" else SMOKE
        seconds, found[noise] = lap(lambda d=noise, w=window: at(d, w, model.steps()))
        total += seconds
        for figure in pair(f"R4.3 D = {noise:g}", found[noise], *TABLE[noise], n=window.total):
            figure.tell(record, seconds)
    if size == "full":
        low = lowest(found)
        Exact(
            name="R4.3 noise of least CV",
            value=low,
            reference=LOWEST,
            tolerance=max(LOWEST - SHALLOW[0], SHALLOW[1] - LOWEST),
            variant=FIXED,
        ).tell(record, total)
        _steps(record)
        _adaptive(record, 0.01, found[0.01])
    return found
