"""A network of groups and projections."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..errors import NetworkError
from .groups import Group
from .plan import Clock, checked, clock
from .projection import Projection


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Groups of neurons and sources, and the projections between them.

    Parameters
    ----------
    groups : sequence of Neurons, Poisson or SpikeList
        Its members.
    projections : sequence of Projection
        Who acts on whom.
    dt : float
        Step [s].
    seed : int
        Of all noise and of the Poisson sources: the noise of neuron m of the k-th group depends on seed, k and m
        only.
    exchange_steps : int, optional
        Steps between two exchanges of spikes; by default the greatest number, at most 256, of which all
        delays are multiples.
    dtype : str
        "float32" or "float64" (where JAX has it enabled).
    """

    groups: Sequence[Group]
    projections: Sequence[Projection] = ()
    dt: float
    seed: int = 0
    exchange_steps: int | None = None
    dtype: str = "float32"

    def __post_init__(self):
        if not self.groups:
            raise NetworkError("no groups", where="Network", allowed="one or more")
        if self.dtype not in ("float32", "float64") or (
            self.dtype == "float64" and not jax.config.values["jax_enable_x64"]
        ):
            raise NetworkError(
                f"dtype = {self.dtype!r}",
                allowed="float32, or float64 with jax_enable_x64",
                where="Network",
            )
        checked(self.groups, self.projections)
        clock(self.dt, self.projections, self.exchange_steps)

    @property
    def clock(self) -> Clock:
        """Its step, and the steps between two exchanges."""
        return clock(self.dt, self.projections, self.exchange_steps)

    def exchanges(self, duration: float) -> int:
        """A duration [s] as so many exchange intervals, rounded up."""
        if not (np.isfinite(duration) and duration > 0):
            raise NetworkError(f"duration = {duration!r} s", allowed="a finite number > 0 s")
        at = self.clock
        n = int(np.ceil(duration / at.exchange - 1e-6))
        if n * at.steps >= 2**31:
            raise NetworkError(
                f"{duration / at.dt:.3g} steps",
                where="Network",
                allowed="fewer than 2^31",
                fix="a longer step",
            )
        return n

    def digest(self) -> str:
        """A word that tells this network from any other: groups, connections, step, seed."""
        found = hashlib.sha256()
        _digest(found, {f.name: getattr(self, f.name) for f in fields(self)})
        return found.hexdigest()


def _digest(into: Any, x: Any) -> None:
    """Add a value, and all that it holds, to a digest."""
    if isinstance(x, eqx.Module):
        dynamic, static = eqx.partition(x, eqx.is_array)
        into.update(f"{jax.tree.structure(static)}{jax.tree.leaves(static)}".encode())
        _digest(into, jax.tree.leaves(dynamic))
    elif is_dataclass(x):
        _digest(into, {f.name: getattr(x, f.name) for f in fields(x)})
    elif isinstance(x, Mapping):
        for key, value in x.items():
            into.update(f"{key}:".encode())
            _digest(into, value)
    elif isinstance(x, list | tuple):
        into.update(f"{len(x)}[".encode())
        for value in x:
            _digest(into, value)
    elif isinstance(x, np.ndarray | jax.Array):
        whole = np.ascontiguousarray(x)
        into.update(f"{whole.shape}{whole.dtype}".encode())
        into.update(whole.data)
    else:
        into.update(repr(x).encode())
