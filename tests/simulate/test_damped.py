"""A closed channel under compliance: explicit steps jump in and out of it, damped ones stay."""

import numpy as np

import memjax as mj
from memjax.solver import SemiImplicitEuler

FITTED = {
    "alpha": 0.149, "r_on": 1.2e5, "beta": 50.0, "mu": 130.0, "gamma1": 96.0, "gamma2": 150.0, "theta": 1e3,
    "gamma3": 141.0, "sigma_ion": 0.5,
}  # fmt: skip
"""One cycle of a fit of measured sweeps, rounded, whose area does not grow under compliance."""


def test_the_on_state_is_read_as_on():
    """The equilibrium lies within 1e-5 of the closed gap, where an explicit step of 1 ms never is."""
    device = mj.params.replace(mj.DiffusiveMemristor(), FITTED)
    hold = mj.Sampled(np.array([0.0, 0.1]), np.array([0.4, 0.4]))
    about = {"bench": mj.Bench(compliance=1e-6), "save": 0.01, "members": 20, "seed": 1}

    def last(policy):
        return np.asarray(mj.simulate(device, hold, policy=policy, **about).check().i)[:, -3:]

    exact = last(mj.Auto())
    damped, plain = (
        last(mj.Fixed(1e-3, method=SemiImplicitEuler(damped=d))) for d in (True, False)
    )
    np.testing.assert_allclose(exact, 1e-6, rtol=0.05)
    np.testing.assert_allclose(damped, 1e-6, rtol=0.05)
    assert np.median(plain) < 1e-8
