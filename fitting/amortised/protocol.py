"""What was applied to each device, when it was read and how well, and measurements on that grid of times."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

import memjax as mj
from memjax.errors import DataError
from memjax.observables import Thresholds, find_thresholds
from memjax.simulate import waveform

from ..sweeps.limits import limits_of, same_limits
from ..sweeps.summary import noise_floor, same_waveform, summarise_sweeps
from ..sweeps.variability import read_noise

TOLERANCE = 0.02
"""Share of the range of a waveform by which the voltage of a measurement may differ from that of the protocol."""

_SEVERAL = 4  # sweeps of a waveform whose scatter about their median is that of reading them
_DURATION = 0.01  # share of the duration of a sweep by which that of a measurement may differ


@dataclass(frozen=True, kw_only=True)
class SweepProtocol:
    """Sweeps that every device goes through, and the instrument that reads them.

    Parameters
    ----------
    stimuli : tuple of memjax.Sampled
        Waveforms that differ.
    rows : tuple of Float[np.ndarray, "rows"]
        When the current is read, of each waveform [s from the start of the sweep].
    order : tuple of int
        Which waveform each sweep applies, in the order of the sweeps.
    bench : memjax.Bench
        What stands around the device.
    env : memjax.Environment or None
        Temperature.
    relative : float
        Standard deviation of ln of a current that is read.
    floor : float
        Standard deviation of what reading adds [A]; also what currents are told apart from.
    resolution : float
        Step of the readings [A]; 0 for none.
    thresholds : memjax.observables.Thresholds
        Currents that mean on and off.
    point_time : float or None
        How long each point is held where a file has no time [s].
    """

    stimuli: tuple[mj.Sampled, ...]
    rows: tuple[Float[np.ndarray, " rows"], ...]
    order: tuple[int, ...]
    bench: mj.Bench
    env: mj.Environment | None = None
    relative: float
    floor: float
    resolution: float = 0.0
    thresholds: Thresholds = Thresholds()
    point_time: float | None = None

    def __post_init__(self):
        numbers = {
            "relative": self.relative,
            "floor": self.floor,
            "resolution": self.resolution,
        }
        for name, x in numbers.items():
            if not 0 <= x < np.inf or (name == "floor" and x == 0):
                allowed = "> 0 A" if name == "floor" else ">= 0"
                raise DataError(f"{name} = {x}", where="SweepProtocol", allowed=allowed)

    @classmethod
    def of(
        cls,
        measurement: mj.Measurement,
        *,
        relative: float | None = None,
        floor: float | None = None,
        resolution: float = 0.0,
        bench: mj.Bench | None = None,
        env: mj.Environment | None = None,
        point_time: float | None = None,
        thresholds: Thresholds | None = None,
    ) -> "SweepProtocol":
        """The protocol of a measured device, which all others share.

        Parameters
        ----------
        measurement : Measurement
            Its sweeps are those that each device goes through.
        relative : float, optional
            Standard deviation of ln of a current that is read; by default what four sweeps or more show.
        floor : float, optional
            Standard deviation of what reading adds [A]; by default the scatter of the lowest currents.
        resolution, bench, env, point_time
            See `SweepProtocol`; the current limit is that of the measurement where the bench names none.
        thresholds : memjax.observables.Thresholds, optional
            By default those that make sense of the measurement.

        Raises
        ------
        DataError
            For driven currents, limits that differ from sweep to sweep, and too few sweeps to tell the read noise.
        StimulusError
            Without time and without `point_time`.
        """
        require_voltage(measurement, where="SweepProtocol")
        stimuli, rows, _ = waveform(measurement, point_time)
        waves: list[int] = []
        order = []
        for k, s in enumerate(stimuli):
            known = (n for n, j in enumerate(waves) if same_waveform(stimuli[j], s))
            number = next(known, None)
            if number is None:
                number = len(waves)
                waves.append(k)
            order.append(number)
        bench = _limited(bench or mj.Bench(), measurement)
        if floor is None:
            floor = noise_floor(measurement)
        if relative is None:
            relative = _read_noise(measurement, point_time, floor)
        return cls(
            stimuli=tuple(stimuli[k] for k in waves),
            rows=tuple(rows[k] for k in waves),
            order=tuple(order),
            bench=bench,
            env=env,
            relative=relative,
            floor=floor,
            resolution=resolution,
            thresholds=thresholds or find_thresholds(measurement),
            point_time=point_time,
        )

    @property
    def gap(self) -> float:
        """Shortest of the median times between two readings [s]."""
        return min(float(np.median(np.diff(r))) for r in self.rows)

    @property
    def edges(self) -> Int[np.ndarray, " edges"]:
        """Where the readings of each sweep begin among those of all, and their number."""
        return np.cumsum([0, *(len(self.rows[k]) for k in self.order)])

    @property
    def voltages(self) -> tuple[Float[np.ndarray, " rows"], ...]:
        """Voltage at each reading, of each waveform [V]."""
        return tuple(np.asarray(s.values) for s in self.stimuli)

    def limit(self) -> Float[np.ndarray, " readings"] | None:
        """Current limit at each reading of all sweeps [A]; None where there is none."""
        limits = limits_of(self.bench)
        if limits is None:
            return None
        by_waveform = [np.where(v < 0, limits[1], limits[0]) for v in self.voltages]
        return np.concatenate([by_waveform[k] for k in self.order])

    def align(self, measurement: mj.Measurement) -> "Aligned":
        """Currents of a measurement at the times of the protocol.

        Raises
        ------
        DataError
            If it is of another waveform, limit or fewer sweeps; it says by how much.
        """
        where = str(getattr(measurement, "source", {}).get("file", "measurement"))
        require_voltage(measurement, where=where)
        self._check_limits(measurement, where)
        labels, applied, notes = measurement.labels, measurement.applied, []
        if len(labels) < len(self.order):
            what = f"{len(labels)} sweeps"
            raise DataError(what, where=where, allowed=f"{len(self.order)}, as the protocol has")
        if extra := len(labels) - len(self.order):
            notes.append(f"{extra} sweeps more than the protocol has were not used")
        currents, lost = [], 0
        for label, k in zip(labels, self.order):
            mask = measurement.sweep == label
            t = None if measurement.t is None else measurement.t[mask]
            times = self._times(t, int(mask.sum()), where)
            self._check_voltage(times, applied[mask], k, f"{where}, sweep {label}")
            i, known = self._interpolated(times, np.abs(measurement.i[mask]), self.rows[k])
            currents.append(i)
            lost += len(i) - known
        i = np.concatenate(currents)
        return Aligned(i=i, lost=lost / len(i), notes=tuple(notes))

    def fill(
        self, i: Float[np.ndarray, "devices readings"]
    ) -> tuple[Float[np.ndarray, "devices readings"], Float[np.ndarray, " devices"]]:
        """Currents [A] with readings that are no numbers filled in, as `align` does, and their share."""
        known, filled = np.isfinite(i), np.abs(i, dtype=float)
        for d in np.flatnonzero(~known.all(axis=1)):
            for k, (a, b) in zip(self.order, itertools.pairwise(self.edges)):
                filled[d, a:b], _ = self._interpolated(self.rows[k], filled[d, a:b], self.rows[k])
        return filled, 1 - known.mean(axis=1)

    def _times(self, t: np.ndarray | None, count: int, where: str) -> np.ndarray:
        """Times of the points of a sweep [s]."""
        if t is not None:
            return t - t[0]
        if self.point_time is None:
            raise DataError("no time column", where=where, fix="train with a time for each point")
        return (np.arange(count) + 1) * self.point_time

    def _check_limits(self, measurement: mj.Measurement, where: str) -> None:
        """Refuse another current limit than the protocol's, where one acted."""
        limits = limits_of(self.bench)
        if not np.any(measurement.at_compliance):
            return
        for pair in np.unique(measurement.limits(), axis=0):
            finite = np.isfinite(pair)
            acting, expected = pair[finite], np.array(limits or (np.inf, np.inf))[finite]
            if not same_limits(acting.tolist(), expected.tolist()):
                allowed = " and ".join(f"{x:g} A" for x in sorted({*(limits or ())})) or "none"
                what = f"a current limit of {min(acting):g} A"
                raise DataError(what, where=where, allowed=f"that of the protocol: {allowed}")

    def _check_voltage(self, t: np.ndarray, v: np.ndarray, k: int, where: str) -> None:
        """Refuse a waveform that differs by more than the tolerance."""
        rows, voltage = self.rows[k], self.voltages[k]
        if abs(t[-1] - rows[-1]) > _DURATION * rows[-1]:
            what = f"a sweep of {t[-1]:.4g} s"
            allowed = f"{rows[-1]:.4g} s to {_DURATION:.0%}, as the protocol has"
            raise DataError(what, where=where, allowed=allowed)
        # Between the values of neighbouring rows: an edge of a pulse may fall anywhere between them.
        after, before = np.append(voltage[1:], voltage[-1]), np.append(voltage[0], voltage[:-1])
        near = np.stack([after, voltage, before])
        excess = np.maximum(near.min(axis=0) - (x := np.interp(rows, t, v)), x - near.max(axis=0))
        share = float(np.max(excess)) / max(float(np.ptp(voltage)), 1e-300)
        if not share <= TOLERANCE:
            what = f"a voltage that differs from the protocol's by {share:.1%} of its range"
            raise DataError(what, where=where, allowed=f"{TOLERANCE:.0%}")

    def _interpolated(
        self, t: np.ndarray, i: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, int]:
        """Moduli of the current at the rows [A], and how many of them lie between points that are numbers."""
        known = np.isfinite(i)
        if not known.any():
            return np.full(len(rows), np.nan), 0
        if len(t) == len(rows) and np.allclose(t, rows, rtol=1e-9, atol=1e-9 * rows[-1]):
            real = known
        else:
            at = np.clip(np.searchsorted(t, rows), 1, len(t) - 1)
            real = known[at] & known[at - 1]
        logs = np.interp(rows, t[known], np.log(i[known] + self.floor))
        return np.maximum(np.exp(logs) - self.floor, 0.0), int(real.sum())


@dataclass(frozen=True, kw_only=True)
class Aligned:
    r"""A measurement at the times of a protocol.

    Parameters
    ----------
    i : Float[np.ndarray, "readings"]
        \|current\| [A], sweep after sweep; of readings that are no number from their neighbours, by the logarithm.
    lost : float
        Share of the readings that are no number.
    notes : tuple of str
        What is to be known of it.
    """

    i: Float[np.ndarray, " readings"]
    lost: float
    notes: tuple[str, ...]


def require_voltage(measurement: Any, *, where: str) -> None:
    """Refuse what is no measurement of driven voltages: statistics are those of currents."""
    if not isinstance(measurement, mj.Measurement):
        kind = type(measurement).__name__
        raise DataError(f"a {kind} in place of a measurement", where=where, allowed="mj.read(path)")
    if measurement.driven != "voltage":
        raise DataError("an imposed current", where=where, allowed="sweeps of the voltage")


def _read_noise(measurement: mj.Measurement, point_time: float | None, floor: float) -> float:
    """Standard deviation of ln of a current that is read, from the steps of sweeps about their median."""
    waves = summarise_sweeps([measurement], point_time=point_time, floor=floor)
    several = [w for w in waves if w.n_sweeps >= _SEVERAL]
    if not several:
        what = f"fewer than {_SEVERAL} sweeps of a waveform say nothing of the read noise"
        fix = "say relative=SIGMA, or --read-noise SIGMA"
        raise DataError(what, where=str(measurement.source.get("file", "measurement")), fix=fix)
    return read_noise(several, floor)["relative"]


def _limited(bench: mj.Bench, measurement: mj.Measurement) -> mj.Bench:
    """The bench with the current limit of the measurement, where it names none."""
    if bench.compliance is not None or not np.any(measurement.at_compliance):
        return bench
    pairs = np.unique(measurement.limits(), axis=0)
    if len(pairs) > 1:
        what = "current limits that differ from sweep to sweep"
        raise DataError(what, where="SweepProtocol", allowed="one limit, or one for each polarity")
    positive, negative = (float(x) if np.isfinite(x) else None for x in pairs[0])
    if positive is None or negative is None:
        return replace(bench, compliance=positive if negative is None else negative)
    return replace(bench, compliance=positive, compliance_negative=negative)


def align_all(
    protocol: SweepProtocol, measurements: Sequence[mj.Measurement | Aligned]
) -> tuple[Float[np.ndarray, "devices readings"], Float[np.ndarray, " devices"], list[list[str]]]:
    """Currents of many devices at the times of the protocol [A], the shares that are no number, and notes."""
    aligned = [m if isinstance(m, Aligned) else protocol.align(m) for m in measurements]
    return (
        np.stack([a.i for a in aligned]),
        np.array([a.lost for a in aligned]),
        [list(a.notes) for a in aligned],
    )
