"""Trends over cycles: switching and hold voltage, on and off resistance, against the number of the cycle."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .excursion import Switching, complete_excursions, excursions, turn
from .switching import Sweeps

Z_LIMIT = 3.3
"""Standard errors from which on a slope differs from none: by chance once in a thousand."""

LEAST = 10
"""Cycles below which no slope is given."""

_AT_REST = 0.02
"""Share of the largest voltage below which a resistance is that of the instrument's offset."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values of one quantity, cycle by cycle.

    Parameters
    ----------
    quantity : str
        ``v_th``, ``v_hold``, ``r_on``, ``r_off``, or a state of an endurance test (``hrs``, ``lrs``).
    unit : str
        V, ohm, S or A.
    polarity : int
        Of the voltage, 1 or -1; 0 where there is none.
    device : str
        Label of the device; empty where there is one.
    cycle : Float[np.ndarray, "cycles"]
        Number of each cycle, from 1 on, increasing.
    values : Float[np.ndarray, "cycles"]
        Values; NaN where a cycle has none.
    """

    quantity: str
    unit: str
    polarity: int = 0
    device: str = ""
    cycle: Float[np.ndarray, " cycles"]
    values: Float[np.ndarray, " cycles"]

    @property
    def in_decades(self) -> bool:
        """Whether the logarithm is what changes evenly: of everything but voltages."""
        return self.unit != "V"


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How a quantity changes over the cycles.

    Parameters
    ----------
    quantity, unit, polarity, device
        See `Series`.
    n : int
        Cycles with a value.
    first, last : float or None
        Medians of the first and of the last tenth of them, in the unit; None without a value.
    per_decade, per_decade_error : float or None
        Slope against the decadic logarithm of the number of the cycle, and its standard error: in the unit per
        decade of cycles, or decades of the quantity per decade of cycles where it is no voltage. None below ten cycles.
    per_cycle, per_cycle_error : float or None
        The same against the number of the cycle.
    z_per_decade, z_per_cycle : float or None
        Slopes over their standard errors.
    differs : bool or None
        Whether one of the slopes differs from none by 3.3 standard errors; None where there are none.
    """

    quantity: str
    unit: str
    polarity: int
    device: str
    n: int
    first: float | None
    last: float | None
    per_decade: float | None
    per_decade_error: float | None
    z_per_decade: float | None
    per_cycle: float | None
    per_cycle_error: float | None
    z_per_cycle: float | None
    differs: bool | None

    def to_json(self) -> dict:
        """Dictionary of all fields."""
        return asdict(self)


def trend(series: Series) -> Trend:
    """Medians of the first and last tenth of the cycles, and slopes by least squares.

    Parameters
    ----------
    series : Series
        Values by cycle.

    Returns
    -------
    Trend
        Medians in the unit of the series, slopes of the values or, `in_decades`, of their logarithms; None for too few.

    Notes
    -----
    Standard errors allow for values that depend on those of the cycles before: Newey and West [1]_, with the number of
    lags of Andrews [2]_.

    References
    ----------
    .. [1] W. K. Newey, K. D. West, Econometrica 55, 703 (1987), doi:10.2307/1913610.
    .. [2] D. W. K. Andrews, Econometrica 59, 817 (1991), doi:10.2307/2938229.
    """
    known = np.isfinite(series.values)
    if series.in_decades:
        known &= np.where(known, series.values, 0) > 0
    cycle, values = series.cycle[known], series.values[known]
    tenth = max(len(values) // 10, 1)
    fields: dict = {n: getattr(series, n) for n in ("quantity", "unit", "polarity", "device")}
    fields |= {"n": len(values), "first": None, "last": None, "differs": None}
    if len(values):
        fields |= {
            "first": float(np.median(values[:tenth])),
            "last": float(np.median(values[-tenth:])),
        }
    y = np.log10(values) if series.in_decades else values
    enough = len(values) >= LEAST
    for name, x in (("per_decade", np.log10(cycle)), ("per_cycle", cycle)):
        slope, error = slope_of(x, y) if enough else (None, None)
        z = slope / error if slope is not None and error else None
        fields |= {name: slope, f"{name}_error": error, f"z_{name}": z}
    scores = [abs(fields[n]) for n in ("z_per_decade", "z_per_cycle") if fields[n] is not None]
    if enough:
        fields["differs"] = bool(scores) and max(scores) > Z_LIMIT
    return Trend(**fields)


def slope_of(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Slope of a straight line by least squares, and its standard error where residuals are correlated.

    Parameters
    ----------
    x, y : Float[np.ndarray, "n"]
        Abscissae, ascending, and values.

    Returns
    -------
    tuple of two float
        Slope and its standard error, in the unit of `y` over that of `x`.
    """
    if np.ptp(y) == 0:  # rounding is no trend
        return 0.0, 0.0
    n, z = len(x), x - np.mean(x)
    slope = float(z @ y / (z @ z))
    residuals = y - np.mean(y) - slope * z
    score = z * residuals
    power = float(score @ score)
    if power == 0:
        return slope, 0.0
    rho = float(np.clip(score[1:] @ score[:-1] / power, -0.97, 0.97))
    # Andrews, eq. 6.4, for Bartlett weights and an autoregression of first order.
    alpha = 4 * rho**2 / ((1 - rho) ** 2 * (1 + rho) ** 2)
    lags = min(int(1.1447 * (alpha * n) ** (1 / 3)), n // 4)
    for k in range(1, lags + 1):
        power += 2 * (1 - k / (lags + 1)) * float(score[k:] @ score[:-k])
    return slope, float(np.sqrt(max(power, 0.0) * n / (n - 2))) / float(z @ z)


def series_of_sweeps(data: Sequence[Sweeps], events: Sequence[Sequence[Switching]]) -> list[Series]:
    """Switching and hold voltage, on and off resistance of each polarity, over the sweeps of one device.

    Parameters
    ----------
    data : sequence of Measurement
        Files of one device, in the order in which they were measured.
    events : sequence of sequences of Switching
        What `switching` reads off each of them.

    Returns
    -------
    list of Series
        At most four for each polarity. Cycles are numbered from 1 on by the labels of the sweeps, those of a file
        behind those of the one before.

    Notes
    -----
    The off resistance is :math:`|v/i|` on the way out at the first point from half of the median switching voltage on,
    of excursions that had not switched there. The on resistance is its median on the way back while the device is on,
    without points at the current limit and within 2 % of the largest voltage from rest.
    """
    series = []
    numbers = [_numbers(d.sweep) for d in data]
    starts = np.cumsum([0, *(max(n.values(), default=0) for n in numbers)])
    for sign in (1, -1):
        whole = [
            [e for e in complete_excursions(list(file)) if e.polarity == sign] for file in events
        ]
        thresholds = [e.v_th for file in whole for e in file if e.v_th is not None]
        read = 0.5 * float(np.median(thresholds)) if thresholds else None
        rows: list[tuple[float, ...]] = []
        for measured, file, places, start in zip(data, whole, numbers, starts, strict=False):
            # An imposed current has no resistance at one voltage.
            imposed = getattr(measured, "driven", "voltage") == "current"
            resistances = {} if imposed else _resistances(measured, file, sign, read)
            for e in file:
                pair = resistances.get(e.sweep, (np.nan, np.nan))
                hold = e.v_hold if e.switched else None
                voltages = [np.nan if x is None else x for x in (e.v_th, hold)]
                rows.append((float(start + places[e.sweep]), *voltages, *pair))
        if not rows:
            continue
        cycle, *columns = np.array(sorted(rows)).T
        for name, unit, values in zip(
            ("v_th", "v_hold", "r_on", "r_off"), ("V", "V", "ohm", "ohm"), columns, strict=True
        ):
            series.append(
                Series(quantity=name, unit=unit, polarity=sign, cycle=cycle, values=values)
            )
    return series


def _numbers(sweep: Int[np.ndarray, " points"]) -> dict[int, int]:
    """Number of each sweep's cycle, from 1 on: by its label."""
    labels = np.unique(sweep)
    return {int(label): int(label - labels[0]) + 1 for label in labels}


def _resistances(
    data: Sweeps, events: Sequence[Switching], sign: int, read: float | None
) -> dict[int, tuple[float, float]]:
    """On and off resistance [ohm] of each sweep at one polarity; NaN where one was not seen."""
    order = np.argsort(data.sweep, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(data.sweep[order])) + 1)
    known = {e.sweep: e for e in events}
    limited = getattr(data, "at_compliance", np.zeros(len(data.v), bool))
    resistances = {}
    for rows in groups:
        label = int(data.sweep[rows[0]])
        for part in excursions(data.v[rows]):
            at = rows[part]
            if label in known and np.sign(data.v[at][np.argmax(np.abs(data.v[at]))]) == sign:
                v, i = np.abs(data.v[at]), np.abs(data.i[at])
                resistances[label] = _pair(v, i, limited[at], known[label], part.start, read)
    return resistances


def _pair(
    v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"], limited: Bool[np.ndarray, " points"],
    event: Switching, start: int, read: float | None,
) -> tuple[float, float]:  # fmt: skip
    """On and off resistance [ohm] of one excursion."""
    peak, rows = turn(v, limited), np.arange(len(v))
    ends = [len(v) if k is None else k - start for k in (event.rise, event.release)]
    clear = ~limited & (i > 0) & (v > _AT_REST * np.max(v))
    on = clear & (rows > peak) & (rows < ends[1]) if event.switched else np.zeros(len(v), bool)
    off = np.flatnonzero(clear & (rows <= peak) & (rows < ends[0]) & (v >= (read or np.inf)))
    with np.errstate(over="ignore"):
        r_on = float(np.median(v[on] / i[on])) if on.any() else np.nan
        r_off = float(v[off[0]] / i[off[0]]) if off.size else np.nan
    return r_on, r_off
