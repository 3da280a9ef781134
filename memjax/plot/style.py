"""One style for all pictures, applied inside a context only; matplotlib is imported when a picture is drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import MemjaxError

MEASURED = "#3b4252"
SIMULATED = "#d1495b"
SECOND = "#00798c"
MUTED = "#9aa5b1"

_RC: dict[Any, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 140,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "memjax",
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of memjax's pictures, without a window, for the time of a ``with`` block.

    Raises
    ------
    MemjaxError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MemjaxError(
            "pictures need matplotlib", fix="pip install 'memjax[plot]'", where="memjax.plot"
        ) from error
    interactive = matplotlib.is_interactive()
    try:
        with matplotlib.rc_context(_RC):
            try:
                yield
            finally:
                interactive = matplotlib.is_interactive()
    finally:
        # The first figure of a notebook turns it on, and the context would turn it off: no later one would be shown.
        matplotlib.interactive(interactive)
