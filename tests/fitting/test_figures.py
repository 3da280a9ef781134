"""Figures of reports."""

import pytest

from fitting.figures import axes_row

pytestmark = pytest.mark.fast


def test_a_row_of_axes_is_as_wide_as_it_has_columns():
    figure, axes = axes_row(3, height=2.0)
    assert len(axes) == 3
    assert tuple(figure.get_size_inches()) == pytest.approx((16.2, 2.0))
