"""Where the searches of a fit ended: at one optimum, or at several."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..optimize.levenberg_marquardt import LONGEST, Progress
from ..parameters import to_parameter_units
from .problem import Problem

AGREED = 0.01
"""Share of a loss within which two searches have ended at the same one."""

ALIKE = 4.0
"""Rise of chi squared, in variances of a residual, up to which an optimum describes the data as well as another."""

APART = 5.0
"""Distance [standard deviations, to first order] from which on two optima are different ones."""

NEAR = 0.1
"""Share by which the loss of another optimum that is named lies above the lowest at the most."""

_WORDS = "another optimum", "searches alone ended"
_NAMED = 3  # parameters of another optimum that are named
_MOST = 2  # other optima that are named
_WEAK = 2  # directions along which a search begins again


class Optimum(NamedTuple):
    """Where another search ended: the share by which its loss lies above the lowest, and coordinates."""

    above: float
    z: Float[np.ndarray, " free"]


def last_starts(
    z: Float[np.ndarray, "ends free"],
    cost: Float[np.ndarray, " ends"],
    *,
    best: Float[np.ndarray, " free"],
    jacobian: Float[np.ndarray, "residuals free"],
    noise: float,
    count: int,
) -> Float[np.ndarray, "count free"]:
    """Where searches begin that end a fit: the best point, both sides of it along weak directions, other optima.

    Parameters
    ----------
    z, cost
        Where searches ended so far, and their losses.
    best
        The best point.
    jacobian
        Of all residuals there.
    noise
        Standard deviation of a residual [sigma].
    count : int
        Starts.

    Notes
    -----
    A search that has stopped in a valley goes on from a point further along it, and one that has ended comes back from
    there: the weakest directions of J'J are tried on both sides.
    """
    _, size, axes = np.linalg.svd(jacobian, full_matrices=False)
    moves = []
    for k in range(1, 1 + min(_WEAK, len(size))):
        # As far as two optima lie apart, or as one step of a search goes.
        reach = min(APART * noise / max(size[-k], 1e-300), LONGEST / np.max(np.abs(axes[-k])))
        moves += [reach * axes[-k], -reach * axes[-k]]
    starts = [best, *(best + m for m in moves)][:count]
    order = np.argsort(cost, kind="stable")
    ends = z[order][np.isfinite(cost[order])]
    points = [best]
    for point in ends:
        if len(starts) < count and _is_apart(point, points, jacobian, noise):
            points.append(point)
            starts.append(point)
    return np.resize(np.concatenate([starts, ends]), (count, len(best)))


def _is_apart(
    point: np.ndarray, others: Sequence[np.ndarray], jacobian: np.ndarray, noise: float
) -> bool:
    """Whether a point is far from others, as the data measure distances."""
    differences = np.stack([point - o for o in others]) @ jacobian.T
    return bool(np.min(np.linalg.norm(differences, axis=1)) > APART * noise)


def other_optima(
    z: Float[np.ndarray, "starts free"],
    cost: Float[np.ndarray, " starts"],
    *,
    ended: Bool[np.ndarray, " starts"],
    best: Float[np.ndarray, " free"],
    jacobian: Float[np.ndarray, "residuals free"],
    noise: float,
) -> tuple[int, list[Optimum]]:
    """How many searches ended at the lowest loss, and other points at a loss that is not far above.

    Parameters
    ----------
    z, cost
        Where searches ended, and their losses.
    ended
        Whether they had ended by themselves: one that was still on its way stands in no optimum.
    best
        The best of these points.
    jacobian
        Of all residuals there.
    noise
        Standard deviation of a residual [sigma].
    """
    lowest = float(np.min(cost))
    # A loss is half of chi squared.
    rise = ALIKE / 2 * noise**2
    points, others = [best], []
    near = ended & (cost <= max((1 + NEAR) * lowest, lowest + rise))
    for k in np.argsort(cost):
        if near[k] and _is_apart(z[k], points, jacobian, noise):
            points.append(z[k])
            above = 0.0 if cost[k] < lowest + rise else float(cost[k]) / lowest - 1
            others.append(Optimum(above, z[k]))
    return int(np.count_nonzero(cost <= (1 + AGREED) * lowest)), others[:_MOST]


def speaks_of_optima(note: str) -> bool:
    """Whether a note speaks against an optimum being the only one."""
    return any(words in note for words in _WORDS)


def optima_in_words(
    agreed: int,
    count: int,
    others: Sequence[tuple[float, dict[str, float]]],
    best: dict[str, float],
) -> list[str]:
    """What speaks against the optimum being the only one.

    Parameters
    ----------
    agreed, count
        Searches that ended at the lowest loss, and all that ended.
    others
        Of other optima, the share by which their loss lies above, 0 where they describe the data as well, and their
        parameters [SI].
    best
        Parameters of the best point [SI].
    """
    words = []
    if agreed < 2 and count > 1:
        words.append(
            f"one of {count} searches alone ended at this optimum: another --seed may end lower"
        )
    for above, values in others:
        ratio = {n: abs(np.log(abs(x / best[n]))) for n, x in values.items() if x * best[n] > 0}
        most = sorted(ratio, key=lambda n: -ratio[n])[:_NAMED]
        named = ", ".join(f"{n} {values[n]:.3g} in place of {best[n]:.3g}" for n in most)
        what = f"has a loss {above:.1%} above" if above else "describes the data as well"
        words.append(f"another optimum {what}: {named}")
    return words


def notes_on_optima(
    problem: Problem,
    search: Progress,
    *,
    best: Float[np.ndarray, " free"],
    jacobian: Float[np.ndarray, "residuals free"],
) -> list[str]:
    """What speaks against the optimum of a problem being the only one, in words.

    Parameters
    ----------
    problem, search
        The problem, and the search that ended there.
    best, jacobian
        The optimum, and the Jacobian of all residuals there.
    """
    agreed, others = other_optima(
        search.z,
        search.cost,
        best=best,
        jacobian=jacobian,
        noise=float(problem.noise),
        ended=search.converged,
    )

    device: Any = problem.device

    def values_at(z: np.ndarray) -> dict[str, float]:
        return {n: x for n, (x,) in to_parameter_units(device, problem.free, z).items()}

    count = int(np.count_nonzero(np.isfinite(search.cost)))
    named = [(o.above, values_at(o.z)) for o in others]
    return optima_in_words(agreed, count, named, values_at(best))
