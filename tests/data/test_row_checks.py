"""Rows that are cut, short, long, commented or repeated."""

import numpy as np
import pytest

from memjax.data.row_checks import (
    codes_of,
    is_cut,
    is_number,
    lines_of,
    other_rows,
    repeated_rows,
    whole_rows,
    without_comments,
)
from memjax.errors import ReaderError


def rows(*texts):
    return [(k, text.split(",")) for k, text in enumerate(texts, 1)]


@pytest.mark.parametrize(
    ("cell", "above", "cut"),
    [
        ("1.234e-0", ["1.234e-05", "2.345e-06"], True),
        ("1.234e-", ["1.234e-05", "2.345e-06"], True),
        ("1.23", ["1.234e-05", "2.345e-06"], True),
        ("1.234e-05", ["1.234e-05", "2.345e-06"], False),
        ("1.2e-05", ["1.234e-05", "2.345e-06"], False),  # its exponent is whole
        ("1.3e-0", ["1e-9", "1.2e-9"], True),  # exponents that are not padded
        ("1.3e-1", ["1e-9", "1.2e-9"], None),
        ("1.3e-8", ["1e-9", "1.2e-9"], False),
        ("0.12", ["0.1234", "0.2345"], True),
        ("0.123", ["0.1234", "0.12"], None),
        ("0.1234", ["0.1234", "0.12"], False),
        ("1042.11505", ["50477.46245", "993.1234567"], None),  # ten digits above, nine here
        ("14941", ["149411", "149412"], True),
        ("14941", ["149411", "14941"], None),
        ("", ["1"], True),
        ("de", ["dev1", "dev2"], True),
        ("dev1", ["dev1", "dev12"], None),
        ("dev1", ["dev1", "dev2"], False),
        ("0.1", [], None),
    ],
)
def test_a_number_is_cut_if_those_above_it_are_written_longer(cell, above, cut):
    assert is_cut(cell, above) is cut


@pytest.mark.parametrize("cell", ["١.٢", "１.５", "1_0", "1e", "0x1", ""])
def test_other_scripts_and_underscores_are_no_numbers(cell):
    assert not is_number(cell)


def test_lines_are_named_and_many_are_counted():
    assert lines_of([3]) == "line 3"
    assert lines_of([3, 7]) == "lines 3, 7"
    assert lines_of(list(range(1, 13))) == "lines 1, 2, 3, 4, 5, ... (12)"


def test_a_last_row_that_is_cut_is_left_out_and_named():
    table = rows(*["0.10,1.0e-03"] * 5, "0.20,1.0e-0")
    remarks = []
    assert whole_rows(table, remarks, ended=False, where="f") == table[:-1]
    assert remarks == ["the file ends within a number, '1.0e-0' in line 6: that row is left out"]
    assert whole_rows(table, [], ended=True, where="f") == table
    remarks = []
    assert whole_rows(rows("1,2", "3,4", "5"), remarks, ended=False, where="f") == rows(
        "1,2", "3,4"
    )
    assert remarks == ["the file ends within a row, 1 of 2 cells in line 3: it is left out"]


def test_a_last_number_with_a_separator_behind_it_is_whole():
    table, remarks = rows(*["0.10,1.0e-03,"] * 5, "0.20,1.0,"), []
    assert whole_rows(table, remarks, ended=False, where="f") == table
    assert remarks == []
    filled = rows(*["0.10,1.0e-03,7"] * 5, "0.20,1.0,")
    assert whole_rows(filled, [], ended=False, where="f") == filled[:-1]


def test_short_rows_are_left_out_where_they_are_few_and_kept_where_they_are_many():
    few, remarks = rows(*["1,2,3"] * 20, "1,2", "1,2,3"), []
    assert whole_rows(few, remarks, ended=True, where="f") == [*few[:20], few[21]]
    assert remarks == ["rows of fewer than 3 cells are left out: line 21"]
    many, remarks = rows(*["1,2,3"] * 5, *["1,2"] * 4), []
    assert whole_rows(many, remarks, ended=True, where="f") == many
    assert "4 rows have fewer cells than others" in remarks[0]


def test_a_row_with_a_cell_too_many_is_refused_and_one_with_a_separator_too_many_is_not():
    with pytest.raises(ReaderError, match="3 cells where other rows have 2; in f, line 3"):
        whole_rows(rows("1,2", "1,2", "1,2,3"), [], ended=True, where="f")
    harmless = rows("1,2", "1,2", "1,2,")
    assert whole_rows(harmless, [], ended=True, where="f") == harmless


def test_comments_are_left_out_and_named():
    remarks = []
    assert without_comments(rows("1,2", "# paused", "3,4"), remarks) == [
        (1, ["1", "2"]),
        (3, ["3", "4"]),
    ]
    assert remarks == ["comments between the rows are left out: line 2"]


def test_a_footer_of_numbers_is_said():
    body = [f"{k / 7:.4f},{k * 1e-6:.3e}" for k in range(40)]
    assert other_rows(rows(*body), 2) == []
    remarks = other_rows(rows(*body, "1,2"), 2)
    assert remarks == ["numbers are written otherwise than those above: line 41; is it a footer?"]


def test_blocks_that_stand_there_twice_are_said_and_chance_is_not():
    x = list(range(50))
    lines = list(range(1, 120))
    assert repeated_rows(np.array(x), lines) == []
    assert repeated_rows(np.array([*x, *x]), lines) == [
        "50 rows repeat what stands before, cell by cell: line 51 is line 1 again"
    ]
    assert "1 row repeat" in repeated_rows(np.array([*x[:9], 8, *x[9:]]), lines)[0]
    # A coarse instrument shows the same numbers again and again.
    coarse = np.random.default_rng(0).integers(0, 3, 100)
    assert repeated_rows(coarse, lines) == []
    assert codes_of([["1", "2"], ["1", "3"], ["1", "2"]]).tolist() == [0, 1, 0]
