"""What an instrument reads instead of the true current: a measurement model, no state of the device."""

from pathlib import Path

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..core import params
from ..core.constants import BOLTZMANN
from ..core.fields import check_bounds, param
from ..core.result import Trace
from ..core.system import Environment
from ..errors import BoundsError, ModelError
from ..noise.readings import Readings, flicker, occupation, readings, starts, telegraph, white
from ..runtime.arguments import as_seed

_JOHNSON, _FLOOR = 0, 1
"""Places of the numbers of either white noise."""

_LEAST_V = 1e-6
"""Voltage below which i / v tells no conductance [V]: rounding of a ramp through 0, leakage of a source."""

_LIMIT = 0.99
"""Share of a compliance from which a reading is the instrument's own limit."""

_TOGETHER = (("rtn", "capture", "emission"), ("flicker", "f_min", "f_max"))
"""Parameters that mean something together only."""


class ReadNoise(eqx.Module):
    r"""Read noise of an instrument and of what it reads: Johnson, random telegraph, 1/f, floor, quantisation.

    Notes
    -----
    A part whose parameters are None is left out. The reading of a true current :math:`i` is

    .. math::

        i_{seen} = Q\Big[i\,\{1 - a(x - p) + \sqrt{A}\,y\} + \sqrt{4 k_B T\,G\,B}\,N + \sigma N'\Big]

    physical noise first, then the floor :math:`\sigma` of the instrument, then its range and
    resolution :math:`Q`.

    - **Johnson** noise of everything between the terminals, at the ambient temperature, in the bandwidth
      :math:`B` [1]_ [2]_. :math:`G = i/v` at the terminals; where :math:`|v|` is below 1 µV, that of
      the last reading of the same sweep that has one, else of the next; without any there is no such
      noise. Readings count as independent: they lie further apart than :math:`1/2B`.
    - **Random telegraph** noise of one trap, which is full (:math:`x = 1`) for a share :math:`p =
      \tau_e/(\tau_c + \tau_e)` of the time and then lowers the current [3]_; exact at any times.
    - **1/f** noise :math:`y` of spectrum :math:`S_I/I^2 = A/f`, one-sided, between two frequencies, within
      2.5 % of it in the band (0.5 % from twice the lowest to half the highest frequency) [4]_.
    - **Range and resolution**: the nearest multiple of `lsb` that lies within `full_scale`. Derivatives pass
      as if there were no rounding; they are those of mean readings where the noise is larger than `lsb`.

    Telegraph and 1/f noise leave the mean current as it is. They are sampled at an instant, where an
    instrument averages over its aperture, and start stationary in each sweep, since a trace does not
    say how long after one another its sweeps ran. Shot noise is not here. All bounds are general
    knowledge of what instruments and devices do; there are no defaults, since there is no typical device.

    References
    ----------
    .. [1] J. B. Johnson, Phys. Rev. 32, 97 (1928), doi:10.1103/PhysRev.32.97
    .. [2] H. Nyquist, Phys. Rev. 32, 110 (1928), doi:10.1103/PhysRev.32.110
    .. [3] S. Machlup, J. Appl. Phys. 25, 341 (1954), doi:10.1063/1.1721637
    .. [4] M. B. Weissman, Rev. Mod. Phys. 60, 537 (1988), doi:10.1103/RevModPhys.60.537
    """

    bandwidth: Float[Array, ""] | None = param(
        None, unit="Hz", bounds=(0.0, 1e11), symbol="B", doc="Bandwidth of the Johnson noise."
    )
    rtn: Float[Array, ""] | None = param(
        None, unit="1", bounds=(0.0, 1.0), symbol="a", doc="Telegraph step over the current."
    )
    capture: Float[Array, ""] | None = param(
        None, unit="s", bounds=(1e-9, 1e6), symbol=r"\tau_c", doc="Mean time of an empty trap."
    )
    emission: Float[Array, ""] | None = param(
        None, unit="s", bounds=(1e-9, 1e6), symbol=r"\tau_e", doc="Mean time of a full trap."
    )
    flicker: Float[Array, ""] | None = param(
        None, unit="1", bounds=(0.0, 0.1), symbol="A", doc="f S_I / I^2 of the 1/f noise."
    )
    f_min: Float[Array, ""] | None = param(
        None, unit="Hz", bounds=(1e-6, 1e9), symbol="f_{min}", doc="Lowest frequency of 1/f noise."
    )
    f_max: Float[Array, ""] | None = param(
        None, unit="Hz", bounds=(1e-6, 1e9), symbol="f_{max}", doc="Highest frequency of it."
    )
    floor: Float[Array, ""] | None = param(
        None, unit="A", bounds=(0.0, 1.0), symbol=r"\sigma", doc="SD of what the instrument adds."
    )
    lsb: Float[Array, ""] | None = param(
        None, unit="A", bounds=(1e-18, 1.0), symbol="q", doc="Current per digit."
    )
    full_scale: Float[Array, ""] | None = param(
        None, unit="A", bounds=(1e-15, 1e3), doc="Largest modulus that is shown."
    )

    def __check_init__(self):
        check_bounds(self)
        for names in _TOGETHER:
            missing = [n for n in names if getattr(self, n) is None]
            if 0 < len(missing) < len(names):
                raise ModelError(
                    f"{', '.join(missing)} not given",
                    where="ReadNoise",
                    allowed=f"{', '.join(names)} together, or none of them",
                )
        self._check_order("f_min", "f_max")
        self._check_order("lsb", "full_scale")

    def _check_order(self, low: str, high: str) -> None:
        """Raise where two concrete values are in the wrong order."""
        a, b = getattr(self, low), getattr(self, high)
        if a is None or b is None or any(isinstance(x, jax.core.Tracer) for x in (a, b)):
            return
        if not np.all(np.asarray(a) < np.asarray(b)):
            raise BoundsError(f"{low} = {a}, {high} = {b}", where="ReadNoise", allowed="low < high")

    @classmethod
    def load(cls, path: str | Path) -> "ReadNoise":
        """Read a TOML or JSON file of ``name = value`` in SI.

        Parameters
        ----------
        path : str or Path
            The file. What it does not name is left out.

        Raises
        ------
        ModelError, BoundsError
            If it cannot be read, or for an unknown name, a value out of bounds, half of a part.
        """
        values = params.load(path)
        params.known(cls, values, where=str(path))
        return cls(**{n: jnp.asarray(x, jnp.result_type(float)) for n, x in values.items()})

    def apply(
        self,
        trace: Trace,
        *,
        seed: int | Int[Array, ""],
        env: Environment | None = None,
        limit: float | Float[np.ndarray, " rows"] | None = None,
    ) -> Trace:
        r"""The trace as the instrument shows it: another `i`, all else as it is.

        Parameters
        ----------
        trace : Trace
            True currents. Apply read noise before members are left out: they are counted from 0.
        seed : int
            Seed of the run. The numbers of a reading depend on seed, member, sweep (counted from 0)
            and row in the sweep only, never on those of the ions.
        env : Environment, optional
            Ambient temperature, for the Johnson noise.
        limit : float or Float[np.ndarray, "rows"], optional
            Compliance [A], of each reading where they differ: an instrument knows its own limit, so that a reading at
            it is exact.

        Returns
        -------
        Trace
            Differentiable in the sizes of all parts, in forward and reverse mode.
        """
        # Numbers as arrays, which are not compiled in.
        number = lambda x: jnp.asarray(x, trace.i.dtype)  # noqa: E731
        kelvin = number((env or Environment()).temperature)
        most = None if limit is None else number(_LIMIT * limit)
        seed = as_seed(seed, where="ReadNoise.apply")
        small = isinstance(seed, int) and abs(seed) < 2**31
        traced_seed = jnp.asarray(seed) if small else seed
        current = _seen(self, (trace.t, trace.sweep, trace.v, trace.i), traced_seed, kelvin, most)
        return eqx.tree_at(lambda tr: tr.i, trace, current)


@eqx.filter_jit
def _seen(noise: ReadNoise, rows, seed, kelvin, most) -> Float[Array, "members rows"]:
    """Return the current that the instrument shows of every member [A], from time, sweep, voltage and current."""
    t, sweep, v, i = rows
    noise, t, v = jax.tree.map(lambda x: x.astype(i.dtype), (noise, t, v))
    begins = starts(t, sweep)

    def one(member, v, i):
        at = readings(seed, member, t, sweep)
        reading = _shown(noise, at, _true(noise, at, i, v, begins=begins, kelvin=kelvin))
        return reading if most is None else jnp.where(jnp.abs(i) < most, reading, i)

    return jax.vmap(one)(jnp.arange(len(i)), v, i)


def _true(noise: ReadNoise, at: Readings, i, v, *, begins, kelvin) -> Float[Array, " rows"]:
    """Current with the noise of the device and of its surroundings [A]."""
    share, out = jnp.zeros_like(i), i
    if noise.rtn is not None and noise.capture is not None and noise.emission is not None:
        x = telegraph(at, capture=noise.capture, emission=noise.emission)
        share -= noise.rtn * (x - occupation(noise.capture, noise.emission))
    if noise.flicker is not None and noise.f_min is not None and noise.f_max is not None:
        share += _root(noise.flicker) * flicker(at, f_min=noise.f_min, f_max=noise.f_max)
    if noise.bandwidth is not None:
        power = 4 * BOLTZMANN * kelvin * noise.bandwidth
        out += _root(power) * _root(_conductance(v, i, begins)) * white(at, _JOHNSON)
    return out + i * share


def _shown(noise: ReadNoise, at: Readings, i) -> Float[Array, " rows"]:
    """Return what the instrument shows of a current [A]."""
    if noise.floor is not None:
        i = i + noise.floor * white(at, _FLOOR)
    if noise.lsb is None and noise.full_scale is None:
        return i
    shown = lax.stop_gradient(_digits(i, noise.lsb, noise.full_scale))
    return shown + (i - lax.stop_gradient(i))


def _root(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the square root, with the derivative 0 at 0, where there is none."""
    above = x > 0
    return jnp.where(above, jnp.sqrt(jnp.where(above, x, 1.0)), 0.0)


def _digits(i, lsb, full_scale) -> Float[Array, " rows"]:
    """Nearest multiple of `lsb` that lies within the range."""
    if lsb is None:
        return jnp.clip(i, -full_scale, full_scale)
    digits = jnp.round(i / lsb)
    if full_scale is not None:
        most = jnp.floor(full_scale / lsb * (1 + 4 * jnp.finfo(i.dtype).eps))
        digits = jnp.clip(digits, -most, most)
    return digits * lsb


def _conductance(
    v: Float[Array, " rows"], i: Float[Array, " rows"], begins: Bool[Array, " rows"]
) -> Float[Array, " rows"]:
    """Conductance between the terminals [S]; that of a reading nearby, in the same sweep, where v is 0."""
    n, rows = jnp.arange(len(v)), len(v)
    sweep, tells = jnp.cumsum(begins), jnp.abs(v) >= _LEAST_V
    before = lax.cummax(jnp.where(tells, n, -1))
    following = lax.cummin(jnp.where(tells, n, rows), reverse=True)
    in_same_sweep = lambda k: (k >= 0) & (k < rows) & (sweep[jnp.clip(k, 0, rows - 1)] == sweep)  # noqa: E731
    k = jnp.clip(jnp.where(in_same_sweep(before), before, following), 0, rows - 1)
    inside = in_same_sweep(before) | in_same_sweep(following)
    g = i / jnp.where(tells, v, 1.0)
    return jnp.where(inside, jnp.maximum(g[k], 0.0), 0.0)
