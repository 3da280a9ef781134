"""Adaptive solves without noise whose device switches faster than their clock."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import memjax as mj
from memjax.device.base import AbstractOhmicDevice
from memjax.fields import param, state
from memjax.system import NoNoise

pytestmark = pytest.mark.fast

HEIGHT = 0.3
"""Drive at the end [V]; it rises evenly over a second."""


class Bistable(AbstractOhmicDevice):
    """dx/dt = rate (x (1 - x)(x - 1/2) + tilt V): the lower branch ends where tilt V is the depth of the cubic."""

    rate: jnp.ndarray = param(1e20, unit="1/s", bounds=(1.0, 1e30), doc="Rate.")
    tilt: jnp.ndarray = param(1.0, unit="1/V", bounds=(0.1, 10.0), doc="Tilt.")

    name = "bistable-of-a-test"
    volatile = True
    references = ()
    noise_structure = NoNoise
    states = (state("x", unit="1", scale=1.0, bounds=(-1.0, 2.0), doc="State."),)

    def initial(self, env):
        return {"x": jnp.zeros_like(self.rate)}

    def drift(self, t, state, v, env):
        x = state["x"]
        return {"x": self.rate * (x * (1 - x) * (x - 0.5) + self.tilt * v)}

    def noise(self, t, state, v, env):
        return {}

    def resistance(self, state, v, env):
        return 1e6 / (1 + state["x"] ** 2)

    def project(self, state):
        return {"x": jnp.clip(state["x"], -1.0, 2.0)}


DRIVE = mj.Sampled(np.array([0.0, 1.0]), np.array([0.0, HEIGHT]))
LOW, FOLD = 0.5 * (1 - 1 / np.sqrt(3)), np.sqrt(3) / 36
"""State and depth of the cubic where its lower branch ends."""


def simulate(*, rate=1e20, tilt=1.0, **options):
    device = mj.params.replace(Bistable(), {"rate": rate, "tilt": tilt}, check=False)
    return mj.simulate(device, DRIVE, policy=mj.Stiff(max_steps=5000), **options)


@pytest.mark.parametrize("watched", [False, True])
def test_a_switch_faster_than_the_clock_takes_some_ticks(watched):
    """It lasts 1e-18 of the solve. Branches are those of the cubic, the switch is at its fold."""
    rows = np.array([0.9 * FOLD, 1.1 * FOLD, HEIGHT]) / HEIGHT
    events = {"switch": mj.Event("x", LOW + 0.2)} if watched else {}
    trace = simulate(save=rows, events=events).check()
    cubic = lambda x, v: x * (1 - x) * (x - 0.5) + v  # noqa: E731
    branches = [(0.0, LOW), (1.0, 1.3), (1.0, 1.5)]
    for x, t, ends in zip(np.asarray(trace.state["x"])[0], rows, branches, strict=True):
        np.testing.assert_allclose(x, brentq(cubic, *ends, args=(HEIGHT * t,)), rtol=1e-4)
    if watched:
        np.testing.assert_allclose(trace.events["switch"].t[0, 0], FOLD / HEIGHT, rtol=1e-4)


def test_derivatives_behind_such_a_switch_hold_and_that_of_its_time_is_none():
    def run(tilt, rate=1e20):
        events = {"switch": mj.Event("x", LOW + 0.2)}
        trace = simulate(rate=rate, tilt=tilt, save=np.array([0.1, 1.0]), events=events)
        return trace.state["x"][0, -1], trace.events["switch"].t[0, 0]

    h = 1e-3
    (_, time), (slope, no_slope) = jax.jvp(run, (1.0,), (1.0,))
    assert time[0] > 0
    assert np.isnan(no_slope[0])
    secant = (run(1.0 + h)[0] - run(1.0 - h)[0]) / (2 * h)
    np.testing.assert_allclose(slope, secant, rtol=1e-3)
    # Slower, the clock tells the switch apart: the fold is where tilt times the drive is its depth.
    np.testing.assert_allclose(jax.jacfwd(run)(1.0, 1e9)[1][0], -FOLD / HEIGHT, rtol=3e-3)
