"""Synapses: ready circuits, and what is done to them."""

from ..circuit import Template
from .diffusive_drift import DIFFUSIVE_DRIFT, diffusive_drift as diffusive_drift
from .protocols import (
    Spike as Spike,
    Train as Train,
    conductance as conductance,
    retention as retention,
    srdp as srdp,
    stdp as stdp,
    train as train,
)
from .pulsed import (
    Pulsed as Pulsed,
    PulseNoise as PulseNoise,
    simulate_pulses as simulate_pulses,
)

TEMPLATES: tuple[Template, ...] = (DIFFUSIVE_DRIFT,)
"""The synapses that have a name on the command line."""
