"""Whether a fit describes delays and relaxations: their medians, and their spread from curve to curve."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ..residuals import MEDIAN
from ..verdict import WITHIN, Mark, Verdict, graded_ratio, verdict_of

_QUARTILES = 1.349  # interquartile range of a normal over its standard deviation
_ERROR = 1.17  # standard error of a standard deviation by quartiles, relative, times the root of the number: normal
_FEWEST = 4  # times on either side from which on they have quartiles


def judge_times(
    measured: Mapping[str, Float[np.ndarray, " curves"]],
    simulated: Mapping[str, Float[np.ndarray, " draws"]],
) -> Verdict:
    """The verdict by times of measured and simulated curves [s], of which those that did not end count as watched.

    Notes
    -----
    Of each kind of time the median, and the spread of the logarithm by its quartiles, may be off by a factor beyond two
    standard errors of both samples: seven curves say less than two hundred.
    """
    marks: list[Mark] = []
    numbers: dict[str, float | None] = {}
    for name, x in measured.items():
        sides = [_logarithms(side) for side in (x, simulated[name])]
        if min(map(len, sides)) < _FEWEST:
            marks.append(Mark(2, np.inf, f"too few curves have a simulated {name}"))
            continue
        spreads = [float(np.subtract(*np.percentile(s, [75, 25]))) / _QUARTILES for s in sides]
        counts = np.array([len(s) for s in sides])
        ratio = float(np.exp(np.median(sides[1]) - np.median(sides[0])))
        error = MEDIAN * float(np.sqrt(np.sum(np.square(spreads) / counts)))
        text = f"the median {name} is {ratio:.2g} of the measured one"
        marks.append(graded_ratio(ratio, text, error=WITHIN * error))
        wider = spreads[1] / spreads[0] if spreads[0] > 0 else None
        numbers |= {f"{name}_ratio": ratio, f"{name}_spread_ratio": wider}
        if wider is not None:
            text = (
                f"the spread of the {name} (SD of its logarithm) is {wider:.2g} of the measured one"
            )
            error = _ERROR * float(np.sqrt(np.sum(1 / counts)))
            marks.append(graded_ratio(wider, text, error=WITHIN * error))
    return verdict_of(marks, "delays and relaxations agree with the data", **numbers)


def _logarithms(x: np.ndarray) -> np.ndarray:
    """Natural logarithms of times that are positive: a curve that never switched has no relaxation."""
    x = np.asarray(x, float)
    return np.log(x[x > 0])
