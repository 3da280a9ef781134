"""Intervals of `fitting.fit_jointly`: a sweep, two trains of pulses and two decays of one synthetic device."""

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.cases.calibration import data
from fitting.retention.fit import relaxation
from memjax.core.params import replace
from memjax.data import DecayRecord, PulseProtocol, PulseRecord
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

START = replace(mj.MetastableSwitches(), {"noisy": 0.0, "x0": 0.2})
CENTRE = {"r_on": 520.0, "r_off": 2400.0, "v_on": 0.19, "v_off": 0.17, "tau": 1.3e-4}
"""Truths scatter about these by `VARIED`, in logarithms."""

VARIED = 0.1
FREE = (*CENTRE, "x0")
"""The last one is each file's own: ten free parameters in all."""

SWEPT = 0.5 * np.concatenate(
    [np.linspace(0, 1, 21), np.linspace(1, -1, 41)[1:], np.linspace(-1, 0, 21)[1:]]
)
HOLD, CURRENT, READ = 1e-3, 0.1, 0.01
"""Time of a point [s]; relative noise of currents, and of conductances and resistances."""

PULSES = {0.3: 2e-5, 0.25: 5e-5}
"""Voltage of set and, negative, of reset pulses [V], and their width [s]."""

BEGUN = (0.9, 0.1)
"""Shares of the switches that are on at the start of decays."""

KINDS, CYCLES = np.repeat([0, 1], 30), 6
TIMES = np.linspace(0.0, 1.5, 120)


@dataclass
class Joint:
    """What became of the sets.

    Parameters
    ----------
    inside : dict of str to list of bool
        Whether each interval held the truth, by parameter.
    scores : dict of str to list of float
        Distance of the estimate from the truth over the stated standard deviation.
    determined : list of int
        Shared parameters that are determined by all files.
    alone : list of int
        The same by the best single file.
    contradicts : int
        Files that were said to contradict the others, of five in each set.
    of_kinds : dict of str to dict of str to list of bool
        Of each kind of file fitted alone: whether the interval of a parameter that it determines held the truth.
    """

    inside: dict[str, list[bool]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    determined: list[int] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)
    contradicts: int = 0
    of_kinds: dict[str, dict[str, list[bool]]] = field(default_factory=dict)


def truth(seed: int) -> dict[str, float]:
    """Shared values of one device."""
    rng = np.random.default_rng([seed, 23])
    return {n: float(x * np.exp(VARIED * rng.normal())) for n, x in CENTRE.items()}


def fits(true: dict[str, float], seed: int) -> list[ft.AbstractFit]:
    """Fits of each file alone."""
    rng, device = np.random.default_rng([seed, 5]), replace(START, true)
    trace = mj.simulate(
        replace(device, {"x0": 0.05}),
        [mj.staircase(SWEPT, HOLD)],
        save=[HOLD * np.arange(1, len(SWEPT) + 1)],
    ).check()
    i = np.asarray(trace.i[0])
    sweep = mj.Measurement(
        v=np.asarray(trace.v[0]),
        i=i * (1 + CURRENT * rng.normal(size=i.shape)),
        sweep=np.asarray(trace.sweep),
        at_compliance=np.zeros(len(i), bool),
        reader="synthetic",
    )
    records = [_pulsed(device, v, width, seed, rng) for v, width in PULSES.items()]
    decays = []
    for x0 in BEGUN:
        r = relaxed(replace(device, {"x0": x0})) * (1 + READ * rng.normal(size=TIMES.shape))
        decays.append(
            DecayRecord(label=f"{x0}", t=TIMES, r=r, read_voltage=None, reader="synthetic")
        )
    free = list(FREE)
    return [
        ft.solve(
            ft.SweepProblem([sweep], START, free=free, point_time=HOLD, screened=8), seed=seed
        ),
        *(ft.solve(ft.PulseProblem(r, START, free=free), seed=seed) for r in records),
        *(ft.solve(ft.RetentionProblem(d, START, free=free)) for d in decays),
    ]


def _pulsed(device, volts: float, width: float, seed: int, rng: np.random.Generator) -> PulseRecord:
    """Conductances under pulses."""
    protocol = PulseProtocol(voltages=(volts, -volts), widths=(width, width), read_voltage=0.05)
    pulsed = Pulsed.under(replace(device, {"x0": 0.3}), protocol)
    g = np.asarray(simulate_pulses(pulsed, PulseNoise.none(), KINDS, cycles=CYCLES + 1, seed=seed))
    g = g[1:]  # the first leads from the state at the start to what all others do
    g = g * (1 + READ * rng.normal(size=g.shape))
    about: dict[str, Any] = dict(cycles=np.arange(CYCLES), kinds=KINDS, reader="synthetic")
    return PulseRecord(device=f"{volts} V", g=g, protocol=protocol, **about)


def relaxed(device: mj.AbstractDevice) -> np.ndarray:
    """Resistance of a device that is left alone [ohm]."""
    still, reads = jnp.zeros(()), jnp.asarray(1e-2)
    return np.asarray(relaxation(device, jnp.asarray(TIMES), still, mj.Environment(), reads))


def covered(seeds: range, level: float) -> Joint:
    """Fit sets of files alone and jointly, and see whether the intervals hold the truth."""
    found = Joint()
    for seed in seeds:
        true = truth(seed)
        own = fits(true, seed)
        fit = ft.solve(ft.JointProblem(own, START), seed=seed)
        ends, scores = fit.intervals(level), fit.z_scores(true)
        for n, x in true.items():
            found.inside.setdefault(n, []).append(data.holds(ends[n], x))
            found.scores.setdefault(n, []).append(scores[n])
        known = [len(set(true) - set(f.undetermined)) for f in (fit, *own)]
        found.determined.append(known[0])
        found.alone.append(max(known[1:]))
        found.contradicts += sum(p.contradicts for p in fit.parts)
        for f in own:
            _count_alone(found.of_kinds.setdefault(f.kind, {}), f, true, level)
    return found


def _count_alone(
    inside: dict[str, list[bool]], fit: ft.AbstractFit, true: dict[str, float], level: float
) -> None:
    """Add what became of the intervals of those parameters that a fit calls determined."""
    ends = fit.intervals(level)
    for n in sorted(set(true) - set(fit.undetermined)):
        inside.setdefault(n, []).append(data.holds(ends[n], true[n]))
