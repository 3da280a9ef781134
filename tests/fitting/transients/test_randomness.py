"""Randomness of delays and relaxations: where the search begins, how censoring counts, and what is compared."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.stochastic.result import Stochastic
from fitting.transients import randomness
from fitting.transients.features import features_of, times_of
from fitting.transients.fit import Medians, TransientFit
from fitting.transients.randomness import _prior, _started, of_pulses, randomised
from memjax.core.params import get, replace as with_values
from memjax.errors import DataError
from tests.helpers import pulsed_curves


@pytest.fixture(scope="module")
def times():
    rng = np.random.default_rng(0)
    return rng.uniform(0.2e-3, 2e-3, 20), rng.uniform(1e-3, 5e-3, 20)


def _fit(measurement: mj.Measurement, **changes) -> TransientFit:
    """A fit of which the search reads the device and the features alone."""
    device = with_values(mj.DiffusiveMemristor(), {"lam": 0.1, "gamma2": 10.0, "r0": 0.3} | changes)
    nothing = dict.fromkeys(("problem", "z", "covariance", "cycle_spread", "w1"))
    nothing |= dict.fromkeys(("simulated", "loss", "search"))
    return TransientFit(features=features_of(measurement), device=device, seed=0, **nothing)


@pytest.mark.study
def test_the_start_meets_the_median_delay_and_scales_with_the_times(times):
    """To half a step of the row of growths, a factor of 300 in 24; rates are inverse to the times."""
    begun = []
    for scale in (1.0, 10.0):
        fit = _fit(pulsed_curves(*times, scale))
        device = _started(fit, ())
        delay, relaxation, _ = times_of(device, fit.features, {"mu": np.array([get(device, "mu")])})
        assert abs(np.log(delay[0] / np.median(fit.features.delay))) < np.log(300) / 23
        assert 0 < relaxation[0] < fit.features.limits[1]
        begun.append(device)
    for name in ("mu", "gamma1", "beta", "gamma3", "theta"):
        ratio = float(get(begun[0], name)) / float(get(begun[1], name))
        grid = np.log(300) / 23 if name == "mu" else 0.05
        assert abs(np.log(ratio / 10)) < grid * 1.01, name
    held = _started(_fit(pulsed_curves(*times), gamma1=123.0), ("gamma1",))
    assert float(get(held, "gamma1")) == 123.0


def test_what_did_not_end_counts_as_watched_on_both_sides(times):
    d, r = (x.copy() for x in times)
    d[0], r[1] = 1.0, 1.0  # never switches; never relaxes
    measurement = pulsed_curves(d, r)
    seen = features_of(measurement)
    experiment = of_pulses(measurement, seen)
    values, rows = experiment.readings[0].sample.values, experiment.rows[0]
    assert values[0, 0] == pytest.approx(np.log(seen.limits[0]))
    assert values[0, 1] == pytest.approx(np.log(rows[1] - rows[0]))
    assert values[1, 1] == pytest.approx(np.log(seen.limits[1]))
    curves = [np.interp(rows, c.t, np.abs(c.i)) for _, c in measurement.sweeps()]
    read = experiment.readings[0].read(np.stack(curves))
    np.testing.assert_allclose(np.exp(read), np.exp(values), atol=2 * (rows[1] - rows[0]))


@pytest.mark.wrong_types
def test_a_rate_that_no_step_resolves_lies_three_sigma_away_and_is_told(times):
    seen = features_of(pulsed_curves(*times))
    assert _prior(seen, "gamma1", 1.0, 1e-5) == 1.0
    assert _prior(seen, "gamma1", 1e4, 1e-5) == pytest.approx(np.log(10) / 3)
    assert _prior(seen, "mu", 1e4 / 0.5, 1e-5) == pytest.approx(np.log(10) / 3, rel=1e-3)
    assert _prior(seen, "gamma1", 1e6, 1e-5) == 0.1
    found = object.__new__(Stochastic)
    about = {"step": 1e-5, "step_p": [1.0], "comparison": [], "settled": True, "interrupted": False}
    for name, value in about.items():
        object.__setattr__(found, name, value)
    fit = replace(_fit(pulsed_curves(*times)), stochastic=found, unresolved=("theta",))
    assert fit.warnings == ("faster than a step of 1e-05 s, the curves tell no more: theta",)


@pytest.mark.study
def test_what_may_differ_from_curve_to_curve_cannot_all_be_fixed(times):
    measurement = pulsed_curves(*times)
    with pytest.raises(DataError, match="nothing that may differ"):
        randomised(_fit(measurement), measurement, fixed=("mu", "r0"))


@pytest.mark.slow
def test_what_a_search_calibrated_is_free_in_the_fit(times, monkeypatch):
    measurement = pulsed_curves(*times)
    fit = _fit(measurement)
    device, values = fit.device, {n: float(get(fit.device, n)) for n in ("mu", "gamma3")}
    about: Any = dict(device=device, free=("mu",), center=np.zeros(1), features=fit.features)
    floors = {n: {"floor": 1e-4} for n in ("delay", "relaxation")}
    fit = replace(fit, problem=Medians(**about), w1=floors)
    ended = {n: {side: {"ended": 20} for side in ("measured", "simulated")} for n in floors}
    monkeypatch.setattr(randomness, "compare_times", lambda *_, **__: {"times": ended})
    nothing: Any = dict(
        estimator="", noise=(), undetermined=(), replicates={}, profiles={}, prior={}
    )
    nothing |= dict(cycle_spread={}, comparison=[], step_p=[1.0], failed=0.0, draws=8, step=1e-5)
    experiment = of_pulses(measurement, fit.features)
    random = Stochastic(
        device=device, values=values | {"sigma_ln(mu)": 0.2}, std={n: 0.1 * x for n, x in values.items()},
        simulated=[experiment.readings[0].sample.values], settled=True, loss=1.0, loss_noise=0.1, **nothing,
    )  # fmt: skip
    calibrated = randomness._with(fit, random, experiment)
    assert calibrated.free == ("mu", "gamma3")
    assert calibrated.std["mu"] == pytest.approx(0.1 * values["mu"])
    assert calibrated.w1["delay"]["value"] < 1e-9  # of the measured times themselves
    assert calibrated.w1["relaxation"]["measured"] == 20
    axes = replace(calibrated, comparison=None).plot().axes
    assert [ax.get_xlabel() for ax in axes[:2]] == ["Delay (ms)", "Relaxation (ms)"]


@pytest.mark.study
def test_measured_pulses_of_a_stochastic_device_are_met(shared_data):
    """Seven curves: joint distribution, mean logarithms and CV within 2 standard errors, steps of either kind alike."""
    m = mj.read(shared_data / "clean" / "usc_diffusive_pulse.csv")
    _, values, _ = mj.presets.load("diffusive/wang2024-pulse")
    device = with_values(mj.DiffusiveMemristor(), values)
    fit = randomised(
        ft.solve(ft.TransientProblem(m, device, threshold=5.7e-6, off_threshold=1e-7)), m
    )
    assert fit.warnings == ()
    assert min(fit.stochastic.step_p) > 0.05
    assert min(fit.comparison["energy_p"].values()) > 0.05
    for c in fit.comparison["times"].values():
        assert abs(c["z_log"]) < 2
        assert abs(c["z_cv"]) < 2
    assert fit.comparison["power"]["log delay longer by 2 SD"] > 0.9
