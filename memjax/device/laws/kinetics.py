"""Kinetics of ions: thermal activation, hopping, and transfer across an interface."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core.constants import BOLTZMANN_EV
from .safe import safe_exp, safe_sinh


def arrhenius(energy: Float[Array, ""], temperature: Float[Array, ""] | float) -> Float[Array, ""]:
    """Boltzmann factor exp(-energy/kT) of a barrier [eV]; 1 where the barrier is pulled below 0."""
    return jnp.exp(-jnp.maximum(energy, 0.0) / (BOLTZMANN_EV * temperature))


def mott_gurney(
    v: Float[Array, ""],
    temperature: Float[Array, ""] | float,
    *,
    hop: Float[Array, ""],
    length: Float[Array, ""],
    charge: Float[Array, ""] | float = 1.0,
) -> Float[Array, ""]:
    """Drift by hopping in a field, over its prefactor: sinh(charge e hop v / (2 length kT)).

    Parameters
    ----------
    v : Float[Array, ""]
        Voltage over the length [V].
    temperature : Float[Array, ""]
        Temperature [K].
    hop, length : Float[Array, ""]
        Hopping distance and the length over which `v` falls, in one unit.
    charge : Float[Array, ""]
        Number of elementary charges.

    References
    ----------
    .. [1] N. F. Mott, R. W. Gurney, Electronic Processes in Ionic Crystals (1948)
    """
    return safe_sinh(charge * hop * v / (2 * length * BOLTZMANN_EV * temperature))


def activated_hopping(
    energy: Float[Array, ""],
    field: Float[Array, ""],
    temperature: Float[Array, ""] | float,
    *,
    cap: float = 20.0,
) -> Float[Array, ""]:
    """Net hops over a barrier that a field tilts, over the attempts: exp(-E/kT) sinh(w/kT).

    Parameters
    ----------
    energy, field : Float[Array, ""]
        Barrier E and the energy w that the field takes off it [eV].
    temperature : Float[Array, ""]
        Temperature [K].
    cap : float
        Excess of the field over the barrier, over kT, beyond which the exponential goes on as a
        straight line: each factor alone may be beyond all numbers where their product is not.
    """
    e, w = energy / (BOLTZMANN_EV * temperature), field / (BOLTZMANN_EV * temperature)
    # Near w = 0 the difference of two exponentials cancels; far from it each factor may overflow.
    small = jnp.abs(w) < 1.0
    exact = jnp.exp(-e) * jnp.sinh(jnp.where(small, w, 0.0))
    capped = 0.5 * (safe_exp(w - e, cap) - safe_exp(-w - e, cap))
    return jnp.where(small, exact, capped)


def mott_gurney_inverse(
    ratio: Float[Array, ""],
    temperature: Float[Array, ""] | float,
    *,
    hop: Float[Array, ""],
    length: Float[Array, ""],
    charge: Float[Array, ""] | float = 1.0,
) -> Float[Array, ""]:
    """Voltage [V] at which `mott_gurney` is `ratio`."""
    return jnp.arcsinh(ratio) * 2 * length * BOLTZMANN_EV * temperature / (charge * hop)


def butler_volmer(
    overpotential: Float[Array, ""],
    temperature: Float[Array, ""] | float,
    *,
    transfer: Float[Array, ""],
    charge: Float[Array, ""] | float = 1.0,
) -> Float[Array, ""]:
    """Current across an interface over its exchange current.

    Parameters
    ----------
    overpotential : Float[Array, ""]
        Overpotential [V]; positive oxidises.
    temperature : Float[Array, ""]
        Temperature [K].
    transfer : Float[Array, ""]
        Transfer coefficient, 0 to 1.
    charge : Float[Array, ""]
        Number of elementary charges.

    Notes
    -----
    exp((1 - a) z e eta / kT) - exp(-a z e eta / kT).
    """
    y = charge * overpotential / (BOLTZMANN_EV * temperature)
    return safe_exp((1 - transfer) * y) - safe_exp(-transfer * y)


def butler_volmer_inverse(
    ratio: Float[Array, ""],
    temperature: Float[Array, ""] | float,
    *,
    charge: Float[Array, ""] | float = 1.0,
) -> Float[Array, ""]:
    """Overpotential [V] at which `butler_volmer` with a transfer coefficient of 1/2 is `ratio`."""
    return 2 * BOLTZMANN_EV * temperature / charge * jnp.arcsinh(ratio / 2)
