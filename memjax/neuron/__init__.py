"""Neurons: ready circuits."""

from ..circuit import Template
from .cascade import CASCADE, cascade as cascade
from .current_oscillator import CURRENT_OSCILLATOR, current_oscillator as current_oscillator
from .dpi import DPI_NEURON, dpi_neuron as dpi_neuron
from .integrate_and_fire import INTEGRATE_AND_FIRE, integrate_and_fire as integrate_and_fire
from .langevin import LANGEVIN_NEURON, langevin_neuron as langevin_neuron
from .one_memristor import ONE_MEMRISTOR, one_memristor as one_memristor
from .relaxation_oscillator import (
    RELAXATION_OSCILLATOR,
    relaxation_oscillator as relaxation_oscillator,
)
from .stl import STL_NEURON, stl_neuron as stl_neuron
from .threshold_switch import (
    THRESHOLD_SWITCH_NEURON,
    threshold_switch_neuron as threshold_switch_neuron,
)

TEMPLATES: tuple[Template, ...] = (
    ONE_MEMRISTOR,
    CASCADE,
    INTEGRATE_AND_FIRE,
    RELAXATION_OSCILLATOR,
    CURRENT_OSCILLATOR,
    LANGEVIN_NEURON,
    STL_NEURON,
    THRESHOLD_SWITCH_NEURON,
    DPI_NEURON,
)
"""The neurons that have a name on the command line."""
