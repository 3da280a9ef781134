"""Device models by the name that the command line uses; third parties add theirs by entry point."""

from importlib.metadata import entry_points

from ..errors import ModelError
from .base import AbstractDevice
from .diffusive import DiffusiveMemristor

_BUILT_IN: tuple[type[AbstractDevice], ...] = (DiffusiveMemristor,)


def _classes() -> dict[str, type[AbstractDevice]]:
    """Every model by name; built-in ones win."""
    found = {e.name: e for e in entry_points(group="memjax.devices")}
    third = {name: e.load() for name, e in found.items()}
    return third | {c.name: c for c in _BUILT_IN}


def device_names() -> list[str]:
    """Names of the device models, built in and registered under the entry point group ``memjax.devices``."""
    return list(_classes())


def device_class(name: str) -> type[AbstractDevice]:
    """The device model of that name.

    Raises
    ------
    ModelError
        If there is none; it lists those that exist.
    """
    classes = _classes()
    if name not in classes:
        raise ModelError(
            f"unknown model {name!r}", allowed=", ".join(classes), fix="see 'memjax models'"
        )
    return classes[name]
