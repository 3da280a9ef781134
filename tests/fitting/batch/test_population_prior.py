"""The population as prior: less error along sloppy directions, honest errors, and devices that do not belong to it."""

import numpy as np
import pytest

from fitting.batch.population_prior import population_prior
from fitting.batch.rows import Row
from memjax.errors import FitError
from tests.fits import DEVICE_CENTER, DEVICE_NAMES, DEVICE_SIGMA

# Errors along an axis that mixes all parameters are four times the spread from device to device, else a fifth of it.
SLOPPY, STIFF = 0.8, 0.04
AXES = np.linalg.qr(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))[0]
ERROR = AXES @ np.diag([SLOPPY, STIFF, STIFF]) ** 2 @ AXES.T


def drawn_rows(count: int, seed: int) -> tuple[np.ndarray, list[Row]]:
    """Coordinates of devices, and rows of fits whose errors are normal."""
    rng = np.random.default_rng(seed)
    truth = rng.multivariate_normal(DEVICE_CENTER, DEVICE_SIGMA, size=count)
    z = truth + rng.multivariate_normal(np.zeros(3), ERROR, size=count)
    return truth, [row(f"d{k}", x) for k, x in enumerate(z)]


def row(name: str, z: np.ndarray) -> Row:
    std = dict(zip(DEVICE_NAMES, np.sqrt(np.diag(ERROR)), strict=True))
    about = dict(values=dict(zip(DEVICE_NAMES, z, strict=True)), std=std, sweeps=1, freedom=30.0)
    information = np.linalg.inv(ERROR).tolist()
    return Row(name=name, z=z.tolist(), data_z=z.tolist(), information=information, **about)


@pytest.mark.integration
def test_errors_along_a_sloppy_direction_fall_and_are_told_right():
    """20 populations of 60: chi squared of posteriors per degree of freedom is 1, |z| < 4, or less by the margin."""
    own, shrunken, chi2 = [], [], []
    for seed in range(20):
        truth, rows = drawn_rows(60, seed)
        prior = population_prior(rows)
        away = np.array([prior.near(r) for r in rows]) - truth
        covariance = np.linalg.inv(np.linalg.inv(ERROR) + prior.precision)
        own.append(np.array([r.z for r in rows]) - truth)
        shrunken.append(away)
        chi2.append(np.einsum("di,ij,dj->d", away, np.linalg.inv(covariance), away))
    rmse = [np.sqrt(np.mean((np.concatenate(x) @ AXES[:, 0]) ** 2)) for x in (own, shrunken)]
    # The best that is possible is the spread along the axis, and errors are larger by the error of the median.
    spread = np.sqrt(AXES[:, 0] @ DEVICE_SIGMA @ AXES[:, 0])
    assert rmse[1] < 1.3 * spread < 0.5 * rmse[0]
    assert rmse[0] == pytest.approx(SLOPPY, rel=4 / np.sqrt(2 * 20 * 60))
    mean, sure = np.mean(chi2) / 3, 4 * np.sqrt(2 / (3 * 20 * 60))
    # Variances are larger by one standard error of theirs, here of up to half of the spread: errors are not too small.
    assert 1 / 1.5 - sure < mean < 1 + sure


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, 60])
def test_a_device_that_does_not_belong_to_the_population_is_said_and_keeps_its_own_fit(count):
    _, rows = drawn_rows(count, 3)
    assert population_prior(rows).outside == ()
    # Along an axis that its data determine, 10 times as far off as devices scatter.
    stray = np.asarray(rows[0].z) + 10 * 0.2 * AXES[:, 1]
    rows[0] = row("d0", stray)
    prior = population_prior(rows)
    assert prior.outside == ("d0",)
    assert prior.devices == count - 1
    assert prior.p_value["d0"] < 0.05 / count
    clean = population_prior(rows[1:])
    assert np.allclose(prior.center, clean.center)
    assert np.allclose(prior.covariance, clean.covariance)
    kept = prior.outlier(rows[0])
    assert kept.outside
    assert (kept.values, kept.std, kept.z) == (rows[0].values, rows[0].std, rows[0].z)


def test_too_few_devices_make_no_population():
    with pytest.raises(
        FitError, match="4 fitted devices are too few for a population of 3 parameters"
    ):
        population_prior(drawn_rows(4, 0)[1])
