"""Conduction: currents [A] or current densities of electrons at a given state."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core.constants import BOLTZMANN_EV
from .safe import bound, safe_exp, safe_sinh, single_exp2

_TUNNEL = 10.24624
"""2 sqrt(2 m_e e) / hbar [1/(nm sqrt(eV))]: decay of a tunnelling probability."""

_CONDUCTANCE = 3.874e-5 / (4 * math.pi)
"""e^2 / (4 pi h) [S]: scale of a tunnel conductance per decay constant over width and area."""


def ohmic(v: Float[Array, ""], resistance: Float[Array, ""]) -> Float[Array, ""]:
    """Current [A] of a resistance [ohm]."""
    return v / resistance


def gap_ratio(x: Float[Array, ""], decay: Float[Array, ""]) -> Float[Array, ""]:
    """Resistance of the gap left by a channel of relative length `x`, over that of the open gap.

    Notes
    -----
    [exp((1 - x)/decay) - 1] / [exp(1/decay) - 1]: 1 at x = 0, 0 at x = 1; written so that nothing
    overflows. In float32, whose x leaves no more of 1 - x, by one exponential: large ensembles
    spend most of their time here.
    """
    if jnp.result_type(x, decay) == jnp.float32:
        rate = math.log2(math.e) / decay
        full_decay = single_exp2(-rate)
        return bound(single_exp2(-x * rate) - full_decay, 0.0, math.inf) * (1 / (1 - full_decay))
    return jnp.exp(-x / decay) * jnp.expm1((x - 1) / decay) / jnp.expm1(-1 / decay)


def sinh_conduction(
    v: Float[Array, ""], scale: Float[Array, ""], current: Float[Array, ""]
) -> Float[Array, ""]:
    """Current [A] of a nonlinear barrier: `current` * sinh(v / `scale`)."""
    return current * safe_sinh(v / scale)


def tunnel_gap(gap: Float[Array, ""], barrier: Float[Array, ""]) -> Float[Array, ""]:
    """Probability of tunnelling through a gap [nm] under a barrier [eV], exp(-2 sqrt(2 m phi) gap / hbar)."""
    return jnp.exp(-_TUNNEL * jnp.sqrt(barrier) * gap)


def simmons(
    v: Float[Array, ""],
    *,
    gap: Float[Array, ""],
    area: Float[Array, ""],
    barrier: Float[Array, ""],
) -> Float[Array, ""]:
    """Simmons' tunnel current at low voltage [A].

    Parameters
    ----------
    v : Float[Array, ""]
        Voltage over the gap [V].
    gap, area : Float[Array, ""]
        Width [nm] and cross-section [nm^2].
    barrier : Float[Array, ""]
        Height [eV].

    Notes
    -----
    I = (3/2) (e^2/h^2) sqrt(2 m phi) (A / gap) exp(-4 pi gap sqrt(2 m phi) / h) V.

    References
    ----------
    .. [1] J. G. Simmons, J. Appl. Phys. 34, 1793 (1963), doi:10.1063/1.1702682
    """
    decay = _TUNNEL * jnp.sqrt(barrier)
    return 1.5 * _CONDUCTANCE * decay * area / gap * tunnel_gap(gap, barrier) * v


def schottky(
    v: Float[Array, ""], temperature: Float[Array, ""] | float, *, saturation: Float[Array, ""]
) -> Float[Array, ""]:
    """Thermionic current [A] across a barrier: `saturation` * (exp(v/V_T) - 1), saturation at T [A]."""
    x = v / (BOLTZMANN_EV * temperature)
    small = jnp.abs(x) < 1.0
    # Near 0 the difference exp(x) - 1 cancels.
    exact = jnp.expm1(jnp.where(small, x, 0.0))
    return saturation * jnp.where(small, exact, safe_exp(x) - 1)


def poole_frenkel(
    v: Float[Array, ""],
    temperature: Float[Array, ""] | float,
    *,
    conductance: Float[Array, ""],
    trap: Float[Array, ""],
    lowering: Float[Array, ""],
) -> Float[Array, ""]:
    r"""Current [A] of traps whose depth a field lowers.

    Parameters
    ----------
    v : Float[Array, ""]
        Voltage [V].
    temperature : Float[Array, ""]
        Temperature [K].
    conductance : Float[Array, ""]
        Conductance of empty barriers [S].
    trap : Float[Array, ""]
        Depth of the traps [eV].
    lowering : Float[Array, ""]
        Lowering of the depth per root of voltage [eV/sqrt(V)].

    Notes
    -----
    I = G V exp(-(E - b sqrt(\|V\|)) / kT); the root is smooth below a microvolt.

    References
    ----------
    .. [1] J. Frenkel, Phys. Rev. 54, 647 (1938), doi:10.1103/PhysRev.54.647
    """
    # sqrt|v|, smooth at 0, where its slope would be infinite.
    root = jnp.sqrt(jnp.sqrt(v * v + 1e-12))
    return conductance * v * safe_exp((lowering * root - trap) / (BOLTZMANN_EV * temperature))
