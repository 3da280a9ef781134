"""Current against voltage on a logarithmic axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from .style import MUTED

_MOST = 60


def iv(
    v: Sequence[Float[np.ndarray, " points"]],
    i: Sequence[Float[np.ndarray, " points"]],
    *,
    ax: Any = None,
    color: str = MUTED,
    label: str = "",
    width: float = 0.6,
    alpha: float = 0.5,
) -> Any:
    """Draw sweeps as log10 |i| over v.

    Parameters
    ----------
    v, i : sequences of Float[np.ndarray, "points"]
        Voltage [V] and current [A] of each sweep; of more than 60 an even choice is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's axes by default.
    color, label, width, alpha
        How to draw; one legend entry for all sweeps.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure().add_subplot()
    chosen = np.unique(np.linspace(0, len(v) - 1, min(len(v), _MOST)).astype(int)) if len(v) else []
    for n, k in enumerate(chosen):
        size = np.abs(i[k])
        shown = np.where(size > 0, size, np.nan)
        ax.plot(v[k], shown, color=color, lw=width, alpha=alpha, label=label if n == 0 else None)
    ax.set_yscale("log")
    ax.set_xlabel("Voltage (V)")
    ax.set_ylabel("|Current| (A)")
    return ax
