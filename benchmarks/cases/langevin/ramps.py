"""R4.4: hysteresis of a slow ramp, with and without noise."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.langevin import model
from benchmarks.cases.langevin.figures import Exact, Figure
from benchmarks.cases.langevin.spikes import DOWN, UP
from benchmarks.records import Recorder
from benchmarks.timing import lap

R_EXT, TAU, SEEDS = 64.0, 0.3, 12
SLOW, FAST = 500.0, 50.0
"""Times of one leg. The recipe states T_ramp = 50 for the fast one and none for the slow one; see README.md."""

NOISY = {
    (0.005, SLOW): ((24.59, 0.33, 0.005), (21.0, 0.8, 0.05)),
    (0.02, SLOW): ((22.0, None, 0.05), (21.9, None, 0.05)),
    (0.005, FAST): ((25.4, None, 0.05), None),
}
"""(mean, standard deviation or None, half digit) of V_on and V_off, by (D, leg)."""

MEMBERS, SAVE = {"smoke": 16, "full": 64}, 0.02


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Ramps up and down: source voltages at the edges of each member, see `edges`; rows of the first member."""

    on: Float[np.ndarray, " members"]
    off: Float[np.ndarray, " members"]
    v_ext: Float[np.ndarray, " rows"]
    x: Float[np.ndarray, " rows"]


def edges(v_ext: Float[np.ndarray, " rows"], x: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """V_on and V_off of one ramp, NaN where it never switches or never returns.

    V_on: x first rises through UP. V_off: x falls through DOWN after it was above UP for the last time; between
    these the low-resistance state itself wanders as the voltage falls. Linear between rows.
    """
    above = np.flatnonzero(x > UP)
    back = np.flatnonzero(x[above[-1] :] < DOWN) if above.size else above
    if not back.size or above[0] == 0:
        return np.nan, np.nan

    def at(k: int, level: float) -> float:
        share = (level - x[k - 1]) / (x[k] - x[k - 1])
        return float(v_ext[k - 1] + share * (v_ext[k] - v_ext[k - 1]))

    return at(int(above[0]), UP), at(int(above[-1] + back[0]), DOWN)


def loop(noise: float, leg: float, members: int, *, seed: int = 0) -> Loop:
    """Ramps of so many members; one without noise."""
    trace = mj.simulate(
        model.device(noise),
        model.ramp(leg),
        bench=model.bench(R_EXT, TAU),
        policy=model.steps(),
        members=members,
        seed=seed,
        save=SAVE,
    ).check()
    v_ext, x = np.asarray(trace.v[0]), np.asarray(trace.state["x"])
    on, off = np.array([edges(v_ext, row) for row in x]).T
    return Loop(on=on, off=off, v_ext=v_ext, x=x[0].copy())


def _figures(name: str, values: np.ndarray, reference) -> list[Figure]:
    """Mean, and standard deviation where the recipe has one, beside those of its twelve seeds."""
    mean, sd, half = reference
    n, own = len(values), float(values.std(ddof=1))
    theirs = own if sd is None else sd
    figures = [
        Figure(
            name=f"{name}: mean",
            value=float(values.mean()),
            se=own / np.sqrt(n),
            reference=mean,
            reference_se=theirs / np.sqrt(SEEDS),
            half_digit=half,
            n=n,
            extra={"sd": own},
        )
    ]
    if sd is not None:
        spread = {"se": own / np.sqrt(2 * (n - 1)), "reference_se": sd / np.sqrt(2 * (SEEDS - 1))}
        figures.append(
            Figure(
                name=f"{name}: standard deviation",
                value=own,
                reference=sd,
                half_digit=half,
                n=n,
                **spread,
            )
        )
    return figures


def _quiet(record: Recorder) -> Loop:
    """The slow ramp without noise.

    V_off is that of a delayed Hopf bifurcation: what the ramp passes at 18.27 grows out of rounding, in the end at
    a rate of 3.4 while V_ext falls by 0.08 per unit of time, so that a factor of 100 in rounding is 0.1.
    """
    seconds, found = lap(lambda: loop(0.0, SLOW, 1))
    for name, value, reference, tolerance in (
        ("V_on", found.on[0], 26.16, 0.005),
        ("V_off", found.off[0], 16.71, 0.1),
    ):
        Exact(
            name=f"R4.4 {name}, D = 0, leg {SLOW:g}",
            value=float(value),
            reference=reference,
            tolerance=tolerance,
        ).tell(record, seconds)
    return found


def run(record: Recorder, size: str) -> dict[tuple[float, float], Loop]:
    """All of R4.4 (in smoke the fast ramp only); the loops by (D, leg)."""
    found = {(0.0, SLOW): _quiet(record)} if size == "full" else {}
    for (noise, leg), references in NOISY.items():
        if size == "smoke" and leg != FAST:
            continue
        seconds, loops = lap(lambda d=noise, t=leg: loop(d, t, MEMBERS[size]))
        found[noise, leg] = loops
        for name, values, reference in zip(("V_on", "V_off"), (loops.on, loops.off), references):
            what = f"R4.4 {name}, D = {noise:g}, leg {leg:g}"
            for figure in _figures(what, values, reference) if reference else []:
                figure.tell(record, seconds)
    return found
