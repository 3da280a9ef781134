"""A figure that notebooks show by itself; loaded when a picture is drawn, since it needs matplotlib."""

from io import BytesIO
from typing import Any

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
    place = BytesIO()
    figure.savefig(place, format="png", dpi="figure" if dpi is None else dpi)
    return place.getvalue()
