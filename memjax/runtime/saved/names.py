"""Names of classes and functions in a saved file, and which of them a file may name."""

import functools
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from ...errors import ModelError

_GROUPS = ("memjax.devices", "memjax.readers", "memjax.fits", "memjax.commands")
_LIBRARIES = {"diffrax", "equinox", "lineax", "optimistix"}
"""Of these a fit holds solvers, controllers and adjoints; memjax has imported them already."""

_MOVED = {
    f"memjax.{name}": f"memjax.{room}.{name}"
    for room, names in {
        "core": ("fields", "params", "result", "scaling", "system", "transforms", "units", "watch"),
        "simulate": ("curve_loss", "policy"),
    }.items()
    for name in names
}
"""Modules that files of earlier versions name, and where these modules are now."""


def name_of(thing: Any) -> str | None:
    """``module:qualified name`` of a class or function that can be looked up again; None for a local or nameless one.

    Notes
    -----
    The module is the room that offers the thing (``memjax.circuit``), not the file in which it stands, so that a file
    outlives a move within a room.
    """
    module, qualname = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not module or not qualname:
        return None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if _look_up(path, qualname) is thing:
            return f"{path}:{qualname}"
    return None


def _look_up(module: str, qualname: str) -> Any:
    """Return the object of that name in a module; None if there is none."""
    try:
        thing: Any = import_module(module)
        for part in qualname.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError):
        return None
    return thing


@functools.cache
def _packages() -> set[str]:
    """Packages of which a file may name classes: importing a module runs its code."""
    # Looked for once: each look reads the metadata of all packages that are installed.
    every = entry_points()
    plugins = {p.value.split(":")[0].split(".")[0] for g in _GROUPS for p in every.select(group=g)}
    return {"memjax", "fitting"} | _LIBRARIES | plugins


def find_by_name(name: Any, classes: tuple[Any, ...], where: str) -> Any:
    """The class or function that a file names.

    Parameters
    ----------
    name : Any
        What the file says.
    classes : tuple
        Classes of the caller's own, which are taken by their names.
    where : str
        File and place, for the error.

    Raises
    ------
    ModelError
        If it is of a package that is neither memjax nor a plug-in of it, or does not exist.
    """
    for own_class in classes:
        if f"{own_class.__module__}:{own_class.__qualname__}" == name:
            return own_class
    module, _, qualname = name.partition(":") if isinstance(name, str) else ("", "", "")
    module = _MOVED.get(module, module)
    if module.split(".")[0] not in _packages():
        raise ModelError(
            f"a class {name!r} of a package that memjax does not know",
            where=where,
            allowed="memjax, fitting, and packages that offer entry points to memjax",
            fix="give your own classes: memjax.load(path, classes=(MyDevice,))",
        )
    thing = _look_up(module, qualname) if qualname else None
    # What a module has imported is not its own: memjax.runtime.files:os.system is found there, too.
    if thing is None or str(getattr(thing, "__module__", "")).split(".")[0] not in _packages():
        raise ModelError(
            f"{name!r} is not known",
            where=where,
            fix="update memjax, or the package that offers it",
        )
    return thing
