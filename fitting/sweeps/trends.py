"""What each cycle shows, against its number: voltages, resistances and energy, with a test for a trend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

import memjax as mj
from memjax.data import features
from memjax.observables import (
    Thresholds,
    complete_excursions,
    excursions as parts_of,
    loop_closing,
    switching,
)

# Shares of the largest applied value between which resistances are read, see `ways`.
_READ = 0.1, 0.4

SURE = 0.01
"""Probability below which a trend is called one."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One quantity of every cycle to one polarity.

    Parameters
    ----------
    name, unit : str
        What it is.
    polarity : int
        +1 or -1.
    cycle : Float[np.ndarray, "cycles"]
        Number of the cycle, from 0, in the order of the measurement.
    values : Float[np.ndarray, "cycles"]
        NaN where a cycle shows none.
    tau, p : float or None
        Kendall's rank correlation with the number of the cycle, and its probability without a trend [1]_; None of fewer
        than 8 values, or where all are one.

    References
    ----------
    .. [1] M. G. Kendall, Biometrika 30, 81 (1938), doi:10.1093/biomet/30.1-2.81
    """

    name: str
    unit: str
    polarity: int
    cycle: Float[np.ndarray, " cycles"]
    values: Float[np.ndarray, " cycles"]
    tau: float | None
    p: float | None

    def __str__(self) -> str:
        if self.tau is None or self.p is None:
            return "too few values for a trend, or all alike"
        if self.p > SURE:
            return f"no trend (p = {self.p:.2g})"
        return f"{'rises' if self.tau > 0 else 'falls'} (tau = {self.tau:+.2f}, p = {self.p:.1g})"


def trends(
    data: mj.Measurement, *, non_volatile: bool | None = None, thresholds: Thresholds | None = None
) -> list[Series]:
    """Voltages, resistance on the way out and back, and energy of every excursion, in both polarities.

    Whether the device keeps its state is as the data say, thresholds are the published ones, by default; a quantity
    that no cycle shows is left out.

    Notes
    -----
    Voltages are those of switching and return; of a device that keeps its state those of set and reset.
    Resistances are medians of v / i between a tenth and four tenths of the largest applied value, off the current
    limit. The energy is the integral of v i dt by trapezoids, where there is a time.
    """
    series: list[Series] = []
    excursions = of_excursions(data)
    readings = complete_excursions(switching(data, **(thresholds or Thresholds()).options))
    number = {int(n): k for k, n in enumerate(data.labels)}
    non_volatile = keeps_state(data) if non_volatile is None else non_volatile
    for polarity in (1, -1):
        rows = [(number[x["sweep"]], x) for x in excursions if x["polarity"] == polarity]
        table: dict[tuple[str, str], list[tuple[int, float | None]]] = {}
        if non_volatile:
            for kind in ("set", "reset"):
                closed = [(k, x["closing"]) for k, x in rows]
                pairs = [(k, c.v if c is not None and c.kind == kind else None) for k, c in closed]
                table[f"{kind} voltage", "V"] = pairs
        else:
            numbered = [(number[f.sweep], f) for f in readings if f.polarity == polarity]
            table["switching voltage", "V"] = [(k, f.v_th) for k, f in numbered]
            table["hold voltage", "V"] = [
                (k, f.v_hold if f.switched else None) for k, f in numbered
            ]
        for name, unit, key in (
            ("resistance, way out", "ohm", "out"),
            ("resistance, way back", "ohm", "back"),
            ("energy", "J", "energy"),
        ):
            table[name, unit] = [(k, x[key]) for k, x in rows]
        series += [_series(*name, polarity, pairs) for name, pairs in table.items()]
    return [s for s in series if np.isfinite(s.values).any()]


def keeps_state(data: mj.Measurement) -> bool:
    """Whether a device keeps its state, so that it sets and resets: see `memjax.data.features`."""
    shown = features(data)
    return shown is not None and shown.volatile is False


def values_of(series: Sequence[Series], name: str) -> Float[np.ndarray, " cycles"]:
    """What cycles show of a quantity, both polarities together."""
    parts = [s.values[np.isfinite(s.values)] for s in series if s.name == name]
    return np.concatenate([np.zeros(0), *parts])


def _series(
    name: str, unit: str, polarity: int, pairs: Sequence[tuple[int, float | None]]
) -> Series:
    cycle = np.array([k for k, _ in pairs], float)
    values = np.array([np.nan if x is None else x for _, x in pairs], float)
    known = np.isfinite(values)
    tau = p = None
    if known.sum() >= 8 and np.ptp(values[known]) > 0:
        test: Any = stats.kendalltau(cycle[known], values[known])
        tau, p = float(test.statistic), float(test.pvalue)
    return Series(name=name, unit=unit, polarity=polarity, cycle=cycle, values=values, tau=tau, p=p)


def ways(
    size: Float[np.ndarray, " rows"],
) -> tuple[Bool[np.ndarray, " rows"], Bool[np.ndarray, " rows"]]:
    """Rows at which resistances of an excursion are read, by the moduli of what is applied: way out, way back."""
    peak = int(np.argmax(size))
    read = (size >= _READ[0] * size[peak]) & (size <= _READ[1] * size[peak])
    back = np.arange(len(size)) > peak
    return read & ~back, read & back


def of_excursions(data: mj.Measurement) -> list[dict[str, Any]]:
    """Sweep, polarity, resistances, closing and energy of each excursion of what is driven."""
    out = []
    for label, sweep in data.sweeps():
        applied = sweep.applied
        for part in parts_of(applied):
            v, i, size = sweep.v[part], sweep.i[part], np.abs(applied[part])
            peak = int(np.argmax(size))
            clear = (i != 0) & ~sweep.at_compliance[part]
            way_out, way_back = ways(size)
            resistance = np.abs(np.divide(v, i, out=np.full(len(v), np.nan), where=i != 0))
            time = None if sweep.t is None else sweep.t[part]
            out.append({
                "sweep": label,
                "polarity": 1 if applied[part][peak] >= 0 else -1,
                "out": _median(resistance[way_out & clear]),
                "back": _median(resistance[way_back & clear]),
                "closing": loop_closing(v, i) if data.driven == "voltage" else None,
                "energy": None if time is None else float(np.trapezoid(np.abs(v * i), time)),
            })  # fmt: skip
    return out


def _median(x: np.ndarray) -> float | None:
    return float(np.median(x)) if x.size else None
