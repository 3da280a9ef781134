"""Devices and circuits by the name that the command line uses."""

import inspect

from .circuit import Circuit, Footprint, Template
from .device import AbstractDevice, device_class, device_names
from .errors import ModelError
from .neuron import TEMPLATES as NEURONS
from .runtime.model_names import physics_of
from .synapse import TEMPLATES as SYNAPSES

CIRCUITS: dict[str, Template] = {t.name: t for t in (*NEURONS, *SYNAPSES)}
"""The ready circuits by name."""


def model_names() -> list[str]:
    """Names of all device models and ready circuits."""
    return [*device_names(), *CIRCUITS]


def model(name: str) -> AbstractDevice | Circuit:
    """A device or ready circuit with its default values; of ``NAME+hybrid`` a device with learned corrections.

    Raises
    ------
    ModelError
        If there is none of that name; it lists those that exist.
    """
    if isinstance(name, str) and name in CIRCUITS:
        return CIRCUITS[name].build().named(name)
    if not isinstance(name, str) or (physics_of(name) or name) not in device_names():
        raise ModelError(
            f"unknown model {name!r}", allowed=", ".join(model_names()), fix="see 'memjax models'"
        )
    return device_class(name)()


def documentation(name: str) -> tuple[str, tuple[str, ...]]:
    """Description and references of a model."""
    if name in CIRCUITS:
        template = CIRCUITS[name]
        return inspect.getdoc(template.build) or "", template.references
    cls = device_class(name)
    return inspect.getdoc(cls) or "", cls.references


def footprint(name: str) -> Footprint | None:
    """Area of one circuit of that model as a source states it; None where none was found.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    if name in CIRCUITS:
        return CIRCUITS[name].footprint
    model(name)
    return None
