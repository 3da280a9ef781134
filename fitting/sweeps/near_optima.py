"""Lower optima near a fit with events: at twice or half a resistance, and with one polarity as the other."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from memjax.core.fields import parameter_specs

from ..inference.batches import Batches
from ..optimize.levenberg_marquardt import Progress
from .basins import AGREED
from .far_optima import search_from, search_held
from .result import FitResult

NEAR = 0.7
"""Distance at which a resistance is tried [natural log units]: a factor of two."""

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
    right and the other not: each takes those of the other, too.
    """
    free, specs = list(result.free), parameter_specs(result.problem.device)
    known = [n for n in free if n not in result.undetermined]
    resistances = [free.index(n) for n in known if specs[n].unit == "ohm"]
    searches = []
    starts = mirrored(result.z, free, resistances)
    if len(starts):
        done = search_from(Batches(result.problem), starts, tick, iterations=_ITERATIONS)
        searches.append((done.z, done.cost))
    if resistances:
        pinned, sides = np.repeat(resistances, 2), np.tile([-1.0, 1.0], len(resistances))
        moved = np.repeat(result.z[None], len(pinned), axis=0)
        moved[np.arange(len(pinned)), pinned] += NEAR * sides
        both = (_ITERATIONS, _ITERATIONS)
        searches.append(search_held(result, moved, pinned, tick, iterations=both))
    if not searches:
        return None
    z, cost = (np.concatenate(x) for x in zip(*searches, strict=True))
    lowest = int(np.argmin(cost))
    return z[lowest] if cost[lowest] < (1 - AGREED) * result.loss else None


def mirrored(
    z: Float[np.ndarray, " free"], free: Sequence[str], resistances: Sequence[int]
) -> Float[np.ndarray, "starts free"]:
    """Points at which one polarity has the parameters of the other, as they are and with resistances of both moved."""
    twins = [(free.index(n), free.index(n + _NEG)) for n in free if n + _NEG in free]
    sided = {k for pair in twins for k in pair}
    unit = np.eye(len(free))
    moves = [
        0.0 * unit[0],
        # A resistance of one polarity alone would be moved away from its twin.
        *(x * NEAR * unit[k] for k in resistances for x in (-1, 1) if k not in sided),
    ]
    points = []
    for pairs in (twins, [(b, a) for a, b in twins]) if twins else ():
        same = np.array(z, float)
        for source, target in pairs:
            same[target] = z[source]
        points += [same + move for move in moves]
    return np.array(points).reshape(-1, len(free))
