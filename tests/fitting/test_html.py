"""Pages: escaped, whole, and in one look."""

from fitting.html import (
    bullets,
    fold_table,
    html_table,
    page,
    parameters_table,
    picture,
    remarks,
    summary,
    verdict_heading,
)


def test_what_people_wrote_is_escaped():
    assert "<b>" not in page("<b>", "") + html_table([["<b>"]], ["<b>"]) + bullets(["<b>"])


def test_a_page_needs_nothing_beside_it(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"123")
    whole = page("fit", picture(path, "a loop"))
    assert "data:image/png;base64,MTIz" in whole
    assert "href" not in whole
    assert 'src="http' not in whole
    path.with_suffix(".svg").write_text("<svg/>")
    assert '<a href="a.svg"><img' in picture(path, "a loop")
    assert '<a href="1-dc/a.svg"><img' in picture(path, "a loop", folder="1-dc")


def test_remarks_say_what_was_interrupted_and_what_is_not_determined():
    content = {"notes": ["a note"], "warnings": [], "undetermined": ["mu"], "interrupted": True}
    said = remarks(content, "one more")
    assert (
        said.index("interrupted") < said.index("a note") < said.index("mu") < said.index("one more")
    )
    assert "none" in remarks({"notes": [], "warnings": [], "undetermined": []})


def fit_content(**more) -> dict:
    """Content of a fit.json of two free parameters and five fixed ones."""
    row = {
        "value": 1.0,
        "std": 0.1,
        "unit": "V",
        "at_bound": False,
        "determined": True,
        "doc": "A <b>voltage</b>.",
    }
    names = {f"p{k}": row | {"free": k < 2, "true": None} for k in range(7)}
    return {
        "model": "own", "parameters": names, "synthetic_truth": False, "undetermined": ["p1", "sigma_ln(p3)"],
        "at_bound": [], "n_points": 9, "n_sweeps": 3, "loss": 1.5,
        "data": [{"file": f"/a/<{k}>.csv"} for k in range(6)],
    } | more  # fmt: skip


def test_a_summary_says_what_was_fitted_how_well_and_what_is_left():
    text = summary(fit_content(), advice=["Sweeps beyond 1 V & more."], counted="sweeps")
    assert "own to &lt;0&gt;.csv, &lt;1&gt;.csv" in text
    assert "and 2 more: 9 points in 3 sweeps" in text
    assert "<dt>How good</dt><dd>loss 1.5</dd>" in text
    assert "<dd>1 of 2 free parameters</dd>" in text
    assert "<dt>Not determined</dt><dd>p1</dd>" in text
    assert "<li>Sweeps beyond 1 V &amp; more.</li>" in text
    verdict = {"word": "poor", "reason": "area < half"}
    poor = summary(
        fit_content(verdict=verdict, reduced_chi2=2.0, interrupted=True, undetermined=[])
    )
    assert "poor: area &lt; half; reduced chi squared 2; the search was interrupted" in poor
    assert "Not determined" not in poor
    assert "Measure next" not in poor


def test_a_page_begins_with_a_verdict_that_is_not_good():
    assert verdict_heading({}) == verdict_heading({"verdict": None}) == ""
    poor = {"verdict": {"word": "poor", "reason": "the loop's area is < half"}}
    assert 'class="warn"><b>Verdict: poor.</b>' in verdict_heading(poor)
    assert "&lt; half" in verdict_heading(poor)
    assert verdict_heading({"verdict": {"word": "good", "reason": "all agrees"}}) == ""


def test_fixed_parameters_and_long_tables_are_folded():
    table = parameters_table(fit_content())
    above, below = table.split("<details>")
    assert above.count("<tr>") == 3
    assert below.count("<tr>") == 6
    assert "<b>voltage" not in table
    assert "<details>" in fold_table("t", [["a"]] * 20, ["n"])
    assert "<details>" not in fold_table("t", [["a"]] * 3, ["n"])


def test_a_page_suits_a_phone_and_the_dark_and_runs_nothing():
    whole = page("fit", "")
    assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in whole
    assert "prefers-color-scheme:dark" in whole
    assert "<script" not in whole
