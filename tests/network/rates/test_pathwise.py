"""Soft rates: their derivatives against finite differences with the same noise, their limit against spikes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax import network as nw
from memjax.errors import GradientError, NetworkError
from memjax.network import soft_rates
from tests.network.conftest import neurons
from tests.network.rates.networks import WEIGHT as WEIGHTS, driven

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


@pytest.mark.study
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


@pytest.mark.study
def test_narrow_soft_spikes_count_as_spikes():
    """One for one, but for a rise that has not ended; the sources are those of the network itself."""
    net = _network(20, inhibition=0.0)
    soft = soft_rates(net, 0.05, width=1e-3)()["cells"]
    hard = nw.run(net, 0.05).rates("cells")
    assert hard.mean() > 100
    assert np.max(np.abs(np.asarray(soft) - hard)) * 0.05 < 1.0


@pytest.mark.slow
def test_what_cannot_be_soft_is_refused():
    """A width that is none; a source that fires more often than there is room for gives no number."""
    with pytest.raises(NetworkError, match="width = 0"):
        soft_rates(_network(20), 0.05, width=0.0)
    net = _network(20)
    often = nw.Poisson(name="noise", n=100, rate=np.array(5e3))
    busy = nw.Network(**{**vars(net), "groups": [net.groups[0], often]})
    assert np.all(np.isnan(soft_rates(busy, 0.05, width=1e-3, most_spikes=1)()["cells"]))
    assert np.all(np.isfinite(soft_rates(busy, 0.05, width=1e-3, most_spikes=20)()["cells"]))


@pytest.mark.integration
def test_names_and_shapes_that_the_network_does_not_have_are_refused():
    """Of groups, projections and parameters; devices as weights."""
    rates = soft_rates(_network(20), 0.05, width=1e-3)
    with pytest.raises(NetworkError, match=r"no projection 'inputs'.*allowed: input, among"):
        rates({}, {"inputs": 1.0})
    with pytest.raises(NetworkError, match=r"no neurons 'noise'.*allowed: cells"):
        rates({"noise": {"rate": 1.0}})
    with pytest.raises(
        NetworkError, match=r"weights\['input'\] of shape \(3,\).*allowed: one number, or 100"
    ):
        rates({}, {"input": np.ones(3)})
    with pytest.raises(NetworkError, match=r"warmup = 0\.05 s of 0\.05 s"):
        soft_rates(_network(20), 0.05, width=1e-3, warmup=0.05)


@pytest.mark.study
@pytest.mark.parametrize(
    ("kind", "duration"), [pytest.param("1m1t1r", 0.2, marks=pytest.mark.study), ("switch", 0.25)]
)
def test_derivatives_along_a_path_of_many_spikes_are_refused_by_name(kind, duration):
    """Forward and reverse outside of `jax.jit`; inside of it they are NaN, and the rates are not."""
    rates = soft_rates(driven(kind, 40, dtype="float64"), duration, width=0.02)

    def mean(w):
        return rates({}, {"input": w})["cells"].mean()

    weight = jnp.asarray(WEIGHTS[kind])
    message = "grow by a factor of 1e.*past 1e.06 at 0.*surrogate_rates.*expected_rates"
    for way in (jax.jacfwd, jax.grad):
        with pytest.raises(GradientError, match=message):
            way(mean)(weight)
    value, slope = jax.jit(jax.value_and_grad(mean))(weight)
    assert np.isfinite(value)
    assert np.isnan(slope)
    growth = rates.growth()
    assert growth.largest > 1e6
    assert 0 < growth.time_past_limit < duration


def test_growth_of_a_contraction_stays_at_that_of_its_perturbations():
    """A leaky integrator without spikes: each exchange adds a perturbation of length 1 and leaves e^-(T/tau) of it."""
    exchange, tau = 1e-3, 1e-3
    net = nw.Network(groups=[neurons(5)], dt=1e-5, exchange_steps=100, dtype="float64")
    growth = soft_rates(net, 0.02, width=0.01).growth()
    # Largest within an interval: one step after the perturbation that comes on top of what is left.
    bound = np.exp(-1e-5 / tau) / (1 - np.exp(-exchange / tau))
    assert 0.9 * np.exp(-1e-5 / tau) < growth.largest < 1.01 * bound
    assert growth.time_past_limit is None
