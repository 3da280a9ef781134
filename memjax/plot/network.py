"""Pictures of a network's run: spikes of some members of each group, and mean rates."""

from typing import Any

import numpy as np
from jaxtyping import Int

from ..network import Recording
from .arguments import check_recording
from .axes import axes_or_new, label_time
from .style import MEASURED, MUTED, SECOND, SIMULATED

_COLORS = (MEASURED, SIMULATED, SECOND, "#c98a1b", "#7a5195", "#5b8c3a")
"""Of groups, in their order; from the seventh on they begin again."""

_BINS = 200
"""Bins of a rate by default, at most."""

_DASHES, _COLUMNS = 100_000, 2000
"""Dashes of a group beyond which those within one of so many columns are drawn once."""


def _pick_members(n: int, most: int) -> Int[np.ndarray, " some"]:
    """An even choice of at most so many members."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


def _with_gaps(y: np.ndarray, time: np.ndarray, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Spikes to draw: of very many, only those that do not fall on another one in the picture."""
    if len(time) <= _DASHES:
        return y, time
    _, row = np.unique(y, return_inverse=True)
    cell = row * (_COLUMNS + 1) + np.floor(time / duration * _COLUMNS).astype(int)
    _, first = np.unique(cell, return_index=True)
    return y[first], time[first]


def network_raster(recording: Recording, *, ax: Any = None, most: int = 200) -> Any:
    """Draw spikes of a network's groups, above each other in the order of the network, the first one lowest.

    Parameters
    ----------
    recording : Recording
        What the network did.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    most : int
        Largest number of members shown of each group; of larger groups an even choice is shown.
    """
    check_recording("network_raster", recording)
    ax = axes_or_new(ax)
    picks = {n: _pick_members(size, most) for n, size in recording.sizes.items()}
    # Small groups are as high as they need to be seen.
    minimum = max(len(x) for x in picks.values()) / 10
    base, ticks, labels = 0.0, [], []
    for k, (name, members) in enumerate(picks.items()):
        height = max(len(members), minimum)
        number, time = recording.spikes[name]
        positions = np.full(recording.sizes[name], np.nan)
        positions[members] = base + (np.arange(len(members)) + 0.5) * height / len(members)
        y, half = positions[number], 0.4 * height / len(members)
        y, time = _with_gaps(y[np.isfinite(y)], time[np.isfinite(y)], recording.duration)
        color = _COLORS[k % len(_COLORS)]
        ax.vlines(time, y - half, y + half, color=color, lw=0.8, label=name)
        if k:
            ax.axhline(base, color=MUTED, lw=0.8)
        size = recording.sizes[name]
        text = f"{size}" if len(members) == size else f"{len(members)} of {size}"
        ticks.append(base + height / 2)
        labels.append(f"{name}\n{text}")
        base += height
    ax.set_yticks(ticks, labels)
    for k, label in enumerate(ax.get_yticklabels()):
        label.set_color(_COLORS[k % len(_COLORS)])
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(recording.start, recording.duration), ylim=(0.0, base), ylabel="Members of groups")
    label_time(ax.xaxis, np.array([recording.start, recording.duration]))
    return ax


def population_rates(recording: Recording, *, ax: Any = None, bin: float | None = None) -> Any:
    """Draw the mean rate of each group's members against time.

    Parameters
    ----------
    recording : Recording
        What the network did.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    bin : float, optional
        Time over which spikes are counted [s]; by default whole steps, the run in 200 bins or fewer.
    """
    check_recording("population_rates", recording)
    ax = axes_or_new(ax)
    steps = np.ceil(round((recording.duration - recording.start) / recording.dt) / _BINS)
    width = max(steps, 1.0) * recording.dt if bin is None else bin
    for k, name in enumerate(recording.sizes):
        middle, rate = recording.population_rate(name, width)
        ax.plot(middle, rate, color=_COLORS[k % len(_COLORS)], lw=1.2, label=name)
    ax.set(xlim=(recording.start, recording.duration), ylabel="Mean rate (1/s)")
    ax.set_ylim(bottom=0.0)
    label_time(ax.xaxis, np.array([recording.start, recording.duration]))
    # Above the axes: rates may be anywhere inside.
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(_COLORS), borderaxespad=0.2)
    return ax


def conductances(recording: Recording, *, ax: Any = None) -> Any:
    """Draw how many devices that are weights have which conductance, at the start and at the end of a run.

    Parameters
    ----------
    recording : Recording
        What the network did; with projections whose weights are programmed devices.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    check_recording("conductances", recording)
    ax = axes_or_new(ax)
    # A run that has not ended has no conductances at its end.
    complete = {n: g for n, g in recording.conductances.items() if "end" in g}
    for k, (name, values) in enumerate(complete.items()):
        microsiemens = 1e6 * np.concatenate([values["start"], values["end"]])
        low, high = microsiemens.min(), microsiemens.max()
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        edges = np.linspace(low - room, high + room, 60)
        for word, line in (("start", ":"), ("end", "-")):
            count, _ = np.histogram(1e6 * values[word], edges)
            color = _COLORS[k % len(_COLORS)]
            ax.stairs(count, edges, color=color, ls=line, lw=1.4, label=f"{name}, {word}")
    ax.set(xlabel="Conductance (µS)", ylabel="Devices")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_ylim(bottom=0.0)
    if complete:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, borderaxespad=0.2)
    return ax
