"""Layouts of oscilloscopes, of buffers without a header, of endurance by rows, and of arrays in JSON."""

import json
from collections.abc import Callable

import numpy as np

from benchmarks.cases.files.layouts import Layout, cells_of, noisy_loops

_SHUNT = {"shunt": 1e3}


def _channels(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time [s], voltage across a shunt of 1 kohm [V], and across shunt and device [V]."""
    d = noisy_loops(seed)
    return 1e-3 * np.arange(len(d["v"])), 1e3 * d["i"], d["v"] + 1e3 * d["i"]


def tektronix() -> Layout:
    """Settings above times and two channels."""
    above = (
        "Model,MDO3014", "Firmware Version,1.22", "", "Waveform Type,ANALOG,,", "Point Format,Y,,",
        "Horizontal Units,s,,", "Sample Interval,1e-03,,", "Record Length,80,,", "Vertical Units,V,V,", "",
    )  # fmt: skip
    rows = cells_of(_channels(20), ("%.4e", "%.5e", "%.5e"))
    return Layout(
        name="tektronix", above=above, header=("TIME", "CH1", "CH2"), rows=rows, options=_SHUNT,
        by_name=False, states_length=True,
    )  # fmt: skip


def tektronix_beside() -> Layout:
    """Settings beside the times and readings of two channels, as the TDS series writes them."""
    t, a, b = _channels(21)
    settings = [
        ("Record Length", "80"), ("Sample Interval", "1.0e-03"), ("Vertical Units", "V"), ("Horizontal Units", "s"),
    ]  # fmt: skip
    rows = []
    for k in range(len(t)):
        name, value = settings[k] if k < len(settings) else ("", "")
        first, second = (f"{x:.5f}" for x in (a[k], b[k]))
        here = [name, value, "", f"{t[k]:.9f}"]
        rows.append((*here, first, "", *here, second))
    return Layout(
        name="tektronix, beside", rows=tuple(rows), options=_SHUNT, by_name=False, states_length=True,
    )  # fmt: skip


def rigol() -> Layout:
    """Samples that are counted, start and increment in the header."""
    _, a, b = _channels(22)
    rows = cells_of((np.arange(80), a, b), ("%d", "%.2e", "%.2e"))
    return Layout(
        name="rigol", above=("X,CH1,CH2,Start,Increment",), header=("Sequence", "Volt", "Volt", "-1e-2", "1e-3"),
        rows=rows, trailing=",", options=_SHUNT, by_name=False,
    )  # fmt: skip


def lecroy() -> Layout:
    """One segment below its length."""
    rows = cells_of(_channels(23), ("%.9f", "%.6f", "%.6f"))
    above = (
        "LECROYWR625Zi,61392,Waveform", "Segments,1,SegmentSize,80",
        "Segment,TrigTime,TimeSinceSegment1", "#1,01-Jan-2020 00:00:00,0",
    )  # fmt: skip
    return Layout(
        name="lecroy", above=above, header=("Time", "Ampl", "Ampl2"), rows=rows, end="\r\n",
        options={"shunt": 1e3}, by_name=False, states_length=True,
    )  # fmt: skip


def keithley_2400() -> Layout:
    """Buffer of V, I, R, t and status, tab between them."""
    d = noisy_loops(24)
    n = len(d["v"])
    columns = (d["v"], d["i"], np.full(n, 9.91e37), d["t"], np.full(n, 19500.0))
    rows = cells_of(columns, ("%+.6E", "%+.6E", "%+.6E", "%+.6E", "%+.6E"))
    return Layout(name="keithley 2400", rows=rows, separator=",", by_name=False, suffix=".txt")


def decay_columns() -> Layout:
    """Two resistances beside one time."""
    rng = np.random.default_rng(28)
    t = 10 * np.arange(60) + rng.random(60)
    runs = [r + 50 * np.log1p(t) + rng.standard_normal(60) for r in (1.5e4, 9e4)]
    rows = cells_of((t, *runs), ("%.6f", "%.4f", "%.4f"))
    return Layout(name="decay-sheets", header=("Time (s)", "R1 (ohm)", "R2 (ohm)"), rows=rows)


def endurance_rows() -> Layout:
    """Thirty cells: an address, then twelve pairs of a high and a low resistance."""
    rng = np.random.default_rng(25)
    rows = []
    for cell in range(30):
        high = 1e5 * np.exp(0.1 * rng.standard_normal(12))
        low = 5e3 * np.exp(0.1 * rng.standard_normal(12))
        pairs = np.stack([high, low], axis=1).ravel()
        rows.append((f"{100 + cell}", *(f"{x:.3f}" for x in pairs)))
    return Layout(
        name="endurance-rows", rows=tuple(rows), separator="\t", suffix=".txt", by_name=False
    )


def points() -> Layout:
    """Points that a column counts, in cycles, without a time."""
    d = noisy_loops(29)
    count = np.tile(np.arange(40), 2)
    rows = cells_of((d["sweep"], count, d["v"], d["i"]), ("%d", "%d", "%.5f", "%.6e"))
    return Layout(name="tidy, points", header=("cycle", "point", "v_V", "i_A"), rows=rows)


def spike_commas() -> Layout:
    """Spike times with decimal commas under a header with semicolons."""
    rng = np.random.default_rng(30)
    times = [1.5 + np.cumsum(rng.exponential(0.02, 30)) for _ in range(2)]
    rows = tuple((f"{k}", f"{x:.5f}".replace(".", ",")) for k, own in enumerate(times) for x in own)
    return Layout(
        name="spike-table, commas", header=("neuron", "t / s"), rows=rows, separator=";", end="\r\n"
    )


def _json(name: str, content: object, **about) -> Layout:
    """JSON in one line: no table."""
    return Layout(
        name=name, rows=((json.dumps(content),),), ended=False, suffix=".json", by_name=False,
        states_length=True, **about,
    )  # fmt: skip


def json_columns() -> Layout:
    """Arrays by name."""
    d = noisy_loops(26)
    rounded = {
        n: [float(f"{x:.6g}") for x in d[k]] for n, k in (("t_s", "t"), ("v_V", "v"), ("i_A", "i"))
    }
    return _json("json, columns", rounded)


def json_rows() -> Layout:
    """One object a line: a line is a row."""
    d = noisy_loops(27)
    rows = tuple(
        (json.dumps({"v_V": float(f"{v:.6g}"), "i_A": float(f"{i:.6g}")}),)
        for v, i in zip(d["v"], d["i"], strict=True)
    )
    return Layout(name="json, lines", rows=rows, suffix=".jsonl", by_name=False)


FURTHER: tuple[Callable[[], Layout], ...] = (
    tektronix, tektronix_beside, rigol, lecroy, keithley_2400, decay_columns, endurance_rows, json_columns, json_rows,
    points, spike_commas,
)  # fmt: skip
