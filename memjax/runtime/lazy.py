"""Names of a package that are imported when they are used: a start pays for what it does, and not for JAX."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def _homes(stub: Path) -> dict[str, str]:
    """Module of the package, by name, that each name of a stub comes from; empty for a module itself."""
    rows = ast.parse(stub.read_text(encoding="utf-8")).body
    imports = [row for row in rows if isinstance(row, ast.ImportFrom)]
    return {name.name: row.module or "" for row in imports for name in row.names}


class _Package(ModuleType):
    """A package whose stub offers a name that is a module of it, too."""

    def __setattr__(self, name: str, value: Any) -> None:
        # What imports a module binds it in its package, in the place of a function of that name.
        hidden = isinstance(value, ModuleType) and value.__name__ == f"{self.__name__}.{name}"
        if not (hidden and self.__dict__["_homes"].get(name)):
            ModuleType.__setattr__(self, name, value)


def attach(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package, whose names are those of its ``__init__.pyi``.

    Parameters
    ----------
    package : str
        Its ``__name__``. Beside it lies the stub that type checkers read: ``from .room import name as name``.

    Returns
    -------
    getter, lister : callable
        A name is imported at its first use, and so is a module of the package.
    """
    module: Any = sys.modules[package]
    stub = Path(module.__file__).with_suffix(".pyi")
    vars(module)["_homes"] = homes = _homes(stub)
    module.__class__ = _Package

    def getter(name: str) -> Any:
        home = homes.get(name)
        if home is None and (name.startswith("_") or find_spec(f"{package}.{name}") is None):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = import_module(f"{package}.{home or name}")
        if home:
            try:
                value = getattr(value, name)
            except AttributeError:  # a module of that room
                value = import_module(f"{package}.{home}.{name}")
        module.__dict__[name] = value
        return value

    def lister() -> list[str]:
        inner = (m.name for m in iter_modules(module.__path__) if not m.name.startswith("_"))
        return sorted({*module.__dict__, *homes, *inner})

    return getter, lister


def deferred(target: str) -> Callable[..., Any]:
    """A function of a module that is imported at the first call.

    Parameters
    ----------
    target : str
        As an entry point has it: ``package.module:function``.
    """
    module, _, name = target.partition(":")

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **options)

    return call


def deferred_functions(module: str, *names: str, prefix: str = "") -> dict[str, Any]:
    """Functions of a module by their names without `prefix`, each as `deferred`."""
    return {n: deferred(f"{module}:{prefix}{n}") for n in names}
