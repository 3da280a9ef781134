"""Signals over time in stacked panels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ..errors import BoundsError
from ..observables import SpikeTrain
from .arguments import check_arrays
from .axes import label_time
from .style import MEASURED, SIMULATED

Signal = Float[np.ndarray | Array, "..."]


def traces(
    t: Float[np.ndarray | Array, " rows"],
    panels: Mapping[str, Signal] | Sequence[tuple[str, Signal]],
    *,
    axes: Any = None,
    spikes: SpikeTrain | Float[np.ndarray | Array, " spikes"] | None = None,
    color: str = MEASURED,
    label: str = "",
    width: float = 1.2,
) -> Any:
    """Draw signals below each other, with one axis of time.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s]. The axis shows s, ms, µs or ns; limits that you set are in s.
    panels : dict of str to Float[np.ndarray, "... rows"], or sequence of pairs
        Label with its unit, such as "Voltage (V)", and signal; of several members each is a line.
    axes : sequence of matplotlib.axes.Axes, optional
        One for each panel; those of a new figure by default.
    spikes : SpikeTrain or Float[np.ndarray, "spikes"], optional
        Times [s] to mark above the first panel.
    color, label, width
        How to draw; `label` is what the first panel's legend calls the lines.

    Returns
    -------
    Float[np.ndarray, "panels"] of matplotlib.axes.Axes

    Raises
    ------
    BoundsError
        For another number of axes than of panels, or no panel.
    """
    example = 'traces(trace.t, {"Voltage (V)": trace.v})'
    check_arrays("traces", example, t=t, panels=panels)
    if not isinstance(panels, Mapping | list | tuple):
        raise BoundsError(
            f"a {type(panels).__name__} in place of panels", where="plot.traces", allowed=example
        )
    pairs = list(panels.items() if isinstance(panels, Mapping) else panels)
    axes = _stack(len(pairs)) if axes is None and pairs else np.atleast_1d(np.asarray(axes, object))
    if not pairs or len(axes) != len(pairs):
        raise BoundsError(f"{len(axes)} axes for {len(pairs)} panels", where="plot.traces")
    t = np.asarray(t)
    for ax, (name, signal) in zip(axes, pairs, strict=True):
        check_arrays("traces", example, **{name: signal})
        if np.size(signal) == 0 or np.shape(signal)[-1:] != t.shape:
            raise BoundsError(
                f"{name} of shape {np.shape(signal)} at {t.size} times",
                where="plot.traces",
                allowed=f"(..., {t.size})",
            )
        rows = np.asarray(signal).reshape(-1, t.size)
        lines = ax.plot(t, rows.T, color=color, lw=width / np.sqrt(len(rows)))
        lines[0].set_label(label if ax is axes[0] else "")
        ax.set_ylabel(name)
        ax.margins(x=0)
    if spikes is not None:
        _mark(axes[0], spikes.times if isinstance(spikes, SpikeTrain) else np.asarray(spikes))
    label_time(axes[-1].xaxis, t)
    if label:
        axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.05), borderaxespad=0)
    return axes


def _stack(count: int) -> Any:
    """Panels of a new figure that share time."""
    from .picture import Picture

    axes = Picture(figsize=(6.4, 1.2 + 1.5 * count)).subplots(count, sharex=True, squeeze=False)[
        :, 0
    ]
    axes[0].figure.align_ylabels(axes)
    return axes


def _mark(ax: Any, times: np.ndarray) -> None:
    """Triangles at the upper edge of a panel."""
    edge = ax.get_xaxis_transform()
    look = {"ls": "none", "marker": "v", "ms": 4, "color": SIMULATED, "clip_on": False}
    ax.plot(times, np.full(len(times), 1.04), transform=edge, gid="spikes", **look)
