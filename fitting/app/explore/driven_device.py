"""A device model without a file: its hysteresis under a standard sweep, or under a stimulus."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import memjax as mj

from .curves import curve, events, solve
from .driven import Driven, stimulus_csv
from .drives import SWEEP, SWEEPS, Sweep
from .functions import functions_at
from .parameters import device_at, drive_row, drive_values, page_of

ROWS = 800
"""Rows of a sweep, about."""

_LEVELS = mj.observables.Thresholds()


@dataclass(kw_only=True)
class DrivenDevice(Driven):
    """What a page needs of a device model.

    Parameters
    ----------
    bench : Bench
        What stands around it.
    model, device, env, words, stimulus, notes
        See `Driven`.
    """

    bench: mj.Bench
    sweep: Sweep = field(init=False)

    def __post_init__(self):
        self.sweep = SWEEPS.get(self.model, SWEEP)

    @property
    def driven(self) -> str:
        """What the source imposes."""
        return "voltage" if self.stimulus is None else self.stimulus.quantity

    @property
    def drive(self) -> list[dict]:
        """Rows of sliders of the drive."""
        unit = "V" if self.driven == "voltage" else "A"
        if self.stimulus is not None:
            top = float(np.max(np.abs(self.stimulus.values)))
            end = float(self.stimulus.times[-1])
            level = drive_row("level", "Largest value of the stimulus.", unit, top)
            return [level, drive_row("duration", "Time of the whole stimulus.", "s", end)]
        sweep, limit = self.sweep, self.bench.compliance
        rows = [drive_row("peak", "Largest positive voltage of the sweep.", unit, sweep.peak)]
        if sweep.negative:
            text = "Largest negative voltage, without its sign."
            rows.append(drive_row("negative", text, unit, sweep.negative))
        rows.append(drive_row("period", "Time of one sweep.", "s", sweep.period))
        if limit is not None:
            text = "Current limit of the source."
            rows.append(drive_row("compliance", text, "A", float(limit)))
        return rows

    def wave(self, drive: Mapping[str, Any]) -> tuple[mj.Sampled, float | None]:
        """What drives the device, and the current limit [A]."""
        x = drive_values(self.drive, drive)
        if self.stimulus is not None:
            return self.scale_stimulus(self.drive, x), None
        negative = x.get("negative", 0.0)
        rate = 2 * (x["peak"] + negative) / x["period"]
        s = mj.triangle_sweep(x["peak"], rate, negative=negative or None, cycles=self.sweep.cycles)
        return s, x.get("compliance")

    def setup(self) -> dict:
        """What a page shows first."""
        return page_of(self.model, self.device, self.env, bench=self.bench) | {
            "kind": "sweeps",
            "title": f"{self.model}, without a file",
            "driven": self.driven,
            "drive": self.drive,
            "measured": None,
            "events": [],
            "thresholds": {"on": _LEVELS.on, "hold": _LEVELS.hold},
            "step": 0.01,
            "waves": ["the sweep" if self.stimulus is None else "the stimulus"],
            "notes": list(self.notes),
            "can_fit": False,
            "cycles": 0,
        }

    def simulate(self, choice: Mapping[str, Any]) -> dict:
        """Curves and events at values of sliders."""
        begin = time.perf_counter()
        device = device_at(self.device, choice.get("values", {}))
        wave, limit = self.wave(choice.get("drive", {}))
        stimuli = jax.tree.map(lambda x: np.asarray(x)[None], wave)
        rows = rows_of(wave)[None]
        limits = None if limit is None else np.array([[limit, limit]])
        outputs, states, results = solve(
            device, stimuli, rows, bench=self.bench, env=self.env, limits=limits
        )
        read: list[dict] = []
        if results[0] == 0 and getattr(device, "volatile", False):
            v, i = outputs["v"][0], outputs["i"][0]
            read = events(v, i, thresholds=_LEVELS, driven=self.driven)
        spent, solved = 1e3 * (time.perf_counter() - begin), [bool(results[0] == 0)]
        return {
            "curves": [curve(rows, outputs, states, 0)],
            "events": read,
            "functions": functions_at(device),
            "solved": solved,
            "ms": round(spent, 1),
        }

    def command(self, choice: Mapping[str, Any]) -> str:
        """The command line that simulates what the page shows, out of the two files that the page offers."""
        limit = drive_values(self.drive, choice.get("drive", {})).get("compliance")
        limited = [] if limit is None else ["--compliance", f"{limit:.6g}"]
        return self.command_line(*limited, "--deterministic")

    def stimulus_table(self, choice: Mapping[str, Any]) -> str:
        """What drives the device, as ``memjax simulate --stimulus`` reads it."""
        return stimulus_csv(self.wave(choice.get("drive", {}))[0])


def rows_of(wave: mj.Sampled) -> Float[np.ndarray, " rows"]:
    """Times at which a page shows what a waveform does [s]: its corners, and as many between any two."""
    times = np.asarray(wave.times)
    count = max(1, ROWS // (len(times) - 1))
    return np.interp(np.arange(count * (len(times) - 1) + 1) / count, np.arange(len(times)), times)
