"""What a fit directory holds of targets: content, tables, pictures and sections."""

from typing import Any

import numpy as np
import pandas

from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

from ..figures import axes_row, engineering
from ..page.blocks import Section, Table
from ..page.fit_blocks import readable
from .search import FELT

# Events whose levels are drawn: currents, and what a spike rises above.
_CURRENTS = ("on/", "hold/", "answer/", "spike")


def content(fit: Any) -> dict:
    """What ``fit.json`` holds of targets."""
    rows = [
        {"name": n, "start": fit.start[n], "value": x, "needed": n in fit.needed, "alone_ln": fit.alone[n]}
        for n, x in fit.values.items()
    ]  # fmt: skip
    return {
        "n_points": len(fit.checks),
        "n_sweeps": len(fit.problem.protocols),
        "reduced_chi2": float(np.mean([c.off**2 for c in fit.checks])),
        "covariance_from": "the tolerances of the targets: needed parameters while the others stay, others one by one",
        "reader": ["targets"],
        "targets": fit.as_json() | {"parameters": rows, "missed": list(fit.missed)},
    }


def tables(fit: Any) -> dict[str, pandas.DataFrame]:
    """The targets in the place of what was measured, and members with noise under each protocol."""
    wanted = pandas.DataFrame([c.row() for c in fit.checks])
    return {"measured": wanted, "simulated": fit.members(seed=fit.seed)}


def pictures(content: dict, wanted: Any, simulated: Any, _) -> dict[str, Any]:
    """The picture of `figure_of`."""
    return {"targets": figure_of(content["targets"], simulated)}


def figure_of(description: dict, simulated: Any) -> Any:
    """Members under each protocol, the targets marked where they are a voltage or a time."""
    figure, axes = axes_row(len(description["protocols"]))
    for k, (ax, protocol) in enumerate(zip(axes, description["protocols"], strict=True)):
        members, kind = simulated[simulated["protocol"] == k], protocol["kind"]
        if kind == "train":
            _train(ax, members)
        else:
            column, label = ("v_V", "Voltage") if kind == "sweep" else ("t_s", "Time")
            _current(ax, members, column=column, label=label)
        for level in {x for n, x in protocol["levels"].items() if n.startswith(_CURRENTS)}:
            ax.axhline(level, color=MUTED, lw=0.8, ls=":")
        for row in (row for row in description["wanted"] if row["protocol"] == k):
            _mark(ax, row, kind, members)
        engineering(ax.xaxis, "V" if kind == "sweep" else "s")
        ax.locator_params(axis="x", nbins=5)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(fontsize=8)
    return figure


def tolerances(description: dict) -> Any:
    """How far each target is missed by, in tolerances, with the scatter of the members."""
    rows = [row for row in description["wanted"] if row["simulated"] is not None]
    figure, (ax,) = axes_row(1, height=1.2 + 0.35 * max(len(rows), 1))
    for k, row in enumerate(rows):
        off = (row["simulated"] - row["value"]) / row["tolerance"]
        width = (row["scatter"] or 0.0) / row["tolerance"]
        ax.errorbar(off, k, xerr=width, fmt="o", color=SECOND if row["met"] else SIMULATED, ms=5)
    ax.axvspan(-1, 1, color=SECOND, alpha=0.15, lw=0)
    ax.axvline(0, color=MUTED, lw=0.8)
    ax.set_yticks(range(len(rows)), [row["name"] for row in rows])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel="Simulated less wanted (tolerances); bars: members")
    return figure


def _current(ax: Any, table: pandas.DataFrame, *, column: str, label: str) -> None:
    """Modulus of the current against voltage or time."""
    for _, m in table.groupby("member"):
        ax.plot(m[column], np.maximum(np.abs(m["i_A"]), 1e-15), color=SIMULATED, lw=0.8, alpha=0.6)
    ax.set(xlabel=label, ylabel="|Current| (A)", yscale="log")


def _train(ax: Any, table: pandas.DataFrame) -> None:
    """The signal that spikes against time, of the first member."""
    first = table[table["member"] == 0]
    ax.plot(first["t_s"], first["signal"], color=SIMULATED, lw=0.9)
    ax.set(xlabel="Time", ylabel="Signal of the first member")


def _mark(ax: Any, row: dict, kind: str, table: pandas.DataFrame) -> None:
    """A voltage, or a time after its begin, as a band of its tolerance; other targets as words."""
    text = f"{row['name']} = {row['value']:.4g} {row['unit']}".removesuffix(" 1")
    if kind == "train" or row["unit"] not in ("V", "s"):
        ax.plot([], [], " ", label=text)
        return
    # The sign of the sweep, or the time from which a delay counts.
    sign = np.sign(table["v_V"].iloc[np.argmax(np.abs(table["v_V"]))]) if kind == "sweep" else 1.0
    at = sign * row["value"] + (row["begin_s"] or 0.0)
    color = MEASURED if row["name"].startswith(("v_hold", "relaxation")) else SECOND
    ax.axvspan(at - row["tolerance"], at + row["tolerance"], color=color, alpha=0.3, lw=0)
    ax.axvline(at, color=color, lw=1.2, ls="--", label=text)


def sections(content: dict) -> list[Section]:
    """The targets and the check with noise; the parameters that were needed, and how far each may move alone."""
    description = content["targets"]
    rows = [
        [
            row["name"],
            f"{readable(row['value'])} ± {readable(row['tolerance'], 2)}",
            readable(row["simulated"]),
            row["statistic"],
            *(readable(row[key], 2) for key in ("standard_error", "scatter")),
            f"{row['shown']} of {row['members']}",
            row["unit"],
            "yes" if row["met"] else "no",
        ]
        for row in description["wanted"]
    ]
    head = ["target", "wanted", "simulated", "statistic", "its standard error", "scatter of members", "shown by",
            "unit", "met"]  # fmt: skip
    moves = [
        [
            row["name"],
            *(readable(row[key]) for key in ("start", "value")),
            f"{row['value'] / row['start']:.3g}",
            "needed" if row["needed"] else "at its start",
            "any" if row["alone_ln"] > 1 else f"{100 * row['alone_ln']:.2g} %",
        ]
        for row in description["parameters"]
    ]
    heads = ["parameter", "start", "now", "times", "", "may move alone by"]
    return [
        Section("Targets, against members with noise", [Table(head, rows)]),
        Section("What was needed", [Table(heads, moves)]),
    ]


def advice(content: dict) -> list[str]:
    """Which parameters no target holds."""
    rows = content["targets"]["parameters"]
    left = ", ".join(row["name"] for row in rows if not row["needed"] and row["alone_ln"] > FELT)
    return [
        f"Something that {left} act on, as a further target: those here do not feel them."
    ] * bool(left)
