"""Whether a fit describes conductances per pulse: what it explains beyond a constant, and each polarity's change."""

import numpy as np
from jaxtyping import Float, Int

from ..verdict import (
    DEVIATION,
    SURE,
    Verdict,
    graded_change,
    graded_curve,
    graded_residuals,
    verdict_of,
)

_LEAST = 0.02  # change over all pulses of one polarity [decades] from which on it is one, as the opening of a loop
_NAMES = {0: "potentiation", 1: "depression"}


def judge_curve(
    measured: Float[np.ndarray, " points"],
    simulated: Float[np.ndarray, " points"],
    kinds: Int[np.ndarray, " pulses"],
    *,
    noise: float,
) -> Verdict:
    """The verdict on a noise-free cycle.

    Parameters
    ----------
    measured, simulated : Float[np.ndarray, "points"]
        log10 of the mean conductance, and of that of the fit: before the first pulse and after each [decades of S].
    kinds : Int[np.ndarray, "pulses"]
        Number of each pulse's kind: 0 sets, 1 resets.
    noise : float
        Standard deviation of a measured point [decades].

    Notes
    -----
    A curve without memory is a constant after the pulses of each polarity. The change by a polarity is the sum of its
    steps.
    """
    off, steps = simulated - measured, np.stack([np.diff(measured), np.diff(simulated)])
    mark, numbers = graded_residuals(off, DEVIATION, "decades")
    marks, gain = graded_curve(
        off[1:],
        _without_memory(measured[1:], kinds),
        noise,
        what="the cycle",
        beyond="a constant conductance for each polarity",
    )
    ratios: dict[str, float | None] = {}
    for kind, name in _NAMES.items():
        at = kinds == kind
        if not at.any():
            continue
        change, drawn = steps[:, at].sum(axis=1).tolist()
        # A run of pulses changes the conductance from one reading to another, whatever lies between.
        runs = np.count_nonzero(np.diff(np.concatenate([[False], at]).astype(int)) == 1)
        error = noise * float(np.sqrt(2 * runs))
        least = max(_LEAST, SURE * error)
        mine = graded_change(change, drawn, least=least, error=error, name=f"the {name}")
        marks.append(mine)
        ratios[f"{name}_ratio"] = drawn / change if abs(change) >= least else None
    good = "potentiation, depression and residuals agree with the data"
    return verdict_of([mark, *marks], good, gain=gain, **ratios, **numbers)


def _without_memory(log_g: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Readings after pulses, less the mean of those of the same polarity [decades]."""
    means = {k: np.mean(log_g[kinds == k]) for k in np.unique(kinds)}
    return log_g - np.array([means[k] for k in kinds])
