"""Crossbars: arrays of cells between real wires, which are read, written and trained by differentiable solves."""

from .array import Crossbar as Crossbar
from .converters import Converters as Converters
from .faults import Faults as Faults, draw_cells as draw_cells
from .linear import CellRange as CellRange, Linear as Linear
from .motion import conductances_of as conductances_of, states_at as states_at
from .programmed import Miss as Miss, Programmed as Programmed
from .pulses import Pulses as Pulses
from .reading import Power as Power, Reading as Reading
from .retention import Retention as Retention
from .transients import Transient as Transient, transient as transient
from .wires import Wires as Wires
from .writing import WriteNoise as WriteNoise, program as program
