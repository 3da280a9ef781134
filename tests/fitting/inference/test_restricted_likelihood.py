"""The restricted likelihood of a covariance over devices."""

import numpy as np
from scipy.optimize import minimize

from fitting.inference.devices import Devices
from fitting.inference.hierarchy import fit_population
from tests.fits import DEVICE_NAMES, DEVICE_SIGMA, drawn_devices


def test_it_is_the_maximum_of_the_restricted_likelihood():
    _, z, covariance = drawn_devices(8, 5)

    def minus(x):
        root = np.zeros((3, 3))
        root[np.tril_indices(3)] = x
        v = covariance + root @ root.T
        w = np.linalg.inv(v)
        m = np.linalg.solve(w.sum(axis=0), np.einsum("dij,dj->i", w, z))
        value = np.linalg.slogdet(v)[1].sum() + np.linalg.slogdet(w.sum(axis=0))[1]
        return 0.5 * (value + np.einsum("di,dij,dj->", z - m, w, z - m))

    found = fit_population(Devices.of(DEVICE_NAMES, z, covariance)).covariance
    begin = np.linalg.cholesky(DEVICE_SIGMA)[np.tril_indices(3)]
    best = minimize(minus, begin, method="Nelder-Mead", options={"maxiter": 20_000, "fatol": 1e-10})
    own = np.linalg.cholesky(found + 1e-12 * np.eye(3))[np.tril_indices(3)]
    assert minus(own) < best.fun + 1e-5
