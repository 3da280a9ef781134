"""What devices say of their parameters, and which of these scatter from cycle to cycle."""

import numpy as np

from fitting.inference.devices import Devices, _within
from fitting.inference.hierarchy import fit_population
from tests.fits import DEVICE_CENTER, DEVICE_NAMES, drawn_devices


def test_the_priors_of_the_devices_fits_are_taken_off():
    _, z, covariance = drawn_devices(40, 2)
    information = np.linalg.inv(covariance)
    posterior = np.linalg.inv(information + np.eye(3) / 0.1**2)
    drawn_in = np.einsum("dij,dj->di", information, z) + (DEVICE_CENTER + 0.5) / 0.1**2
    drawn_in = np.einsum("dij,dj->di", posterior, drawn_in)
    plain = fit_population(Devices.of(DEVICE_NAMES, z, covariance))
    prior = (np.broadcast_to(DEVICE_CENTER + 0.5, z.shape), 0.1)
    found = fit_population(Devices.of(DEVICE_NAMES, drawn_in, posterior, prior=prior))
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.center, plain.center, rtol=1e-5)


def test_cycles_scatter_in_as_few_parameters_as_explain_them():
    """25 devices of 8 cycles whose read noise lets two parameters scatter at will; one does, by 5 %."""
    rng = np.random.default_rng(6)
    read = np.array([[1.0, 0.9999, 0.0], [0.9999, 1.0, 0.0], [0.0, 0.0, 1e-4]])
    inverse = np.linalg.inv(read)
    told = []
    for _ in range(25):
        shifts = rng.multivariate_normal(np.zeros(3), read, size=8) + [0.0, 0.0, 0.05] * rng.normal(
            size=(8, 1)
        )
        away = (shifts - shifts.mean(axis=0)) * np.sqrt(8 / 7)
        told.append(
            {"names": DEVICE_NAMES, "cycle_information": inverse, "cycle_score": away @ inverse}
        )
    sigma = np.sqrt(np.diag(_within(told)))
    assert sigma[:2].tolist() == [0.0, 0.0]
    # 175 degrees of freedom of a variance that read noise is 4 % of; the prior takes 0.06 %
    assert abs(sigma[2] / 0.05 - 1) < 4 * 1.04 / np.sqrt(2 * 175)
