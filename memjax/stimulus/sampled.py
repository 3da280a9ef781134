"""A waveform given by samples: a staircase, or straight lines between them."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import StimulusError
from .base import AbstractStimulus


class Sampled(AbstractStimulus):
    """A measured or tabulated waveform.

    Parameters
    ----------
    times : Float[Array, "points"]
        Ascending times [s].
    values : Float[Array, "points"]
        Values there [V or A].
    kind : {"linear", "staircase"}
        Straight lines between the points, or value k held from time k until time k + 1.
    quantity : {"voltage", "current"}
        What is imposed.

    Notes
    -----
    Before the first and after the last point the nearest value holds.
    """

    times: Float[Array | np.ndarray, " points"]
    values: Float[Array | np.ndarray, " points"]
    kind: str = eqx.field(static=True, default="linear")
    quantity: str = eqx.field(static=True, default="voltage")

    def __check_init__(self):
        if self.kind not in ("linear", "staircase"):
            raise StimulusError(f"kind {self.kind!r}", allowed="linear, staircase")
        if not isinstance(self.times, np.ndarray) or self.times.ndim != 1:
            return
        if self.times.shape != np.shape(self.values) or len(self.times) < 1:
            raise StimulusError(
                "times and values differ in length", allowed="one value per time, at least one"
            )
        finite = np.all(np.isfinite(self.times)) and np.all(np.isfinite(self.values))
        if not finite or not np.all(np.diff(self.times) > 0):
            raise StimulusError(
                "times that do not increase, or values that are no numbers", allowed="t_s ascending"
            )

    def __call__(self, t):
        """See `AbstractStimulus`."""
        times, values = jnp.asarray(self.times), jnp.asarray(self.values)
        if self.kind == "linear":
            return jnp.interp(t, times, values)
        k = jnp.searchsorted(times, t, side="right", method="scan_unrolled") - 1
        return values[jnp.clip(k, 0, times.shape[0] - 1)]

    def breakpoints(self):
        """See `AbstractStimulus`."""
        return self.times

    @property
    def duration(self):
        """See `AbstractStimulus`."""
        return float(self.times[-1])


def staircase(
    values: Float[np.ndarray, " points"] | Sequence[float],
    point_time: float,
    *,
    quantity: str = "voltage",
) -> Sampled:
    """Waveform of an instrument that holds each value for `point_time` [s]; value k from k to k + 1 times that."""
    if not point_time > 0:
        raise StimulusError(f"a point time of {point_time} s", allowed="> 0 s")
    values = np.asarray(values, float)
    return Sampled(np.arange(len(values)) * point_time, values, "staircase", quantity)
