"""A reservoir judged on a task: scores over seeds, what it remembers, what it takes from noise and spread, controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core import params
from ..errors import BoundsError
from ..population import Population
from .readout import fit_ridge
from .reservoir import Reservoir
from .scores import control_states, memory_capacity, nrmse
from .series import Series

WASHOUT = 50
"""First steps of a series, which do not count: the devices start at rest."""


@dataclass(frozen=True, kw_only=True)
class ReservoirStudy:
    """Results of a reservoir on a task.

    Parameters
    ----------
    task : Series
        The task.
    reservoir : Reservoir
        The reservoir, its devices all alike.
    spread : mapping of str to float
        Standard deviation of the logarithm of parameters from device to device.
    train : int
        Steps that trained the read-out; the rest is the test.
    errors : Float[np.ndarray, "seeds"]
        NRMSE of the test for each seed of noise and devices.
    control, alone : float
        NRMSE of as many random nonlinear functions of the present input, without noise (no memory), and of a linear
        read-out of the present input.
    capacity : Float[np.ndarray, "delays"]
        Memory for each delay from 1, see `memory_capacity`.
    price : mapping of float to Float[np.ndarray, "seeds"]
        NRMSE where all noise and spread were multiplied by a factor.
    sources : mapping of str to Float[np.ndarray, "seeds"]
        NRMSE with one source of randomness at a time: noise in the "device", of the "read"-ings, of parameters from
        cycle to cycle ("cycles"), from device to device ("devices"); with "none" and with "all".
    output : Float[np.ndarray, "test"]
        Of the first seed.
    """

    task: Series
    reservoir: Reservoir
    spread: Mapping[str, float]
    train: int
    errors: Float[np.ndarray, " seeds"]
    control: float
    alone: float
    capacity: Float[np.ndarray, " delays"]
    price: Mapping[float, Float[np.ndarray, " seeds"]]
    sources: Mapping[str, Float[np.ndarray, " seeds"]]
    output: Float[np.ndarray, " test"]

    def to_json(self) -> dict:
        """Numbers of the study."""
        return {
            "task": self.task.name,
            "steps": len(self.task.inputs),
            "train": self.train,
            "reservoir": describe(self.reservoir, self.spread),
            "nrmse": summary(self.errors),
            "nrmse_without_memory": self.control,
            "nrmse_readout_alone": self.alone,
            "memory_capacity": {
                "sum": float(self.capacity.sum()),
                "by_delay": self.capacity.tolist(),
            },
            "nrmse_by_noise_and_spread": {str(k): summary(x) for k, x in self.price.items()},
            "nrmse_by_source": {k: summary(x) for k, x in self.sources.items()},
        }


def describe(reservoir: Reservoir, spread: Mapping[str, float]) -> dict:
    """Settings of a reservoir, its noise and its spread, for a file."""
    r = reservoir
    return {
        "model": r.device.name,
        "parameters": params.to_dict(r.device),
        "devices": int(r.mask.shape[0]),
        "nodes": int(r.mask.shape[1]),
        "hold_s": float(r.hold),
        "gain_V": np.asarray(r.gain).tolist(),
        "offset_V": np.asarray(r.offset).tolist(),
        "mask": np.asarray(r.mask).tolist(),
        "reading": r.reading,
        "read_voltage_V": r.read_voltage,
        "solver_steps": r.steps,
        "session_steps": r.session,
        "warmup_steps": r.warmup,
        "read_noise": {"relative": r.relative, "floor_A": r.floor},
        "cycle_spread": dict(r.cycle_spread),
        "device_spread": dict(spread),
    } | ({} if r.population is None else {"population": _describe_population(r.population)})


def _describe_population(population: Population) -> dict:
    """Medians, and standard deviations in the coordinates in which a population is normal."""
    rows = {"devices": population.covariance, "cycles": population.cycle_covariance}
    deviations = {k: np.sqrt(np.diag(np.asarray(x))) for k, x in rows.items()}
    median = {n: float(x) for n, x in population.median().items()}
    return {"median": median} | {
        f"deviation_of_{k}": dict(zip(population.names, x.tolist())) for k, x in deviations.items()
    }


def _spread(x: np.ndarray) -> float | None:
    return float(x.std(ddof=1)) if len(x) > 1 else None


def summary(x: np.ndarray) -> dict:
    """Mean, standard deviation and each value of a score over seeds."""
    return {"mean": float(x.mean()), "sd": _spread(x), "seeds": x.tolist()}


def study(
    reservoir: Reservoir,
    task: Series,
    *,
    spread: Mapping[str, float] | None = None,
    seeds: int = 20,
    seed: int = 0,
    train: int | None = None,
    few: int = 3,
) -> ReservoirStudy:
    """Judge a reservoir on a task.

    Parameters
    ----------
    reservoir : Reservoir
        What is judged.
    task : Series
        The task.
    spread : mapping of str to float, optional
        Standard deviation of the logarithm of parameters that differ from device to device; they stay the same
        between training and test.
    seeds : int
        Runs with noise and devices of their own; each trains its own read-out.
    seed : int
        Of the first run; the others have the next ones.
    train : int, optional
        Steps that train the read-out; 60 % by default.
    few : int
        Runs behind each figure that shows what noise and spread cost.
    """
    spread = {n: s for n, s in (spread or {}).items() if s > 0}
    train = training_steps(task, train)

    def runs(one: Reservoir, count: int, sigma: Mapping[str, float] = spread):
        """Error and output of each run, one after the other: all at once would fill the memory."""
        for k in range(seed, seed + count):
            drawn = one.draw_devices(sigma, members=1, seed=k)
            states = np.asarray(drawn.states(jnp.asarray(task.inputs), seed=k)[0])
            yield heldout_error(states, task, train)

    def errors(one: Reservoir, count: int, sigma: Mapping[str, float] = spread) -> np.ndarray:
        return np.array([error for error, _ in runs(one, count, sigma)])

    few, none = min(few, seeds), dict(device=0.0, read=0.0, cycles=0.0, devices=0.0)
    # Without noise and spread all runs are one.
    quiet = errors(reservoir.scale_noise(**none), 1, {})
    scores = list(runs(reservoir, seeds))
    totals = np.array([x for x, _ in scores])
    price = {0.0: quiet, 1.0: totals}
    for f in (0.5, 2.0):
        sigma = {n: f * s for n, s in spread.items()}
        price[f] = errors(reservoir.scale_noise(**dict.fromkeys(none, f)), few, sigma)
    sources = {"none": quiet}
    for name in none:
        if name != "devices":
            sources[name] = errors(reservoir.scale_noise(**none | {name: 1.0}), few, {})
        elif spread or reservoir.population is not None:
            sources[name] = errors(reservoir.scale_noise(**none | {name: 1.0}), few)
    sources["all"] = totals
    # Memory is that of independent inputs: a task's own remember one another.
    u = np.random.default_rng(seed).uniform(size=len(task.inputs))
    memory = reservoir.draw_devices(spread, members=1, seed=seed).states(jnp.asarray(u), seed=seed)
    return ReservoirStudy(
        task=task,
        reservoir=reservoir,
        spread=spread,
        train=train,
        errors=totals,
        control=heldout_error(control_states(task.inputs, reservoir.count), task, train)[0],
        alone=heldout_error(task.inputs[:, None], task, train)[0],
        capacity=memory_capacity(np.asarray(memory)[0], u, washout=WASHOUT),
        price=dict(sorted(price.items())),
        sources=sources,
        output=scores[0][1],
    )


def training_steps(task: Series, train: int | None) -> int:
    """Steps of the training: 60 % by default.

    Raises
    ------
    BoundsError
        Where training or test would have too few.
    """
    train = int(0.6 * len(task.inputs)) if train is None else train
    if not WASHOUT + 10 <= train <= len(task.inputs) - 10:
        raise BoundsError(
            f"{train} of {len(task.inputs)} steps for the training",
            where="study",
            allowed=f"at least {WASHOUT + 10}, of which {WASHOUT} do not count, and 10 for the test",
        )
    return train


def training_part(task: Series, train: int | None) -> tuple[Series, int]:
    """The steps of the training alone, and how many of them fit a read-out that the others judge: 70 %."""
    train = training_steps(task, train)
    part = Series(name=task.name, inputs=task.inputs[:train], targets=task.targets[:train])
    return part, training_steps(part, int(0.7 * train))


def heldout_error(states: np.ndarray, task: Series, train: int) -> tuple[float, np.ndarray]:
    """NRMSE of the steps after the training, and the output there."""
    readout = fit_ridge(states[WASHOUT:train], task.targets[WASHOUT:train])
    output = readout(states[train:])[:, 0]
    return nrmse(output, task.targets[train:]), output


def tune(
    reservoir: Reservoir,
    task: Series,
    *,
    gains: Sequence[float | np.ndarray],
    offsets: Sequence[float | np.ndarray],
    holds: Sequence[float],
    spread: Mapping[str, float] | None = None,
    train: int | None = None,
    seed: int = 1,
    members: int = 1,
) -> Reservoir:
    """The reservoir with the gain, offset and hold time of the smallest error on steps held out of the training.

    Parameters
    ----------
    reservoir : Reservoir
        With noise as it is.
    task : Series
        Of which only the steps before `train` are used.
    gains, offsets, holds : sequence of float, or of Float[np.ndarray, "devices"]
        What is tried, each with each [V, V, s].
    spread : mapping of str to float, optional
        From device to device, as in `study`.
    train : int, optional
        60 % of the steps by default.
    seed : int
        Of the noise; another one than that of a study.
    members : int
        Runs over which the error is averaged.
    """
    part, fitted = training_part(task, train)
    drawn = reservoir.draw_devices(spread or {}, members=members, seed=seed)
    best, least = reservoir, np.inf
    for hold, gain, offset in product(holds, gains, offsets):
        setting = dict(hold=jnp.asarray(hold), gain=jnp.asarray(gain), offset=jnp.asarray(offset))
        one = replace(drawn, **setting)
        states = np.asarray(one.states(jnp.asarray(part.inputs), seed=seed, members=members))
        error = np.mean([heldout_error(x, part, fitted)[0] for x in states])
        if error < least:
            best, least = replace(reservoir, **setting), float(error)
    return best
