"""Whether a fit describes sweeps to their scatter, and what its events then count."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from ..residuals import variance_of_median
from .group import EVENT_SIGMA, Group, response_weights, sigma_events
from .noise_estimate import FEWEST, correlation_of_neighbours, read_variance, shifts_of_cycles
from .problem import Problem
from .summary import CLEAR, Waveform

SAMPLING = 1 / 12
"""Variance of an event that may lie anywhere within its row [rows squared]."""

_SURE = 2.0  # standard errors beyond which a misfit is none of chance


def exceeds_scatter(
    problem: Problem,
    waves: Sequence[Waveform],
    residuals: Float[np.ndarray, " residuals"],
    jacobian: Float[np.ndarray, "residuals free"],
    *,
    granted: float = 0.0,
) -> bool:
    """Whether responses are further off than the scatter of the sweeps makes medians, or of few sweeps correlated.

    Then the model is not that of the data, or the search has not ended at its optimum. `granted` is an error of the
    model that is allowed beside the scatter, in its variances.
    """
    count = min(w.n_sweeps for w in waves)
    r = residuals[: np.size(problem.group.weight)]
    if count < FEWEST:
        return bool(correlation_of_neighbours(r.reshape(1, *np.shape(problem.group.weight)))[0])
    variance, counted = _variances(problem, waves, count)
    number = np.count_nonzero(counted)
    freedom = number - _known_directions(problem, jacobian[: len(residuals) - len(problem.free)])
    if freedom <= 0:
        return False
    expected = np.mean(variance[counted]) * variance_of_median(count) * freedom
    # Chi squared of n degrees of freedom scatters by sqrt(2 n). Rows near the floor scatter by more than the others: so
    # many that are alike have as sure a sum. The scatter itself is known from as many numbers as sweeps differ in.
    unit = read_variance(problem, waves)[: len(r)][counted]
    alike = np.sum(unit) ** 2 / np.sum(unit**2)
    error = np.sqrt(2 / alike * (number / freedom + 1 / (count - 1)))
    return bool(np.sum(r[counted] ** 2) > (1 + max(_SURE * error, granted)) * expected)


def _known_directions(problem: Problem, jacobian: Float[np.ndarray, "data free"]) -> float:
    """Number of directions that data take up: those of which they say more than the prior, with their shares of it."""
    square = np.linalg.svd(jacobian, compute_uv=False) ** 2
    return float(np.sum(square / (square + float(problem.prior_weight) ** 2)))


def _variances(
    problem: Problem, waves: Sequence[Waveform], count: int
) -> tuple[Float[np.ndarray, " data"], Bool[np.ndarray, " data"]]:
    """Variance of the residuals of responses of one sweep that the scatter of sweeps makes, and which of them scatter.

    The logarithm of a response within the floor is no normal number: it does not count.
    """
    group = problem.group
    points = np.size(group.weight)
    variance = np.var(shifts_of_cycles(problem, waves, count)[:, :points], axis=0, ddof=1)
    clear = np.ravel(group.target) > np.log10(CLEAR * float(group.floor))
    return variance, (variance > 0) & clear


def known_to_a_row(problem: Problem, waves: Sequence[Waveform]) -> Group | None:
    """The data with events that count by their sampling in rows beside the scatter of the sweeps; None elsewhere.

    A current is granted an error of the model that is many times its noise, and an event one as large as its own: where
    a model describes the data to their noise, an event that is known to a row would count as much as all currents. So
    it is where at least four sweeps have their events in the same row, or in two rows beside each other. Currents near
    the floor, whose noise is many times that of the others, count by as much less: else they alone would say what is
    still to be gained. Of data that count so already there is no other.
    """
    other = _by_noise(problem, waves)
    weight = _weights_by_sampling(replace(problem, group=other), waves)
    if weight is None or np.allclose(weight, problem.group.event_weight):
        return None
    return replace(other, event_weight=weight)


def _by_noise(problem: Problem, waves: Sequence[Waveform]) -> Group:
    """The data with currents that count by their read noise: that of the least is what is granted."""
    group = problem.group
    granted = response_weights(waves, float(group.model_sigma), group.weight.shape[1])
    variance = read_variance(replace(problem, group=replace(group, weight=granted)), waves)
    sigma = np.sqrt(variance[: granted.size]).reshape(granted.shape)
    least = np.min(sigma, where=sigma > 0, initial=np.inf)
    share = np.divide(least, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    return replace(group, weight=granted * share)


def counts_by_sampling(problem: Problem, waves: Sequence[Waveform]) -> bool:
    """Whether events count as `known_to_a_row` has them."""
    weight = _weights_by_sampling(problem, waves)
    return weight is not None and np.allclose(weight, problem.group.event_weight)


def _weights_by_sampling(
    problem: Problem, waves: Sequence[Waveform]
) -> Float[np.ndarray, "waves legs 3"] | None:
    """One over the standard deviations of events, see `known_to_a_row`; None where they are not known to a row."""
    count = min(w.n_sweeps for w in waves)
    weight = np.asarray(problem.group.event_weight)
    if count < FEWEST or not weight.any():
        return None
    variance = np.full(weight.shape, np.inf)
    for row, size, w in zip(weight, variance, waves, strict=True):
        counts = row[: len(w.legs)] > 0
        events = w.events[:, counts]
        if not np.all(np.max(events, axis=0) - np.min(events, axis=0) <= 1):
            return None
        size[: len(w.legs)][counts] = sigma_events(w)[counts] ** 2 - EVENT_SIGMA**2
    scatter, counted = _variances(problem, waves, count)
    if not counted.any():
        return None
    noise = np.sqrt(np.mean(scatter[counted]) * variance_of_median(count))
    return noise / np.sqrt(np.maximum(variance, SAMPLING))
