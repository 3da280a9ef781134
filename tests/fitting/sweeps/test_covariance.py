"""Coverage of first-order intervals on linear models; the benchmark `calibration` has devices."""

from types import SimpleNamespace

import numpy as np
import pytest

import memjax as mj
from fitting.problem import PRIOR_SIGMA
from fitting.sweeps.covariance import uncertainty
from fitting.sweeps.group import MODEL_SIGMA, SMALL, saturated
from fitting.sweeps.summary import Waveform

POINTS, FREE, REPEATS = 120, 3, 800
BAND = 4 * np.sqrt(0.09 / REPEATS)
"""Distance of a share from 0.9 that chance exceeds with z = 4."""

ROWS = np.linspace(0.0, 1.0, POINTS)
SLOPES = np.stack([np.ones(POINTS), np.sin(5 * ROWS), np.exp(-(((ROWS - 0.4) / 0.1) ** 2))], axis=1)
"""Derivatives of log10 of the current by the coordinates."""

NO_EVENTS = np.zeros((3, FREE))


def problem(noise):
    """What `uncertainty` reads of a problem of one waveform without events."""
    group = SimpleNamespace(
        rows=ROWS[None],
        target=np.zeros((1, POINTS)),
        weight=np.full((1, POINTS), 1 / MODEL_SIGMA),
        event_weight=np.zeros((1, 1, 3)),
        span=np.zeros((1, 1, 3)),
        floor=1e-9,
        model_sigma=MODEL_SIGMA,
        small_sigma=SMALL * MODEL_SIGMA,
        left=None,
        left_weight=None,
    )
    return SimpleNamespace(
        free=("a", "b", "c"),
        group=group,
        noise=noise,
        prior_weight=noise / PRIOR_SIGMA,
        strength=None,
    )


def waveform(log_i):
    """Sweeps without switching."""
    n = len(log_i)
    return Waveform(
        stimulus=mj.Sampled(ROWS, ROWS),
        rows=ROWS,
        v=ROWS,
        log_response=log_i,
        used=np.ones(POINTS, bool),
        censored=np.zeros(POINTS, bool),
        events=np.full((n, 1, 3), np.nan),
        legs=((0, POINTS - 1, POINTS),),
        labels=np.arange(n),
    )


def fitted(log_i, center):
    """Best point and uncertainty, the prior weighed against the noise as `fit` does."""
    w, noise = waveform(log_i), 1.0
    for _ in range(2):
        prior = np.eye(FREE) * noise / PRIOR_SIGMA
        jac = np.concatenate([SLOPES / MODEL_SIGMA, NO_EVENTS, prior])
        target = np.concatenate([w.median_log() / MODEL_SIGMA, np.zeros(3), prior @ center])
        z = np.linalg.lstsq(jac, target, rcond=None)[0]
        told = {"residuals": jac @ z - target, "jacobian": jac}
        known = uncertainty(problem(noise), [w], z=z, **told)
        noise = known.noise
    return z, known


def coverage(errors, seed, *, sweeps=1, cycle=0.0, repeats=REPEATS):
    """Share of intervals that hold the truth, by parameter; and the last uncertainty."""
    rng = np.random.default_rng(seed)
    inside = []
    for _ in range(repeats):
        truth = rng.normal(size=FREE)
        own = truth + cycle * rng.normal(size=(sweeps, FREE))
        z, known = fitted(
            own @ SLOPES.T + errors(rng, sweeps), truth + PRIOR_SIGMA * rng.normal(size=FREE)
        )
        inside.append(np.abs(z - truth) < known.reach(0.9) * known.sigma_z)
    return np.mean(inside, axis=0), known


def uneven(rng, sweeps):
    """Errors that are ten times larger at one end of the sweep."""
    return 0.01 * 10**ROWS * rng.normal(size=(sweeps, POINTS))


def relative(rng, sweeps):
    """Relative errors of one size at all points."""
    return 0.02 * rng.normal(size=(sweeps, POINTS))


def wandering(rng, sweeps):
    """Errors of neighbours that are correlated by 0.6."""
    steps = np.abs(np.subtract.outer(np.arange(POINTS), np.arange(POINTS)))
    root = np.linalg.cholesky(0.6**steps)
    return 0.02 * rng.normal(size=(sweeps, POINTS)) @ root.T


@pytest.mark.slow
def test_intervals_of_one_sweep_hold_the_truth_as_often_as_they_say():
    found, known = coverage(uneven, 0)
    assert np.all(np.abs(found - 0.9) < BAND), found
    assert known.cycle_score is None
    assert "without spread between cycles" in known.source
    assert known.noise == pytest.approx(0.04 / MODEL_SIGMA, rel=0.5)  # far below what was granted


@pytest.mark.slow
def test_correlated_residuals_make_wider_intervals():
    """The correlation is estimated from residuals that the fit has made smaller: 0.85 is allowed."""
    found, known = coverage(wandering, 1)
    assert np.all((found > 0.85) & (found < 0.95)), found
    assert "neighbours correlated by" in known.source


@pytest.mark.slow
def test_intervals_of_several_sweeps_hold_the_median_device():
    found, known = coverage(uneven, 2, sweeps=8, cycle=0.1, repeats=150)
    band = 4 * np.sqrt(0.09 / 150)
    assert np.all((found > 0.9 - band) & (found < 0.95 + band)), found
    assert known.freedom == 7
    assert known.source == "200 resamplings of the sweeps"


@pytest.mark.slow
@pytest.mark.parametrize("sweeps", [4, 8])
def test_intervals_of_sweeps_that_differ_by_read_noise_alone_know_all_directions(sweeps):
    """Four sweeps have no spread in a fourth direction: the shape of the scatter is that of read noise."""
    found, known = coverage(relative, 3, sweeps=sweeps)
    assert np.all(np.abs(found - 0.9) < BAND), found
    assert known.source == "read noise, by which alone the sweeps differ"
    assert known.freedom == FREE * (sweeps - 1)


@pytest.mark.wrong_types
def test_spread_from_cycle_to_cycle_is_that_of_the_parameters():
    rng = np.random.default_rng(3)
    shifts = 0.1 * rng.normal(size=(400, FREE))
    known = fitted(shifts @ SLOPES.T + 0.005 * rng.normal(size=(400, POINTS)), np.zeros(FREE))[1]
    found = known.cycle_score @ np.linalg.inv(known.cycle_information)
    np.testing.assert_allclose(found.std(axis=0), shifts.std(axis=0, ddof=1), rtol=0.02)


@pytest.mark.wrong_types
def test_what_read_noise_makes_of_a_cycle_is_known():
    """Nothing but read noise: scores have the information as covariance, and |z| < 4 of 400 cycles."""
    rng = np.random.default_rng(5)
    known = fitted(0.02 * rng.normal(size=(400, POINTS)), np.zeros(FREE))[1]
    size, axes = np.linalg.eigh(known.cycle_information)
    white = np.mean((known.cycle_score @ axes) ** 2 / size, axis=0)
    # the relative read noise is a median of 400 times some tens of steps: known to a few percent
    assert np.all(np.abs(white - 1) < 4 * np.sqrt(2 / 400) + 0.1)


@pytest.mark.wrong_types
def test_the_data_alone_are_told_where_the_prior_says_more():
    """A direction that the data hardly see has no information; along the others the prior is taken off."""
    log_i = np.array([1.0, -2.0, 0.5]) @ SLOPES.T + uneven(np.random.default_rng(4), 1)
    pulled = fitted(log_i, np.array([9.0, 9.0, 9.0]))[1]
    exact = np.linalg.lstsq(SLOPES, log_i[0], rcond=None)[0]
    np.testing.assert_allclose(pulled.data_z, exact, atol=1e-6)
    blind = SLOPES * np.array([1.0, 1.0, 1e-6])
    jac = np.concatenate([blind / MODEL_SIGMA, NO_EVENTS, np.eye(FREE) / PRIOR_SIGMA])
    told = {"z": np.zeros(FREE), "residuals": np.zeros(len(jac)) + 0.1, "jacobian": jac}
    known = uncertainty(problem(1.0), [waveform(log_i)], **told)
    assert known.sigma_z[2] > 0.99 * PRIOR_SIGMA > 1.5 > known.sigma_z[:2].max()
    np.testing.assert_allclose(known.information[2], 0.0, atol=1e-6 * known.information[0, 0])


@pytest.mark.wrong_types
def test_a_residual_whose_derivatives_have_exploded_says_nothing():
    """With 1e37 in it the singular values of the others are lost: a decomposition failed after a fit had run."""
    log_i = 0.05 * np.random.default_rng(3).normal(size=(1, POINTS))
    prior = np.eye(FREE) / PRIOR_SIGMA
    found = []
    for row in ([1e37, 1.0, 1.0], [0.0, 0.0, 0.0]):
        jac = np.concatenate([SLOPES / MODEL_SIGMA, NO_EVENTS, prior])
        jac[7] = row
        told = {"residuals": np.append(log_i[0] / MODEL_SIGMA, np.zeros(6)), "jacobian": jac}
        found.append(uncertainty(problem(1.0), [waveform(log_i)], z=np.zeros(FREE), **told))
    exploded, without = found
    np.testing.assert_array_equal(exploded.covariance, without.covariance)
    assert np.all(np.isfinite(exploded.information))
    assert exploded.source == f"{without.source}; without residuals of exploded derivatives: 1"


@pytest.mark.wrong_types
def test_chi_squared_grants_little_by_default_and_the_error_of_the_model_is_estimated():
    """A curve that is off by 0.15 decades on either branch: 0.25 against what the search grants, 25 against a tenth."""
    truth = np.tile(np.linspace(-6, -4, POINTS), (4, 1))
    away = 0.15 * np.where(np.sin(40 * ROWS) < 0, -1.0, 1.0)
    w, own = waveform(truth), problem(1.0)
    jacobian = np.concatenate([SLOPES / MODEL_SIGMA, NO_EVENTS, np.eye(FREE) / PRIOR_SIGMA])
    residuals = np.concatenate([saturated(away / MODEL_SIGMA), np.zeros(3 + FREE)])
    known = uncertainty(own, [w], z=np.zeros(FREE), residuals=residuals, jacobian=jacobian)
    expected = POINTS / (POINTS - FREE) * saturated(0.15 / 0.03) ** 2
    assert known.reduced_chi2 == pytest.approx(expected)
    assert known.reduced_chi2 > 20
    assert known.model_error == pytest.approx(0.15)
    own.group.small_sigma = MODEL_SIGMA  # --model-sigma 0.3: someone says so
    known = uncertainty(own, [w], z=np.zeros(FREE), residuals=residuals, jacobian=jacobian)
    assert known.reduced_chi2 == pytest.approx(POINTS / (POINTS - FREE) * saturated(0.5) ** 2)
