"""A waveform given by samples: a staircase, or straight lines between them."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import StimulusError
from ..runtime.arguments import NumberSpec, holds, is_real, is_traced
from ..runtime.copies import copied
from ..runtime.flags import is_text
from .base import AbstractStimulus, Number, quantity_field


def _as_array(x: Any) -> Any:
    """An array of NumPy as a copy, and a list of numbers, known or traced, as an array."""
    if isinstance(x, list | tuple) and any(map(is_traced, x)):
        return jnp.stack([jnp.asarray(y, jnp.result_type(float)) for y in x])
    try:
        # What NumPy makes an array of, a series of pandas for example, too; numbers are not read from text.
        is_array = isinstance(x, np.ndarray | jax.Array | jax.core.Tracer)
        x = None if is_text(x) else copied(x) if is_array else np.array(x, float)
    except (TypeError, ValueError):
        x = None
    if not is_real(x):
        raise StimulusError(
            "samples that are no numbers", where="Sampled", allowed="one number per time"
        )
    if np.ndim(x) != 1:
        raise StimulusError(
            f"samples of shape {np.shape(x)}" if np.ndim(x) else "samples that are no arrays",
            where="Sampled",
            allowed="one value per time",
            fix="sweeps that differ are a sequence of stimuli: [mj.Sampled(t, v) for v in rows]",
        )
    return x


_LONGEST = 1e200
"""Time of a point that times its number is a number still [s]."""


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

    times: Float[Array | np.ndarray, " points"] = eqx.field(converter=_as_array)
    values: Float[Array | np.ndarray, " points"] = eqx.field(converter=_as_array)
    kind: str = eqx.field(static=True, default="linear")
    quantity: str = quantity_field()

    def __check_init__(self):
        if self.kind not in ("linear", "staircase"):
            raise StimulusError(f"kind {self.kind!r}", allowed="linear, staircase")
        shapes = np.shape(self.times), np.shape(self.values)
        if len(shapes[0]) == 1 and (shapes[0] != shapes[1] or not shapes[0][0]):
            raise StimulusError(
                "times and values differ in length", allowed="one value per time, at least one"
            )
        # Of several sweeps in one the times have a leading axis.
        finite = all(holds(np.isfinite, x) for x in (self.times, self.values))
        if not finite or not holds(lambda t: np.diff(t) > 0, self.times):
            raise StimulusError(
                "times that do not increase, or values that are no numbers", allowed="t_s ascending"
            )

    def __call__(self, t):
        times, values = jnp.asarray(self.times), jnp.asarray(self.values)
        if self.kind == "linear":
            return jnp.interp(t, times, values)
        k = jnp.searchsorted(times, t, side="right", method="scan_unrolled") - 1
        return values[jnp.clip(k, 0, times.shape[0] - 1)]

    def breakpoints(self):
        return self.times

    @property
    def duration(self):
        end = self.times[-1]
        return end if is_traced(end) else float(end)


def staircase(
    values: Float[np.ndarray | Array, " points"] | Sequence[Number],
    point_time: Number,
    *,
    quantity: str = "voltage",
) -> Sampled:
    """Waveform of an instrument that holds each value for `point_time` [s]; value k from k to k + 1 times that."""
    values = _as_array(values)
    NumberSpec("s", StimulusError, "staircase").check_single("point_time", point_time)
    if not holds(lambda t: (t > 0) & (t < _LONGEST), point_time):
        raise StimulusError(
            f"a point time of {point_time} s", allowed=f"above 0 and below {_LONGEST:g} s"
        )
    return Sampled(np.arange(len(values), dtype=float) * point_time, values, "staircase", quantity)
