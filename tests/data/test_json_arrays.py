"""JSON in the layouts that pandas and scripts write."""

import json

import numpy as np
import pandas as pd
import pytest

from memjax.data import read, read_records
from memjax.errors import ReaderError

from .arrays import I, T, V, assert_loops

ROWS = [{"V": v, "I": i} for v, i in zip(V.tolist(), I.tolist(), strict=True)]


@pytest.mark.parametrize(
    "content",
    [
        {"V": V.tolist(), "I": I.tolist(), "device": "A1"},
        {"meta": {"T": 300}, "data": {"voltage_V": V.tolist(), "current_uA": (1e6 * I).tolist()}},
        ROWS,
        {"measurement": ROWS},
    ],
)
def test_columns_rows_and_groups_are_read(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    m = read(path)
    assert m.reader == "json"
    np.testing.assert_allclose([m.v, m.i], [V, I], rtol=1e-15)


@pytest.mark.parametrize("orient", ["columns", "records", "split", "table", "index"])
def test_what_pandas_writes_is_read(tmp_path, orient):
    path = tmp_path / "a.json"
    pd.DataFrame({"V": V, "I": I}).to_json(path, orient=orient, double_precision=15)
    m = read(path)
    np.testing.assert_allclose([m.v, m.i], [V, I], atol=1e-15)


def test_an_object_a_line_is_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    assert_loops(read(path), 1)


def test_a_list_of_sweeps_is_read_sweep_by_sweep(tmp_path):
    path = tmp_path / "a.json"
    sweeps = [{"t": T.tolist(), "V": V.tolist(), "I": (k * I).tolist()} for k in (1, 2, 4)]
    path.write_text(json.dumps({"sample": "x", "sweeps": sweeps}))
    m = read(path)
    assert_loops(m, 1, 2, 4)
    np.testing.assert_array_equal(m.t[:41], T)


def test_nothing_and_nan_are_dropped_rows(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"V": [0, 1, null, 3], "I": [0, NaN, 2, 3]}')
    m = read(path)
    assert m.v.tolist() == [0, 3]
    assert any(w.startswith("2 rows with NaN dropped") for w in m.warnings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"V": [1, 2', r"broken JSON \(.*line 1"),
        ('{"V": [1, 2, 3], "I": [1, 2]}', r"no two arrays of one length; it holds 'V' \(3,\)"),
        ('{"a": 1}', r"no two arrays of one length; it holds 'a' \(\)"),
        ("[[0, 1], [1, 2], [2, 3]]", r"'1', '2' \(no header\).*--columns"),
        ('{"x": [1, 2], "y": [1, 2]}', "columns found: 'x', 'y'"),
    ],
)
def test_json_without_columns_is_refused_with_what_it_holds(tmp_path, text, says):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ReaderError, match=says):
        read(path)


def test_json_of_pulses_stays_a_record_of_pulses(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"Gset": [1e-5, 2e-5, 1e-5, 2e-5], "Greset": [2e-5, 1e-5, 2e-5, 1e-5], "repeats": 2,'
                    ' "V": [1, -1], "W": [1e-6, 1e-6], "read_V": 0.1}')  # fmt: skip
    with pytest.raises(ReaderError, match="seems to hold JSON with Gset"):
        read(path)
    assert len(read_records(path)) == 1
