"""Where the searches of a fit ended: at one optimum, or at several."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

AGREED = 0.01
"""Share of a loss within which two searches have ended at the same one."""

ALIKE = 4.0
"""Rise of chi squared, in variances of a residual, up to which an optimum describes the data as well as another."""

APART = 5.0
"""Distance [standard deviations, to first order] from which on two optima are different ones."""

_NAMED = 3  # parameters of another optimum that are named


def other_optima(
    z: Float[np.ndarray, "starts free"],
    cost: Float[np.ndarray, " starts"],
    *,
    best: Float[np.ndarray, " free"],
    jacobian: Float[np.ndarray, "residuals free"],
    noise: float,
) -> tuple[int, Float[np.ndarray, "others free"]]:
    """How many searches ended at the lowest loss, and other points that describe the data as well.

    Parameters
    ----------
    z, cost
        Where searches ended, and their losses.
    best
        The best of these points.
    jacobian
        Of all residuals there.
    noise
        Standard deviation of a residual [sigma].
    """
    lowest, away = float(np.min(cost)), z - best
    agreed = cost <= (1 + AGREED) * lowest
    distance = np.linalg.norm(away @ jacobian.T, axis=1) / noise
    alike = (2 * (cost - lowest) < ALIKE * noise**2) & (distance > APART)
    others: list[np.ndarray] = []
    for point in z[alike][np.argsort(cost[alike])]:
        near = (np.linalg.norm(jacobian @ (point - o)) <= APART * noise for o in others)
        if not any(near):
            others.append(point)
    return int(np.count_nonzero(agreed)), np.reshape(others, (-1, len(best)))


def optima_in_words(
    agreed: int,
    cost: Float[np.ndarray, " starts"],
    values: Sequence[dict[str, float]],
    best: dict[str, float],
) -> list[str]:
    """What speaks against the optimum being the only one.

    Parameters
    ----------
    agreed
        Searches that ended at the lowest loss.
    cost
        Losses at which all searches ended.
    values, best
        Parameters of other points that describe the data as well, and of the best one [SI].
    """
    words, ends = [], np.sort(cost[np.isfinite(cost)])
    if agreed < 2 and len(ends) > 1:
        above = f"the next one at a loss {ends[1] / ends[0] - 1:.0%} above"
        words.append(
            f"one of {len(ends)} searches alone ended at this optimum, {above}: another --seed may end lower"
        )
    for other in values:
        ratio = {n: abs(np.log(abs(x / best[n]))) for n, x in other.items() if x * best[n] > 0}
        most = sorted(ratio, key=lambda n: -ratio[n])[:_NAMED]
        named = ", ".join(f"{n} {other[n]:.3g} for {best[n]:.3g}" for n in most)
        words.append(f"another optimum describes the data as well: {named}")
    return words
