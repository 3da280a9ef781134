"""Sentences about corrections; a fit that makes some is in `test_physics_first`."""

import numpy as np
import pytest

from fitting.sweeps.correction_words import Correction, _ranges

EDGES = np.linspace(-1.0, 1.0, 5)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.5, np.inf), "above 0.5 V"),
        ((-np.inf, -0.5), "below -0.5 V"),
        ((0.0, 0.5), "from 0 to 0.5 V"),
        ((-np.inf, np.inf), "at all voltages"),
    ],
)
def test_a_sentence_says_where_and_by_how_much(ends, words):
    low, high = ends
    correction = Correction(what="rates", low=low, high=high, factor=3.0, least=2.0, most=4.5)
    assert str(correction) == f"rates {words} are 3 times what the model gives (2 to 4.5)"


def test_only_what_is_sure_is_said_and_neighbours_are_one():
    v = np.linspace(-0.9, 0.9, 37)
    rng = np.random.default_rng(0)
    center = np.where(v > 0, 0.7, np.where(v < -0.5, -0.4, 0.02))
    noise = 0.05 * rng.normal(size=(400, 1))
    logs = np.concatenate([center[None], center + noise])
    said = _ranges("rates", logs, v, np.ones(len(v), bool), EDGES)
    assert [(c.low, c.high) for c in said] == [(-np.inf, -0.5), (0.0, np.inf)]
    assert said[1].factor == pytest.approx(np.exp(0.7), rel=0.05)
    wide = np.concatenate([center[None], center + 20 * noise])
    assert _ranges("rates", wide, v, np.ones(len(v), bool), EDGES) == []
    assert _ranges("rates", logs, v, np.zeros(len(v), bool), EDGES) == []
