"""Soft rates: their derivatives against finite differences with the same noise, their limit against spikes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import NetworkError
from memjax.network import soft_rates

T, DT, V_TH, WEIGHT, INHIBITION = 0.2, 1e-5, 0.3, 0.3, -0.02


def _network(n: int, inhibition=INHIBITION) -> nw.Network:
    """Switches across capacitors under Poisson input that inhibit each other."""
    values = {"switch.tau": 1e-4, "switch.w": 0.02, "switch.r_on": 1e5, "c.c": 5e-9}
    cells = nw.Neurons(
        name="cells",
        n=n,
        circuit=mj.params.replace(mj.neuron.threshold_switch_neuron(), values),
        spike=nw.Threshold(signal="node.v", level=0.2, rearm=0.22, sign=-1),
        bias=np.random.default_rng(0).uniform(0.5, 0.9, n),
    )
    noise = nw.Poisson(name="noise", n=100, rate=100.0)
    among = nw.fixed_fan_in(n, n, 10)
    receptor = nw.Receptor(tau=2e-3)
    projections = [
        nw.Projection(
            pre="noise",
            post="cells",
            edges=nw.fixed_fan_in(100, n, 5),
            receptor=receptor,
            weight=WEIGHT,
            name="input",
        ),
        nw.Projection(
            pre="cells",
            post="cells",
            edges=among,
            receptor=receptor,
            weight=np.full(len(among), inhibition),
            name="among",
        ),
    ]
    groups = [cells, noise]
    return nw.Network(groups=groups, projections=projections, dt=DT, seed=4, dtype="float64")


@pytest.mark.slow
def test_derivatives_through_a_hundred_neurons_and_200_ms():
    """By a shared parameter of the devices and by weights: forward, reverse, and central differences within 1 %."""
    net = _network(100)
    rates, among = soft_rates(net, T, width=0.02), net.projections[1].weight

    @jax.jit
    def mean(logs):
        values = {"cells": {"switch.v_th": V_TH * jnp.exp(logs[0])}}
        weights = {"input": WEIGHT * jnp.exp(logs[1]), "among": among * jnp.exp(logs[2])}
        return jnp.mean(rates(values, weights)["cells"])

    zero = jnp.zeros(3)
    forward, reverse = jax.jit(jax.jacfwd(mean))(zero), jax.jit(jax.grad(mean))(zero)
    step = 1e-7  # where truncation and rounding are alike: (eps * rate / step) of 0.01 1/s
    pairs = [(mean(zero.at[k].add(step)), mean(zero.at[k].add(-step))) for k in range(3)]
    central = np.array([float(a - b) / (2 * step) for a, b in pairs])
    np.testing.assert_allclose(forward, reverse, rtol=1e-6)
    np.testing.assert_allclose(forward, central, rtol=0.01)


def test_narrow_soft_spikes_count_as_spikes():
    """One for one, but for a rise that has not ended; the sources are those of the network itself."""
    net = _network(20, inhibition=0.0)
    soft = soft_rates(net, 0.05, width=1e-3)()["cells"]
    hard = nw.run(net, 0.05).rates("cells")
    assert hard.mean() > 100
    assert np.max(np.abs(np.asarray(soft) - hard)) * 0.05 < 1.0


def test_what_cannot_be_soft_is_refused():
    """A width that is none; a source that fires more often than there is room for gives no number."""
    with pytest.raises(NetworkError, match="width = 0"):
        soft_rates(_network(20), 0.05, width=0.0)
    net = _network(20)
    often = nw.Poisson(name="noise", n=100, rate=np.array(5e3))
    busy = nw.Network(**{**vars(net), "groups": [net.groups[0], often]})
    assert np.all(np.isnan(soft_rates(busy, 0.05, width=1e-3, each=1)()["cells"]))
    assert np.all(np.isfinite(soft_rates(busy, 0.05, width=1e-3, each=20)()["cells"]))
