"""Phase planes: nullclines, directions, a trajectory."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ..errors import BoundsError
from .arguments import check_arrays
from .axes import axes_or_new
from .style import MEASURED, MUTED, SECOND, SIMULATED

Flow = Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]


def phase_plane(
    flow: Flow,
    x: Float[np.ndarray | Array, " columns"],
    y: Float[np.ndarray | Array, " rows"],
    *,
    path: tuple[Any, Any] | None = None,
    ax: Any = None,
    arrows: int = 18,
    xlabel: str = "x",
    ylabel: str = "y",
    names: tuple[str, str] = ("x", "y"),
) -> Any:
    """Draw where each rate of a two-dimensional system vanishes, where it flows, and one solution.

    Parameters
    ----------
    flow : callable
        (x, y) -> (dx/dt, dy/dt), on arrays of one shape.
    x, y : Float[np.ndarray, "columns"], Float[np.ndarray, "rows"]
        Grid on which the nullclines are found, increasing; its ends are those of the picture.
    path : pair of Float[np.ndarray, "points"], optional
        A trajectory, drawn with a dot where it begins.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    arrows : int
        Arrows along each axis. They show directions only: all are of one length.
    xlabel, ylabel : str
        Names of the axes, with units.
    names : (str, str)
        Symbols for the legend.
    """
    check_arrays("phase_plane", "phase_plane(flow, np.linspace(0, 1, 99), ...)", x=x, y=y)
    if not callable(flow) or isinstance(flow, type):
        raise BoundsError(
            f"a {type(flow).__name__} in place of a flow",
            where="plot.phase_plane",
            allowed="a function (x, y) -> (dx/dt, dy/dt)",
        )
    ax, x, y = axes_or_new(ax), np.asarray(x, float), np.asarray(y, float)
    _directions(ax, flow, x, y, arrows)
    grid = np.meshgrid(x, y)
    for rate, name, color in zip(flow(*grid), names, (SECOND, MEASURED), strict=True):
        rate = np.ma.masked_invalid(np.broadcast_to(np.asarray(rate, float), grid[0].shape))
        if rate.min() < 0 < rate.max():
            ax.contour(x, y, rate, levels=[0.0], colors=[color], linewidths=1.6)
            ax.plot([], [], color=color, lw=1.6, label=f"d{name}/dt = 0")
    if path is not None:
        px, py = (np.asarray(p) for p in path)
        ax.plot(px, py, color=SIMULATED, lw=1.2, label="trajectory")
        ax.plot(px[:1], py[:1], "o", color=SIMULATED, ms=4)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=xlabel, ylabel=ylabel)
    ax.grid(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax


def _directions(ax: Any, flow: Flow, x: np.ndarray, y: np.ndarray, arrows: int) -> None:
    """Arrows of one length, as shares of the axes, along the flow."""
    width, height = x[-1] - x[0], y[-1] - y[0]
    middle = (np.arange(arrows) + 0.5) / arrows
    points = np.meshgrid(x[0] + width * middle, y[0] + height * middle)
    u, v = (np.broadcast_to(np.asarray(r, float), points[0].shape) for r in flow(*points))
    u, v = u / width, v / height
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 0.6 / arrows / np.hypot(u, v)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    look = {"color": MUTED, "alpha": 0.7, "width": 0.003, "headwidth": 4.5, "pivot": "mid"}
    ax.quiver(
        *points,
        u * scale * width,
        v * scale * height,
        angles="xy",
        scale_units="xy",
        scale=1,
        **look,
    )
