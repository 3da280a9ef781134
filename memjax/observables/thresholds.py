"""On- and hold-threshold: the published ones where they make sense, else what the data's own jumps say."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .excursion import excursions
from .switching import HOLD_THRESHOLD, ON_THRESHOLD, Sweeps

_LOW = (0.1, 0.3)
"""Shares of the largest voltage of an excursion between which it shows its leakage."""

_JUMP = 0.3
"""Rise of the conductance within two rows [decades] from which on it is switching."""

NEVER = (1e6, 1e-60)
"""Thresholds [A] that no current passes: of data that show no switching."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Currents that mean on and off again.

    Parameters
    ----------
    on, hold : float
        On- and hold-threshold [A].
    why : str
        Where they come from, in words.
    """

    on: float = ON_THRESHOLD
    hold: float = HOLD_THRESHOLD
    why: str = "published"

    @property
    def options(self) -> dict[str, float]:
        """As arguments of `switching`."""
        return {"on_threshold": self.on, "hold_threshold": self.hold}

    def __str__(self) -> str:
        """Both, and where they come from."""
        if (self.on, self.hold) == NEVER:
            return f"nothing switches ({self.why})"
        hold = "none" if self.hold == NEVER[1] else f"{self.hold:.3g} A"
        return f"on-threshold {self.on:.3g} A, hold-threshold {hold} ({self.why})"


def find_thresholds(data: Sweeps) -> Thresholds:
    """Thresholds that make sense of sweeps of a voltage.

    Parameters
    ----------
    data : Measurement, or one member of a Trace
        Voltage, current, sweep labels.

    Returns
    -------
    Thresholds
        1e-8 A and 1e-11 A, where most excursions leak less than 1e-8 A before they switch, or a current is imposed.
        Else the geometric means of the currents on both sides of the jumps of the conductance, by a factor of 2 within
        two rows, on the way out and on the way back; `NEVER` where fewer than half of the excursions jump.
    """
    if getattr(data, "driven", "voltage") == "current":
        return Thresholds()
    ways = [way for label in np.unique(data.sweep).tolist() for way in _ways(data, label)]
    leaks = np.array([_leakage(*out) for out, _ in ways])
    on = np.array([np.max(i, initial=0.0) > ON_THRESHOLD for (_, i), _ in ways])
    known = np.isfinite(leaks) & (on | ~on.any())  # those that never switch may leak as they like
    if not known.any() or np.median(leaks[known]) < ON_THRESHOLD:
        return Thresholds()
    # Backwards the way back is like the way out: the conductance rises where the device turns off.
    jumps = [[_jump(v, i) for v, i in side] for side in zip(*ways, strict=True)]
    found = [_middle(side, never) for side, never in zip(jumps, NEVER, strict=True)]
    why = "from the jumps of the data, which leak more than 1e-8 A before they switch"
    return Thresholds(on=found[0], hold=found[1], why=why)


def _ways(data: Sweeps, label: int):
    """Voltage and current on the way out, and on the way back in reverse, of each excursion of a sweep."""
    v, i = (np.abs(x[data.sweep == label]) for x in (data.v, data.i))
    for part in excursions(data.v[data.sweep == label]):
        size, amps = v[part], i[part]
        peak = int(np.argmax(size))
        yield (size[: peak + 1], amps[: peak + 1]), (size[peak:][::-1], amps[peak:][::-1])


def _leakage(v: Float[np.ndarray, " out"], i: Float[np.ndarray, " out"]) -> float:
    """Median current at low voltage; NaN where no row is there."""
    low = (v >= _LOW[0] * v[-1]) & (v <= _LOW[1] * v[-1])
    return float(np.median(i[low])) if low.any() else np.nan


def _jump(v: Float[np.ndarray, " out"], i: Float[np.ndarray, " out"]) -> float | None:
    """Geometric mean of the currents on both sides of the largest jump of the conductance; None of a smooth one."""
    clear = (v > 0.05 * v[-1]) & (i > 0)
    log_i, log_v = np.log10(i[clear]), np.log10(v[clear])
    if len(log_i) < 3:
        return None
    rise = (log_i - log_v)[2:] - (log_i - log_v)[:-2]
    k = int(np.argmax(rise))
    return float(10 ** (0.5 * (log_i[k] + log_i[k + 2]))) if rise[k] >= _JUMP else None


def _middle(jumps: list[float | None], never: float) -> float:
    """Median of what jumps, in decades; `never` where fewer than half do."""
    known = [x for x in jumps if x is not None]
    return float(10 ** np.median(np.log10(known))) if 2 * len(known) >= len(jumps) > 0 else never
