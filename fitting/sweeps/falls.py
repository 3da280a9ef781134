"""Currents that fall while the voltage rises, where the measured ones do not: what no picture of a good fit shows."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float

from memjax.data.sweeps import is_pulsed

from ..verdict import Mark, graded
from .summary import CLEAR, Waveform

FALL = 0.01
"""Fall of a current [decades], 2.3 %, from which on a picture shows it.

A negative differential resistance makes circuits oscillate: a fit that has one which the device lacks is not good,
however small its residuals. Whether it is poor, other marks say."""


def largest_fall(x: Float[np.ndarray, " rows"]) -> float:
    """Largest fall of a curve below what it has reached before; 0 of one that rises throughout, and of an empty one."""
    return float(np.max(np.maximum.accumulate(x) - x, initial=0.0))


def fall_marks(
    waves: Sequence[Waveform],
    simulated: Float[np.ndarray, "waves points"],
    floor: float,
    scatter: Callable[[Waveform], Float[np.ndarray, " points"]],
) -> list[Mark]:
    r"""Marks of negative differential resistances that the data do not have, the largest of each polarity.

    Parameters
    ----------
    waves, simulated
        Sweeps of the voltage, and log10 of their simulated currents [decades].
    floor : float
        Of the instrument [A].
    scatter : callable
        Standard deviation of a single response of a sweep [decades], row by row.

    Notes
    -----
    Either way of an excursion is read towards larger \|v\|, at rows that count. A fall counts beyond the scatter of a
    reading, where the measured current falls by no more than that: how deep a reset is, and where, others judge.
    """
    falls = {}
    for side, measured, spread, curve in _ways(waves, simulated, floor, scatter):
        least = max(FALL, spread)
        fall = largest_fall(curve)
        if fall > least >= largest_fall(measured):
            falls[side] = max(falls.get(side, 0.0), fall)
    return [
        graded(
            fall, (FALL, np.inf),
            f"the simulated current falls by {100 * (1 - 10**-fall):.2g} % while the voltage {verb}, where the "
            f"measured one does not, {'positive' if sign > 0 else 'negative'} polarity",
        )
        for (sign, verb), fall in falls.items()
    ]  # fmt: skip


def _ways(
    waves: Sequence[Waveform],
    simulated: np.ndarray,
    floor: float,
    scatter: Callable[[Waveform], np.ndarray],
) -> Iterator[tuple[tuple[int, str], np.ndarray, float, np.ndarray]]:
    """Polarity and what the voltage does, measured response, scatter and simulated response of each way at rows that
    count, by rising modulus.
    """
    for w, s in zip(waves, simulated, strict=True):
        x, spread = w.median_log(), scatter(w)
        verb = "stays" if is_pulsed(w.v) else "rises"
        clear = w.used & ~w.censored & (x > np.log10(CLEAR * floor))
        for (begin, peak, end), sign in zip(w.legs, w.polarities, strict=True):
            for way in (np.arange(begin, peak + 1), np.arange(peak, end)[::-1]):
                rows = way[clear[way]]
                if rows.size > 2:
                    yield (sign, verb), x[rows], float(np.median(spread[rows])), s[rows]
