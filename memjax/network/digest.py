"""Digests of networks and of what is traced of them: equal contents, equal words."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

_ADDRESS = b" at 0x"
"""What a representation holds where it is of one object of this process, whose address may be another's later."""


class Digest:
    """SHA-256 of values and of all that they hold.

    Attributes
    ----------
    lasting : bool
        Whether no value was described by its address in memory.
    """

    def __init__(self):
        self._sum, self.lasting = hashlib.sha256(), True

    def add(self, x: Any) -> "Digest":
        """Add a value, and all that it holds."""
        if isinstance(x, eqx.Module):
            dynamic, static = eqx.partition(x, eqx.is_array)
            self._text(f"{jax.tree.structure(static)}{jax.tree.leaves(static)}")
            self.add(jax.tree.leaves(dynamic))
        elif is_dataclass(x):
            self.add({f.name: getattr(x, f.name) for f in fields(x)})
        elif isinstance(x, Mapping):
            for key, value in x.items():
                self._text(f"{key}:")
                self.add(value)
        elif isinstance(x, list | tuple):
            self._text(f"{len(x)}[")
            for value in x:
                self.add(value)
        elif isinstance(x, np.ndarray | jax.Array):
            array = np.ascontiguousarray(x)
            self._text(f"{array.shape}{array.dtype}")
            self._sum.update(array.data)
        else:
            self._text(repr(x))
        return self

    def _text(self, text: str) -> None:
        """Add a text."""
        content = text.encode()
        self.lasting = self.lasting and _ADDRESS not in content
        self._sum.update(content)

    def word(self) -> str:
        """The digest so far, in hexadecimal."""
        return self._sum.hexdigest()
