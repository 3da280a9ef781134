"""Tables of spike trains."""

import numpy as np

from fitting.circuits.content import _table


def test_a_table_has_a_row_per_spike_and_silent_trains_have_none():
    table = _table((np.array([1e-3, 2e-3]), np.zeros(0), np.array([5e-3])))
    assert table["train"].tolist() == [0, 0, 2]
    assert table["t_s"].tolist() == [1e-3, 2e-3, 5e-3]
    assert len(_table(())) == 0
