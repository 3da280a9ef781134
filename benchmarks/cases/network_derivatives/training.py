"""Training of weights to a rate, by optax and either way of differentiating."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from memjax import network as nw

TARGET = 60.0
"""Rate that is trained for [1/s]."""


def trained(
    rates, start, *, steps: int, seeds, rate: float = 0.06
) -> tuple[np.ndarray, np.ndarray]:
    """Weights after so many steps of Adam on their logarithms, and losses on the way.

    Parameters
    ----------
    rates : callable
        As of `memjax.network.surrogate_rates`.
    start : float or Float[np.ndarray, "edges"]
        Weights at the beginning [V].
    steps : int
        How many.
    seeds : sequence of int
        Over which rates are averaged.
    rate : float
        Of learning at the beginning; it falls to a tenth.
    """
    start, seeds = jnp.asarray(start), jnp.asarray(seeds)

    def loss(logs):
        each = lambda k: rates({}, {"input": start * jnp.exp(logs)}, k)["cells"].mean()  # noqa: E731
        return (jnp.mean(jax.vmap(each)(seeds)) / TARGET - 1) ** 2

    slope = jax.jit(jax.value_and_grad(loss))
    # Short memories: the first gradients are the largest, and would hold the last steps back.
    rule = optax.adam(optax.exponential_decay(rate, steps, 0.1), b1=0.5, b2=0.9)
    logs: Any = jnp.zeros_like(start)
    state, losses = rule.init(logs), []
    for _ in range(steps):
        value, gradient = slope(logs)
        update, state = rule.update(gradient, state)
        logs = optax.apply_updates(logs, update)
        losses.append(float(value))
    return np.asarray(start * jnp.exp(logs), float), np.array(losses)


def measured(kind, weight, *, n: int, duration: float, warmup: float, seeds) -> np.ndarray:
    """Mean rates of the network engine, one per seed, after a warm-up [1/s]."""
    found = []
    for seed in seeds:
        _, time = nw.run(kind.network(weight, n=n, seed=seed), duration).spikes["cells"]
        found.append(np.sum(time > warmup) / (n * (duration - warmup)))
    return np.array(found)
