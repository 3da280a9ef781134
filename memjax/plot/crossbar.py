"""Pictures of arrays: conductances, lost voltage, currents beside those of ideal wires, and what writing reached."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from .axes import axes_or_new, prefix
from .style import MEASURED, MUTED, SIMULATED

if TYPE_CHECKING:
    from ..crossbar import Programmed, Reading


def _map(numbers: np.ndarray, *, unit: str, label: str, ax: Any, logarithmic: bool = False) -> Any:
    """Draw a number of each cell as an image."""
    from matplotlib.colors import LogNorm

    ax = axes_or_new(ax)
    factor, name = prefix(numbers, unit=unit)
    norm = LogNorm() if logarithmic and numbers.min() > 0 else None
    image = ax.imshow(numbers / factor, cmap="viridis", norm=norm, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label=f"{label} ({name})", shrink=0.8)
    ax.grid(False)
    ax.set(xlabel="Bit line", ylabel="Word line")
    return ax


def conductance_map(reading: "Reading", *, ax: Any = None) -> Any:
    """Draw the conductances of the cells: of ohmic ones as they are, of others the mean of current over voltage.

    Parameters
    ----------
    reading : Reading
        The reading.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    full = reading.complete()
    across = np.asarray(full.word - full.bit)
    current = np.asarray(full.cell_current)
    shape = (-1, *reading.array.shape)
    currents, voltages = (np.abs(x).reshape(shape).sum(axis=0) for x in (current, across))
    g = currents / np.where(voltages > 0, voltages, 1)
    return _map(g, unit="S", label="Conductance", ax=ax, logarithmic=True)


def ir_drop_map(reading: "Reading", *, ax: Any = None) -> Any:
    """Draw the voltage that each cell lacks, the largest modulus over the inputs.

    Parameters
    ----------
    reading : Reading
        The reading.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    drop = np.abs(np.asarray(reading.ir_drop)).reshape(-1, *reading.array.shape).max(axis=0)
    return _map(drop, unit="V", label="Lost voltage", ax=ax)


def ideal_currents(
    reading: "Reading", ideal: Float[np.ndarray, "*inputs columns"], *, ax: Any = None
) -> Any:
    """Draw the currents of the bit lines against those of ideal wires.

    Parameters
    ----------
    reading : Reading
        The reading.
    ideal : Float[np.ndarray, "*inputs columns"]
        Currents of the same inputs without resistance in the wires [A].
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    ax = axes_or_new(ax)
    actual, exact = np.asarray(reading.current).ravel(), np.asarray(ideal).ravel()
    factor, unit = prefix(exact, unit="A")
    ends = np.array([exact.min(), exact.max()]) / factor
    ax.plot(ends, ends, color=MUTED, lw=1, label="equal")
    ax.plot(exact / factor, actual / factor, ".", color=MEASURED, ms=3)
    ax.set(xlabel=f"Current with ideal wires ({unit})", ylabel=f"Current ({unit})")
    ax.legend()
    return ax


def current_errors(
    reading: "Reading", ideal: Float[np.ndarray, "*inputs columns"], *, ax: Any = None
) -> Any:
    """Draw how the errors of the currents are distributed, over the largest current with ideal wires.

    Parameters
    ----------
    reading : Reading
        The reading.
    ideal : Float[np.ndarray, "*inputs columns"]
        Currents of the same inputs without resistance in the wires [A].
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    ax = axes_or_new(ax)
    actual, exact = np.asarray(reading.current).ravel(), np.asarray(ideal).ravel()
    errors = 100 * (actual - exact) / (np.abs(exact).max() or 1.0)
    ax.hist(errors, bins=40, color=SIMULATED)
    ax.set(xlabel="Error over the largest ideal current (%)", ylabel="Bit lines")
    return ax


def programming_error(done: "Programmed", *, ax: Any = None) -> Any:
    """Draw the root mean square error of the conductances, and the cells off target, against pulses per cell.

    Parameters
    ----------
    done : Programmed
        The array that was written.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    ax = axes_or_new(ax)
    factor, unit = prefix(done.errors, unit="S")
    pulses = done.pulses_per_cell
    ax.plot(pulses, done.errors / factor, ".-", color=MEASURED, label="RMS error")
    ax.set(xlabel="Pulses per cell", ylabel=f"RMS error ({unit})", yscale="log")
    others = ax.twinx()
    share = 100 * done.off_target / done.targets.size
    others.plot(pulses, share, color=SIMULATED, lw=1, label="off target")
    others.set(ylabel="Cells off target (%)", ylim=(0, None))
    others.grid(False)
    ax.legend([*ax.lines, *others.lines], ["RMS error", "off target"])
    return ax


def reached_conductances(done: "Programmed", *, ax: Any = None) -> Any:
    """Draw the conductances that were reached against their targets, those off target marked.

    Parameters
    ----------
    done : Programmed
        The array that was written.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    ax = axes_or_new(ax)
    factor, unit = prefix(done.targets, unit="S")
    ends = np.array([done.targets.min(), done.targets.max()]) / factor
    ax.plot(ends, ends, color=MUTED, lw=1, label="equal")
    for mask, color, label in (
        (done.reached, MEASURED, "reached"),
        (~done.reached, SIMULATED, "off target"),
    ):
        if mask.any():
            x, y = done.targets[mask] / factor, done.conductances[mask] / factor
            ax.plot(x, y, ".", color=color, ms=3, label=label)
    ax.set(xlabel=f"Target ({unit})", ylabel=f"Conductance ({unit})")
    ax.legend()
    return ax
