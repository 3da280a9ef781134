"""Endurance with a line of groups above the names of the columns: a high and a low state of each test."""

import numpy as np
import pytest

from benchmarks.cases.files.workbook import write_workbook
from memjax.data import EnduranceRecord, has_records, read_records
from memjax.data.base import AbstractFormat
from memjax.data.registry import recognise
from memjax.data.text import load
from memjax.errors import ReaderError

GROUPS = ["Cycle", *["SET#1"] * 3, *["SET#2"] * 3, *["RESET#1"] * 3, *["CVS#1"] * 2]
NAMES = ["Index", *["ILRS", "IHRS", "VSET"] * 3, "AI", "AV"]
LOW, HIGH = [1e-4, 2e-4, 3e-4], [1e-6, 4e-6, 2e-6]
BODY = [
    [n + 1, a, b, 1.2, "", "", "", 1.1 * a, 0.9 * b, -1, "", ""]
    for n, (a, b) in enumerate(zip(LOW, HIGH, strict=True))
]
SHEETS = {"test": [GROUPS, NAMES, *BODY], "Calc": [[]], "Settings": [["Total Cycles", "3"]]}


def text(rows):
    return "\n".join(",".join(map(str, row)) for row in rows) + "\n"


def check(path):
    assert has_records(path)
    records = read_records(path)
    assert all(isinstance(r, EnduranceRecord) for r in records)
    assert [(r.device, r.quantity, r.reader) for r in records] == [
        ("SET#1", "i", "endurance-groups"), ("RESET#1", "i", "endurance-groups"),
    ]  # fmt: skip
    for record, factors in zip(records, ((1, 1), (1.1, 0.9)), strict=True):
        np.testing.assert_array_equal(record.cycles, [1, 2, 3])
        np.testing.assert_array_equal(record.lrs, np.multiply(factors[0], LOW))
        np.testing.assert_array_equal(record.hrs, np.multiply(factors[1], HIGH))
        assert any("taken as SI" in w for w in record.warnings)
    assert "columns not read under SET#1: VSET" in records[0].warnings
    return records


def test_a_workbook_is_read_group_by_group(tmp_path):
    check(write_workbook(tmp_path / "a.xlsx", SHEETS))


def test_a_text_is_read_as_the_workbook_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text(SHEETS["test"]))
    check(path)


def test_joined_cells_of_a_group_stand_for_the_columns_to_their_right(tmp_path):
    joined = [g if k == 0 or g != GROUPS[k - 1] else "" for k, g in enumerate(GROUPS)]
    check(write_workbook(tmp_path / "a.xlsx", SHEETS | {"test": [joined, NAMES, *BODY]}))


def test_resistances_with_units_are_converted(tmp_path):
    path = tmp_path / "a.csv"
    names = ["Cycle", "R_LRS (kOhm)", "R_HRS (kOhm)"]
    path.write_text(text([["", "a", "a"], names, *([n, 2, 100 + n] for n in (1, 2))]))
    (record,) = read_records(path)
    assert (record.quantity, record.device) == ("r", "a")
    np.testing.assert_allclose(record.hrs, [101e3, 102e3])


@pytest.mark.parametrize(
    "rows",
    [
        [GROUPS, ["Index", *["VSET", "IRESET", "RATIO"] * 3, "AI", "AV"], *BODY],  # no states
        [GROUPS[1:], NAMES[1:], *(row[1:] for row in BODY)],  # no cycle
        [["Cycle", "a", "b"], ["", "ILRS", "IHRS"], [1, 1, 2], [2, 1, 2]],  # a state in each group
        [["Cycle", "a", "a", "a"], ["", "ILRS", "IHRS", "IHRS"], [1, 1, 2, 3], [2, 1, 2, 3]],
    ],
)
def test_other_tables_are_none_of_these(tmp_path, rows):
    path = tmp_path / "a.csv"
    path.write_text(text(rows))
    choice = recognise(load(path), AbstractFormat)
    assert choice is None or choice.reader.name != "endurance-groups"
    with pytest.raises(ReaderError, match="no group with readings of both states"):
        read_records(path, reader="endurance-groups")


def test_groups_without_a_reading_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text([GROUPS[:3], NAMES[:3], *([n, "", ""] for n in (1, 2, 3))]))
    with pytest.raises(ReaderError, match="no group with readings of both states"):
        read_records(path, reader="endurance-groups")


def test_a_cell_that_is_no_number_is_refused_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text([GROUPS[:3], NAMES[:3], [1, 1e-4, 1e-6], [2, "open", 1e-6]]))
    with pytest.raises(ReaderError, match=r"'open'.*line 4"):
        read_records(path)
