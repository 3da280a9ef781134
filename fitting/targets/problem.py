"""Residuals of wanted numbers: logarithms of simulated over wanted, in units of the tolerances."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.transforms import from_spec

from ..problem import AbstractProblem, Linearised, secant_points
from .protocol import Protocol
from .target import Target

STEP, NOISY_STEP = 0.02, 0.2
"""Differences of coordinates for derivatives: without noise, and of averages over members with noise."""


class TargetResiduals(AbstractProblem):
    """Residuals of targets under their protocols, then those of the prior about the start; derivatives are secants.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`.
    targets : tuple of Target
        What is wanted.
    protocols : tuple of Protocol
        What is simulated.
    places : tuple of (int, int)
        Protocol of each target, and its place there.
    members : int
        Members of each point that are averaged; 1 without noise.
    seed : int
        Of their noise, the same for all points.
    points : int
        Points that are simulated together: one size, one program.
    offset : tuple of float
        What is added to the logarithms: what noise and finer steps change, see `fitting.targets.fit`.
    """

    device: mj.AbstractDevice | mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    targets: tuple[Target, ...] = eqx.field(static=True)
    protocols: tuple[Protocol, ...] = eqx.field(static=True)
    places: tuple[tuple[int, int], ...] = eqx.field(static=True)
    members: int = eqx.field(static=True)
    seed: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    offset: tuple[float, ...] = eqx.field(static=True)
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))

    @property
    def noisy(self) -> bool:
        """Whether averages over members with noise are compared."""
        return self.members > 1

    @property
    def _wanted(self) -> Float[np.ndarray, " targets"]:
        """Logarithms of the wanted values."""
        return np.log([t.value for t in self.targets])

    @property
    def _tolerances(self) -> Float[np.ndarray, " targets"]:
        """Tolerances of these logarithms."""
        return np.log1p([t.share for t in self.targets])

    def read(self, device: Any, **options: Any) -> Float[np.ndarray, "members targets"]:
        """Observables of members [their units] under all protocols; options as for `memjax.simulate`."""
        values = [p.read(p.simulate(device, **options)) for p in self.protocols]
        return np.stack([values[a][:, b] for a, b in self.places], axis=1)

    def observe(self, z: Float[np.ndarray, "points free"]) -> Float[np.ndarray, "points targets"]:
        """Observables at points [their units], averaged over members; NaN where most members do not show one."""
        groups = [self._observe(z[k : k + self.points]) for k in range(0, len(z), self.points)]
        return np.concatenate(groups)

    def _observe(self, z: np.ndarray) -> np.ndarray:
        """`observe` of as many points as are simulated together, or fewer."""
        specs, padded = parameter_specs(self.device), np.resize(z, (self.points, z.shape[1]))
        columns = {n: from_spec(specs[n]).inverse(x) for n, x in zip(self.free, padded.T)}
        options: dict[str, Any] = {"members": self.points * self.members, "deterministic": True}
        if self.noisy:  # every point has the same noise
            numbers = np.tile(np.arange(self.members), self.points)
            options = {"members": numbers, "seed": self.seed}
        values = {
            n: np.repeat(np.asarray(x, float), self.members)[:, None] for n, x in columns.items()
        }
        values = self.read(self.device, values=values, **options)
        groups = values.reshape(self.points, self.members, len(self.targets))[: len(z)]
        return np.stack([center_of(x, self.targets) for x in groups])

    def off(
        self, values: Float[np.ndarray, "points targets"]
    ) -> Float[np.ndarray, "points targets"]:
        """How far observables are from the targets [tolerances], large distances reduced to their roots.

        A target out of reach would else drag along the others, for any small gain.
        """
        misses = (np.log(values) + np.array(self.offset) - self._wanted) / self._tolerances
        return np.sign(misses) * np.sqrt(2 * (np.sqrt(1 + misses**2) - 1))  # soft L1

    def logs(self, off: Float[np.ndarray, "points targets"]) -> Float[np.ndarray, "points targets"]:
        """Logarithms of the observables that are so far off; the inverse of `off`."""
        misses = np.sign(off) * np.sqrt((1 + off**2 / 2) ** 2 - 1)
        return misses * self._tolerances + self._wanted - np.array(self.offset)

    @property
    def step(self) -> float:
        """Difference of coordinates for derivatives."""
        return NOISY_STEP if self.noisy else STEP

    @property
    def moves(self) -> Float[np.ndarray, "points free"]:
        """None, and that of each coordinate alone."""
        return secant_points(np.zeros((1, len(self.free))), self.step)[0]

    def slopes(
        self, logs: Float[np.ndarray, "points targets"]
    ) -> Float[np.ndarray, "targets free"]:
        """Derivatives [tolerances], 0 where not known, of logarithms of the observables at a point and its `moves`."""
        secants = np.nan_to_num((logs[1:] - logs[:1]).T / self.step)
        return secants / self._tolerances[:, None]

    def linearise(self, z: Float[np.ndarray, "points free"]) -> Linearised:
        points = secant_points(z, self.step)
        off = self.off(self.observe(points.reshape(-1, z.shape[1])))
        r, jacobian = self.by_secants(off.reshape(*points.shape[:2], -1), z, self.step)
        # What a neighbour does not show says nothing of the slope there; the point itself counts.
        return r, np.nan_to_num(jacobian), np.asarray(np.isfinite(r).all(axis=1))


def center_of(
    values: Float[np.ndarray, "members targets"], targets: tuple[Target, ...]
) -> Float[np.ndarray, " targets"]:
    """Medians over members, of spike trains means; NaN where fewer than half of the members show a value."""
    shown = np.isfinite(values)
    filled = np.where(shown.any(axis=0), values, 0.0)
    columns = zip(filled.T, targets, strict=True)
    middle = [np.nanmean(x) if t.of_train else np.nanmedian(x) for x, t in columns]
    return np.where(2 * shown.sum(axis=0) >= len(values), middle, np.nan)
