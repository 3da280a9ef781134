"""A wanted number: an observable, its value and its tolerance."""

import math
import re
from dataclasses import dataclass

from memjax.errors import DataError

UNITS = {
    "v_th": "V",
    "v_hold": "V",
    "on_off": "1",
    "hysteresis_area": "V A",
    "delay": "s",
    "relaxation": "s",
    "rate": "Hz",
    "interval": "s",
    "latency": "s",
    "energy_per_spike": "J",
}
"""Observables that can be wanted, and their units: four of a sweep, two of a pulse, four of a spike train."""

OF_SWEEP = ("v_th", "v_hold", "on_off", "hysteresis_area")
OF_PULSE = ("delay", "relaxation")
OF_TRAIN = ("rate", "interval", "latency", "energy_per_spike")

DEFAULT_TOLERANCE = 0.02
"""Share of the value that is the tolerance where none is given."""

_ALLOWED = f"{', '.join(UNITS)}; delay@V and relaxation@V with the voltage of the pulse"
_FORM = "NAME=VALUE or NAME=VALUE:TOLERANCE, with numbers above 0 in SI"


@dataclass(frozen=True)
class Target:
    """A wanted number.

    Parameters
    ----------
    name : str
        Observable: one of `UNITS`.
    value : float
        What is wanted [unit of the observable], positive.
    tolerance : float, optional
        How far the value may be missed [unit]; of `on_off`, a ratio over decades, as a share of the value. 2 % of the
        value by default.
    voltage : float, optional
        Height of the pulse [V], of `delay` and `relaxation` only.

    Raises
    ------
    DataError
        For an unknown name, a number that is not positive, or a voltage that is missing or means nothing.
    """

    name: str
    value: float
    tolerance: float | None = None
    voltage: float | None = None

    def __post_init__(self) -> None:
        where = f"target {self.label}"
        if self.name not in UNITS:
            raise DataError(f"unknown observable {self.name!r}", where="target", allowed=_ALLOWED)
        numbers = [self.value, 1.0 if self.tolerance is None else self.tolerance]
        if not all(math.isfinite(x) and x > 0 for x in numbers):
            what = f"value {self.value:g}, tolerance {self.tolerance}"
            raise DataError(what, where=where, allowed=_FORM)
        if self.name in OF_PULSE and not (self.voltage and math.isfinite(self.voltage)):
            what = "no voltage of the pulse"
            raise DataError(what, where=where, allowed=_ALLOWED, fix=f"say {self.name}@1.0=...")
        if self.name not in OF_PULSE and self.voltage is not None:
            raise DataError("a voltage means nothing here", where=where, fix=f"say {self.name}=...")

    @classmethod
    def parse(cls, text: str) -> "Target":
        """The target that ``NAME[@VOLTAGE]=VALUE[:TOLERANCE]`` says.

        Raises
        ------
        DataError
            For another form, and as the class.
        """
        parts = re.fullmatch(r"\s*(\w+)(?:@([^=:]+))?=([^:]+)(?::([^:]+))?\s*", text)
        try:
            if parts is None:
                raise ValueError
            voltage, value, tolerance = (
                None if x is None else float(x) for x in parts.groups()[1:]
            )
        except ValueError:
            raise DataError(f"{text!r}", where="target", allowed=_FORM) from None
        return cls(parts[1], float(value or 0.0), tolerance, voltage)

    def __str__(self) -> str:
        """The words that `parse` takes."""
        tolerance = "" if self.tolerance is None else f":{self.tolerance!r}"
        return f"{self.label}={self.value!r}{tolerance}"

    @property
    def label(self) -> str:
        """Name, with the pulse's voltage where there is one."""
        return self.name if self.voltage is None else f"{self.name}@{self.voltage:g}"

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return UNITS[self.name]

    @property
    def of_train(self) -> bool:
        """Whether it is read off spikes, whose means over members are compared; of others medians are."""
        return self.name in OF_TRAIN

    @property
    def share(self) -> float:
        """Tolerance as a share of the value."""
        if self.tolerance is None:
            return DEFAULT_TOLERANCE
        return self.tolerance if self.name == "on_off" else self.tolerance / self.value

    @property
    def margin(self) -> float:
        """Tolerance in the unit of the value."""
        return self.share * self.value

    def meets(self, value: float) -> bool:
        """Whether a value lies within the tolerance; NaN does not."""
        return abs(value - self.value) <= self.margin
