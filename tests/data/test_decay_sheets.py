"""Resistances against time side by side."""

import numpy as np
import pytest

from benchmarks.cases.files.workbook import write_workbook
from memjax.data import read_records
from memjax.errors import ReaderError

T = [0.0, 0.5, 1.0, 1.5]


def test_sheets_of_origin_have_labels_in_their_comments(tmp_path):
    path = write_workbook(
        tmp_path / "r.xlsx",
        {
            "slow": [
                ["long name", "Time (s)", "Resistance (Ω)", None],
                ["units", None, None, None],
                ["comments", None, "70 mA", "60 mA"],
                *([None, t, 100 + t, 200 + t] for t in T),
            ],
            "fast": [
                ["Time (ms)", "R (kOhm)", "Time (ms)", "R (kOhm)"],
                *([1e3 * t, 1 + t, 2e3 * t, 2 + t] for t in T),
                [None, None, 9e3, 7],
            ],
            "notes": [["made by hand"]],
        },
    )
    records = read_records(path)
    assert [r.label for r in records] == ["slow 70 mA", "slow 60 mA", "fast 0", "fast 1"]
    np.testing.assert_allclose(records[1].r, 200 + np.array(T))
    np.testing.assert_allclose(records[2].t, T)
    np.testing.assert_allclose(records[2].r, 1e3 * (1 + np.array(T)))
    np.testing.assert_allclose(records[3].t, [*(2 * t for t in T), 9])
    assert records[0].warnings == ("sheets without times and resistances are left out: notes",)
    assert records[0].reader == "decay-sheets"


def test_text_of_several_columns_is_read_and_readings_below_zero_are_dropped(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("t (s),R1 (kohm),R2 (kohm)\n0,1,2\n1,-1,2\n2,3,4\n3,4,5\n")
    first, second = read_records(path)
    assert (first.label, second.label) == ("1", "2")
    np.testing.assert_array_equal(first.r, [1e3, 3e3, 4e3])
    assert first.warnings == ("run 1: 1 readings that are not positive are dropped",)


def test_units_in_a_row_of_their_own_and_conductances(tmp_path):
    path = tmp_path / "g.csv"
    path.write_text("time,G,G\nms,uS,mS\n0,1,1\n1,2,2\n2,4,4\n")
    first, second = read_records(path)
    np.testing.assert_allclose(first.t, [0, 1e-3, 2e-3])
    np.testing.assert_allclose(first.r, [1e6, 5e5, 2.5e5])
    np.testing.assert_allclose(second.r, [1e3, 5e2, 2.5e2])


def test_a_table_of_voltage_and_current_is_none(tmp_path):
    path = tmp_path / "iv.csv"
    path.write_text("time,V,I,R\n0,1,1,1\n1,2,2,1\n2,3,3,1\n")
    with pytest.raises(ReaderError, match="no time with resistances"):
        read_records(path, reader="decay-sheets")
