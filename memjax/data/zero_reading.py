"""What an instrument reads where the voltage passes zero: its offset, and the current that a capacitance takes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .measurement import Measurement

_SURE = 5.0
"""Standard errors from which on a current at 0 V is one."""

_SHARE = 0.003
"""Share of the largest current from which on it is told: what a loop bends between two points leaves less."""

_LOW = 0.2
"""Share of the largest voltage within which points are near 0 V."""

_RATES = 3.0
"""Factor between two rates of a sweep from which on what scales with the rate can be told."""

_SCALES = 0.3
"""Share by which hysteresis over rate may differ between rates and still scale with them."""

_MOSTLY = 0.5
"""Share of the largest current from which on hysteresis at 0 V is most of the current."""

_MAD = 1.4826
"""Standard deviation of a normal over its median absolute deviation."""


@dataclass(frozen=True, kw_only=True)
class ZeroReading:
    """Current at 0 V of sweeps of the voltage.

    Parameters
    ----------
    offset : float
        Mean of the currents on the way up and down through 0 V [A], or of the one there is.
    sigma : float
        Its standard error [A].
    hysteresis : float
        Half of what the current on the way up exceeds that on the way down by [A]; NaN of one way alone.
    rate : float
        Median of the modulus of dV/dt there [V/s]; NaN without times.
    range : float
        Largest modulus of the current [A].
    """

    offset: float
    sigma: float
    hysteresis: float
    rate: float
    range: float

    @property
    def is_offset(self) -> bool:
        """Whether the current at 0 V is surely none of a device that is pinched there."""
        return bool(abs(self.offset) > max(_SURE * self.sigma, _SHARE * self.range))

    @property
    def is_hysteresis(self) -> bool:
        """Whether the way up differs surely from the way down."""
        return bool(self.hysteresis > max(_SURE * self.sigma, _SHARE * self.range))

    @property
    def is_charging(self) -> bool:
        """Whether most of the current surely charges a capacitance: its loop is none of a device."""
        return bool(self.is_hysteresis and self.hysteresis > _MOSTLY * self.range)


def zero_reading(measurement: Measurement) -> ZeroReading | None:
    """Return the reading of the instrument where the voltage passes zero.

    Parameters
    ----------
    measurement : Measurement
        Sweeps of the voltage.

    Returns
    -------
    ZeroReading or None
        None of sweeps of the current, of currents whose sign is lost, and where the voltage never passes zero.

    Notes
    -----
    Currents are interpolated between the points on either side of 0 V; points at 0 V count as they are. A capacitance
    across the device takes C dV/dt, of opposite sign on the way up and down; an offset has one sign.
    """
    m = measurement
    if m.driven != "voltage" or m.modulus or len(m.v) < 3:
        return None
    current, slope, rate = _crossings(m)
    up, down = current[slope > 0], current[slope < 0]
    ways = [x for x in (up, down) if x.size]
    if not ways:
        return None
    means = [float(np.median(x)) for x in ways]
    scatter = [_MAD * float(np.median(np.abs(x - y))) for x, y in zip(ways, means)]
    noise = _noise(m)
    errors = [max(s, noise) / np.sqrt(x.size) for s, x in zip(scatter, ways)]
    return ZeroReading(
        offset=float(np.mean(means)),
        sigma=float(np.linalg.norm(errors)) / len(ways),
        hysteresis=0.5 * (means[0] - means[1]) if len(ways) == 2 else np.nan,
        rate=float(np.median(rate)),
        range=float(np.max(np.abs(m.i))),
    )


def _noise(m: Measurement) -> float:
    """Standard deviation of currents near 0 V [A]: of second differences, which a slope does not have."""
    low = np.abs(m.v) <= _LOW * np.max(np.abs(m.v))
    joined = low[2:] & low[1:-1] & low[:-2] & (m.sweep[2:] == m.sweep[:-2])
    bends = np.abs(np.diff(m.i, 2))[joined]
    # x - 2 y + z of independent points has 1 + 4 + 1 times their variance.
    return _MAD * float(np.median(bends)) / np.sqrt(6) if bends.size else 0.0


def _crossings(m: Measurement) -> tuple[Float[np.ndarray, " crossings"], ...]:
    """Current [A], direction and rate [V/s] at each passage of the voltage through zero."""
    v, i = m.v, m.i
    joined = m.sweep[1:] == m.sweep[:-1]
    change = np.diff(v)
    passes = joined & (v[1:] * v[:-1] < 0)
    share = -v[:-1][passes] / change[passes]
    currents = [i[:-1][passes] + share * np.diff(i)[passes]]
    slopes = [change[passes]]
    seconds = np.full(len(change), np.nan) if m.t is None else np.diff(m.t)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.abs(change / seconds)
    steps = [rates[passes]]
    # A point at 0 V on the way from one side to the other, or at the start of a sweep.
    middle = np.flatnonzero((v[:-1] == 0) & joined & (change != 0))
    before = np.maximum(middle - 1, 0)
    through = (middle == 0) | ~joined[before] | (change[before] * change[middle] > 0)
    middle = middle[through]
    currents.append(i[:-1][middle])
    slopes.append(change[middle])
    steps.append(rates[middle])
    return tuple(np.concatenate(x) for x in (currents, slopes, steps))


@dataclass(frozen=True, kw_only=True)
class ChargingReading:
    """Capacitance that currents at 0 V show.

    Parameters
    ----------
    capacitance : float
        Slope of the current over dV/dt [F].
    sigma : float
        Its standard error [F].
    """

    capacitance: float
    sigma: float

    @property
    def is_clear(self) -> bool:
        """Whether it is surely above 0."""
        return bool(self.capacitance > _SURE * self.sigma)


def charging_reading(*measurements: Measurement) -> ChargingReading | None:
    """Capacitance across the device, as the currents at 0 V depend on the rate of the sweep and its direction.

    Parameters
    ----------
    *measurements : Measurement
        Of one device.

    Returns
    -------
    ChargingReading or None
        None without times, and of passages through 0 V at one rate in one direction.
    """
    timed = [m for m in measurements if m.driven == "voltage" and not m.modulus and m.t is not None]
    parts = [_crossings(m) for m in timed if len(m.v) > 2]
    if not parts:
        return None
    current, slope, rate = (np.concatenate(x) for x in zip(*parts, strict=True))
    signed = np.sign(slope) * rate
    rate_deviation = signed - np.mean(signed) if signed.size else signed
    square = float(rate_deviation @ rate_deviation)
    if signed.size < 2 or square <= 1e-6 * float(signed @ signed):
        return None
    capacitance = float(rate_deviation @ current) / square
    residual = current - np.mean(current) - capacitance * rate_deviation
    scatter = max(
        float(np.sqrt(residual @ residual / max(signed.size - 2, 1))), *map(_noise, timed)
    )
    return ChargingReading(capacitance=capacitance, sigma=scatter / np.sqrt(square))


def zero_remarks(*measurements: Measurement) -> list[str]:
    """Describe what the currents at 0 V say of the instrument.

    Parameters
    ----------
    *measurements : Measurement
        Of one device.

    Returns
    -------
    list of str
        Empty where they say nothing.
    """
    readings = [z for m in measurements if (z := zero_reading(m)) is not None]
    if not readings:
        return []
    remarks = []
    largest = max(readings, key=lambda z: abs(z.offset))
    if largest.is_offset:
        remarks.append(
            f"at 0 V the current is {largest.offset:.3g} A, {abs(largest.offset) / largest.range:.0%} of the largest, "
            "on the way up and down alike: an offset of the instrument, or a device that is not pinched; a fit frees "
            "it with --free-bench offset_current"
        )
    by_sweep = [
        zero_reading(m.select(m.sweep == n))
        for m in measurements
        for n in m.labels
        if np.count_nonzero(m.sweep == n) > 2
    ]
    capacitance = _capacitance([z for z in by_sweep if z is not None])
    if capacitance is not None:
        remarks.append(
            f"at 0 V the current on the way up exceeds that on the way down in proportion to the rate of the sweep, as "
            f"with {capacitance:.3g} F across the device; a fit frees it with --free-bench parallel_capacitance"
        )
    elif charged := [z for z in readings if z.is_charging]:
        widest = max(charged, key=lambda z: z.hysteresis)
        charge = f"{widest.hysteresis / widest.rate:.3g} F" if widest.rate > 0 else "a capacitance"
        remarks.append(
            f"at 0 V the current is {widest.hysteresis:.3g} A above its mean on the way up and as far below on the way "
            f"down, {widest.hysteresis / widest.range:.0%} of the largest: most of the current charges {charge} across "
            "the device or in the cables, and its loop is none of a device"
        )
    return remarks


def _capacitance(readings: list[ZeroReading]) -> float | None:
    """Capacitance [F] where the hysteresis at 0 V scales with rates that differ; None else."""
    known = [z for z in readings if z.rate > 0 and np.isfinite(z.rate)]
    if not known:
        return None
    slow, fast = (f(known, key=lambda z: z.rate) for f in (min, max))
    if fast.rate < _RATES * slow.rate or not fast.is_hysteresis:
        return None
    ratio = fast.hysteresis / fast.rate
    error = (slow.sigma + fast.sigma) / slow.rate
    if abs(slow.hysteresis / slow.rate - ratio) > max(_SCALES * ratio, _SURE * error):
        return None
    return ratio
