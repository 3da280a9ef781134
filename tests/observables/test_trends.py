"""Trends over cycles: slopes with honest errors, numbers of cycles, resistances."""

import numpy as np
import pytest

import memjax as mj
from memjax.observables import Series, series_of_sweeps, slope_of, switching, trend


def series(values, *, unit="V", cycle=None):
    values = np.asarray(values, float)
    cycle = np.arange(1.0, len(values) + 1) if cycle is None else cycle
    return Series(quantity="v_th", unit=unit, polarity=1, cycle=cycle, values=values)


def noise(rng, n, rho):
    """An autoregression of first order with unit variance."""
    x = np.empty(n)
    x[0] = rng.standard_normal()
    for k in range(1, n):
        x[k] = rho * x[k - 1] + np.sqrt(1 - rho**2) * rng.standard_normal()
    return x


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_scores_of_no_trend_have_unit_spread_though_cycles_depend_on_those_before(rho):
    rng, runs, n = np.random.default_rng(1), 400, 400
    x = np.arange(1.0, n + 1)
    scores = []
    for _ in range(runs):
        slope, error = slope_of(x, noise(rng, n, rho))
        scores.append(slope / error)
    assert abs(np.mean(scores)) < 4 / np.sqrt(runs)
    # Newey-West errors are somewhat small at finite length: 1.15, and 4 standard errors of a spread.
    assert np.std(scores) < 1.15 * (1 + 4 / np.sqrt(2 * runs))
    assert np.std(scores) > 1 - 4 / np.sqrt(2 * runs)


def test_a_known_slope_is_recovered_per_decade_and_per_cycle():
    rng = np.random.default_rng(2)
    cycle = np.arange(1.0, 301)
    noisy = 0.01 * rng.standard_normal(300)
    t = trend(series(0.3 + 0.05 * np.log10(cycle) + noisy))
    assert abs(t.per_decade - 0.05) < 4 * t.per_decade_error
    assert t.differs
    assert t.z_per_decade > 10
    t = trend(series(10 ** (4 - 1e-3 * cycle + noisy), unit="ohm"))
    assert abs(t.per_cycle + 1e-3) < 4 * t.per_cycle_error
    assert t.first == pytest.approx(10**3.985, rel=0.02)
    assert t.last == pytest.approx(10**3.715, rel=0.02)
    flat = trend(series(0.3 + noisy))
    assert not flat.differs


def test_few_cycles_have_medians_and_no_slope_and_gaps_do_not_count():
    t = trend(series([1.0, np.nan, 3.0]))
    assert (t.n, t.first, t.last, t.per_decade, t.differs) == (2, 1.0, 3.0, None, None)
    empty = trend(series([np.nan] * 3))
    assert (empty.n, empty.first, empty.last) == (0, None, None)
    constant = trend(series([2.0] * 20))
    assert (constant.per_decade, constant.z_per_decade, constant.differs) == (0.0, None, False)
    assert trend(series([0.0, *[10.0] * 12], unit="ohm")).n == 12  # no logarithm of 0


def loops(labels, thresholds, r_on=1e4, r_off=1e8):
    """A device that switches at a voltage of each cycle and is off again at 0.1 V."""
    up = np.linspace(0, 1, 101)
    v = np.concatenate([up, up[-2::-1]])
    out = np.arange(201) <= 100
    i = [v / np.where((v >= x - 1e-9) & out | (v > 0.105) & ~out, r_on, r_off) for x in thresholds]
    return mj.Measurement(
        v=np.tile(v, len(labels)), i=np.concatenate(i), sweep=np.repeat(labels, 201), reader="made here",
        at_compliance=np.zeros(201 * len(labels), bool),
    )  # fmt: skip


def test_sweeps_give_voltages_and_resistances_and_files_follow_one_another():
    thresholds = np.linspace(0.5, 0.61, 12)
    files = [loops(np.arange(3, 15), thresholds), loops([0, 1], [0.7, 0.8], r_on=2e4)]
    events = [switching(f, on_threshold=1e-6, hold_threshold=1e-7) for f in files]
    found = {s.quantity: s for s in series_of_sweeps(files, events)}
    assert list(found) == ["v_th", "v_hold", "r_on", "r_off"]
    assert found["v_th"].cycle.tolist() == list(range(1, 15))
    np.testing.assert_allclose(found["v_th"].values, [*thresholds.round(2), 0.7, 0.8])
    np.testing.assert_allclose(found["v_hold"].values, 0.1)
    np.testing.assert_allclose(found["r_on"].values, [1e4] * 12 + [2e4] * 2)
    np.testing.assert_allclose(found["r_off"].values, 1e8)
    assert trend(found["v_th"]).differs


def test_points_at_the_current_limit_say_nothing_of_the_resistance():
    m = loops(np.arange(12), [0.5] * 12)
    limited = (m.i > 3e-5) & (m.v > 0.3)
    clipped = mj.Measurement(
        v=m.v, i=np.where(limited, 3e-5, m.i), sweep=m.sweep, reader="made here", at_compliance=limited, compliance=3e-5
    )  # fmt: skip
    events = switching(clipped, on_threshold=1e-6, hold_threshold=1e-7)
    found = {s.quantity: s for s in series_of_sweeps([clipped], [events])}
    np.testing.assert_allclose(found["r_on"].values, 1e4)


@pytest.mark.integration
def test_an_imposed_current_has_voltages_and_no_resistances():
    up = np.linspace(0, 1e-3, 51)
    i = np.concatenate([up, up[-2::-1]])
    v = np.where(i < 5e-4, 2e3 * i, 0.5 + 100 * (i - 5e-4))
    m = mj.Measurement(
        v=v, i=i, sweep=np.zeros(101, int), driven="current", reader="made here", at_compliance=np.zeros(101, bool)
    )  # fmt: skip
    found = {s.quantity: s for s in series_of_sweeps([m], [switching(m)])}
    assert np.isnan(found["r_on"].values).all()
    assert np.isfinite(found["v_th"].values).all()
