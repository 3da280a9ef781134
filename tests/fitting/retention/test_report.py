"""The page of a fit to resistance against time."""

import numpy as np
import pandas as pd
import pytest

from fitting.figures import save_all
from fitting.retention.report import figure_of, pictures, sections
from memjax.plot import style

LAW = {
    "name": "power of time", "rms_relative": 0.01, "autocorrelation": 0.2, "aic": -100.0, "second_half_error": None,
    "parameters": {"nu": {"value": 0.05, "std": None, "unit": "1"}, "r0": {"value": 1e4, "std": 12.0, "unit": "ohm"}},
}  # fmt: skip
CONTENT = {
    "model": "drift",
    "retention": {"laws": [LAW, LAW | {"aic": -90.0}], "held_at_V": 0.1, "device_rms_relative": 0.02},
}  # fmt: skip


def test_laws_stand_with_their_distance_from_the_best():
    (section,) = sections(CONTENT)
    assert section.title == "Laws of decay"
    ((_, parameters, *_, first, _), (*_, second, _), device) = section.blocks[0].rows
    assert parameters == "nu = 0.05 1, r0 = 1e+04 ± 12 ohm"
    assert (first, second) == ("0.0", "10.0")
    assert device[0] == "model drift"


def test_a_picture_is_drawn(tmp_path):
    t = np.linspace(0, 100, 20)
    table = pd.DataFrame({"t_s": t, "r_ohm": 1e4 + t, "power_of_time_ohm": 1e4 + t})
    with style():
        drawn = pictures(CONTENT, table, table, tmp_path)
        assert save_all(drawn, tmp_path) == ["retention.png", "retention.svg"]
    assert (tmp_path / "retention.png").stat().st_size > 5000


@pytest.mark.parametrize(("last", "scale"), [(11e4, "log"), (9e4, "linear")])
def test_resistances_of_more_than_a_decade_are_seen_in_decades(last, scale):
    t = np.linspace(0, 100, 20)
    table = pd.DataFrame({"t_s": t, "r_ohm": np.linspace(1e4, last, 20)})
    left, right = figure_of("drift, 0 V", table, table).axes
    assert (left.get_yscale(), right.get_yscale()) == ("linear", scale)
