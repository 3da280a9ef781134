"""A measurement: what an instrument recorded, in SI units, with where it came from."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..core.html import (
    bullet_list,
    extent_table,
    fold,
    inline_picture,
    or_text,
    pictures,
    span,
    text_card,
)  # fmt: skip
from ..core.reprs import of_tree
from ..errors import ReaderError
from ..runtime.copies import copy_arrays
from . import labelled
from .compliance import levels_of, limits_of_sweeps
from .programmed import programmed

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True, kw_only=True, repr=False)
class Measurement:
    """Voltage and current of one device, sweep by sweep.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Voltage at the instrument's terminals [V].
    i : Float[np.ndarray, "points"]
        Current into the positive terminal [A]; a modulus where `modulus` is true.
    t : Float[np.ndarray, "points"] or None
        Time [s]; None where the file holds no usable time.
    sweep : Int[np.ndarray, "points"]
        Label of the sweep that each point belongs to: the file's own where it has one, else 0, 1,
        ...
    driven : {"voltage", "current"}
        What the source imposed.
    modulus : bool
        Whether the sign of the current was lost in the file.
    compliance : float or None
        Current limit of the source [A], the largest where there are several; None where none acted and none is stated.
    limit : Float[np.ndarray, "points"] or None
        Limit at each point [A], infinite where none is known; None where `compliance` says it for all.
    at_compliance : Bool[np.ndarray, "points"]
        Points at which the limit acts: they bound the current from below and are no measurement of
        it.
    reader : str
        Name of the reader.
    source : dict
        Provenance: `file`, `sha256`, and what the file says of itself.
    warnings : tuple of str
        Every guess that was made and every row that was dropped, in words.

    Raises
    ------
    ReaderError
        If lengths differ or there are fewer than two points.
    """

    v: Float[np.ndarray, " points"]
    i: Float[np.ndarray, " points"]
    sweep: Int[np.ndarray, " points"]
    t: Float[np.ndarray, " points"] | None = None
    driven: str = "voltage"
    modulus: bool = False
    compliance: float | None = None
    limit: Float[np.ndarray, " points"] | None = None
    at_compliance: Bool[np.ndarray, " points"]
    reader: str
    source: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        copy_arrays(self, "v", "i", "sweep", "t", "limit", "at_compliance")
        lengths = {len(self.v), len(self.i), len(self.sweep), len(self.at_compliance)}
        lengths |= {len(x) for x in (self.t, self.limit) if x is not None}
        if len(lengths) != 1 or min(lengths) < 2:
            raise ReaderError(
                f"columns of {sorted(lengths)} points",
                where=str(self.source.get("file", "measurement")),
                allowed="columns of one length, at least 2 points",
            )

    def __repr__(self) -> str:
        """File, reader, sweeps, points, ranges, what was driven, and how much has to be known of it."""
        return of_tree(self, self._text)

    def _text(self) -> str:
        """See `__repr__`."""
        (v0, v1), (i0, i1) = span(self.v), span(self.i)
        limits = ", ".join(f"{x:.3g} A" for x in self.compliances) or "none"
        return (
            f"Measurement({self.source.get('file', 'no file')}: {len(self.labels)} sweeps, {len(self.v)} points, "
            f"{'no time' if self.t is None else 'with time'}; {v0} to {v1} V, {i0} to {i1} A, {self.driven} driven, "
            f"compliance {limits}; reader {self.reader}, {len(self.warnings)} warnings)"
        )

    def _repr_html_(self) -> str | None:
        """The text, the picture of `plot`, smallest and largest values with units, and the warnings."""

        def build() -> str:
            columns = {"t": (self.t, "s"), "v": (self.v, "V"), "i": (self.i, "A")}
            table = extent_table({n: x for n, x in columns.items() if x[0] is not None})
            remarks = bullet_list(self.warnings)
            warnings = fold("Warnings", remarks, count=len(self.warnings)) if self.warnings else ""
            return text_card(self._text(), inline_picture(self.plot), table, warnings)

        return or_text(build)

    def plot(self, *, kind: str = "auto") -> Any:
        """Draw it, see `memjax.plot.overview`: a figure, with current against voltage or signals over time."""
        return pictures().overview(self, kind=kind)

    def to_xarray(self) -> "xarray.Dataset":
        """See `memjax.data.labelled.to_xarray`."""
        return labelled.to_xarray(self)

    def to_pandas(self) -> "pandas.DataFrame":
        """See `memjax.data.labelled.to_pandas`."""
        return labelled.to_pandas(self)

    @classmethod
    def from_xarray(cls, dataset: "xarray.Dataset") -> "Measurement":
        """See `memjax.data.labelled.from_xarray`."""
        return cls(**labelled.from_xarray(dataset))

    @classmethod
    def from_pandas(cls, frame: "pandas.DataFrame") -> "Measurement":
        """See `memjax.data.labelled.from_pandas`."""
        return cls(**labelled.from_pandas(frame))

    @property
    def labels(self) -> Int[np.ndarray, " sweeps"]:
        """Sweep labels in the order in which they occur."""
        return self.sweep[np.sort(np.unique(self.sweep, return_index=True)[1])]

    @property
    def compliances(self) -> list[float]:
        """Current limits that differ [A], ascending."""
        if self.limit is None:
            return [] if self.compliance is None else [self.compliance]
        return levels_of(self.limit)

    def limits(self) -> Float[np.ndarray, "sweeps 2"]:
        """Current limit of each sweep at positive and at negative voltage [A], infinite where none is known."""
        level = np.inf if self.compliance is None else self.compliance
        point_limits = np.full(len(self.v), level) if self.limit is None else self.limit
        return limits_of_sweeps(self.v, point_limits, self.sweep)

    @property
    def applied(self) -> Float[np.ndarray, " points"]:
        """Values that the source imposed: the voltage [V], see `programmed`, or the current [A] where that is
        driven.
        """
        if self.driven == "current":
            return self.i
        return programmed(self.v, self.at_compliance, self.sweep, self.t)

    @property
    def response(self) -> Float[np.ndarray, " points"]:
        """Values that were measured: the current [A] under an imposed voltage, the voltage [V] under an imposed
        current.
        """
        return self.i if self.driven == "voltage" else self.v

    def sweeps(self) -> Iterator[tuple[int, "Measurement"]]:
        """Label and points of one sweep after the other."""
        for label in self.labels:
            yield int(label), self.select(self.sweep == label)

    def select(self, mask: Bool[np.ndarray, " points"]) -> "Measurement":
        """The points at which `mask` is true, as a measurement."""
        return replace(
            self,
            v=self.v[mask],
            i=self.i[mask],
            sweep=self.sweep[mask],
            t=None if self.t is None else self.t[mask],
            limit=None if self.limit is None else self.limit[mask],
            at_compliance=self.at_compliance[mask],
        )
