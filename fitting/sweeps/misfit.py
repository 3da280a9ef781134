"""What learned functions miss between their nodes: the share of the residuals that is correlated along the sweeps."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import eigh

from memjax.device.hybrid import node_position

from .instrument import bench_of, device_of
from .noise_estimate import along_process
from .problem import Problem

LENGTH = 0.5
"""Distance of nodes over which misfit is correlated.

Functions on nodes follow all that is longer than two distances: what they leave has waves no longer than that, and is
another a quarter of a wave later.
"""

NONE = 0.5
"""Probability that functions miss nothing, before the data: as likely as that they do."""

_SHARES, _SIZES = (
    12,
    np.geomspace(0.25, 16.0, 49),
)  # shares, and variances over that of the residuals about a point


class Misfit(NamedTuple):
    """Correlated part of residuals.

    Parameters
    ----------
    share : float
        Share of the variance that is misfit, the mean of its posterior.
    size : float
        Variance of residuals before the fit, over that of the residuals about each point: the fit takes off misfit,
        which is smooth, rather than noise.
    steps : Float[np.ndarray, "waves steps"]
        Correlation of misfit from point to point.
    """

    share: float
    size: float
    steps: Float[np.ndarray, "waves steps"]

    def root(
        self, scores: Float[np.ndarray, "waves points free"]
    ) -> Float[np.ndarray, "data free"]:
        """Root of J'SJ of misfit alone, of derivatives times the standard deviations of the data."""
        rows = along_process(scores, self.steps) * np.sqrt(self.share * self.size)
        return rows.reshape(-1, scores.shape[-1])


def misfit_of(
    problem: Problem,
    z: Float[np.ndarray, " free"],
    r: Float[np.ndarray, "waves points"],
    j: Float[np.ndarray, "waves points free"],
    sigma: Float[np.ndarray, "waves points"],
) -> Misfit:
    """Misfit of learned functions at an optimum, from residuals of currents and their Jacobian, by the likelihood.

    `sigma` is the standard deviation of the residuals about each point.

    Notes
    -----
    Data are the model, linear about the optimum, with the prior of its functions, and an error of variance s^2 of which
    a share w is a first-order process along the sweeps and the rest white. Functions integrated out, the likelihood of
    s and w is that of a normal vector (restricted likelihood, [1]_). The prior of w is Jeffreys' of a share, Beta(1/2,
    1/2), which is a half-Cauchy one of the ratio of both standard deviations [2]_, beside as much probability that w is
    0; that of ln s is flat. The share is the mean of w s^2 over that of s^2.

    References
    ----------
    .. [1] H. D. Patterson, R. Thompson, Biometrika 58, 545 (1971), doi:10.1093/biomet/58.3.545
    .. [2] A. Gelman, Bayesian Analysis 1, 515 (2006), doi:10.1214/06-BA117A
    .. [3] M. C. Kennedy, A. O'Hagan, J. R. Stat. Soc. B 63, 425 (2001), doi:10.1111/1467-9868.00294
    """
    steps = np.exp(-np.abs(np.diff(_positions(problem), axis=1)) / LENGTH)
    # Quantiles of Beta(1/2, 1/2), each as likely.
    shares = np.sin(0.5 * np.pi * (np.arange(_SHARES) + 0.5) / _SHARES) ** 2
    shares = np.append(0.0, shares)
    known = (sigma > 0) & np.any(j != 0, axis=-1)
    safe = np.where(known, sigma, 1.0)[..., None]
    columns = np.concatenate([r[..., None], j], axis=-1) / safe
    white, log_sizes = _whitened(columns, known, steps, shares)
    prior, distance = problem.prior_precision, z - np.asarray(problem.center)
    count, logs = np.count_nonzero(known), np.empty((len(shares), len(_SIZES)))
    for k, rows in enumerate(white):
        logs[k] = _log_likelihood(rows[:, 0], rows[:, 1:], prior, distance)
    logs -= log_sizes[:, None] + 0.5 * count * np.log(_SIZES)
    logs += np.log(np.append(NONE, np.full(_SHARES, (1 - NONE) / _SHARES)))[:, None]
    weight = np.exp(logs - np.max(logs))
    weight /= np.sum(weight)
    size = float(np.sum(weight * _SIZES))
    share = float(np.sum(weight * _SIZES * shares[:, None])) / size
    return Misfit(share, size, steps)


def _positions(problem: Problem) -> Float[np.ndarray, "waves points"]:
    """Where points lie among the nodes."""
    group, device = problem.group, device_of(problem.device)
    v = np.asarray(group.stimuli.values)
    if group.stimuli.quantity != "voltage":
        v = np.sign(v) * 10 ** np.asarray(group.target)
    v = -v if bench_of(problem.device, problem.bench).reversed else v
    skew = device.skew if "skew" in vars(device) else 1.0
    return np.asarray(node_position(v, device.v_low, device.v_high, skew))


def _whitened(
    columns: Float[np.ndarray, "waves points columns"],
    known: Bool[np.ndarray, "waves points"],
    steps: Float[np.ndarray, "waves steps"],
    shares: Float[np.ndarray, " shares"],
) -> tuple[Float[np.ndarray, "shares data columns"], Float[np.ndarray, " shares"]]:
    """Columns times the inverse root of the correlation at each share, and the logarithm of the root's determinant.

    By Kalman's filter: a first-order process that is observed through white noise.
    """
    waves, points, _ = columns.shape
    w = shares[:, None]
    mean = np.zeros((len(shares), waves, columns.shape[2]))
    variance = np.ones((len(shares), waves))
    out, logs = np.zeros((len(shares), *columns.shape)), np.zeros(len(shares))
    for k in range(points):
        if k:
            by = steps[:, k - 1]
            mean, variance = by[:, None] * mean, by**2 * variance + 1 - by**2
        counts = known[:, k]
        whole = w * variance + 1 - w
        new = np.where(counts[:, None], columns[:, k] - np.sqrt(w)[..., None] * mean, 0.0)
        out[:, :, k] = new / np.sqrt(whole)[..., None]
        logs += 0.5 * np.sum(np.where(counts, np.log(whole), 0.0), axis=1)
        gain = np.where(counts, np.sqrt(w) * variance / whole, 0.0)
        mean = mean + gain[..., None] * new
        variance = variance * (1 - gain * np.sqrt(w))
    return out.reshape(len(shares), waves * points, -1), logs


def _log_likelihood(
    r: Float[np.ndarray, " data"],
    j: Float[np.ndarray, "data free"],
    prior: Float[np.ndarray, "free free"],
    distance: Float[np.ndarray, " free"],
) -> Float[np.ndarray, " sizes"]:
    """Logarithm of the likelihood of white residuals at each of `_SIZES`, without their own determinant."""
    # In coordinates in which the prior is the identity and J'J diagonal.
    size, axes = eigh(j.T @ j, prior)
    size = np.maximum(size, 0.0)[:, None]
    pull, pull_of_prior = (x[:, None] for x in (axes.T @ (j.T @ r), axes.T @ (prior @ distance)))
    known = 1 + size / _SIZES
    square = np.sum(r**2) / _SIZES + distance @ prior @ distance
    square = square - np.sum((pull / _SIZES + pull_of_prior) ** 2 / known, axis=0)
    return -0.5 * (square + np.sum(np.log(known), axis=0))
