"""Circuits around devices."""

from .bench import (
    LIMITS as LIMITS,
    UNLIMITED as UNLIMITED,
    Bench as Bench,
    BenchedDevice as BenchedDevice,
    limited_bench as limited_bench,
)
from .build_system import (
    build_system as build_system,
    model_of as model_of,
    replace_values as replace_values,
)
from .circuit import (
    OWN as OWN,
    PARASITIC as PARASITIC,
    Circuit as Circuit,
    drive_branch as drive_branch,
)
from .elements import (
    AbstractConductor as AbstractConductor,
    AbstractElement as AbstractElement,
    Capacitor as Capacitor,
    CurrentLimiter as CurrentLimiter,
    CurrentSource as CurrentSource,
    Mosfet as Mosfet,
    Resistor as Resistor,
    VoltageSource as VoltageSource,
)
from .limiter import soft_limit as soft_limit
from .power import energies as energies, energy_per_spike as energy_per_spike, powers as powers
from .stacked import StackedCircuit as StackedCircuit, stack_circuit as stack_circuit
from .template import Footprint as Footprint, Template as Template
