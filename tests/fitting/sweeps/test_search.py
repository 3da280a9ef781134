"""Rounds of a search."""

import numpy as np
import pytest

from fitting.sweeps import search
from fitting.sweeps.search import BATCH, NEAR, Search

pytestmark = pytest.mark.slow  # the fit of the example


def test_candidates_near_an_optimum_are_improved_once_and_shortly(result, monkeypatch):
    rounds = []
    monkeypatch.setattr(
        search, "levenberg_marquardt", lambda *a, progress, **k: rounds.append(k["iterations"])
    )
    monkeypatch.setattr(search, "screen", lambda *a, keep, **k: np.tile(result.z, (keep, 1)))
    begun = Search(result.problem, 0, None)
    assert not begun.run(np.tile(result.z, (BATCH, 1)), near=True)
    assert rounds == [NEAR]
