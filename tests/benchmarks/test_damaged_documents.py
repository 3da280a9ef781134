"""Damaged files of settings: none ends in a traceback, nor in something else than it says without a word."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from benchmarks.cases.files.damaged_documents import (
    DAMAGES,
    OUTCOMES,
    Damaged,
    outcome,
    study,
)
from benchmarks.cases.files.documents import DOCUMENTS, stimulus
from benchmarks.cases.files.outcomes import flaws, table

MAKERS = {make.__name__: make for make in DOCUMENTS}


@pytest.fixture(params=MAKERS)
def document(request):
    return MAKERS[request.param]()


@pytest.mark.slow
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32 - 1), which=st.sampled_from(DAMAGES))
def test_no_damage_ends_in_an_exception_or_silently_elsewhere(document, tmp_path, seed, which):
    path = tmp_path / f"file{document.suffix}"
    path.write_text(document.text, encoding="utf-8")
    whole = document.load(path)
    result = outcome(document, whole, which(document.text, np.random.default_rng(seed)), path)
    assert result.outcome not in ("exception", "silent"), f"{result.kind}: {result.remarks}"


def test_the_study_tells_its_classes_apart(tmp_path):
    document, path = stimulus(), tmp_path / "file.csv"
    path.write_text(document.text, encoding="utf-8")
    whole = document.load(path)

    def ends(text, **about):
        damaged = Damaged(kind="x", data=text.encode(), **about)
        return outcome(document, whole, damaged, Path(path)).outcome

    lines = document.text.splitlines(keepends=True)
    other = document.text.replace("0.3000,", "0.3100,")
    assert ends(document.text) == "right"
    assert ends(other) == "as written"
    assert ends(other, cut=True) == "silent"
    assert ends("".join(lines[:-1])) == "as written"
    assert ends("".join(lines[:-1]) + "2.3000,8.6") == "refused"  # cut within its last number
    assert ends("no table") == "refused"


def test_the_table_counts_every_file_once():
    results = study(16, seed=3, documents=(stimulus,))
    assert len(results) == 16
    assert sum(map(int, table(results, OUTCOMES).splitlines()[-1].split("|")[3:-1])) == 16
    assert {r.outcome for r in results} <= set(OUTCOMES)


@pytest.mark.study
def test_of_five_hundred_damaged_files_of_each_kind_none_is_flawed():
    results = study(500, seed=7)
    assert [f"{r.name}, {r.kind}: {r.outcome}" for r in flaws(results)] == []
