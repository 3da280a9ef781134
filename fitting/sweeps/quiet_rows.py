"""Noise of an instrument where many readings are nothing but noise."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import betainc, ndtr

from ..residuals import MAD, scatter_of_bends

WINDOW = 9
"""Neighbouring rows by whose mean modulus quiet ones are known: that of a single row is its own noise."""

CHANCE = 2.0
"""Ratio of two estimates of a floor, from so few rows, that may be chance."""

_SCALE = MAD / np.sqrt(70)
"""Standard deviation of a reading over the median modulus of fourth differences, which have 70 times its variance."""

_PASSES = 2  # estimates from all windows that are quiet by the one before

_SHARE = 0.1  # share of the windows that are looked at, the lowest
_LEVEL = 0.75  # share of the largest of such means that their median is of a level: half of it of a line through 0
_NOTHING = 2.0  # multiple of their noise up to which the mean modulus of such rows is that of noise: of it 0.8

LEVELS = np.linspace(-3.0, 2.0, 126)
"""Responses over the noise at which `raised_by_noise` is known [decades]: 0.04 apart."""

# Moduli of readings at which their distribution is known, evenly from 0 to so many deviations beyond the response.
_MODULI, _BEYOND = 400, 6.0


class Noise(NamedTuple):
    """Noise of the readings of devices [A, or V where a current was imposed].

    `floor` is that at the lowest readings, at least 1e-16; `quiet` that of readings which are nothing but noise, 0
    where there are too few, see `noise_of_quiet_rows`.
    """

    floor: Float[np.ndarray, " devices"]
    quiet: Float[np.ndarray, " devices"]


def noise_of_quiet_rows(
    responses: Float[np.ndarray, "devices points"], sweep: Int[np.ndarray, " points"]
) -> Float[np.ndarray, " devices"]:
    """Standard deviation of readings that are nothing but noise; 0 of devices that have no tenth of such rows.

    Parameters
    ----------
    responses : Float[np.ndarray, "devices points"]
        Readings of devices [A or V].
    sweep : Int[np.ndarray, "points"]
        Labels of the sweeps of all of them.

    Returns
    -------
    Float[np.ndarray, "devices"]
        The noise [A or V].

    Notes
    -----
    Where more than a tenth of the rows read nothing, the tenth of the lowest moduli are those that chance has put
    beside 0: they scatter by a third of the noise and less. So rows are chosen by the mean modulus of their neighbours,
    and the noise is that of fourth differences, in which no bend of a current is left: of the lowest tenth of the
    rows, then of all that are as quiet.
    """
    count = responses.shape[1] - WINDOW + 1
    whole = sweep[WINDOW - 1 :] == sweep[: max(count, 0)] if count > 0 else np.zeros(0, bool)
    if not whole.any():
        return np.zeros(len(responses))
    size = np.abs(responses)
    level = sum((size[:, k : k + count] for k in range(WINDOW)), np.zeros((len(size), count)))
    level = level[:, whole] / WINDOW
    # The fourth difference about the middle of each window.
    first = WINDOW // 2 - 2
    bends = np.abs(np.diff(responses, 4)[:, first : first + count][:, whole])
    lowest = np.argsort(level, axis=1)[:, : max(int(_SHARE * level.shape[1]), 1)]
    noise = _SCALE * np.median(np.take_along_axis(bends, lowest, axis=1), axis=1)
    quiet = np.mean(np.take_along_axis(level, lowest, axis=1), axis=1) < _NOTHING * noise
    noise = np.where(quiet, noise, 0.0)
    for _ in range(_PASSES):
        # Of all windows as quiet as these: the lowest tenth of them holds less than the noise.
        bends_of_quiet = np.where(level < _NOTHING * noise[:, None], bends, np.nan)
        noise[quiet] = _SCALE * np.nanmedian(bends_of_quiet[quiet], axis=1)
    return noise


def noise_of_level_rows(
    responses: Float[np.ndarray, "devices points"], sweep: Int[np.ndarray, " points"]
) -> Float[np.ndarray, " devices"]:
    """Standard deviation of the lowest readings by the means of three neighbours; 0 where these are not all alike.

    Of a leakage that hardly changes the lowest moduli are those that noise has lowered, neighbours alike: they scatter
    by less than it. The mean of three independent rows says nothing of their second difference, and a current that
    passes 0 has no bend there, as its modulus has.
    """
    together, size = sweep[2:] == sweep[:-2], np.abs(responses)
    means = size[:, 2:] + size[:, 1:-1] + size[:, :-2]
    if not together.any():
        return np.zeros(len(size))
    most = np.quantile(means[:, together], _SHARE, axis=1, keepdims=True)
    lowest = (means <= most) & together
    noise = scatter_of_bends(masked_medians(np.abs(np.diff(responses, 2, axis=1)), lowest))
    return np.where(masked_medians(means, lowest) > _LEVEL * most[:, 0], noise, 0.0)


@functools.cache
def _medians_beside_noise(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Moduli of readings at each of `LEVELS`, and shares of the medians of so many of them between two; over the noise.

    The distribution function of an order statistic is an incomplete beta function of that of a reading; an even number
    has two of them in the middle.
    """
    response = 10 ** LEVELS[:, None]
    edges = np.linspace(0.0, 1.0, _MODULI + 1) * (response + _BEYOND)
    below = ndtr(edges - response) - ndtr(-edges - response)
    ranks = {(count + 1) // 2, count // 2 + 1}
    shares = np.mean([betainc(k, count + 1 - k, below) for k in ranks], axis=0)
    return (edges[:, 1:] + edges[:, :-1]) / 2, np.diff(shares, axis=1)


def raised_by_noise(floor: float, count: int) -> Float[np.ndarray, " levels"]:
    r"""By how much noise raises the logarithm of a reading in the mean, at each of `LEVELS` [decades].

    Parameters
    ----------
    floor : float
        What is added to the modulus before its logarithm, over the standard deviation of the noise.
    count : int
        Readings of whose logarithms the median is taken.

    Returns
    -------
    Float[np.ndarray, "levels"]
        Mean of the median of log10(\|x + noise\| + floor), less log10(x + floor). Of nothing the modulus of a reading
        is that of the noise; at twice the noise single readings are too low in the mean, since a logarithm falls far.
    """
    moduli, shares = _medians_beside_noise(count)
    logs = np.sum(np.log10(moduli + floor) * shares, axis=1) / np.sum(shares, axis=1)
    return logs - np.log10(10**LEVELS + floor)


def masked_medians(
    x: Float[np.ndarray, "... points"], mask: Bool[np.ndarray, "... points"]
) -> Float[np.ndarray, "..."]:
    """Medians along the last axis of the points that count, as `numpy.median` has them; NaN where none does."""
    count = np.count_nonzero(mask, axis=-1)[..., None]
    ordered = np.sort(np.where(mask, x, np.inf), axis=-1)
    at = lambda k: np.take_along_axis(ordered, np.maximum(k, 0), axis=-1)[..., 0]  # noqa: E731
    middle = (at((count - 1) // 2) + at(count // 2)) / 2
    return np.where(count[..., 0] > 0, middle, np.nan)
