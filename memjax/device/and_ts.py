"""Smooth threshold switch of silver nanodots in hafnia."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractDevice
from .laws import bound

# Equations do not change if thresholds of the polarities change places: bounds say which is which.
_POSITIVE, _NEGATIVE = (0.0, 100.0), (-100.0, 0.0)
_LEAK = 1e-3
"""Voltage over which the leakage sets in [V]."""

_LEAST = 1e-4
"""Scale of the state: below the threshold a share of 1e-9 carries as much as the published leakage."""


class AndThresholdSwitch(AbstractDevice):
    r"""Smooth threshold switch with one state `x`: set and reset rates are sigmoids of the voltage.

    Notes
    -----
    .. math::

        \dot x &= S(\beta_S)\,\alpha_S(x)/\tau_S - [1 - S(\beta_R)]\,\alpha_R(x)/\tau_R, \qquad S(y) =
        1/(1 + e^{-y}) \\ \beta_S &= (V - V_{th+})(V - V_{th-})/V_S^2, \qquad \beta_R = (V -
        V_{h+})(V - V_{h-})/V_R^2 \\ \alpha_S &= [1 - e^{-(ax + d_S)}](1 - x) + [1 - e^{-a(1 - x)}]\,x
        \\ \alpha_R &= [1 - e^{-ax}](1 - x) + [1 - e^{-(a(1 - x) + d_R)}]\,x \\ I &= Vx/R_{on\pm} +
        I_{lk}\tanh(V/1\,\mathrm{mV})

    The published leakage has the sign of V; here it sets in over a millivolt, so that the current is
    pinched and continuous. Published spread from cycle to cycle, normal: V_th+ 0.294 +- 0.038 V, V_h+
    around 0.08 V, negative branch 0.01 V. Passive.

    References
    ----------
    .. [1] V. Ostrovskii et al., Neurocomputing 624, 129454 (2025), doi:10.1016/j.neucom.2025.129454
       (text read in https://github.com/DamirAhm/diplom)
    """

    tau_s: Float[Array, ""] = param(
        1.2e-7, unit="s", bounds=(1e-12, 1e3), symbol=r"\tau_S", doc="Time constant of set."
    )
    tau_r: Float[Array, ""] = param(
        1.3e-7, unit="s", bounds=(1e-12, 1e3), symbol=r"\tau_R", doc="Time constant of reset."
    )
    a: Float[Array, ""] = param(
        2.0, unit="1", bounds=(1e-2, 50.0), symbol="a", doc="Steepness of the approach to the ends."
    )
    d_s: Float[Array, ""] = param(
        0.05, unit="1", bounds=(1e-6, 10.0), symbol="d_S", doc="Start of set from the off state."
    )
    d_r: Float[Array, ""] = param(
        0.5, unit="1", bounds=(1e-6, 10.0), symbol="d_R", doc="Start of reset from the on state."
    )
    v_s: Float[Array, ""] = param(
        0.0099, unit="V", bounds=(1e-4, 10.0), symbol="V_S", doc="Sharpness of the threshold."
    )
    v_r: Float[Array, ""] = param(
        0.0175, unit="V", bounds=(1e-4, 10.0), symbol="V_R", doc="Sharpness of the hold voltage."
    )
    v_th: Float[Array, ""] = param(
        0.267, unit="V", bounds=_POSITIVE, symbol="V_{th+}", doc="Threshold at positive voltage."
    )
    v_h: Float[Array, ""] = param(
        0.08, unit="V", bounds=_POSITIVE, symbol="V_{h+}", doc="Hold voltage at positive voltage."
    )
    v_th_neg: Float[Array, ""] = param(
        -0.119, unit="V", bounds=_NEGATIVE, symbol="V_{th-}", doc="Threshold at negative voltage."
    )
    v_h_neg: Float[Array, ""] = param(
        -0.006, unit="V", bounds=_NEGATIVE, symbol="V_{h-}", doc="Hold voltage at negative voltage."
    )
    r_on: Float[Array, ""] = param(
        806.0,
        unit="ohm",
        bounds=(1.0, 1e12),
        symbol="R_{on+}",
        doc="On resistance at positive voltage.",
    )
    r_on_neg: Float[Array, ""] = param(
        1434.0,
        unit="ohm",
        bounds=(1.0, 1e12),
        symbol="R_{on-}",
        doc="On resistance at negative voltage.",
    )
    i_lk: Float[Array, ""] = param(
        1e-12, unit="A", bounds=(0.0, 0.1), symbol="I_{lk}", doc="Leakage."
    )

    name: ClassVar[str] = "and-ts"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1, -1)
    has_sides: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1016/j.neucom.2025.129454",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state(
            "x", unit="1", scale=_LEAST, bounds=(0.0, 1.0), doc="Share of the dots that conduct."
        ),
    )

    def initial(self, env):
        return {"x": jnp.zeros_like(self.a)}

    def drift(self, t, state, v, env):
        # Stages of a step may lie beyond 0 and 1, where the exponentials would run away.
        x = jnp.clip(state["x"], -0.1, 1.1)
        to_set = (v - self.v_th) * (v - self.v_th_neg) / self.v_s**2
        to_hold = (v - self.v_h) * (v - self.v_h_neg) / self.v_r**2

        def approach(y):
            return -jnp.expm1(-y)

        up = approach(self.a * x + self.d_s) * (1 - x) + approach(self.a * (1 - x)) * x
        down = approach(self.a * x) * (1 - x) + approach(self.a * (1 - x) + self.d_r) * x
        return {
            "x": jax.nn.sigmoid(to_set) * up / self.tau_s
            - jax.nn.sigmoid(-to_hold) * down / self.tau_r
        }

    def current(self, t, state, v, env):
        on = jnp.where(v < 0, self.r_on_neg, self.r_on)
        return v * bound(state["x"], 0.0, 1.0) / on + self.i_lk * jnp.tanh(v / _LEAK)
