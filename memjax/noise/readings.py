"""Random processes at the times of readings, whatever their spacing: white, telegraph, 1/f, from counters."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from .counter import bits, normal, open_uniform
from .path import Words, device_key, words

_TELEGRAPH, _FLICKER = 0x54454C45, 0x464C4943
"""Counters of the two processes; those of white noise are small numbers."""

_INNER = 32
"""Relaxations that make 1/f noise, beside one at either end."""


class Readings(NamedTuple):
    """Readings of one member: its key, and when it is read.

    Parameters
    ----------
    key : tuple of two UInt32[Array, ""]
        Words of the member, see `memjax.noise.words`.
    sweep, row : Int[Array, "rows"]
        Number of the sweep, and of the reading in it, from 0.
    gap : Float[Array, "rows"]
        Time since the reading before in the same sweep [s]; 0 for the first.
    """

    key: Words
    sweep: Int[Array, " rows"]
    row: Int[Array, " rows"]
    gap: Float[Array, " rows"]

    @property
    def first(self) -> Bool[Array, " rows"]:
        """Whether a reading is the first of its sweep."""
        return self.row == 0


def starts(t: Float[Array, " rows"], sweep: Int[Array | np.ndarray, " rows"]):
    """Return the rows at which sweeps begin: the label changes, or the time decreases.

    Returns
    -------
    Bool[Array, "rows"]
        Whether a row is the first of a sweep.
    """
    label = jnp.asarray(sweep)
    new = (jnp.diff(label) != 0) | (jnp.diff(t) < 0)
    return jnp.concatenate([jnp.ones(min(1, len(t)), bool), new])


def readings(
    seed: int | Int[Array, ""],
    member: int | Int[Array, ""],
    t: Float[Array, " rows"],
    sweep: Int[Array | np.ndarray, " rows"],
) -> Readings:
    """Readings of one member.

    Parameters
    ----------
    seed, member : int
        Seed of the run, and which member.
    t : Float[Array, "rows"]
        Time within the sweep [s].
    sweep : Int[Array, "rows"]
        Label of the sweep. Sweeps are counted from 0, in their order, for their numbers.
    """
    begins, n = starts(t, sweep), jnp.arange(len(t))
    first = lax.cummax(jnp.where(begins, n, 0))
    # One key for all sweeps, which are counters here: a key per reading costs more than its numbers.
    key = words(device_key(seed, member=member, sweep=0, purpose="read"))
    gap = jnp.where(begins, jnp.zeros_like(t), jnp.diff(t, prepend=t[:1]))
    return Readings(key, jnp.cumsum(begins) - 1, n - first, gap)


def _word(rows: Readings, stream) -> UInt32[Array, " rows"]:
    """Word of each reading."""
    return bits(*rows.key, rows.sweep, rows.row, jnp.asarray(stream, jnp.uint32))


def white(rows: Readings, stream: int) -> Float[Array, " rows"]:
    """Independent standard normal numbers; each `stream` gives an independent sequence."""
    return normal(_word(rows, stream), rows.gap.dtype)


def telegraph(
    rows: Readings, *, capture: Float[Array, ""], emission: Float[Array, ""]
) -> Float[Array, " rows"]:
    r"""A trap that is empty (0) or full (1), from its stationary distribution on.

    Parameters
    ----------
    rows : Readings
        When the trap is read.
    capture, emission : Float[Array, ""]
        Mean time for which it is empty, and full [s].

    Returns
    -------
    Float[Array, "rows"]
        0 or 1 at each reading.

    Notes
    -----
    :math:`P(x_{k+1} = 1) = p + (x_k - p)e^{-(1/\tau_c + 1/\tau_e)\Delta t}` with :math:`p =
    \tau_e/(\tau_c + \tau_e)`: exact at any times. No gradient passes.

    References
    ----------
    .. [1] S. Machlup, J. Appl. Phys. 25, 341 (1954), doi:10.1063/1.1721637
    """
    mark = open_uniform(_word(rows, _TELEGRAPH), rows.gap.dtype)
    # At the first reading the survival is 0, which leaves the stationary occupation.
    full = occupation(capture, emission)
    survival = jnp.where(rows.first, 0.0, jnp.exp(-(1 / capture + 1 / emission) * rows.gap))

    def step(x, inputs):
        mark, survival = inputs
        x = jnp.where(mark < full + (x - full) * survival, jnp.ones_like(x), 0.0)
        return x, x

    return lax.scan(step, jnp.zeros((), mark.dtype), lax.stop_gradient((mark, survival)))[1]


def occupation(capture: Float[Array, ""], emission: Float[Array, ""]) -> Float[Array, ""]:
    """Share of the time for which a trap is full."""
    return emission / (capture + emission)


def relaxations(
    f_min: Float[Array, ""], f_max: Float[Array, ""]
) -> tuple[Float[Array, " modes"], Float[Array, " modes"]]:
    r"""Rates [1/s] and variances of the relaxations whose sum has the one-sided spectrum 1/f.

    Returns
    -------
    tuple of two Float[Array, "modes"]
        Rates [1/s], ascending, and variances [1].

    Notes
    -----
    A relaxation of rate :math:`\lambda` and variance :math:`s` has the spectrum :math:`4 s \lambda /
    (\lambda^2 + \omega^2)`, and rates that are spread evenly in :math:`\ln\lambda`, with variance 1
    per unit of it, have :math:`1/f`. Here they are 32 between :math:`2\pi f_{min}` and :math:`2\pi
    f_{max}`; what lies beyond acts inside the band as one relaxation at either end, at
    :math:`1/\sqrt{3}` and :math:`\sqrt{3}` of these rates and with variance :math:`\sqrt{3}`, to fourth
    order in the ratio of frequencies.

    For a band of up to 12 decades the spectrum is within 2.5 % of 1/f everywhere in it, within 0.5 % from
    twice its lowest to half its highest frequency, and the exponent fitted over the band is -1: the
    sum is symmetric. Below the band it is flat, above it falls as 1/f^2.
    """
    low, high = jnp.log(2 * math.pi * f_min), jnp.log(2 * math.pi * f_max)
    h = (high - low) / _INNER
    # Midpoint rule in ln(lambda): equal variances h at equal distances make 1/f.
    rate = jnp.exp(low + h * (jnp.arange(_INNER, dtype=h.dtype) + 0.5))
    end, root = jnp.exp(jnp.stack([low, high])), math.sqrt(3)
    rates = jnp.concatenate([end[:1] / root, rate, end[1:] * root])
    ends = jnp.full((1,), root, rates.dtype)
    return rates, jnp.concatenate([ends, jnp.full((_INNER,), h), ends])


def flicker(
    rows: Readings, *, f_min: Float[Array, ""], f_max: Float[Array, ""]
) -> Float[Array, " rows"]:
    r"""Gaussian noise with the one-sided spectrum 1/f between two frequencies [Hz].

    Returns
    -------
    Float[Array, "rows"]
        Noise at each reading [1]; times the square root of A it has the spectrum A / f.

    Notes
    -----
    A sum of stationary Ornstein-Uhlenbeck processes (see `relaxations`), each exact at any times:
    :math:`x_{k+1} = a x_k + \sqrt{1 - a^2}\,N` with :math:`a = e^{-\lambda\Delta t}`. Its variance
    is :math:`\ln(f_{max}/f_{min}) + 2\sqrt{3}`.

    References
    ----------
    .. [1] M. B. Weissman, Rev. Mod. Phys. 60, 537 (1988), doi:10.1103/RevModPhys.60.537
    """
    rates, variances = relaxations(f_min, f_max)
    sizes, streams = jnp.sqrt(variances), _FLICKER + jnp.arange(len(rates), dtype=jnp.uint32)

    def step(x, inputs):
        sweep, row, gap, first = inputs
        number = normal(bits(*rows.key, sweep, row, streams), gap.dtype)
        # 1 - a^2 without cancellation; never 0, where the square root has no derivative.
        innovation = jnp.maximum(-jnp.expm1(-2 * rates * gap), jnp.finfo(gap.dtype).tiny)
        decay = jnp.exp(-rates * gap) * x + jnp.sqrt(innovation) * number
        x = jnp.where(first, number, decay)
        return x, jnp.sum(sizes * x)

    # Never used: the first reading of each sweep is drawn from the stationary law.
    begin = jnp.zeros(len(rates), rows.gap.dtype)
    return lax.scan(step, begin, (rows.sweep, rows.row, rows.gap, rows.first))[1]
