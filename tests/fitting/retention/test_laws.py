"""Laws of decay."""

import numpy as np
import pytest

from fitting.retention.laws import LAWS, compare, fit_law
from memjax.data import DecayRecord
from tests.fitting.retention.decays import TRUTH, T, decay

SIGMA = 15.0

Z = 4.0


@pytest.mark.integration
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_comes_back_and_is_preferred(law):
    """z of 4 for each of up to 4 parameters."""
    r = decay(law.name, T) + SIGMA * np.random.default_rng(1).normal(size=T.size)
    found = fit_law(law, T, r)
    for name, true in TRUTH[law.name].items():
        std = found.std[name]
        assert std is not None
        assert abs(found.values[name] - true) < Z * std, name
    best = compare(DecayRecord(label="x", t=T, r=r))[0]
    # A logarithm and a small power are hardly told apart.
    assert best.name == law.name or {best.name, law.name} <= {*list(TRUTH)[1:]}
    assert found.ahead is not None
    assert found.ahead < 5e-3


def test_correlated_readings_make_errors_larger():
    """Of residuals with a correlation of 0.8 the errors grow by about sqrt(1.8 / 0.2) = 3."""
    law, rng = LAWS[1], np.random.default_rng(2)
    white = SIGMA * rng.normal(size=T.size)
    red = np.zeros_like(white)
    for k in range(1, T.size):
        red[k] = 0.8 * red[k - 1] + 0.6 * white[k]
    few, many = (fit_law(law, T, decay(law.name, T) + x).std["a"] for x in (white, red))
    assert few is not None
    assert many is not None
    assert 2.0 < many / few < 4.0
