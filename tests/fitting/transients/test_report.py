"""The page of delays and relaxations."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fitting.figures import save_all
from fitting.transients.fit import TransientFit
from fitting.transients.report import pictures, sections

TIMES = {"median": 1e-3, "mean": 1.2e-3, "sd": 1e-4, "censored": 1, "n": 50}
W1 = {"value": 2e-4, "floor": 1e-4}
CONTENT = {
    "cycle_spread": {"mu": {"sigma_ln": 0.1, "std": 0.02, "from": "delay"}},
    "transients": {
        "threshold_A": 1e-6, "pulse": {"width_s": 1e-2, "watched_s": 2e-2, "onset_s": 1e-3},
        "measured": {"delay_s": TIMES, "relaxation_s": TIMES}, "w1_s": {"delay": W1, "relaxation": W1},
        "comparison": None, "typical": {"t_s": [0.0, 1e-3, 2e-3], "i_A": [1e-9, 1e-6, 1e-8]},
    },
}  # fmt: skip


def test_distributions_their_distances_and_spreads_are_told():
    rows = {s.title: s.blocks[0].rows for s in sections(CONTENT)}
    delay, _ = rows["Measured, and how far the simulated are"]
    assert delay[-3:] == ["1 of 50", "0.2", "0.1"]
    assert rows["Spread from curve to curve"] == [["mu", "0.1", "0.02", "delay"]]


@pytest.mark.integration
def test_a_picture_is_drawn(tmp_path):
    table = pd.DataFrame({n: np.linspace(1e-3, 2e-3, 9) for n in ("delay_s", "relaxation_s")})
    assert save_all(pictures(CONTENT, table, table, tmp_path), tmp_path)[0] == "times.png"
    assert (tmp_path / "times.png").stat().st_size > 5000


def test_columns_of_different_lengths_are_padded():
    times = {"delay": np.array([1.0, 2.0, 3.0]), "relaxation": np.array([4.0])}
    # The method needs no more of a fit than its times.
    fit: Any = SimpleNamespace(features=SimpleNamespace(restricted=lambda: times), simulated=times)
    each = TransientFit.tables(fit)
    assert set(each) == {"measured", "simulated"}
    table = each["measured"]
    assert table.shape == (3, 2)
    assert table["relaxation_s"].isna().tolist() == [False, True, True]
