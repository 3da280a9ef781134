"""Figures of reports."""

import itertools
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memjax.runtime.files import writing

_MANY = 20_000
"""Points from which on lines are an image in an SVG, whose axes and words stay drawings."""


_TRIES = 4  # times at the most that words are placed anew
# Letters of a line of a title at the least; pixels between labels of ticks, and how many of these stay.
_SHORTEST, _GAP, _FEWEST = 12, 3.0, 2


def axes_row(columns: int, *, height: float = 4.0) -> tuple[Any, Any]:
    """A figure and a row of axes."""
    figure, axes = axes_grid(columns, width=5.4, height=height)
    return figure, axes[0]


def axes_grid(
    columns: int, rows: int = 1, *, width: float = 5.2, height: float = 4.2, **options: Any
) -> tuple[Any, Any]:
    """A figure and rows of axes, each of that size [inch]; `options` are those of ``Figure.subplots``."""
    from memjax.plot.picture import Picture

    figure = Picture(figsize=(width * columns, height * rows))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def panels(count: int, *, most: int, height: float) -> tuple[Any, Any]:
    """A figure and so many axes, at `most` of them in a row."""
    columns = max(min(most, count), 1)
    figure, axes = axes_grid(columns, max(-(-count // columns), 1), height=height)
    for ax in axes.ravel()[count:]:
        ax.set_visible(False)
    return figure, axes.ravel()[:count]


def engineering(axis: Any, unit: str) -> None:
    """Label the ticks of an axis with the prefixes of a unit."""
    from matplotlib.ticker import EngFormatter

    axis.set_major_formatter(EngFormatter(unit))


def save_all(figures: Mapping[str, Any], folder: Path) -> list[str]:
    """Write pictures of a report into a folder, by name; names of the files, those that a page shows first."""
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    return [f"{name}.{suffix}" for suffix in ("png", "svg") for name in figures]


def save(figure: Any, path: Path) -> None:
    """Write a picture of a report: as PNG, and beside it as SVG, which a page links to."""
    from matplotlib import rc_context

    # Axes and words are placed once, not at each pass of either file: that is most of the time of a picture.
    tidy(figure)
    # Matplotlib gives a figure without a layout that of its settings back after each file.
    with rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        with writing(path) as temporary:
            figure.savefig(temporary, format="png")
        for ax in figure.axes:
            dense = sum(len(line.get_xdata(orig=False)) for line in ax.lines) > _MANY
            for line in ax.lines if dense else ():
                line.set_rasterized(True)
        with writing(path.with_suffix(".svg")) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def tidy(figure: Any) -> None:
    """Place axes and words so that none lies on another: long titles are broken, and labels of ticks are made fewer."""
    figure.draw_without_rendering()
    for _ in range(_TRIES):
        if not [True for ax in figure.axes if _thinned(ax.xaxis)] + _broken(figure):
            return
        figure.draw_without_rendering()


def _broken(figure: Any) -> list[bool]:
    """Break titles that are wider than what they stand above; an entry for each.

    Letters of another font, in which a browser may show the drawing, are a little wider.
    """
    room = [(ax.title, 1.08 * ax.get_window_extent().width) for ax in figure.axes]
    room += [(words, 0.92 * figure.bbox.width) for words in figure.texts]
    broken = []
    for words, width in room:
        text, share = words.get_text(), words.get_window_extent().width / max(width, 1.0)
        lines = text.split("\n")
        if share > 1 and " " in text:
            longest = max(map(len, lines))
            # A letter more than would fit is one too many, however wide these are.
            most = max(int(longest / share) - 1, _SHORTEST)
            parts = [textwrap.fill(x, most, break_long_words=False) for x in lines]
            words.set_text("\n".join(parts))
            broken += [True] * (words.get_text() != text)
    return broken


def _thinned(axis: Any) -> bool:
    """Make labels of an axis fewer where they touch each other; whether that was done."""
    from matplotlib.ticker import MaxNLocator

    low, high = sorted(axis.get_view_interval())
    places = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    boxes = [t.get_window_extent() for x, t in places if low <= x <= high and t.get_text()]
    pairs = itertools.pairwise(sorted(boxes, key=lambda box: box.x0))
    locator = axis.get_major_locator()
    if not isinstance(locator, MaxNLocator) or not any(a.x1 + _GAP > b.x0 for a, b in pairs):
        return False
    locator.set_params(nbins=max(len(boxes) - 2, 2))
    return len(boxes) > _FEWEST
