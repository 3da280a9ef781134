"""The device, its drive and when it is looked at: switches at rest for 3 s, then under a voltage step for 3 s."""

import math

import numpy as np

import memjax as mj
from memjax.core.constants import BOLTZMANN_EV, ROOM_TEMPERATURE

SLOW, FAST = 1 / 9, 1.0
"""Rates of a switch against and along the voltage [1/s]: a share of 0.1 is on at rest, of 0.9 under the step."""

STEP, END = 3.0, 6.0
"""When the voltage steps up, and the end [s]."""

ROWS = np.concatenate(
    [np.linspace(0.25, STEP, 12), np.linspace(3.025, 5.0, 80), np.linspace(5.25, END, 4)]
)
"""When the switches are counted [s]: finely where a threshold is passed."""

SHOWN = np.array([0, 3, 7, 11, 15, 23, 39, 91, 95])
"""Rows whose moments are tested: 0.25, 1, 2, 3, 3.1, 3.3, 3.7, 5 and 6 s."""

REST, ON = 11, 95
"""The last row at rest, and the last under the step."""

_PUSH = BOLTZMANN_EV * ROOM_TEMPERATURE * math.log(FAST / SLOW)
"""Voltage that lowers one barrier to 0 and lifts the other to twice `v_a` [V]."""


def device(n: int, form: str, *, fed_back: bool = False) -> mj.EventSwitches:
    """Switches with constant rates at a constant voltage; or with volatility and heat that act on the rates.

    Parameters
    ----------
    n : int
        Number of switches.
    form : {"events", "langevin"}
        Of the equations.
    fed_back : bool
        Whether volatility (time constant 1 s) and Joule heat (0.2 s; up to 50 K, by the switches that
        are on) change the rates; without, every switch is independent of the others.
    """
    feel = {"v_a": _PUSH, "factor": 5.0, "tau": 1.0, "c_th": 5e-8, "r_th": 4e6, "g_step": 1e-3 / n}
    free = {"v_a": _PUSH / 2, "factor": 0.0, "c_th": 1e-3, "g_step": 1e-12, "g_par": 1e-12}
    common = {"n": n, "form": form, "v_off": -_PUSH}
    return mj.params.replace(mj.EventSwitches(), common | (feel if fed_back else free))


def drive() -> mj.Sampled:
    """0 V, then the step."""
    return mj.staircase(np.array([0.0, 2 * _PUSH]), STEP)


def chance(t: np.ndarray) -> np.ndarray:
    """Probability that an independent switch is on at `t` [s], off at 0 s."""
    total, rest = SLOW + FAST, SLOW / (SLOW + FAST)
    before = rest * -np.expm1(-total * np.minimum(t, STEP))
    return np.where(
        t <= STEP, before, (1 - rest) + (before - 1 + rest) * np.exp(-total * (t - STEP))
    )
