"""Arguments that look right and are not: words in place of flags, text in place of numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import BoundsError


def check_flags(flags: Mapping[str, Any], *, where: str) -> None:
    """Raise `BoundsError` unless each flag is a bool of Python or numpy: the word "False" counts as true elsewhere.

    Parameters
    ----------
    flags : mapping of str to bool
        Values by the names of the arguments; an argument that may be None stands here where it is not.
    where : str
        Whose arguments they are, for the error.
    """
    for name, x in flags.items():
        if not isinstance(x, bool | np.bool_):
            raise BoundsError(f"{name} = {x!r:.60}", where=where, allowed="True or False")


def as_flag(x: Any) -> Any:
    """A flag of numpy as one of Python, which fields of modules that are no arrays want; anything else as it is."""
    return bool(x) if isinstance(x, np.bool_) else x


def is_text(x: Any) -> bool:
    """Whether this is text, or holds some: numpy would read the numbers in it."""
    if isinstance(x, str | bytes):
        return True
    if isinstance(x, list | tuple):
        return any(map(is_text, x))
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "SU" or (x.dtype.kind == "O" and any(map(is_text, x.ravel())))
    return False
