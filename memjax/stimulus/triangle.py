"""Triangle sweep: 0 -> +a -> 0 -> -b -> 0, repeated."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..errors import StimulusError
from ..runtime.arguments import NumberSpec, as_integer, holds, is_traced
from .base import Number
from .sampled import Sampled


def triangle_sweep(
    amplitude: Number,
    rate: Number,
    *,
    negative: Number | None = None,
    cycles: int = 1,
    quantity: str = "voltage",
) -> Sampled:
    """Linear sweep 0 -> amplitude -> 0, and on to -negative -> 0 where that is given.

    Parameters
    ----------
    amplitude : float
        First peak [V or A]; its sign gives the polarity. This and the two below may be traced: corners
        and duration then are too, and `simulate` wants known rows, ``save=np.array([...])``.
    rate : float
        Sweep rate [V/s or A/s], positive.
    negative : float, optional
        Height of the second peak, of the other polarity.
    cycles : int
        Number of repetitions.
    quantity : {"voltage", "current"}
        What is imposed.

    Returns
    -------
    Sampled
        Corners joined by straight lines.

    Raises
    ------
    StimulusError
        For a rate or number of cycles that is not positive, or an amplitude of zero.
    """
    high = 0.0 if negative is None else negative
    for name, x, sign in (
        ("amplitude", amplitude, ""),
        ("rate", rate, ">"),
        ("negative", high, ""),
    ):
        spec = NumberSpec("V or A", StimulusError, "triangle_sweep", sign)
        spec.check_single(name, x)
        spec.check_known(name, x)
    cycles = as_integer("cycles", cycles, where="triangle_sweep", error=StimulusError, lowest=1)
    any_traced = any(is_traced(x) for x in (amplitude, rate, negative))
    if not holds(lambda a: a != 0, amplitude):
        raise StimulusError("an amplitude of 0", where="triangle_sweep", allowed="another one")
    xp: Any = jnp if any_traced else np
    return_leg = [] if negative is None else [-xp.sign(amplitude) * abs(negative), 0.0]
    corners = [amplitude, 0.0, *return_leg]
    values = xp.stack([xp.asarray(x, xp.result_type(float)) for x in [0.0, *(corners * cycles)]])
    steps = xp.abs(xp.diff(values)) / rate
    times = xp.concatenate([xp.zeros_like(values[:1]), xp.cumsum(steps)])
    return Sampled(times, values, "linear", quantity)
