"""Networks descend to the lowest loss of the devices that are held out."""

import functools
import math
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from .network import Network, log_density_of, normal_of


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
