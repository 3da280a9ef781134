"""R4.1: what the circuit without noise does in the plane of source voltage and tau."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.langevin import branches, ensembles, model
from benchmarks.cases.langevin.figures import EXACT, Exact
from benchmarks.cases.langevin.spikes import spike_times
from benchmarks.records import Recorder
from benchmarks.timing import lap

QUIET, TONIC, LOW, WALL = "quiescent", "tonic", "low resistance", "right wall"
DURATION, SAVE, STEP = 40.0, 0.02, 2e-4
SADDLES = {64.0: 26.16, 128.0: 30.46}
HOPF = {1.0: 25.6, 1.3: 28.1, 1.6: 30.4, 2.0: 33.2}
"""Of the low-resistance branch behind 64, by tau."""

BOTH = {1.0: 28.0, 1.3: 30.0, 1.6: 32.0, 2.0: 36.0}
"""Source voltage at which the recipe saw the large cycle beside the stable low-resistance state, by tau."""

STEPPED = ((64.0, 2.0), (128.0, 0.8))
"""(R_ext, tau) at which a step from rest is looked at."""

MAPS = {
    "smoke": {64.0: ((0.8, 2.0), np.linspace(24.0, 34.0, 6))},
    "full": {
        64.0: ((0.3, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0), np.linspace(22.0, 46.0, 25)),
        128.0: ((0.3, 0.5, 0.65, 0.8, 1.0, 1.5, 2.0), np.linspace(27.0, 63.0, 25)),
    },
}


@dataclass(frozen=True, kw_only=True)
class Map:
    """Regimes reached from rest, by tau (rows) and source voltage (columns), with the lines of the fixed points."""

    r_ext: float
    taus: tuple[float, ...]
    v_ext: Float[np.ndarray, " voltages"]
    regimes: list[list[str]]
    saddle: float
    hopf: list[float | None]


def regime(t: Float[np.ndarray, " rows"], x: Float[np.ndarray, " rows"]) -> str:
    """What a run does in its second half: two spikes or more, or where its particle ends."""
    if np.sum(spike_times(t, x) > t[-1] / 2) >= 2:
        return TONIC
    if x[-1] > ensembles.WALL:
        return WALL
    return QUIET if x[-1] < -0.75 else LOW


def reached(
    r_ext: float, tau: float, drives: Sequence[mj.Sampled], *, step: float = STEP
) -> list[str]:
    """Regime under each drive, without noise."""
    trace = mj.simulate(
        model.device(),
        drives,
        bench=model.bench(r_ext, tau),
        policy=model.steps(step),
        deterministic=True,
        save=SAVE,
    ).check()
    shape = (len(drives), -1)
    t, x = np.asarray(trace.t).reshape(shape), np.asarray(trace.state["x"][0]).reshape(shape)
    return [regime(*pair) for pair in zip(t, x, strict=True)]


def survey(r_ext: float, taus: Sequence[float], v_ext: Float[np.ndarray, " voltages"]) -> Map:
    """The map of one series resistance."""
    drives = [model.held(v, DURATION) for v in v_ext]
    return Map(
        r_ext=r_ext,
        taus=tuple(taus),
        v_ext=v_ext,
        regimes=[reached(r_ext, tau, drives) for tau in taus],
        saddle=branches.saddle_node(r_ext),
        hopf=[branches.hopf(r_ext, tau) for tau in taus],
    )


def contradictions(found: Map) -> dict[str, int]:
    """Points of a map that contradict a sentence of the recipe, by sentence."""
    below = above = early = 0
    for tau, hopf, row in zip(found.taus, found.hopf, found.regimes, strict=True):
        for v, what in zip(found.v_ext, row, strict=True):
            unstable = v > found.saddle and hopf is not None and v < hopf
            below += v < found.saddle - 0.5 and what != QUIET
            above += bool(unstable) and what not in (TONIC, WALL)
            early += found.r_ext == 64.0 and tau <= 0.8 and what == TONIC
    counts = {
        "quiescent below V_SN - 0.5": below,
        "spiking between V_SN and the Hopf voltage": above,
    }
    return counts | ({"no spiking for tau <= 0.8": early} if found.r_ext == 64.0 else {})


def both_states(tau: float) -> tuple[str, str]:
    """Regimes behind 64 at one voltage, from rest and from the low-resistance branch."""
    v, end = BOTH[tau], 2 * DURATION
    rest = mj.Sampled(np.array([0.0, 15.0, 35.0, 35.5, end]), np.full(5, v))
    high = model.lowered(model.V_TOP, v, end)
    first, second = reached(64.0, tau, [rest, high], step=model.DT)
    return first, second


def fires_at(r_ext: float, tau: float) -> float:
    """Lowest source voltage, to 0.02, at which a step from rest ends the high-resistance state.

    Below the saddle-node: while the particle lags, the node rises above where it would rest.
    """
    v_ext = branches.saddle_node(r_ext) + np.linspace(-0.4, 0.1, 26)
    found = reached(r_ext, tau, [model.held(v, DURATION) for v in v_ext])
    return float(v_ext[[what != QUIET for what in found].index(True)])


def _line(record: Recorder, name: str, call, reference: float, *, tolerance: float) -> None:
    """One figure of the fixed points."""
    seconds, value = lap(call)
    own = {"reference": reference, "tolerance": tolerance, "variant": EXACT}
    Exact(name=f"R4.1 {name}", value=value, **own).tell(record, seconds)


def _lines(record: Recorder) -> None:
    """Saddle-nodes and Hopf voltages from the fixed points."""
    for r_ext, reference in SADDLES.items():
        call = lambda r=r_ext: branches.saddle_node(r)  # noqa: E731
        _line(record, f"V_SN, R_ext = {r_ext:g}", call, reference, tolerance=0.005)
    for tau, reference in HOPF.items():
        name = f"Hopf voltage, R_ext = 64, tau = {tau:g}"
        call = lambda tau=tau: branches.hopf(64.0, tau) or np.nan  # noqa: E731
        _line(record, name, call, reference, tolerance=0.05)


def run(record: Recorder, size: str) -> list[Map]:
    """All of R4.1; the maps."""
    _lines(record)
    maps = []
    for r_ext, (taus, v_ext) in MAPS[size].items():
        seconds, found = lap(lambda a=r_ext, b=taus, c=v_ext: survey(a, b, c))
        maps.append(found)
        for sentence, count in contradictions(found).items():
            name = f"R4.1 {sentence}, R_ext = {r_ext:g}: points of the map against it"
            shown = {"points": len(taus) * len(v_ext)}
            Exact(name=name, value=count, reference=0, tolerance=0, extra=shown).tell(
                record, seconds
            )
    for r_ext, tau in STEPPED if size == "full" else ():
        seconds, value = lap(lambda r=r_ext, tau=tau: fires_at(r, tau))
        name = f"R4.1 lowest V_ext at which a step fires, R_ext = {r_ext:g}, tau = {tau:g}"
        Exact(name=name, value=value, reference=SADDLES[r_ext], tolerance=None).tell(
            record, seconds
        )
    for tau in BOTH if size == "full" else (2.0,):
        seconds, states = lap(lambda tau=tau: both_states(tau))
        name = f"R4.1 cycle beside stable low resistance, tau = {tau:g}, V_ext = {BOTH[tau]:g}"
        agree = float(states == (TONIC, LOW))
        shown = {"from rest": states[0], "from low resistance": states[1]}
        Exact(name=name, value=agree, reference=1, tolerance=0, extra=shown).tell(record, seconds)
    return maps
