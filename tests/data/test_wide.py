"""Many curves in one table: pairs of columns, one voltage and many currents, sheets of a workbook."""

import numpy as np
import pytest

from benchmarks.cases.files.workbook import write_workbook
from memjax.data import read
from memjax.errors import ReaderError

LOOP = np.array([0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0])
FIRST, SECOND = 1e-3 * LOOP, 2e-3 * LOOP


@pytest.fixture
def write(tmp_path):
    def write(head, *columns):
        path = tmp_path / "wide.csv"
        rows = [
            ",".join("" if np.isnan(x) else f"{x:.12g}" for x in row)
            for row in zip(*columns, strict=True)
        ]
        path.write_text("\n".join([head, *rows]) + "\n")
        return path

    return write


def two_curves(m):
    """Whether a measurement holds the loop twice, with its two currents."""
    assert [len(s.v) for _, s in m.sweeps()] == [9, 9]
    np.testing.assert_allclose(m.v, np.tile(LOOP, 2))
    np.testing.assert_allclose(m.i, np.concatenate([FIRST, SECOND]), rtol=1e-12)
    return True


@pytest.mark.integration
@pytest.mark.parametrize(
    ("head", "scale"),
    [
        ("V1,I1,V2,I2", 1),
        ("V1 (V),I1 (mA),V2 (V),I2 (mA)", 1e3),
        ("V1_V,I1_uA,V2_V,I2_uA", 1e6),
        ("V_1,I_1,V_2,I_2", 1),
        ("Voltage 1 [mV],Current 1 [mA],Voltage 2 [V],Current 2 [A]", None),
        ("V,I,V,I", 1),
        ("V,I,V.1,I.1", 1),
        ("V (V),I (A),V (V),I (A)", 1),
        ("V,I1,V,I2", 1),
        ("Cycle 1 Voltage (V),Cycle 1 Current (A),Cycle 2 Voltage (V),Cycle 2 Current (A)", 1),
    ],
)
def test_pairs_of_columns_are_curves_of_their_own(write, head, scale):
    columns = (LOOP, FIRST, LOOP, SECOND)
    if scale is None:
        columns = (1e3 * LOOP, 1e3 * FIRST, LOOP, SECOND)
    else:
        columns = (LOOP, scale * FIRST, LOOP, scale * SECOND)
    m = read(write(head, *columns))
    assert two_curves(m)
    assert any("2 pairs of" in w and "a record each" in w for w in m.warnings)


def test_columns_need_not_alternate_where_numbers_tell(write):
    assert two_curves(read(write("V1,V2,I1,I2", LOOP, LOOP, FIRST, SECOND)))


def test_one_voltage_and_many_currents(write):
    m = read(write("V (V),I1 (A),I2 (A)", LOOP, FIRST, SECOND))
    assert two_curves(m)
    assert any("2 currents, I1 (A), I2 (A) under the voltage V (V)" in w for w in m.warnings)


def test_times_go_with_their_curves(write):
    t = np.arange(9.0)
    m = read(write("t1,V1,I1,t2,V2,I2", t, LOOP, FIRST, 10 * t, LOOP, SECOND))
    np.testing.assert_array_equal(m.t, np.concatenate([t, 10 * t]))


def test_shorter_curves_end_without_a_warning(write):
    short, current = LOOP.copy(), SECOND.copy()
    short[5:] = current[5:] = np.nan
    m = read(write("V1,I1,V2,I2", LOOP, FIRST, short, current))
    assert [len(s.v) for _, s in m.sweeps()] == [9, 5]
    assert not any("NaN" in w for w in m.warnings)


def test_a_gap_inside_a_curve_is_counted(write):
    current = SECOND.copy()
    current[3] = np.nan
    m = read(write("V1,I1,V2,I2", LOOP, FIRST, LOOP, current))
    assert len(m.v) == 17
    assert "1 row with NaN dropped: line 5" in m.warnings


def test_a_constant_voltage_beside_swept_ones_is_no_curve(write):
    m = read(write("V1,I1,V2,I2", LOOP, FIRST, np.full(9, 0.1), SECOND))
    np.testing.assert_allclose(m.i, FIRST)
    assert any(
        "V1, I1 is read; left out, since the voltage is constant there: V2" in w for w in m.warnings
    )


def test_who_names_columns_gets_these(write):
    path = write("V1,I1,V2,I2", LOOP, FIRST, LOOP, SECOND)
    np.testing.assert_allclose(read(path, columns={"v": "V2", "i": "I2"}).i, SECOND)
    np.testing.assert_allclose(read(path, columns={"v": "V2"}).i, SECOND)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (
            "SMU-1 Voltage (V),SMU-1 Current (A),SMU-2 Voltage (V),SMU-2 Current (A)",
            "2 columns may be the voltage",
        ),
        ("V1,I1,V2,I3", None),
        ("V1,V2,V3,I1", "3 columns may be the voltage"),
    ],
)
def test_what_are_no_pairs_is_refused_or_said(write, head, says):
    path = write(head, LOOP, FIRST, LOOP, SECOND)
    if says is None:
        assert any("paired by their order" in w for w in read(path).warnings)
        return
    with pytest.raises(ReaderError, match=says):
        read(path)


def test_a_column_that_could_be_the_current_too_is_named(write):
    m = read(write("V (V),I (A),Leakage current (A)", LOOP, FIRST, SECOND))
    np.testing.assert_allclose(m.i, FIRST)
    assert "columns left aside: Leakage current (A)" in m.warnings


def curve(k):
    return [["Voltage (V)", "Current (A)"], *([float(v), k * float(v)] for v in LOOP)]


def test_workbook_of_64_pairs_as_a_script_writes_them(tmp_path):
    head = [f"{c}{f'.{k}' if k else ''}" for k in range(64) for c in "VI"]
    rows = [[x for k in range(64) for x in (float(v), k * float(v))] for v in LOOP]
    m = read(write_workbook(tmp_path / "b.xlsx", {"A": [head, *rows]}))
    assert len(m.labels) == 64
    np.testing.assert_allclose(m.i, np.outer(np.arange(64), LOOP).ravel())
    assert any("64 pairs" in w for w in m.warnings)
    assert sum("no units stated" in w for w in m.warnings) == 1


def test_sheets_are_records_and_those_without_a_table_are_named(tmp_path):
    notes = [["measured on a Monday"], ["by hand"]]
    path = write_workbook(
        tmp_path / "b.xlsx", {"A": curve(1e-3), "B": curve(2e-3), "Notes": notes, "Sheet4": []}
    )
    m = read(path)
    assert two_curves(m)
    assert [w for w in m.warnings if "left out" in w] == [
        "sheet 'Notes' left out: no table of numbers; columns found: 'measured', 'on', 'a', 'Monday'"
    ]


def test_a_sheet_of_other_things_is_left_out_by_name(tmp_path):
    other = [["T (K)", "R (ohm)"], [300, 1e3], [310, 2e3]]
    m = read(write_workbook(tmp_path / "b.xlsx", {"A": curve(1e-3), "R of T": other}))
    np.testing.assert_allclose(m.i, FIRST)
    assert any("record R of T left out: no column says" in w for w in m.warnings)
    assert any("other columns than 'A': R of T" in w for w in m.warnings)


def test_cycle_1_of_one_sheet_is_not_cycle_1_of_the_next(tmp_path):
    rows = [["cycle", "V (V)", "I (A)"], *([c, float(v), float(v)] for c in (1, 2) for v in LOOP)]
    m = read(write_workbook(tmp_path / "b.xlsx", {"A": rows, "B": rows}))
    assert [len(s.v) for _, s in m.sweeps()] == [9, 9, 9, 9]
    assert m.source["sweep_names"] == ("A 1", "A 2", "B 1", "B 2")


def test_a_workbook_without_a_table_is_refused(tmp_path):
    with pytest.raises(ReaderError, match="sheet 'Notes': no table of numbers"):
        read(write_workbook(tmp_path / "b.xlsx", {"Notes": [["nothing"], ["here"]]}))
    with pytest.raises(ReaderError, match="sheets are empty"):
        read(write_workbook(tmp_path / "c.xlsx", {"A": []}))
