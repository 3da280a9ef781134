"""What is simulated to read an observable: a slow sweep, a pulse, or a circuit's drive."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax import observables
from memjax.core.watch import Integral
from memjax.errors import DataError

from .target import OF_PULSE, OF_SWEEP, Target

# Rows of a sweep, a pulse or a train: ratios and areas are read off them; switching and spikes are not.
_ROWS = 401
# Spikes that a train has room for; the fewest that have intervals; a last interval so many means long is silence.
_SPIKES, _FEWEST, _SILENT = 256, 3, 3.0


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How numbers of one kind are read off a simulation.

    Parameters
    ----------
    kind : {"sweep", "pulse", "train"}
        Which observables.
    stimulus : AbstractStimulus
        What is driven.
    events : dict of str to Event
        What the solve watches.
    names : tuple of str
        Observables that are wanted, see `fitting.targets.target.UNITS`.
    bench : Bench or None
        Around a device.
    env : Environment or None
        Temperature.
    policy : AbstractPolicy or None
        Of simulations with noise.
    integrals : dict of str to Integral
        What the solve integrates.
    """

    kind: str
    stimulus: mj.AbstractStimulus
    events: dict[str, mj.Event]
    names: tuple[str, ...]
    bench: mj.Bench | None = None
    env: mj.Environment | None = None
    policy: Any = None
    integrals: dict[str, Integral] = field(default_factory=dict)

    @property
    def signal(self) -> str:
        """State that spikes, of a train."""
        return next(iter(self.events.values())).signal

    def begin_of(self, name: str) -> float | None:
        """Time [s] from which a delay or a relaxation counts."""
        pulse: Any = self.stimulus
        if self.kind != "pulse":
            return None
        after = {"delay": 0.0, "relaxation": float(pulse.width)}[name]
        return float(pulse.delay) + after + float(pulse.edge) / 2

    def as_json(self) -> dict[str, Any]:
        """What it drives and watches, for ``fit.json``."""
        return {
            "kind": self.kind,
            "observables": list(self.names),
            "duration_s": float(self.stimulus.duration),
            "corners": len(np.asarray(self.stimulus.breakpoints())),
            "levels": {n: float(e.level) for n, e in self.events.items()},
        }

    @property
    def rows(self) -> Float[np.ndarray, " rows"]:
        """Times of output [s]: even, and the corners."""
        grid = np.linspace(0.0, float(self.stimulus.duration), _ROWS)
        corners = np.asarray(self.stimulus.breakpoints(), float)
        return np.unique(np.concatenate([grid, corners[corners <= grid[-1]]]))

    def simulate(self, device: Any, *, values: Any = None, **options: Any) -> mj.Trace:
        """Members with values of their own under this protocol; options as for `memjax.simulate`."""
        if self.policy is not None and not options.get("deterministic"):
            options["policy"] = self.policy
        return mj.simulate(
            device,
            self.stimulus,
            output=mj.Output(events=self.events, integrals=self.integrals, on_failure="ignore"),
            save=self.rows,
            bench=self.bench,
            conditions=mj.Conditions(env=self.env, values=values),
            **options,
        )

    def read(self, trace: mj.Trace) -> Float[np.ndarray, "members names"]:
        """Observables of each member [their units]; NaN where it does not show them, or its solve failed."""
        reader = {"sweep": self._sweep, "pulse": self._pulse, "train": self._train}[self.kind]
        good = np.asarray(trace.result)[:, 0] == int(mj.Result.successful)
        columns = reader(trace)
        values = np.stack([np.asarray(columns[n], float) for n in self.names], axis=1)
        return np.where(good[:, None] & np.isfinite(values) & (values > 0), values, np.nan)

    def _sweep(self, trace: mj.Trace) -> dict[str, np.ndarray]:
        """Of a triangle: a hold voltage is one of a device that had switched."""
        of_sweep = observables.switching_voltage, observables.hold_voltage
        v_th, v_hold = (np.asarray(f(trace))[:, 0] for f in of_sweep)
        values = {"v_th": v_th, "v_hold": np.where(np.isfinite(v_th), v_hold, np.nan)}
        for name in _ROWS_OF.keys() & set(self.names):
            members = zip(np.asarray(trace.v), np.asarray(trace.i), strict=True)
            # A member whose rows hold no such number, or no numbers at all, does not show it.
            sound = lambda v, i: np.isfinite(v).all() and np.isfinite(i).all()  # noqa: E731
            read = (_ROWS_OF[name](v, i) if sound(v, i) else None for v, i in members)
            values[name] = np.array([np.nan if x is None else x for x in read])
        return values

    def _pulse(self, trace: mj.Trace) -> dict[str, np.ndarray]:
        """Of one pulse: a relaxation is one of a device that had switched."""
        of_pulse = observables.switching_delay, observables.relaxation_time
        delay, after = (np.asarray(f(trace))[:, 0] for f in of_pulse)
        return {"delay": delay, "relaxation": np.where(np.isfinite(delay), after, np.nan)}

    def _train(self, trace: mj.Trace) -> dict[str, np.ndarray]:
        """Of a spike train, and the energy that the driven source gave for each spike."""
        times = np.asarray(observables.spike_times(trace))
        values = self.of_spikes(times)
        if self.integrals:
            energy, count = np.asarray(trace.integrals["energy"]), np.isfinite(times).sum(axis=1)
            energies = energy[:, -1] / np.maximum(count, 1)
            values["energy_per_spike"] = np.where(np.isfinite(values["interval"]), energies, np.nan)
        return values

    def of_spikes(self, times: Float[np.ndarray, "members size"]) -> dict[str, np.ndarray]:
        """Latency, mean interval and its inverse [s, Hz] of spike times [s], infinite beyond the last one.

        A train that falls silent before the end of the drive has neither interval nor rate.
        """
        end, there = float(self.stimulus.duration), np.isfinite(times)
        count, last = there.sum(axis=1), np.max(np.where(there, times, 0.0), axis=1)
        first = np.where(count > 0, times[:, 0], np.nan)
        interval = (last - first) / np.maximum(count - 1, 1)
        going = (count >= _FEWEST) & (end - last < _SILENT * interval)
        interval = np.where(going, interval, np.nan)
        return {"interval": interval, "rate": 1 / interval, "latency": first}


_ROWS_OF = {"on_off": observables.on_off_ratio, "hysteresis_area": observables.hysteresis_area}


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """What the protocols are made of, where the targets do not say.

    Parameters
    ----------
    amplitude, duration : float, optional
        Height [V] and time [s] of the triangle sweep: twice the largest of the wanted voltages, else 1 V; 4 s.
    width : float, optional
        Width of the pulses [s]: ten times the longest wanted delay, else the longest wanted relaxation.
    on_threshold, hold_threshold : float, optional
        Currents that mean on and off [A]: 1e-8 and 1e-11 of sweeps, on at 1e-6 of pulses.
    read_voltage : float
        Before and after a pulse [V]: a relaxation is a fall of the current that it drives.
    stimulus : AbstractStimulus, str or Path, optional
        What drives a circuit; or its file, see `memjax.io.stimulus.load_stimulus`.
    signal : str
        State of a circuit that spikes.
    level, rearm : float, optional
        What a spike rises above, and below which it was before [unit of the signal].
    """

    amplitude: float | None = None
    duration: float = 4.0
    width: float | None = None
    on_threshold: float | None = None
    hold_threshold: float | None = None
    read_voltage: float = 0.1
    stimulus: mj.AbstractStimulus | str | Path | None = None
    signal: str = "gate.v"
    level: float | None = None
    rearm: float | None = None


def protocols_for(
    targets: Sequence[Target], settings: TargetSettings, **surroundings: Any
) -> tuple[tuple[Protocol, ...], list[tuple[int, int]]]:
    """The protocols that the targets need, and for each target its protocol and its place there.

    `surroundings` are bench, environment and policy of each `Protocol`.

    Raises
    ------
    DataError
        For the same target twice, none, or spikes without a drive or a level.
    """
    labels = [t.label for t in targets]
    if not targets or len(set(labels)) < len(labels):
        allowed = "at least one, each once"
        raise DataError(f"targets {', '.join(labels) or 'none'}", where="targets", allowed=allowed)
    groups: dict[tuple, list[Target]] = {}
    for t in targets:
        kind = "sweep" if t.name in OF_SWEEP else "pulse" if t.name in OF_PULSE else "train"
        groups.setdefault((kind, t.voltage), []).append(t)
    protocols, places = [], {}
    for (kind, _), group in groups.items():
        places |= {t.label: (len(protocols), k) for k, t in enumerate(group)}
        make = {"sweep": _sweep_of, "pulse": _pulse_of, "train": _train_of}[kind]
        parts = make(group, settings)
        protocols.append(
            Protocol(kind=kind, names=tuple(t.name for t in group), **parts, **surroundings)
        )
    return tuple(protocols), [places[n] for n in labels]


def _sweep_of(targets: Sequence[Target], settings: TargetSettings) -> dict[str, Any]:
    """Stimulus and events of a triangle."""
    volts = [t.value for t in targets if t.unit == "V"]
    top = settings.amplitude
    if top is None:
        top = 2.0 * max(volts) if volts else 1.0
    stimulus = mj.triangle_sweep(top, 2 * abs(top) / settings.duration)
    on = settings.on_threshold or observables.ON_THRESHOLD
    hold = settings.hold_threshold or observables.HOLD_THRESHOLD
    events = observables.switching_events(stimulus, on_threshold=on, hold_threshold=hold)
    return {"stimulus": stimulus, "events": events}


def _pulse_of(targets: Sequence[Target], settings: TargetSettings) -> dict[str, Any]:
    """Stimulus and events of one pulse, and as long a look at what follows as the wanted relaxation needs."""
    values = {t.name: t.value for t in targets}
    relaxation, height = values.get("relaxation", 0.0), float(targets[0].voltage or 0.0)
    width = settings.width or 10 * values.get("delay", relaxation / 10)
    period = width + 10 * max(relaxation, width / 10)
    base = float(np.copysign(settings.read_voltage, height)) if relaxation else 0.0
    stimulus = mj.PulseTrain(height, width, period, delay=width / 10, edge=width / 1e4, base=base)
    events = observables.pulse_events(
        stimulus, on_threshold=settings.on_threshold or observables.ON_CURRENT
    )
    return {"stimulus": stimulus, "events": events}


def _train_of(targets: Sequence[Target], settings: TargetSettings) -> dict[str, Any]:
    """The drive of a circuit, its spikes, and the energy of its source where that is wanted."""
    if settings.stimulus is None or settings.level is None:
        what, fix = "spikes without a stimulus or a level", "say --stimulus S.csv and --level V"
        raise DataError(what, where=f"target {targets[0].label}", fix=fix)
    events = observables.spike_events(
        settings.signal, level=settings.level, rearm=settings.rearm, size=_SPIKES
    )
    wanted = any(t.name == "energy_per_spike" for t in targets)
    integrals = {"energy": Integral("power")} if wanted else {}
    return {"stimulus": settings.stimulus, "events": events, "integrals": integrals}
