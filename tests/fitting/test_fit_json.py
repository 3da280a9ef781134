"""What every fit says in its fit.json."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fitting.fit_json import finite, methods_in_words, pulls_in_words, uncertainty_of
from fitting.inference.profile_likelihood import Profile
from fitting.inference.sample import judge
from fitting.problem import WEAK_SIGMA
from memjax.core.fields import parameter_specs as specs_of

pytestmark = pytest.mark.slow


def test_what_is_no_number_is_none():
    assert [finite(x) for x in (np.nan, np.inf, 0.5)] == [None, None, 0.5]


def test_the_prior_and_what_it_pulls_are_told(result):
    prior = result.prior
    assert prior["sigma_ln"] == pytest.approx(WEAK_SIGMA)
    assert prior["noise"] == pytest.approx(float(result.problem.noise))
    center = result.problem.at(np.asarray(result.problem.center))
    assert prior["centre"]["mu"] == pytest.approx(float(center.mu))
    np.testing.assert_allclose([*prior["pull"].values()], result.prior_shift / result.sigma_z)
    pull = {"mu": -0.31, "gamma1": 0.29}
    (text,) = pulls_in_words({"pull": pull, "centre": {"mu": 60.0, "gamma1": 1.0}})
    assert text == "the prior moves, in standard deviations, mu by -0.3 (centre 60)"
    assert pulls_in_words({"pull": {}, "centre": {}}) == []


def test_intervals_of_the_method_that_was_asked_for_are_told(result):
    result = replace(result, profiles=())
    plain = uncertainty_of(result)
    assert plain["method"] == "laplace"
    low, high = plain["intervals"]["mu"]
    assert low < float(result.device.mu) < high
    profile = Profile(name="mu", low=None, high=99.0, level=0.9, values=(), rise=())
    by_profile = uncertainty_of(replace(result, profiles=(profile,)))
    assert by_profile["intervals"]["mu"] == [None, 99.0]
    assert "no lower end" in by_profile["notes"][0]
    assert by_profile["methods"] == plain["methods"] | {"mu": "profile"}
    assert methods_in_words(by_profile).endswith(
        "profile likelihood of the data alone, without the prior (mu)"
    )
    assert methods_in_words({"method": "laplace"}) == methods_in_words(plain)
    rng = np.random.default_rng(0)
    columns = {n: np.exp(rng.normal(size=(2, 200))) for n in result.problem.free}
    sample = judge(columns, {"diverging": np.zeros((2, 200), bool)}, specs_of(result.device), {})
    drawn = replace(result, sample=sample, profiles=(profile,))
    row = next(r for r in drawn.table() if r["name"] == "mu")
    assert (
        row["interval_90"] == list(drawn.intervals(0.9)["mu"]) == list(sample.intervals(0.9)["mu"])
    )
    assert drawn.intervals(0.5)["mu"] == sample.intervals(0.5)["mu"]
    assert replace(result, profiles=(profile,)).intervals(0.5)["mu"] == result.intervals(0.5)["mu"]
    by_draws = uncertainty_of(drawn)
    assert by_draws["method"] == "nuts"
    assert set(by_draws["r_hat"]) == set(result.problem.free)
    json.dumps(by_draws, allow_nan=False)
    assert by_draws["intervals"]["mu"] != plain["intervals"]["mu"]
    # Chains that lie apart give no interval, and it is said whose.
    columns["mu"][0] *= 1000.0
    apart = judge(columns, {"diverging": np.zeros((2, 200), bool)}, specs_of(result.device))
    mixed = uncertainty_of(replace(result, sample=apart))
    assert mixed["intervals"]["mu"] == plain["intervals"]["mu"]
    assert mixed["notes"][-1] == "mu: no intervals of draws, R-hat above 1.1"
    assert mixed["intervals"]["gamma1"] == by_draws["intervals"]["gamma1"]
