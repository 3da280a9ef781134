"""A trained density of coordinates given statistics, and its training on simulated devices."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .descent import TrainingSettings, descend
from .network import (
    DensitySettings,
    Network,
    draw_from,
    form_of,
    leaves_of,
    log_density_of,
    new_network,
    normal_of,
    require_flows,
    single_precision,
)

_MANY = 256  # devices that are drawn for together: one size, one program
_ALIKE = 1e-5  # relative standard deviation up to which a statistic never differs
# Standard deviations to which statistics are cut: beyond, no network has learnt anything.
_REACH = 8.0


@dataclass(frozen=True, kw_only=True)
class Density:
    """A trained density of coordinates given statistics.

    Parameters
    ----------
    settings : DensitySettings
        Sizes of the networks.
    center, scale : Float[np.ndarray, "statistics"]
        By which statistics are standardised; a scale of 0 is that of one which never differs and is left out.
    leaves : list of list of np.ndarray
        Arrays of each of the networks.
    scales : list of Float[np.ndarray, "free"]
        Standard deviations of the normal numbers that each network draws from.
    free : int
        Number of coordinates.
    losses : list of Float[np.ndarray, "passes 2"]
        Of each network, mean of -ln q of the devices that were trained on, and of those held out.
    """

    settings: DensitySettings
    center: Float[np.ndarray, " statistics"]
    scale: Float[np.ndarray, " statistics"]
    leaves: list[list[np.ndarray]]
    scales: list[Float[np.ndarray, " free"]]
    free: int
    losses: list[Float[np.ndarray, "passes 2"]]

    def standardised(
        self, statistics: Float[np.ndarray, "devices statistics"]
    ) -> Float[np.ndarray, "devices some"]:
        """What the networks see."""
        return _standardised(statistics, self.center, self.scale)

    def _networks(self) -> list[Network]:
        structure, static = form_of(self.settings, self.free, int(np.sum(self.scale > 0)))
        return [eqx.combine(jax.tree.unflatten(structure, x), static) for x in self.leaves]

    def draw(
        self, statistics: Float[np.ndarray, "devices statistics"], draws: int, *, seed: int
    ) -> Float[np.ndarray, "devices draws free"]:
        """Coordinates drawn for each device; those of device k depend on seed, k and `draws` only."""
        s, networks = self.standardised(statistics), self._networks()
        share = -(-draws // len(networks))
        parts = [self._draw_by(x, k, s, share, seed) for k, x in enumerate(networks)]
        # Of one network after the other: whatever part of the draws is taken has some of all.
        order = np.random.default_rng(seed).permutation(len(networks) * share)[:draws]
        return np.concatenate(parts, axis=1)[:, order].astype(float)

    def _draw_by(
        self, network: Network, number: int, s: np.ndarray, draws: int, seed: int
    ) -> np.ndarray:
        """Coordinates that one of the networks draws."""
        parts, key = [], jax.random.fold_in(jax.random.key(seed), number)
        with single_precision():
            for a in range(0, len(s), _MANY):
                some = s[a : a + _MANY]
                filled = np.concatenate(
                    [some, np.zeros((_MANY - len(some), s.shape[1]), some.dtype)]
                )
                numbers = np.arange(a, a + _MANY)
                u = draw_from(network, key, numbers, filled, draws, self.scales[number])
                parts.append(np.asarray(u)[: len(some)])
        return np.concatenate(parts)

    def log_density(
        self,
        u: Float[np.ndarray, "devices free"],
        statistics: Float[np.ndarray, "devices statistics"],
    ) -> Float[np.ndarray, " devices"]:
        """Logarithm of the density at coordinates, one for each device."""
        with single_precision():
            u32, s = jnp.asarray(u, jnp.float32), self.standardised(statistics)
            logarithms = []
            for network, scale in zip(self._networks(), self.scales, strict=True):
                y, change = map(np.asarray, normal_of(network, u32, s))
                logarithms.append(log_density_of(y, change, scale))
        return np.logaddexp.reduce(logarithms, axis=0) - np.log(len(logarithms))


def _standardised(statistics: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    some = scale > 0
    s = (statistics[..., some] - center[some]) / scale[some]
    return np.clip(s, -_REACH, _REACH).astype(np.float32)


def train(
    u: Float[np.ndarray, "devices free"],
    statistics: Float[np.ndarray, "replicates devices statistics"],
    *,
    held: int,
    seed: int,
    settings: DensitySettings | None = None,
    training: TrainingSettings | None = None,
    tick: Callable[[int, int, float, float], None] | None = None,
) -> Density:
    """The density that is trained on simulated devices.

    Parameters
    ----------
    u : Float[np.ndarray, "devices free"]
        Their coordinates.
    statistics : Float[np.ndarray, "replicates devices statistics"]
        Their statistics; each pass over the devices takes one of the replicates of each.
    held : int
        The last so many devices are held out: they decide which networks are kept, and how sure these may be.
    seed : int
        Of the networks and of the order of the devices.
    settings, training
        See `DensitySettings` and `TrainingSettings`.
    tick : callable, optional
        Called after each pass with the number of the network, that of the pass, and both losses.
    """
    settings, training = settings or DensitySettings(), training or TrainingSettings()
    require_flows()
    first = np.asarray(statistics[0, :-held], float)
    center, scale = first.mean(axis=0), first.std(axis=0)
    scale = np.where(scale > _ALIKE * np.maximum(np.abs(center), _ALIKE), scale, 0.0)
    s = _standardised(statistics, center, scale)
    u32, leaves, scales, losses = np.asarray(u, np.float32), [], [], []
    # flowjax makes new functions for each network: those of one form share their compiled programs.
    static = form_of(settings, u.shape[1], s.shape[-1])[1]
    for k in range(training.networks):
        tick_of_one = None if tick is None else functools.partial(tick, k + 1)
        with single_precision():
            key = jax.random.fold_in(jax.random.key(seed), k)
            network = new_network(settings, u.shape[1], s.shape[-1], key)
            network = eqx.combine(eqx.filter(network, eqx.is_array), static)
            network, loss = descend(network, u32, s, held, (seed, k), training, tick_of_one)
            y = np.asarray(normal_of(network, u32[-held:], s[0, -held:])[0])
        # Held-out devices are likeliest with their own variance: 1 where the network is not too sure.
        scales.append(np.sqrt(np.mean(y**2, axis=0)))
        leaves.append(leaves_of(network))
        losses.append(np.array(loss))
    return Density(
        settings=settings,
        center=center,
        scale=scale,
        leaves=leaves,
        scales=scales,
        free=u.shape[1],
        losses=losses,
    )
