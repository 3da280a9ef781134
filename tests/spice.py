"""Netlists of a device on a bench and of any elements, and what ngspice makes of them."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import memjax as mj

needs_ngspice = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not on the PATH"
)


@dataclass(frozen=True)
class Node:
    """A state as the voltage of a capacitor.

    `rate` [1/s] is an expression of ngspice in V(d), the device's voltage, and the states, each V(its
    name). A `time` [s] over which the state changes keeps the current of order one.
    """

    start: float
    rate: str
    time: float

    def lines(self, name: str) -> list[str]:
        """Elements of the netlist."""
        return [
            f"C{name} {name} 0 {self.time!r} IC={self.start!r}",
            f"B{name} 0 {name} I={{{self.time!r}*({self.rate})}}",
        ]


@dataclass(frozen=True)
class Circuit:
    """A source, a series resistance, then a device parallel to a resistance and a capacitance.

    `current` [A] is an expression in V(d) and the states.
    """

    source: str
    bench: mj.Bench
    current: str
    states: dict[str, Node]

    @property
    def lines(self) -> list[str]:
        """Elements of the netlist."""
        bench = self.bench
        return [
            f"Vs s 0 {self.source}",
            f"Rs s d {bench.series_resistance!r}",
            f"Rp d 0 {bench.parallel_resistance!r}",
            f"Cp d 0 {bench.parallel_capacitance!r} IC=0",
            f"Bd d 0 I={{{self.current}}}",
            *(row for name, node in self.states.items() for row in node.lines(name)),
        ]

    def run(self, folder: Path, t: np.ndarray, *, step: float) -> dict[str, np.ndarray]:
        """Voltages of the nodes and current of the source, `i`, at times; arguments as for `transient`."""
        found = transient(self.lines, ("d", *self.states), folder, t, step=step, source="Vs")
        return found | {"i": -found["i"]}  # ngspice counts what flows into the source


def transient(
    lines: list[str], nodes: Sequence[str], folder: Path, t: np.ndarray, *, step: float, source: str
) -> dict[str, np.ndarray]:
    """What ngspice makes of a netlist: voltages of nodes, and the current into a source as `i`, at times.

    Parameters
    ----------
    lines : list of str
        The elements.
    nodes : sequence of str
        What is looked at.
    folder : Path
        Where the files go.
    t : Float[np.ndarray, "rows"]
        Times [s].
    step : float
        Longest step [s].
    source : str
        The voltage source whose current is looked at.
    """
    text = [
        "* a netlist of the tests",
        *lines,
        ".options method=gear reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-20",
        ".control",
        "set numdgt=12",
        "set wr_singlescale",
        "set wr_vecnames",
        f"tran {step!r} {float(t[-1])!r} 0 {step!r} uic",
        f"wrdata out.txt {' '.join(f'v({n})' for n in nodes)} i({source})",
        ".endc",
        ".end",
    ]
    (folder / "bench.cir").write_text("\n".join(text) + "\n")
    command = ["ngspice", "-b", "bench.cir"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    says = told.stdout + told.stderr
    assert told.returncode == 0, says
    assert (folder / "out.txt").exists(), says
    rows = np.loadtxt(folder / "out.txt", skiprows=1, unpack=True)
    assert rows[0, -1] >= t[-1] * (1 - 1e-9), says
    return {n: np.interp(t, rows[0], row) for n, row in zip((*nodes, "i"), rows[1:], strict=True)}


def pwl(stimulus: mj.Sampled) -> str:
    """The source of a waveform of straight lines."""
    pairs = zip(np.asarray(stimulus.times), np.asarray(stimulus.values))
    return "PWL(" + " ".join(f"{float(t)!r} {float(v)!r}" for t, v in pairs) + ")"


def pulses(levels, *, width: float, period: float, edge: float) -> mj.Sampled:
    """One pulse of each level, with edges, the first after half a pause."""
    delay, rows = (period - width) / 2, [(0.0, 0.0)]
    for k, level in enumerate(levels):
        a = delay + k * period
        rows += [(a, 0.0), (a + edge, level), (a + width, level), (a + width + edge, 0.0)]
    rows.append((len(levels) * period, 0.0))
    t, v = np.array(rows).T
    return mj.Sampled(t, v)
