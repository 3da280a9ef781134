"""Targets against members with noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .problem import center_of
from .target import Target

# Members are enough where the standard error of a value is this part of its tolerance.
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

    def row(self) -> dict[str, Any]:
        """The target, its tolerance and unit."""
        t = self.target
        return {"name": t.label, "value": t.value, "tolerance": t.margin, "unit": t.unit}

    def __str__(self) -> str:
        """Wanted, simulated, and the scatter."""
        t = self.target
        wanted = f"{t.label} = {t.value:.4g} +- {t.margin:.2g} {t.unit}"
        if not np.isfinite(self.value):
            return f"{wanted}, shown by {self.shown} of {self.members} members"
        noise = "" if self.scatter is None else f", scatter {self.scatter:.2g} {t.unit}"
        return f"{wanted}, simulated {self.value:.4g} {t.unit}{noise}"


def checks_of(targets: tuple[Target, ...], values: np.ndarray, *, noisy: bool) -> tuple[Check, ...]:
    """What observables of members [their units] say of the targets; `noisy` where their scatter means something."""
    centers = center_of(values, targets)
    checks = []
    for target, center, column in zip(targets, centers, values.T, strict=True):
        shown, scatter, error = column[np.isfinite(column)], None, None
        if noisy and len(shown) > 1:
            scatter = float(np.std(shown, ddof=1))
            # Of a median by the interquartile range (1.349 sigma): its distribution need not be normal. 1.2533 is
            # sqrt(pi / 2), the error of a median over that of a mean.
            width = float(np.subtract(*np.percentile(shown, [75, 25]))) / 1.349
            error = (scatter if target.of_train else 1.2533 * width) / float(np.sqrt(len(shown)))
        counts = {"shown": len(shown), "members": len(values)}
        value = float(center)
        checks.append(Check(target=target, value=value, scatter=scatter, error=error, **counts))
    return tuple(checks)
