"""A quantity that is missing, in words and as JSON."""

import json

from fitting.sweeps.suggestion import Suggestion

MISSING = Suggestion(
    quantity="shunt",
    value=2.1e3,
    unit="ohm",
    loss=0.2,
    loss_without=4.0,
    bic_difference=190.0,
    moves={"r_off": (1.5e3, 6.4e3)},
)


def test_the_sentence_names_quantity_gain_moves_and_the_option():
    text = str(MISSING)
    assert text.startswith("a shunt of 2.1e+03 ohm lowers the loss of the data from 4 to 0.2")
    assert "r_off from 1.5e+03 to 6.4e+03" in text
    assert text.endswith("free it with --free-bench shunt")


def test_json_has_the_numbers_and_the_sentence():
    content = json.loads(json.dumps(MISSING.as_json()))
    assert content["bic_difference"] == 190.0
    assert content["sentence"] == str(MISSING)
