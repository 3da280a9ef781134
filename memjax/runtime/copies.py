"""Arrays that an object takes are copied: what the caller does with a buffer afterwards is the caller's business."""

from typing import Any

import numpy as np


def copied(x: Any) -> Any:
    """Arrays of NumPy, in dicts, lists and tuples too, as copies; all else, arrays of JAX among it, as it is."""
    if isinstance(x, np.ndarray):
        return x.copy()
    if isinstance(x, dict):
        return {k: copied(y) for k, y in x.items()}
    return type(x)(map(copied, x)) if type(x) in (list, tuple) else x


def copy_arrays(instance: Any, *names: str) -> None:
    """Put copies in the place of arrays of NumPy in fields of a frozen dataclass that is being made."""
    for name in names:
        object.__setattr__(instance, name, copied(getattr(instance, name)))
