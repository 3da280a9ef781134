"""What compiles a program under a driver, and what comes of it; JAX is loaded where a function is called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .drivers import Driver
    from .program import StepProgram


@dataclass(frozen=True)
class Unavailable:
    """Why a backend has no function of a program, so that XLA computes the same.

    Parameters
    ----------
    reason : str
        In words.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason

    @property
    def backend(self) -> str:
        """What computes instead, for provenance."""
        return f"xla ({self.reason})"


@dataclass(frozen=True)
class LaneFunction:
    """A program under its driver, as a function of arrays.

    Parameters
    ----------
    compute : callable
        Takes and gives what the driver says, see `memjax.lanes.drivers`.
    driver : Driver
        The loop as it is done: a backend that delivers no spikes has arrivals at all receptors as arrays.
    backend : str
        What computes, and by which compiler and version, for provenance.
    reason : str
        Why it is no kernel in C; empty for one.
    """

    compute: Callable[..., Any]
    driver: "Driver"
    backend: str
    reason: str = ""

    def __call__(self, *arguments: Any) -> Any:
        """See `memjax.lanes.drivers`."""
        return self.compute(*arguments)


class Backend(Protocol):
    """What compiles programs.

    Attributes
    ----------
    name : str
        As in `memjax.lanes.choice.BACKENDS`.
    """

    name: str

    def compile(self, program: "StepProgram", driver: "Driver") -> LaneFunction | Unavailable:
        """The function of a program under a driver, or why there is none."""
        ...
