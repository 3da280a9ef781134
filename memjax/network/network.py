"""A network of groups and projections."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import jax
import numpy as np

from ..errors import NetworkError
from ..runtime.arguments import as_seed
from .checks import is_number, is_whole, require
from .digest import Digest
from .engine import Engine
from .groups import Group, Poisson
from .memory import check_memory
from .plan import Clock, clock, groups_by_name, plan
from .projection import Projection


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Groups of neurons and sources, and the projections between them.

    Parameters
    ----------
    groups : sequence of Neurons, Poisson or SpikeList
        Its members.
    projections : sequence of Projection
        Connections between the groups.
    dt : float
        Step [s].
    seed : int
        Of all noise and of the Poisson sources: the noise of neuron m of the k-th group depends on seed, k and m
        only.
    exchange_steps : int, optional
        Steps between two exchanges of spikes, no more than the shortest delay has; by default as many, at most 256, or
        the greatest number below that all delays and widths of whole projections are multiples of.
    dtype : str
        "float32" or "float64" (where JAX has it enabled).
    """

    # The engine of the last run stands beside the fields: neither digest, copies nor `vars` know of it.
    __slots__ = ("__dict__", "__weakref__", "_engine")

    groups: Sequence[Group]
    projections: Sequence[Projection] = ()
    dt: float
    seed: int = 0
    exchange_steps: int | None = None
    dtype: str = "float32"

    def __post_init__(self):
        for name, kind, allowed in (
            ("groups", Group, "a list of Neurons, Poisson or SpikeList"),
            ("projections", Projection, "a list of Projection"),
        ):
            x = getattr(self, name)
            fine = isinstance(x, Sequence) and all(isinstance(y, kind) for y in x)
            require(fine, name, x, where="Network", allowed=allowed)
        seed = as_seed(self.seed, where="Network", error=NetworkError)
        object.__setattr__(self, "seed", seed)
        steps = self.exchange_steps
        fine = steps is None or is_whole(steps)
        require(fine, "exchange_steps", steps, where="Network", allowed="a whole number, 1 to 4096")
        require(is_number(self.dt), "dt", self.dt, where="Network", allowed="a finite number > 0 s")
        if not self.groups:
            raise NetworkError("no groups", where="Network", allowed="one or more")
        if (
            not isinstance(self.dtype, str)
            or self.dtype not in ("float32", "float64")
            or (self.dtype == "float64" and not jax.config.values["jax_enable_x64"])
        ):
            raise NetworkError(
                f"dtype = {self.dtype!r}",
                allowed="float32, or float64 with jax_enable_x64",
                where="Network",
            )
        for g in self.groups:
            rate = float(np.max(g.rate, initial=0.0)) if isinstance(g, Poisson) else 0.0
            fine = rate * self.dt < 1
            allowed = f"below 1/dt = {1 / self.dt:g} 1/s" if self.dt else "dt > 0 s"
            require(fine, "rate", rate, where=f"group {g.name!r}", allowed=allowed)
        groups_by_name(self.groups, self.projections)
        clock(self.dt, self.projections, self.exchange_steps)

    @property
    def clock(self) -> Clock:
        """Its step, and the steps between two exchanges."""
        return clock(self.dt, self.projections, self.exchange_steps)

    def steps(self, duration: float) -> int:
        """A duration [s] as so many steps: the nearest number, at least one."""
        fine = is_number(duration) and duration > 0
        require(fine, "duration", duration, where="Network", allowed="a finite number > 0 s")
        steps = float(duration) / float(self.dt)  # infinite where it overflows
        # The exchange interval in which a run ends may end later.
        if not steps < 2**31 - self.clock.steps:
            raise NetworkError(
                f"{steps:.3g} steps",
                where="Network",
                allowed="fewer than 2^31",
                fix="a longer step",
            )
        return max(round(steps), 1)

    def digest(self) -> str:
        """A hash that identifies this network: groups, connections, step, seed."""
        return Digest().add({f.name: getattr(self, f.name) for f in fields(self)}).word()

    def engine(self, devices: Sequence[Any]) -> Engine:
        """The network on some devices, laid out at the first call and held for the next one on the same devices.

        Raises
        ------
        NetworkError
            If it does not fit, see `memjax.network.estimate`.
        """
        devices, engine = list(devices), getattr(self, "_engine", None)
        if engine is None or engine.devices != devices:
            check_memory(self, devices)
            options: dict[str, Any] = dict(dt=self.dt, steps=self.exchange_steps, dtype=self.dtype)
            network_plan = plan(self.groups, self.projections, shards=len(devices), **options)
            engine = Engine(network_plan, seed=self.seed, devices=devices, dtype=self.dtype)
            object.__setattr__(self, "_engine", engine)
        return engine

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))
