"""A fit as HTML."""

from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure

from fitting.fit_card import card_of

pytestmark = pytest.mark.wrong_types


def test_parameters_that_are_not_determined_stand_together_with_the_reason():
    row = dict(value=1.0, unit="s", std=0.1, lower=0.0, upper=9.0, at_bound=False, determined=False)
    row |= dict(interval_90=[0.9, 1.1], symbol="t", doc="a time")
    rows = [dict(row, name=n, free=free) for n, free in (("tau", True), ("n", True), ("x0", False))]
    fit: Any = SimpleNamespace(
        table=lambda: rows, intervals=lambda level: {"tau": (0.9, 1.1), "n": (0.9, 1.1)},
        reasons={"tau": "too wide", "n": "too wide"}, warnings=["a warning"], notes=["a note"],
        verdict=None, loss=1.5, free=("tau", "n"), model="mms", plot=lambda *, cycles: Figure(),
    )  # fmt: skip
    text = card_of(fit)
    assert "not determined: tau, n (too wide)" in text
    assert "Fit of mms" in text
    assert "loss 1.5, 2 free parameters" in text
    assert text.index("a warning") < text.index("a note")
