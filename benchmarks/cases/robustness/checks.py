"""What is counted of solved sets: failures by reason, and what must never be."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import memjax as mj
from benchmarks.cases.robustness.points import look
from benchmarks.cases.robustness.sampling import PROBES, VOLTAGE, Sets, draw_states
from benchmarks.cases.robustness.solves import (
    Paths,
    Program,
    Solved,
    reverse_sets,
    solve_sets,
    solve_states,
)
from memjax.core.fields import parameter_specs
from memjax.core.result import Result
from memjax.device import AbstractDevice

NOT_PINCHED: frozenset[str] = frozenset()
"""Models that are published with a current at 0 V: none."""

NOT_PASSIVE: frozenset[str] = frozenset()
"""Models that are published as giving energy away: none."""

EVENTS = {"diffusive-spice": ("kappa",)}
"""Parameters that leave a model without jumps where they are 0; `event-switches` has a form without them instead."""

STATES = 24
"""States and voltages at which the equations of each set are looked at."""

RUNAWAY = 1e9
"""Derivative of a state over its scale beyond which a path is unstable and its derivative grows until it overflows."""

FAR = 1e-3
"""Distance of two derivatives from which one of them is no use."""

BREACHES = ("silent", "slopes", "outside", "not pinched", "not passive", "points", "point slopes")
"""What must never be, see `Tally`."""


@dataclass
class Tally:
    """What became of a number of sets.

    Parameters
    ----------
    sets : int
        How many.
    failed : Counter
        Solves that are flagged, by the name of their `memjax.Result`.
    breaches : Counter
        Sets with: "silent", a state or current that is no number in a solve that is said to be good;
        "slopes", a derivative that is none there, though no state's has reached `RUNAWAY`;
        "outside", a state outside its bounds by more than rounding; "not pinched", "not passive", a
        current at 0 V, or against the voltage; "points", "point slopes", an equation or its
        derivative that is no number at random states and voltages.
    runaway : int
        Good solves whose derivative is not finite because it ran away.
    limited : list of int
        Numbers of the solves that ended at the limit of steps.
    steps : list of int
        Steps of each solve, kept and refused.
    laps : list of float
        Time of each batch [s], the first with compilation.
    examples : dict
        Parameters of the first set with each breach that `count_points` saw.
    """

    sets: int = 0
    failed: Counter = field(default_factory=Counter)
    breaches: Counter = field(default_factory=Counter)
    runaway: int = 0
    limited: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    laps: list[float] = field(default_factory=list)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def broken(self) -> dict[str, int]:
        """Breaches that there are."""
        return {k: n for k, n in self.breaches.items() if n}

    @property
    def share(self) -> float:
        """Share of the solves that failed."""
        return sum(self.failed.values()) / max(self.sets, 1)


def _finite(tree: Any) -> np.ndarray:
    """Whether all numbers of each set are finite."""
    leaves = [np.asarray(x) for x in jax.tree.leaves(tree)]
    return np.all([np.isfinite(x).reshape(len(x), -1).all(axis=1) for x in leaves], axis=0)


def _ran_away(slopes: Paths) -> np.ndarray:
    """Whether a derivative of each set reached `RUNAWAY` while it was a number."""
    y = np.abs(np.asarray(slopes.y))
    return np.max(np.where(np.isfinite(y), y, 0.0), axis=(1, 2)) > RUNAWAY


def _outside(model: AbstractDevice, y: np.ndarray) -> np.ndarray:
    """Whether a state of each set lies outside its declared bounds by more than rounding."""
    bad, k = np.zeros(len(y), bool), 0
    for s in model.states:
        slack = 8 * np.finfo(y.dtype).eps
        low, high = (b / s.scale for b in s.bounds)
        x = y[:, :, k : k + s.size]
        below = x < low - slack * max(1.0, abs(low))
        above = x > high + slack * max(1.0, abs(high))
        bad |= np.any(below | above, axis=(1, 2))
        k += s.size
    return bad


def count_solves(model: AbstractDevice, solved: Solved, tally: Tally) -> None:
    """Add solved sets to a tally."""
    out = jax.tree.map(np.asarray, solved)
    good = out.fate.result == 0
    at_limit = np.flatnonzero(out.fate.result == Result.step_limit)
    tally.limited += (tally.sets + at_limit).tolist()
    tally.sets += len(good)
    tally.failed += Counter(Result(int(r)).name for r in out.fate.result[~good])
    tally.steps += (out.fate.accepted + out.fate.rejected).tolist()
    no_slope, away = ~_finite(out.slopes), _ran_away(out.slopes)
    tally.runaway += int(np.sum(no_slope & away & good))
    wrong = {
        "silent": ~_finite(out.paths),
        "slopes": no_slope & ~away,
        "outside": _outside(model, out.paths.y),
        "not pinched": np.any(out.paths.still != 0, axis=1) & (model.name not in NOT_PINCHED),
        "not passive": np.any(out.paths.i * out.paths.v < 0, axis=1)
        & (model.name not in NOT_PASSIVE),
    }
    tally.breaches += Counter({k: int(np.sum(x & good)) for k, x in wrong.items()})


def count_points(model: AbstractDevice, sets: Sets, tally: Tally, *, seed: int = 0) -> None:
    """Look at the equations of sets at random states and voltages, and add what is wrong to a tally."""
    volts = np.random.default_rng(seed).uniform(-VOLTAGE, VOLTAGE, STATES)
    volts = jnp.asarray(volts, jnp.result_type(float))
    found = look(sets.device, sets.slope, draw_states(model, STATES, seed=seed), volts)
    anywhere = {k: np.any(np.asarray(x), axis=1) for k, x in found._asdict().items()}
    wrong = {"points": anywhere["value"], "point slopes": anywhere["slope"]}
    wrong["not pinched"] = anywhere["pinched"] & (model.name not in NOT_PINCHED)
    wrong["not passive"] = anywhere["passive"] & (model.name not in NOT_PASSIVE)
    tally.breaches += Counter({k: int(np.sum(x)) for k, x in wrong.items()})
    for breach in (k for k, x in wrong.items() if np.any(x)):
        first = int(np.argmax(wrong[breach]))
        device = jax.tree.map(lambda x, k=first: x[k], sets.device)
        tally.examples.setdefault(breach, mj.params.to_dict(device))


def run_sets(
    model: AbstractDevice,
    program: Program,
    sets: Sets,
    *,
    batch: int,
    solve: Callable = solve_sets,
    points: bool = True,
) -> Tally:
    """Solve sets batch by batch, look at their equations, and count.

    Parameters
    ----------
    model : AbstractDevice
        The model; its parameters are those of `sets`.
    program : Program
        How they are solved.
    sets : Sets
        A multiple of `batch`, so that one compiled program serves them all.
    batch : int
        Sets that are solved together.
    solve : callable
        `solve_sets` or `solve_few`.
    points : bool
        Whether to look at the equations at random states and voltages too.
    """
    tally, probes = Tally(), draw_states(model, PROBES)
    for first in range(0, len(sets.task.place), batch):
        part, start = sets.part(first, batch), time.perf_counter()
        solved = jax.block_until_ready(solve(program, part, probes))
        tally.laps.append(time.perf_counter() - start)
        count_solves(model, solved, tally)
        if points:
            count_points(model, part, tally, seed=first)
    return tally


def solve_again(model: AbstractDevice, program: Program, sets: Sets, tally: Tally) -> dict:
    """Solve sets that ended at the limit of steps with as many steps as `memjax.Stiff` allows by itself.

    Parameters
    ----------
    model, program, sets
        As for `run_sets`, which gave the tally.
    tally : Tally
        Says which sets.

    Returns
    -------
    dict
        "sets": how many; "failed": those that failed again, by reason; "steps": the median and the most; "share":
        of all sets, those that fail with so many steps.
    """
    numbers = np.asarray(tally.limited, int)
    few = jax.tree.map(lambda x: x[numbers], sets)
    policy = replace(program.policy, max_steps=mj.Stiff().max_steps)
    again = run_sets(
        model,
        replace(program, policy=policy),
        few,
        batch=len(numbers),
        solve=solve_states,
        points=False,
    )
    steps = np.percentile(again.steps, (50, 100)).tolist()
    still = sum(tally.failed.values()) - len(numbers) + sum(again.failed.values())
    share = still / tally.sets
    return {"sets": len(numbers), "failed": dict(again.failed), "steps": steps, "share": share}


def strengths(model: AbstractDevice) -> list[str]:
    """Parameters that leave a model without noise and jumps where they are 0."""
    noise = [n for n, s in parameter_specs(model).items() if s.noise]
    return noise + [n for n in EVENTS.get(model.name, ()) if n not in noise]


def without_noise(model: AbstractDevice, sets: Sets) -> Sets:
    """The sets with every strength of noise 0."""
    pick = lambda d: [getattr(d, n) for n in strengths(model)]  # noqa: E731
    silence = lambda d: eqx.tree_at(pick, d, [jnp.zeros_like(x) for x in pick(d)])  # noqa: E731
    return sets._replace(device=silence(sets.device), slope=silence(sets.slope))


def reseeded(sets: Sets) -> Sets:
    """The sets with other noise."""
    first, second = sets.task.key
    return sets._replace(task=sets.task._replace(key=(second, first)))


def noise_free(
    model: AbstractDevice, program: Program, sets: Sets, *, solve: Callable = solve_sets
) -> tuple[bool, bool]:
    """Whether two seeds give the same path bit by bit without noise, and other ones with it."""
    probes = draw_states(model, PROBES)
    run = lambda s: np.asarray(solve(program, s, probes).paths.y)  # noqa: E731
    same = lambda s: np.array_equal(run(s), run(reseeded(s)), equal_nan=True)  # noqa: E731
    return same(without_noise(model, sets)), not same(sets)


def noise_free_distance(model: AbstractDevice, program: Program, sets: Sets) -> float:
    """Largest distance, over the scales, between states with strengths of 0 and of a solve that knows no noise."""
    probes, still = draw_states(model, PROBES), without_noise(model, sets)
    two = [solve_sets(p, still, probes) for p in (program, replace(program, noisy=False))]
    good = np.all([np.asarray(s.fate.result) == 0 for s in two], axis=0)
    a, b = (np.asarray(s.paths.y)[good] for s in two)
    return float(np.max(np.abs(a - b) / (1 + np.abs(a))))


def refused(sets: Sets) -> np.ndarray:
    """Which sets `memjax.simulate` refuses in the precision that they have, unless a user insists."""
    device = jax.tree.map(np.asarray, sets.device)
    if any(x.dtype != np.float32 for x in jax.tree.leaves(device)):
        return np.zeros(len(sets.task.place), bool)
    one = lambda k: jax.tree.map(lambda x: x[k], device)  # noqa: E731
    return np.array(
        [one(k).single_precision_flaw() is not None for k in range(len(sets.task.place))]
    )


def reverse_mode(model: AbstractDevice, program: Program, sets: Sets) -> dict[str, float]:
    """Reverse mode against forward mode.

    Returns
    -------
    dict
        "sets": how many there are; "not finite": those whose gradient in reverse mode is not; "apart": the
        largest distance from forward mode, relative to the terms of which both are sums; "far":
        sets beyond `FAR`. Derivatives that ran away are left out, from "apart" and "far" also the sets that are
        refused in this precision.
    """
    probes = draw_states(model, PROBES)
    policy = program.policy
    if isinstance(policy, mj.Stiff):
        policy = replace(policy, adjoint=dfx.RecursiveCheckpointAdjoint())
    forward = solve_sets(program, sets, probes)
    back = reverse_sets(replace(program, policy=policy), sets, probes)
    good = (np.asarray(forward.fate.result) == 0) & ~_ran_away(forward.slopes)
    both = good & _finite(back) & np.isfinite(forward.slope) & ~refused(sets)
    a, b, terms = (np.asarray(x)[both] for x in (forward.slope, back.slope, back.terms))
    apart = np.abs(a - b) / (1 + np.abs(a) + terms)
    broken, far = np.sum(~_finite(back) & good), np.sum(apart > FAR)
    worst = float(np.max(apart, initial=0.0))
    return {"sets": len(good), "not finite": int(broken), "apart": worst, "far": int(far)}
