"""Whether data tell a resistance in series from the resistances of a device, and how large it could be."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.params import coordinates

from ..optimize.levenberg_marquardt import (
    PROXIMAL,
    Ending,
    Progress,
    half_squares,
    levenberg_marquardt,
)
from ..parameters import to_parameter_units
from ..problem import of_some
from ..verdict import WORDS
from .instrument import BenchQuantities, Evidence, device_of
from .result import FitResult
from .suggest import Extended

_NAME = "series_resistance"

_LEVELS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
"""Resistances that are tried, over the least ratio of voltage and current: a batch, of which none leaves nothing."""

_ITERATIONS = 25


class HiddenSeries(NamedTuple):
    """The largest resistance in series with which a device describes its data as well as without.

    Parameters
    ----------
    resistance : float
        Of those that were tried [ohm].
    moves : dict of str to (float, float)
        Parameters of the device that leave their intervals, without and with it [SI].
    """

    resistance: float
    moves: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        moves = ", ".join(f"{n} {b:.3g} in place of {a:.3g}" for n, (a, b) in self.moves.items())
        return (
            f"the data do not tell a resistance in series from those of the device: {self.resistance:.3g} ohm describe "
            f"them as well, with {moves}, outside of the intervals; if one is there, say so with --series-resistance"
        )


def hidden_series(
    result: FitResult, *, tick: Callable[[Progress], None] | None = None
) -> HiddenSeries | None:
    """A resistance in series that would go unnoticed, and move parameters out of their intervals.

    Parameters
    ----------
    result : FitResult
        A fit of sweeps.
    tick : callable, optional
        Called with the progress of the search after each iteration.

    Returns
    -------
    HiddenSeries or None
        None where the resistance is stated or free, the device is not ohmic, its parameters stay within their
        intervals, or a current switches: there a profile takes as long as the search did.

    Notes
    -----
    A profile: at each of eight resistances all parameters of the device are fitted again, side by side. A resistance
    describes the data as well where chi squared rises by no more than at the end of a 90 % interval.
    """
    problem, name = result.problem, f"bench.{_NAME}"
    is_ohmic = isinstance(device_of(problem.device), mj.AbstractOhmicDevice)
    if not is_ohmic or problem.bench.series_resistance is not None or name in problem.free:
        return None
    if np.any(np.asarray(problem.group.event_weight)):
        return None
    evidence = Evidence.of(result.measurements, result.waves, float(problem.group.floor))
    extended = Extended(result, (_NAME,), evidence)
    resistances = _LEVELS * evidence.resistance[0]
    quantities = [BenchQuantities(series_resistance=np.asarray(x)) for x in resistances]
    pinned = np.array([coordinates(x, [_NAME]) for x in quantities])
    absent = np.append(result.z, extended.absent)
    r, jacobian, ok = extended.evaluate(np.repeat(absent[None], len(pinned), axis=0), 0)
    if not ok[0]:
        return None
    # A loss is half of chi squared, whose unit is the noise.
    rise = 0.5 * (result.reach() * float(problem.noise)) ** 2
    most = half_squares(r, ok)[0] + rise
    # To first order, from the derivative by the resistance at a value that acts on nothing.
    by_ohm = jacobian[0][:, -1] / _ohm_per_coordinate(extended)
    others = np.linalg.lstsq(jacobian[0][:, :-1], -by_ohm, rcond=None)[0]
    # No farther than a factor of e: beyond that derivatives are no guide.
    starts = result.z + np.clip(resistances[:, None] * others, -1.0, 1.0)

    def evaluate(z: np.ndarray):
        r, jacobian, ok = extended.evaluate(np.concatenate([z, pinned], axis=1), 0)
        return r, jacobian[:, :, :-1], ok

    options: dict[str, Any] = dict(iterations=_ITERATIONS, ending=Ending(enough=most), tick=tick)
    options |= {"together": False, "proximal": PROXIMAL}
    done = levenberg_marquardt(of_some(evaluate, starts), starts, **options)
    allowed = np.flatnonzero(done.cost <= most)
    if not allowed.size:
        return None
    last = int(allowed[-1])
    moves = _outside(result, done.z[last])
    return HiddenSeries(float(resistances[last]), moves) if moves else None


def with_note_on_series(
    result: FitResult, tick: Callable[[Progress], None] | None = None
) -> FitResult:
    """A fit that is called good with a note on a resistance in series that would go unnoticed; others as they are.

    A fit for which a quantity of the bench is suggested is one of the others.
    """
    good = result.verdict.word == WORDS[0] and result.suggestion is None
    series = hidden_series(result, tick=tick) if good else None
    return result if series is None else replace(result, notes=(*result.notes, str(series)))


def _ohm_per_coordinate(extended: Extended) -> float:
    """Change of the resistance with its coordinate, where it acts on nothing [ohm]."""
    step = 1e-6
    model: Any = extended.problem.device
    here = extended.absent
    (ends,) = to_parameter_units(model, [f"bench.{_NAME}"], here, here + step).values()
    return (ends[1] - ends[0]) / step


def _outside(result: FitResult, z: Float[np.ndarray, " free"]) -> dict[str, tuple[float, float]]:
    """Parameters that a fit calls determined, and that have left their intervals at other coordinates."""
    ends, intervals, lost = result.values_at(z), result.intervals(), set(result.undetermined)
    outside = {}
    for name, there in ends.items():
        low, high = intervals[name]
        beyond = (low is not None and there < low) or (high is not None and there > high)
        if beyond and name not in lost:
            outside[name] = result.values[name], there
    return outside
