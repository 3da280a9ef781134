"""What compiles a program under a driver, and what comes of it; JAX is loaded where a function is called."""

from collections.abc import Mapping, Sequence
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
    """A program under its driver, as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    driver : Driver
        The loop, which decides on the arrays that the call takes and gives.
    constants : tuple of float
        Numbers of the step that are no parameters: other ones need no other function.
    backend : str
        What computes, and by which compiler and version, for provenance.
    """

    target: str
    driver: "Driver"
    constants: tuple[float, ...]
    backend: str

    def __call__(
        self, arguments: Sequence, results: Sequence, aliases: Mapping[int, int] | None = None
    ) -> Sequence:
        """Arrays of the shapes `results`; those that are computed in place of arguments are `aliases`."""
        import jax

        options: dict[str, Any] = {"input_output_aliases": aliases}
        return jax.ffi.ffi_call(self.target, results, **options)(*arguments)


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
