"""A trained density of coordinates given statistics, and its training on simulated devices."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

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
class TrainingSettings:
    """How a density is trained.

    Parameters
    ----------
    epochs : int
        Passes over all devices.
    batch : int
        Devices of a step.
    rate : float
        Step of Adam at its highest; it begins and ends with none.
    patience : int
        Passes without a lower loss of the devices that are held out after which it ends.
    decay : float
        Of the weights, at each step times its size: networks that know the simulated devices by heart are too sure.
    networks : int
        Networks that are trained, each from another start; draws come from all of them alike. Of what they have not
        learnt each knows something else, and together they are less sure of it.
    """

    epochs: int = 150
    batch: int = 256
    rate: float = 2e-3
    patience: int = 40
    decay: float = 0.1
    networks: int = 2


def _loss(network: Network, u, s) -> Array:
    return -jnp.mean(log_density_of(*normal_of(network, u, s)))


def descend(network, u, s, held: int, seed: tuple[int, int], training: TrainingSettings, tick):
    """The networks with the lowest loss of the held-out devices, and losses of each pass."""
    rng, count = np.random.default_rng(seed), len(u) - held
    size = min(training.batch, count)
    steps = count // size
    optimizer = _adam(training.rate, training.decay, steps, training.epochs)
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    best, least, since, losses = network, math.inf, 0, []
    for epoch in range(training.epochs):
        order = rng.permutation(count)[: steps * size]
        which = rng.integers(len(s), size=len(order))
        batches = (x.reshape(steps, size, -1) for x in (u[order], s[which, order]))
        network, state, loss = _epoch(network, state, optimizer, *batches)
        now = float(_loss(network, u[count:], s[0, count:]))
        losses.append((float(loss), now))
        if tick is not None:
            tick(epoch + 1, *losses[-1])
        if now < least:
            best, least, since = network, now, 0
        elif (since := since + 1) >= training.patience:
            break
    return best, losses


@functools.lru_cache(maxsize=8)
def _adam(rate: float, decay: float, steps: int, epochs: int) -> optax.GradientTransformation:
    """Adam with a rate that rises over some steps and falls to nothing over all of them."""
    over = optax.warmup_cosine_decay_schedule(0.0, rate, min(steps, 100), steps * epochs)
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(over, weight_decay=decay))


@eqx.filter_jit
def _epoch(network: Network, state, optimizer, u, s):
    """Steps over all batches; networks, state of Adam, mean loss."""
    arrays, static = eqx.partition(network, eqx.is_inexact_array)

    def step(carry, batch):
        arrays, state = carry
        loss, slope = jax.value_and_grad(lambda a: _loss(eqx.combine(a, static), *batch))(arrays)
        # A step that is no number would end the training: it is left out.
        slope = jax.tree.map(lambda x: jnp.where(jnp.isfinite(loss), jnp.nan_to_num(x), 0.0), slope)
        moves, state = optimizer.update(slope, state, arrays)
        return (eqx.apply_updates(arrays, moves), state), loss

    (arrays, state), losses = jax.lax.scan(step, (arrays, state), (u, s))
    return eqx.combine(arrays, static), state, jnp.nanmean(losses)


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
