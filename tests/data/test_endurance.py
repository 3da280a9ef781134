"""Tables of endurance: names in use, units, devices, damaged ones; and what the command line makes of them."""

import json

import numpy as np
import pytest

from benchmarks.cases.files.workbook import write_workbook
from memjax.cli import main
from memjax.data import EnduranceRecord, has_records, read_records
from memjax.data.records import records_summary
from memjax.errors import ReaderError

ROWS = "1,{h}0,{l}\n10,{h}0,{l}\n100,{h}0,{l}\n"
RESISTANCES = ROWS.format(h="10", l="2")


@pytest.fixture
def write(tmp_path):
    def write(text, name="lot.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.mark.integration
@pytest.mark.parametrize(
    ("head", "hrs", "lrs", "quantity"),
    [
        ("cycle,HRS,LRS", 100, 2, "r"),
        ("Cycle #,R_HRS (kOhm),R_LRS (Ohm)", 1e5, 2, "r"),
        ("cycle,r_hrs_ohm,r_lrs_ohm", 100, 2, "r"),
        ("Cycles,Roff [MOhm],Ron [kOhm]", 1e8, 2e3, "r"),
        ("Cycle number,R_OFF,R_ON", 100, 2, "r"),
        ("cycle,HRS (Ohm),LRS (Ohm)", 100, 2, "r"),
        ("Number of cycles,High resistance state,Low resistance state", 100, 2, "r"),
        ("cycle,I_HRS (nA),I_LRS (mA)", 1e-7, 2e-3, "i"),
        ("cycle,G_HRS (uS),G_LRS (mS)", 1e-4, 2e-3, "g"),
    ],
)
def test_usual_names_are_known(write, head, hrs, lrs, quantity):
    path = write(head + "\n" + RESISTANCES)
    (record,) = read_records(path)
    assert isinstance(record, EnduranceRecord)
    assert (record.device, record.quantity, record.cycles.tolist()) == (
        "lot",
        quantity,
        [1, 10, 100],
    )
    np.testing.assert_allclose([record.hrs[0], record.lrs[0]], [hrs, lrs])
    window = hrs / lrs if quantity == "r" else lrs / hrs
    np.testing.assert_allclose(record.window, window)
    silent = not any(c in head for c in "([_") or head == "Cycle number,R_OFF,R_ON"
    assert any("taken as SI" in w for w in record.warnings) == silent


def test_devices_are_told_apart_and_other_columns_are_named(write):
    text = "device,cycle,HRS (Ohm),LRS (Ohm),ratio\n" + "".join(
        f"{d},{c},{100 + c},2,{50 + c}\n" for d in (7, 8) for c in (1, 2, 3)
    )
    one, two = read_records(write(text))
    assert (one.device, two.device) == ("7", "8")
    assert one.warnings == ("columns not read: ratio",)
    about = records_summary((one, two))
    assert (about["kind"], about["points"], about["cycles"]) == ("endurance", 6, [3, 3])
    assert (about["hrs_median"], about["lrs_median"]) == (102, 2)


def test_sheets_of_a_workbook_are_devices(tmp_path):
    rows = [["Cycle", "HRS (kOhm)", "LRS (kOhm)"], [1, 100, 1], [2, 90, 1]]
    (record,) = read_records(write_workbook(tmp_path / "b.xlsx", {"A": rows}))
    assert record.hrs.tolist() == [1e5, 9e4]
    two = read_records(write_workbook(tmp_path / "c.xlsx", {"A": rows, "B": rows, "Empty": []}))
    assert [(r.device, r.hrs.tolist()) for r in two] == [("A", [1e5, 9e4]), ("B", [1e5, 9e4])]
    other = [["Cycle", "HRS"], [1, 2]]
    assert not has_records(write_workbook(tmp_path / "d.xlsx", {"A": rows, "B": other}))


def test_gaps_wrong_signs_and_swapped_columns_are_said(write):
    (record,) = read_records(
        write("cycle,HRS (Ohm),LRS (Ohm)\n1,1,100\n2,,100\n3,-1,100\n4,2,100\n")
    )
    assert np.isnan(record.hrs).tolist() == [False, True, True, False]
    words = " ".join(record.warnings)
    for text in ("1 readings that are not positive", "1 readings are missing", "swapped"):
        assert text in words
    assert records_summary((record,))["hrs_median"] == 1.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cycle,HRS,LRS\n1,x,1\n2,2,1\n", "'x' in column 'HRS' is not a number"),
        ("cycle,HRS,LRS\n2,2,1\n1,2,1\n", "cycles that do not increase"),
        ("cycle,HRS,LRS\n1,2,\n2,2,1\n", "fewer than two cycles"),
        ("cycle,HRS (V),LRS (V)\n1,2,1\n2,2,1\n", "a state in V"),
        ("cycle,R_HRS (Ohm),I_LRS (A)\n1,2,1\n2,2,1\n", "measure different things"),
        ("cycle,HRS,LRS\n1,2,1\n2,2,1\ncycle,HRS,LRS\n3,2,1\n4,2,1\n", "several headers"),
    ],
)
def test_damaged_tables_are_refused_in_words(write, text, says):
    with pytest.raises(ReaderError, match=says):
        read_records(write(text))


@pytest.mark.parametrize(
    "head", ["cycle,v_V,i_A", "cycle,on,off", "cycle,HRS", "HRS,LRS,x", "cycle,low,high"]
)
def test_other_tables_are_none_of_these(write, head):
    path = write(head + "\n" + RESISTANCES)
    assert not has_records(path) or not isinstance(read_records(path)[0], EnduranceRecord)


def test_the_command_line_shows_it_and_a_fit_refuses_it(write, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MEMJAX_CACHE", "off")
    path = write("Cycle #,R_HRS (kOhm),R_LRS (kOhm)\n" + RESISTANCES)
    assert main(["read", str(path)]) == 0
    out = capsys.readouterr().out
    assert "endurance, 3 points" in out
    assert "HRS         median 100000 ohm" in out
    assert main(["read", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["window_median"] == 50
    words = ["fit", str(path), "--model", "vteam", "--out", str(tmp_path / "fit")]
    assert main(words) == 2
    ended = capsys.readouterr()
    assert ended.err.count("\n") == 1
    assert "endurance" in ended.err
    assert str(path) in ended.err
    assert not (tmp_path / "fit").exists()


def test_measured_file(shared_data):
    """38 devices of 300 cycles, as the sidecar says."""
    found = read_records(shared_data / "clean" / "rram_1t1r_cycling.csv")
    assert [len(r.cycles) for r in found] == [300] * 38
