"""Delays and relaxations: what the curves show, and a device that has their medians."""

import pytest

import fitting as ft
import memjax as mj
from memjax.core.params import get


@pytest.mark.study
def test_measured_delays_and_relaxations(shared_data):
    """195 curves: medians within 2 standard errors, distributions as near as two halves of the measured ones."""
    m = mj.read(shared_data / "clean" / "umass_diffusive_relaxation_layer1.csv")
    start = {"lam": 0.1, "beta": 80.0, "gamma1": 800.0, "gamma2": 10.0, "r0": 0.3, "r_off": 1e9}
    fit = ft.solve(ft.TransientProblem(m, mj.params.replace(mj.DiffusiveMemristor(), start)))
    assert float(get(fit.device, "mu")) > 0
    for name in ("delay", "relaxation"):
        assert fit.w1[name]["value"] < 1.5 * fit.w1[name]["floor"]
    assert set(fit.cycle_spread) == {"r0", "gamma3"}
