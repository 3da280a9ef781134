"""Laws of decay."""

import numpy as np
import pytest

from fitting.retention.laws import LAWS, compare, fit_law
from memjax.data import DecayRecord

T = np.linspace(0.0, 3e4, 400)

TRUTH = {
    "stretched exponential": {"r0": 1e4, "r_inf": 1.2e4, "tau": 4e3, "beta": 0.6},
    "logarithm of time": {"r0": 1e4, "a": 300.0, "t0": 200.0},
    "power of time": {"r0": 1e4, "nu": 0.1, "t0": 300.0},
}

SIGMA = 15.0

Z = 4.0


def _law(name: str, t: np.ndarray) -> np.ndarray:
    p = TRUTH[name]
    if "tau" in p:
        return p["r_inf"] + (p["r0"] - p["r_inf"]) * np.exp(-((t / p["tau"]) ** p["beta"]))
    if "a" in p:
        return p["r0"] + p["a"] * np.log1p(t / p["t0"])
    return p["r0"] * (1 + t / p["t0"]) ** p["nu"]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_comes_back_and_is_preferred(law):
    """z of 4 for each of up to 4 parameters."""
    r = _law(law.name, T) + SIGMA * np.random.default_rng(1).normal(size=T.size)
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
    few, many = (fit_law(law, T, _law(law.name, T) + x).std["a"] for x in (white, red))
    assert few is not None
    assert many is not None
    assert 2.0 < many / few < 4.0
