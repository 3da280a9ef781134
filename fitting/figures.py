"""Figures of reports."""

from pathlib import Path
from typing import Any

from memjax.files import writing

_MANY = 20_000
"""Points from which on lines are an image in an SVG, whose axes and words stay drawings."""


def axes_row(columns: int, *, height: float = 4.0) -> tuple[Any, Any]:
    """A figure and a row of axes."""
    from memjax.plot.picture import Picture

    figure = Picture(figsize=(5.4 * columns, height))
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def save(figure: Any, path: Path) -> None:
    """Write a picture of a report: as PNG, and beside it as SVG, which a page links to."""
    from matplotlib import rc_context

    # Axes and words are placed once, not at each pass of either file: that is most of the time of a picture.
    figure.draw_without_rendering()
    with rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
    with writing(path) as beside:
        figure.savefig(beside, format="png")
    for ax in figure.axes:
        dense = sum(len(line.get_xdata(orig=False)) for line in ax.lines) > _MANY
        for line in ax.lines if dense else ():
            line.set_rasterized(True)
    with writing(path.with_suffix(".svg")) as beside:
        figure.savefig(beside, format="svg", metadata={"Date": None})


def drawings(folder: Path, names: list[str]) -> list[str]:
    """Names of the SVG beside pictures of these names."""
    beside = (Path(name).with_suffix(".svg") for name in names)
    return [str(path) for path in beside if (folder / path).exists()]
