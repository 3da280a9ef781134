"""The model of sweeps chosen from Python."""

from types import SimpleNamespace

import pytest

import fitting as ft
import memjax as mj
from fitting.automatic import fit as module
from fitting.choice.comparison import KEYS, Comparison
from memjax.errors import DataError, FitError

MODELS = ["mms", "linear-drift", "vteam", "threshold-switch"]


@pytest.mark.study  # the command line is the same, with the page
def test_from_python_the_same_model_is_chosen(file):
    chosen = ft.fit_auto(mj.read(file), models=MODELS, count=2)
    assert chosen.model == "mms"
    assert len(chosen.fits) == 2
    assert chosen.fit.values["tau"] == pytest.approx(0.02, rel=0.1)
    assert chosen.explanation.startswith("mms is chosen: ")
    with pytest.raises(DataError, match="1 models; in fit_auto; allowed: 2 or more"):
        ft.fit_auto(mj.read(file), count=1)


def test_without_a_fit_there_is_no_choice(switch, monkeypatch):
    def refuse(*_, **__):
        raise FitError("no start")

    listed = ft.Shortlist(
        features=mj.data.features(mj.read(switch)), models=("mms", "vteam"), losses={}, reservations={}, objections={}
    )  # fmt: skip
    monkeypatch.setattr(module, "shortlist", lambda *_, **__: listed)
    monkeypatch.setattr(module.SweepProblem, "solve", refuse)
    with pytest.raises(FitError, match="none of 2 models is fitted: no start"):
        ft.fit_auto(mj.read(switch))


@pytest.mark.parametrize(
    ("word", "learns", "names"),
    [
        ("poor", True, ["a", "b", "hybrid"]),
        ("poor", False, ["a", "b"]),
        ("usable", True, ["a", "b"]),
    ],
)
def test_learned_functions_join_fits_of_which_the_best_is_poor(word, learns, names, monkeypatch):
    """By stand-ins of fits, in words; halves are fitted of what joins, too."""
    fitted = []

    def compare(fits, parts, held_out):
        assert held_out == "others"
        assert set(parts) == set(fits)
        rows = [dict.fromkeys(KEYS) | {"model": n, "loss": 1.0, "verdict": word} for n in fits]
        return Comparison(rows=rows, independent=None, no_criteria="", notes=())

    monkeypatch.setattr(module, "compare_models", compare)
    monkeypatch.setattr(
        module, "_held_out", lambda fits, *_: (dict.fromkeys(fits, "half"), "others")
    )
    monkeypatch.setattr(module, "_fit", lambda name, *_: fitted.append(name) or "whole")
    fits: dict = {"a": "whole", "b": "whole"}
    compared, whole = module._compared(fits, [], {}, 0, lambda _: None, whole=True, learns=learns)
    assert whole
    assert [r["model"] for r in compared.rows] == list(fits) == names
    assert fitted == names[2:]


@pytest.mark.wrong_types
@pytest.mark.parametrize("stage", ["search", "between"])
def test_an_interrupt_ends_the_choice_with_the_best_so_far(stage, switch, monkeypatch):
    """Of three models the first is fitted, and the search of the second stopped, or not begun."""
    m = mj.read(switch)
    listed = ft.Shortlist(
        features=mj.data.features(m), models=("mms", "vteam", "drift"), losses={}, reservations={}, objections={}
    )  # fmt: skip
    rows = {"mms": 2.0, "vteam": 1.0}

    def fit(name, *_):
        if name == "mms" or stage == "search":
            return SimpleNamespace(interrupted=name != "mms", loss=rows[name])
        raise KeyboardInterrupt

    def compare(fits, *_):
        known = {n: None if isinstance(x, str) else x.loss for n, x in fits.items()}
        rows = [dict.fromkeys(KEYS) | {"model": n, "loss": x} for n, x in known.items()]
        return Comparison(rows=rows, independent=None, no_criteria="", notes=())

    monkeypatch.setattr(module, "shortlist", lambda *_, **__: listed)
    monkeypatch.setattr(module, "_fit", fit)
    monkeypatch.setattr(module, "compare_models", compare)
    chosen = ft.fit_auto(m)
    assert chosen.interrupted
    assert chosen.model == ("vteam" if stage == "search" else "mms")
    assert chosen.fits["drift"] == "interrupted before it was fitted"
    monkeypatch.setattr(module, "_fit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt, match="no model was fitted"):
        ft.fit_auto(m)
