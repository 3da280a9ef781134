"""Device models: equations in SI, one model per file."""

from .ag_filament import AgFilament as AgFilament
from .algebra import (
    AbstractTwoTerminal as AbstractTwoTerminal,
    Parallel as Parallel,
    Series as Series,
)
from .and_ts import AndThresholdSwitch as AndThresholdSwitch
from .base import AbstractDevice as AbstractDevice, AbstractOhmicDevice as AbstractOhmicDevice
from .corrected import with_corrections as with_corrections
from .diffusive import DiffusiveMemristor as DiffusiveMemristor
from .diffusive_1m1t1r import Diffusive1M1T1R as Diffusive1M1T1R
from .diffusive_spice import DiffusiveSpice as DiffusiveSpice
from .drift import DriftMemristor as DriftMemristor
from .ecm import Ecm as Ecm
from .event_switches import EventSwitches as EventSwitches
from .hybrid import HybridDevice as HybridDevice
from .jart_vcm import JartVcm as JartVcm
from .langevin import LangevinMemristor as LangevinMemristor
from .langevin_chain import LangevinChain as LangevinChain
from .linear_drift import LinearIonDrift as LinearIonDrift
from .mms import MetastableSwitches as MetastableSwitches
from .registry import device_class as device_class, device_names as device_names
from .second_order import SecondOrderDiffusive as SecondOrderDiffusive
from .stanford_pku import StanfordPKU as StanfordPKU
from .threshold_switch import ThresholdSwitch as ThresholdSwitch
from .vteam import Vteam as Vteam
from .yakopcic import Yakopcic as Yakopcic
