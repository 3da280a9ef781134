"""Lower optima near a fit with events: at half to twice a resistance, and with one polarity as the other."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from memjax.core.fields import parameter_specs

from ..inference.batches import Batches
from ..optimize.levenberg_marquardt import Progress
from .basins import AGREED
from .far_optima import recentred, search_from, search_held
from .result import FitResult

NEAR = (0.35, 0.7)
"""Distances at which a resistance is tried [natural log units]: factors of 1.4 and of 2."""

_ITERATIONS = 60  # rows of events are met one by one
_NEG = "_neg"  # end of the name of a parameter of the negative polarity


def lower_nearby(
    result: FitResult, *, tick: Callable[[Progress], None] | None = None
) -> Float[np.ndarray, " free"] | None:
    """A lower optimum near a fit with events; None where none is met.

    Parameters
    ----------
    result : FitResult
        The fit.
    tick : callable, optional
        Called with the progress of the searches after each iteration.

    Notes
    -----
    Where a current switches, the rows of the events hold a search in a valley that is narrow and bent. Another one, as
    of half the resistance and slower kinetics, may describe the data better, and no start has met it. A resistance is
    held at its other value until the others have followed. Of a device with parameters for each polarity one may be
    right and the other not: each takes those of the other, with and without the resistance that both share held off.
    So does a point at which what the data do not determine there is where the search began.
    """
    free, specs = list(result.free), parameter_specs(result.problem.device)
    known = [n for n in free if n not in result.undetermined]
    resistances = [free.index(n) for n in known if specs[n].unit == "ohm"]
    others = [*mirrored(result.z, free), *recentred(result)]
    searches = []
    if others:
        done = search_from(Batches(result.problem), np.array(others), tick, iterations=_ITERATIONS)
        searches.append((done.z, done.cost))
    # What belongs to one polarity is moved where the other is as it was.
    sided = {free.index(n) for n in free if n + _NEG in free or n.endswith(_NEG)}
    shared = [k for k in resistances if k not in sided]
    pinned = np.array([*resistances, *(k for _ in others for k in shared)], int)
    bases = [result.z] * len(resistances) + [x for x in others for _ in shared]
    if len(pinned):
        both = (_ITERATIONS, _ITERATIONS)
        moved = moved_to_both_sides(bases, pinned)
        held = np.repeat(pinned, 2 * len(NEAR))
        searches.append(search_held(result, moved, held, tick, iterations=both))
    if not searches:
        return None
    z, cost = (np.concatenate(x) for x in zip(*searches, strict=True))
    lowest = int(np.argmin(cost))
    return z[lowest] if cost[lowest] < (1 - AGREED) * result.loss else None


def moved_to_both_sides(
    points: Sequence[Float[np.ndarray, " free"]], pinned: Int[np.ndarray, " points"]
) -> Float[np.ndarray, "lanes free"]:
    """Each point with its coordinate `pinned` lower, and higher, by each of `NEAR`."""
    steps = np.array([side * x for x in NEAR for side in (-1, 1)])
    moved = np.repeat(np.array(points, float), len(steps), axis=0)
    moved[np.arange(len(moved)), np.repeat(pinned, len(steps))] += np.tile(steps, len(pinned))
    return moved


def mirrored(
    z: Float[np.ndarray, " free"], free: Sequence[str]
) -> list[Float[np.ndarray, " free"]]:
    """The point with one polarity's parameters for both, for each polarity; none where the device has one set."""
    twins = [(free.index(n), free.index(n + _NEG)) for n in free if n + _NEG in free]
    points = []
    for pairs in (twins, [(b, a) for a, b in twins]) if twins else ():
        same = np.array(z, float)
        for source, target in pairs:
            same[target] = z[source]
        points.append(same)
    return points
