"""Set voltage, reset voltage, on- and off-resistance of the cycles of a device that keeps its state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

import memjax as mj
from memjax.circuit import UNLIMITED
from memjax.core.params import scale
from memjax.observables import excursions, loop_closing

from .instrument import device_of
from .learned import is_in_sequence
from .limits import by_wave, limits_of, share_limits
from .problem import Problem
from .summary import Waveform, summarise_sweeps
from .trends import ways

UNITS = {"v_set": "V", "v_reset": "V", "r_on": "ohm", "r_off": "ohm"}
"""What is read off a cycle, and in what unit."""

_LIMITED = 0.99
"""Share of a current limit from which on the source sets the current, and not the device."""

_CYCLES = 2
"""Cycles of each simulated device that count."""

_BEYOND = 1.01
"""Voltage of an excursion in which the device did not set or reset, over the largest voltage."""


@dataclass(frozen=True, kw_only=True)
class Excursion:
    """One excursion of a cycle.

    Parameters
    ----------
    kind : {"set", "reset"}
        What most cycles do in it.
    rows : slice
        Its rows.
    way_out, way_back : Bool[np.ndarray, "rows"]
        Those of its rows at which resistances are read.
    """

    kind: str
    rows: slice
    way_out: Bool[np.ndarray, " rows"]
    way_back: Bool[np.ndarray, " rows"]


class CycleReading:
    r"""Set voltage, reset voltage, on- and off-resistance of cycles of one waveform.

    Parameters
    ----------
    v : Float[np.ndarray, "rows"]
        Applied voltage [V].
    i : Float[np.ndarray, "cycles rows"]
        Measured current of each cycle [A], or its modulus: these say which excursion sets and which resets.
    limits : (float, float)
        Current limit at positive and at negative voltage [A], infinite where there is none.

    Notes
    -----
    A voltage is that of `memjax.observables.loop_closing`, and 1.01 times the largest one where a cycle does not set,
    or reset; the state that it has not made has no resistance then. A resistance is the median of \|v / i\| between 0.1
    and 0.4 of the largest voltage, off the current limit, on the way out of the excursion that ends the state; where
    there is no such excursion, on the way back of the one that makes it. Of several excursions of one kind that with
    the widest loop counts.
    """

    def __init__(
        self,
        v: Float[np.ndarray, " rows"],
        i: Float[np.ndarray, "cycles rows"],
        limits: tuple[float, float],
    ):
        self.v, self.cycles = np.asarray(v, float), i
        self.limit = np.where(self.v < 0, limits[1], limits[0])
        widest: dict[str, tuple[float, Excursion]] = {}
        for rows in excursions(self.v):
            closings = [loop_closing(self.v[rows], x[rows]) for x in i]
            kinds = [c.kind for c in closings if c is not None]
            if 2 * len(kinds) <= len(closings):
                continue  # most cycles neither set nor reset here
            kind = max(sorted(set(kinds)), key=kinds.count)
            part = self._excursion(kind, rows)
            ratios = np.log([_resistances(self.v, x, part) for x in i]) @ [1.0, -1.0]
            opening = abs(float(np.median(ratios)))
            if kind not in widest or opening > widest[kind][0]:
                widest[kind] = opening, part
        self.parts = {kind: part for kind, (_, part) in sorted(widest.items(), reverse=True)}
        names = tuple(n for n in UNITS if n.startswith("r_") or n[2:] in self.parts)
        self.names = names if self.parts else ()

    def _excursion(self, kind: str, rows: slice) -> Excursion:
        way_out, way_back = ways(np.abs(self.v[rows]))
        return Excursion(kind=kind, rows=rows, way_out=way_out, way_back=way_back)

    @property
    def begins(self) -> str:
        """What a cycle does first, ``"set"`` or ``"reset"``."""
        return min(self.parts, key=lambda kind: self.parts[kind].rows.start)

    @property
    def closed(self) -> bool:
        """Whether a cycle sets and resets, so that the next one goes on from its end."""
        return len(self.parts) == 2

    def resolution(self, values: Float[np.ndarray, "cycles names"]) -> Float[np.ndarray, " names"]:
        """Step of the readings of such values, in natural logarithms: voltages come in the steps of the waveform."""
        step = float(np.median(np.abs(np.diff(self.v))))
        in_steps = np.array([UNITS[n] == "V" for n in self.names])
        return np.where(in_steps, step / np.median(values, axis=0), 0.0)

    def __call__(self, i: Float[np.ndarray, "... rows"]) -> Float[np.ndarray, "... names"]:
        """What currents [A] show [V, ohm]; NaN where no resistance can be read."""
        flat = np.asarray(i).reshape(-1, len(self.v))
        # The source sets a current at its limit.
        clear = np.where(np.abs(flat) < _LIMITED * self.limit, flat, np.nan)
        values = [self._of_cycle(x, y) for x, y in zip(flat, clear, strict=True)]
        return np.array(values).reshape(*np.shape(i)[:-1], len(self.names))

    def _of_cycle(self, i: np.ndarray, clear: np.ndarray) -> list[float]:
        """Values of one cycle; `clear` are currents off the limit."""
        values: dict[str, float] = {}
        lost = ""
        for kind, part in self.parts.items():
            v = self.v[part.rows]
            closing = loop_closing(v, i[part.rows])
            never = _BEYOND * float(np.max(np.abs(v)))
            values[f"v_{kind}"] = never if closing is None or closing.kind != kind else closing.v
            out, back = _resistances(self.v, clear, part)
            before, after = ("r_off", "r_on") if kind == "set" else ("r_on", "r_off")
            # Each way out shows the state that the excursion ends; the way back counts where no other one ends it.
            values[before] = out
            values.setdefault(after, back)
            if kind == self.begins and values[f"v_{kind}"] == never:
                lost = after
        # The excursion that follows shows no state that this cycle made.
        values |= {lost: np.nan} if self.closed and lost else {}
        return [values[n] for n in self.names]


def _resistances(v: np.ndarray, i: np.ndarray, part: Excursion) -> tuple[float, float]:
    """Resistances on the way out and on the way back of an excursion [ohm]; NaN where none is read."""
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.abs(v[part.rows] / i[part.rows])
    pair = []
    for mask in (part.way_out, part.way_back):
        known = r[mask & np.isfinite(r)]
        pair.append(float(np.median(known)) if known.size else np.nan)
    return pair[0], pair[1]


def cycle_values(measurement: mj.Measurement) -> dict[str, Float[np.ndarray, " sweeps"]]:
    """What each sweep shows by itself [V, ohm]; NaN where it shows none, and nothing of what no sweep shows."""
    table = {n: np.full(len(measurement.labels), np.nan) for n in UNITS}
    limits = measurement.limits()
    for k, (_, sweep) in enumerate(measurement.sweeps()):
        reading = CycleReading(sweep.applied, sweep.i[None], (limits[k, 0], limits[k, 1]))
        for name, value in zip(reading.names, reading(sweep.i), strict=True):
            table[name][k] = value
    return {n: x for n, x in table.items() if np.isfinite(x).any()}


@dataclass(frozen=True, kw_only=True)
class CycleSimulation:
    """Simulated cycles of one waveform, one after the other, whose parameters are drawn anew in each.

    Parameters
    ----------
    wave : Waveform
        What is applied.
    bench, env
        What stands around the device.
    values : dict of str to float
        Current limits that are those of the waveform and not of the bench [A].
    carried : bool
        Whether a cycle goes on from the end of the one before; the first one of each device is then left out.
    members, cycles : int
        Devices, and cycles of each that count.
    """

    wave: Waveform
    bench: mj.Bench
    env: mj.Environment | None
    values: Mapping[str, float]
    carried: bool
    members: int
    cycles: int

    @property
    def shape(self) -> tuple[int, int]:
        """Devices, and cycles of each with those that are left out."""
        return self.members, self.cycles + self.carried

    def __call__(self, device: Any, factors: Mapping[str, Any]) -> mj.Trace:
        """The cycles, with factors of parameters of shape `shape`; failed members are in it, see `memjax.Trace.good`.

        Those that count have the labels 0, 1, ...
        """
        values = {n: jnp.full(self.shape, x) for n, x in self.values.items()}
        values |= scale(device, factors)
        count, wave = self.shape[1], self.wave
        output = mj.Output(labels=range(-int(self.carried), self.cycles), on_failure="ignore")
        conditions = mj.Conditions(env=self.env, values=values, carry_state=self.carried)
        options: dict[str, Any] = dict(bench=self.bench, conditions=conditions, output=output)
        options |= {"members": self.members, "deterministic": True}
        return mj.simulate(device, [wave.stimulus] * count, save=[wave.rows] * count, **options)

    def counted(self, trace: mj.Trace) -> Float[np.ndarray, "members cycles rows"]:
        """Currents of the cycles that count [A]; NaN of members that were not solved."""
        good = (np.asarray(trace.result) == 0).reshape(self.members, -1).all(axis=1)
        i = np.asarray(trace.i).reshape(*self.shape, -1)[:, self.shape[1] - self.cycles :]
        return np.where(good[:, None, None], i, np.nan)


def cycles_of(
    waves: Sequence[Waveform],
    problem: Problem,
    *,
    count: int,
    measurements: Sequence[mj.Measurement],
    point_time: float | None,
) -> tuple[CycleReading, CycleSimulation]:
    """What is read off the cycles of the waveform that has the most, and how so many are simulated.

    Which excursions set and which reset is as the measured cycles say. Sweeps that were fitted one after the other are
    single ones again, of which those of one waveform are cycles.
    """
    limits, bench = problem.group.limits, problem.bench
    if is_in_sequence(device_of(problem.device)):
        waves = summarise_sweeps(
            share_limits(measurements, mj.Bench()),
            point_time=point_time,
            floor=float(problem.group.floor),
            thresholds=waves[0].thresholds,
        )
        limits = None if limits is None else np.minimum([w.limits for w in waves], UNLIMITED)
    k = max(range(len(waves)), key=lambda n: waves[n].n_sweeps)
    wave = waves[k]
    at = None if limits is None else np.asarray(limits)[k : k + 1]
    if at is not None:
        named = float(at[0, 0]), float(at[0, 1])
    else:
        named = limits_of(bench) or wave.limits
    current = 10**wave.log_response - float(problem.group.floor)
    reading = CycleReading(wave.v, current, named)
    simulation = CycleSimulation(
        wave=wave,
        bench=bench,
        env=problem.env,
        values={n: float(x[0]) for n, x in by_wave(bench, at).items()},
        carried=reading.closed,
        members=max(-(-count // _CYCLES), 8),
        cycles=_CYCLES,
    )
    return reading, simulation
