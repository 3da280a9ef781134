"""Conductance after each programming pulse, cycle by cycle, of one device."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from ..errors import ReaderError
from ..runtime.copies import copy_arrays

_MOST = 1e9
"""No voltage in volt and no time in seconds of a pulse is as large."""

SET, RESET = 0, 1
"""Kinds of pulses."""


@dataclass(frozen=True, kw_only=True)
class PulseProtocol:
    """The pulses that set and reset a device, and how it is read.

    Parameters
    ----------
    voltages : tuple of two float
        Of a set and of a reset pulse [V], with their signs.
    widths : tuple of two float
        Their lengths [s].
    period : float or None
        Time from one pulse to the next [s].
    read_voltage : float
        At which the conductance is read [V].

    Raises
    ------
    ReaderError
        For a width, a period or a read voltage that is none.
    """

    voltages: tuple[float, float]
    widths: tuple[float, float]
    period: float | None = None
    read_voltage: float = 0.1

    def __post_init__(self):
        numbers = (*self.voltages, *self.widths, self.read_voltage)
        fine = all(0 < abs(x) < _MOST for x in numbers) and min(self.widths) > 0
        if not fine or (self.period is not None and not max(self.widths) <= self.period < _MOST):
            raise ReaderError(
                f"pulses of {self.voltages} V, {self.widths} s every {self.period} s, read at "
                f"{self.read_voltage} V",
                allowed="finite voltages other than 0, widths > 0, a period of at least a width",
            )


@dataclass(frozen=True, kw_only=True)
class PulseRecord:
    """Conductance of one device before and after each pulse of repeated cycles.

    Parameters
    ----------
    device : str
        Label of the device.
    g : Float[np.ndarray, "cycles points"]
        Conductance [S]: before the first pulse, and after each one.
    kinds : Int[np.ndarray, "pulses"]
        Kind of each pulse of a cycle: 0 set, 1 reset; one fewer than the points.
    cycles : Int[np.ndarray, "cycles"]
        The file's own labels of the cycles.
    protocol : PulseProtocol or None
        Pulses and reading; None where the file does not say.
    reader : str
        Name of the reader.
    source : dict
        Provenance: `file`, `sha256`, and what the file says of itself.
    warnings : tuple of str
        Every guess that was made, in words.

    Raises
    ------
    ReaderError
        If lengths differ, or a conductance is not a positive finite number.
    """

    device: str
    g: Float[np.ndarray, "cycles points"]
    kinds: Int[np.ndarray, " pulses"]
    cycles: Int[np.ndarray, " cycles"]
    protocol: PulseProtocol | None = None
    reader: str = ""
    source: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        copy_arrays(self, "g", "kinds", "cycles")
        where = f"{self.source.get('file', 'pulses')}, device {self.device}"
        fits = self.g.ndim == 2 and self.g.shape == (len(self.cycles), len(self.kinds) + 1)
        if not fits or len(self.kinds) < 2 or not np.isin(self.kinds, (SET, RESET)).all():
            raise ReaderError(
                f"conductances of shape {self.g.shape} for {len(self.cycles)} cycles of "
                f"{len(self.kinds)} pulses",
                where=where,
                allowed="(cycles, pulses + 1), at least 2 pulses, of kinds 0 (set) and 1 (reset)",
            )
        if not (np.isfinite(self.g).all() and (self.g > 0).all()):
            raise ReaderError(
                "a conductance that is no positive number", where=where, allowed="finite and > 0 S"
            )

    def select(self, cycles: Int[np.ndarray, " n"] | slice) -> "PulseRecord":
        """Some of the cycles, by their places."""
        return replace(self, g=self.g[cycles], cycles=self.cycles[cycles])

    @property
    def steps(self) -> Float[np.ndarray, "cycles pulses"]:
        """Change of the conductance at each pulse [S]."""
        return np.diff(self.g, axis=1)

    def branch(self, kind: int) -> Int[np.ndarray, " n"]:
        """Pulses of one kind."""
        return np.flatnonzero(self.kinds == kind)


@dataclass(frozen=True, kw_only=True)
class DecayRecord:
    """Resistance of one device against the time since it was programmed.

    Parameters
    ----------
    label : str
        Of device or run.
    t : Float[np.ndarray, "rows"]
        Time [s], increasing.
    r : Float[np.ndarray, "rows"]
        Resistance [ohm], positive.
    read_voltage : float or None
        At which it is read [V]; None where that is not known.
    reader, source, warnings
        See `PulseRecord`.

    Raises
    ------
    ReaderError
        If lengths differ, times do not increase, or a resistance is not a positive finite number.
    """

    label: str
    t: Float[np.ndarray, " rows"]
    r: Float[np.ndarray, " rows"]
    read_voltage: float | None = None
    reader: str = ""
    source: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        copy_arrays(self, "t", "r")
        where = f"{self.source.get('file', 'decay')}, {self.label}"
        if self.t.shape != self.r.shape or self.t.ndim != 1 or len(self.t) < 3:
            raise ReaderError(
                f"{self.t.shape} times, {self.r.shape} resistances", where=where,
                allowed="one length, at least 3 rows",
            )  # fmt: skip
        if not (np.isfinite(self.t).all() and (np.diff(self.t) > 0).all()):
            raise ReaderError("times that do not increase", where=where, fix="sort the rows")
        if not (np.isfinite(self.r).all() and (self.r > 0).all()):
            raise ReaderError(
                "a resistance that is no positive number", where=where,
                allowed="finite and > 0 ohm",
            )  # fmt: skip
