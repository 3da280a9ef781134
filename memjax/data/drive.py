"""What the source of a measurement imposed: a voltage, or a current."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .base import Table

_SOURCE = re.compile(
    r"(?i)(?<![a-z])(source[ds]?|sourcing|forced?|forcing|set|applied|programmed)(?![a-z])"
)
_STATED = re.compile(
    r"(?i)current\s*(source|sweep|list sweep|bias|step)|(source[ds]?|sourcing|forced?|forcing)\W+current"
)
_VOLTAGE = re.compile(
    r"(?i)voltage\s*(source|sweep|list|bias|step)|(source[ds]?|sourcing|forced?|forcing)\W+voltage"
)
_FEWEST = 10
"""Points below which steps tell nothing."""
_EVEN, _UNEVEN = 1e-3, 0.1
"""Share of the median step within which steps are even, and beyond which they are not."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Quantity that was imposed, and the reason why it is taken for that.

    Parameters
    ----------
    quantity : {"voltage", "current"}
        What the source imposed.
    reason : str
        Why, where it is a current.
    """

    quantity: str = "voltage"
    reason: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Remarks on the drive."""
        return (f"taken as driven by the current: {self.reason}",) if self.reason else ()


def find_drive(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    table: Table,
    columns: Mapping[str, str],
) -> Drive:
    """Find what the source imposed: as the format says, as the names of the columns say, or by the steps.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A].
    table : Table
        Record, with what its format and its settings say.
    columns : Mapping
        Role to column name.
    """
    if table.driven == "current":
        return Drive(quantity="current", reason=table.driven_reason or "the file says so")
    names = {role: columns.get(role, "") for role in ("v", "i")}
    if _SOURCE.search(names["i"].replace("_", " ")) and not _SOURCE.search(
        names["v"].replace("_", " ")
    ):
        return Drive(quantity="current", reason=f"the column {names['i']!r} is that of a source")
    settings = [f"{k}: {x}" for k, x in table.settings.items()]
    stated = next((x for x in settings if _STATED.search(x)), None)
    if stated is not None and not any(_VOLTAGE.search(x) for x in settings):
        return Drive(quantity="current", reason=f"the file says {stated[:60]!r}")
    if _evenly(i) and not _evenly(v, _UNEVEN, 0.5):
        return Drive(quantity="current", reason="the current goes in even steps, the voltage not")
    return Drive()


def _evenly(x: np.ndarray, tolerance: float = _EVEN, share: float = 0.9) -> bool:
    """Whether most steps have one size."""
    steps = np.abs(np.diff(x))
    size = float(np.median(steps)) if len(steps) >= _FEWEST else 0.0
    near: Bool[np.ndarray, " steps"] = np.abs(steps - size) <= tolerance * size
    return size > 0 and float(np.mean(near)) >= share
