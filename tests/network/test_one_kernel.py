"""Blocks compiled as one function, and where they cannot be."""

import jax.numpy as jnp
import numpy as np

from memjax import network as nw
from memjax.device import Diffusive1M1T1R
from memjax.network.engine import one_kernel
from memjax.neuron import one_memristor


def _spikes(monkeypatch, wrap):
    monkeypatch.setattr("memjax.network.engine.one_kernel", wrap)
    cell = one_memristor(Diffusive1M1T1R(sigma1=7e-3), output_stage=False)
    spike = nw.Threshold(signal="gate.v", level=0.2, rearm=0.1)
    bias = np.linspace(0.5, 1.5, 24)
    start = {"memristor.r": 0.7}
    group = nw.Neurons(name="a", n=24, circuit=cell, spike=spike, bias=bias, start=start)
    run = nw.run(nw.Network(groups=[group], dt=5e-7, exchange_steps=200, dtype="float64"), 4e-3)
    return run.spikes["a"]


def test_a_block_that_cannot_be_one_function_runs_all_the_same(monkeypatch):
    """A scatter is what XLA refuses there."""

    def refused(f):
        def call(x, at):
            zero = jnp.zeros(4, jnp.int32).at[at % 4].add(0)[0]
            state, found, slots = f(x, at)
            return state, found + zero, slots

        return one_kernel(call)

    number, time = _spikes(monkeypatch, one_kernel)
    again, when = _spikes(monkeypatch, refused)
    assert len(number) > 20
    np.testing.assert_array_equal(number, again)
    np.testing.assert_array_equal(time, when)
