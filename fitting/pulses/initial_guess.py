"""Which parameters of a model a curve of conductance against pulses tells, and where a search for them begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from memjax.core.params import get
from memjax.data import PulseProtocol
from memjax.device import AbstractDevice
from memjax.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a curve looks like.

    Parameters
    ----------
    low, high, start : float
        Smallest, largest and first conductance [S].
    rates : tuple of two float
        Share of the range by which a set, and a reset pulse, moves at first [1].
    protocol : PulseProtocol
        The pulses.
    """

    low: float
    high: float
    start: float
    rates: tuple[float, float]
    protocol: PulseProtocol

    @property
    def span(self) -> float:
        """Range of the conductance [S]."""
        return self.high - self.low

    def on(self, x0: float, x1: float) -> tuple[float, float]:
        """Conductances at the states 0 and 1 [S], where the curve lies between the states x0 and x1."""
        slope = self.span / (x1 - x0)
        off = max(self.low - slope * x0, 0.02 * self.low)
        return off, off + slope

    def state(self, x0: float, x1: float) -> float:
        """State of the first conductance, where the curve lies between the states x0 and x1."""
        return x0 + (x1 - x0) * (self.start - self.low) / self.span

    def within(self, margin: float) -> dict[str, float]:
        """Resistances [ohm] of the ends of the state a little beyond those of the curve."""
        return {"r_on": margin / self.high, "r_off": 1 / (margin * self.low)}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is fitted to a curve.

    Parameters
    ----------
    starts : callable
        ``starts(device, look)``: what is fitted, and values at which the search begins.
    rates : tuple of str
        Parameters that may differ from cycle to cycle.
    ties : Mapping
        Parameters that follow a free one.
    reversed : bool
        Whether the model sets at a negative voltage.
    """

    starts: Callable[[AbstractDevice, Look], list[dict[str, float]]]
    rates: tuple[str, ...] = ()
    ties: Mapping[str, str] = field(default_factory=dict)
    reversed: bool = False


def _yakopcic(device: Any, look: Look) -> list[dict[str, float]]:
    """Windows that narrow early or late, in a wide or a narrow range of states."""
    read, widths = look.protocol.read_voltage, look.protocol.widths
    sinh = np.sinh(float(device.b) * read)
    over = np.exp(np.abs(look.protocol.voltages)) - np.exp([float(device.v_p), float(device.v_n)])
    starts = []
    # How far the state moves is not to be seen in a curve of conductances: three ranges, and windows that suit them.
    for x0, x1, alpha_p, alpha_n, x_p, x_n in (
        (0.1, 0.8, 3.0, 2.0, 0.1, 0.5),
        (0.1, 0.4, 8.0, 6.0, 0.1, 0.6),
        (0.05, 0.9, 1.0, 0.5, 0.05, 0.1),
    ):
        off, on = look.on(x0, x1)
        mid = (x0 + x1) / 2
        # What the model's windows leave of the rates in the middle of the range.
        slowed = [
            np.exp(-alpha_p * max(mid - x_p, 0.0)) * min((1 - mid) / (1 - x_p), 1.0),
            np.exp(alpha_n * min(mid + x_n - 1, 0.0)) * min(mid / (1 - x_n), 1.0),
        ]
        rates = (x1 - x0) * np.asarray(look.rates) / widths / np.maximum(over, 1e-3)
        a_p, a_n = rates / slowed
        windows = {"alpha_p": alpha_p, "alpha_n": alpha_n, "x_p": x_p, "x_n": x_n}
        values = {"a1": on * read / sinh, "a_off": off * read / sinh, "a_p": a_p, "a_n": a_n}
        starts.append(values | windows | {"x0": look.state(x0, x1)})
    return starts


def _mms(device: Any, look: Look) -> list[dict[str, float]]:
    """Two exponentials: the slower polarity is held back by its voltage of switching."""
    rate = np.asarray(look.rates) / look.protocol.widths
    slow, thermal = int(np.argmin(rate)), 0.02585
    # A rate is logistic in the voltage over kT/q: what the slower one is of the faster one tells its voltage.
    share = np.clip(rate[slow] / rate[1 - slow], 1e-6, 0.5)
    threshold = abs(look.protocol.voltages[slow]) - thermal * np.log(share / (1 - share))
    name, tau = ("v_on", "v_off")[slow], 1 / rate[1 - slow]
    starts = []
    for x0, x1 in ((0.1, 0.9), (0.03, 0.97)):
        off, on = look.on(x0, x1)
        values = {"r_on": 1 / on, "r_off": 1 / off, "tau": tau, "x0": look.state(x0, x1)}
        starts.append(values | {name: float(threshold)})
    return starts


def _vteam(device: Any, look: Look) -> list[dict[str, float]]:
    """Constant rates in the resistance; positive voltage resets."""
    (v_set, v_reset), widths = look.protocol.voltages, look.protocol.widths
    over_on = (abs(v_set) / abs(float(device.v_on)) - 1) ** float(device.a_on)
    over_off = (abs(v_reset) / float(device.v_off) - 1) ** float(device.a_off)
    pulses = 100.0  # as if so many took the state through its whole range
    k_on, k_off = 1 / (pulses * widths[0] * over_on), 1 / (pulses * widths[1] * over_off)
    return [{"k_on": k_on, "k_off": k_off, **look.within(m), "x0": 0.9} for m in (0.95, 0.8)]


def _linear_drift(device: Any, look: Look) -> list[dict[str, float]]:
    """Drift by the current, under the model's window."""
    volts, widths = np.abs(look.protocol.voltages), np.asarray(look.protocol.widths)
    mobility = float(np.mean(np.asarray(look.rates) / (volts * widths))) * float(device.d) ** 2
    pairs = ((0.9, 1.0), (0.7, 3.0), (0.5, 0.3))
    return [look.within(m) | {"mobility": mobility * more, "x0": 0.1} for m, more in pairs]


RECIPES: dict[str, Recipe] = {
    "yakopcic": Recipe(starts=_yakopcic, rates=("a_p", "a_n", "a1"), ties={"a2": "a1"}),
    "mms": Recipe(starts=_mms, rates=("tau", "r_on")),
    "vteam": Recipe(starts=_vteam, rates=("k_on", "k_off", "r_on"), reversed=True),
    "linear-drift": Recipe(starts=_linear_drift, rates=("mobility", "r_on")),
}
"""Models that come with one; any other is fitted from its own values, in the parameters that are named."""


def recipe_of(device: AbstractDevice, free: tuple[str, ...] | None) -> Recipe:
    """The recipe of a model, or one that begins at the device's own values.

    Raises
    ------
    DataError
        For a model without a recipe where no parameters are named.
    """
    if recipe := RECIPES.get(device.name):
        return recipe
    if not free:
        what, allowed = f"no recipe for the model {device.name!r}", ", ".join(RECIPES)
        fix = "name the parameters to fit (--free), their start with --fix, --params or --preset"
        raise DataError(what, where="a fit to conductances per pulse", allowed=allowed, fix=fix)
    values = {n: float(get(device, n)) for n in free}
    return Recipe(starts=lambda device, look: [values])


def look_at(curve: np.ndarray, kinds: np.ndarray, protocol: PulseProtocol) -> Look:
    """What a mean curve looks like."""
    # Over five pulses: noise from one to the next would widen the range.
    smooth = np.convolve(np.pad(curve, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    low, high = float(np.min(smooth)), float(np.max(smooth))
    rates = []
    for kind in (0, 1):
        # The first ones only, before the curve saturates.
        steps = np.flatnonzero(kinds == kind)[:20]
        moved = abs(float(smooth[steps[-1] + 1] - smooth[steps[0]])) if len(steps) else 0.0
        rates.append(max(moved / (high - low) / max(len(steps), 1), 1e-4))
    return Look(
        low=low, high=high, start=float(smooth[0]), rates=(rates[0], rates[1]), protocol=protocol
    )
