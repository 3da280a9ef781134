"""Pictures of the energy of a network's run: by element, by cause, and the power over time."""

from typing import Any

import numpy as np

from ..errors import BoundsError
from ..network import EnergyLedger, Recording
from ..network.energy import CAUSES, SOURCES
from ..network.energy_program import PHASES
from .arguments import check_recording
from .axes import axes_or_new, label_time, prefix, show_in
from .style import MEASURED, MUTED, SECOND, SIMULATED

_GIVES, _TAKES = "#7a5195", "#c98a1b"
"""Colors of sources, and of what takes up their energy; those of causes are others."""

_CAUSE_COLORS: dict[str, str] = dict(zip(CAUSES, (MUTED, SIMULATED, SECOND, MEASURED), strict=True))

_DECADES = 6
"""Decades below the largest energy that a picture shows; what is smaller is left out, and said so."""


def _ledgers(where: str, recording: Recording) -> dict[str, EnergyLedger]:
    """The ledgers of a recording that has some."""
    check_recording(where, recording)
    if not recording.energy:
        raise BoundsError(
            "a recording without an energy ledger",
            where=f"plot.{where}",
            allowed="that of a run with energy=True",
            fix="energy = true in the network's file",
        )
    return recording.energy


def _bars(ax: Any, rows: list[tuple[str, float, str]]) -> None:
    """Horizontal bars of energies [J] on a logarithmic axis, with their numbers: label, energy, color."""
    from matplotlib.ticker import LogLocator

    top = max((e for _, e, _ in rows), default=0.0)
    shown = [r for r in rows if r[1] > top * 10.0**-_DECADES and r[1] > 0] or rows[:1]
    for k, (_, energy, color) in enumerate(shown):
        ax.barh(k, energy, color=color)
        factor, unit = prefix(energy or 1.0, unit="J")
        ax.annotate(
            f" {energy / factor:.3g} {unit}", (max(energy, 1e-30), k), va="center", fontsize=9
        )
    ax.set_xscale("log")
    ax.set_yticks(range(len(shown)), [name for name, *_ in shown])
    ax.invert_yaxis()
    lowest = min((e for _, e, _ in shown if e > 0), default=1e-30)
    ax.set_xlim(0.3 * lowest, 30 * max(top, lowest))
    ax.set_xlabel(f"Energy ({prefix(max(top, 1e-30), unit='J')[1]})")
    show_in(ax.xaxis, prefix(max(top, 1e-30), unit="J")[0])
    ax.xaxis.set_major_locator(LogLocator(numticks=5))
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    if len(shown) < len(rows):
        text = f"{len(rows) - len(shown)} below 1e-{_DECADES} of the largest not shown"
        ax.annotate(text, (1, 0.01), xycoords="axes fraction", ha="right", va="bottom", fontsize=8)


def _prefixed(recording: Recording, group: str, name: str) -> str:
    """Name of a row, with its group where there are several."""
    return f"{group}: {name}" if len(recording.energy) > 1 else name


def energy_by_element(recording: Recording, *, ax: Any = None) -> Any:
    """Draw what sources gave and what elements took up over a run, each group by itself.

    Parameters
    ----------
    recording : Recording
        Of a run with a ledger.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    """
    ledgers, rows = _ledgers("energy_by_element", recording), []
    for group, ledger in ledgers.items():
        for name, energy in ledger.by_element.items():
            gives = ledger.kinds[name] in SOURCES
            numerical = ledger.kinds[name] == "numerical"
            color = _GIVES if gives else MUTED if numerical else _TAKES
            text = f"{name} gives" if gives else name
            rows.append((_prefixed(recording, group, text), abs(energy), color))
    ax = axes_or_new(ax)
    _bars(ax, rows)
    ax.set_title("By element", loc="left", fontsize=11)
    return ax


def energy_by_cause(recording: Recording, *, ax: Any = None) -> Any:
    """Draw what sources gave by cause, each group by itself; arguments as for `energy_by_element`."""
    ledgers = _ledgers("energy_by_cause", recording)
    rows = [
        (_prefixed(recording, group, cause), energy, _CAUSE_COLORS[cause])
        for group, ledger in ledgers.items()
        for cause, energy in ledger.by_cause.items()
    ]
    ax = axes_or_new(ax)
    _bars(ax, rows)
    spikes = {n: x.per_spike for n, x in ledgers.items()}
    words = []
    for name, energy in spikes.items():
        if energy is not None:
            factor, unit = prefix(energy["total"], unit="J")
            text = f"{energy['total'] / factor:.3g} {unit} per spike"
            words.append(_prefixed(recording, name, text))
    ax.set_title("\n".join(["By cause", *words]), loc="left", fontsize=11)
    return ax


def energy_power(recording: Recording, *, ax: Any = None) -> Any:
    """Draw the power that sources give by phase over time, of all groups together; see `energy_by_element`."""
    ledgers = _ledgers("energy_power", recording)
    ax = axes_or_new(ax)
    powers = [x.power() for x in ledgers.values()]
    time = powers[0][0]
    stack = [np.sum([p[phase] for _, p in powers], axis=0) for phase in PHASES]
    factor, unit = prefix(np.max(np.abs(np.sum(stack, axis=0))) or 1.0, unit="W")
    base = np.zeros_like(time)
    for phase, power in zip(PHASES, stack, strict=True):
        ax.fill_between(
            time, base, base + power, color=_CAUSE_COLORS[phase], lw=0, step="mid", label=phase
        )
        base = base + power
    ax.set(ylabel=f"Power ({unit})", xlim=(recording.energy[next(iter(ledgers))].start, time[-1]))
    show_in(ax.yaxis, factor)
    label_time(ax.xaxis, np.array([0.0, recording.duration]))
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
    return ax
