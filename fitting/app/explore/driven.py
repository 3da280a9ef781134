"""What devices and circuits without a file share: a model, its drive, the command line that does the same."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import memjax as mj


@dataclass(kw_only=True)
class Driven:
    """What a page needs of a model.

    Parameters
    ----------
    model : str
        Its name.
    device : AbstractDevice or Circuit
        Where sliders begin.
    env : Environment
        Temperature.
    words : tuple of str
        Options of what stands around it, as ``memjax simulate`` takes them.
    stimulus : memjax.Sampled or None
        What drives it in place of the standard drive.
    notes : list of str
        What is to be said on the page.
    """

    model: str
    device: Any
    env: mj.Environment
    words: tuple[str, ...] = ()
    stimulus: mj.Sampled | None = None
    notes: list[str] = field(default_factory=list)

    def scale_stimulus(self, rows: list[dict], drive: Mapping[str, float]) -> mj.Sampled:
        """The stimulus at the `level` and `duration` of sliders, the first and the second of these rows."""
        s: Any = self.stimulus
        values = np.asarray(s.values) * (drive["level"] / rows[0]["value"])
        times = np.asarray(s.times) * (drive["duration"] / rows[1]["value"])
        return mj.Sampled(times, values, s.kind, s.quantity)

    def command_line(self, *more: str) -> str:
        """The command line that simulates what the page shows, out of the two files that the page offers."""
        files = ["--params", f"{self.model}.toml", "--stimulus", f"{self.model}.csv"]
        words = ["memjax", "simulate", self.model, *files, *self.words, *more]
        return shlex.join([*words, "--out", "simulated.csv"])


def stimulus_csv(wave: mj.Sampled) -> str:
    """A waveform as the CSV that ``--stimulus`` reads."""
    head = "t_s,v_V" if wave.quantity == "voltage" else "t_s,i_A"
    rows = zip(np.asarray(wave.times), np.asarray(wave.values), strict=True)
    return "\n".join([head, *(f"{t:.12g},{x:.12g}" for t, x in rows)]) + "\n"
