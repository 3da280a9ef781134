"""Diffusive memristor: filament, residue and area of Wang 2024."""

import math
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.params import is_none
from ..core.system import Diagonal, General
from .base import AbstractOhmicDevice
from .laws import bound, gap_ratio, nearest, normal_cdf, normal_pdf, safe_exp

_CLOSING_WIDTH = 1e-3
"""Gap, and excess area, over which a limit sets in (published: at f + r > 0.999999).

A growing gap passes it in microseconds. In a narrower layer an adaptive solve sees too late that
a closed channel opens.
"""

_LOCK_WIDTH = 1e-3
"""Excess area over which the lock of a closed filament lets go: a smooth step, so that its time has a gradient."""

_LARGE = 12.0
"""Excess area that no drive maintains, theta |V| / gamma3 would have to be e^24: exponentials go on straight
from there, so that no Newton iterate overflows.
"""

_THICKEST = 1e6
"""Area beyond which a channel conducts no better: noise that steps do not resolve can bring it anywhere."""

_RESOLUTION = 0.1
"""By which share of `r_on` the resistance of a closed channel may be uncertain in float32."""

_RATE = (0.0, 1e9)


def _rectified_moments(
    sigma: Float[Array, ""] | None, x: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and standard deviation of max(1 + s N, 0) for a standard normal N and s = sigma x; sigma None means 0."""
    if sigma is None:
        return jnp.ones_like(x), jnp.zeros_like(x)
    s = sigma * jnp.maximum(x, 0.0)
    # Below 0.1 the normal number is positive but for 1e-23: mean 1 and deviation s are exact.
    small = s < 0.1
    safe = jnp.where(small, 1.0, s)
    cdf, pdf = normal_cdf(1 / safe), normal_pdf(1 / safe)
    mean = cdf + safe * pdf
    variance = (1 + safe**2) * cdf + safe * pdf - mean**2
    return jnp.where(small, 1.0, mean), jnp.where(
        small, s, jnp.sqrt(jnp.where(small, 1.0, variance))
    )


class DiffusiveMemristor(AbstractOhmicDevice):
    r"""Volatile threshold switch whose filament `f` grows by ion drift, decays into a residue `r`, and thickens (`s`).

    Notes
    -----
    With :math:`x = f + r \le 1` (relative length of the conducting channel), gap :math:`1 - x`,
    device voltage V:

    .. math::

        \dot f &= G - L\,[\gamma_1\psi(\sigma_1 f) f + \beta f], \qquad \dot r = L\,[\beta f -
        \gamma_2\psi(\sigma_2 r) r] \\ G &= \min\{\mu|V|/(\alpha + 1 - x),\; L\,\gamma_1\psi f +
        L\,\gamma_2\psi r \text{ once closed}\} \\ \dot s &= \theta|V|e^{-(s-1)} \text{ once closed
        } - \gamma_3 e^{s-1},\; s \ge 1 \\ R &= R_{on}x/s^2 + R_{off}\,[e^{(1-x)/\lambda} -
        1]/[e^{1/\lambda} - 1]

    While :math:`s > 1` filament and residue are locked (L = 0); the lock lets go over an excess
    area of 1e-3. Growth into a closed gap is limited to what replaces the losses, over the last
    1e-3 of the gap, so that the drift is continuous and x cannot pass 1. This is the
    continuous-time form of the published split steps.

    Noise: the published code redraws :math:`\gamma_k \sim N(\gamma_k, \gamma_k\sigma_k x_k)` each
    time step and rectifies it, whose variance vanishes with the step. Its limit at a stated
    reference step :math:`\tau` is used instead: drift factor :math:`\psi` (mean of the rectified
    normal) and Ito amplitude :math:`\gamma_k x_k v(\sigma_k x_k)\sqrt\tau`, v its standard
    deviation; the published simulations have :math:`\tau` = 1 ms (DC), 10 us (pulse), 1 us
    (oscillator).

    Polarity: parameters ending in `_neg` hold at negative voltage and follow their namesake where
    they are not given. A one-sided device (published: max(V, 0) for \|V\|) has `mu_neg` =
    `theta_neg` = 0.

    Not claimed: activation energies (none are published), and memory between sweeps of a
    measurement.

    References
    ----------
    .. [1] T. Wang et al., IEEE Trans. Circuits Syst. Artif. Intell. 1, 141 (2024),
       doi:10.1109/TCASAI.2024.3484370
    """

    alpha: Float[Array, ""] = param(
        0.01,
        unit="1",
        bounds=(1e-4, 1.0),
        symbol=r"\alpha",
        doc="Gap left when the channel is closed.",
    )
    lam: Float[Array, ""] = param(
        0.8,
        unit="1",
        bounds=(0.02, 5.0),
        symbol=r"\lambda",
        doc="Decay length of the gap resistance.",
    )
    r_on: Float[Array, ""] = param(
        1.7e5,
        unit="ohm",
        bounds=(1.0, 1e9),
        symbol="R_{on}",
        doc="Resistance of the closed channel of area 1.",
    )
    beta: Float[Array, ""] = param(
        40.0,
        unit="1/s",
        bounds=_RATE,
        symbol=r"\beta",
        doc="Rate at which filament turns into residue.",
    )
    mu: Float[Array, ""] = param(
        60.0, unit="1/(V s)", bounds=_RATE, symbol=r"\mu", doc="Growth of the filament by drift."
    )
    gamma1: Float[Array, ""] = param(
        60.0, unit="1/s", bounds=_RATE, symbol=r"\gamma_1", doc="Decay rate of the filament."
    )
    gamma2: Float[Array, ""] = param(
        40.0, unit="1/s", bounds=_RATE, symbol=r"\gamma_2", doc="Decay rate of the residue."
    )
    theta: Float[Array, ""] = param(
        100.0, unit="1/(V s)", bounds=_RATE, symbol=r"\theta", doc="Growth of the area by drift."
    )
    gamma3: Float[Array, ""] = param(
        10.0, unit="1/s", bounds=_RATE, symbol=r"\gamma_3", doc="Decay rate of the area."
    )
    r_off: Float[Array, ""] = param(
        1e11,
        unit="ohm",
        bounds=(1.0, 1e16),
        symbol="R_{off}",
        doc="Resistance of the fully open gap.",
    )
    mu_neg: Float[Array, ""] | None = param(
        None,
        unit="1/(V s)",
        bounds=_RATE,
        follows="mu",
        doc="mu at negative voltage; 0: one-sided.",
    )
    gamma1_neg: Float[Array, ""] | None = param(
        None, unit="1/s", bounds=_RATE, follows="gamma1", doc="gamma1 at negative voltage."
    )
    gamma2_neg: Float[Array, ""] | None = param(
        None, unit="1/s", bounds=_RATE, follows="gamma2", doc="gamma2 at negative voltage."
    )
    theta_neg: Float[Array, ""] | None = param(
        None,
        unit="1/(V s)",
        bounds=_RATE,
        follows="theta",
        doc="theta at negative voltage; 0: one-sided.",
    )
    gamma3_neg: Float[Array, ""] | None = param(
        None, unit="1/s", bounds=_RATE, follows="gamma3", doc="gamma3 at negative voltage."
    )
    r_off_neg: Float[Array, ""] | None = param(
        None, unit="ohm", bounds=(1.0, 1e16), follows="r_off", doc="r_off at negative voltage."
    )
    sigma1: Float[Array, ""] | None = param(
        0.0,
        unit="1",
        bounds=(0.0, 1e3),
        symbol=r"\sigma_1",
        noise=True,
        doc="Noise of gamma1 per unit of f.",
    )
    sigma2: Float[Array, ""] | None = param(
        0.0,
        unit="1",
        bounds=(0.0, 1e3),
        symbol=r"\sigma_2",
        noise=True,
        doc="Noise of gamma2 per unit of r.",
    )
    sigma3: Float[Array, ""] | None = param(
        0.0,
        unit="1",
        bounds=(0.0, 1e3),
        symbol=r"\sigma_3",
        noise=True,
        doc="Relative noise of gamma3.",
    )
    sigma_ion: Float[Array, ""] | None = param(
        0.0,
        unit="1/s^0.5",
        bounds=(0.0, 1e3),
        symbol=r"\sigma_i",
        noise=True,
        doc="Noise of the filament as ions hop across the gap.",
    )
    f_power: Float[Array, ""] = param(
        1.0, unit="1", bounds=(0.5, 3.0), symbol="p", doc="Power of the filament in its ion noise."
    )
    gap_power: Float[Array, ""] = param(
        1.0, unit="1", bounds=(0.5, 3.0), symbol="q", doc="Power of the gap in its ion noise."
    )
    t_ref: Float[Array, ""] = param(
        1e-3,
        unit="s",
        bounds=(1e-12, 10.0),
        symbol=r"\tau",
        doc="Time over which noise is drawn afresh.",
    )
    f0: Float[Array, ""] = param(
        0.0, unit="1", bounds=(0.0, 1.0), symbol="f_0", doc="Filament at rest."
    )
    r0: Float[Array, ""] = param(
        0.0, unit="1", bounds=(0.0, 1.0), symbol="r_0", doc="Residue at rest."
    )

    name: ClassVar[str] = "diffusive"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1, -1)
    has_sides: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    references: ClassVar[tuple[str, ...]] = ("doi:10.1109/TCASAI.2024.3484370",)
    single_precision: ClassVar[tuple[str, ...]] = ("DriftImplicitEuler",)
    states: ClassVar = (
        state("f", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Filament."),
        state("r", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Residue."),
        state(
            "s", unit="1", scale=1.0, bounds=(1.0, float("inf")), doc="Area of the closed channel."
        ),
    )

    @property
    def noise_structure(self):
        """Diagonal; but amplitudes feel another state where the area has noise, or ions hop across the gap."""
        return Diagonal if is_none(self.sigma3) and is_none(self.sigma_ion) else General

    def single_precision_flaw(self):
        """See `AbstractSystem`: the gap of a closed channel is what f and r leave of 1, to 6e-8 in float32."""
        off = np.asarray(self.r_off)
        off = off if self.r_off_neg is None else np.maximum(off, self.r_off_neg)
        lam, on = np.asarray(self.lam, float), np.asarray(self.r_on)
        # Slope of the gap's resistance where it closes, times half a unit in the last place of f + r.
        resolution, on = np.broadcast_arrays(off * 2.0**-24 / (lam * np.expm1(1 / lam)), on)
        worst = np.unravel_index(np.argmax(resolution / on), on.shape)
        if resolution[worst] <= _RESOLUTION * on[worst]:
            return None
        return (
            f"r_on = {on[worst]:.3g} ohm beside a gap of {np.max(off):.3g} ohm, whose resistance where it closes "
            f"float32 resolves to {resolution[worst]:.2g} ohm"
        )

    def initial(self, env):
        return {"f": self.f0, "r": jnp.minimum(self.r0, 1 - self.f0), "s": jnp.ones_like(self.f0)}

    def _lock_factor(self, s: Float[Array, ""]) -> Float[Array, ""]:
        """1 while filament and residue may move, 0 while the area locks them."""
        return jnp.exp(-bound(s - 1, 0.0, math.inf) / _LOCK_WIDTH)

    def drift(self, t, state, v, env):
        f, r, s = state["f"], state["r"], state["s"]
        gap = 1 - f - r
        lock = self._lock_factor(s)
        loss1 = lock * self._by_polarity("gamma1", v) * _rectified_moments(self.sigma1, f)[0] * f
        loss2 = lock * self._by_polarity("gamma2", v) * _rectified_moments(self.sigma2, r)[0] * r
        conversion = lock * self.beta * f
        free = self._by_polarity("mu", v) * jnp.abs(v) / (self.alpha + bound(gap, 0.0, math.inf))
        growth = jnp.minimum(free, loss1 + loss2 + free * gap / _CLOSING_WIDTH)
        closure = bound(1 - gap / _CLOSING_WIDTH, 0.0, 1.0)
        excess = s - 1
        grow = closure * self._by_polarity("theta", v) * jnp.abs(v)
        grow = grow * jnp.exp(-jnp.maximum(excess, -1.0))  # no Newton iterate overflows
        rate = grow - self._by_polarity("gamma3", v) * safe_exp(excess, _LARGE)
        thin = jnp.minimum(rate, 0.0) * jnp.clip(excess / _CLOSING_WIDTH, -1.0, 1.0)
        return {
            "f": growth - loss1 - conversion,
            "r": conversion - loss2,
            "s": jnp.maximum(rate, 0.0) + thin,
        }

    def noise(self, t, state, v, env):
        """See `AbstractDevice`; the area's noise acts while the channel is closed and thick."""
        f, r, s = state["f"], state["r"], state["s"]
        root = jnp.sqrt(self.t_ref)
        lock = self._lock_factor(s)
        # At rest, on the bound of the domain, the area has no noise, nor has its derivative: a clip would give it half
        # of that above the bound, and adjoints of a state that never moves would grow in each step until they overflow.
        excess = jnp.minimum((s - 1) / _LOCK_WIDTH, 1.0)
        thick = jnp.where(excess > 0, excess, 0.0)
        return {
            "gamma1": {
                "f": lock
                * self._by_polarity("gamma1", v)
                * f
                * _rectified_moments(self.sigma1, f)[1]
                * root
            },
            "gamma2": {
                "r": lock
                * self._by_polarity("gamma2", v)
                * r
                * _rectified_moments(self.sigma2, r)[1]
                * root
            },
            "gamma3": {
                "s": thick
                * self._by_polarity("gamma3", v)
                * safe_exp(s - 1, _LARGE)
                * root
                * (0.0 if self.sigma3 is None else self.sigma3)
            },
            **self._hops(f, 1 - f - r, lock),
        }

    def _hops(self, f, gap, lock) -> dict[str, dict[str, Float[Array, ""]]]:
        """Noise of the ions that hop across the gap."""
        if self.sigma_ion is None:
            return {}

        def power(x, n):
            return jnp.where(x > 0, jnp.where(x > 0, x, 1.0) ** n, 0.0)

        size = power(f, self.f_power) * power(gap, self.gap_power)
        return {"ions": {"f": lock * self.sigma_ion * size}}

    def resistance(self, state, v, env):
        x = bound(state["f"] + state["r"], 0.0, 1.0)
        gap = gap_ratio(x, self.lam)
        area = bound(state["s"], 1.0, _THICKEST)
        return self.r_on * x / area**2 + self._by_polarity("r_off", v) * gap

    def project(self, state):
        """See `AbstractDevice`: f, r >= 0, f + r <= 1, s >= 1; an excess is taken from what grew, the filament."""
        r = nearest(state["r"], 0.0, 1.0)
        return {
            "f": nearest(state["f"], 0.0, 1 - r),
            "r": r,
            "s": nearest(state["s"], 1.0, math.inf),
        }
