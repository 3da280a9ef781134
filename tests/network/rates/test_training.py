"""Networks that are trained to a rate by surrogate derivatives and by those of expected rates."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from memjax import network as nw
from memjax.errors import StepWarning
from memjax.network import expected_rates, surrogate_rates
from tests.network.rates.networks import WIDTH, driven

N, TARGET, TIME = 10, 60.0, {"duration": 0.2, "warmup": 0.02}


def _trained(rates, start, seeds, steps: int = 14):
    """Weights after Adam on their logarithms, for the mean rate over some seeds."""

    def loss(logs):
        def one(seed):
            return rates({}, {"input": start * jnp.exp(logs)}, seed)["cells"].mean()

        return (jnp.mean(jax.vmap(one)(seeds)) / TARGET - 1) ** 2

    slope, losses = jax.jit(jax.value_and_grad(loss)), []
    # Short memories: the first gradients are the largest, and would hold the last steps back.
    rule = optax.adam(optax.exponential_decay(0.06, steps, 0.1), b1=0.5, b2=0.9)
    logs = jnp.zeros_like(start)
    state = rule.init(logs)
    for _ in range(steps):
        value, gradient = slope(logs)
        losses.append(value)
        with jax.numpy_dtype_promotion("standard"):  # optax counts steps in whole numbers
            update, state = rule.update(gradient, state)
        logs = optax.apply_updates(logs, update)
    assert losses[-1] < losses[0]
    return start * jnp.exp(logs)


def _measured(weight) -> float:
    """Mean rate of 5 seeds of the engine."""
    net, span = driven("switch", N), TIME["duration"] - TIME["warmup"]
    (pulses,), rates = net.projections, []
    for seed in range(5):
        given = nw.Projection(**{**vars(pulses), "weight": weight})
        run_of = nw.Network(**{**vars(net), "projections": [given], "seed": seed})
        with pytest.warns(StepWarning, match="coarse for 'cells'"):  # switches of 1 mV
            run = nw.run(run_of, TIME["duration"])
        rates.append(np.sum(run.spikes["cells"][1] > TIME["warmup"]) / (N * span))
    return float(np.mean(rates))


@pytest.mark.study  # of the benchmark case network_derivatives, in minutes
@pytest.mark.parametrize(
    ("way", "start"),
    [("surrogate", 0.13), ("surrogate", np.full(25 * N, 0.13)), ("expected", 0.13)],
)
def test_switches_are_trained_from_less_than_half_to_a_rate(way, start):
    """By a shared weight and by one for each edge, within 2 1/s of the mean of the seeds of training."""
    assert _measured(start) < 0.5 * TARGET
    net = driven("switch", N)
    if way == "surrogate":
        rates, seeds = surrogate_rates(net, **TIME, width=WIDTH["switch"]), jnp.arange(5)
    else:  # sample j of seed 0 has the noise of seed j
        rates, seeds = expected_rates(net, **TIME, spread=0.05, samples=5), jnp.arange(1)
    weight = np.asarray(_trained(rates, jnp.asarray(start), seeds))
    assert abs(_measured(weight if weight.ndim else float(weight)) - TARGET) < 2.0
