"""A fit that was saved, read again."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax.errors import DataError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A fit of a decay, and its folder."""
    t = np.linspace(0, 3e4, 40)
    record = mj.data.DecayRecord(
        t=t, r=1e4 + 100 * np.log1p(t / 200), label="a", reader="", source={}
    )
    fit = ft.solve(ft.RetentionProblem(record, mj.model("mms"), free=["tau", "x0"]))
    return fit, ft.laplace(fit).save(tmp_path_factory.mktemp("saved") / "fit")


@pytest.mark.integration
def test_what_was_saved_comes_back(saved):
    fit, folder = saved
    again = ft.load(folder)
    assert (again.kind, again.model, again.free) == (fit.kind, fit.model, tuple(fit.free))
    assert again.values == pytest.approx({n: float(x) for n, x in fit.values.items()}, rel=1e-12)
    assert again.std == pytest.approx(fit.std, rel=1e-12)
    assert again.loss == fit.loss
    ends = fit.intervals(again.level)
    for n, pair in again.intervals.items():
        assert pair == pytest.approx(tuple(ends[n]))
    assert again.undetermined == tuple(fit.undetermined)
    assert str(again.verdict) == f"{fit.verdict.word} ({fit.verdict.reason})"
    for n, x in mj.params.to_dict(fit.device).items():
        assert float(mj.params.get(again.device, n)) == pytest.approx(float(x), rel=1e-12)
    np.testing.assert_allclose(again.data("simulated")["r_ohm"], fit.curve, rtol=1e-12)
    names = [row["name"] for row in again.table()]
    assert set(names) == {row["name"] for row in fit.table()}
    assert f"SavedFit({fit.model}, {fit.kind}, {fit.verdict.word}" in repr(again)


@pytest.mark.integration
def test_a_page_is_made_again_and_what_is_not_there_is_named(saved):
    _, folder = saved
    (folder / "report.html").unlink()
    assert ft.load(folder).report().stat().st_size > 0
    with pytest.raises(DataError, match=r"no table .cycles..*measured, simulated"):
        ft.load(folder).data("cycles")


def test_a_folder_without_a_fit_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no fit.json in the folder"):
        ft.load(tmp_path)
