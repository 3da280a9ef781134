"""A choice in a sentence."""

import pytest

from fitting.automatic.explanation import calls_for_learned, explain, hint_of, winner
from fitting.automatic.shortlist import Shortlist
from fitting.choice.comparison import KEYS, Comparison
from memjax.data import Features

FEATURES = Features(
    driven="voltage", volatile=True, sets_at=(1,), resets_at=(), rests_at=(), carries=False, abrupt=True,
    opening=3.0, share=0.0, jump=0.9, rectification=None, sweeps=4, reason="nothing is left",
)  # fmt: skip
FORGET = ("it keeps its state, which the data forget",)
LISTED = Shortlist(
    features=FEATURES, models=("a", "b"), losses={"a": 1.0, "b": 2.0, "c": 3.0}, reservations={"a": ("it is slow",)},
    objections=dict.fromkeys("defgh", FORGET) | {"i": ("it has no x",)} | dict.fromkeys("jk", ("it has no start",)),
)  # fmt: skip


def comparison(**columns) -> Comparison:
    rows = [
        dict.fromkeys(KEYS) | {"model": n} | {k: x[j] for k, x in columns.items()}
        for j, n in enumerate("ab")
    ]
    return Comparison(rows=rows, independent=None, no_criteria="", notes=())


def test_the_sentence_says_what_the_data_show_who_is_out_and_by_how_much():
    text = explain(LISTED, comparison(score=[2.0, 1.5], behind=[3.4, 0.0], loss=[1.0, 2.0]))
    assert text == (
        "b is chosen: the device is volatile (nothing is left), sets at positive voltage, abrupt (90% of the set "
        "within two rows), driven by voltage, which 3 of 11 models of physics can describe (excluded: 5 models, each "
        "of which keeps its state, which the data forget; i, which has no x; j, k, each of which has no start); of "
        "a, b it misses held-out sweeps by the least, 1.5 sigma against 2 of a (3.4 standard errors)"
    )


@pytest.mark.parametrize(
    ("columns", "name", "key", "text"),
    [
        ({"score": [1.0, 1.1], "behind": [0.0, 0.7]}, "a", "score", "0.7 standard errors, which does not tell"),
        ({"aic": [7.0, 3.0], "delta_aic": [4.0, 0.0]}, "b", "aic", "its AIC is the least, by 4 to a"),
        ({"loss": [7.0, 3.0], "score": [1.0, None]}, "b", "loss", "its loss is the least, 3 against 7 of a"),
        ({"loss": [7.0, None]}, "a", "loss", "it is the only one that was fitted"),
        ({"loss": [7.0, None]}, "a", "loss", "a is chosen, though it is slow: the device"),
        ({"loss": [7.0, 6.0], "verdict": ["good", "poor"]}, "b", "loss", "; it describes the data poorly all the same"),
        ({}, None, "loss", "no model is chosen"),
    ],
)  # fmt: skip
def test_the_first_criterion_that_two_models_have_decides(columns, name, key, text):
    both = comparison(**columns)
    assert winner(both) == (name, key)
    assert text in explain(LISTED, both)


def with_learned(physics: str, learned: str, **columns) -> Comparison:
    """Two models of physics with one verdict, and learned functions with theirs."""
    rows = [
        dict.fromkeys(KEYS) | {"model": n, "verdict": w, "unit": "decades"}
        for n, w in (("a", physics), ("b", physics), ("hybrid", learned))
    ]
    for key, values in {"loss": [2.0, 3.0, 900.0], **columns}.items():
        for row, x in zip(rows, values, strict=True):
            row[key] = x
    return Comparison(rows=rows, independent=None, no_criteria="", notes=())


def test_learned_functions_are_asked_for_where_physics_is_poor():
    assert calls_for_learned(comparison(loss=[1.0, 2.0], verdict=["poor", "poor"]))
    assert not calls_for_learned(comparison(loss=[1.0, 2.0], verdict=["usable", "poor"]))
    assert not calls_for_learned(comparison())
    assert not calls_for_learned(with_learned("poor", "usable"))


@pytest.mark.parametrize(
    ("columns", "verdicts", "chosen", "text"),
    [
        ({}, ("poor", "usable"), ("hybrid", "verdict"), "is poor (a, b), and learned functions are usable"),
        (
            {"held_residual": [0.3, 0.2, 0.1]}, ("poor", "poor"), ("hybrid", "held_residual"),
            "miss held-out sweeps by the least, 0.1 decades against 0.2; it describes the data poorly all the same",
        ),
        ({"residual": [0.3, 0.2, 0.1]}, ("poor", "poor"), ("hybrid", "residual"), "functions miss the data by"),
        ({"residual": [0.3, 0.2, 0.4]}, ("poor", "poor"), ("a", "loss"), "of b; it describes the data poorly"),
        ({"residual": [0.3, 0.2, 0.1]}, ("usable", "usable"), ("a", "loss"), "2 against 3 of b"),
        ({"residual": [0.3, 0.2, 0.1]}, ("usable", "poor"), ("a", "loss"), "2 against 3 of b"),
    ],
)  # fmt: skip
def test_learned_functions_are_chosen_only_where_physics_is_worse(columns, verdicts, chosen, text):
    """Their loss counts nothing: it weighs points by what was granted to them."""
    three = with_learned(*verdicts, **columns)
    assert winner(three) == chosen
    sentence = explain(LISTED, three, "the learned shapes resemble ohmic conduction")
    assert text in sentence
    assert sentence.endswith("; the learned shapes resemble ohmic conduction")
    assert "--model hybrid" not in sentence


def test_learned_functions_that_could_not_be_fitted_are_not_chosen():
    three = with_learned("poor", "poor")
    three.rows[2] |= dict.fromkeys(KEYS) | {"model": "hybrid", "failure": "no start"}
    assert winner(three) == ("a", "loss")
    assert hint_of({"hybrid": "no start"}) == hint_of({}) == ""
