"""Pages of spike trains and traces."""

import numpy as np
import pandas as pd
import pytest

from fitting.circuits.report import (
    _prefixed,
    _table,
    spike_pictures,
    spike_sections,
    trace_pictures,
    trace_sections,
)
from fitting.figures import save_all

SIDE = {"n": 2, "mean": 2e-3, "cv": 0.5}
SAME = {"measured": SIDE, "simulated": SIDE, "w1": 1e-4, "floor": None}
SPIKES = {
    "signal": "gate.v", "level": 0.5, "rearm": None, "window_s": [0.0, 0.1], "estimator": "moments", "members": 96,
    "steps": [{"dt_s": 1e-5, "p": 0.4}], "chi2": 2.0, "freedom": 1, "p": None,
    "summaries": {"rate": {"measured": 1.0, "simulated": 1.1, "sigma": 0.1, "z": 1.0}},
    "comparison": {"rate": SAME, "isi": SAME | {"z": {"mean": 0.5, "cv": None}}, "latency": SAME, "energy_p": None},
}  # fmt: skip
TRACE = {
    "node": "gate", "unit": "V", "sigma": 1e-3, "sigma_from": "given", "chi2": 1.2, "converged": False
}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "unit"), [(2.0, "s"), (2e-3, "ms"), (2e-6, "µs"), (2e-12, "ns")]
)
def test_times_have_the_unit_in_which_they_are_read_well(seconds, unit):
    assert _prefixed(seconds)[1] == unit


def test_the_page_of_trains_says_how_they_were_compared(tmp_path):
    first, _, last = spike_sections({"spikes": SPIKES})
    assert first.title == "Summaries that were fitted"
    cells = [cell for _, cell in last.blocks[0].rows]
    assert "gate.v rises above 0.5" in cells
    assert "1e-05 s: 0.400" in cells
    table = pd.DataFrame({"train": [0, 0, 1], "t_s": [0.01, 0.05, 0.02]})
    drawn = spike_pictures({"spikes": SPIKES}, table, table, tmp_path)
    assert save_all(drawn, tmp_path)[0] == "spikes.png"
    assert (tmp_path / "spikes.png").stat().st_size > 5000


def test_the_page_of_a_trace_says_that_its_search_had_not_ended(tmp_path):
    (section,) = trace_sections({"trace": TRACE})
    assert section.title == "The trace"
    assert ["search ended", "no"] in section.blocks[0].rows
    table = pd.DataFrame({"t_s": [0.0, 1e-3, 2e-3], "v_V": [0.0, 0.1, 0.05]})
    assert list(trace_pictures({"trace": TRACE}, table, table, tmp_path)) == ["trace"]


def test_a_table_has_a_row_per_spike_and_silent_trains_have_none():
    table = _table((np.array([1e-3, 2e-3]), np.zeros(0), np.array([5e-3])))
    assert table["train"].tolist() == [0, 0, 2]
    assert table["t_s"].tolist() == [1e-3, 2e-3, 5e-3]
    assert len(_table(())) == 0
