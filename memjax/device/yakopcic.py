"""Yakopcic's memristor: sinh conduction, exponential thresholds."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractDevice
from .laws import bound, safe_exp, sinh_conduction

_VOLT = (1e-3, 10.0)
_CURVATURE = (1e-3, 50.0)


class Yakopcic(AbstractDevice):
    r"""Non-volatile memristor with sinh conduction, whose state `x` moves above exponential thresholds.

    Notes
    -----
    .. math::

        I &= a_{1,2}\,x\sinh(bV) + a_{off}\,(1 - x)\sinh(b_{off}V) \text{ (} a_1 \text{ at } V \ge
        0\text{)} \\ \dot x &= g(V)f(x), \qquad g = A_p(e^V -
        e^{V_p}) \text{ above } V_p, \quad -A_n(e^{-V} - e^{V_n}) \text{ below } -V_n \\
        f &= e^{-\alpha_p(x - x_p)}\Big(\frac{x_p - x}{1 - x_p} + 1\Big) \text{ for } x \ge x_p
        \text{ moving up}, \qquad e^{\alpha_n(x + x_n - 1)}\frac{x}{1 - x_n} \text{ for } x \le 1 - x_n
        \text{ moving down}, \text{ else } 1

    with V in volts. The first form has no off branch (:math:`a_{off}` = 0) and one b; each of a, b,
    :math:`a_{off}`, :math:`b_{off}` may differ by polarity, as in the later form with two branches [2]_. Passive,
    and pinched at 0 V.

    References
    ----------
    .. [1] C. Yakopcic et al., IEEE Electron Device Lett. 32, 1436 (2011), doi:10.1109/LED.2011.2163292
    .. [2] https://github.com/thomastiotto/Memristor-Models (the defaults; two branches of conduction)
    """

    a1: Float[Array, ""] = param(
        0.17, unit="A", bounds=(1e-15, 10.0), symbol="a_1", doc="Conduction at positive voltage."
    )
    a2: Float[Array, ""] = param(
        0.17, unit="A", bounds=(1e-15, 10.0), symbol="a_2", doc="Conduction at negative voltage."
    )
    b: Float[Array, ""] = param(
        0.05, unit="1/V", bounds=_CURVATURE, symbol="b", doc="Curvature of the conduction."
    )
    b_neg: Float[Array, ""] | None = param(
        None, unit="1/V", bounds=_CURVATURE, follows="b", symbol="b^-", doc="At negative voltage."
    )
    a_off: Float[Array, ""] = param(
        0.0, unit="A", bounds=(0.0, 10.0), symbol="a_{off}", doc="Conduction when off."
    )
    a_off_neg: Float[Array, ""] | None = param(
        None,
        unit="A",
        bounds=(0.0, 10.0),
        follows="a_off",
        symbol="a_{off}^-",
        doc="Conduction when off, at negative voltage.",
    )
    b_off: Float[Array, ""] | None = param(
        None,
        unit="1/V",
        bounds=_CURVATURE,
        follows="b",
        symbol="b_{off}",
        doc="Curvature of the conduction when off.",
    )
    b_off_neg: Float[Array, ""] | None = param(
        None,
        unit="1/V",
        bounds=_CURVATURE,
        follows="b_off",
        symbol="b_{off}^-",
        doc="Curvature of the conduction when off, at negative voltage.",
    )
    a_p: Float[Array, ""] = param(
        4e3, unit="1/s", bounds=(0.0, 1e12), symbol="A_p", doc="Rate of set."
    )
    a_n: Float[Array, ""] = param(
        4e3, unit="1/s", bounds=(0.0, 1e12), symbol="A_n", doc="Rate of reset."
    )
    v_p: Float[Array, ""] = param(
        0.16, unit="V", bounds=_VOLT, symbol="V_p", doc="Threshold of set."
    )
    v_n: Float[Array, ""] = param(
        0.15, unit="V", bounds=_VOLT, symbol="V_n", doc="Threshold of reset, as a modulus."
    )
    alpha_p: Float[Array, ""] = param(
        1.0, unit="1", bounds=(0.0, 50.0), symbol=r"\alpha_p", doc="Slowing down of set."
    )
    alpha_n: Float[Array, ""] = param(
        5.0, unit="1", bounds=(0.0, 50.0), symbol=r"\alpha_n", doc="Slowing down of reset."
    )
    x_p: Float[Array, ""] = param(
        0.3, unit="1", bounds=(0.0, 0.99), symbol="x_p", doc="State above which set slows down."
    )
    x_n: Float[Array, ""] = param(
        0.5,
        unit="1",
        bounds=(0.0, 0.99),
        symbol="x_n",
        doc="1 - x_n: state below which reset does.",
    )
    x0: Float[Array, ""] = param(
        0.01, unit="1", bounds=(0.0, 1.0), symbol="x_0", doc="State at the start."
    )

    name: ClassVar[str] = "yakopcic"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = True
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = (
        "doi:10.1109/LED.2011.2163292",
        "https://github.com/thomastiotto/Memristor-Models",
    )
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="0 when off, 1 when on."),
    )

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, v, env):
        # Stages of a step may lie beyond 0 and 1, where the exponentials would run away.
        x = jnp.clip(state["x"], -0.1, 1.1)
        up = self.a_p * jnp.maximum(safe_exp(v) - jnp.exp(self.v_p), 0.0)
        down = self.a_n * jnp.maximum(safe_exp(-v) - jnp.exp(self.v_n), 0.0)
        rising = jnp.exp(-self.alpha_p * jnp.maximum(x - self.x_p, 0.0))
        rising = rising * jnp.minimum((1 - x) / (1 - self.x_p), 1.0)
        falling = jnp.exp(self.alpha_n * jnp.minimum(x + self.x_n - 1, 0.0))
        falling = falling * jnp.minimum(x / (1 - self.x_n), 1.0)
        return {"x": up * rising - down * falling}

    def current(self, t, state, v, env):
        x = bound(state["x"], 0.0, 1.0)
        a, off = jnp.where(v < 0, self.a2, self.a1), self._by_polarity("a_off", v) * (1 - x)
        b_off = self.b if self.b_off is None else self.b_off
        if self.b_off_neg is not None:
            b_off = jnp.where(v < 0, self.b_off_neg, b_off)
        on = sinh_conduction(v, 1 / self._by_polarity("b", v), a * x)
        return on + sinh_conduction(v, 1 / b_off, off)
