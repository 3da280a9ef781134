"""Blocks of all fits: what was fitted, how well, what is left, and the parameters."""

from fitting.page.blocks import Bullets, Table, Text
from fitting.page.fit_blocks import (
    few_cycles,
    parameter_tables,
    provenance,
    remarks,
    summary,
    verdict_alert,
)


def test_remarks_say_what_was_interrupted_and_what_is_not_determined():
    content = {"notes": ["a note"], "warnings": [], "undetermined": ["mu"], "interrupted": True}
    (said,) = remarks(content, "one more").blocks
    assert isinstance(said, Bullets)
    interrupted, note, undetermined, last = said.sentences
    assert "interrupted" in interrupted
    assert undetermined == "Not determined by these data: mu."
    assert (note, last) == ("a note", "one more")


def test_remarks_say_why_parameters_are_not_determined():
    reasons = {"a": "it is too wide", "b": "it is open", "c": "it is too wide"}
    content = {"notes": [], "warnings": [], "undetermined": list("abc"), "reasons": reasons}
    (said,) = remarks(content).blocks
    assert isinstance(said, Bullets)
    assert said.sentences == [
        "Not determined by these data: a, c (it is too wide).",
        "Not determined by these data: b (it is open).",
    ]


def test_the_bench_is_told_with_units():
    bench = {
        "series_resistance": 50.0,
        "compliance": 1e3,
        "compliance_negative": None,
        "reversed": True,
    }
    said = dict.fromkeys(("reader", "command", "seed", "covariance_from"), "")
    counts = dict.fromkeys(("evaluations", "failed", "iterations"), 1)
    content = fit_content(bench=bench, search=counts, versions={}, **said)
    content["data"] = [{"file": "a.csv", "sha256": "0123"}]
    (table,) = provenance(content).blocks
    assert isinstance(table, Table)
    assert ["bench", "series_resistance = 50 ohm, compliance none, reversed"] in table.rows


def test_too_few_cycles_are_counted():
    (text,) = few_cycles(1)
    assert text == "More cycles: the spread from cycle to cycle is hardly seen in 1 cycle."


def fit_content(**more) -> dict:
    """Content of a fit.json of two free parameters and five fixed ones."""
    row = {
        "value": 1.0,
        "std": 0.1,
        "unit": "V",
        "at_bound": False,
        "determined": True,
        "doc": "A voltage.",
    }
    names = {f"p{k}": row | {"free": k < 2, "true": None} for k in range(7)}
    return {
        "model": "own", "parameters": names, "synthetic_truth": False, "undetermined": ["p1", "sigma_ln(p3)"],
        "at_bound": [], "n_points": 9, "n_sweeps": 3, "loss": 1.5,
        "data": [{"file": f"/a/<{k}>.csv"} for k in range(6)],
    } | more  # fmt: skip


def test_a_summary_says_what_was_fitted_how_well_and_what_is_left():
    rows = summary(fit_content(), advice=["Sweeps beyond 1 V & more."], series="sweep").rows
    assert rows["Fitted"] == (
        "own to <0>.csv, <1>.csv, <2>.csv, <3>.csv and 2 more: 9 points in 3 sweeps"
    )
    assert rows["How good"] == "loss 1.5"
    assert rows["Determined"] == "1 of 2 free parameters"
    assert rows["Not determined"] == "p1"
    assert rows["Measure next"] == ["Sweeps beyond 1 V & more."]
    verdict = {"word": "poor", "reason": "area < half"}
    poor = fit_content(verdict=verdict, reduced_chi2=2.0, interrupted=True, undetermined=[])
    rows = summary(poor, series="sweep").rows
    assert (
        rows["How good"] == "poor: area < half; reduced chi squared 2; the search was interrupted"
    )
    (good,) = {summary(poor | {"model_error": 0.15}, series="sweep").rows["How good"]}
    assert "reduced chi squared 2 (the model is 0.15 decades off beyond the scatter" in good
    assert not {"Not determined", "Measure next"} & set(rows)


def test_a_page_begins_with_a_verdict_that_is_not_good():
    assert verdict_alert({}) == verdict_alert({"verdict": None}) == []
    verdict = {"word": "poor", "reason": "the area is < half"}
    assert verdict_alert({"verdict": verdict}) == [Text("The area is < half.", "Verdict: poor.")]
    (text,) = verdict_alert({"verdict": verdict, "suggestion": {"sentence": "20 pF"}})
    assert text.words == "The area is < half. The bench: 20 pF."
    assert verdict_alert({"verdict": {"word": "good", "reason": "all agrees"}}) == []


def test_fixed_parameters_have_a_table_of_their_own_that_is_folded_where_it_is_long():
    free, fixed = parameter_tables(fit_content())
    assert [row[0] for row in free.rows] == ["p0", "p1"]
    assert len(fixed.rows) == 5 > fixed.long
    assert (free.title, fixed.title) == ("", "Fixed parameters")
