"""A ready circuit under a name."""

from collections.abc import Callable
from dataclasses import dataclass

from .circuit import Circuit


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
    """

    name: str
    build: Callable[..., Circuit]
    references: tuple[str, ...]
