"""An object out of JSON and arrays."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import ModelError
from .names import find_by_name


class Decoder:
    """Makes objects of what an `Encoder` wrote.

    Parameters
    ----------
    arrays : sequence of np.ndarray
        The arrays of the file.
    classes : tuple
        Classes of the caller's own.
    where : str
        The file, for errors.
    single_precision : bool
        Whether numbers of 64 bits may be cut to 32 where JAX has no others.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        classes: tuple[Any, ...],
        where: str,
        single_precision: bool,
    ):
        self._arrays, self._classes, self._where = arrays, classes, where
        self._single_precision = single_precision
        self._objects: dict[int, Any] = {}
        self._forms = {
            "float": float,
            "complex": lambda parts: complex(*map(self.decode, parts)),
            "tuple": lambda items: tuple(self.decode(items)),
            "dict": lambda pairs: {self.decode(k): self.decode(x) for k, x in pairs},
            "name": self._find,
            "path": Path,
            "again": lambda number: self._objects[number],
        }

    def decode(self, value: Any) -> Any:
        """The value that stands for a piece of JSON.

        Raises
        ------
        ModelError
            If a class is unknown, or its fields are others.
        """
        if isinstance(value, list):
            return [self.decode(x) for x in value]
        if not isinstance(value, dict):
            return value
        if "array" in value:
            return self._array(value)
        if "class" in value:
            return self._object(value)
        if "enum" in value:
            return self._find(value["enum"])[value["member"]]
        ((form, content),) = value.items()
        return self._forms[form](content)

    def _find(self, name: str) -> Any:
        return find_by_name(name, self._classes, self._where)

    def _array(self, value: dict) -> Any:
        array = self._arrays[value["array"]]
        if value.get("scalar"):
            return array[()]
        if not value.get("jax"):
            return array
        if "key" in value:
            return jax.random.wrap_key_data(jnp.asarray(array), impl=value["key"])
        if value.get("weak") and array.ndim == 0:
            # A weak type is that of a Python number, which gives way to the precision of others.
            return jnp.asarray(array.item())
        narrow = jax.dtypes.canonicalize_dtype(array.dtype)
        if narrow != array.dtype and not self._single_precision:
            raise ModelError(
                f"an array of {array.dtype}, which JAX would cut to {narrow}",
                where=self._where,
                fix='jax.config.update("jax_enable_x64", True) first, or load(path, single_precision=True)',
            )
        return jnp.asarray(array.astype(narrow))

    def _object(self, value: dict) -> Any:
        """A dataclass with these fields, and those it has gained since with their defaults."""
        kind = self._find(value["class"])
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            raise ModelError(f"{value['class']!r} is no class with fields", where=self._where)
        fields = {f.name: f for f in dataclasses.fields(kind)}
        unknown = sorted(set(value["fields"]) - set(fields))
        if unknown:
            raise ModelError(
                f"{kind.__name__} has no {', '.join(unknown)}",
                where=self._where,
                allowed=", ".join(fields),
                fix="load it with the version of memjax that saved it",
            )
        # Not by calling the class: its constructor may compute fields from others, and would do so twice.
        instance = object.__new__(kind)
        self._objects[value["number"]] = instance
        for name, field in fields.items():
            if name in value["fields"]:
                object.__setattr__(instance, name, self.decode(value["fields"][name]))
            elif field.default is not dataclasses.MISSING:
                object.__setattr__(instance, name, field.default)
            elif field.default_factory is not dataclasses.MISSING:
                object.__setattr__(instance, name, field.default_factory())
            elif field.init:
                raise ModelError(
                    f"{kind.__name__} without {name}",
                    where=self._where,
                    fix="save it again with this version",
                )
        # Equinox checks an instance by every class of its line, a dataclass by its own alone.
        for base in kind.__mro__:
            if "__check_init__" in base.__dict__:
                base.__dict__["__check_init__"](instance)
        if "__post_init__" in kind.__dict__:
            kind.__dict__["__post_init__"](instance)
        return instance
