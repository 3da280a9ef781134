"""Libraries that only some formats need."""

import importlib
from types import ModuleType

from memjax.errors import ReaderError


def library(name: str, *, where: str) -> ModuleType:
    """A library that the extra ``files`` installs.

    Parameters
    ----------
    name : str
        Name of the module.
    where : str
        File that needs it, for the message.

    Raises
    ------
    ReaderError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ReaderError(
            f"the format needs the library {name.partition('.')[0]}, which is not installed",
            where=where, fix="pip install memjax[files]",
        ) from None  # fmt: skip
