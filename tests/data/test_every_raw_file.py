"""Every raw file is read as its clean table says, or refused with the option that reads it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from memjax.cli.options import _columns
from memjax.data import DecayRecord, EnduranceRecord, PulseRecord, has_records, read, read_records
from memjax.data.waveforms import read_waveforms
from memjax.errors import ReaderError

from .test_real_files import ROOT

pytestmark = pytest.mark.slow

FILES = sorted(p.relative_to(ROOT / "raw") for p in (ROOT / "raw").rglob("*") if p.is_file())
SHUNT = {"sdc_knowm_retention": 1e5, "sdc_knowm_triangle": 1e3}
"""Ohm, by the sidecar of the clean table, and by the names of the files."""
DIGITS = 6
"""Significant digits of the clean tables."""


def clean(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "clean" / f"{name}.csv")


def near(a, b, digits=DIGITS):
    """Equal up to the rounding of the clean table: half a unit of its last digit, of each number."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape
    unit = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(b), 1e-300))) - digits + 1)
    assert np.all(np.abs(a - b) <= 0.5001 * unit + 1e-12 * np.abs(b)), np.max(np.abs(a - b) / unit)


def measured(path: Path):
    """What a file holds; where it is refused, what it holds with the option that the message names."""
    if has_records(path):
        return read_records(path)
    try:
        return read(path)
    except ReaderError as error:
        message = str(error)
    return with_option(path, message)


def with_option(path: Path, message: str):
    """The file with the option of a message; a voltage without a current is a waveform, as `memjax read` shows it."""
    if "no column says that it is the current" in message:
        return read_waveforms(path)
    if "--shunt OHM" in message:
        return read(path, shunt=SHUNT[path.parent.name])
    if "v=NAME,r=NAME where NAME holds a resistance" in message:
        return read(path, columns={"v": "3", "r": "4"})
    option = re.search(r"--columns (\S+?)(,? if |$)", message)
    assert option, message
    return read(path, columns=_columns(option[1].rstrip(",")))


def _param(file: Path):
    return pytest.param(file, id=re.sub(r"\W+", "-", str(file))[:60])


@pytest.mark.skipif(not FILES, reason=f"no raw files under {ROOT}: set MEMJAX_DATA")
@pytest.mark.parametrize("name", [_param(f) for f in FILES])
def test_a_raw_file_is_what_its_clean_table_says(name):
    path = ROOT / "raw" / name
    found = measured(path)
    compare = COMPARISONS[name.parts[0]]
    compare(found, path)
    if isinstance(found, tuple):
        known = [r.source["recognised"] for r in found]
    else:
        known = [found.source["recognised"]]
    assert all(0 < k["certainty"] <= 1 and k["reason"] for k in known)


def _curve(m, table: pd.DataFrame, *, time: bool = True):
    near(m.v, table["v_V"])
    near(m.i, table["i_A"])
    if time and m.t is not None:
        near(m.t, table["t_s"])


def nanowires(m, path):
    table = clean("ag_nanowire_network_pulses")
    _curve(m, table[table["file"] == int(path.stem[-1])])


def b1500(m, path):
    """No clean table: against the lines of the file themselves."""
    text = path.read_text(encoding="utf-8-sig")
    names = re.search(r"^DataName, (.*)$", text, re.M)[1].split(", ")
    rows = np.array([[float(x) if x.strip() else np.nan for x in line.split(",")[1:]]
                     for line in text.split("\n") if line.startswith("DataValue")])  # fmt: skip
    for role, values in (("v", m.v), ("i", m.i)):
        np.testing.assert_array_equal(values, rows[:, names.index(m.source["columns"][role])])


def waveform(found, path):
    """No clean table: against numpy's own reading."""
    rows = np.loadtxt(path, skiprows=1)
    np.testing.assert_array_equal(found[0].t, rows[:, 0])
    np.testing.assert_array_equal(found[0].x, rows[:, 1])


def telegraph(m, path):
    run = int(re.search(r"\((\d+)\)", path.name)[1])
    table = clean("hfo2_rtn_staircase")
    _curve(m, table[table["run"] == run])


def switchbox(m, path):
    table = clean("nottingham_switchbox_iv")
    mine = table[table["file"] == path.stem]
    _curve(m, mine)
    assert (m.t is None) == mine["t_s"].isna().all()


def array(found, path):
    if path.name.startswith("form"):
        rows = np.loadtxt(path)
        np.testing.assert_array_equal(found.v, rows[:, 2])
        np.testing.assert_allclose(found.i, rows[:, 2] / rows[:, 3], rtol=1e-15)
        assert any(
            "right where the resistance was read at that voltage" in w for w in found.warnings
        )
        return
    assert all(isinstance(r, EnduranceRecord) for r in found)
    table = clean("rram_1t1r_cycling")
    compared = 0
    for record in found:
        mine = table[table["device"] == int(record.device)]
        if len(mine):
            near(record.hrs, mine["r_hrs_ohm"], 7)
            near(record.lrs, mine["r_lrs_ohm"], 7)
            compared += 1
    assert compared == len(table["device"].unique())


def knowm(m, path):
    """The clean read 0 holds means of 4 samples."""
    table = clean("sdc_knowm_retention")
    mine = table[table["read"] == 0]
    near(np.mean(m.v[: len(m.v) // 4 * 4].reshape(-1, 4), axis=1)[: len(mine)], mine["v_V"])
    near(np.mean(m.i[: len(m.i) // 4 * 4].reshape(-1, 4), axis=1)[: len(mine)], mine["i_A"])


def triangle(m, path):
    """No clean table: against the two channels, of which the first lies across the resistor."""
    rows = np.loadtxt(path, skiprows=2, delimiter=",")
    np.testing.assert_allclose(m.v, rows[:, 2] - rows[:, 1], rtol=1e-12)
    np.testing.assert_allclose(m.i, rows[:, 1] / SHUNT[path.parent.name], rtol=1e-12)


def keithley(m, path):
    """No clean table: against pandas' own reading of the sheets of the runs, in the order of their numbers."""
    if isinstance(m, tuple):
        return ratios(m, path)
    sheets = pd.read_excel(path, sheet_name=None, engine="calamine")
    runs = {int(k[3:]): table for k, table in sheets.items() if k.startswith("Run")}
    assert m.labels.tolist() == sorted(runs)
    for label, table in runs.items():
        here = m.sweep == label
        for values, column in ((m.t, "Time"), (m.v, "AV"), (m.i, "AI")):
            np.testing.assert_array_equal(values[here], table[column].astype(float))


def ratios(found, path):
    """No clean table: against pandas' own reading of the two lines of names, and the ratios that stand in the file."""
    table = pd.read_excel(path, sheet_name=0, header=[0, 1], engine="calamine")
    groups = [name for name in dict.fromkeys(table.columns.get_level_values(0)) if name != "Cycle"]
    ratio = {name: next((c for c in table[name] if c.startswith("RATIO")), None) for name in groups}
    filled = [name for name in groups if ratio[name] and table[name, ratio[name]].notna().any()]
    assert [r.device for r in found] == filled
    for record in found:
        mine = table[record.device].astype(float)
        np.testing.assert_array_equal(record.hrs, mine["IHRS"])
        np.testing.assert_array_equal(record.lrs, mine["ILRS"])
        np.testing.assert_allclose(record.window, mine[ratio[record.device]], rtol=1e-12)
        assert record.quantity == "i"


def strontium(m, path):
    table = clean("sto_nb_iv_timed")
    mine = table[table["sweep"].map(lambda s: path.stem.endswith(f"__{s}"))]
    _curve(m, mine[mine["device"] == " ".join(path.stem.split("_")[:3])])


def strontium_old(m, path):
    table = clean("sto_nb_iv_old_device")
    _curve(m, table[table["sweep"] == path.stem])


def drift(found, path):
    assert all(isinstance(r, DecayRecord) for r in found)
    wafer, cell = re.match(r"(.*)__(\d+_\d+)_proc", path.stem).groups()
    table = clean("tio2_volatile_drift")
    mine = table[(table["wafer"] == wafer) & (table["cell"] == cell)]
    near(found[0].t[::10], mine["t_s"], 7)
    near(found[0].r[::10], mine["r_ohm"], 7)


def pulses(found, path):
    assert len(found) == 1
    assert isinstance(found[0], PulseRecord)
    import json

    files = json.loads((ROOT / "clean" / "vcm_potentiation_depression.json").read_text())[
        "device_files"
    ]
    device = next(int(k) for k, f in files.items() if f == path.name)
    table = clean("vcm_potentiation_depression")
    mine = table[table["device"] == device]
    for cycle, g in zip(found[0].cycles, found[0].g):
        up, down = (mine[(mine["cycle"] == cycle) & (mine["branch"] == b)]["g_S"] for b in "PD")
        near(g, [*up, *down[1:]], 5)


def oxide_cycles(m, path):
    table = clean("vo2_iv_cycles")
    for cycle in table["cycle"].unique():
        mine = table[table["cycle"] == cycle]
        near(m.v[m.sweep == cycle], mine["v_V"])
        near(m.i[m.sweep == cycle], mine["i_A"])


def oxide_sweep(m, path):
    _curve(m, clean("vo2_iv_sweep"))


def oxide_relaxation(found, path):
    assert all(isinstance(r, DecayRecord) for r in found)
    table = clean("vo2_relaxation")
    runs = {r.label: r for r in found}
    for (sheet, pulse), mine in table.groupby(["sheet", "pulse_mA"]):
        record = runs[f"{sheet} {pulse} mA"]
        near(record.t, mine["t_s"])
        near(record.r, mine["r_ohm"])
    assert sum(label.startswith("ultraslow") for label in runs) == 6


def oxide_pulses(m, path):
    table = clean("vo2_short_pulses")
    _curve(m, table[table["pulse_V"] == float(path.name.split("V")[0])])


COMPARISONS = {
    "ag_nanowire_network_pulses": nanowires, "format_b1500_easyexpert_classic": b1500,
    "format_tektronix_npz_txt": waveform, "hfo2_rtn_staircase": telegraph,
    "keithley_4200_rram": keithley, "sdc_knowm_triangle": triangle,
    "nottingham_switchbox_iv": switchbox, "rram_1t1r_cycling": array, "sdc_knowm_retention": knowm,
    "sto_nb_iv_timed": strontium, "sto_nb_iv_old_device": strontium_old, "tio2_volatile_drift": drift,
    "vcm_potentiation_depression": pulses, "vo2_iv_cycles": oxide_cycles, "vo2_iv_sweep": oxide_sweep,
    "vo2_relaxation": oxide_relaxation, "vo2_short_pulses": oxide_pulses,
}  # fmt: skip
