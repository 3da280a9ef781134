"""Adaptive solves without noise whose device switches faster than their clock."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import memjax as mj
from memjax.circuit import build_system
from memjax.core.fields import param, state
from memjax.core.scaling import Scaled
from memjax.core.system import NoNoise
from memjax.device.base import AbstractOhmicDevice
from memjax.lanes.cc import library
from memjax.simulate.stiff_kernel import StiffKernel, moving_numbers, numbers_of, stiff_kernel_of

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


@pytest.mark.slow
@pytest.mark.parametrize("watched", [False, True])
def test_a_switch_faster_than_the_clock_takes_some_ticks(watched):
    """It lasts 1e-18 of the solve. Branches are those of the cubic, the switch is at its fold."""
    rows = np.array([0.9 * FOLD, 1.1 * FOLD, HEIGHT]) / HEIGHT
    events = {"switch": mj.Event("x", LOW + 0.2)} if watched else {}
    trace = simulate(save=rows, output=mj.Output(events=events)).check()
    cubic = lambda x, v: x * (1 - x) * (x - 0.5) + v  # noqa: E731
    branches = [(0.0, LOW), (1.0, 1.3), (1.0, 1.5)]
    for x, t, ends in zip(np.asarray(trace.state["x"])[0], rows, branches, strict=True):
        np.testing.assert_allclose(x, brentq(cubic, *ends, args=(HEIGHT * t,)), rtol=1e-4)
    if watched:
        np.testing.assert_allclose(trace.events["switch"].t[0, 0], FOLD / HEIGHT, rtol=1e-4)


@pytest.mark.study
def test_derivatives_behind_such_a_switch_hold_and_that_of_its_time_is_none():
    def run(tilt, rate=1e20):
        events = {"switch": mj.Event("x", LOW + 0.2)}
        trace = simulate(
            rate=rate, tilt=tilt, save=np.array([0.1, 1.0]), output=mj.Output(events=events)
        )
        return trace.state["x"][0, -1], trace.events["switch"].t[0, 0]

    h = 1e-3
    (_, time), (slope, no_slope) = jax.jvp(run, (1.0,), (1.0,))
    assert time[0] > 0
    assert np.isnan(no_slope[0])
    secant = (run(1.0 + h)[0] - run(1.0 - h)[0]) / (2 * h)
    np.testing.assert_allclose(slope, secant, rtol=1e-3)
    # Slower, the clock tells the switch apart: the fold is where tilt times the drive is its depth.
    np.testing.assert_allclose(jax.jacfwd(run)(1.0, 1e9)[1][0], -FOLD / HEIGHT, rtol=3e-3)


@pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")
def test_a_kernel_in_c_takes_such_ticks_too():
    system_at = lambda tilt: Scaled(  # noqa: E731
        build_system(
            mj.params.replace(Bistable(), {"tilt": tilt}, check=False), mj.Bench(), "voltage"
        ),
        mj.Environment(),
    )
    moving = moving_numbers(system_at, jnp.asarray(1.0))
    kernel = stiff_kernel_of(system_at(jnp.asarray(1.0)), moving, 1)
    assert isinstance(kernel, StiffKernel), kernel
    numbers, rows = (
        numbers_of(system_at(jnp.asarray(1.0))),
        np.array([[0.0, 0.9 * FOLD / HEIGHT, 1.0]]),
    )
    stimuli = jax.tree.map(lambda x: np.asarray(x)[None], DRIVE)
    about = {
        "stimuli": stimuli,
        "zeros": np.zeros((1, 0)),
        "rows": rows,
        "policy": mj.Stiff(max_steps=5000),
    }
    lanes = kernel(
        numbers[None], np.zeros((1, 1)), (np.ones((1, 1, 1)), np.zeros((1, 1, 1))), **about
    )
    assert lanes.counts[0, 2] == 0
    assert 100 < lanes.counts[0, 0] < 2000
    x = brentq(lambda x: x * (1 - x) * (x - 0.5) + HEIGHT, 1.0, 1.5)
    np.testing.assert_allclose(lanes.y[0, -1, 0], x, rtol=1e-4)
    # The state of the upper branch follows tilt V.
    slope = HEIGHT / (3 * x**2 - 3 * x + 0.5)
    np.testing.assert_allclose(lanes.dy[0, -1, 0, 0], slope, rtol=1e-3)


def test_a_compiled_solve_calls_nothing_of_python():
    """Else its program is never kept, and each process compiles it again."""
    program = jax.make_jaxpr(lambda rate: simulate(rate=rate).state["x"])(1.0)
    assert "while" in str(program)
    assert "callback" not in str(program)
