"""Blocks of all fits: what was fitted, how well, what is left, and the parameters."""

from fitting.page.blocks import Bullets, Text
from fitting.page.fit_blocks import parameter_tables, remarks, summary, verdict_alert


def test_remarks_say_what_was_interrupted_and_what_is_not_determined():
    content = {"notes": ["a note"], "warnings": [], "undetermined": ["mu"], "interrupted": True}
    (said,) = remarks(content, "one more").blocks
    assert isinstance(said, Bullets)
    interrupted, note, undetermined, last = said.sentences
    assert "interrupted" in interrupted
    assert undetermined == "Not determined by these data: mu."
    assert (note, last) == ("a note", "one more")


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
    rows = summary(fit_content(), advice=["Sweeps beyond 1 V & more."], counted="sweeps").rows
    assert rows["Fitted"] == (
        "own to <0>.csv, <1>.csv, <2>.csv, <3>.csv and 2 more: 9 points in 3 sweeps"
    )
    assert rows["How good"] == "loss 1.5"
    assert rows["Determined"] == "1 of 2 free parameters"
    assert rows["Not determined"] == "p1"
    assert rows["Measure next"] == ["Sweeps beyond 1 V & more."]
    verdict = {"word": "poor", "reason": "area < half"}
    poor = fit_content(verdict=verdict, reduced_chi2=2.0, interrupted=True, undetermined=[])
    rows = summary(poor).rows
    assert (
        rows["How good"] == "poor: area < half; reduced chi squared 2; the search was interrupted"
    )
    assert not {"Not determined", "Measure next"} & set(rows)


def test_a_page_begins_with_a_verdict_that_is_not_good():
    assert verdict_alert({}) == verdict_alert({"verdict": None}) == []
    verdict = {"word": "poor", "reason": "the area is < half"}
    assert verdict_alert({"verdict": verdict}) == [Text("the area is < half.", "Verdict: poor.")]
    (text,) = verdict_alert({"verdict": verdict, "suggestion": {"sentence": "20 pF"}})
    assert text.words == "the area is < half. The bench: 20 pF."
    assert verdict_alert({"verdict": {"word": "good", "reason": "all agrees"}}) == []


def test_fixed_parameters_have_a_table_of_their_own_that_is_folded_where_it_is_long():
    free, fixed = parameter_tables(fit_content())
    assert [row[0] for row in free.rows] == ["p0", "p1"]
    assert len(fixed.rows) == 5 > fixed.long
    assert (free.title, fixed.title) == ("", "Fixed parameters")
