"""Figures of reports."""

import numpy as np
import pytest

from fitting.figures import axes_row, panels, save, save_all, tidy
from memjax.plot import style


def test_a_row_of_axes_is_as_wide_as_it_has_columns():
    figure, axes = axes_row(3, height=2.0)
    assert len(axes) == 3
    assert tuple(figure.get_size_inches()) == pytest.approx((16.2, 2.0))


def test_panels_stand_in_rows_and_those_left_over_are_not_seen():
    figure, axes = panels(4, most=3, height=2.0)
    assert len(axes) == 4
    assert tuple(figure.get_size_inches()) == pytest.approx((15.6, 4.0))
    assert [ax.get_visible() for ax in figure.axes] == [True] * 4 + [False] * 2


@pytest.mark.slow
def test_a_picture_is_written_as_png_and_as_svg_whose_dense_lines_are_an_image(tmp_path):
    figure, (few, many) = axes_row(2)
    few.plot([0, 1], [0, 1])
    many.plot(np.sin(np.arange(25_000)))
    with style():
        assert save_all({"iv": figure}, tmp_path) == ["iv.png", "iv.svg"]
    assert (tmp_path / "iv.png").read_bytes().startswith(b"\x89PNG")
    drawing = (tmp_path / "iv.svg").read_text()
    assert drawing.count("<image") == 1
    assert len(drawing) < 200_000


def test_words_of_both_files_stay_where_they_were_placed_once(tmp_path, monkeypatch):
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    placed = []
    execute = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(
        ConstrainedLayoutEngine, "execute", lambda *x: placed.append(x) or execute(*x)
    )
    with style():
        figure, axes = axes_row(1)
        axes[0].set_title("short")
        tidy(figure)
        once = len(placed)
        save(figure, tmp_path / "picture.png")
    # `save` tidies a figure that is tidy already, and neither file places anything anew.
    assert once >= 1
    assert len(placed) == once + 1
