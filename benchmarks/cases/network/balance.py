"""A balanced network beside Brian2, its neurons beside the adaptive policy, and its rate at half the step."""

import dataclasses
from pathlib import Path

import numpy as np

import memjax as mj
from benchmarks.cases.network import ours, problem as pb
from benchmarks.cases.network.spikes import Spikes, paired_z, statistics
from memjax import network as nw

SKIPPED = 0.1
"""Beginning of a run that is not looked at [s]: five relaxation times of the residue."""


def by_block(problem: pb.Problem, spikes: dict[str, Spikes], blocks: int) -> dict[str, np.ndarray]:
    """Statistics of each block, by group and name."""
    window, found = (min(SKIPPED, problem.duration / 2), problem.duration), {}
    for group, n in problem.neurons.items():
        own = statistics(spikes[group], n=n, blocks=blocks, window=window)
        found |= {f"{name} of {group}": x for name, x in own.items()}
    return found


def theirs(path: Path, problem: pb.Problem) -> dict[str, Spikes]:
    """Spikes in a file of the peer."""
    with np.load(path) as arrays:
        return {n: (arrays[f"{n}.number"], arrays[f"{n}.time"]) for n in problem.neurons}


def _arrivals(
    problem: pb.Problem, spikes: dict[str, Spikes], group: str, member: int
) -> np.ndarray:
    """Steps and weights of what arrives at a neuron, one row each."""
    rows = []
    for w in problem.wires:
        if w.post != group:
            continue
        number, time = spikes[w.pre]
        sources, often = np.unique(w.ends[0][w.ends[1] == member], return_counts=True)
        some = np.flatnonzero(np.isin(number, sources))
        weight = w.weight * often[np.searchsorted(sources, number[some])]
        step = np.rint((time[some] + pb.DELAY) / problem.dt)
        rows.append(np.stack([step, weight], axis=1))
    return np.concatenate(rows)


def drive(problem: pb.Problem, spikes: dict[str, Spikes], group: str, member: int) -> mj.Sampled:
    """Input of one neuron as recorded spikes make it: exponentials, sampled where they jump and between."""
    rows = _arrivals(problem, spikes, group, member)
    n = problem.steps
    jump = np.zeros(n + 1)
    inside = rows[:, 0] <= n
    np.add.at(jump, rows[inside, 0].astype(int), rows[inside, 1])
    jumps = np.flatnonzero(jump)
    # A jump takes one step, as in the network; between jumps the decay is followed by straight lines.
    knots = np.unique(np.concatenate([jumps, jumps - 1, np.arange(0, n + 1, GRID), [n]]).clip(0))
    decay, value, last = np.exp(-problem.dt / pb.TAU), 0.0, 0
    values = np.empty(len(knots))
    for k, at in enumerate(knots):
        value = value * decay ** (at - last) + jump[at]
        values[k], last = value, at
    return mj.Sampled(knots * problem.dt, values + problem.constants["bias"])


GRID = 400
"""Steps between two points of a recorded drive at most: straight lines miss an exponential by 2e-4 of it."""


def adaptive(problem: pb.Problem, run: nw.Recording, *, count: int, save: float = 1e-5) -> dict:
    """What the first neurons do in a network, and each alone under the adaptive policy with the same input.

    Parameters
    ----------
    problem : Problem
        The network.
    run : Recording
        What happened in it.
    count : int
        How many neurons; figures are of some ten of them at a time.
    save : float
        Time between two looks at the gate [s].
    """
    c = problem.constants
    cell = ours.circuit(c)
    grid = np.arange(0.0, problem.duration, save)
    stimuli = [drive(problem, run.spikes, "e", k) for k in range(count)]
    found, failed = [], 0
    for k, stimulus in enumerate(stimuli):
        trace = mj.simulate(
            cell,
            _padded(stimulus, stimuli),
            policy=mj.Stiff(),
            save=grid,
            seed=k,
            output=mj.Output(on_failure="ignore"),
        )
        failed += int(not np.all(np.asarray(trace.result) == 0))
        gate = np.asarray(trace.state["gate.v"][0])
        found.append(grid[_fires(gate, c["level"], c["rearm"])])
    alone = np.repeat(np.arange(count), [len(x) for x in found]), np.concatenate(found)
    number, time = run.spikes["e"]
    inside = number[number < count], time[number < count]
    window = (min(SKIPPED, problem.duration / 2), problem.duration)
    about = {"n": count, "blocks": max(count // 10, 2), "window": window}
    compared = paired_z(*(statistics(x, **about) for x in (inside, alone)))
    return {k: x | {"failed": failed} for k, x in compared.items()}


def _padded(one: mj.Sampled, all: list[mj.Sampled]) -> mj.Sampled:
    """A drive with as many points as the longest, so that one program serves all."""
    more = max(len(s.times) for s in all) - len(one.times)
    times, values = np.asarray(one.times), np.asarray(one.values)
    late = times[-1] + 1e-3 * np.arange(1, more + 1)
    return mj.Sampled(np.append(times, late), np.append(values, np.full(more, values[-1])))


def _fires(x: np.ndarray, level: float, rearm: float) -> np.ndarray:
    """Rows at which a signal rises above a level after it was below another one."""
    mark = np.where(x > level, 1, np.where(x < rearm, -1, 0))
    at = np.flatnonzero(mark)
    known = mark[at]
    return at[1:][(known[1:] == 1) & (known[:-1] == -1)]


def halved(blocks: int, *, duration: float, scale: int) -> dict:
    """Paired difference of rates at a step and at half of it: same connections, same spikes of the sources."""
    coarse = pb.balanced(blocks, duration=duration, scale=scale)
    fine = dataclasses.replace(coarse, dt=coarse.dt / 2, steps=2 * coarse.steps)
    m, rate = coarse.sources["input"]
    rng = np.random.default_rng(11)
    total = rng.poisson(m * rate * duration)
    told = nw.SpikeList(
        name="input",
        n=m,
        source=rng.integers(0, m, total, dtype=np.int32),
        time=np.rint(rng.uniform(0, duration, total) / coarse.dt) * coarse.dt,
    )
    found = []
    for problem in (coarse, fine):
        run = nw.run(ours.network(problem, told={"input": told}), duration)
        rates = by_block(problem, run.spikes, blocks)
        found.append({k: x for k, x in rates.items() if k.startswith("rate")})
    return paired_z(*found)
