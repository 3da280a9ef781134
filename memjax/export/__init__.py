"""Models as subcircuits of SPICE and modules of Verilog-A: the equations are traced from the model itself."""

from .equations import Equations as Equations, device_equations as device_equations
from .parts import Assembly as Assembly, assemble as assemble, ports_of as ports_of
from .provenance import Provenance as Provenance
from .spice import LTSPICE as LTSPICE, NGSPICE as NGSPICE, netlist as netlist
from .targets import TARGETS as TARGETS, Target as Target
from .testbench import (
    Testbench as Testbench,
    default_step as default_step,
    triangle as triangle,
)
from .verilog_a import module as module
