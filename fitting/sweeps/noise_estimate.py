"""Noise of the data of fits of sweeps: out of resampled sweeps, or of the residuals at an optimum."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from memjax.runtime.console import counted

from ..residuals import variance_of_median
from .group import field_of_each
from .problem import Problem
from .summary import Waveform, middle
from .variability import read_noise

FEWEST = 4
"""Sweeps of one waveform below which scatter between sweeps says nothing."""

_REPLICATES = 200

# Relative read noise of a cycle at the least: what is linear in the coordinates of a cycle is no better.
_LEAST_NOISE = 1e-3
_SURE = 2.0
"""Standard errors by which cycles may differ more than by read noise and still do so by read noise alone."""
_KNOWN = 1e-12
"""Share of the largest information from which on a direction is one that the data know."""

# Points to either side over which the variance of residuals is averaged; half its degrees of freedom.
_NEIGHBOURS = 15
LEAST_FREEDOM, MOST_FREEDOM = 5.0, 2.0 * _NEIGHBOURS
"""Degrees of freedom of correlated residuals at the least; and at the most, of a variance of the points about one."""

STEEPEST = float(np.finfo(float).eps ** -0.5)
"""Derivative of a residual beyond which rounding in its square hides all others: it says nothing [sigma]."""


def without_explosions(jacobian: Float[np.ndarray, "... free"]) -> Float[np.ndarray, "... free"]:
    """Derivatives of residuals, 0 of those that have exploded along the solve of a stiff node."""
    steep = np.max(np.abs(jacobian), axis=-1, keepdims=True) > STEEPEST
    return np.where(steep, 0.0, jacobian)


def shifts_of(
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


def joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> Float[np.ndarray, "draws data"]:
    """Rows of all waveforms, then the events of them all, as residuals have them."""
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
        parts.append(shifts_of(problem, a, w, log_i, events, left))
    return joined(parts)


def read_variance(problem: Problem, waves: Sequence[Waveform]) -> Float[np.ndarray, " data"]:
    """Variance of the data residuals of one cycle that read noise makes, and of events their sampling in whole rows."""
    group = problem.group
    floor, currents = float(group.floor), np.zeros(group.weight.shape)
    noise = read_noise(waves, floor)
    relative = max(noise["relative"], _LEAST_NOISE)
    for row, w in zip(currents, waves, strict=True):
        size = 10 ** w.median_log()
        spread = np.hypot(relative * (size - floor), noise["floor_A"])
        row[: len(size)] = spread / (size * np.log(10))
    currents = (currents * group.weight) ** 2
    events = np.asarray(group.event_weight) ** 2 / 12
    return np.concatenate([currents.ravel(), events.ravel()])


def shifts_of_cycles(
    problem: Problem, waves: Sequence[Waveform], count: int
) -> Float[np.ndarray, "cycles data"]:
    """Shifts of the data residuals [sigma] of single cycles: the k-th sweeps of all waveforms make one.

    What was left of a voltage at the limit has no read noise of its own here: it says nothing of a cycle.
    """
    parts = [
        shifts_of(problem, a, w, w.log_response[:count], w.events[:count], None)
        for a, w in enumerate(waves)
    ]
    return joined(parts)


def _scatter_of_read_noise(
    problem: Problem,
    waves: Sequence[Waveform],
    j: Float[np.ndarray, "data free"],
    more: Float[np.ndarray, "data more"],
) -> tuple[Float[np.ndarray, "data columns"], float] | None:
    """Root of J'SJ out of read noise alone, and its degrees of freedom; None where cycles differ by more than that.

    Columns of the root are those of the derivatives and of `more` directions, which say nothing of the noise.

    Notes
    -----
    Of n sweeps J'SJ has n - 1 degrees of freedom in each direction, and no spread at all in directions beyond n - 1.
    Where the sweeps differ by read noise alone, its shape over the data is known, and one size is left to estimate:
    all directions together say how large it is. An event lies anywhere within its row, which is the same one in all
    sweeps: that error is no smaller of their median.
    """
    count, points = min(w.n_sweeps for w in waves), np.size(problem.group.weight)
    shifts = shifts_of_cycles(problem, waves, count)
    sigma = np.sqrt(read_variance(problem, waves))[:, None]
    rows = j * sigma
    ratio, freedom = _share_of_read_noise(shifts @ j, rows)
    if not 0 < ratio <= 1 + _SURE * np.sqrt(2 / max(freedom, 1)):
        return None
    ratio, freedom = _share_of_read_noise(shifts[:, :points] @ j[:points], rows[:points])
    if not ratio > 0:
        return None
    rows = np.concatenate([j, more], axis=1) * sigma
    rows[:points] *= np.sqrt(ratio * variance_of_median(count))
    return rows, float(freedom)


def _share_of_read_noise(
    scores: Float[np.ndarray, "sweeps free"], rows: Float[np.ndarray, "data free"]
) -> tuple[float, int]:
    """Variance of the sweeps' scores over that which read noise makes of them, and its degrees of freedom.

    `rows` are derivatives times the standard deviations of the data. Nothing where the data know no direction.
    """
    scores = scores - np.mean(scores, axis=0)
    size, axes = np.linalg.eigh(rows.T @ rows)
    known = size > _KNOWN * size[-1]
    freedom = int(np.count_nonzero(known)) * (len(scores) - 1)
    if freedom == 0:
        return 0.0, 0
    return float(np.sum((scores @ axes[:, known]) ** 2 / size[known])) / freedom, freedom


def correlation_of_neighbours(
    r: Float[np.ndarray, "fits waves points"],
) -> Float[np.ndarray, " fits"]:
    """Correlation of neighbouring residuals of each fit; 0 unless it is surely above."""
    after, before = r[..., 1:], r[..., :-1]
    pairs = (after != 0) & (before != 0)
    n = np.count_nonzero(pairs, axis=(1, 2))
    square = np.sum(np.where(pairs, after**2, 0.0), axis=(1, 2))
    rho = np.sum(after * before, axis=(1, 2)) / np.maximum(square, 1e-300)
    # 1 / sqrt(n) is the standard error where there is none; 0.99 keeps the process stationary.
    sure = (n >= 8) & (rho > 2 / np.sqrt(np.maximum(n, 1)))
    return np.where(sure, np.minimum(rho, 0.99), 0.0)


def _local(x: Float[np.ndarray, "... points"]) -> Float[np.ndarray, "... points"]:
    """Sums over windows that reach `_NEIGHBOURS` points to either side."""
    width = 2 * _NEIGHBOURS + 1
    wide = np.pad(x, [*[(0, 0)] * (x.ndim - 1), (_NEIGHBOURS, _NEIGHBOURS)])
    # Not as differences of running sums: beside a large square these would leave nothing of the small ones.
    return sum((wide[..., k : k + x.shape[-1]] for k in range(width)), np.zeros(x.shape))


def sigma_about(
    square: Float[np.ndarray, "... points"], free: Float[np.ndarray, "... points"]
) -> Float[np.ndarray, "... points"]:
    """Standard deviation of residuals about each point, of their squares and what the fit leaves of each variance."""
    return np.sqrt(_local(square) / np.maximum(_local(free), 0.1))


def along_process(
    scores: Float[np.ndarray, "... points free"], steps: Float[np.ndarray, "... steps"]
) -> Float[np.ndarray, "... points free"]:
    """Scores of points by the root of the correlation of a first-order process, of the correlations of neighbours.

    Each value is what is new, and that correlation times the one before. (No scipy.signal: to import it takes longer
    than this.)
    """
    out, by = scores.copy(), steps[..., None]
    for k in reversed(range(out.shape[-2] - 1)):
        out[..., k, :] += by[..., k, :] * out[..., k + 1, :]
    out[..., 1:, :] *= np.sqrt(1 - by**2)
    return out


def _of_residuals(
    weights: Float[np.ndarray, "fits events"],
    r: Float[np.ndarray, "fits data"],
    j: Float[np.ndarray, "fits data free"],
    inverse: Float[np.ndarray, "fits free free"],
    moves: Bool[np.ndarray, "fits data"],
    shape: tuple[int, ...],
    more: Float[np.ndarray, "fits data more"],
) -> tuple[Float[np.ndarray, "fits data columns"], Float[np.ndarray, " fits"]]:
    """Roots of J'SJ out of residuals, and the correlations of neighbours; of waveforms of this shape.

    Columns are those of the derivatives and of `more` directions.

    Notes
    -----
    A point's variance is the mean square of the residuals about it, less what the fit took off: a
    point that alone determines a parameter has no residual of its own. Currents are correlated along
    the sweep as those of a first-order process. An event's variance is that of its sampling in whole
    rows, times what the events' residuals exceed it by in the mean.
    """
    fits, points, last = len(r), shape[1], shape[0] * shape[1]
    # What the fit leaves of a residual's variance: 1 less its leverage, the diagonal of the hat matrix.
    free = np.where(moves, 1 - np.sum(j @ inverse * j, axis=2), 0.0)
    square, currents = r**2 * (free > 0), r[:, :last].reshape(fits, *shape)
    rho = correlation_of_neighbours(currents)
    sigma = sigma_about(
        square[:, :last].reshape(fits, *shape), free[:, :last].reshape(fits, *shape)
    )
    columns = np.concatenate([j, more], axis=2)
    scores = sigma[..., None] * columns[:, :last].reshape(fits, *shape, -1)
    steps = np.broadcast_to(rho[:, None, None], (fits, shape[0], points - 1))
    rooted = along_process(scores, steps) if np.any(rho) else scores
    sampling = weights**2 / 12
    counted = sampling > 0
    share = np.divide(square[:, last:], sampling, out=np.zeros_like(sampling), where=counted)
    freedom = np.sum(free[:, last:], where=counted, axis=1)
    excess = np.maximum(np.sum(share, axis=1) / np.maximum(freedom, 0.1), 1.0)
    jumps = np.sqrt(excess[:, None] * sampling)[..., None] * columns[:, last:]
    return np.concatenate([rooted.reshape(fits, last, -1), jumps], axis=1), rho


def _of_resampling(
    problem: Problem,
    waves: Sequence[Waveform],
    columns: Float[np.ndarray, "1 data columns"],
    seed: int,
) -> Float[np.ndarray, "1 replicates columns"]:
    """Root whose square is the covariance of the scores of resampled sweeps."""
    shifts = _resampled(problem, waves, seed) @ columns
    return (shifts - np.mean(shifts, axis=1, keepdims=True)) / np.sqrt(_REPLICATES - 1)


class NoiseEstimates:
    """The noise of the data of fits of one shape, from residuals and Jacobians at optima, the prior's last.

    Of several fits none has sweeps to resample, see `of_each`. `along` is the variance of the data along `more`
    directions of their residuals, d'Sd of each column d [sigma^2].
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        waves: Sequence[Sequence[Waveform]],
        residuals: Float[np.ndarray, "fits residuals"],
        jacobian: Float[np.ndarray, "fits residuals free"],
        seed: int,
        more: Float[np.ndarray, "fits data more"] | None = None,
    ):
        n = len(problems[0].free)
        more = np.zeros((len(problems), residuals.shape[1] - n, 0)) if more is None else more
        self.r, j = residuals[:, :-n], jacobian[:, :-n]
        steep = np.max(np.abs(j), axis=2) > STEEPEST
        self.j = j = np.where(steep[..., None], 0.0, j)
        self.start_noise = np.array([float(p.noise) for p in problems])
        weights = np.array([float(p.prior_weight) for p in problems])
        learned = np.array([p.strength is not None for p in problems])
        plain = np.eye(n) * weights[:, None, None]
        self.prior = np.where(learned[:, None, None], jacobian[:, -n:], plain)
        moves = np.any(j != 0, axis=2)
        count = np.count_nonzero(moves, axis=1)
        self.chi2 = np.sum(self.r**2, axis=1) / np.maximum(count - n, 1)
        # Of J = QR, R has the singular values and right vectors of J, and n rows.
        upper = np.linalg.qr(np.concatenate([j, self.prior], axis=1), mode="r")
        _, size, axes = np.linalg.svd(upper, full_matrices=False)
        self.inverse = (axes.mT / size[:, None] ** 2) @ axes
        self.sweeps = [min(w.n_sweeps for w in group) for group in waves]
        if self.sweeps[0] >= FEWEST:
            scatter = _scatter_of_read_noise(problems[0], waves[0], j[0], more[0])
            if scatter is not None:
                root, freedom = scatter
                self.root = root[None]
                self.sources = ["read noise, by which alone the sweeps differ"]
            else:
                self.root = _of_resampling(
                    problems[0], waves[0], np.concatenate([j, more], 2), seed
                )
                freedom = self.sweeps[0] - 1.0
                self.sources = [f"{_REPLICATES} resamplings of the sweeps"]
            self.freedom = np.array([freedom])
        else:
            events = field_of_each([p.group for p in problems], "event_weight")
            weights, shape = events.reshape(len(problems), -1), problems[0].group.rows.shape
            self.root, rho = _of_residuals(weights, self.r, j, self.inverse, moves, shape, more)
            self.sources = [_source(*x) for x in zip(rho.tolist(), self.sweeps, strict=True)]
            # Points that follow each other count for fewer, and a variance is that of the points about it.
            freedom = np.minimum(count * (1 - rho) / (1 + rho) - n, MOST_FREEDOM)
            self.freedom = np.maximum(freedom, LEAST_FREEDOM)
        for k, lost in enumerate(np.count_nonzero(steep, axis=1).tolist()):
            if lost:
                self.sources[k] += f"; without residuals of exploded derivatives: {lost}"
        self.along = np.sum(self.root[..., n:] ** 2, axis=1)
        self.root = self.root[..., :n]
        square = np.sum(j**2, axis=(1, 2))
        self.moves = moves
        self.scale = np.sum(self.root**2, axis=(1, 2)) / np.maximum(square, 1e-300)
        # What a model is off by is granted to it; of learned functions nothing is off: what they leave is noise.
        granted = np.minimum(np.maximum(self.scale, self.chi2), 1.0)
        self.noise = np.sqrt(np.where(learned, np.maximum(granted, self.chi2), granted))

    def about_points(self, k: int, shape: tuple[int, ...]) -> np.ndarray:
        """Standard deviation of the residuals of the k-th fit about each point of its waveforms."""
        last = int(np.prod(shape))
        r, j, moves = self.r[k, :last], self.j[k, :last], self.moves[k, :last]
        left = np.where(moves, 1 - np.sum(j @ self.inverse[k] * j, axis=1), 0.0).reshape(shape)
        return sigma_about(r.reshape(shape) ** 2 * (left > 0), left)


def _source(rho: float, sweeps: int) -> str:
    """Where a covariance out of residuals came from."""
    correlated = f", neighbours correlated by {rho:.2f}" if rho else ""
    count = f"{counted(sweeps, 'sweep')} of a waveform"
    return f"residuals{correlated} ({count}: without spread between cycles)"


def noise_of_each(
    problems: Sequence[Problem],
    waves: Sequence[Sequence[Waveform]],
    *,
    residuals: Float[np.ndarray, "fits residuals"],
    jacobian: Float[np.ndarray, "fits residuals free"],
    seed: int = 0,
) -> Float[np.ndarray, " fits"]:
    """Standard deviations of data residuals at optima [sigma]: `Uncertainty.noise`, without the rest.

    Of fits of one shape; for what is no number there is none.
    """
    estimates = of_each(
        lambda p, w, r, j: NoiseEstimates(p, w, r, j, seed).noise.tolist(),
        *(problems, waves, residuals, jacobian),
    )
    return np.array([np.nan if isinstance(x, Exception) else x for x in estimates])


def of_each(find: Callable[..., list], problems: Sequence, waves: Sequence, *arrays: Any) -> list:
    """What is found for each of the fits: for all of them at once where none has sweeps to resample.

    A matrix that has no decomposition is the reason of its own fit alone.
    """
    alone = len(problems) > 1 and any(w.n_sweeps >= FEWEST for group in waves for w in group)
    try:
        if not alone:
            return find(problems, waves, *arrays)
    except np.linalg.LinAlgError as error:
        if len(problems) == 1:
            return [error]
    every = (slice(k, k + 1) for k in range(len(problems)))
    return [x for k in every for x in of_each(find, problems[k], waves[k], *(a[k] for a in arrays))]
