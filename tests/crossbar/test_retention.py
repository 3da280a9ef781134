"""Arrays after a time, by laws of decay."""

import numpy as np
import pytest

import memjax as mj

from .conftest import SHAPE, WIRES

x = mj.crossbar
POWER = {"r0": 1e4, "nu": 0.05, "t0": 1.0}


def test_conductances_follow_the_law_with_the_spread_of_its_exponent():
    g = 10 ** np.random.default_rng(0).uniform(-5, -4, (40, 30))
    array = mj.Crossbar(g, wires=WIRES)
    law = x.Retention("power of time", POWER, spread=0.3)
    after = [np.asarray(law.after(array, t, seed=3).conductances) for t in (0.0, 1e3, 1e5)]
    np.testing.assert_allclose(after[0], g, rtol=1e-12)
    exponents = [-np.log(a / g) / np.log1p(t) for a, t in zip(after[1:], (1e3, 1e5))]
    np.testing.assert_allclose(exponents[0], exponents[1], rtol=1e-9)  # of each cell
    off = (exponents[1] - 0.05) / (0.3 * 0.05)
    assert abs(np.mean(off)) * np.sqrt(off.size) < 4
    assert abs(np.sum(off**2) - off.size) / np.sqrt(2 * off.size) < 4


def test_states_of_devices_move_so_that_their_conductances_follow(vteam_array):
    law = x.Retention("logarithm of time", {"r0": 1e4, "a": 200.0, "t0": 2.0})
    before = np.asarray(x.conductances_of(vteam_array, 0.1))
    after = x.conductances_of(law.after(vteam_array, 100.0), 0.1)
    np.testing.assert_allclose(after / before, 1e4 / (1e4 + 200 * np.log1p(50)), rtol=1e-9)
    assert after.shape == SHAPE


def test_a_stretched_exponential_ends_at_its_last_resistance():
    law = x.Retention("stretched exponential", {"r0": 1e4, "r_inf": 2e4, "tau": 5.0, "beta": 0.5})
    assert law.share(0.0) == 1.0
    assert law.share(1e9) == pytest.approx(0.5)
    assert law.share(5.0) == pytest.approx(1e4 / (2e4 - 1e4 / np.e))
