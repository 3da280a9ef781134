"""Networks that are trained to a rate by surrogate derivatives and by those of expected rates."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from memjax import network as nw
from memjax.network import expected_rates, surrogate_rates
from tests.network.rates.networks import WIDTH, driven

N, TARGET, TIME = 10, 60.0, {"duration": 0.3, "warmup": 0.02}


def _trained(rates, start, steps: int = 24, rate: float = 0.08):
    """Weights after Adam on their logarithms, with two seeds a step."""

    def loss(logs, seed):
        def one(k):
            return rates({}, {"input": start * jnp.exp(logs)}, k)["cells"].mean()

        return (jnp.mean(jax.vmap(one)(seed + jnp.arange(2))) / TARGET - 1) ** 2

    slope = jax.jit(jax.grad(loss))
    rule = optax.adam(optax.exponential_decay(rate, steps, 0.1))
    logs = jnp.zeros_like(start)
    state = rule.init(logs)
    for k in range(steps):
        update, state = rule.update(slope(logs, 100 + 2 * k), state)
        logs = optax.apply_updates(logs, update)
    return start * jnp.exp(logs)


def _measured(weight) -> float:
    """Mean rate of 5 seeds of the engine that training did not see."""
    net, span = driven("switch", N), TIME["duration"] - TIME["warmup"]
    (pulses,), rates = net.projections, []
    for seed in range(5):
        given = nw.Projection(**{**vars(pulses), "weight": np.asarray(weight)})
        run = nw.run(
            nw.Network(**{**vars(net), "projections": [given], "seed": seed}), TIME["duration"]
        )
        rates.append(np.sum(run.spikes["cells"][1] > TIME["warmup"]) / (N * span))
    return float(np.mean(rates))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "start"),
    [("surrogate", 0.13), ("surrogate", np.full(25 * N, 0.13)), ("expected", 0.13)],
)
def test_switches_are_trained_from_less_than_half_to_a_rate(way, start):
    """By a shared weight and by one for each edge: within a tenth, since 5 seeds of ten neurons tell no more."""
    assert _measured(start) < 0.5 * TARGET
    net = driven("switch", N)
    if way == "surrogate":
        rates = surrogate_rates(net, **TIME, width=WIDTH["switch"])
    else:
        rates = expected_rates(net, **TIME, spread=0.05, samples=4)
    assert abs(_measured(_trained(rates, jnp.asarray(start))) - TARGET) < 0.1 * TARGET
