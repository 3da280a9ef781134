"""Uncertainty of a fit: sandwich covariance from resampled sweeps or residuals, intervals, what is not determined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..problem import PRIOR_SIGMA
from ..result import reach
from .problem import SATURATION, Problem, saturated
from .summary import Waveform, middle
from .variability import read_noise

_FEWEST = 4  # sweeps of one waveform below which scatter between sweeps says nothing

_REPLICATES = 200

# Points to either side over which the variance of residuals is averaged; half its degrees of freedom.
_NEIGHBOURS = 15
# Share of what a datum moves from cycle to cycle that is not taken for linear in the coordinates.
_CURVED = 0.5
# Relative read noise of a cycle at the least: what is linear in the coordinates of a cycle is no better.
_LEAST_NOISE = 1e-3
_LEAST_FREEDOM = 5.0  # degrees of freedom of correlated residuals at the least
# Derivative of a residual beyond which rounding in its square hides all others: it says nothing [sigma].
_STEEPEST = float(np.finfo(float).eps ** -0.5)


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
    """

    covariance: Float[np.ndarray, "free free"]
    source: str
    reduced_chi2: float
    model_error: float
    freedom: float
    data_z: Float[np.ndarray, " free"]
    information: Float[np.ndarray, "free free"]
    fisher: Float[np.ndarray, "free free"]
    noise: float
    sweeps: int
    cycle_information: Float[np.ndarray, "free free"] | None
    cycle_score: Float[np.ndarray, "sweeps free"] | None

    @property
    def sigma_z(self) -> Float[np.ndarray, " free"]:
        """Standard deviations of the unconstrained coordinates [natural log units]."""
        return np.sqrt(np.diag(self.covariance))

    def reach(self, level: float = 0.9) -> float:
        """Half-width of an interval of that level [standard deviations]."""
        return reach(level, self.freedom)


def _shifts(
    problem: Problem,
    a: int,
    w: Waveform,
    log_i: Float[np.ndarray, "draws points"],
    events: Float[np.ndarray, "draws legs 3"],
    left: Float[np.ndarray, "draws points"] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Currents (and voltages left) and event rows of a waveform, less their medians, as residuals [sigma]."""
    weight, counts = (np.asarray(x[a]) for x in (problem.group.weight, problem.group.event_weight))
    rows = np.zeros((len(log_i), len(weight)))
    moved = np.zeros((len(events), *counts.shape))
    rows[:, : len(w.v)] = log_i - w.median_log()
    moved[:, : len(w.legs)] = np.nan_to_num(events - w.median_events())
    rows = rows * weight
    group = problem.group
    if left is not None and group.left is not None and group.left_weight is not None:
        median, sigma = (np.asarray(x[a])[: len(w.v)] for x in (group.left, group.left_weight))
        rows[:, : len(w.v)] += np.nan_to_num(left - median) * sigma
    return rows, (moved * counts).reshape(len(moved), -1)


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> Float[np.ndarray, "draws data"]:
    return np.concatenate([x for part in zip(*parts, strict=True) for x in part], axis=1)


def _resampled(
    problem: Problem, waves: Sequence[Waveform], seed: int
) -> Float[np.ndarray, "replicates data"]:
    """Shifts of the data residuals [sigma] when sweeps are drawn anew."""
    rng = np.random.default_rng(seed)
    parts = []
    for a, w in enumerate(waves):
        picks = rng.integers(0, w.n_sweeps, (_REPLICATES, w.n_sweeps))
        log_i = np.stack([np.median(w.log_response[p], axis=0) for p in picks])
        events = w.events[picks]
        happened = np.any(np.isfinite(events), axis=1)
        events = np.nanmedian(np.where(happened[:, None], events, 0.0), axis=1)
        # Medians of whole rows hardly move; an event lies anywhere within its row.
        events = np.where(happened, events + rng.uniform(-0.5, 0.5, events.shape), np.nan)
        left = None if w.log_left is None else np.stack([middle(w.log_left[p]) for p in picks])
        parts.append(_shifts(problem, a, w, log_i, events, left))
    return _joined(parts)


def _of_cycles(
    problem: Problem, waves: Sequence[Waveform], count: int, j: np.ndarray
) -> dict[str, np.ndarray]:
    """Information and score of each cycle's own coordinates, to first order.

    Errors are those of read noise, and half of what a datum moves from cycle to cycle: no response is more linear.
    """
    # What was left of a voltage at the limit has no read noise of its own here: it says nothing of a cycle.
    each = [(a, w, w.log_response[:count], w.events[:count], None) for a, w in enumerate(waves)]
    cycles = _joined([_shifts(problem, *x) for x in each])
    away = (cycles - cycles.mean(axis=0)) * np.sqrt(count / (count - 1))
    variance = _read_variance(problem, waves)
    known = variance > 0
    weighted = j / np.where(known, variance, np.inf)[:, None]
    information = weighted.T @ j + np.eye(j.shape[1]) / PRIOR_SIGMA**2
    moved = np.linalg.solve(information, (away @ weighted).T).T @ j.T
    variance += np.where(known, _CURVED**2 * np.mean(moved**2, axis=0), 0.0)
    weighted = j / np.where(variance > 0, variance, np.inf)[:, None]
    return {"cycle_information": weighted.T @ j, "cycle_score": away @ weighted}


def _read_variance(problem: Problem, waves: Sequence[Waveform]) -> Float[np.ndarray, " data"]:
    """Variance of the data residuals of one cycle that read noise makes, and of events their sampling in whole rows."""
    group = problem.group
    floor, currents = float(group.floor), np.zeros(group.weight.shape)
    relative = max(read_noise(waves, floor)["relative"], _LEAST_NOISE)
    for row, w in zip(currents, waves, strict=True):
        size = 10 ** w.median_log()
        row[: len(size)] = np.hypot(relative * (size - floor), floor) / (size * np.log(10))
    currents = (currents * group.weight) ** 2
    events = np.asarray(group.event_weight) ** 2 / 12
    return np.concatenate([currents.ravel(), events.ravel()])


def _correlation(r: Float[np.ndarray, "waves points"]) -> float:
    """Correlation of neighbouring residuals; 0 unless it is surely above."""
    after, before = r[:, 1:], r[:, :-1]
    pairs = (after != 0) & (before != 0)
    n = np.count_nonzero(pairs)
    rho = np.sum((after * before)[pairs]) / max(np.sum(after[pairs] ** 2), 1e-300)
    # 1 / sqrt(n) is the standard error where there is none; 0.99 keeps the process stationary.
    return float(min(rho, 0.99)) if n >= 8 and rho > 2 / np.sqrt(n) else 0.0


def _local(x: Float[np.ndarray, "waves points"]) -> Float[np.ndarray, "waves points"]:
    """Sums over windows that reach `_NEIGHBOURS` points to either side."""
    ones = np.ones(2 * _NEIGHBOURS + 1)
    return np.stack([np.convolve(row, ones)[_NEIGHBOURS:-_NEIGHBOURS] for row in x])


def _of_residuals(
    problem: Problem,
    r: Float[np.ndarray, " data"],
    j: Float[np.ndarray, "data free"],
    inverse: Float[np.ndarray, "free free"],
    moves: Bool[np.ndarray, " data"],
) -> tuple[Float[np.ndarray, "data free"], float]:
    """A root of J'SJ out of residuals, and the correlation of neighbours.

    Notes
    -----
    A point's variance is the mean square of the residuals about it, less what the fit took off: a
    point that alone determines a parameter has no residual of its own. Currents are correlated along
    the sweep as those of a first-order process. An event's variance is that of its sampling in whole
    rows, times what the events' residuals exceed it by in the mean.
    """
    waves, points = problem.group.rows.shape
    last = waves * points
    # What the fit leaves of a residual's variance: 1 less its leverage, the diagonal of the hat matrix.
    free = np.where(moves, 1 - np.sum(j @ inverse * j, axis=1), 0.0)
    square, currents = r**2 * (free > 0), r[:last].reshape(waves, points)
    rho = _correlation(currents)
    local = [_local(x[:last].reshape(waves, points)) for x in (square, free)]
    sigma = np.sqrt(local[0] / np.maximum(local[1], 0.1))
    scores = sigma[..., None] * j[:last].reshape(waves, points, -1)
    # By the root of the correlation of a first-order process: each value is what is new, and rho times the one before.
    rooted = scores
    if rho:  # (No scipy.signal: to import it takes longer than this.)
        rooted = scores.copy()
        for k in reversed(range(points - 1)):
            rooted[:, k] += rho * rooted[:, k + 1]
        rooted[:, 1:] *= np.sqrt(1 - rho**2)
    sampling = np.asarray(problem.group.event_weight).ravel() ** 2 / 12
    counted = sampling > 0
    if not counted.any():
        return np.concatenate([rooted.reshape(last, -1), 0.0 * j[last:]]), rho
    excess = np.sum(square[last:][counted] / sampling[counted])
    excess /= max(np.sum(free[last:][counted]), 0.1)
    jumps = np.sqrt(max(excess, 1.0) * sampling)[:, None] * j[last:]
    return np.concatenate([rooted.reshape(last, -1), jumps]), rho


def _data_only(j: np.ndarray, r: np.ndarray, z: np.ndarray, root: np.ndarray, least: float):
    """Estimate without the prior and its information, in the directions that J'J determines better than the prior."""
    size, axes = np.linalg.eigh(j.T @ j)
    known = size > least
    size, axes = size[known], axes[:, known]
    spread = (root @ axes) / size
    information = axes @ np.linalg.pinv(spread.T @ spread, rcond=1e-10, hermitian=True) @ axes.T
    return z - axes @ ((axes.T @ (j.T @ r)) / size), information


def _of_noise(
    problem: Problem, waves: Sequence[Waveform], r, j, inverse, moves, seed: int
) -> tuple[Float[np.ndarray, "rows free"], str, float]:
    """A root of J'SJ, where it came from, and its degrees of freedom."""
    sweeps = min(w.n_sweeps for w in waves)
    if sweeps >= _FEWEST:
        shifts = _resampled(problem, waves, seed) @ j
        root = (shifts - np.mean(shifts, axis=0)) / np.sqrt(_REPLICATES - 1)
        return root, f"{_REPLICATES} resamplings of the sweeps", sweeps - 1.0
    root, rho = _of_residuals(problem, r, j, inverse, moves)
    source = "residuals" + (f", neighbours correlated by {rho:.2f}" if rho else "")
    source += f" ({sweeps} sweep{'s' * (sweeps > 1)}: without spread between cycles)"
    freedom = min(np.count_nonzero(moves) * (1 - rho) / (1 + rho) - j.shape[1], 2.0 * _NEIGHBOURS)
    return root, source, max(freedom, _LEAST_FREEDOM)


class _NoiseEstimate:
    """The noise of the data, from residuals and Jacobian at an optimum, the prior's last."""

    def __init__(self, problem: Problem, waves: Sequence[Waveform], residuals, jacobian, seed: int):
        n = len(problem.free)
        self.r, self.j, steep = residuals[:-n], np.ascontiguousarray(jacobian[:-n]), 0
        if not np.max(np.abs(self.j), initial=0.0) <= _STEEPEST:
            rows = np.max(np.abs(self.j), axis=1) > _STEEPEST
            self.j, steep = np.where(rows[:, None], 0.0, self.j), np.count_nonzero(rows)
        self.prior = np.eye(n) * float(problem.noise) / PRIOR_SIGMA
        moves = np.logical_or.reduce(self.j.T != 0)  # along the longer axis: a fifth of the time
        self.chi2 = float(np.sum(self.r**2) / max(np.count_nonzero(moves) - n, 1))
        _, size, axes = np.linalg.svd(np.concatenate([self.j, self.prior]), full_matrices=False)
        self.inverse = (axes.T / size**2) @ axes
        self.root, self.source, self.freedom = _of_noise(
            problem, waves, self.r, self.j, self.inverse, moves, seed
        )
        if steep:
            self.source += f"; without residuals of exploded derivatives: {steep}"
        self.scale = np.sum(self.root**2) / max(np.sum(self.j**2), 1e-300)
        self.noise = float(np.sqrt(min(max(self.scale, self.chi2), 1.0)))


def _stated(problem: Problem, r: Float[np.ndarray, " data"], free: int) -> tuple[float, float]:
    """Reduced chi squared against the scatter of the data and `small_sigma`, and error of the model [decades]."""
    group = problem.group
    weight, granted, small = (
        np.asarray(x) for x in (group.weight, group.model_sigma, group.small_sigma)
    )
    own, events = r[: weight.size].reshape(weight.shape), r[weight.size :]
    own = own / np.sqrt(
        np.maximum(1 - (own / SATURATION) ** 2, 1e-12)
    )  # the inverse of `saturated`
    counted = weight > 0
    sigma = 1 / np.where(counted, weight, 1 / granted)
    away = own * sigma
    # The weight holds the scatter of the data and what was granted to the model; the rest is the scatter.
    noise = np.maximum(sigma**2 - granted**2, 0.0)
    square = np.asarray(saturated(away / np.sqrt(noise + small**2))) ** 2
    also = [x for x in (group.event_weight, group.left_weight) if x is not None]
    count = np.count_nonzero(counted) + sum(np.count_nonzero(np.asarray(x)) for x in also)
    excess = np.mean((away**2 - noise)[counted]) if counted.any() else 0.0
    chi2 = (np.sum(square) + np.sum(events**2)) / max(count - free, 1)
    return float(chi2), float(np.sqrt(max(excess, 0.0)))


def noise_of(
    problem: Problem, waves: Sequence[Waveform], *, residuals, jacobian, seed: int = 0
) -> float:
    """Standard deviation of a data residual at an optimum [sigma]: `Uncertainty.noise`, without the rest."""
    return _NoiseEstimate(problem, waves, residuals, jacobian, seed).noise


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
    identity this is Laplace's s^2 H^-1.

    References
    ----------
    .. [1] H. White, Econometrica 48, 817 (1980), doi:10.2307/1912934
    """
    estimate = _NoiseEstimate(problem, waves, residuals, jacobian, seed)
    j, prior, sweeps = estimate.j, estimate.prior, min(w.n_sweeps for w in waves)
    # A root of the covariance, so that rounding makes no variance negative.
    spread = np.concatenate([estimate.root, float(problem.noise) * prior]) @ estimate.inverse
    chi2, error = _stated(problem, estimate.r, len(problem.free))
    data_z, information = _data_only(j, estimate.r, np.asarray(z), estimate.root, prior[0, 0] ** 2)
    cycles: dict[str, Any] = {"cycle_information": None, "cycle_score": None}
    if sweeps >= _FEWEST:
        cycles = _of_cycles(problem, waves, sweeps, j)
    return Uncertainty(
        covariance=spread.T @ spread,
        source=estimate.source,
        reduced_chi2=chi2,
        model_error=error,
        freedom=estimate.freedom,
        data_z=data_z,
        information=information,
        fisher=j.T @ j / max(estimate.scale, 1e-300),
        noise=estimate.noise,
        sweeps=sweeps,
        **cycles,
    )
