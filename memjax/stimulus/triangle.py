"""Triangle sweep: 0 -> +a -> 0 -> -b -> 0, repeated."""

import numpy as np

from ..errors import StimulusError
from .sampled import Sampled


def triangle_sweep(
    amplitude: float,
    rate: float,
    *,
    negative: float | None = None,
    cycles: int = 1,
    quantity: str = "voltage",
) -> Sampled:
    """Linear sweep 0 -> amplitude -> 0, and on to -negative -> 0 where that is given.

    Parameters
    ----------
    amplitude : float
        First peak [V or A]; its sign gives the polarity.
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
    if not rate > 0 or cycles < 1 or amplitude == 0:
        raise StimulusError(
            f"amplitude {amplitude}, rate {rate}, {cycles} cycles",
            allowed="amplitude other than 0, rate > 0, cycles >= 1",
        )
    one = [amplitude, 0.0] + (
        [] if negative is None else [-np.sign(amplitude) * abs(negative), 0.0]
    )
    values = np.concatenate([[0.0], np.tile(one, cycles)])
    times = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(values)) / rate)])
    return Sampled(times, values, "linear", quantity)
