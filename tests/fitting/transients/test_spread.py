"""Distances of simulated times from measured ones."""

from types import SimpleNamespace

import numpy as np
import pytest

from fitting.transients.spread import _distance


@pytest.mark.wrong_types
def test_what_never_ends_counts_as_long_as_was_watched():
    response = SimpleNamespace(width=10.0, watched=20.0)
    seen = SimpleNamespace(responses=[response])
    measured = {"delay": np.array([1.0, 2.0]), "relaxation": np.array([5.0, 5.0])}
    same = _distance(np.array([[1.0, 5.0], [2.0, 5.0]]), seen, measured)  # pyright: ignore[reportArgumentType]
    assert same == {"delay": 0.0, "relaxation": 0.0}
    late = _distance(np.array([[1.0, np.inf], [np.inf, np.inf]]), seen, measured)  # pyright: ignore[reportArgumentType]
    assert late["delay"] == pytest.approx(4.0)  # one of two is 8 s late
    assert late["relaxation"] == pytest.approx(15.0)  # only what switched has something to relax
