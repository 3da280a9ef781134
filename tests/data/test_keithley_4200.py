"""Workbooks of the Keithley 4200, and columns named after terminals."""

import numpy as np
import pytest
import xlwt

from benchmarks.cases.files.workbook import write_workbook
from memjax.data import read
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


@pytest.mark.integration
def test_a_workbook_without_runs_is_refused(tmp_path):
    with pytest.raises(ReaderError, match="no sheet of a run"):
        read(write_workbook(tmp_path / "a.xlsx", {"Data": [[]], "Settings": SETTINGS}))
