"""Simulated devices of a prior under a protocol: what a density is trained on, and tested with."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import get, known
from memjax.errors import DataError, FitError
from memjax.lanes.choice import chosen_backend, use_backend
from memjax.noise import cycle_factors
from memjax.runtime.cores import usable_cores
from memjax.simulate import is_noisy
from memjax.solver import SemiImplicitEuler

from .prior import Prior, spread_of
from .protocol import SweepProtocol
from .statistics import SweepStatistics

CHUNK = 256
"""Devices that are solved together: one size, one program."""

_SUBSTEPS = (
    10  # fixed steps between two readings of a noisy device, as a calibration of randomness begins
)
_PRIOR, _READING = 1, 2  # streams of random numbers beside those of the devices' own noise


@dataclass(frozen=True, kw_only=True)
class Simulations:
    """Devices, and the statistics of what was read off them.

    Parameters
    ----------
    u : Float[np.ndarray, "devices free"]
        Coordinates of their parameters, see `Prior`.
    statistics : Float[np.ndarray, "replicates devices statistics"]
        Statistics; replicates are readings of the same currents with other errors.
    failed : int
        Devices whose solve failed, or whose statistics are no numbers: they are left out.
    """

    u: Float[np.ndarray, "devices free"]
    statistics: Float[np.ndarray, "replicates devices statistics"]
    failed: int = 0


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """A model under a protocol, as a function of what is drawn.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        Values of what is not free.
    protocol : SweepProtocol
        What is applied and how it is read.
    prior : Prior
        What is free.
    cycle_spread : dict of str to float
        Standard deviations from cycle to cycle of the logarithms of parameters, where these are known.
    statistics : SweepStatistics
        What is read off.
    seed : int
        Of all random numbers; those of a device depend on it and on the device's number only.
    policy : AbstractPolicy, optional
        By default fixed damped drift-implicit steps, ten between two readings, where noise acts, else adaptive ones.
    deterministic : bool
        Whether diffusion and jumps are left out.
    """

    device: Any
    protocol: SweepProtocol
    prior: Prior
    cycle_spread: dict[str, float]
    statistics: SweepStatistics
    seed: int
    policy: Any = None
    deterministic: bool = False

    def __post_init__(self):
        twice = [n for n in self.cycle_spread if f"sigma_ln({n})" in self.prior.names]
        if twice:
            what = f"a known spread of {', '.join(twice)}, which is free"
            raise DataError(what, where="cycle_spread", fix="leave it out of one of the two")
        known(self.device, self.cycle_spread, where="cycle_spread")

    def solver(self) -> mj.Fixed | mj.Auto:
        """The policy of the solves."""
        if self.policy is not None:
            return self.policy
        some = self.prior.values(np.zeros((1, len(self.prior.names))))
        if self.deterministic or not is_noisy(self.device, some):
            return mj.Auto()
        return mj.Fixed(self.protocol.gap / _SUBSTEPS, method=SemiImplicitEuler(damped=True))

    def coordinates(self, first: int, count: int) -> Float[np.ndarray, "devices free"]:
        """Coordinates of devices, by their numbers."""
        size = len(self.prior.names)
        generators = [np.random.default_rng([self.seed, _PRIOR, first + k]) for k in range(count)]
        return np.stack([rng.standard_normal(size) for rng in generators])

    def run(
        self,
        first: int,
        count: int,
        *,
        replicates: int = 1,
        tick: Callable[[int], None] | None = None,
    ) -> Simulations:
        """Draw devices, simulate and read them; coordinates and statistics, and how many failed.

        Parameters
        ----------
        first, count : int
            Number of the first device, and how many.
        replicates : int
            Readings of each device's currents.
        tick : callable, optional
            Called with the number of devices that are done.

        Raises
        ------
        FitError
            If more than half of the devices failed.
        """
        u, done, policy = self.coordinates(first, count), 0, self.solver()
        backend = chosen_backend()
        begins = range(0, count, CHUNK)

        def chunk(a: int) -> tuple[np.ndarray, np.ndarray]:
            # The last part is filled up by its last device, so that it is no program of its own.
            some = np.pad(u[a : a + CHUNK], [(0, max(a + CHUNK - len(u), 0)), (0, 0)], mode="edge")
            with use_backend(backend):  # it may be set for one thread alone
                i, good = self.currents(first + a, some, policy)
            i, good = i[: count - a], good[: count - a]
            read = [self.read(i, first + a, r) for r in range(replicates)]
            return np.stack([self.statistics(x) for x in read]).astype(np.float32), good

        statistics, good = [], []
        with ThreadPoolExecutor(usable_cores()) as pool:
            head = [chunk(0)]  # the others find the program compiled
            for s, g in chain(head, pool.map(chunk, begins[1:])):
                statistics.append(s)
                good.append(g)
                done += len(g)
                if tick is not None:
                    tick(done)
        every, solved = np.concatenate(statistics, axis=1), np.concatenate(good)
        solved &= np.isfinite(every).all(axis=(0, 2))
        failed = int(np.sum(~solved))
        if failed > count / 2:
            what = f"{failed} of {count} simulated devices failed"
            raise FitError(what, where="amortise", fix="narrow the bounds, or give another policy")
        return Simulations(u=u[solved], statistics=every[:, solved], failed=failed)

    def currents(
        self, first: int, u: Float[np.ndarray, "devices free"], policy: Any = None
    ) -> tuple[Float[np.ndarray, "devices readings"], Bool[np.ndarray, " devices"]]:
        """Currents of devices before they are read [A], and which of them were solved."""
        double, protocol = jax.config.values["jax_enable_x64"], self.protocol
        with jax.enable_x64(double):  # it may be set for one thread alone
            trace = mj.simulate(
                self.device,
                [protocol.stimuli[k] for k in protocol.order],
                save=[protocol.rows[k] for k in protocol.order],
                bench=protocol.bench,
                conditions=mj.Conditions(env=protocol.env, values=self._values(first, u)),
                policy=self.solver() if policy is None else policy,
                members=first + np.arange(len(u)),
                seed=self.seed,
                deterministic=self.deterministic,
                output=mj.Output(on_failure="ignore"),
            )
            i, result = np.asarray(trace.i), np.asarray(trace.result)
        return i, np.all(result == 0, axis=1) & np.isfinite(i).all(axis=1)

    def _values(
        self, first: int, u: Float[np.ndarray, "devices free"]
    ) -> dict[str, Float[np.ndarray, "devices sweeps"]]:
        """Parameters of each device in each sweep [SI]."""
        sweeps = len(self.protocol.order)
        drawn = self.prior.values(u)
        specs = parameter_specs(self.device)
        every = (len(u), sweeps)
        of_devices = {n: x for n, x in drawn.items() if spread_of(n) is None}
        spread: dict[str, Any] = dict(self.cycle_spread)
        spread |= {b: x[:, None] for n, x in drawn.items() if (b := spread_of(n)) is not None}
        values = {n: np.broadcast_to(x[:, None], every) for n, x in of_devices.items()}
        population = self.prior.population
        if population is not None and population.cycle_root is not None:
            own_values: Any = values
            cycles = population.sample_cycles(self.seed, own_values, first=first)
            values |= {n: np.asarray(x) for n, x in cycles.items()}
        if spread:
            unit = dict.fromkeys(sorted(spread), 1.0)
            factors = cycle_factors(self.seed, unit, members=len(u), sweeps=sweeps, first=first)
            for name, sigma in spread.items():
                center = values.get(name, np.full(every, float(get(self.device, name))))
                x = center * np.asarray(factors[name]) ** sigma
                values[name] = np.clip(x, *specs[name].bounds)
        return {n: np.ascontiguousarray(x) for n, x in values.items()}

    def read(
        self, i: Float[np.ndarray, "devices readings"], first: int, replicate: int = 0
    ) -> Float[np.ndarray, "devices readings"]:
        """Currents as the instrument reads them [A]; at its limit it knows the current."""
        p, limit = self.protocol, self.protocol.limit()
        noisy = np.empty_like(i)
        for k, currents in enumerate(i):
            rng = np.random.default_rng([self.seed, _READING, replicate, first + k])
            normal = rng.standard_normal((2, len(currents)))
            noisy[k] = currents * np.exp(p.relative * normal[0]) + p.floor * normal[1]
        if p.resolution:
            noisy = p.resolution * np.round(noisy / p.resolution)
        return noisy if limit is None else np.where(np.abs(i) < 0.99 * limit, noisy, i)
