"""Residuals of wanted numbers: logarithms of simulated over wanted, in units of the tolerances."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.fields import parameter_specs
from memjax.transforms import from_spec

from ..problem import PRIOR_SIGMA, AbstractProblem
from .protocol import Protocol, member_values, read_members
from .target import Target

STEP, NOISY_STEP = 0.02, 0.2
"""Differences of coordinates for derivatives: without noise, and of averages over members with noise."""


class TargetProblem(AbstractProblem):
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

    def values(
        self, z: Float[np.ndarray, "points free"]
    ) -> dict[str, Float[np.ndarray, " points"]]:
        """Values of the free parameters at points [SI]."""
        specs = parameter_specs(self.device)
        return {
            n: np.asarray(from_spec(specs[n]).inverse(z[:, k])) for k, n in enumerate(self.free)
        }

    def observe(self, z: Float[np.ndarray, "points free"]) -> Float[np.ndarray, "points targets"]:
        """Observables at points [their units], averaged over members; NaN where most members do not show one."""
        found = [self._observe(z[k : k + self.points]) for k in range(0, len(z), self.points)]
        return np.concatenate(found)

    def _observe(self, z: np.ndarray) -> np.ndarray:
        """`observe` of as many points as are simulated together, or fewer."""
        padded = np.resize(z, (self.points, z.shape[1]))
        options: dict[str, Any] = dict(values=member_values(self.values(padded), self.members))
        lanes = self.points * self.members
        if self.noisy:
            options |= {"members": np.tile(np.arange(self.members), self.points), "seed": self.seed}
        else:
            options |= {"members": lanes, "deterministic": True}
        found = read_members(self.protocols, self.places, self.device, **options)
        found = found.reshape(self.points, self.members, len(self.targets))[: len(z)]
        return np.stack([center_of(x, self.targets) for x in found])

    def off(
        self, found: Float[np.ndarray, "points targets"]
    ) -> Float[np.ndarray, "points targets"]:
        """How far observables are from the targets [tolerances], large distances reduced to their roots.

        A target out of reach would else drag along the others, for any small gain.
        """
        wanted = np.log([t.value for t in self.targets])
        away = np.log(found) + np.array(self.offset) - wanted
        away = away / np.log1p([t.share for t in self.targets])
        return np.sign(away) * np.sqrt(2 * (np.sqrt(1 + away**2) - 1))  # soft L1

    def logs(self, off: Float[np.ndarray, "points targets"]) -> Float[np.ndarray, "points targets"]:
        """Logarithms of the observables that are so far off; the inverse of `off`."""
        away = np.sign(off) * np.sqrt((1 + off**2 / 2) ** 2 - 1)
        wanted = np.log([t.value for t in self.targets])
        return away * np.log1p([t.share for t in self.targets]) + wanted - np.array(self.offset)

    @property
    def step(self) -> float:
        """Difference of coordinates for derivatives."""
        return NOISY_STEP if self.noisy else STEP

    @property
    def moves(self) -> Float[np.ndarray, "points free"]:
        """None, and that of each coordinate alone."""
        n = len(self.free)
        return np.concatenate([np.zeros((1, n)), self.step * np.eye(n)])

    def slopes(
        self, logs: Float[np.ndarray, "points targets"]
    ) -> Float[np.ndarray, "targets free"]:
        """Derivatives [tolerances], 0 where not known, of logarithms of the observables at a point and its `moves`."""
        secants = np.nan_to_num((logs[1:] - logs[:1]).T / self.step)
        return secants / np.log1p([[t.share] for t in self.targets])

    def linearise(
        self, z: Float[np.ndarray, "points free"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `AbstractProblem`."""
        n, step = len(self.free), self.step
        moved = z[:, None] + self.moves
        off = self.off(self.observe(moved.reshape(-1, n))).reshape(len(z), n + 1, -1)
        # What a neighbour does not show says nothing of the slope there; the point itself counts.
        secants = np.nan_to_num(np.moveaxis(off[:, 1:] - off[:, :1], 1, 2) / step)
        weight = float(self.noise) / PRIOR_SIGMA
        eye = np.broadcast_to(np.eye(n) * weight, (len(z), n, n))
        r = np.concatenate([off[:, 0], (z - np.asarray(self.center)) * weight], axis=1)
        return r, np.concatenate([secants, eye], axis=1), np.asarray(np.isfinite(r).all(axis=1))


def center_of(
    found: Float[np.ndarray, "members targets"], targets: tuple[Target, ...]
) -> Float[np.ndarray, " targets"]:
    """Medians over members, of spike trains means; NaN where fewer than half of the members show a value."""
    shown = np.isfinite(found)
    filled = np.where(shown.any(axis=0), found, 0.0)
    middle = [
        np.nanmean(x) if t.of_train else np.nanmedian(x)
        for x, t in zip(filled.T, targets, strict=True)
    ]
    return np.where(2 * shown.sum(axis=0) >= len(found), middle, np.nan)
