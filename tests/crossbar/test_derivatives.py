"""Derivatives of reads: both modes, against secants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj

from .nodal import random_cells

CELLS, INPUT = random_cells(6, 5)
NAMES = ("conductances", "v", "word_line", "bit_line", "driver", "sense")
VALUES = dict(zip(NAMES, (CELLS, INPUT, 2.0, 3.0, 50.0, 10.0)))


def _loss(values):
    wires = {k: values[k] for k in NAMES[2:]}
    reading = mj.Crossbar(values["conductances"], wires=mj.crossbar.Wires(**wires)).read(
        values["v"]
    )
    weights = jnp.arange(1.0, 6.0)
    return 1e3 * jnp.sum(weights * reading.current) + 1e2 * reading.power.word_wires


@pytest.fixture(scope="module")
def derivatives():
    """In reverse mode, with what computes loss and derivatives."""
    point = {k: jnp.asarray(np.asarray(x)) for k, x in VALUES.items()}
    both = jax.jit(jax.value_and_grad(_loss))
    return both, point, both(point)[1]


@pytest.mark.slow
def test_derivatives_are_those_of_secants(derivatives):
    both, point, slopes = derivatives
    rng = np.random.default_rng(0)
    for name in NAMES:
        x = np.asarray(point[name])
        direction = x * rng.uniform(-1, 1, x.shape)  # of the scale of each number
        # Central: 1e-10 of truncation, and 1e-11 of the solves over the step.
        step = 1e-5
        ends = [both(point | {name: jnp.asarray(x + s * direction)})[0] for s in (step, -step)]
        secant = float(ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(slopes[name] * direction), secant, rtol=1e-5)


@pytest.mark.slow
def test_forward_mode_agrees_with_reverse_mode(derivatives):
    _, point, slopes = derivatives
    _, tangent = jax.jvp(_loss, (point,), (point,))
    total = sum(float(jnp.sum(slopes[k] * point[k])) for k in NAMES)
    np.testing.assert_allclose(tangent, total, rtol=1e-9)
