"""High and low resistance state of one device, cycle by cycle."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..errors import ReaderError
from ..runtime.copies import copy_arrays

UNITS = {"r": "ohm", "g": "S", "i": "A"}
"""What the states may be read as, and in which unit."""


@dataclass(frozen=True, kw_only=True)
class EnduranceRecord:
    """Readings of the high and of the low resistance state of one device in each cycle of an endurance test.

    Parameters
    ----------
    device : str
        Label of the device.
    cycles : Float[np.ndarray, "cycles"]
        The file's own count of the cycles, increasing.
    hrs, lrs : Float[np.ndarray, "cycles"]
        Readings of the high and the low resistance state, in the unit of `quantity`; NaN where one is missing.
    quantity : {"r", "g", "i"}
        Resistances [ohm], conductances [S], or currents [A] at a read voltage.
    reader, source, warnings
        See `memjax.data.PulseRecord`.

    Raises
    ------
    ReaderError
        If lengths differ, cycles do not increase, or fewer than two are whole.
    """

    device: str
    cycles: Float[np.ndarray, " cycles"]
    hrs: Float[np.ndarray, " cycles"]
    lrs: Float[np.ndarray, " cycles"]
    quantity: str = "r"
    reader: str = ""
    source: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        copy_arrays(self, "cycles", "hrs", "lrs")
        where = f"{self.source.get('file', 'endurance')}, device {self.device}"
        if not self.cycles.shape == self.hrs.shape == self.lrs.shape or self.cycles.ndim != 1:
            raise ReaderError("columns of different lengths", where=where, allowed="one length")
        if not (np.isfinite(self.cycles).all() and (np.diff(self.cycles) > 0).all()):
            raise ReaderError(
                "cycles that do not increase", where=where,
                fix="sort the rows, or add a column device that tells devices apart",
            )  # fmt: skip
        if np.sum(np.isfinite(self.hrs) & np.isfinite(self.lrs)) < 2:
            raise ReaderError("fewer than two cycles with both states", where=where)

    @property
    def window(self) -> Float[np.ndarray, " cycles"]:
        """Resistance of the high state over that of the low one, cycle by cycle."""
        return self.hrs / self.lrs if self.quantity == "r" else self.lrs / self.hrs
