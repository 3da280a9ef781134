"""Measured and simulated spike trains against each other."""

import numpy as np
import pytest

from fitting.circuits.trains import compare_trains

pytestmark = pytest.mark.integration


def test_trains_of_one_law_are_alike_and_others_are_told_apart():
    rng = np.random.default_rng(0)
    make = lambda scale: [np.cumsum(rng.gamma(4, scale / 4, 20)) for _ in range(40)]  # noqa: E731
    one, same, slower = make(1.0), make(1.0), make(1.2)
    alike, apart = (compare_trains(one, x, window=(0.0, 100.0), seed=0) for x in (same, slower))
    assert alike["energy_p"] > 1e-3
    assert max(map(abs, alike["isi"]["z"].values())) < 4
    assert apart["energy_p"] < 0.01
    assert apart["isi"]["z"]["mean"] > 4
    assert apart["isi"]["w1"] > 2 * apart["isi"]["floor"]
    few = compare_trains(one[:1], same, window=(0.0, 100.0), seed=0)
    assert few["energy_p"] is None
    assert few["isi"]["z"]["mean"] is None
