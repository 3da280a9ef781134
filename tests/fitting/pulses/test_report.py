"""The page of a fit to conductances per pulse."""

import numpy as np
import pandas as pd
import pytest

from fitting.figures import save_all
from fitting.pulses.report import pictures, sections

SPREAD = {"all": 1e-8, "thirds": [1e-8, 2e-8, 3e-8], "autocorrelation": -0.1, "lags": {"1": 1e-8}}
NOISE = {
    "name": "jitter_set", "value": 2e-8, "std": 1e-9, "unit": "S", "determined": False, "doc": "redrawn"
}  # fmt: skip
CONTENT = {
    "pulses": {
        "noise": [NOISE], "kinds": [0, 1], "curve_S": [1e-6, 2e-6, 1e-6],
        "step_spread": {"measured": {"set": SPREAD}, "simulated": {"set": SPREAD}},
        "hold_out": {"fit": [0.01], "mean": [0.02]},
    }
}  # fmt: skip


def test_conductances_are_told_in_microsiemens():
    rows = {s.title: s.blocks[0].rows for s in sections(CONTENT)}
    ((_, *cells, _),) = rows["Randomness per pulse and per cycle"]
    assert cells == ["0.02", "0.001", "µS", "not determined"]
    assert "set, third 3" in [row[0] for row in rows["Spread of the step per pulse"]]
    assert rows["Median relative error of later cycles"] == [[1, "1.00", "2.00"]]


@pytest.mark.integration
def test_pictures_are_drawn(tmp_path):
    g = np.tile([1e-6, 2e-6, 1e-6], 3) * (1 + 0.01 * np.arange(9))
    table = pd.DataFrame({"cycle": np.repeat(np.arange(3), 3), "g_S": g})
    for name in save_all(pictures(CONTENT, table, table, tmp_path), tmp_path):
        assert (tmp_path / name).stat().st_size > 5000
