"""Peers: a missing one is skipped with what to do about it, a present one is heard."""

import json
import os
import sys

import pytest

from benchmarks import environments, records
from benchmarks.registry import BenchmarkError


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A recorder, with no peers built; who it was recorded by takes a process to find out."""
    monkeypatch.setenv("MEMJAX_PEERS", str(tmp_path / "peers"))
    origin = {"schema_version": records.SCHEMA_VERSION}
    monkeypatch.setattr(records, "provenance", lambda: origin)
    names = {"run_id": "1", "case": "fit", "size": "smoke", "baseline": "scipy"}
    return records.Recorder(path=tmp_path / "1.jsonl", **names)


def _pretend(name):
    """An environment that is this Python."""
    home = environments.folder() / name
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    os.chmod(home / "bin" / "python", 0o755)
    (home / "requirements.sha256").write_text(environments._digest(name))


def _ask(record, script, text):
    script.write_text(text)
    environments.run_peer(record, "scipy-lmfit", script, job={"n": 3}, variant="scipy")
    return records.read(record.path)[-1]


@pytest.mark.wrong_types
def test_a_missing_peer_is_skipped_with_the_command_that_builds_it(record, tmp_path):
    row = _ask(record, tmp_path / "peer.py", "")
    assert row["status"] == "skipped"
    assert "python -m benchmarks peers --only scipy-lmfit" in row["reason"]


def test_a_peer_out_of_date_counts_as_missing(record):
    _pretend("scipy-lmfit")
    assert environments.python_of("scipy-lmfit") is not None
    stamp = environments.folder() / "scipy-lmfit" / "requirements.sha256"
    stamp.write_text("of other requirements")
    assert environments.python_of("scipy-lmfit") is None


@pytest.mark.integration
def test_what_a_peer_says_is_recorded(record, tmp_path):
    _pretend("scipy-lmfit")
    said = {"run_s": [1.0, 3.0], "error": 0.1, "reference": "truth", "dtype": "float64"}
    program = "import json, sys\njob = json.load(sys.stdin)\nprint('chatter')\n"
    program += f"print(json.dumps({said!r} | {{'n': job['n'], 'peak_rss_bytes': 7}}))\n"
    row = _ask(record, tmp_path / "peer.py", program)
    assert (row["status"], row["peer"], row["n"]) == ("ok", "scipy-lmfit", 3)
    assert (row["run_s"]["median"], row["error"], row["peak_rss_bytes"]) == (2.0, 0.1, 7)
    json.dumps(row, allow_nan=False)


@pytest.mark.integration
def test_a_peer_that_dies_is_a_failed_record_with_its_last_words(record, tmp_path):
    _pretend("scipy-lmfit")
    row = _ask(record, tmp_path / "peer.py", "raise ArithmeticError('no root')")
    assert row["status"] == "failed"
    assert "ArithmeticError: no root" in row["reason"]


def test_an_unknown_peer_is_refused_by_name(record):
    with pytest.raises(BenchmarkError, match=r"no peer 'other'; allowed: .*scipy-lmfit"):
        environments.build("other")


@pytest.mark.integration
def test_a_peer_whose_packages_cannot_be_installed_is_an_error_that_names_a_way_out(
    tmp_path, monkeypatch
):
    (tmp_path / "lost.txt").write_text("./no-such-package\n")
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    with pytest.raises(BenchmarkError, match=r"install the peer lost.*MEMJAX_LOST="):
        environments.build("lost")
    assert environments.python_of("lost") is None
