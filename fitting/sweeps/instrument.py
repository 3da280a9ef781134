"""The instrument as a part of the model: quantities of the bench that a fit of sweeps estimates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.circuit import build_system
from memjax.core.fields import AbstractComposite, parameter_specs
from memjax.core.scaling import Scaled
from memjax.data.zero_reading import ChargingReading, ZeroReading, charging_reading, zero_reading
from memjax.errors import DataError

from ..constants import FREE_BENCH
from .summary import Waveform

OFFSETS = ("offset_current", "offset_voltage")
"""Fields that may have either sign."""

PART = "bench"
"""Name of the part, and beginning of the names of its parameters."""

_RANGE = 0.5
"""Offsets are sought within this share of the largest current or voltage, and twice what the data show."""

_SERIES, _SHUNT, _CHARGE = 0.1, 10.0, 0.01
"""Starts where the data show nothing: share of the least, multiple of the largest resistance, and share of the current
that charges a capacitance."""

_SHOWN = 0.01
"""Share of the largest voltage at which the current passes zero from which on that is an offset."""

_RATES = 2.0
"""Factor between the rates of sweeps from which on a capacitance shows in their difference."""

_NEAR = 0.2
"""Relative scatter of starts of an offset, which the data show."""

_ABSENT = 1e-3
"""Ratio to the device of a quantity that acts on nothing: of a series to its resistance, of its to a shunt."""


class BenchQuantities(eqx.Module):
    """Quantities of a bench as parameters; those that are None are not fitted.

    Parameters
    ----------
    series_resistance, parallel_resistance, parallel_capacitance, offset_current, offset_voltage
        See `memjax.Bench`.
    """

    series_resistance: Any = mj.param(
        None, unit="ohm", bounds=(1e-3, 1e13), doc="Resistance between source and device."
    )
    parallel_resistance: Any = mj.param(
        None, unit="ohm", bounds=(1e-1, 1e17), doc="Resistance across the device."
    )
    parallel_capacitance: Any = mj.param(
        None, unit="F", bounds=(1e-18, 1e-1), doc="Capacitance across the device."
    )
    offset_current: Any = mj.param(
        None,
        unit="A",
        bounds=(-np.inf, np.inf),
        doc="What the instrument adds to the current that it reads.",
    )
    offset_voltage: Any = mj.param(
        None,
        unit="V",
        bounds=(-np.inf, np.inf),
        doc="What the terminals have beyond the voltage that the instrument says.",
    )


class DeviceOnBench(AbstractComposite):
    """A device, under its own names, with quantities of its bench as ``bench.NAME``.

    Parameters
    ----------
    device : AbstractDevice
        The device.
    quantities : BenchQuantities
        What is fitted of the bench.
    """

    device: mj.AbstractDevice
    quantities: BenchQuantities

    @property
    def parts(self) -> Mapping[str, Any]:
        return {"": self.device, PART: self.quantities}

    @property
    def name(self) -> str:
        """Name of the device's model."""
        return self.device.name

    @property
    def volatile(self) -> bool:
        """Whether the device forgets its state."""
        return self.device.volatile

    @property
    def states(self) -> tuple:
        """States of the device."""
        return self.device.states


def device_of(model: Any) -> Any:
    """The device of a device on its bench; anything else as it is."""
    return model.device if isinstance(model, DeviceOnBench) else model


def bench_of(model: Any, bench: mj.Bench) -> mj.Bench:
    """A bench with the quantities that a device on its bench has."""
    if not isinstance(model, DeviceOnBench):
        return bench
    values = {f.name: getattr(model.quantities, f.name) for f in fields(model.quantities)}
    return replace(bench, **{n: x for n, x in values.items() if x is not None})


def parameter_names(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that are of the device."""
    return tuple(n for n in names if not n.startswith(f"{PART}."))


def quantity_names(names: Sequence[str]) -> tuple[str, ...]:
    """Fields of the bench among the names of free parameters."""
    return tuple(n.removeprefix(f"{PART}.") for n in names if n.startswith(f"{PART}."))


def with_numbers(bench: mj.Bench) -> mj.Bench:
    """A bench whose quantities are floats, as a user states them."""
    values = {n: getattr(bench, n) for n in FREE_BENCH.values()}
    return replace(bench, **{n: float(x) for n, x in values.items() if x is not None})


def free_quantities(names: Sequence[str], model: Any, driven: str) -> tuple[str, ...]:
    """Fields of the bench by the words of a user.

    Parameters
    ----------
    names : sequence of str
        Words of `FREE_BENCH`, or names of fields.
    model : AbstractDevice or Circuit
        What is fitted.
    driven : {"voltage", "current"}
        What the source imposed.

    Raises
    ------
    DataError
        For other words, a circuit, and what sweeps of a current do not show.
    """
    known = FREE_BENCH | {n: n for n in FREE_BENCH.values()}
    if unknown := [n for n in names if n not in known]:
        what = f"unknown quantity {', '.join(map(repr, unknown))}"
        raise DataError(what, where="--free-bench", allowed=", ".join(FREE_BENCH))
    if names and not isinstance(model, mj.AbstractDevice):
        what = "a bench around a circuit"
        fix = "make its elements part of the circuit, and name them with --free"
        raise DataError(what, where="--free-bench", allowed="devices", fix=fix)
    chosen = tuple(dict.fromkeys(known[n] for n in names))
    if driven == "current" and "offset_current" in chosen:
        what = "offset_current of a current that was imposed"
        allowed = ", ".join(n for n in FREE_BENCH if n != "offset_current")
        raise DataError(what, where="--free-bench", allowed=allowed)
    return chosen


@dataclass(frozen=True, kw_only=True)
class BenchStart:
    """Where quantities of a bench start, and what bounds a search has.

    Parameters
    ----------
    values : dict of str to float
        Starts by field [SI].
    bounds : dict of str to (float, float)
        Bounds of offsets by field [SI].
    """

    values: dict[str, float]
    bounds: dict[str, tuple[float, float]]

    def around(self, device: mj.AbstractDevice) -> DeviceOnBench:
        """A device with these quantities."""
        model = DeviceOnBench(device, BenchQuantities(**self.values))
        bounds = {f"{PART}.{n}": b for n, b in self.bounds.items()}
        return mj.params.with_bounds(model, bounds)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(f"{PART}.{n}" for n in self.values)

    def scatter(self, rng: np.random.Generator) -> dict[str, float]:
        """Values of another start by name of the parameter [SI]."""
        drawn = {}
        for name, value in self.values.items():
            if name in OFFSETS:
                low, high = self.bounds[name]
                moved = value + _NEAR * rng.normal() * max(abs(value), 0.01 * (high - low))
                drawn[f"{PART}.{name}"] = float(np.clip(moved, 0.99 * low, 0.99 * high))
            else:
                drawn[f"{PART}.{name}"] = float(value * np.exp(rng.normal()))
        return drawn


def start_of_bench(
    quantities: Sequence[str],
    measurements: Sequence[mj.Measurement],
    waves: Sequence[Waveform],
    floor: float,
    bench: mj.Bench,
) -> BenchStart:
    """Starts of quantities of a bench: stated values, else what the data show.

    Parameters
    ----------
    quantities : sequence of str
        Fields of the bench.
    measurements, waves, floor
        Data of one device, their waveforms, and the floor of their responses [A or V].
    bench : Bench
        Values that are stated start there [SI].
    """
    evidence = Evidence.of(measurements, waves, floor)
    values, bounds = {}, {}
    for name in quantities:
        stated = getattr(bench, name)
        values[name] = evidence.start(name) if stated is None else float(stated)
        if name in OFFSETS:
            size = evidence.bound(name)
            # A power of two: data of about one size then share compiled programs.
            widest = float(2.0 ** np.ceil(np.log2(max(size, 2 * abs(values[name])))))
            bounds[name] = (-widest, widest)
    return BenchStart(values=values, bounds=bounds)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the data show of the instrument.

    Parameters
    ----------
    zeros : tuple of ZeroReading
        Readings at 0 V of each measurement that has them.
    charging : ChargingReading or None
        Capacitance that these show.
    zero_voltage : float or None
        Median voltage at which the current passes zero [V].
    resistance : (float, float)
        Least and largest modulus of the voltage over the current [ohm].
    current, voltage : float
        Largest moduli [A], [V].
    rates : (float, float)
        Least and largest rate of the sweeps [V/s].
    """

    zeros: tuple[ZeroReading, ...]
    charging: ChargingReading | None
    zero_voltage: float | None
    resistance: tuple[float, float]
    current: float
    voltage: float
    rates: tuple[float, float]

    @classmethod
    def of(
        cls, measurements: Sequence[mj.Measurement], waves: Sequence[Waveform], floor: float
    ) -> "Evidence":
        """What measurements and their waveforms show."""
        sizes = [w.sizes(floor) for w in waves]
        v, i = (np.concatenate([s[k] for s in sizes]) for k in (0, 1))
        clear = (v > 0.1 * np.max(v)) & (i > 0)
        ratios = v[clear] / i[clear] if clear.any() else np.ones(1)
        # Out and back: each excursion runs through the largest voltage twice.
        rates = [2 * np.max(w.sizes(floor)[0]) * len(w.legs) / w.rows[-1] for w in waves]
        zeros = tuple(z for m in measurements if (z := zero_reading(m)) is not None)
        return cls(
            zeros=zeros,
            charging=charging_reading(*measurements),
            zero_voltage=_zero_voltage(measurements),
            resistance=(float(np.min(ratios)), float(np.max(ratios))),
            current=float(np.max(i)),
            voltage=float(np.max(v)),
            rates=(float(np.min(rates)), float(np.max(rates))),
        )

    def start(self, name: str) -> float:
        """Start of a quantity of the bench, by field [SI]."""
        starts: dict[str, Callable[[], float]] = {
            "series_resistance": lambda: _SERIES * self.resistance[0],
            "parallel_resistance": lambda: _SHUNT * self.resistance[1],
            "parallel_capacitance": self._capacitance,
            "offset_current": lambda: float(np.median([z.offset for z in self.zeros] or [0.0])),
            "offset_voltage": lambda: -(self.zero_voltage or 0.0),
        }
        return _inside(name, starts[name]())

    def absent(self, name: str) -> float:
        """A value of a quantity of the bench that acts on nothing, or next to it beside its bounds [SI]."""
        least, largest = self.resistance
        return _inside(
            name,
            {
                "series_resistance": _ABSENT * least,
                "parallel_resistance": largest / _ABSENT,
                "parallel_capacitance": _ABSENT * self.current / self.rate,
            }.get(name, 0.0),
        )

    def shows(self, name: str) -> bool:
        """Whether the readings where voltage or current are zero show an offset or a capacitance."""
        if name == "parallel_capacitance":
            return self.charging is not None and self.charging.is_clear
        if name == "offset_voltage":
            return bool(abs(self.zero_voltage or 0.0) > _SHOWN * self.voltage)
        return name == "offset_current" and any(z.is_offset for z in self.zeros)

    @property
    def rate(self) -> float:
        """Largest rate of the sweeps [V/s]."""
        return self.rates[1]

    @property
    def has_rates(self) -> bool:
        """Whether sweeps had rates that differ much."""
        return bool(self.rates[1] > _RATES * self.rates[0])

    @property
    def shows_some(self) -> bool:
        """Whether readings at zero show anything of the instrument."""
        return self.has_rates or any(self.shows(n) for n in (*OFFSETS, "parallel_capacitance"))

    def bound(self, name: str) -> float:
        """Largest modulus of an offset in a search [SI]."""
        return _RANGE * (self.current if name == "offset_current" else self.voltage)

    def _capacitance(self) -> float:
        """Capacitance that the currents at 0 V show, or one that takes a hundredth of the current [F]."""
        if self.charging is not None and self.charging.is_clear:
            return self.charging.capacitance
        return _CHARGE * self.current / self.rate


def _inside(name: str, value: float) -> float:
    """A value within the bounds of a quantity of the bench, by a factor of two where it lies beyond [SI]."""
    low, high = parameter_specs(BenchQuantities(**{name: value}))[name].bounds
    return value if name in OFFSETS else float(np.clip(value, 2 * low, high / 2))


def _zero_voltage(measurements: Sequence[mj.Measurement]) -> float | None:
    """Median voltage at which the current passes zero [V]; None where it never does, or its sign is lost."""
    voltages = []
    for m in measurements:
        passes = (m.sweep[1:] == m.sweep[:-1]) & (m.i[1:] * m.i[:-1] < 0)
        share = -m.i[:-1][passes] / np.diff(m.i)[passes]
        voltages.append(m.v[:-1][passes] + share * np.diff(m.v)[passes])
    every = np.concatenate(voltages)
    return float(np.median(every)) if every.size else None


def scaled_under(problem: Any, model: Any, limits: Float[Array, "2"] | None) -> Scaled:
    """Equations of a device under the limits of one waveform [A], or those of the bench."""
    device, bench = device_of(model), bench_of(model, problem.bench)
    if limits is not None:
        negative = None if bench.compliance_negative is None else limits[1]
        bench = replace(bench, compliance=limits[0], compliance_negative=negative)
    return Scaled(build_system(device, bench, problem.group.stimuli.quantity), problem.env)
