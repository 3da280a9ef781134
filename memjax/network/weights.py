"""Weights that are devices: conductances of memristors, of circuits or programmed by pulses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NetworkError
from ..runtime.copies import copy_arrays
from ..synapse import Pulsed, PulseNoise
from .checks import is_number, require, require_texts


@dataclass(frozen=True, kw_only=True)
class ConductanceOf:
    """Weights read off the circuits of a group, one circuit per edge, whose states go on by themselves.

    The synapse of one diffusive and one drift memristor is such a circuit: spikes of both neurons drive its two
    ports by projections of their own, and what a spike delivers is the conductance that its drift memristor has.

    Parameters
    ----------
    group : str
        Name of the group; its circuit k belongs to edge k.
    element : str
        The device whose conductance it is.
    scale : float
        Weight per conductance [unit of the receptor / S].
    reference : float
        Conductance of weight 0 [S].
    read_voltage : float
        At which it is read [V].
    """

    group: str
    element: str
    scale: float
    reference: float = 0.0
    read_voltage: float = 0.1

    def __post_init__(self):
        where = "ConductanceOf"
        require_texts(where, group=self.group, element=self.element)
        for name in ("scale", "reference", "read_voltage"):
            x = getattr(self, name)
            require(is_number(x), name, x, where=where, allowed="a finite number")
        fine = self.read_voltage != 0
        require(
            fine, "read_voltage", self.read_voltage, where=where, allowed="a voltage that is not 0"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftWeights:
    r"""Weights that are conductances of drift memristors, programmed by pulses when both neurons fire.

    Parameters
    ----------
    pulsed : Pulsed
        The device and its set and reset pulses, as `fitting.PulseProblem` finds them.
    scale : float
        Weight per conductance [unit of the receptor / S].
    reference : float
        Conductance of weight 0 [S].
    noise : PulseNoise, optional
        What is random about each pulse, from the same fit; each device has numbers of its own. Its spread
        between cycles and its read noise have no place here.
    set_window, reset_window : float
        Longest time from an arrival to a spike of its target for a set pulse, and from a spike of the target to an
        arrival for a reset pulse [s]; 0 for none.
    start : float or Float[np.ndarray, "edges"], optional
        First state of the devices at the beginning [SI]; at rest by default.

    Notes
    -----
    An arrival at :math:`t_a` pairs with the last spike of its target before it, a spike at :math:`t_b` with the last
    arrival at each of the neuron's synapses before it (nearest neighbours). Pulses are applied at the end of the
    exchange interval, resets first; what arrives in the next one meets the new weights. The time that pulses take
    does not delay anything.
    """

    pulsed: Pulsed
    scale: float
    reference: float = 0.0
    noise: PulseNoise | None = None
    set_window: float = 0.0
    reset_window: float = 0.0
    start: Any = None

    def __post_init__(self):
        copy_arrays(self, "start")
        windows = (self.set_window, self.reset_window)
        if not all(np.isfinite(w) and w >= 0 for w in windows):
            raise NetworkError(f"windows {windows} s", where="DriftWeights", allowed=">= 0 s")
