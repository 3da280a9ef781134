"""Tables of delays and relaxations."""

import numpy as np
import pytest

from fitting.transients.content import _columns

pytestmark = pytest.mark.fast


def test_columns_of_different_lengths_are_padded():
    table = _columns(delay_s=np.array([1.0, 2.0, 3.0]), relaxation_s=np.array([4.0]))
    assert table.shape == (3, 2)
    assert table["relaxation_s"].isna().tolist() == [False, True, True]
