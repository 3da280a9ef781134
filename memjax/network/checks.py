"""What settings of a network have to be."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import NetworkError


def require(fine: bool, name: str, x: Any, *, where: str, allowed: str, fix: str = "") -> None:
    """Refuse a setting that is not fine.

    Raises
    ------
    NetworkError
        With its name and value.
    """
    if not fine:
        raise NetworkError(f"{name} = {x!r:.60}", where=where, allowed=allowed, fix=fix)


def are_finite(x: Any) -> bool:
    """Whether something is a finite number, or an array or a list of such."""
    try:
        return np.asarray(x).dtype.kind in "iuf" and bool(np.all(np.isfinite(x)))
    except (TypeError, ValueError):  # rows of different lengths, or what is traced
        return False


def is_number(x: Any) -> bool:
    """Whether something is one finite number."""
    return not isinstance(x, list | tuple | Mapping) and np.ndim(x) == 0 and are_finite(x)


def is_whole(x: Any) -> bool:
    """Whether something is a whole number that 63 bits hold."""
    return isinstance(x, int | np.integer) and not isinstance(x, bool) and abs(int(x)) < 2**63


def require_numbers(where: str, **settings: Any) -> None:
    """Refuse settings that are not one finite number each; None is for those that are not given."""
    for name, x in settings.items():
        require(x is None or is_number(x), name, x, where=where, allowed="a finite number")


def require_texts(where: str, **settings: Any) -> None:
    """Refuse settings that are no texts; None is for those that are not given."""
    for name, x in settings.items():
        require(x is None or isinstance(x, str), name, x, where=where, allowed="a text")


def require_kind(kind: type, where: str, **settings: Any) -> None:
    """Refuse settings that are not of a class."""
    for name, x in settings.items():
        require(isinstance(x, kind), name, x, where=where, allowed=f"a {kind.__name__}")
