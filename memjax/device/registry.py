"""Device models by the name that the command line uses; third parties add theirs by entry point."""

from importlib.metadata import entry_points

from ..errors import ModelError
from ..runtime.model_names import CORRECTED, physics_of
from .ag_filament import AgFilament
from .and_ts import AndThresholdSwitch
from .base import AbstractDevice
from .corrected import corrected_class
from .diffusive import DiffusiveMemristor
from .diffusive_1m1t1r import Diffusive1M1T1R
from .diffusive_spice import DiffusiveSpice
from .drift import DriftMemristor
from .ecm import Ecm
from .event_switches import EventSwitches
from .hybrid import HybridDevice
from .jart_vcm import JartVcm
from .langevin import LangevinMemristor
from .langevin_chain import LangevinChain
from .linear_drift import LinearIonDrift
from .mms import MetastableSwitches
from .second_order import SecondOrderDiffusive
from .stanford_pku import StanfordPKU
from .threshold_switch import ThresholdSwitch
from .vteam import Vteam
from .yakopcic import Yakopcic

BUILT_IN: tuple[type[AbstractDevice], ...] = (
    DiffusiveMemristor,
    DiffusiveSpice,
    LangevinMemristor,
    LangevinChain,
    AgFilament,
    SecondOrderDiffusive,
    AndThresholdSwitch,
    Diffusive1M1T1R,
    ThresholdSwitch,
    DriftMemristor,
    LinearIonDrift,
    Vteam,
    Yakopcic,
    StanfordPKU,
    JartVcm,
    MetastableSwitches,
    Ecm,
    EventSwitches,
    HybridDevice,
)
"""The models of this library."""


def _classes() -> dict[str, type[AbstractDevice]]:
    """Every model by name; built-in ones win."""
    points = {e.name: e for e in entry_points(group="memjax.devices")}
    third = {name: e.load() for name, e in points.items()}
    return third | {c.name: c for c in BUILT_IN}


def device_names() -> list[str]:
    """Names of the device models, built in and registered under the entry point group ``memjax.devices``."""
    return list(_classes())


def device_class(name: str) -> type[AbstractDevice]:
    """The device model of that name, or of a name with ``+hybrid``: with learned corrections.

    Raises
    ------
    ModelError
        If there is none; it lists those that exist.
    """
    classes = _classes()
    physics = physics_of(name) if isinstance(name, str) else None
    if physics in classes:
        return corrected_class(classes[physics])
    if not isinstance(name, str) or name not in classes:
        raise ModelError(
            f"unknown model {name!r}", allowed=", ".join(classes), fix="see 'memjax models'"
        )
    return classes[name]


def __getattr__(name: str) -> type[AbstractDevice]:
    """Classes of corrected devices, which are made when they are asked for."""
    if not name.endswith(CORRECTED):
        raise AttributeError(name)
    return device_class(name)
