"""A circuit under its drive: traces come in stretches, and spikes with them, as the simulation reaches them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

import memjax as mj
from memjax.errors import MemjaxError, ModelError
from memjax.observables import detect
from memjax.simulate import is_noisy, simulate

from .curves import components, numbers
from .driven import Driven, stimulus_csv
from .drives import DRIVES, Drive
from .parameters import device_at, drive_row, drive_values, message, page_of

STRETCHES, ROWS = 12, 150
"""Stretches of a run that are simulated one after the other, and rows of each."""


@dataclass(kw_only=True)
class DrivenCircuit(Driven):
    """What a page needs of a circuit; parameters as `Driven` has them."""

    standard: Drive = field(init=False)

    def __post_init__(self):
        if len(self.device.ports) > 1:
            ports = ", ".join(self.device.ports)
            what = f"{self.model} has {len(self.device.ports)} driven sources ({ports})"
            allowed, fix = "circuits of one driven source", "simulate it: 'memjax simulate --help'"
            raise ModelError(what, where="memjax explore", allowed=allowed, fix=fix)
        quantity = self.device.quantities[0]
        signals = tuple(s.name for s in self.device.specs if s.size == 1)
        plain = Drive(times=(0.0, 1.0), values=(1.0, 1.0), signals=signals, quantity=quantity)
        self.standard = DRIVES.get(self.model, plain)
        if self.stimulus is None:
            corners = np.array(self.standard.times), np.array(self.standard.values)
            self.stimulus = mj.Sampled(*corners, "linear", self.standard.quantity)
        if self.stimulus.quantity != quantity:
            what, allowed = f"a {self.stimulus.quantity} source", f"a {quantity} source"
            raise ModelError(what, where="--stimulus", allowed=allowed)

    @property
    def drive(self) -> list[dict]:
        """Rows of sliders of the drive."""
        s: Any = self.stimulus
        unit, top = "V" if s.quantity == "voltage" else "A", float(np.max(np.abs(s.values)))
        level = drive_row("level", "Largest value of the source.", unit, top)
        return [level, drive_row("duration", "Time that is simulated.", "s", float(s.times[-1]))]

    def wave(self, drive: Mapping[str, Any]) -> mj.Sampled:
        """What drives the circuit: a constant drive lasts longer, any other is stretched."""
        return self.scale_stimulus(self.drive, drive_values(self.drive, drive))

    def setup(self) -> dict:
        """What a page shows first."""
        netlist = zip(self.device.names, self.device.elements, self.device.nets, strict=True)
        signal, level, rearm = self.standard.spike
        return page_of(self.model, self.device, self.env) | {
            "kind": "circuit",
            "title": self.model,
            "driven": self.device.quantities[0],
            "drive": self.drive,
            "signals": list(self.standard.signals),
            "spike": {"signal": signal or self.standard.signals[0], "level": level, "rearm": rearm},
            "netlist": [[n, e.name, " ".join(net)] for n, e, net in netlist],
            "notes": list(self.notes),
            "stretches": STRETCHES,
            "noisy": is_noisy(self.device),
            "can_fit": False,
        }

    def stretches(self, choice: Mapping[str, Any]) -> Iterator[dict]:
        """Rows and spikes of one stretch of time after the other; of the last one, or where a solve fails, why.

        Notes
        -----
        Each stretch begins at the state at which the one before ended, and has noise of its own: in the end this is one
        run of the circuit.
        """
        device = device_at(self.device, choice.get("values", {}))
        wave = self.wave(choice.get("drive", {}))
        spike = _spike_of(choice, self.standard, self.device)
        seed, quiet = int(choice.get("seed", 0)), not choice.get("noise", True)
        final: Any = None
        so_far, begin = _Signal([], []), time.perf_counter()
        for k, (start, piece, rows) in enumerate(pieces(wave)):
            trace = simulate(
                device,
                piece,
                save=rows,
                seed=1000 * seed + k,
                deterministic=quiet,
                conditions=mj.Conditions(env=self.env, initial=final),
                output=mj.Output(on_failure="ignore"),
            )
            try:
                trace.check()
            except MemjaxError as error:
                yield {"error": message(error), "stretch": k}
                return
            final = trace.final
            states = components({n: np.asarray(x) for n, x in trace.state.items()})
            flat = {n: np.ravel(x) for n, x in states.items()}
            t = start + np.asarray(trace.t)
            so_far = so_far.append(t, np.ravel(trace.i) if spike[0] == "i" else flat[spike[0]])
            yield {
                "stretch": k,
                "t": numbers(t),
                "v": numbers(trace.v),
                "i": numbers(trace.i),
                "states": {n: numbers(x) for n, x in flat.items()},
                "spikes": so_far.spikes(*spike[1:]).tolist(),
                "ms": round(1e3 * (time.perf_counter() - begin)),
            }

    def command(self, choice: Mapping[str, Any]) -> str:
        """The command line that simulates what the page shows, out of the two files that the page offers."""
        quiet = [] if choice.get("noise", True) else ["--deterministic"]
        return self.command_line(*quiet, "--seed", str(int(choice.get("seed", 0))))

    def stimulus_table(self, choice: Mapping[str, Any]) -> str:
        """What drives the circuit, as ``memjax simulate --stimulus`` reads it."""
        return stimulus_csv(self.wave(choice.get("drive", {})))


@dataclass(frozen=True)
class _Signal:
    """The rows so far of the signal that spikes."""

    t: list[np.ndarray]
    x: list[np.ndarray]

    def append(self, t: np.ndarray, x: np.ndarray) -> "_Signal":
        """With the rows of another stretch, but for the first, which is the last of the one before."""
        cut = 1 if self.t else 0
        return _Signal([*self.t, t[cut:]], [*self.x, x[cut:]])

    def spikes(self, level: float, rearm: float) -> np.ndarray:
        """Times of spikes [s]."""
        t, x = np.concatenate(self.t), np.concatenate(self.x)
        return detect(t, x, level=level, rearm=min(rearm, level))


def _spike_of(choice: Mapping[str, Any], standard: Drive, circuit: Any) -> tuple[str, float, float]:
    """Signal, level and re-arming level of spikes; a `ModelError` for a signal that the circuit has not."""
    signal, level, rearm = standard.spike
    spike = {"signal": signal or standard.signals[0], "level": level, "rearm": rearm}
    spike |= dict(choice.get("spike", {}))
    names = ["i", *(s.name for s in circuit.specs if s.size == 1)]
    if spike["signal"] not in names:
        what = f"no signal {spike['signal']!r}"
        raise ModelError(what, where="the page", allowed=", ".join(names))
    return str(spike["signal"]), float(spike["level"]), float(spike["rearm"])


def pieces(wave: mj.Sampled) -> Iterator[tuple[float, mj.Sampled, np.ndarray]]:
    """Stretches of a waveform: when each begins [s], what it applies, and its rows [s] from there on."""
    times, values = np.asarray(wave.times), np.asarray(wave.values)
    edges = np.linspace(0.0, times[-1], STRETCHES + 1)
    inner = [times[(times > a) & (times < b)] for a, b in pairwise(edges)]
    most = max(map(len, inner))
    length = edges[1]
    for a, corners in zip(edges, inner, strict=False):
        # One number of corners, and with it one program, for all: further ones lie behind the last row.
        padding = length * (1 + np.arange(1, most - len(corners) + 1))
        t = np.concatenate([[0.0], corners - a, [length], padding])
        x = np.interp(np.minimum(a + t, times[-1]), times, values)
        rows = np.linspace(0.0, length, ROWS + 1)
        yield float(a), mj.Sampled(t, x, wave.kind, wave.quantity), rows
