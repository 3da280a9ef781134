"""Uncertainty of a fit: sandwich covariance from resampled sweeps or residuals, intervals, what is not determined."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from ..parameters import reach
from ..problem import PRIOR_SIGMA, shift_by_prior
from .group import SATURATION, field_of_each, saturated
from .misfit import misfit_of
from .noise_estimate import (
    FEWEST,
    LEAST_FREEDOM,
    MOST_FREEDOM,
    NoiseEstimates,
    of_each,
    read_variance,
    shifts_of_cycles,
)
from .problem import Problem
from .summary import Waveform

# Share of what a datum moves from cycle to cycle that is not taken for linear in the coordinates.
_CURVED = 0.5


@dataclass(frozen=True, kw_only=True)
class Uncertainty:
    """How well the free parameters are known.

    Parameters
    ----------
    covariance : Float[np.ndarray, "free free"]
        Of the unconstrained coordinates.
    source : str
        Where the covariance of the data came from.
    reduced_chi2 : float
        Sum of squared residuals over degrees of freedom, against the scatter of the data and what was granted to the
        model: by default far less than while searching, 0.03 decades of a current.
    model_error : float
        Root mean square by which residuals of responses exceed the scatter of the data [decades]: what the model is
        off by.
    shift : Float[np.ndarray, "free"]
        By how much the prior moves the estimate, see `fitting.problem.shift_by_prior`.
    freedom : float
        Degrees of freedom behind the covariance: intervals are those of Student's t.
    data_z : Float[np.ndarray, "free"]
        Estimate without the prior, to first order.
    information : Float[np.ndarray, "free free"]
        Inverse covariance of `data_z`; zero along directions in which the prior said more than the
        data.
    fisher : Float[np.ndarray, "free free"]
        J'J of the data over the mean variance of their residuals.
    noise : float
        Standard deviation of a data residual [sigma], at most 1: 1 where it is what was granted.
    sweeps : int
        Sweeps of the waveform that was repeated least.
    cycle_information : Float[np.ndarray, "free free"] or None
        Inverse covariance of the errors of one cycle's coordinates: read noise, and what is not linear in them. The
        k-th sweeps of all waveforms make one cycle. None for fewer than four.
    cycle_score : Float[np.ndarray, "sweeps free"] or None
        That times the distance of each cycle's coordinates from their mean, to first order, times
        sqrt(n / (n - 1)) of n cycles.
    misfit : float
        Standard deviation of what learned functions miss of a response between their nodes [decades], see
        `fitting.sweeps.misfit`; 0 of other models, whose error `model_error` says.
    """

    covariance: Float[np.ndarray, "free free"]
    source: str
    reduced_chi2: float
    model_error: float
    shift: Float[np.ndarray, " free"]
    freedom: float
    data_z: Float[np.ndarray, " free"]
    information: Float[np.ndarray, "free free"]
    fisher: Float[np.ndarray, "free free"]
    noise: float
    sweeps: int
    cycle_information: Float[np.ndarray, "free free"] | None
    cycle_score: Float[np.ndarray, "sweeps free"] | None
    misfit: float = 0.0

    @property
    def sigma_z(self) -> Float[np.ndarray, " free"]:
        """Standard deviations of the unconstrained coordinates [natural log units]."""
        return np.sqrt(np.diag(self.covariance))

    def reach(self, level: float = 0.9) -> float:
        """Half-width of an interval of that level [standard deviations]."""
        return reach(level, self.freedom)


def _of_cycles(
    problem: Problem, waves: Sequence[Waveform], count: int, j: np.ndarray
) -> dict[str, np.ndarray]:
    """Information and score of each cycle's own coordinates, to first order.

    Errors are those of read noise, and half of what a datum moves from cycle to cycle: no response is more linear.
    """
    cycles = shifts_of_cycles(problem, waves, count)
    # About their own mean n cycles scatter by (n - 1) / n of their variance.
    deviations = (cycles - cycles.mean(axis=0)) * np.sqrt(count / (count - 1))
    variance = read_variance(problem, waves)
    known = variance > 0
    weighted = j / np.where(known, variance, np.inf)[:, None]
    information = weighted.T @ j + np.eye(j.shape[1]) / PRIOR_SIGMA**2
    moved = np.linalg.solve(information, (deviations @ weighted).T).T @ j.T
    variance += np.where(known, _CURVED**2 * np.mean(moved**2, axis=0), 0.0)
    weighted = j / np.where(variance > 0, variance, np.inf)[:, None]
    return {"cycle_information": weighted.T @ j, "cycle_score": deviations @ weighted}


def _grant_misfit(
    estimate: NoiseEstimates, problems: Sequence[Problem], z: np.ndarray
) -> Float[np.ndarray, " fits"]:
    """Let the noise of the data hold what learned functions miss; its standard deviation [decades] of each fit.

    Where sweeps say how large the noise is, misfit comes to that; else residuals are parted into noise and misfit.
    """
    roots, out = [], np.zeros(len(problems))
    for k, problem in enumerate(problems):
        weight = np.asarray(problem.group.weight)
        shape, last = weight.shape, weight.size
        sigma = estimate.about_points(k, shape)
        r, j = estimate.r[k, :last].reshape(shape), estimate.j[k, :last].reshape(*shape, -1)
        missed = misfit_of(problem, z[k], r, j, sigma)
        scores, noise = sigma[..., None] * j, estimate.root[k]
        if estimate.sweeps[k] < FEWEST:
            white = np.sqrt(missed.size * (1 - missed.share)) * scores.reshape(last, -1)
            noise = np.concatenate([white, noise[last:]])
            # Neighbours that miss the same count for fewer.
            by = float(np.mean(missed.steps))
            fewer = np.count_nonzero(weight) / (1 + 2 * missed.share * by / (1 - by))
            estimate.freedom[k] = np.clip(fewer - len(z[k]), LEAST_FREEDOM, MOST_FREEDOM)
            estimate.sources[k] = _with_share(estimate.sources[k], missed.share)
        roots.append(np.concatenate([noise, missed.root(scores)]))
        known = weight > 0
        variance = np.mean((sigma[known] / weight[known]) ** 2) if known.any() else 0.0
        out[k] = np.sqrt(missed.share * missed.size * variance)
    estimate.root = np.stack(roots)
    return out


def _with_share(source: str, share: float) -> str:
    """Where a covariance out of residuals came from, with the share of their variance that is misfit."""
    words = f"residuals, {100 * share:.2g} % of their variance what functions miss between nodes"
    return " (".join([words, source.partition(" (")[2]])


def _data_only(j: np.ndarray, r: np.ndarray, z: np.ndarray, root: np.ndarray, least: np.ndarray):
    """Estimates without the prior and their information, where J'J determines a direction better than the prior."""
    size, axes = np.linalg.eigh(j.mT @ j)
    # Directions that are not known have no length in what follows.
    known = size > least[:, None]
    size = np.where(known, size, np.inf)
    spread = (root @ axes) / size[:, None]
    # The sandwich H^-1 J'SJ H^-1 along the axes, whose inverse is the information.
    inner = np.linalg.pinv(spread.mT @ spread, rcond=1e-10, hermitian=True)
    pull = np.einsum("kdn,kd->kn", j, r)
    step = np.einsum("knm,km->kn", axes, np.einsum("knm,kn->km", axes, pull) / size)
    return z - step, axes @ inner @ axes.mT


def _stated(
    problems: Sequence[Problem], r: Float[np.ndarray, "fits data"]
) -> tuple[Float[np.ndarray, " fits"], Float[np.ndarray, " fits"]]:
    """Reduced chi squared against the scatter of the data and `small_sigma`, and error of the model [decades]."""
    names = ["weight", "event_weight", "model_sigma", "small_sigma"]
    groups = [p.group for p in problems]
    weight, events, *sizes = (field_of_each(groups, n).reshape(len(r), -1) for n in names)
    granted, small = sizes
    points = weight.shape[1]
    linear_residuals = r[:, :points] / np.sqrt(
        np.maximum(1 - (r[:, :points] / SATURATION) ** 2, 1e-12)
    )  # the inverse of `saturated`
    counted = weight > 0
    sigma = 1 / np.where(counted, weight, 1 / granted)
    deviation = linear_residuals * sigma
    # The weight holds the scatter of the data and what was granted to the model; the rest is the scatter.
    noise = np.maximum(sigma**2 - granted**2, 0.0)
    square = np.asarray(saturated(deviation / np.sqrt(noise + small**2))) ** 2
    also = [events]
    if groups[0].left_weight is not None:
        also.append(field_of_each(groups, "left_weight").reshape(len(r), -1))
    count = sum(np.count_nonzero(x, axis=1) for x in (counted, *also)) - len(problems[0].free)
    excess = np.sum(deviation**2 - noise, where=counted, axis=1)
    excess = np.maximum(excess / np.maximum(np.count_nonzero(counted, axis=1), 1), 0.0)
    chi2 = np.sum(square, axis=1) + np.sum(r[:, points:] ** 2, axis=1)
    return chi2 / np.maximum(count, 1), np.sqrt(excess)


def uncertainty(
    problem: Problem,
    waves: Sequence[Waveform],
    *,
    z: Float[np.ndarray, " free"],
    residuals: Float[np.ndarray, " residuals"],
    jacobian: Float[np.ndarray, "residuals free"],
    seed: int = 0,
) -> Uncertainty:
    """Covariance at the optimum `z`, from the residuals and the Jacobian there, the prior's last.

    Notes
    -----
    With P the prior's precision, s^2 the `noise` of the problem squared and H = J'J + s^2 P,
    cov = H^-1 (J' S J + s^4 P) H^-1, where S is the covariance of the data residuals, whatever was
    granted to the model: of 200 resamplings of the sweeps (and of the position of an event between
    two rows) where each waveform was repeated at least four times; else of the residuals themselves,
    their variance that of the residuals about them [1]_, correlated as in a first-order process. These
    know nothing of the spread between cycles: the parameters are those of the cycles measured. Where S is s^2 times the
    identity this is Laplace's s^2 H^-1. Of learned functions S holds what they miss between their nodes, see
    `fitting.sweeps.misfit.misfit_of`.

    References
    ----------
    .. [1] H. White, Econometrica 48, 817 (1980), doi:10.2307/1912934
    """
    known = uncertainty_of_each(
        [problem], [waves], z=z[None], residuals=residuals[None], jacobian=jacobian[None], seed=seed
    )[0]
    if isinstance(known, Exception):
        raise known
    return known


def uncertainty_of_each(
    problems: Sequence[Problem],
    waves: Sequence[Sequence[Waveform]],
    *,
    z: Float[np.ndarray, "fits free"],
    residuals: Float[np.ndarray, "fits residuals"],
    jacobian: Float[np.ndarray, "fits residuals free"],
    seed: int = 0,
) -> list[Uncertainty | np.linalg.LinAlgError]:
    """`uncertainty` of fits of one shape, or why there is none."""
    return of_each(partial(_uncertainties, seed=seed), problems, waves, residuals, jacobian, z)


def _uncertainties(
    problems: Sequence[Problem],
    waves: Sequence[Sequence[Waveform]],
    residuals: np.ndarray,
    jacobian: np.ndarray,
    z: np.ndarray,
    seed: int,
) -> list[Uncertainty]:
    estimate = NoiseEstimates(problems, waves, residuals, jacobian, seed)
    misfit = np.zeros(len(problems))
    if problems[0].strength is not None:
        misfit = _grant_misfit(estimate, problems, z)
    j, prior, sweeps = estimate.j, estimate.prior, estimate.sweeps
    # A root of the covariance, so that rounding makes no variance negative.
    prior_root = estimate.start_noise[:, None, None] * prior
    spread = np.concatenate([estimate.root, prior_root], axis=1) @ estimate.inverse
    chi2, error = _stated(problems, estimate.r)
    # The prior's own information: directions of which the data say less are the prior's.
    least = (estimate.start_noise / PRIOR_SIGMA) ** 2
    data_z, information = _data_only(j, estimate.r, np.asarray(z), estimate.root, least)
    fisher = j.mT @ j / np.maximum(estimate.scale, 1e-300)[:, None, None]
    covariance = spread.mT @ spread
    cycles: dict[str, Any] = {"cycle_information": None, "cycle_score": None}
    if sweeps[0] >= FEWEST:
        cycles = _of_cycles(problems[0], waves[0], sweeps[0], j[0])
    return [
        Uncertainty(
            covariance=covariance[k],
            source=source,
            reduced_chi2=float(chi2[k]),
            model_error=float(error[k]),
            shift=shift_by_prior(residuals[k], np.concatenate([j[k], prior[k]])),
            freedom=float(estimate.freedom[k]),
            data_z=data_z[k],
            information=information[k],
            fisher=fisher[k],
            noise=float(estimate.noise[k]),
            sweeps=sweeps[k],
            misfit=float(misfit[k]),
            **cycles,
        )
        for k, source in enumerate(estimate.sources)
    ]
