"""Figures of reports."""

import numpy as np
import pytest

from fitting.figures import axes_row, drawings, save
from memjax.plot import style


def test_a_row_of_axes_is_as_wide_as_it_has_columns():
    figure, axes = axes_row(3, height=2.0)
    assert len(axes) == 3
    assert tuple(figure.get_size_inches()) == pytest.approx((16.2, 2.0))


@pytest.mark.slow
def test_a_picture_is_written_as_png_and_as_svg_whose_dense_lines_are_an_image(tmp_path):
    figure, (few, many) = axes_row(2)
    few.plot([0, 1], [0, 1])
    many.plot(np.sin(np.arange(25_000)))
    with style():
        save(figure, tmp_path / "iv.png")
    assert (tmp_path / "iv.png").read_bytes().startswith(b"\x89PNG")
    drawing = (tmp_path / "iv.svg").read_text()
    assert drawing.count("<image") == 1
    assert len(drawing) < 200_000
    assert drawings(tmp_path, ["iv.png", "other.png"]) == ["iv.svg"]
