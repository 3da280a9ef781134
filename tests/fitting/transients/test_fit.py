"""Delays and relaxations: what the curves show, and a device that has their medians."""

import numpy as np
import pytest

import memjax as mj
from fitting.transients.features import features
from fitting.transients.fit import fit_transients
from memjax.errors import DataError
from memjax.params import get
from tests.helpers import pulsed_curves


def test_features_are_what_the_curves_were_made_of():
    """To a row and a half of 25 us, half of it the onset's, and a level that is the same everywhere."""
    rng = np.random.default_rng(4)
    d, r = rng.uniform(0.5e-3, 2e-3, 30), rng.uniform(2e-3, 5e-3, 30)
    seen = features(pulsed_curves(d, r))
    np.testing.assert_allclose(seen.delay, d, rtol=0, atol=37.5e-6)
    np.testing.assert_allclose(seen.relaxation, r, rtol=0, atol=37.5e-6)
    np.testing.assert_allclose(seen.levels, 8e-6, rtol=1e-6)
    with pytest.raises(DataError, match="at least 6"):
        features(pulsed_curves(d[:5], r[:5]))
    with pytest.raises(DataError, match="diffusive"):
        fit_transients(pulsed_curves(d, r), mj.Vteam())


@pytest.mark.study
def test_measured_delays_and_relaxations(shared_data):
    """195 curves: medians within 2 standard errors, distributions as near as two halves of the measured ones."""
    m = mj.read(shared_data / "clean" / "umass_diffusive_relaxation_layer1.csv")
    start = {"lam": 0.1, "beta": 80.0, "gamma1": 800.0, "gamma2": 10.0, "r0": 0.3, "r_off": 1e9}
    fit = fit_transients(m, mj.params.replace(mj.DiffusiveMemristor(), start))
    assert float(get(fit.device, "mu")) > 0
    for name in ("delay", "relaxation"):
        assert fit.w1[name]["value"] < 1.5 * fit.w1[name]["floor"]
    assert set(fit.cycle_spread) == {"r0", "gamma3"}
