"""A ready circuit under a name."""

from collections.abc import Callable
from dataclasses import dataclass

from .circuit import Circuit


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Area that a published circuit takes.

    Parameters
    ----------
    area : float
        Area [m^2].
    source : str
        Who states it, and of what.
    """

    area: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Template:
    """A circuit that can be made by name.

    Parameters
    ----------
    name : str
        Name on the command line.
    build : callable
        ``build()`` makes the circuit with default values; its docstring describes it.
    references : tuple of str
        DOIs or addresses of the sources.
    footprint : Footprint, optional
        Area of one of them, where a source states it.
    """

    name: str
    build: Callable[..., Circuit]
    references: tuple[str, ...]
    footprint: Footprint | None = None
