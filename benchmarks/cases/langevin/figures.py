"""A figure that was measured beside that of a recipe, and how it is told to the recorder."""

import math
from dataclasses import dataclass, field

from benchmarks.records import Recorder
from benchmarks.timing import Times

Z = 4.0
"""Largest deviation that is right, in standard errors of both."""

FIXED, STIFF, EXACT = "memjax fixed steps", "memjax adaptive", "fixed points"
"""Variants."""


def finite(x: float) -> float | None:
    """A number as JSON has it; None for one that is none."""
    return float(x) if math.isfinite(x) else None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Parameters
    ----------
    name : str
        Recipe and what it is.
    value, se : float
        What was measured here, and its standard error.
    reference, reference_se : float
        The recipe's, and its standard error.
    half_digit : float
        Half of the last digit that the recipe states.
    variant : str
        How it was computed.
    n : int
        Members.
    extra : dict
        What else there is to say.
    """

    name: str
    value: float
    se: float
    reference: float
    reference_se: float
    half_digit: float
    variant: str = FIXED
    n: int = 1
    extra: dict = field(default_factory=dict)

    @property
    def combined(self) -> float:
        """Standard error of the difference; a rounded digit is uniform within its half."""
        return math.hypot(self.se, self.reference_se, self.half_digit / math.sqrt(3))

    @property
    def z(self) -> float:
        """Difference in standard errors."""
        return (self.value - self.reference) / self.combined

    def tell(self, record: Recorder, seconds: float) -> None:
        """Record it; beyond `Z` it has failed."""
        own = {"value": self.value, "se": self.se, "z": self.z}
        own |= {"recipe": self.reference, "recipe_se": self.reference_se}
        record.ok(
            self.variant,
            Times(run=[seconds]),
            error=abs(float(self.z)),
            reference="the recipe's figure, in standard errors of both",
            tolerance=Z,
            problem=self.name,
            n=self.n,
            dtype="float64",
            extra={k: finite(x) for k, x in own.items()} | self.extra,
        )


@dataclass(frozen=True, kw_only=True)
class Exact:
    """A figure without statistical error.

    Parameters
    ----------
    name : str
        Recipe and what it is.
    value, reference : float
        What was measured, and the recipe's.
    tolerance : float or None
        Largest difference that is right; None where only the value is of interest.
    variant, n, extra
        As for `Figure`.
    """

    name: str
    value: float
    reference: float
    tolerance: float | None
    variant: str = FIXED
    n: int = 1
    extra: dict = field(default_factory=dict)

    def tell(self, record: Recorder, seconds: float) -> None:
        """Record it."""
        value = float(self.value)
        record.ok(
            self.variant,
            Times(run=[seconds]),
            error=abs(value - self.reference),
            reference="the recipe's figure, difference",
            tolerance=self.tolerance,
            problem=self.name,
            n=self.n,
            dtype="float64",
            extra={"value": finite(value), "recipe": self.reference} | self.extra,
        )
