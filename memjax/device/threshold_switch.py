"""Hysteretic switch of the circuit literature: thresholds and nothing else."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractOhmicDevice
from .laws import bound


class ThresholdSwitch(AbstractOhmicDevice):
    r"""Hysteretic switch without ion dynamics: on above a switching voltage, off below a hold voltage.

    Notes
    -----
    .. math::

        \dot x = \frac{1}{\tau}\Big[S\Big(\frac{|V| - V_{th} + (V_{th} - V_{hold})\,x}{w}\Big) -
        x\Big], \qquad \frac1R = \frac{x}{R_{on}} + \frac{1 - x}{R_{off}}

    with S the logistic function: the ideal switch with two thresholds as w and :math:`\tau` go to 0,
    the baseline that most circuit papers use. Its threshold falls while it switches, so that it
    switches whole behind any resistance. It has no published parameters. Passive, and pinched at 0 V.

    References
    ----------
    .. [1] L. Gao et al., Appl. Phys. Lett. 111, 103503 (2017), doi:10.1063/1.4991917 (a neuron with
       such a switch)
    """

    v_th: Float[Array, ""] = param(
        0.3, unit="V", bounds=(1e-3, 100.0), symbol="V_{th}", doc="Switching voltage."
    )
    v_hold: Float[Array, ""] = param(
        0.1, unit="V", bounds=(1e-3, 100.0), symbol="V_{hold}", doc="Hold voltage."
    )
    r_on: Float[Array, ""] = param(
        1e4, unit="ohm", bounds=(1.0, 1e9), symbol="R_{on}", doc="Resistance when on."
    )
    r_off: Float[Array, ""] = param(
        1e10, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Resistance when off."
    )
    tau: Float[Array, ""] = param(
        1e-6, unit="s", bounds=(1e-12, 10.0), symbol=r"\tau", doc="Time of switching."
    )
    w: Float[Array, ""] = param(
        1e-3, unit="V", bounds=(1e-4, 10.0), symbol="w", doc="Sharpness of the thresholds."
    )

    name: ClassVar[str] = "threshold-switch"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1, -1)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1063/1.4991917",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="1 when on, 0 when off."),
    )

    def initial(self, env):
        return {"x": jnp.zeros_like(self.tau)}

    def drift(self, t, state, v, env):
        x, size = state["x"], jnp.abs(v)
        threshold = self.v_th - (self.v_th - self.v_hold) * bound(x, 0.0, 1.0)
        return {"x": (jax.nn.sigmoid((size - threshold) / self.w) - x) / self.tau}

    def resistance(self, state, v, env):
        x = bound(state["x"], 0.0, 1.0)
        return 1 / (x / self.r_on + (1 - x) / self.r_off)
