"""Surrogate derivatives: spikes of the engine, a closed form, and secants of the mean over seeds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax import network as nw
from memjax.errors import NetworkError
from memjax.network import surrogate_rates
from tests.network.conftest import spiking
from tests.network.rates.networks import PARAMETER, STEP, WEIGHT, WIDTH, driven, neurons


@pytest.mark.slow
def test_spikes_are_those_of_the_engine():
    """One by one in float64, of neurons with noise, delays of each edge, both kinds of receptors, inhibition."""
    net = spiking(8, dtype="float64")
    count = np.asarray(surrogate_rates(net, 0.01, most_spikes=8)()["cells"]) * 0.01
    np.testing.assert_allclose(count, nw.run(net, 0.01).statistics["cells"]["count"], atol=1e-9)
    assert count.sum() > 8


@pytest.mark.slow
def test_spikes_in_float32_are_those_of_the_engine_but_for_rounding(recording):
    """Rounding moves a spike across the end of the run, or one that is in doubt: fewer than one in twenty."""
    rates = surrogate_rates(spiking(), 0.02, most_spikes=8)()["cells"]
    off = np.abs(np.rint(np.asarray(rates) * 0.02) - recording.statistics["cells"]["count"])
    assert off.sum() < 0.05 * recording.statistics["cells"]["count"].sum()


def _period(v_th, c, r_in, *, v=1.0, v_hold=0.1, r_on=1e4, r_off=1e10):
    """Closed form of `threshold_switch_neuron`'s period: time to charge, and to discharge."""
    v_o, v_c = v * r_off / (r_off + r_in), v * r_on / (r_on + r_in)
    charge = c / (1 / r_off + 1 / r_in) * jnp.log((v_o - v_hold) / (v_o - v_th))
    return charge, c / (1 / r_on + 1 / r_in) * jnp.log((v_th - v_c) / (v_hold - v_c))


@pytest.mark.integration
def test_the_derivative_of_an_oscillator_is_that_of_its_closed_form():
    """But for the discharge, in which neurons are not armed and have no derivatives."""
    names, at = ("switch.v_th", "c.c", "r_in.r"), jnp.array([0.3, 1e-9, 1e6])
    cells = neurons("switch", 1)
    cells = nw.Neurons(**{**vars(cells), "bias": 1.0})
    rates = surrogate_rates(nw.Network(groups=[cells], dt=1e-7, dtype="float64"), 0.02)

    def rate(logs):
        values = dict(zip(names, at * jnp.exp(logs), strict=True))
        return rates({"cells": values})["cells"][0]

    value, slopes = rate(jnp.zeros(3)), jax.jacfwd(rate)(jnp.zeros(3))
    charge, discharge = (float(x) for x in _period(*at))
    exact = jax.grad(lambda logs: 1 / sum(_period(*(at * jnp.exp(logs)))))(jnp.zeros(3))
    spikes = 0.02 / (charge + discharge)
    np.testing.assert_allclose(value, 1 / (charge + discharge), rtol=0.02 + 1 / spikes)
    # Missing are the discharge and the switch's microseconds; steps are of first order; the count is a whole number.
    missing = discharge / (charge + discharge) + 0.02 + 1 / spikes
    np.testing.assert_allclose(slopes, exact, rtol=missing)


@pytest.mark.study
@pytest.mark.parametrize("kind", ["1m1t1r", "switch"])
def test_derivatives_have_the_sign_and_size_of_secants(kind):
    """By a device's parameter, all weights alike, and some weights more than others: within a factor of four."""
    duration, warmup = (0.1, 0.02) if kind == "switch" else (0.3, 0.1)
    rates = surrogate_rates(driven(kind, 10), duration, warmup=warmup, width=WIDTH[kind])
    name, value = PARAMETER[kind]
    more = np.where(np.arange(250) % 2, 1.0, 0.2)

    @jax.jit
    def mean(logs):
        values = {"cells": {name: value * jnp.exp(logs[0])}}
        weights = {"input": WEIGHT[kind] * jnp.exp(logs[1] + logs[2] * more)}
        return jax.vmap(lambda seed: rates(values, weights, seed)["cells"])(jnp.arange(12)).mean()

    step, zero = 0.08, jnp.zeros(3)
    ends = [(mean(zero.at[k].set(step)), mean(zero.at[k].set(-step))) for k in range(3)]
    secants = np.array([(a - b) / (2 * step) for a, b in ends])
    ratio = np.asarray(jax.jit(jax.jacfwd(mean))(zero)) / secants
    assert np.all((ratio > 0.25) & (ratio < 4.0)), (ratio, secants)


@pytest.mark.slow
def test_forward_and_reverse_agree_and_a_neuron_knows_nothing_of_the_inputs_of_others():
    """Within 1 %: reverse mode computes intervals once more, and a peak near the level magnifies rounding."""
    rates = surrogate_rates(driven("switch", 3, dtype="float64"), 0.02, width=WIDTH["switch"])

    def cells(log):
        return rates({}, {"input": 2 * WEIGHT["switch"] * jnp.exp(log)})["cells"]

    forward, reverse = jax.jacfwd(cells)(jnp.zeros(75)), jax.jacrev(cells)(jnp.zeros(75))
    np.testing.assert_allclose(forward, reverse, atol=0.01 * np.max(np.abs(forward)), rtol=0)
    own = np.arange(75) // 25 == np.arange(3)[:, None]
    assert np.all(np.asarray(forward)[~own] == 0)
    assert np.any(np.asarray(forward)[own] > 0)


def test_what_has_no_logarithm_is_refused():
    """A signal that falls through its level; a width that is none."""
    cells = neurons("switch", 2)
    spike = nw.Threshold(signal="node.v", level=0.2, rearm=0.25, sign=-1)
    net = nw.Network(groups=[nw.Neurons(**{**vars(cells), "spike": spike})], dt=STEP["switch"])
    with pytest.raises(NetworkError, match=r"logarithm of a signal.*logarithmic=False"):
        surrogate_rates(net, 0.01)
    with pytest.raises(NetworkError, match="width = 0"):
        surrogate_rates(net, 0.01, width=0.0, logarithmic=False)
    assert np.all(np.isfinite(surrogate_rates(net, 0.01, width=0.1, logarithmic=False)()["cells"]))
