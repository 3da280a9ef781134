"""What a fit is worth, in one of three words, by the shape of its data and not by what was granted to the model."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float

from .residuals import MAD

WORDS = ("good", "usable", "poor")
"""What a fit may be called."""

FACTOR = (1.25, 2.0)
"""Factors by which an area, a change, a time, a rate or a state's current may be off in good and in usable fits.

A quarter is what one hardly sees in a picture of the data; off by two, it is another device.
"""

DEVIATION = (0.15, 0.3)
"""Systematic deviations of a good and of a usable fit [decades of a current]: 40 %, and a factor of 2."""

GAIN = 0.5
"""Share of what a curve without memory leaves that a good fit explains: most of what shows that there is a state."""

SURE = 3.0
"""Standard errors from which on a change that was measured is one."""

WITHIN = 2.0
"""Standard errors of data by which a ratio may be off for nothing: chance makes that much."""


class AbstractVerdict:
    """What a fit is worth, and why.

    Parameters
    ----------
    word : {"good", "usable", "poor"}
        The verdict.
    reason : str
        What decided, in words.
    """

    word: str
    reason: str

    def __str__(self) -> str:
        return f"{self.word} ({self.reason})"

    def as_json(self) -> dict[str, Any]:
        """Word, reason, and the numbers by name."""
        content = asdict(cast(Any, self))
        numbers = content.pop("numbers", {})
        return content | numbers


@dataclass(frozen=True, kw_only=True)
class Verdict(AbstractVerdict):
    """The verdict on a fit of any kind but sweeps, which have `fitting.sweeps.verdict.LoopVerdict`.

    Parameters
    ----------
    word, reason
        See `AbstractVerdict`.
    numbers : dict of str to float or None
        What was compared, by name; None where it could not be.
    """

    word: str
    reason: str
    numbers: dict[str, float | None] = field(default_factory=dict)


class Mark(NamedTuple):
    """How far one comparison is from good: 0, 1 or 2, by how much, and in words."""

    level: int
    excess: float
    text: str


def graded(value: float, limits: tuple[float, float], text: str) -> Mark:
    """The mark of a value that is good up to the first limit and usable up to the second."""
    return Mark(int(value > limits[0]) + int(value > limits[1]), value / limits[0], text)


def graded_ratio(ratio: float, text: str, *, error: float = 0.0) -> Mark:
    """The mark of simulated over measured, by `FACTOR` beyond an error [natural log units]; poor unless positive."""
    distance = abs(np.log(ratio)) - error if ratio > 0 else np.inf
    return graded(float(np.exp(max(distance, 0.0))), FACTOR, text)


def graded_gain(gain: float, text: str) -> Mark:
    """The mark of a share explained beyond a curve without memory: poor where that curve does as well."""
    # Once it is poor, what else is off says more: the excess ends there.
    excess = (1 - max(gain, 0.0)) / (1 - GAIN)
    return Mark(int(gain < GAIN) + int(gain <= 0), excess, text)


def decide(marks: Iterable[Mark], otherwise: str) -> tuple[str, str]:
    """The word, and the reason: that of the worst mark, or `otherwise` where all are good."""
    worst = max(marks)
    return WORDS[worst.level], worst.text if worst.level else otherwise


def verdict_of(marks: Iterable[Mark], otherwise: str, **numbers: float | None) -> Verdict:
    """The verdict by marks, with its numbers; None in the place of one that is not finite."""
    word, reason = decide(marks, otherwise)
    known = {n: float(x) if x is not None and np.isfinite(x) else None for n, x in numbers.items()}
    return Verdict(word=word, reason=reason, numbers=known)


def systematic(curves: Sequence[Float[np.ndarray, " _"]]) -> tuple[float, float]:
    """Typical residual of curves, robust, and the correlation of neighbouring ones; NaN counts for nothing.

    The product of the first and the root of the second is the systematic part: noise has none.
    """
    size = np.abs(np.concatenate(curves))
    known = size[np.isfinite(size)]
    typical = MAD * float(np.median(known)) if known.size else 0.0
    if typical == 0:
        return 0.0, 0.0
    # One on the wrong branch must not decide on the correlation of the others.
    near = [np.clip(x, -3 * typical, 3 * typical) for x in curves]
    product = np.concatenate([x[1:] * x[:-1] for x in near])
    return typical, _mean(product) / _mean(np.concatenate(near) ** 2)


def _mean(x: np.ndarray) -> float:
    """Mean of what is a number, as `numpy.nanmean` has it, in a third of the time."""
    known = np.isfinite(x)
    count = np.count_nonzero(known)
    return float(np.sum(np.where(known, x, 0.0)) / count) if count else np.nan


def graded_residuals(
    off: Float[np.ndarray, " rows"], limits: tuple[float, float], unit: str, scale: float = 1.0
) -> tuple[Mark, dict[str, float]]:
    """The mark of the systematic part of a curve's residuals [unit] over a scale, and `deviation` and `correlation`."""
    deviation, correlation = systematic([off])
    deviation /= scale
    text = f"residuals of {deviation:.2g} {unit} that follow each other (correlation {correlation:.2g})"
    part = deviation * float(np.sqrt(max(correlation, 0.0)))
    return graded(part, limits, text), {"deviation": deviation, "correlation": correlation}


def graded_curve(
    off: Float[np.ndarray, " rows"],
    without: Float[np.ndarray, " rows"],
    noise: float,
    *,
    what: str,
    beyond: str,
) -> tuple[list[Mark], float | None]:
    """The mark of what a curve explains beyond one without memory, and that share; neither where noise is all there is.

    Parameters
    ----------
    off, without : Float[np.ndarray, "rows"]
        Residuals of the fit, and of the best curve without memory.
    noise : float
        Standard deviation of a row: the variance that no curve explains.
    what, beyond : str
        What is explained, and the curve without memory, in words.
    """
    power = float(np.mean(without**2)) - noise**2
    if power <= noise**2:
        return [], None
    gain = 1 - max(float(np.mean(off**2)) - noise**2, 0.0) / power
    return [graded_gain(gain, f"of {what} it explains {gain:.2g} beyond {beyond}")], gain


def graded_change(
    measured: float, simulated: float, *, least: float, error: float, name: str
) -> Mark:
    """The mark of a change against the measured one [decades], which is one from `least` on; `error` is its own.

    Where none was measured, a simulated one of more than twice that is poor.
    """
    if abs(measured) < least:
        text = f"{name} by {simulated:.2g} decades where none was measured ({measured:.2g})"
        return Mark(2 * int(abs(simulated) > 2 * least), abs(simulated) / least, text)
    ratio = simulated / measured
    text = f"{name} is {ratio:.2g} of the measured one ({measured:+.2g} decades)"
    return graded_ratio(ratio, text, error=WITHIN * error / abs(measured))
