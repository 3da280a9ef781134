"""Arrays as a page reads them, and events of a curve; test_measured.py compares curves with those of `simulate`."""

import base64

import numpy as np
import pytest

from fitting.app.explore import curves
from memjax.observables import Thresholds


def test_numbers_are_float32_in_base64():
    x = np.array([1.5, -2e-13, np.nan])
    y = np.frombuffer(base64.b64decode(curves.numbers(x)), "<f4")
    np.testing.assert_array_equal(y, x.astype(np.float32))


def test_components_of_a_vector_have_names():
    flat = curves.components({"x": np.zeros((2, 5, 3)), "f": np.zeros((2, 5))})
    assert {n: x.shape for n, x in flat.items()} == {
        "x[0]": (2, 5),
        "x[1]": (2, 5),
        "x[2]": (2, 5),
        "f": (2, 5),
    }


def test_events_have_the_sign_of_their_polarity():
    v = -np.concatenate([np.linspace(0, 1, 11), np.linspace(0.9, 0, 10)])
    i = np.where(np.arange(21) >= 6, 1e-6, 1e-12)
    i[-3:] = 1e-12
    (event,) = curves.events(v, -i, thresholds=Thresholds(), driven="voltage")
    assert event == {"v_th": pytest.approx(-0.6), "v_hold": pytest.approx(-0.2)}
    assert curves.events(v, np.full(21, np.nan), thresholds=Thresholds(), driven="voltage") == []
