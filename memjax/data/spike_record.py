"""Spike times of one train."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..runtime.copies import copy_arrays


@dataclass(frozen=True, kw_only=True)
class SpikeRecord:
    """When one device or neuron spiked.

    Parameters
    ----------
    label : str
        Which train.
    times : Float[np.ndarray, "spikes"]
        Times [s], increasing.
    reader, source, warnings
        See `memjax.data.PulseRecord`.
    """

    label: str
    times: Float[np.ndarray, " spikes"]
    reader: str = ""
    source: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        copy_arrays(self, "times")
