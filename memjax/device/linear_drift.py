"""Linear ion drift with window functions."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractOhmicDevice
from .laws import bound, stop_at_bounds, window

_EDGE = 1e-3
"""Distance from an edge over which drift without a window ends."""


class LinearIonDrift(AbstractOhmicDevice):
    r"""Non-volatile memristor of linear ion drift, a doped share `x` of its thickness, with a choice of window.

    Notes
    -----
    .. math::

        \dot x = \frac{\mu_v R_{on}}{D^2}\,I\,F(x, I), \qquad R = R_{on}x + R_{off}(1 - x)

    `window`: "none" (F = 1, ended over the last 1e-3), "joglekar" :math:`1 - (2x - 1)^{2p}`, "biolek"
    :math:`1 - (x - [I < 0])^{2p}`, "prodromakis" :math:`1 - [(x - 1/2)^2 + 3/4]^p`. Under Joglekar's
    and Prodromakis's windows a state at an edge stays there. Defaults illustrate. Passive, and
    pinched at 0 V.

    References
    ----------
    .. [1] D. B. Strukov et al., Nature 453, 80 (2008), doi:10.1038/nature06932
    .. [2] Y. N. Joglekar, S. J. Wolf, Eur. J. Phys. 30, 661 (2009), doi:10.1088/0143-0807/30/4/001
    .. [3] Z. Biolek, D. Biolek, V. Biolkova, Radioengineering 18, 210 (2009)
    .. [4] T. Prodromakis et al., IEEE Trans. Electron Devices 58, 3099 (2011),
       doi:10.1109/TED.2011.2158004
    """

    mobility: Float[Array, ""] = param(
        1e-14, unit="m^2/(V s)", bounds=(1e-20, 1e-6), symbol=r"\mu_v", doc="Mobility of the ions."
    )
    d: Float[Array, ""] = param(1e-8, unit="m", bounds=(1e-10, 1e-5), symbol="D", doc="Thickness.")
    r_on: Float[Array, ""] = param(
        100.0, unit="ohm", bounds=(1.0, 1e12), symbol="R_{on}", doc="Resistance when all is doped."
    )
    r_off: Float[Array, ""] = param(
        1.6e4, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Resistance when nothing is."
    )
    x0: Float[Array, ""] = param(
        0.1, unit="1", bounds=(0.0, 1.0), symbol="x_0", doc="Doped share at the start."
    )
    window: str = setting(
        "joglekar",
        allowed=("none", "joglekar", "biolek", "prodromakis"),
        doc="Window function.",
    )
    p: int = setting(2, allowed=range(1, 21), symbol="p", doc="Power of the window.")

    name: ClassVar[str] = "linear-drift"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1038/nature06932",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Doped share of the thickness."),
    )

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, v, env):
        x = jnp.clip(state["x"], -0.1, 1.1)
        # r_on over resistance first: squares of lengths in metres are small numbers.
        share = v * (self.r_on / self._resistance(x))
        rate = (self.mobility / self.d) * (share / self.d) * window(self.window, x, v, self.p)
        return {"x": stop_at_bounds(rate, x, 0.0, 1.0, _EDGE) if self.window == "none" else rate}

    def _resistance(self, x: Float[Array, ""]) -> Float[Array, ""]:
        """Resistance of a doped share [ohm]."""
        x = bound(x, 0.0, 1.0)
        return self.r_on * x + self.r_off * (1 - x)

    def resistance(self, state, v, env):
        return self._resistance(state["x"])
