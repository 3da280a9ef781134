"""Covariance over devices by restricted maximum likelihood, from each device's information and score."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from memjax.errors import FitError

_BEGINNING = 50  # steps of expectation and maximisation before those of quasi-Newton
# Least eigenvalue of the correlation from which quasi-Newton steps start: none ends there for want of a slope.
_NARROWEST = 1e-4
BLIND = 1e-9  # share of a device's largest information below which it says nothing along an axis
# Derivative of the log-likelihood by a relative change of a root's element below which it has converged.
_FLAT = 1e-3


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is known before: standard deviation of the medians about 0, and of the half-normal law of a spread."""

    median: float = np.inf
    spread: float = np.inf


@dataclass(frozen=True)
class AxisEstimates:
    """Each device's estimate along axes with independent errors, 0 along those of which it says nothing.

    Parameters
    ----------
    axes : Float[np.ndarray, "devices free free"]
        Eigenvectors of the information, one a column; 0 where that is none.
    z, error : Float[np.ndarray, "devices free"]
        Estimates along them, less a point that is near, and their variances; 1 where there is no information.
    prior : Prior
        Of the medians and of the spreads.
    """

    axes: Float[np.ndarray, "devices free free"]
    z: Float[np.ndarray, "devices free"]
    error: Float[np.ndarray, "devices free"]
    prior: Prior = Prior()

    @classmethod
    def of(
        cls,
        information: Float[np.ndarray, "devices free free"],
        score: Float[np.ndarray, "devices free"],
        near: Float[np.ndarray, " free"],
        prior: Prior | None = None,
    ) -> "AxisEstimates":
        """Out of information and score, less a point that is near."""
        size, axes = np.linalg.eigh(information)
        shown = size > BLIND * np.maximum(size[:, -1:], 0.0)
        axes = axes * shown[:, None, :]
        score = np.einsum("dji,dj->di", axes, score - information @ near)
        error = np.where(shown, 1 / np.where(shown, size, 1.0), 1.0)
        return cls(axes, score * error * shown, error, prior or Prior())

    def at(self, sigma: np.ndarray):
        """W_d, covariance of the centre, the centre, W_d times each distance, twice minus the log-likelihood there.

        Notes
        -----
        V_d = Sigma + 1/F_d, along the axes of F_d, and W_d = V_d^-1: without information an axis has weight 0, by
        the Woodbury identity the same as W_d = F_d (1 + Sigma F_d)^-1.
        """
        across = np.swapaxes(self.axes, 1, 2)
        covariance = across @ sigma @ self.axes + self.error[:, :, None] * np.eye(len(sigma))
        inverse = np.linalg.inv(covariance)
        weight = self.axes @ inverse @ across
        pulled = np.einsum("dij,djk,dk->di", self.axes, inverse, self.z)
        precision = self.prior.median**-2
        of_center = np.linalg.inv(weight.sum(axis=0) + precision * np.eye(len(sigma)))
        center = of_center @ pulled.sum(axis=0)
        offsets = self.z - across @ center
        pull = np.einsum("dij,djk,dk->di", self.axes, inverse, offsets)
        square = np.einsum("di,dij,dj->", offsets, inverse, offsets)
        square += precision * np.sum(center**2)
        return weight, of_center, center, pull, square + np.linalg.slogdet(covariance)[1].sum()


def maximum(estimates: AxisEstimates) -> Float[np.ndarray, "free free"]:
    """Covariance of largest restricted likelihood."""
    # Mean squares of the estimates hold their errors too: a spread that is too wide to begin with.
    # Never 0: a variance of 0 stays 0 in the steps below.
    begin = np.einsum("dij,dj->i", estimates.axes**2, estimates.z**2) / len(estimates.z) + 1e-12
    sigma = np.diag(np.minimum(begin, (3 * estimates.prior.spread) ** 2))
    for _ in range(_BEGINNING):
        weight, of_center, _, pull, _ = estimates.at(sigma)
        # What the data leave open of each device's distance; without the centre's error variances would come out low.
        left = (weight - weight @ of_center @ weight).mean(axis=0)
        # A step of expectation and maximisation is safe far from the maximum and slow near it, where BFGS takes over.
        value, axes = np.linalg.eigh(sigma + sigma @ (pull.T @ pull / len(weight) - left) @ sigma)
        sigma = (axes * np.maximum(value, 0.0)) @ axes.T  # rounding makes variances negative
    # In units of the spreads the elements of the root are of order one: one tolerance of slopes serves all.
    size = np.sqrt(np.maximum(np.diag(sigma), 1e-24))
    places = np.tril_indices(len(size))

    def root(x):
        out = np.zeros((len(size), len(size)))
        out[places] = x
        return size[:, None] * out

    def cost(x):
        factor = root(x)
        value, slope = _minus_log_likelihood(estimates, factor @ factor.T)
        # The derivative by the root L of a function of L L' is twice that by the covariance, times L.
        return value, (size[:, None] * (2 * slope @ factor))[places]

    value, axes = np.linalg.eigh(sigma / np.outer(size, size))
    begin = np.linalg.cholesky((axes * np.maximum(value, _NARROWEST)) @ axes.T)[places]
    # The root, not the covariance, is varied: every root makes a covariance without negative variances.
    end = minimize(cost, begin, jac=True, method="BFGS", options={"gtol": 1e-6})
    if not np.max(np.abs(end.jac)) < _FLAT:
        raise FitError(
            f"the spread has not converged: {end.message}",
            where="fit_population",
            fix="fix parameters that the devices' data hardly determine",
        )
    return root(end.x) @ root(end.x).T


def _minus_log_likelihood(estimates: AxisEstimates, sigma: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the logarithm of the restricted likelihood but for a constant, and its derivative by the covariance."""
    weight, of_center, _, pull, value = estimates.at(sigma)
    slope = weight.sum(axis=0) - (weight @ of_center @ weight).sum(axis=0) - pull.T @ pull
    # The determinant of the centre's precision is what makes the likelihood the restricted one.
    value -= np.linalg.slogdet(of_center)[1]
    narrow = estimates.prior.spread**-2
    slope += narrow * np.eye(len(sigma))
    value += narrow * np.trace(sigma)
    # A derivative by a symmetric matrix is symmetric, but for rounding.
    return 0.5 * float(value), 0.5 * (slope + slope.T) / 2


def element_errors(weight: np.ndarray, of_center: np.ndarray) -> Float[np.ndarray, "free free"]:
    """Standard deviations of the elements of a covariance, from the restricted Fisher information.

    Notes
    -----
    Of elements a and b it is 1/2 tr(P E_a P E_b), where P = W - W X (X'WX)^-1 X'W over all devices.
    """
    n = weight.shape[1]
    rows, columns = np.tril_indices(n)
    basis = np.zeros((len(rows), n, n))
    basis[np.arange(len(rows)), rows, columns] = basis[np.arange(len(rows)), columns, rows] = 1.0
    scaled = np.einsum("dij,ajk->daik", weight, basis)
    mean = np.einsum("daij,djk->aik", scaled, weight)  # sum of W E W
    cross = np.einsum("daij,djk,kl->dail", scaled, weight, of_center)
    # Three terms, since P is W less a part of the centre: W alone, twice the mixed one, and that part alone.
    information = 0.5 * np.einsum("daij,dbji->ab", scaled, scaled)
    information -= np.einsum("daij,dbji->ab", cross, scaled)
    both = np.einsum("aij,jk->aik", mean, of_center)
    information += 0.5 * np.einsum("aij,bji->ab", both, both)
    variance = np.diag(np.linalg.pinv(information, hermitian=True))
    errors = np.zeros((n, n))
    errors[rows, columns] = errors[columns, rows] = np.sqrt(np.maximum(variance, 0.0))
    return errors
