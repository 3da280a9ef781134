"""Workbooks of the Keithley 4200, and columns named after terminals."""

import numpy as np
import pytest
import xlwt

from benchmarks.cases.files.workbook import write_workbook
from memjax.data import has_records, read
from memjax.errors import ReaderError

V = [0.0, 0.5, 1.0, 0.5, 0.0]
DATA = [[v * 1e-3, v] for v in V]
SETTINGS = [
    ["Test Name", "iv#1@1"],
    ["Forcing Function", "Voltage Sweep", "Common"],
    ["Compliance", 1e-3],
]


def sheets(names=("AnodeI", "AnodeV"), settings=SETTINGS, **more):
    return {"Data": [list(names), *DATA], "Calc": [[]], "Settings": settings, **more}


def write_xls(path, content):
    book = xlwt.Workbook()
    for name, rows in content.items():
        sheet = book.add_sheet(name)
        for k, row in enumerate(rows):
            for n, cell in enumerate(row):
                if cell is not None:
                    sheet.write(k, n, cell)
    book.save(str(path))
    return path


@pytest.mark.parametrize("write", [write_xls, write_workbook])
def test_runs_are_sweeps_and_the_other_sheets_are_settings(tmp_path, write):
    second = [["AnodeI", "AnodeV"], *([2 * i, v] for i, v in DATA)]
    m = read(write(tmp_path / "iv.xls", sheets(Append1=second)))
    assert (m.reader, m.driven, m.sweep.tolist()) == ("keithley-4200", "voltage", [0] * 5 + [1] * 5)
    np.testing.assert_array_equal(m.v, V + V)
    np.testing.assert_array_equal(m.i, [i for i, _ in DATA] + [2 * i for i, _ in DATA])
    assert m.source["settings"]["Test Name"] == "iv#1@1"
    assert (
        m.source["recognised"]["reason"]
        == "a workbook with the sheets Data, Append1, Calc, Settings"
    )
    assert not any("units" in w for w in m.warnings)


def test_a_current_sweep_is_known_from_the_settings(tmp_path):
    settings = [["Forcing Function", "Current Sweep", "Common"]]
    m = read(write_workbook(tmp_path / "iv.xlsx", sheets(settings=settings)))
    assert (m.driven, m.compliance) == ("current", None)
    assert any("Current Sweep" in w for w in m.warnings)


def test_the_swept_terminal_is_read_step_by_step(tmp_path):
    names = [f"{n}({k})" for k in (1, 2) for n in ("DrainI", "DrainV", "GateI", "GateV", "Time")]
    rows = [[1e-3 * v, v, 1e-9, 2, n, 2e-3 * v, v, 1e-9, 3, n] for n, v in enumerate(V)]
    m = read(write_workbook(tmp_path / "fet.xlsx", sheets() | {"Data": [names, *rows]}))
    np.testing.assert_array_equal(m.i, [1e-3 * v for v in V] + [2e-3 * v for v in V])
    np.testing.assert_array_equal(m.t, 2 * [0, 1, 2, 3, 4])
    assert len(m.labels) == 2
    assert any("terminal Drain is read" in w and "GateI(1), GateV(1)" in w for w in m.warnings)


def test_text_with_columns_of_terminals_is_read_too(tmp_path):
    path = tmp_path / "iv.csv"
    path.write_text("CathodeV,AnodeI,AnodeV\n" + "\n".join(f"0,{i},{v}" for i, v in DATA))
    m = read(path)
    np.testing.assert_array_equal(m.v, V)
    assert any("terminal Anode is read" in w and "CathodeV" in w for w in m.warnings)
    assert any("no units stated" in w for w in m.warnings)


def test_terminals_that_are_swept_alike_are_refused_until_one_is_named(tmp_path):
    path = tmp_path / "iv.csv"
    path.write_text("AI,AV,BI,BV\n" + "\n".join(f"{i},{v},{-i},{-v}" for i, v in DATA))
    with pytest.raises(ReaderError, match=r"columns found: 'AI', 'AV'.*--columns"):
        read(path)
    m = read(path, columns={"v": "BV", "i": "BI"})
    np.testing.assert_array_equal(m.v, np.negative(V))


NAMES = ["Time", "AI", "AV", "RESISTANCE", "ILRS", "I"]


def run(scale=1.0, step=0.03):
    """Rows of a run of Clarius+: results of formulas stand in the first row alone."""
    rows = [
        [0.2 + step * k, scale * i, v, v / (scale * i or 1), "", abs(i)]
        for k, (i, v) in enumerate(DATA)
    ]
    rows[0][4] = 1e-4
    return rows


def clarius(*runs):
    """Rows of `Settings` for some runs with their limits."""
    bar, rows = ["=" * 34], []
    for name, limit in runs:
        rows += [bar, [name], bar, ["Test Name", "SET#1@1"], ["Name", "BV", "AV"]]
        rows += [["Operation Mode", "Common", "Voltage Linear Sweep"], ["Compliance", 0.105, limit]]
    return rows


def test_columns_of_a_terminal_beside_results_are_voltage_and_current(tmp_path):
    path = write_workbook(
        tmp_path / "iv.xlsx", {"Run3": [NAMES, *run()], "Settings": clarius(("Run3", 0.02))}
    )
    m = read(path)
    assert (m.reader, m.labels.tolist(), m.compliance) == ("keithley-4200", [3], 0.02)
    np.testing.assert_array_equal(m.v, V)
    np.testing.assert_array_equal(m.i, [i for i, _ in DATA])
    np.testing.assert_array_equal(m.t, [row[0] for row in run()])


def test_numbered_runs_are_sweeps_in_the_order_of_their_numbers(tmp_path):
    content = {
        "Run10": [NAMES, *run(10)], "Settings": clarius(("Run10", 0.5), ("Run9", 0.25)),
        "Run9": [NAMES, *run(9)],
    }  # fmt: skip
    m = read(write_workbook(tmp_path / "iv.xlsx", content))
    assert m.sweep.tolist() == [9] * 5 + [10] * 5
    np.testing.assert_array_equal(m.i, [i * n for n in (9, 10) for i, _ in DATA])
    np.testing.assert_array_equal(m.limit, [0.25] * 5 + [0.5] * 5)
    assert any("order of their numbers, Run9, Run10" in w for w in m.warnings)
    assert m.source["numbered"]


@pytest.mark.parametrize("groups", [1, 2])
def test_a_line_of_groups_above_the_names_hides_no_column(tmp_path, groups):
    header = [["SET#1"] * 3 + ["RESET#1"] * 3, ["Time", "AI", "AV"] * 2]
    body = [[0.1 * k, i, v, 0.1 * k, -2 * i, -v] for k, (i, v) in enumerate(DATA)]
    rows = [row[: 3 * groups] for row in (*header, *body)]
    m = read(write_workbook(tmp_path / "iv.xlsx", {"Run1": rows, "Settings": [["a", "b"]]}))
    np.testing.assert_array_equal(m.v, [s * v for s in (1, -1)[:groups] for v in V])
    np.testing.assert_array_equal(m.i, [s * i for s in (1, -2)[:groups] for i, _ in DATA])
    assert len(m.labels) == groups


@pytest.mark.parametrize("suffix", ["csv", "txt"])
def test_text_of_a_terminal_with_a_resistance_is_no_resistance_against_time(tmp_path, suffix):
    path = tmp_path / f"iv.{suffix}"
    path.write_text("\n".join(",".join(map(str, row[:4])) for row in [NAMES, *run()]) + "\n")
    assert not has_records(path)
    np.testing.assert_array_equal(read(path).v, V)


def test_a_voltage_and_a_current_by_name_come_before_those_of_a_terminal(tmp_path):
    path = tmp_path / "iv.csv"
    path.write_text("V,I,AI,AV\n" + "".join(f"{2 * v},{i},{i},{v}\n" for i, v in DATA))
    np.testing.assert_array_equal(read(path).v, [2 * v for v in V])


@pytest.mark.integration
def test_a_workbook_without_runs_is_refused(tmp_path):
    with pytest.raises(ReaderError, match="no sheet of a run"):
        read(write_workbook(tmp_path / "a.xlsx", {"Data": [[]], "Settings": SETTINGS}))
