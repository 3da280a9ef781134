"""Damaged files: the study's classes, and that no variant of a format ends badly."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from benchmarks.cases.files import layouts
from benchmarks.cases.files.case import write_large
from benchmarks.cases.files.damage import Variant
from benchmarks.cases.files.damaged import (
    EVERY,
    LAYOUTS,
    OUTCOMES,
    outcome,
    reading,
    study,
)
from benchmarks.cases.files.outcomes import flaws, table
from benchmarks.cases.files.workbook import results_of_workbooks

MAKERS = {make.__name__: make for make in LAYOUTS}


@pytest.fixture(params=MAKERS)
def layout(request):
    return MAKERS[request.param]()


@pytest.mark.integration
def test_an_undamaged_file_is_read_to_the_numbers_that_were_written(layout, tmp_path):
    path = tmp_path / f"file{layout.suffix}"
    path.write_text(layout.text(), encoding="utf-8", newline="")
    whole = reading(path, layout)
    assert not any("line " in w for w in whole.warnings)
    count = sum(
        x.size
        for n, x in whole.arrays.items()
        if n.split("/")[1] in ("v", "g", "r", "times", "hrs")
    )
    other = {"pulse-table": 63, "pulse-json": 63, "pulse-columns": 61, "json, columns": 80}
    other |= {"decay-sheets": 2 * 60, "endurance-rows": 30 * 12}
    expected = other.get(layout.name, len(layout.rows))
    assert count == expected


@pytest.mark.few(8)
@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32 - 1), which=st.sampled_from(EVERY))
def test_no_damage_ends_in_an_exception_or_in_silently_other_numbers(layout, tmp_path, seed, which):
    path = tmp_path / f"file{layout.suffix}"
    path.write_text(layout.text(), encoding="utf-8", newline="")
    whole = reading(path, layout)
    variant = which(layout, np.random.default_rng(seed))
    if variant is not None:
        result = outcome(layout, whole, variant, path)
        assert result.outcome not in ("exception", "silent"), f"{result.kind}: {result.remarks}"


def test_the_study_tells_its_classes_apart(tmp_path):
    layout = layouts.comma()
    path = tmp_path / "file.csv"
    path.write_text(layout.text(), encoding="utf-8")
    whole = reading(path, layout)

    def ends(data, **about):
        return outcome(layout, whole, Variant(kind="x", data=data.encode(), **about), path).outcome

    lines = layout.text().splitlines(keepends=True)
    assert ends(layout.text()) == "right"
    assert ends("".join(lines[:20])) == "silent"  # rows are missing
    assert ends("".join(lines[:20]), at_row_end=True) == "unseen"
    assert ends(layout.text().replace("0.9000,", "0.9100,", 1)) == "silent"
    assert ends("".join([*lines[:20], "# paused\n", *lines[20:]])) == "right"
    assert ends("".join([*lines[:20], "0.5\n", *lines[21:]])) == "warned"
    assert ends("no table") == "refused"
    stated = dataclasses.replace(layout, states_length=True)
    variant = Variant(kind="x", data="".join(lines[:20]).encode(), at_row_end=True)
    assert outcome(stated, whole, variant, path).outcome == "silent"


@pytest.mark.integration
def test_the_table_counts_every_variant_once():
    results = study(12, layouts=(layouts.tabs, layouts.b1500))
    assert len(results) == 24
    counts = Counter(r.outcome for r in results)
    last = table(results, OUTCOMES).splitlines()[-1].split("|")
    assert [int(x) for x in last[2:-1]] == [24, *(counts[o] for o in OUTCOMES)]
    assert flaws(results) == []


def test_the_large_file_has_the_rows_that_were_asked_for(tmp_path):
    write_large(tmp_path / "large.csv", 20_000)
    with (tmp_path / "large.csv").open() as file:
        assert sum(1 for _ in file) == 20_001


@pytest.mark.slow
def test_no_damaged_workbook_ends_in_an_exception_or_in_silently_other_numbers():
    results = results_of_workbooks(30, seed=5)
    assert [f"{r.name}, {r.kind}: {r.outcome}" for r in flaws(results)] == []
    counts = Counter(r.outcome for r in results)
    assert len(results) == 60
    assert counts["right"]
    assert counts["refused"]


@pytest.mark.study
def test_of_five_hundred_damaged_workbooks_of_each_kind_none_is_flawed():
    results = results_of_workbooks(500, seed=11)
    assert [f"{r.name}, {r.kind}: {r.outcome}" for r in flaws(results)] == []


@pytest.mark.study
def test_a_thousand_variants_of_each_format_hold_no_flaw():
    results = study(1000, seed=7)
    assert [f"{r.name}, {r.kind}: {r.outcome}" for r in flaws(results)] == []
