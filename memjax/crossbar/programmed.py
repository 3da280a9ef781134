"""What writing an array reached, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .array import Crossbar
from .cells import Cell

STATES = ("states", "selector_states")
"""Fields of `Progress` that are mappings."""

STUCK, OUT_OF_RANGE, NOT_REACHED = "stuck", "out of range", "not reached"
"""Why a cell is off its target."""


class Progress(NamedTuple):
    """How far writing is: all that the next round depends on.

    Parameters
    ----------
    states, selector_states : mapping of str to Float[Array, "rows columns"]
        Of the devices, and of selectors that are devices [SI].
    flicker, jitter : Float[Array, "rows columns 3"], Float[Array, "rows columns"]
        What the last pulses left for the reads, see `memjax.PulseNoise` [S].
    counts : Int[Array, "2 rows columns"]
        Set and reset pulses of each cell.
    streak : Int[Array, "rows columns"]
        Pulses of one kind in a row: set pulses above 0, reset pulses below.
    wants : Int[Array, "rows columns"]
        What each cell needs next: 1 a set pulse, -1 a reset pulse, 0 neither.
    pulse, read : Int[Array, ""]
        Numbers of the next pulse and of the next read.
    energy : Float[Array, ""]
        So far [J].
    """

    states: Mapping[str, Cell]
    selector_states: Mapping[str, Cell]
    flicker: Float[Array, "rows columns 3"]
    jitter: Cell
    counts: Int[Array, "2 rows columns"]
    streak: Int[Array, "rows columns"]
    wants: Int[Array, "rows columns"]
    pulse: Int[Array, ""]
    read: Int[Array, ""]
    energy: Float[Array, ""]


class Miss(NamedTuple):
    """A cell off its target: its word line and bit line, why, and both conductances [S]."""

    row: int
    column: int
    reason: str
    target: float
    reached: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Programmed:
    """An array after it was written.

    Parameters
    ----------
    array : Crossbar
        With the states that were reached.
    targets, conductances : Float[np.ndarray, "rows columns"]
        Wanted and reached conductances of the devices [S].
    tolerance : Float[np.ndarray, "rows columns"]
        How far a read could lie from its target [S].
    errors : Float[np.ndarray, "reads"]
        Root mean square of reached less wanted conductances before the first round and after each [S].
    off_target : Int[np.ndarray, "reads"]
        Cells whose read was not within the tolerance, likewise.
    counts : Int[np.ndarray, "2 rows columns"]
        Set and reset pulses of each cell.
    energy : float
        What the drivers supplied in all pulses [J].
    stuck, out_of_range : Bool[np.ndarray, "rows columns"]
        Cells that no pulse moves, and cells whose target their device does not reach.
    progress : Progress
        Where a later call goes on.
    """

    array: Crossbar
    targets: Float[np.ndarray, "rows columns"]
    conductances: Float[np.ndarray, "rows columns"]
    tolerance: Float[np.ndarray, "rows columns"]
    errors: Float[np.ndarray, " reads"]
    off_target: Int[np.ndarray, " reads"]
    counts: Int[np.ndarray, "2 rows columns"]
    energy: float
    stuck: Bool[np.ndarray, "rows columns"]
    out_of_range: Bool[np.ndarray, "rows columns"]
    progress: Progress

    def __repr__(self) -> str:
        rows, columns = self.array.shape
        return (
            f"Programmed: {rows} x {columns} cells, {self.rounds} rounds, {int(self.pulses.sum())} pulses, "
            f"{self.energy:.3g} J, RMS error {self.errors[-1]:.3g} S, {int((~self.reached).sum())} off target"
        )

    @property
    def rounds(self) -> int:
        """Rounds that it took."""
        return len(self.errors) - 1

    @property
    def pulses(self) -> Int[np.ndarray, "rows columns"]:
        """Pulses of each cell, of both kinds."""
        return self.counts.sum(axis=0)

    @property
    def pulses_per_cell(self) -> Float[np.ndarray, " reads"]:
        """Mean number of pulses of a cell at each of `errors`: a round has one for each cell off its target."""
        return np.append(0, np.cumsum(self.off_target[:-1])) / self.targets.size

    @property
    def reached(self) -> Bool[np.ndarray, "rows columns"]:
        """Cells whose last read lay within the tolerance."""
        return np.asarray(self.progress.wants) == 0

    @property
    def misses(self) -> tuple[Miss, ...]:
        """All cells whose last read did not, and why."""
        return tuple(
            Miss(
                i, j, self._reason(i, j), float(self.targets[i, j]), float(self.conductances[i, j])
            )
            for i, j in np.argwhere(~self.reached).tolist()
        )

    def _reason(self, i: int, j: int) -> str:
        """Why a cell is off its target."""
        if self.stuck[i, j]:
            return STUCK
        return OUT_OF_RANGE if self.out_of_range[i, j] else NOT_REACHED

    @property
    def missed(self) -> dict[str, int]:
        """How many cells are off their targets, by reason."""
        reasons = [m.reason for m in self.misses]
        return {r: reasons.count(r) for r in (STUCK, OUT_OF_RANGE, NOT_REACHED)}


def reachable(done: Programmed) -> Bool[np.ndarray, "rows columns"]:
    """Cells that pulses can bring to their targets."""
    return ~(done.stuck | done.out_of_range)


def numbers_of(done: Programmed) -> dict[str, np.ndarray | Array]:
    """All that continues a result, by name, as arrays of a file."""
    progress = done.progress._asdict()
    states = {f"{name}/{k}": x for name in STATES for k, x in progress.pop(name).items()}
    return {
        k: np.asarray(x)
        for k, x in (
            progress | states | {"errors": done.errors, "off_target": done.off_target}
        ).items()
    }
