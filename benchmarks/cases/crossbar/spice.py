"""Reads of ohmic cells, of cells by a hyperbolic sine, and of such cells behind selectors, beside ngspice."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.crossbar.problem import problem
from benchmarks.records import Recorder
from benchmarks.timing import Times, lap, measure

WIRE = 1.0
"""Resistance of each segment [ohm]."""

LINES = {"smoke": 8, "full": 64}
SECONDS = 300.0
"""After which ngspice is given up."""

TOLERANCE = 1e-7
"""Of a current, relative: ngspice stops at changes of 1e-9 of the voltages, and laws are some times as steep."""

SELECTED = 2.5e-10
"""Gap of the selectors [m], which conduct as a cell that is on does."""


@dataclass(frozen=True)
class Law:
    """Cells of a kind.

    Parameters
    ----------
    name : str
        For the table.
    array : Crossbar
        The array.
    cells : list of str
        Its cells as elements of ngspice, between nodes `w{i}_{j}` and `b{i}_{j}`.
    v : Float[np.ndarray, "rows"]
        Voltages of the drivers [V].
    """

    name: str
    array: mj.Crossbar
    cells: list[str]
    v: Float[np.ndarray, " rows"]


def _places(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(n)]


def _ohmic(n: int) -> Law:
    """Conductances."""
    p = problem(n, WIRE, inputs=1)
    array = mj.Crossbar(p.g, wires=mj.crossbar.Wires(WIRE, WIRE))
    cells = [f"Rc{i}_{j} w{i}_{j} b{i}_{j} {float(1 / p.g[i, j])!r}" for i, j in _places(n)]
    return Law(f"{n} x {n} ohmic cells", array, cells, p.v[0])


def _sine(n: int, *, has_selectors: bool) -> Law:
    """The law of `StanfordPKU`, i0 exp(-gap/g0) sinh(v/v0), alone or behind another one of a fixed gap."""
    device, rng = mj.StanfordPKU(), np.random.default_rng(n)
    gaps, v = rng.uniform(0.2e-9, 1.7e-9, (n, n)), rng.uniform(-0.9, 0.9, n)
    i0, g0, v0 = (float(getattr(device, k)) for k in ("i0", "g0", "v0"))

    def element(name: str, nodes: tuple[str, str], gap: float) -> str:
        a, b = nodes
        return f"B{name} {a} {b} I={{{float(i0 * np.exp(-gap / g0))!r}*sinh(V({a},{b})/{v0!r})}}"

    if not has_selectors:
        cells = [
            element(f"c{i}_{j}", (f"w{i}_{j}", f"b{i}_{j}"), gaps[i, j]) for i, j in _places(n)
        ]
        array = mj.Crossbar(cells=device, states={"gap": gaps}, wires=mj.crossbar.Wires(WIRE, WIRE))
        return Law(f"{n} x {n} cells by sinh", array, cells, v)
    cells = [
        line
        for i, j in _places(n)
        for line in (
            element(f"s{i}_{j}", (f"w{i}_{j}", f"m{i}_{j}"), SELECTED),
            element(f"c{i}_{j}", (f"m{i}_{j}", f"b{i}_{j}"), gaps[i, j]),
        )
    ]
    array = mj.Crossbar(
        cells=device, states={"gap": gaps}, selector=device, selector_states={"gap": np.full((n, n), SELECTED)},
        wires=mj.crossbar.Wires(WIRE, WIRE),
    )  # fmt: skip
    return Law(f"{n} x {n} cells by sinh behind selectors", array, cells, v)


def _netlist(law: Law) -> str:
    """The array as ngspice reads it; it prints the voltages of the bit lines before their sense nodes."""
    n = len(law.v)
    lines = ["* an array", *law.cells]
    lines += [f"V{i} s{i} 0 {float(law.v[i])!r}" for i in range(n)]
    lines += [f"Rd{i} s{i} w{i}_0 {WIRE!r}" for i in range(n)]
    lines += [f"Rs{j} b{n - 1}_{j} 0 {WIRE!r}" for j in range(n)]
    for i in range(n):
        for j in range(1, n):
            lines.append(f"Rw{i}_{j} w{i}_{j - 1} w{i}_{j} {WIRE!r}")
            lines.append(f"Rb{j}_{i} b{j - 1}_{i} b{j}_{i} {WIRE!r}")
    lines += [
        ".options klu reltol=1e-9 abstol=1e-15 vntol=1e-12 itl1=500",
        ".control",
        "set numdgt=14",
        "op",
    ]
    lines += [f"print v(b{n - 1}_{j})" for j in range(n)]
    return "\n".join([*lines, ".endc", ".end", ""])


def _currents(text: str) -> Float[np.ndarray, " columns"]:
    """Currents into the sense nodes [A], by ngspice."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "array.cir").write_text(text)
        command = ["ngspice", "-b", "array.cir"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    values = [row.split(" = ")[1] for row in run.stdout.splitlines() if row.startswith("v(b")]
    return np.array(values, float) / WIRE


def read_by_spice(size: str, record: Recorder) -> None:
    """Times of both, and how far their currents agree."""
    n = LINES[size]
    for law in (_ohmic(n), _sine(n, has_selectors=False), _sine(n, has_selectors=True)):
        options = {"problem": f"{law.name}, wires of {WIRE:g} ohm", "n": 1, "dtype": "float64"}
        if shutil.which("ngspice") is None:
            record.write(
                "ngspice", status="skipped", reason="ngspice is not on the PATH", **options
            )
            continue
        text = _netlist(law)
        try:
            seconds, peer = lap(lambda text=text: _currents(text))
        except subprocess.TimeoutExpired:
            record.write(
                "ngspice", status="skipped", reason=f"no end after {SECONDS:g} s", **options
            )
            continue
        record.ok(
            "ngspice",
            Times(run=[seconds]),
            error=None,
            reference="none: it is the reference",
            **options,
        )
        times, reading = measure(lambda law=law: law.array.read(law.v), repeats=5)
        current = np.asarray(reading.current)  # pyright: ignore[reportAttributeAccessIssue]
        error = float(np.abs(current - peer).max() / np.abs(peer).max())
        record.ok(
            "memjax", times, error=error, reference="ngspice, over the largest current", tolerance=TOLERANCE, **options
        )  # fmt: skip
