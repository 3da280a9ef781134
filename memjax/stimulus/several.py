"""Several sources at once."""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax.numpy as jnp

from ..errors import StimulusError
from .base import AbstractStimulus, ascending, latest


class Drives(AbstractStimulus):
    """The waveforms of several driven sources of a circuit.

    Parameters
    ----------
    drives : mapping of str to AbstractStimulus
        Waveform of each source, by its name.

    Notes
    -----
    The value is a vector, one component per source.
    """

    parts: tuple[AbstractStimulus, ...]
    names: tuple[str, ...] = eqx.field(static=True)
    quantity: str = eqx.field(static=True)

    def __init__(self, drives: Mapping[str, AbstractStimulus]):
        """Take the stimuli by name."""
        fine = isinstance(drives, Mapping) and all(
            isinstance(d, AbstractStimulus) for d in drives.values()
        )
        if not (drives and fine):
            raise StimulusError(
                f"drives {drives!r:.80}" if drives else "no drives",
                where="Drives",
                allowed="a dict of one stimulus per driven source",
            )
        self.names, self.parts = tuple(drives), tuple(drives.values())
        self.quantity = ", ".join(p.quantity for p in self.parts)

    def __call__(self, t):
        return jnp.stack([jnp.asarray(p(t), jnp.result_type(t)) for p in self.parts])

    def breakpoints(self):
        return ascending([p.breakpoints() for p in self.parts])

    def zeros(self):
        return jnp.sort(jnp.concatenate([p.zeros() for p in self.parts]))

    @property
    def duration(self):
        return latest([p.duration for p in self.parts])

    def in_order_of(self, names: Sequence[str]) -> "Drives":
        """The same drives in another order.

        Raises
        ------
        StimulusError
            For a missing name, or a name that no source has.
        """
        if sorted(names) != sorted(self.names):
            raise StimulusError(
                f"drives of {', '.join(self.names)}", allowed=f"one for each of {', '.join(names)}"
            )
        return Drives({n: self.parts[self.names.index(n)] for n in names})
