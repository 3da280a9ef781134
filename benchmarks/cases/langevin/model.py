"""The circuit of the recipes, in order-one units: device, bench, drives, steps."""

import math

import numpy as np

import memjax as mj
from memjax.core.constants import ROOM_TEMPERATURE
from memjax.solver import SemiImplicitEuler

DT = 1e-4
"""Step of the recipes."""

V_TOP = 40.0
"""Top of the ramps."""


def device(noise: float = 0.0, heat_capacity: float = math.inf) -> mj.LangevinMemristor:
    """The particle with D = `noise`, heated where its heat capacity is finite.

    The recipes measure temperature in units of the ambient one.
    """
    heating = ROOM_TEMPERATURE / heat_capacity
    return mj.params.replace(mj.LangevinMemristor(), {"d": noise, "heating": heating})


def bench(r_ext: float, tau: float) -> mj.Bench:
    """Series resistance, and the capacitance that makes tau = R_ext C."""
    return mj.Bench(series_resistance=r_ext, parallel_capacitance=tau / r_ext)


def held(v: float, duration: float) -> mj.Sampled:
    """`v` from the start on; device at rest, node uncharged."""
    return mj.Sampled(np.array([0.0, duration]), np.array([v, v]))


def ramp(leg: float) -> mj.Sampled:
    """0 to 40 within `leg`, and back."""
    return mj.Sampled(np.array([0.0, leg, 2 * leg]), np.array([0.0, V_TOP, 0.0]))


def lowered(high: float, v: float, duration: float) -> mj.Sampled:
    """Start on the low-resistance branch: `high` for 15, down to `v` + 0.5 within 20, the rest within 0.5."""
    times = np.array([0.0, 15.0, 35.0, 35.5, duration])
    return mj.Sampled(times, np.array([high, high, v + 0.5, v, v]))


def steps(dt: float = DT) -> mj.Fixed:
    """Fixed steps: the node implicit, the particle explicit."""
    return mj.Fixed(dt=dt, method=SemiImplicitEuler())
