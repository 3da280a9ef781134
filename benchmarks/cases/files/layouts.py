"""Small files in the layout of each format that memjax reads as text, of synthetic data."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A text file by its parts, so that a part can be damaged.

    Parameters
    ----------
    name : str
        Of the format.
    above : tuple of str
        Lines above the header.
    header : tuple of str
        Names of the columns; empty where the file has none.
    rows : tuple of tuples of str
        Cells.
    separator, header_separator : str
        Between cells of rows, and of the header.
    header_prefix, row_prefix : str
        What stands before the header's names, and before each row's cells.
    trailing : str
        What stands behind each row's and the header's last cell.
    end : str
        Line end.
    ended : bool
        Whether the last row has a line end.
    suffix : str
        Of the file's name.
    options : Mapping
        Of `memjax.data.read`.
    by_name : bool
        Whether columns go by their names, so that their order is free.
    units : tuple of str and float
        A unit in the header, one that it may be swapped for, the role it is of, and the factor; empty where no
        header has a unit.
    states_length : bool
        Whether the file says how many rows it has.
    """

    name: str
    rows: Rows
    above: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    separator: str = ","
    header_separator: str = ""
    header_prefix: str = ""
    row_prefix: str = ""
    trailing: str = ""
    end: str = "\n"
    ended: bool = True
    suffix: str = ".csv"
    options: Mapping = field(default_factory=dict)
    by_name: bool = True
    units: tuple[str, str, str, float] | tuple[()] = ()
    states_length: bool = False

    def row(self, cells: Sequence[str]) -> str:
        """One line of data."""
        return self.row_prefix + self.separator.join(cells) + self.trailing

    @property
    def head(self) -> list[str]:
        """Lines above the data."""
        between = self.header_separator or self.separator
        names = [self.header_prefix + between.join(self.header) + self.trailing]
        return [*self.above, *(names if self.header else [])]

    @property
    def lines(self) -> list[str]:
        """All lines."""
        return [*self.head, *map(self.row, self.rows)]

    def text(self, lines: Sequence[str] | None = None) -> str:
        """The file, of its own lines or of others."""
        return self.end.join(self.lines if lines is None else lines) + self.end * self.ended


def noisy_loops(seed: int = 0, n: int = 40) -> dict[str, np.ndarray]:
    """Two noisy loops of a bipolar device: time [s], voltage [V], current [A]."""
    rng = np.random.default_rng(seed)
    up = np.linspace(0, 1, n // 4, endpoint=False)
    loop = np.concatenate([up, 1 - up, -up, up - 1])
    v = np.tile(loop, 2)
    on = np.tile(np.concatenate([up > 0.6, up < 2, up < 0.6, up > 2]), 2)
    i = v * np.where(on, 1e-3, 2e-5) * (1 + 0.02 * rng.standard_normal(2 * n))
    i += 1e-8 * rng.standard_normal(2 * n)
    t = 0.1 * np.arange(2 * n) + 1e-3 * rng.random(2 * n)
    return {"t": t, "v": v, "i": i, "sweep": np.repeat([0, 1], n)}


def cells_of(columns: Sequence[np.ndarray], formats: Sequence[str]) -> Rows:
    return tuple(
        tuple(f % x for f, x in zip(formats, row, strict=True))
        for row in zip(*columns, strict=True)
    )


def b1500() -> Layout:
    """EasyEXPERT, classic export, without a line end behind the last row."""
    d = noisy_loops()
    settings = (
        "", "SetupTitle, sweep", "PrimitiveTest, I/V Sweep", "TestParameter, Channel.IName, I1, I3",
        "TestParameter, Channel.VName, V1, V3", "TestParameter, Channel.Mode, COMMON, V",
        "TestParameter, Channel.Func, CONST, VAR1", f"Dimension1, {len(d['v'])}", "Dimension2, 1",
    )  # fmt: skip
    return Layout(
        name="b1500", above=settings, header=("V3", "I3"), header_prefix="DataName, ",
        row_prefix="DataValue, ", separator=", ", end="\r\n", ended=False, states_length=True,
        rows=cells_of((d["v"], d["i"]), ("%.3f", "%.6G")),
    )  # fmt: skip


def b1500_list() -> Layout:
    """Bare list of a B1500."""
    d = noisy_loops(1)
    columns = (d["v"], d["i"], np.abs(d["i"]))
    rows = cells_of(columns, ("%.4g", "%.6E", "%.6E"))
    return Layout(name="b1500-list", header=("V1", "I1", "absI"), rows=rows)


def b1500_wgfmu() -> Layout:
    """Waveform generator of a B1500."""
    d = noisy_loops(2)
    names = ("Time", "MeasResult1_value", "MeasResult2_value")
    rows = cells_of((d["t"], d["v"], d["i"]), ("%.4f", "%.15f", "%.9G"))
    options = {"columns": {"t": names[0], "v": names[1], "i": names[2]}}
    return Layout(name="b1500-wgfmu", header=names, rows=rows, end="\r\n", options=options)


def kickstart() -> Layout:
    """KickStart: quoted settings above, repr of numbers."""
    d = noisy_loops(3)
    above = (
        '"\tCommon Settings","\t",,,', '"\t...Function","\tVoltage Sweep",,,', '"\t...Limit","\t0.5",,,', ",,,,",
    )  # fmt: skip
    names = ("Index", "SMU-1 Time (s)", "SMU-1 Voltage (V)", "SMU-1 Current (A)", "SMU-1 Resistance (Ohm)")  # fmt: skip
    rows = cells_of(
        (np.arange(1, 81), d["t"], d["v"], d["i"], d["v"] / d["i"]), ("%d", "%.7f", "%.9g", "%.3E", "%.10g")
    )  # fmt: skip
    units = ("Current (A)", "Current (mA)", "i", 1e-3)
    return Layout(name="kickstart", above=above, header=names, rows=rows, end="\r\n", units=units)


def quick_iv() -> Layout:
    """Quick-IV, with a comma behind each row."""
    d = noisy_loops(4)
    names = tuple(f"Smu1.{x}[1][1]" for x in ("Time", "V", "I", "R"))
    rows = cells_of(
        (np.arange(1, 81), d["t"], d["v"], d["i"], d["v"] / d["i"]), ("%d", "%.8f", "%.15G", "%.15G", "%.15G")
    )  # fmt: skip
    return Layout(
        name="quick-iv", header=("Item", *names), rows=rows, trailing=",", end="\r\n", by_name=False
    )


def labscript() -> Layout:
    """Header with blanks over rows with tabs."""
    d = noisy_loops(5)
    rows = cells_of((d["v"], d["i"], d["t"]), ("%.3E", "%.3E", "%.3E"))
    names = ("Voltage", "Current", "Time")
    return Layout(
        name="labscript", header=names, header_separator=" ", separator="\t", rows=rows,
        suffix=".txt", ended=False,
    )  # fmt: skip


def lvm() -> Layout:
    """LabVIEW measurement file with one segment."""
    d = noisy_loops(6)
    above = (
        "LabVIEW Measurement", "Writer_Version\t2", "Separator\tTab", "Decimal_Separator\t.", "X_Columns\tOne",
        "***End_of_Header***", "", "Channels\t2", "Samples\t80\t80", "Y_Unit_Label\tVolts\tAmperes",
        "X_Dimension\tTime\tTime", "X0\t0.0\t0.0", "Delta_X\t0.1\t0.1", "***End_of_Header***",
    )  # fmt: skip
    rows = cells_of((d["t"], d["v"], d["i"]), ("%.6f", "%.6f", "%.6E"))
    return Layout(
        name="lvm", above=above, header=("X_Value", "Voltage", "Current"), rows=rows, separator="\t",
        end="\r\n", suffix=".lvm", by_name=False, states_length=True,
    )  # fmt: skip


def oscilloscope() -> Layout:
    """Two channels, one of them across a shunt."""
    d = noisy_loops(7)
    rows = cells_of((d["t"] - 4, 1e3 * d["i"], d["v"] + 1e3 * d["i"]), ("%+.7E", "%+.4E", "%+.4E"))
    return Layout(
        name="oscilloscope", above=("x-axis,1,2",), header=("second", "Volt", "Volt"), rows=rows,
        options={"shunt": 1e3}, by_name=False,
    )  # fmt: skip


def tidy() -> Layout:
    """What memjax writes."""
    d = noisy_loops(8)
    rows = cells_of((d["sweep"], d["t"], d["v"], d["i"]), ("%d", "%.17g", "%.17g", "%.17g"))
    units = ("v_V", "v_mV", "v", 1e-3)
    return Layout(name="tidy", header=("sweep", "t_s", "v_V", "i_A"), rows=rows, units=units)


def comma() -> Layout:
    """Commas, units in brackets, four decimals or what %g gives."""
    d = noisy_loops(9)
    units = ("Current (uA)", "Current (nA)", "i", 1e-3)
    return Layout(
        name="text, commas", header=("Voltage (V)", "Current (uA)"), units=units,
        rows=cells_of((d["v"], 1e6 * d["i"]), ("%.4f", "%.5g")),
    )  # fmt: skip


def tabs() -> Layout:
    """Tabs, units behind a slash."""
    d = noisy_loops(10)
    rows = cells_of((d["t"], d["v"], d["i"]), ("%.4f", "%.4g", "%.5e"))
    return Layout(
        name="text, tabs", header=("t / s", "U / V", "I / A"), rows=rows, separator="\t", suffix=".txt",
        units=("U / V", "U / mV", "v", 1e-3),
    )  # fmt: skip


def decimal_commas() -> Layout:
    """Semicolons and decimal commas."""
    d = noisy_loops(11)
    cells = cells_of((d["v"], 1e3 * d["i"]), ("%.5f", "%.6g"))
    rows = tuple(tuple(c.replace(".", ",") for c in row) for row in cells)
    return Layout(
        name="text, decimal commas", header=("U / V", "I / mA"), rows=rows, separator=";", end="\r\n",
        units=("I / mA", "I / uA", "i", 1e-3),
    )  # fmt: skip


def savetxt() -> Layout:
    """numpy.savetxt."""
    d = noisy_loops(12)
    rows = cells_of((d["v"], d["i"]), ("%.18e", "%.18e"))
    return Layout(
        name="savetxt", header=("v_V", "i_A"), header_prefix="# ", separator=" ", rows=rows, suffix=".txt",
        units=("i_A", "i_mA", "i", 1e-3),
    )  # fmt: skip


def headerless() -> Layout:
    """Numbers alone, with the columns named by the user, and no line end behind the last row."""
    d = noisy_loops(13)
    rows = cells_of((d["t"], d["v"], d["i"]), ("%.5g", "%.5g", "%.5g"))
    return Layout(
        name="text, no header", rows=rows, separator="\t", end="\r\n", ended=False, suffix=".txt",
        options={"columns": {"t": "1", "v": "2", "i": "3"}}, by_name=False,
    )  # fmt: skip


def pulse_table() -> Layout:
    """Conductance per pulse, with branches and cycles."""
    rng = np.random.default_rng(14)
    rows = []
    for cycle in range(3):
        for branch, g in (("P", np.linspace(1e-5, 5e-5, 11)), ("D", np.linspace(5e-5, 1e-5, 11))):
            noisy = g * (1 + 0.01 * rng.standard_normal(11))
            rows += [("a", branch, f"{cycle}", f"{k}", f"{x:.6e}") for k, x in enumerate(noisy)]
    return Layout(
        name="pulse-table", header=("device", "branch", "cycle", "pulse", "g_S"), rows=tuple(rows),
        units=("g_S", "g_uS", "g", 1e-6),
    )  # fmt: skip


def pulse_columns() -> Layout:
    """Conductance per pulse, counted through."""
    rng = np.random.default_rng(15)
    g = np.concatenate([np.linspace(10, 50, 31), np.linspace(49, 11, 30)])
    rows = cells_of((np.arange(61), g * (1 + 0.005 * rng.standard_normal(61))), ("%d", "%.4f"))
    return Layout(
        name="pulse-columns", header=("Pulse #", "Conductance (uS)"), rows=rows,
        units=("(uS)", "(nS)", "g", 1e-3),
    )  # fmt: skip


def decay_table() -> Layout:
    """Resistance against time."""
    rng = np.random.default_rng(16)
    t = 10 * np.arange(60) + rng.random(60)
    rows = cells_of((t, 15000 + 100 * np.log1p(t) + 5 * rng.standard_normal(60)), ("%.7f", "%.9g"))
    return Layout(
        name="decay-table", header=("t_s", "r_ohm"), rows=rows, units=("r_ohm", "r_kohm", "r", 1e3)
    )


def spike_table() -> Layout:
    """Spike times of two trains."""
    rng = np.random.default_rng(17)
    times = [np.cumsum(rng.exponential(0.02, 30)) for _ in range(2)]
    rows = tuple((f"{k}", f"{x:.6f}") for k, own in enumerate(times) for x in own)
    return Layout(
        name="spike-table", header=("train", "t_s"), rows=rows, units=("t_s", "t_ms", "times", 1e-3)
    )


def endurance_table() -> Layout:
    """High and low resistance state per cycle."""
    rng = np.random.default_rng(18)
    cycle = np.arange(1, 61)
    high, low = 1e5 * np.exp(0.2 * rng.standard_normal(60)), 5e3 + 200 * rng.standard_normal(60)
    rows = cells_of((cycle, high, low), ("%d", "%.1f", "%.2f"))
    return Layout(
        name="endurance-table", header=("cycle", "R_HRS (ohm)", "R_LRS (ohm)"), rows=rows,
        units=("R_LRS (ohm)", "R_LRS (kohm)", "lrs", 1e3),
    )  # fmt: skip


def pulse_json() -> Layout:
    """Pulses as JSON: one line, no table."""
    rng = np.random.default_rng(19)
    up, down = np.linspace(1e-5, 5e-5, 11), np.linspace(5e-5, 1e-5, 11)
    sets = [u * (1 + 0.01 * rng.standard_normal(11)) for u in (up, up, up)]
    resets = [np.append(s[-1], down[1:] * (1 + 0.01 * rng.standard_normal(10)))[::-1] for s in sets]
    content = {
        "V": [2.5, -2.7], "n": [10, 10], "W": [1.5e-6, 1e-5], "T": 5e-4, "read_V": 0.2, "repeats": 3,
        "Gset": np.concatenate(sets).tolist(), "Greset": np.concatenate(resets).tolist(),
    }  # fmt: skip
    return Layout(
        name="pulse-json", rows=((json.dumps(content),),), ended=False, suffix=".json", by_name=False,
        states_length=True,
    )  # fmt: skip


LAYOUTS: tuple[Callable[[], Layout], ...] = (
    b1500, b1500_list, b1500_wgfmu, kickstart, quick_iv, labscript, lvm, oscilloscope, tidy, comma, tabs,
    decimal_commas, savetxt, headerless, pulse_table, pulse_columns, decay_table, spike_table,
    endurance_table, pulse_json,
)  # fmt: skip
