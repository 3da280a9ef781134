"""Files of many devices by their names."""

import os

import pytest

from fitting.devices import devices_of, expanded
from memjax.errors import DataError


def test_folders_patterns_and_equal_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/one.csv", "a/notes.md", "b/one.csv", "b/two.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert list(devices_of(["b"])) == ["one", "two"]
    assert list(devices_of([os.path.join("*", "*.csv")])) == ["a-one", "b-one", "b-two"]


def test_a_file_that_is_not_there_and_one_named_twice_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(DataError, match="no such file"):
        expanded([str(tmp_path / "b.csv")])
    with pytest.raises(DataError, match="are one device"):
        devices_of([str(tmp_path / "a.csv"), str(tmp_path / "a.csv")])
