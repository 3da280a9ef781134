"""Figures of reports."""

from typing import Any


def axes_row(columns: int, *, height: float = 4.0) -> tuple[Any, Any]:
    """A figure and a row of axes."""
    from memjax.plot.picture import Picture

    figure = Picture(figsize=(5.4 * columns, height))
    return figure, figure.subplots(1, columns, squeeze=False)[0]
