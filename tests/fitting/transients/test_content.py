"""Tables of delays and relaxations."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from fitting.transients.fit import TransientFit


def test_columns_of_different_lengths_are_padded():
    times = {"delay": np.array([1.0, 2.0, 3.0]), "relaxation": np.array([4.0])}
    # The method needs no more of a fit than its times.
    fit: Any = SimpleNamespace(features=SimpleNamespace(restricted=lambda: times), simulated=times)
    each = TransientFit.tables(fit)
    assert set(each) == {"measured", "simulated"}
    table = each["measured"]
    assert table.shape == (3, 2)
    assert table["relaxation_s"].isna().tolist() == [False, True, True]
