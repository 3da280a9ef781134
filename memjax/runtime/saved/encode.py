"""An object as JSON and arrays."""

import dataclasses
import enum
import math
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import ModelError
from .names import name_of


class Encoder:
    """Writes objects as JSON; arrays go into a list. What occurs twice is written once.

    Attributes
    ----------
    arrays : list of np.ndarray
        The arrays, in the order in which the JSON numbers them.
    """

    def __init__(self):
        self.arrays: list[np.ndarray] = []
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []  # an id is unique only while its object lives

    def encode(self, value: Any, where: str) -> Any:
        """JSON of a value; `where` is its place in the whole, for errors.

        Raises
        ------
        ModelError
            If it holds something that has no saved form: a local function, an open file, ...
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, enum.Enum):
            return {"enum": self._name(type(value), where), "member": value.name}
        if isinstance(value, jax.Array | np.ndarray | np.generic):
            return self._array(value, where)
        if isinstance(value, list):
            return [self.encode(x, f"{where}[{k}]") for k, x in enumerate(value)]
        if type(value) is tuple:
            return {"tuple": self.encode(list(value), where)}
        if isinstance(value, type | FunctionType):
            return {"name": self._name(value, where)}
        if dataclasses.is_dataclass(value):
            return self._object(value, where)
        if isinstance(value, Mapping):
            pairs = [
                [self.encode(k, where), self.encode(x, f"{where}[{k!r}]")] for k, x in value.items()
            ]
            return {"dict": pairs}
        if isinstance(value, complex):
            return {"complex": [self.encode(value.real, where), self.encode(value.imag, where)]}
        if isinstance(value, Path):
            return {"path": str(value)}
        raise _no_form(value, where)

    def _name(self, thing: Any, where: str) -> str:
        name = name_of(thing)
        if name is None:
            raise _no_form(thing, where)
        return name

    def _object(self, value: Any, where: str) -> Any:
        """A dataclass, which Equinox modules are, field by field."""
        if id(value) in self._numbers:
            return {"again": self._numbers[id(value)]}
        number = self._numbers[id(value)] = len(self._numbers)
        self._alive.append(value)
        kind = type(value)
        # A class of the user's own is named by its module, and loaded by being given to `load`.
        name = name_of(kind) or f"{kind.__module__}:{kind.__qualname__}"
        content = {
            f.name: self.encode(getattr(value, f.name), f"{where}.{f.name}")
            for f in dataclasses.fields(value)
            if hasattr(value, f.name)
        }
        return {"class": name, "number": number, "fields": content}

    def _array(self, value: Any, where: str) -> dict:
        """A number in the list of arrays, and what kind of array it is."""
        description: dict[str, Any] = {}
        if isinstance(value, jax.Array):
            description["jax"] = True
            if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
                description["key"] = str(jax.random.key_impl(value))
                value = jax.random.key_data(value)
            elif value.weak_type:
                description["weak"] = True
        elif isinstance(value, np.generic):
            description["scalar"] = True
        array = np.asarray(value)
        if array.dtype.hasobject or array.dtype.fields is not None or array.dtype.kind == "V":
            raise _no_form(value, where)
        self.arrays.append(array)
        return {"array": len(self.arrays) - 1} | description


def _no_form(value: Any, where: str) -> ModelError:
    label = getattr(value, "__qualname__", None) or type(value).__name__
    return ModelError(
        f"{label} has no saved form",
        where=where,
        allowed="numbers, text, arrays, lists, tuples, dictionaries, dataclasses, named classes and functions",
    )
