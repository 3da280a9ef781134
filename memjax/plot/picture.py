"""A figure that notebooks show by itself; loaded when a picture is drawn, since it needs matplotlib."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class Picture(Figure):
    """A figure of no window and no pyplot, which a notebook shows as PNG.

    Notes
    -----
    Notebooks show plain figures only after pyplot has chosen a backend; memjax leaves that choice to the user.
    """

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Any, *, dpi: float | int | None = None) -> bytes:
    """The bytes of a figure as PNG, in the resolution of the style by default."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi="figure" if dpi is None else dpi)
    return buffer.getvalue()


def stack(figures: Mapping[str, Any]) -> Picture:
    """Figures above one another, each below its title, as they are drawn in the resolution of the style."""
    dpi, images = float(rcParams["savefig.dpi"]), {}
    for title, figure in figures.items():
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        images[title] = np.asarray(canvas.buffer_rgba())
    heights = [x.shape[0] for x in images.values()]
    title_height = 0.4 * dpi  # pixels
    width, height = (
        max(x.shape[1] for x in images.values()),
        sum(heights) + title_height * len(heights),
    )
    whole = Picture(figsize=(width / dpi, height / dpi), dpi=dpi)
    whole.set_layout_engine("none")
    top = height
    for title, image in images.items():
        rows, columns = image.shape[:2]
        top -= title_height
        whole.text(0.01, (top + 0.3 * title_height) / height, title, weight="bold")
        top -= rows
        ax = whole.add_axes((0.0, top / height, columns / width, rows / height))
        ax.imshow(image, aspect="auto")
        ax.set_axis_off()
    return whole
