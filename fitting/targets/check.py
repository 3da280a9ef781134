"""Targets against members with noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .problem import center_of
from .protocol import Protocol, read_members
from .target import Target

CHUNK = 128
"""Members that are simulated together: one size, one program."""

# Members are added until the standard error of each value is this part of its tolerance.
_SHARE = 5.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """What members with noise show of one target.

    Parameters
    ----------
    target : Target
        What was wanted.
    value : float
        Median over the members that show it, of spike trains the mean [unit]; NaN where fewer than half do.
    scatter, error : float or None
        Standard deviation between members, and standard error of the value [unit]; None without noise.
    shown, members : int
        Members that show it, and all.
    """

    target: Target
    value: float
    scatter: float | None
    error: float | None
    shown: int
    members: int

    @property
    def label(self) -> str:
        """Label of the target."""
        return self.target.label

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self.target.unit

    @property
    def off(self) -> float:
        """How far the value is from the target [tolerances]."""
        return (self.value - self.target.value) / self.target.margin

    @property
    def met(self) -> bool:
        """Whether the value lies within the tolerance."""
        return self.target.meets(self.value)

    @property
    def well_met(self) -> bool:
        """Whether it lies within the inner third of the tolerance, or as near to the middle as scatter lets one say."""
        return abs(self.value - self.target.value) <= max(self.target.margin / 3, self.error or 0.0)

    @property
    def precise(self) -> bool:
        """Whether more members would say no more, or nothing."""
        return self.error is None or _SHARE * self.error <= self.target.margin

    @property
    def uncertain(self) -> bool:
        """Whether the value is known no better than to half of the tolerance."""
        return 2 * (self.error or 0.0) > self.target.margin

    def __str__(self) -> str:
        """Wanted, simulated, and the scatter."""
        wanted = f"{self.label} = {self.target.value:.4g} +- {self.target.margin:.2g} {self.unit}"
        if not np.isfinite(self.value):
            return f"{wanted}, shown by {self.shown} of {self.members} members"
        noise = "" if self.scatter is None else f", scatter {self.scatter:.2g} {self.unit}"
        return f"{wanted}, simulated {self.value:.4g} {self.unit}{noise}"


def check_members(
    device: Any,
    targets: tuple[Target, ...],
    protocols: Sequence[Protocol],
    places: Sequence[tuple[int, int]],
    *,
    members: int,
    seed: int,
) -> tuple[Check, ...]:
    """Simulate members with the device's noise in adaptive steps; targets, protocols, places as in `TargetProblem`.

    At most `members` are simulated, in chunks, until every value is known to a fifth of its tolerance.
    """
    found, chunk = [], min(members, CHUNK)
    checks: tuple[Check, ...] = ()
    for k in range(0, members, chunk):
        numbers = np.arange(k, k + chunk)
        found.append(read_members(protocols, places, device, members=numbers, seed=seed))
        checks = checks_of(targets, np.concatenate(found), noisy=True)
        if all(c.precise for c in checks):
            break
    return checks


def checks_of(targets: tuple[Target, ...], found: np.ndarray, *, noisy: bool) -> tuple[Check, ...]:
    """What observables of members [their units] say of the targets; `noisy` where their scatter means something."""
    each = zip(targets, center_of(found, targets), found.T, strict=True)
    return tuple(
        _check(t, float(x), column[np.isfinite(column)], len(found), noisy) for t, x, column in each
    )


def _check(target: Target, value: float, shown: np.ndarray, members: int, noisy: bool) -> Check:
    """One target."""
    scatter = error = None
    if noisy and len(shown) > 1:
        scatter = float(np.std(shown, ddof=1))
        # Of a median by the interquartile range: its distribution need not be normal.
        width = float(np.subtract(*np.percentile(shown, [75, 25]))) / 1.349
        error = (scatter if target.of_train else 1.2533 * width) / float(np.sqrt(len(shown)))
    return Check(
        target=target, value=value, scatter=scatter, error=error, shown=len(shown), members=members
    )
