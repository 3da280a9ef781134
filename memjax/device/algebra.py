"""Series and parallel connection of two-terminal elements."""

import equinox as eqx

from ..errors import CircuitError


class AbstractTwoTerminal(eqx.Module):
    """An element of two terminals: ``a + b`` is a in series with b, ``a | b`` is a parallel to b.

    Notes
    -----
    The first terminal of a series is that of its first element. ``+`` binds tighter than ``|``.
    """

    def __add__(self, other: "AbstractTwoTerminal") -> "Series":
        return Series(_parts(Series, self) + _parts(Series, other))

    def __or__(self, other: "AbstractTwoTerminal") -> "Parallel":
        return Parallel(_parts(Parallel, self) + _parts(Parallel, other))


class Series(AbstractTwoTerminal):
    """Elements one after the other.

    Parameters
    ----------
    parts : tuple of AbstractTwoTerminal
        From the first terminal to the second.
    """

    parts: tuple[AbstractTwoTerminal, ...]

    def __repr__(self) -> str:
        return " + ".join(f"({p!r})" if isinstance(p, Parallel) else repr(p) for p in self.parts)


class Parallel(AbstractTwoTerminal):
    """Elements side by side.

    Parameters
    ----------
    parts : tuple of AbstractTwoTerminal
        All between the same terminals.
    """

    parts: tuple[AbstractTwoTerminal, ...]

    def __repr__(self) -> str:
        return " | ".join(f"({p!r})" if isinstance(p, Series) else repr(p) for p in self.parts)


def _parts(kind: type, branch: AbstractTwoTerminal) -> tuple[AbstractTwoTerminal, ...]:
    """The parts of a branch of one kind; of another kind it is one part."""
    if not isinstance(branch, AbstractTwoTerminal):
        raise CircuitError(
            f"a {type(branch).__name__} in a branch",
            allowed="elements and devices",
            fix="a resistance is mj.Resistor(ohms), a capacitance mj.Capacitor(farads)",
        )
    return branch.parts if isinstance(branch, kind) else (branch,)  # pyright: ignore[reportAttributeAccessIssue]
