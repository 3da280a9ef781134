"""The folder of a fit is whole, or what was there stays; see also test_problems.py."""

from types import SimpleNamespace

import pytest

from fitting import folder as module
from fitting.fit_json import SCHEMA
from fitting.folder import save
from memjax.errors import OutputError

pytestmark = pytest.mark.wrong_types

FIRST, SECOND = (f'{{"schema_version": {SCHEMA}, "loss": {loss}}}' for loss in (1, 2))


def _fit():
    return SimpleNamespace(files=(), problem=SimpleNamespace(env=None))


def _write(monkeypatch, text):
    def write(fit, place, origin, *, drawn):
        (place / "fit.json").write_text(text)

    monkeypatch.setattr(module, "write", write)


def test_a_folder_is_written_and_replaced_where_that_is_asked_for(tmp_path, monkeypatch):
    _write(monkeypatch, FIRST)
    out = tmp_path / "fit"
    assert save(_fit(), out) == out
    assert (out / "fit.json").read_text() == FIRST
    _write(monkeypatch, SECOND)
    with pytest.raises(OutputError, match="exists already"):
        save(_fit(), out)
    assert (out / "fit.json").read_text() == FIRST
    save(_fit(), out, force=True)
    assert (out / "fit.json").read_text() == SECOND


def test_another_folder_is_not_replaced(tmp_path, monkeypatch):
    _write(monkeypatch, FIRST)
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(OutputError):
        save(_fit(), tmp_path, force=True)
    assert (tmp_path / "other.txt").read_text() == "mine"
