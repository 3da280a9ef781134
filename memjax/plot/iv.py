"""Current against voltage on a logarithmic axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..core.result import Member, Trace
from ..data.measurement import Measurement
from ..errors import BoundsError
from ..runtime.flags import check_flags
from .axes import axes_or_new
from .style import MUTED

MOST = 60
"""Sweeps that are drawn at the most, spread evenly."""


def iv(
    v: Sequence[Float[np.ndarray, " points"]] | Trace | Member | Measurement,
    i: Sequence[Float[np.ndarray, " points"]] | None = None,
    *,
    ax: Any = None,
    color: str = MUTED,
    label: str = "",
    width: float = 0.6,
    alpha: float = 0.5,
    log: bool = True,
) -> Any:
    r"""Draw sweeps as log10 \|i\| over v, or as i over v.

    Parameters
    ----------
    v, i : sequences of Float[np.ndarray, "points"]
        Voltage [V] and current [A] of each sweep; of more than 60 an even choice is drawn. Or, in place
        of both, a trace, one member of it, or a measurement.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    color, label, width, alpha
        How to draw; one legend entry for all sweeps.
    log : bool
        Whether the current's modulus is on a logarithmic axis; else the signed current on a linear one.

    Raises
    ------
    BoundsError
        For anything else, or another number of sweeps of one than of the other.
    SolveError
        For a trace of which a solve failed: `Trace.good` drops such members.
    """
    check_flags({"log": log}, where="plot.iv")
    from matplotlib.ticker import EngFormatter

    v, i = _sweeps(v, i)
    ax = axes_or_new(ax)
    indices = np.unique(np.linspace(0, len(v) - 1, min(len(v), MOST)).astype(int)) if len(v) else []
    for n, k in enumerate(indices):
        size = np.abs(i[k])
        drawn = np.where(size > 0, size, np.nan) if log else i[k]
        ax.plot(
            v[k], drawn, color=color, lw=width, alpha=alpha, label=label or None if n == 0 else None
        )
    ax.set_xlabel("Voltage (V)")
    if not log:
        ax.yaxis.set_major_formatter(EngFormatter("A"))
        ax.set_ylabel("Current")
        return ax
    ax.set_yscale("log")
    ax.set_ylabel("|Current| (A)")
    return ax


def _sweeps(v: Any, i: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Voltage and current of each sweep."""
    if i is None and isinstance(v, Trace):
        trace, volts, amps = v.check(), [], []
        for m in range(trace.result.shape[0]):
            parts = _sweeps(trace.member(m), None)
            volts, amps = volts + parts[0], amps + parts[1]
        return volts, amps
    if i is None and all(getattr(v, n, None) is not None for n in ("v", "i", "sweep")):
        cuts = np.flatnonzero(np.diff(np.asarray(v.sweep))) + 1
        volts, amps = np.split(np.asarray(v.v), cuts), np.split(np.asarray(v.i), cuts)
        return volts, amps
    wrong = BoundsError(
        f"a {type(v).__name__} and a {type(i).__name__} in place of sweeps",
        where="plot.iv",
        allowed="iv(trace), iv(trace.member(m)), iv(measurement), or lists of voltages and of currents",
    )
    if v is None or i is None:
        raise wrong
    try:
        volts, amps = ([np.asarray(x, float) for x in y] for y in (v, i))
    except (TypeError, ValueError) as error:
        raise wrong from error
    if volts and all(x.ndim == 0 for x in (*volts, *amps)):
        volts, amps = [np.array(volts)], [np.array(amps)]
    if [x.shape for x in volts] != [x.shape for x in amps]:
        raise BoundsError(
            f"{len(volts)} sweeps of voltages and {len(amps)} of currents",
            where="plot.iv",
            allowed="one voltage per current",
        )
    return volts, amps
