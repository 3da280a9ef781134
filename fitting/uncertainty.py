"""Uncertainty of a fit: Laplace covariance from resampled sweeps, correlations, what the data do not determine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .problem import PRIOR_SIGMA, Problem, sigma_events, sigma_log
from .summary import Waveform

_FEWEST = 4
"""Sweeps of one waveform below which scatter between sweeps says nothing."""

_REPLICATES = 200

_UNDETERMINED = 0.5
"""Share of the prior's width above which a parameter counts as not determined by the data."""


@dataclass(frozen=True, kw_only=True)
class Uncertainty:
    """How well the free parameters are known.

    Parameters
    ----------
    covariance : Float[np.ndarray, "free free"]
        Of the unconstrained coordinates.
    sigma_z : Float[np.ndarray, "free"]
        Their standard deviations [natural log units].
    correlation : Float[np.ndarray, "free free"]
        Their correlations.
    undetermined : tuple of str
        Parameters whose standard deviation exceeds half the prior's width: the data do not
        determine them.
    source : str
        Where the covariance of the data came from.
    reduced_chi2 : float
        Sum of squared residuals over degrees of freedom.
    """

    covariance: Float[np.ndarray, "free free"]
    sigma_z: Float[np.ndarray, " free"]
    correlation: Float[np.ndarray, "free free"]
    undetermined: tuple[str, ...]
    source: str
    reduced_chi2: float


def _resampled(
    waves: Sequence[Waveform], points: int, legs: int, seed: int, model_sigma: float
) -> Float[np.ndarray, "replicates data"]:
    """Shifts of the data residuals [sigma] when sweeps are drawn anew, in the order of `Problem.data_residuals`."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(_REPLICATES):
        rows, events = [], []
        for w in waves:
            pick = rng.integers(0, w.n_sweeps, w.n_sweeps)
            shift = (
                (np.median(w.log_i[pick], axis=0) - w.median_log())
                / sigma_log(w, model_sigma)
                * w.used
            )
            rows.append(np.concatenate([shift, np.zeros(points - len(shift))]))
            drawn = w.median_events(pick) + rng.uniform(-0.5, 0.5, (len(w.legs), 3))
            moved = np.where(w.happened(), (drawn - w.median_events()) / sigma_events(w), 0.0)
            moved = np.where(np.isfinite(moved), moved, 0.0)
            events.append(np.concatenate([moved, np.zeros((legs - len(moved), 3))]))
        out.append(np.concatenate([np.stack(rows).ravel(), np.stack(events).ravel()]))
    return np.stack(out)


def uncertainty(
    problem: Problem,
    waves: Sequence[Waveform],
    *,
    residuals: Float[np.ndarray, " residuals"],
    jacobian: Float[np.ndarray, "residuals free"],
    seed: int = 0,
) -> Uncertainty:
    """Covariance at the optimum.

    Parameters
    ----------
    problem : Problem
        The problem.
    waves : sequence of Waveform
        Its data.
    residuals, jacobian
        At the optimum, the prior's last.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Uncertainty

    Notes
    -----
    With H = J'J (prior included) and P the prior's precision, cov = H^-1 (J' S J + P) H^-1, where S
    is the covariance of the data residuals: of 200 resamplings of the sweeps (and of the position
    of an event between two rows) where each waveform was repeated at least four times, else the
    reduced chi squared (at least 1) times the identity. Where S is the identity this is Laplace's
    H^-1.
    """
    n = len(problem.free)
    data_r, data_j = residuals[:-n], jacobian[:-n]
    prior = np.eye(n) / PRIOR_SIGMA
    counted = np.count_nonzero(np.any(data_j != 0, axis=1))
    chi2 = float(np.sum(data_r**2) / max(counted - n, 1))
    if min(w.n_sweeps for w in waves) >= _FEWEST:
        points, legs = problem.group.rows.shape[1], problem.group.span.shape[1]
        granted = float(problem.group.model_sigma)
        shifts = _resampled(waves, points, legs, seed, granted) @ data_j
        root = (shifts - np.mean(shifts, axis=0)) / np.sqrt(_REPLICATES - 1)
        source = f"{_REPLICATES} resamplings of the sweeps"
    else:
        root, source = np.sqrt(max(chi2, 1.0)) * data_j, "reduced chi squared"
    _, size, axes = np.linalg.svd(np.concatenate([data_j, prior]), full_matrices=False)
    inverse = (axes.T / size**2) @ axes
    # A root of the covariance, so that rounding makes no variance negative.
    spread = np.concatenate([root, prior]) @ inverse
    covariance = spread.T @ spread
    sigma = np.sqrt(np.diag(covariance))
    loose = tuple(
        name for name, s in zip(problem.free, sigma, strict=True) if s > _UNDETERMINED * PRIOR_SIGMA
    )
    return Uncertainty(
        covariance=covariance,
        sigma_z=sigma,
        correlation=covariance / np.outer(sigma, sigma),
        undetermined=loose,
        source=source,
        reduced_chi2=chi2,
    )
