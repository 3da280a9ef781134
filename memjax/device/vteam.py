"""VTEAM: a voltage-controlled memristor with thresholds."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractOhmicDevice
from .laws import bound, safe_power, stop_at_bounds

_EDGE = 1e-3
"""Distance from an edge over which the state's motion ends."""

_RATE = (0.0, 1e12)


class Vteam(AbstractOhmicDevice):
    r"""Non-volatile memristor with threshold voltages; `x` is 0 at R_on and 1 at R_off.

    Notes
    -----
    .. math::

        \dot x &= k_{off}\,(V/v_{off} - 1)^{a_{off}} \text{ above } v_{off} > 0, \qquad -k_{on}\,(V/
        v_{on} - 1)^{a_{on}} \text{ below } v_{on} < 0, \qquad \text{else } 0 \\ R &= R_{on} +
        (R_{off} - R_{on})\,x \text{ ("linear")}, \qquad R_{on}(R_{off}/R_{on})^x \text{
        ("exponential")}

    The window is 1 inside, and the motion ends over the last 1e-3 of the range. x is the published
    :math:`(w - w_{on})/(w_{off} - w_{on})`. Defaults illustrate. Passive, and pinched at 0 V.

    References
    ----------
    .. [1] S. Kvatinsky et al., IEEE Trans. Circuits Syst. II 62, 786 (2015),
       doi:10.1109/TCSII.2015.2433536
    """

    k_off: Float[Array, ""] = param(
        1e3, unit="1/s", bounds=_RATE, symbol="k_{off}", doc="Rate towards R_off."
    )
    k_on: Float[Array, ""] = param(
        1e3, unit="1/s", bounds=_RATE, symbol="k_{on}", doc="Rate towards R_on."
    )
    v_off: Float[Array, ""] = param(
        0.3, unit="V", bounds=(1e-2, 10.0), symbol="v_{off}", doc="Threshold towards R_off."
    )
    v_on: Float[Array, ""] = param(
        -0.3, unit="V", bounds=(-10.0, -1e-2), symbol="v_{on}", doc="Threshold towards R_on."
    )
    a_off: Float[Array, ""] = param(
        3.0,
        unit="1",
        bounds=(1.0, 6.0),
        symbol="a_{off}",
        doc="Power of the overdrive, towards R_off.",
    )
    a_on: Float[Array, ""] = param(
        3.0,
        unit="1",
        bounds=(1.0, 6.0),
        symbol="a_{on}",
        doc="Power of the overdrive, towards R_on.",
    )
    r_on: Float[Array, ""] = param(
        1e3, unit="ohm", bounds=(1.0, 1e12), symbol="R_{on}", doc="Lowest resistance."
    )
    r_off: Float[Array, ""] = param(
        3e5, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Highest resistance."
    )
    x0: Float[Array, ""] = param(
        1.0, unit="1", bounds=(0.0, 1.0), symbol="x_0", doc="State at the start."
    )
    conduction: str = setting(
        "linear", allowed=("linear", "exponential"), doc="How the resistance depends on the state."
    )

    name: ClassVar[str] = "vteam"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (-1,)
    resets_at: ClassVar[tuple[int, ...]] = (1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1109/TCSII.2015.2433536",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="0 at R_on, 1 at R_off."),
    )

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, v, env):
        up = self.k_off * safe_power(v / self.v_off - 1, self.a_off)
        down = self.k_on * safe_power(v / self.v_on - 1, self.a_on)
        return {"x": stop_at_bounds(up - down, state["x"], 0.0, 1.0, _EDGE)}

    def resistance(self, state, v, env):
        x = bound(state["x"], 0.0, 1.0)
        if self.conduction == "linear":
            return self.r_on * (1 - x) + self.r_off * x
        return jnp.exp(jnp.log(self.r_on) * (1 - x) + jnp.log(self.r_off) * x)
