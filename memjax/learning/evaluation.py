"""A reservoir judged on a task: scores over seeds, what it remembers, what it takes from noise and spread, controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .. import params
from ..fields import parameter_specs
from ..noise import cycle_factors
from .readout import fit_ridge
from .reservoir import Reservoir
from .scores import control_states, memory_capacity, nrmse
from .series import Series

WASHOUT = 50
"""First steps of a series, which do not count: the devices start at rest."""

FACTORS = (0.0, 0.5, 1.0, 2.0)
"""By how much noise and spread are multiplied where their price is shown."""


@dataclass(frozen=True, kw_only=True)
class ReservoirStudy:
    """What a reservoir made of a task.

    Parameters
    ----------
    task : Series
        The task.
    reservoir : Reservoir
        The reservoir, without spread.
    train : int
        Steps that trained the read-out; the rest is the test.
    errors : Float[np.ndarray, "seeds"]
        NRMSE of the test for each seed of noise, spread and mask.
    control, alone : float
        NRMSE of as many random nonlinear functions of the present input (no memory), and of a linear read-out of the
        present input.
    capacity : Float[np.ndarray, "delays"]
        Memory for each delay from 1, see `memory_capacity`.
    price : mapping of float to Float[np.ndarray, "seeds"]
        NRMSE where noise and spread were multiplied by a factor.
    output : Float[np.ndarray, "test"]
        Of the first seed.
    """

    task: Series
    reservoir: Reservoir
    train: int
    errors: Float[np.ndarray, " seeds"]
    control: float
    alone: float
    capacity: Float[np.ndarray, " delays"]
    price: Mapping[float, Float[np.ndarray, " seeds"]]
    output: Float[np.ndarray, " test"]

    def to_json(self) -> dict:
        """Numbers of the study."""
        r = self.reservoir
        return {
            "task": self.task.name,
            "steps": len(self.task.inputs),
            "train": self.train,
            "devices": int(r.mask.shape[0]),
            "nodes": int(r.mask.shape[1]),
            "hold_s": r.hold,
            "gain_V": float(r.gain),
            "offset_V": float(r.offset),
            "reading": r.reading,
            "nrmse": {
                "mean": float(self.errors.mean()),
                "sd": _spread(self.errors),
                "seeds": self.errors.tolist(),
            },
            "nrmse_without_memory": self.control,
            "nrmse_readout_alone": self.alone,
            "memory_capacity": {
                "sum": float(self.capacity.sum()),
                "by_delay": self.capacity.tolist(),
            },
            "nrmse_by_noise_and_spread": {
                str(k): {"mean": float(x.mean()), "sd": _spread(x)} for k, x in self.price.items()
            },
        }


def _spread(x: np.ndarray) -> float | None:
    return float(x.std(ddof=1)) if len(x) > 1 else None


def study(
    reservoir: Reservoir,
    task: Series,
    *,
    spread: Mapping[str, float] | None = None,
    seeds: int = 20,
    train: int | None = None,
) -> ReservoirStudy:
    """Judge a reservoir on a task.

    Parameters
    ----------
    reservoir : Reservoir
        What is judged.
    task : Series
        The task.
    spread : mapping of str to float, optional
        Standard deviation of the logarithm of parameters that differ from device to device.
    seeds : int
        Runs with noise and devices of their own; each trains its own read-out.
    train : int, optional
        Steps that train the read-out; 60 % by default.
    """
    spread = dict(spread or {})
    train = int(0.6 * len(task.inputs)) if train is None else train
    score = lambda x: _test_error(x, task, train)  # noqa: E731
    # Without noise and spread all runs are one; at the factors between a few runs show the price.
    runs = {factor: {0.0: 1, 1.0: seeds}.get(factor, min(seeds, 5)) for factor in FACTORS}
    states = {
        factor: _states(
            scale_noise(reservoir, factor), task.inputs, {n: factor * s for n, s in spread.items()}, many,
            factor == 0,
        )
        for factor, many in runs.items()
    }  # fmt: skip
    price = {f: np.array([score(x)[0] for x in each]) for f, each in states.items()}
    u = np.random.default_rng(0).uniform(size=len(task.inputs))
    memory = _states(reservoir, u, spread, 1, False)[0]
    return ReservoirStudy(
        task=task,
        reservoir=reservoir,
        train=train,
        errors=price[1.0],
        control=score(control_states(task.inputs, reservoir.count))[0],
        alone=score(task.inputs[:, None])[0],
        capacity=memory_capacity(memory, u, washout=WASHOUT),
        price=price,
        output=score(states[1.0][0])[1],
    )


def scale_noise(reservoir: Reservoir, factor: float) -> Reservoir:
    """The reservoir with all noise of its devices and of their reading multiplied by a factor.

    At 0 the strengths of the devices stay: they may act on the drift, and whoever wants no noise runs it deterministic.
    """
    specs = parameter_specs(reservoir.device)
    noisy = {n for n, s in specs.items() if s.noise and params.get(reservoir.device, n) is not None}
    scaled = {n: factor * float(params.get(reservoir.device, n)) for n in noisy} if factor else {}
    return replace(
        eqx.tree_at(lambda r: r.device, reservoir, params.replace(reservoir.device, scaled)),
        relative=factor * reservoir.relative,
        floor=factor * reservoir.floor,
    )


def _states(
    reservoir: Reservoir, inputs: np.ndarray, spread: Mapping[str, float], seeds: int, quiet: bool
) -> Float[np.ndarray, "seeds steps states"]:
    """States of runs with noise and devices of their own."""
    sigmas = {n: s for n, s in spread.items() if s > 0}
    if sigmas:
        factors = cycle_factors(0, sigmas, members=seeds, sweeps=reservoir.mask.shape[0])
        own = params.scale(reservoir.device, factors)
        reservoir = replace(reservoir, values=dict(reservoir.values) | own)
    return np.asarray(reservoir.states(jnp.asarray(inputs), members=seeds, deterministic=quiet))


def _test_error(states: np.ndarray, task: Series, train: int) -> tuple[float, np.ndarray]:
    """NRMSE of the steps after the training, and the output there."""
    readout = fit_ridge(states[WASHOUT:train], task.targets[WASHOUT:train])
    output = readout(states[train:])[:, 0]
    return nrmse(output, task.targets[train:]), output


def tune(
    reservoir: Reservoir,
    task: Series,
    *,
    gains: Sequence[float],
    offsets: Sequence[float],
    holds: Sequence[float],
    train: int | None = None,
    seed: int = 1,
) -> Reservoir:
    """The reservoir with the gain, offset and hold time of the smallest error on steps held out of the training.

    Parameters
    ----------
    reservoir : Reservoir
        With noise as it is.
    task : Series
        Of which only the steps before `train` are used.
    gains, offsets, holds : sequence of float
        What is tried, each with each [V, V, s].
    train : int, optional
        60 % of the steps by default.
    seed : int
        Of the noise; another one than that of a study.
    """
    train = int(0.6 * len(task.inputs)) if train is None else train
    part = Series(name=task.name, inputs=task.inputs[:train], targets=task.targets[:train])
    best, least = reservoir, np.inf
    for hold, gain, offset in product(holds, gains, offsets):
        one = replace(reservoir, hold=hold, gain=jnp.asarray(gain), offset=jnp.asarray(offset))
        states = np.asarray(one.states(jnp.asarray(part.inputs), seed=seed)[0])
        error = _test_error(states, part, int(0.7 * train))[0]
        if error < least:
            best, least = one, error
    return best
