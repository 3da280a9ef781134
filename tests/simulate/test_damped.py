"""A closed channel under compliance: explicit steps jump in and out of it, damped ones stay."""

import numpy as np
import pytest

import memjax as mj
from memjax.solver import SemiImplicitEuler

pytestmark = pytest.mark.study

FITTED = {
    "alpha": 0.149, "r_on": 1.2e5, "beta": 50.0, "mu": 130.0, "gamma1": 96.0, "gamma2": 150.0, "theta": 1e3,
    "gamma3": 141.0, "sigma_ion": 0.5,
}  # fmt: skip
"""One cycle of a fit of measured sweeps, rounded, whose area does not grow under compliance."""


@pytest.mark.study
def test_the_on_state_is_read_as_on():
    """The equilibrium lies within 1e-5 of the closed gap, where an explicit step of 1 ms never is.

    Its rate is steep within the gap only: a look every ten steps finds about half of the members there.
    """
    device = mj.params.replace(mj.DiffusiveMemristor(), FITTED)
    hold = mj.Sampled(np.array([0.0, 0.1]), np.array([0.4, 0.4]))
    about = {"bench": mj.Bench(compliance=1e-6), "save": 0.01, "members": 20, "seed": 1}

    def trace(policy):
        return mj.simulate(
            device, hold, policy=policy, output=mj.Output(on_failure="ignore"), **about
        )

    exact = trace(mj.Auto()).check()
    damped, plain = (
        trace(mj.Fixed(1e-3, method=SemiImplicitEuler(damped=d))) for d in (True, False)
    )
    np.testing.assert_allclose(exact.i[:, -3:], 1e-6, rtol=0.05)
    np.testing.assert_allclose(damped.check().i[:, -3:], 1e-6, rtol=0.05)
    assert np.median(plain.i[:, -3:]) < 1e-8
    assert np.any(np.asarray(plain.result) == mj.Result.step_too_long)


EDGE = {
    "alpha": 0.16, "lam": 1.965, "r_on": 1.179e5, "r_off": 3.55e10, "beta": 39.3, "mu": 144.0, "gamma1": 116.0,
    "gamma2": 178.0, "theta": 983.0, "sigma_ion": 2.9,
}  # fmt: skip
"""A cycle of another such fit: under compliance its area would grow as fast as it decays with `gamma3` = 123 /s."""


@pytest.mark.slow
def test_an_area_at_the_edge_of_growing_takes_no_more_steps_than_one_that_grows():
    """There Newton's iterations went to and fro between states on both sides of the domain's end."""
    hold = mj.Sampled(np.array([0.0, 0.5]), np.array([0.4, 0.4]))
    values = {"gamma3": np.repeat([122.86, 60.0], 8)[:, None]}
    trace = mj.simulate(
        mj.params.replace(mj.DiffusiveMemristor(), EDGE),
        hold,
        bench=mj.Bench(compliance=1e-6),
        save=0.01,
        members=[*range(8), *range(8)],
        seed=1,
        conditions=mj.Conditions(values=values),
        policy=mj.Stiff(max_steps=5000),
    ).check()
    steps = np.asarray(trace.accepted + trace.rejected).reshape(2, 8)
    assert np.max(steps[0]) < 3 * np.max(steps[1])
    s = np.asarray(trace.state["s"])[:8, -1]
    np.testing.assert_allclose(s, 1.0, atol=1e-3)  # within the lock's width
