"""What speaks against draws from a posterior."""

import numpy as np

import memjax as mj
from fitting.inference.sample import judge
from memjax.core.fields import parameter_specs

DEVICE = mj.DiffusiveMemristor()


def test_chains_that_have_not_mixed_and_draws_that_diverged_are_named():
    chains = np.random.default_rng(3).normal(size=(4, 300))
    columns = {
        "mu": np.exp(chains + np.array([0.0, 0.0, 0.0, 2.0])[:, None]),
        "gamma1": np.exp(chains),
    }
    stats_of = {"lp": chains, "diverging": chains > 3.0}
    found = judge(columns, stats_of, parameter_specs(DEVICE), {})
    assert not found.mixed
    assert "R-hat above 1.01: mu" in found.notes[0]
    assert "gamma1" not in found.notes[0]
    assert f"{np.sum(chains > 3.0)} draws diverged" in found.notes[-1]
