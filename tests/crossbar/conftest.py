"""What tests of arrays that move share: one array, whose programs are compiled once."""

import numpy as np
import pytest

import memjax as mj

SHAPE = (4, 3)
RESISTANCES = {"word_line": 20.0, "bit_line": 30.0}
WIRES = mj.crossbar.Wires(**RESISTANCES)
DEVICE = mj.Vteam(conduction="exponential", r_on=1e4, r_off=1e6)
X = np.random.default_rng(0).uniform(0.3, 0.7, SHAPE)


@pytest.fixture(scope="session")
def vteam_array():
    """Devices with a law of rates in closed form, below whose thresholds nothing moves."""
    return mj.Crossbar(cells=DEVICE, states={"x": X}, selector=1e3, wires=WIRES)
