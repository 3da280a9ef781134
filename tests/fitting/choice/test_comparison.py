"""What is said of models beside their numbers."""

import numpy as np
import pytest

from fitting.choice.comparison import (
    KEYS,
    _notes,
    _support,
    _without_criteria,
    best,
    compare_models,
)
from fitting.residuals import Residuals
from memjax.errors import DataError


def _row(model: str, **about) -> dict:
    return dict.fromkeys(KEYS) | {"model": model, "loss": 1.0, "points": 100} | about


def test_differences_of_aic_in_words():
    words = [_support(x) for x in (None, 0.0, 2.0, 2.1, 10.0, 10.1)]
    assert words == [None, "best", "as good", "weaker", "weaker", "none"]


def test_what_disagrees_or_is_hardly_apart_is_said():
    far = _row("a", score=1.0, behind=0.0, aic=9.0, delta_aic=5.0)
    near = _row("b", score=1.1, behind=1.9, aic=4.0, delta_aic=0.0)
    gone = _row("c", score=3.0, behind=8.0, aic=50.0, delta_aic=46.0)
    said = list(_notes([near, far, gone], 50.0, "", 3))
    assert any("AIC prefers b, the held-out score a" in x for x in said)
    assert "held-out scores do not tell apart a and b" in said
    assert any(x.startswith("3 rows do not weigh alike") for x in said)
    assert best([near, far, gone], "score") is far
    agreed = [_row("a", score=1.0, behind=0.0, aic=1.0, delta_aic=0.0), gone]
    assert [x for x in _notes(agreed, 50.0, "", 0) if "prefers" in x or "apart" in x] == []


def test_no_model_describes_the_data():
    said = list(_notes([_row("a", verdict="poor"), _row("b", verdict="poor")], None, "why", 0))
    assert said[0] == "no AIC, AICc or BIC: why"
    assert said[-1].startswith("no model describes the data")


def test_one_model_is_no_choice():
    with pytest.raises(DataError, match="2 or more"):
        compare_models({"a": "not fitted"})


def test_models_without_a_fit_have_their_reason():
    found = compare_models({"a": "no start", "b": "no step"})
    assert [r["failure"] for r in found.rows] == ["no start", "no step"]
    assert found.no_criteria == "fewer than two models were fitted"


def test_models_without_criteria_beside_others_are_named():
    of = lambda text: Residuals(  # noqa: E731
        values=np.ones(3),
        sigma=np.ones(3),
        series=np.zeros(3, int),
        unit="decades",
        no_likelihood=text,
    )
    left = {"a": of(""), "b": of("a prior"), "c": of("a prior"), "d": of("medians")}
    assert list(_without_criteria(left, "medians")) == ["no AIC, AICc or BIC of b, c: a prior"]
