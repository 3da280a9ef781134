"""Populations out of estimates of devices, on normal numbers whose distribution is known."""

import numpy as np
import pytest

import memjax as mj
from fitting.batch.fit import Row
from fitting.batch.population import BatchPopulation
from fitting.batch.report import _hierarchy
from fitting.inference.devices import Devices
from fitting.inference.hierarchy import Hierarchy, fit_population
from memjax.errors import DataError, FitError
from tests.fits import DEVICE_CENTER, DEVICE_NAMES, DEVICE_SIGMA, drawn_devices

READ = np.diag([0.0004, 0.0004, 0.005])
"""What read noise makes of the coordinates of one cycle: as much as the cycles' own spread of the third."""


def test_spread_and_correlation_come_back_within_fifteen_percent():
    """Of 600 devices: the standard error of a standard deviation is 3 %, so that 15 % is z = 5."""
    _, z, covariance = drawn_devices(600, 0)
    found = fit_population(Devices.of(DEVICE_NAMES, z, covariance))
    sigma, truth = np.sqrt(np.diag(found.covariance)), np.sqrt(np.diag(DEVICE_SIGMA))
    assert np.all(np.abs(sigma / truth - 1) < 0.15)
    correlation = DEVICE_SIGMA / np.outer(truth, truth)
    assert np.all(
        np.abs(found.correlation - correlation) < 4 * (1 - correlation**2 + 0.1) / 600**0.5
    )
    assert np.all(
        np.abs(found.center - DEVICE_CENTER) < 4 * np.sqrt(np.diag(found.center_covariance))
    )
    # without taking off the errors of the devices' estimates it is too large
    assert np.all(np.diag(np.cov(z.T)) > np.diag(found.covariance))


@pytest.mark.slow
def test_few_devices_give_variances_that_are_right_in_the_mean():
    """Of 6 devices, 300 times; the variances of the likelihood itself would be 5/6 of the truth, z = -4."""
    found, errors, away = [], [], []
    for k in range(300):
        _, z, covariance = drawn_devices(6, k + 1, error=0.02)
        h = fit_population(Devices.of(DEVICE_NAMES, z, covariance))
        found.append(np.diag(h.covariance))
        errors.append(np.diag(h.covariance_error))
        away.append((h.center - DEVICE_CENTER) / np.sqrt(np.diag(h.center_covariance)))
    mean, scatter = np.mean(found, axis=0), np.std(found, axis=0)
    assert np.all(np.abs(mean - np.diag(DEVICE_SIGMA)) < 3 * scatter / np.sqrt(300))
    np.testing.assert_allclose(np.mean(errors, axis=0), scatter, rtol=0.15)
    # centres over their errors follow Student's law of 5 degrees of freedom: variance 5/3
    assert np.all(np.abs(np.mean(np.square(away), axis=0) - 5 / 3) < 4 * np.sqrt(2 / 300) * 3)


def test_devices_are_shrunken_towards_the_median_and_nearer_to_the_truth():
    truth, z, covariance = drawn_devices(200, 3, error=0.15)
    found = fit_population(Devices.of(DEVICE_NAMES, z, covariance))
    assert np.mean((found.shrunken - truth) ** 2) < 0.8 * np.mean((z - truth) ** 2)


def rows(count, *, cycles, seed=0):
    """Rows of a batch whose devices say nothing along gamma1 in every second one."""
    rng = np.random.default_rng(seed)
    within = np.diag([0.02, 0.01, 0.005])
    out = []
    for k in range(count):
        theta = rng.multivariate_normal(DEVICE_CENTER, DEVICE_SIGMA)
        shifts = rng.multivariate_normal(np.zeros(3), within + READ, size=cycles)
        error = np.cov(shifts.T) / cycles
        axes = np.eye(3)[:, [0, 2]] if k % 2 else np.eye(3)
        information = axes @ np.linalg.inv(axes.T @ error @ axes) @ axes.T
        z = theta + shifts.mean(axis=0)
        z[1] = 0.0 if k % 2 else z[1]
        data = {"data_z": z.tolist(), "information": information.tolist()}
        cycle = axes @ axes.T @ np.linalg.inv(READ)
        away = (shifts - shifts.mean(axis=0)) * np.sqrt(cycles / (cycles - 1))
        data |= {"cycle_information": cycle.tolist(), "cycle_score": (away @ cycle).tolist()}
        about = {
            "freedom": cycles - 1.0,
            "sweeps": cycles,
            "values": dict.fromkeys(DEVICE_NAMES, 1.0),
        }
        out.append(Row(name=f"d{k}", **data, **about))
    return out, within


@pytest.mark.integration
def test_rows_give_both_spreads_apart_and_a_population_to_draw_from():
    """200 devices, half of which say nothing of gamma1: 15 % is z = 2.1 or more; 6 cycles each."""
    told, within = rows(200, cycles=6)
    h = fit_population([*told, Row(name="broken", failure="no column of current")])
    assert len(h.labels) == 200
    np.testing.assert_allclose(
        np.sqrt(np.diag(h.covariance)), np.sqrt(np.diag(DEVICE_SIGMA)), rtol=0.15
    )
    assert h.within is not None
    # 1,000 degrees of freedom for the sum of both variances, of which that of read noise is taken off
    ratio, share = np.diag(h.within) / np.diag(within), np.diag(READ) / np.diag(within)
    assert np.all(np.abs(ratio - 1) < 4 * np.sqrt(2 / 1000) * (1 + share) * [1, 2**0.5, 1])
    base = mj.DiffusiveMemristor()
    table = {r["name"]: r for r in h.table(base)}
    row = table["mu"]
    assert row["unit"] == "1/(V s)"
    assert abs(row["median"] - np.exp(4.0)) < 4 * row["error"]
    assert row["device_sigma_ln"] == pytest.approx(0.2, rel=0.15)
    assert row["cycle_sigma_ln"] == pytest.approx(np.sqrt(0.02), rel=0.15)
    low, high = row["device_range_90"]
    assert np.log(high / low) == pytest.approx(2 * 1.645 * row["device_sigma_ln"], rel=1e-6)
    sample = h.population(base).sample(0, 4000)
    spread = np.std(np.log(np.asarray(sample["mu"])))
    assert spread == pytest.approx(row["device_sigma_ln"], rel=4 / np.sqrt(2 * 4000))


@pytest.mark.wrong_types
def test_what_makes_no_population_is_named():
    told, _ = rows(3, cycles=6)
    with pytest.raises(DataError, match="1 devices"):
        fit_population(told[:1])
    with pytest.raises(DataError, match="finite, \\(devices, 3\\)"):
        Devices.of(DEVICE_NAMES, np.zeros((2, 2)), np.zeros((2, 3, 3)))
    blind = Devices(
        names=DEVICE_NAMES,
        labels=("a", "b"),
        information=np.zeros((2, 3, 3)),
        score=np.zeros((2, 3)),
    )
    with pytest.raises(FitError, match="leave a direction open"):
        fit_population(blind)


@pytest.mark.integration
def test_what_devices_do_not_determine_has_no_median():
    """All fits end where they began, at 1000 ohm: no mean of 1000 +- 0."""
    rng, model = np.random.default_rng(0), mj.MetastableSwitches()
    r_on, r_off = mj.params.unconstrain(
        mj.params.replace(model, {"r_on": 500.0, "r_off": 1e3}), ("r_on", "r_off")
    )
    z = np.stack([float(r_on) + 0.1 * rng.normal(size=6), np.full(6, float(r_off))], axis=1)
    told = Devices.of(("r_on", "r_off"), z, np.tile(np.diag([1e-4, 4.0]), (6, 1, 1)))
    found = Hierarchy.of_estimates(told, z, ("r_off",))
    on, off = found.table(model)
    assert on["determined"]
    assert on["median"] == pytest.approx(500, rel=4 * 0.1 / np.sqrt(6))
    assert off == dict.fromkeys(off) | {"name": "r_off", "unit": "ohm", "determined": False}
    drawn_devices = BatchPopulation(found, found.population(model), "covariance of the estimates")
    page = str(_hierarchy(drawn_devices.as_json()))
    assert "1000" not in page
    assert page.count("not determined") == 3
