"""What is integrated: a device on a bench, a branch behind a source, a circuit, or a system as it is."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.core
import numpy as np

from ..core import params
from ..core.fields import check_bounds, with_values
from ..core.system import AbstractSystem
from ..device import AbstractDevice, AbstractTwoTerminal
from ..errors import BoundsError, StimulusError
from .bench import LIMITS, Bench, BenchedDevice
from .circuit import Circuit, drive_branch


def build_system(
    model: AbstractDevice | AbstractTwoTerminal | AbstractSystem,
    bench: Bench | None,
    quantity: str,
) -> AbstractSystem:
    """The system that a model makes under a source.

    Parameters
    ----------
    model : AbstractDevice, branch of elements, Circuit or other AbstractSystem
        What is driven.
    bench : Bench or None
        Surroundings of a device; a circuit has its own.
    quantity : str
        What the stimulus imposes, by port where a circuit has several: "voltage, current".

    Returns
    -------
    AbstractSystem
        The device on its bench, the branch under its source, or the circuit itself.

    Raises
    ------
    StimulusError
        For a bench around anything but a device, or a source of another kind.
    """
    if isinstance(model, AbstractDevice):
        return BenchedDevice(model, bench or Bench(), quantity)
    if bench is not None and not bench.bare:
        raise StimulusError(
            f"a bench around a {type(model).__name__}",
            allowed="a device on a bench, or a circuit alone",
            fix="make its elements part of the circuit",
        )
    if isinstance(model, AbstractTwoTerminal):
        return drive_branch(model, quantity)
    if isinstance(model, Circuit) and quantity != ", ".join(model.quantities):
        ports = [f"{p}: {q}" for p, q in zip(model.ports, model.quantities, strict=True)]
        raise StimulusError(f"a stimulus of {quantity}", where="circuit", allowed=", ".join(ports))
    return model  # pyright: ignore[reportReturnType]


def model_of(system: AbstractSystem) -> Any:
    """Return the object that holds the parameters: the device of a bench, or the system itself."""
    return system.device if isinstance(system, BenchedDevice) else system


def replace_values(
    system: AbstractSystem, values: Mapping[str, Any], *, check: bool = False
) -> Any:
    """The system with other parameters of its device or elements, or limits of its bench."""
    has_limits = isinstance(system, BenchedDevice) and system.bench.compliance is not None
    limits = {n: x for n, x in values.items() if n in LIMITS} if has_limits else {}
    model = params.replace(
        model_of(system), {n: x for n, x in values.items() if n not in limits}, check=False
    )
    if check:
        check_bounds(model)
    if not isinstance(system, BenchedDevice):
        return model
    if limits:
        system = eqx.tree_at(
            lambda s: s.bench, system, _replace_limits(system.bench, limits, check)
        )
    return eqx.tree_at(
        lambda s: s.device, system, model, is_leaf=lambda x: isinstance(x, AbstractDevice)
    )


def _replace_limits(bench: Bench, limits: Mapping[str, Any], check: bool) -> Bench:
    """A bench with other limits of its source."""
    for name, x in limits.items():
        is_known = check and not isinstance(x, jax.core.Tracer)
        if is_known and not np.all(np.isfinite(x) & (np.asarray(x) > 0)):
            raise BoundsError(f"{name} = {x}", where="values", allowed="finite numbers > 0 A")
        if getattr(bench, name) is None:
            raise BoundsError(
                f"{name} in values, and none of the bench", where="values", allowed="limits that the bench has",
                fix=f"say mj.Bench({name}=...) too",
            )  # fmt: skip
    return with_values(bench, limits)
