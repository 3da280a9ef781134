"""Pictures of the pages on architecture and lanes: ``python docs/figures/rooms.py``; rooms as in pyproject.toml."""

import re
import tomllib
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

HERE = Path(__file__).parent
COLORS = {"memjax": "#e8f1f2", "fitting": "#fbe9eb"}
EDGE, TEXT = "#3b4252", "#1d2430"

FILE_TO_REPORT = (
    ("sweeps.csv", "a laboratory's file"),
    ("memjax.data", "recognise, convert\nto SI, warn"),
    ("Measurement", "voltage, current,\nsweeps, limit"),
    ("fitting.sweeps", "problem:\nresiduals, priors"),
    ("fitting.optimize", "many starts,\nsimulate, improve"),
    ("fitting.inference", "intervals,\nrandomness"),
    ("report.html", "fit.json,\npictures"),
)
TOML_TO_SPIKES = (
    ("net.toml", "groups,\nprojections"),
    ("network.toml", "check the file,\ndraw parameters"),
    ("circuit", "netlist to\nequations"),
    ("solver", "one step kernel\nfor all members"),
    ("network", "scan the steps,\nexchange spikes"),
    ("recording.h5", "spikes, traces,\nenergy"),
)

STEP_TO_CALL = (
    ("equations", "drift, noise,\nspikes"),
    ("StepProgram", "the pure step\nof one lane"),
    ("driver", "Adaptive, Fixed,\nExchange"),
    ("cc.source", "the step in C\nbefore a loop"),
    ("cc.library", "build, try,\nkeep, load"),
    ("LaneFunction", "a call\nby XLA"),
)


def box(ax, x, y, width, height, color):
    """A rounded box."""
    shape = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0.02", facecolor=color, edgecolor=EDGE, lw=0.8
    )
    ax.add_patch(shape)


def layers(name: str) -> list[list[str]]:
    """The layers of a package, highest first; modules that only few others see are left out."""
    project = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract.get("type") == "layers" and contract.get("containers") == [name]:
            rows = [[w.strip(" ()") for w in re.split("[|:]", row)] for row in contract["layers"]]
            return [row for row in rows if row != ["__main__"]]
    raise ValueError(name)


def draw_rooms() -> Figure:
    """Both packages side by side."""
    tables = {name: layers(name) for name in ("memjax", "fitting")}
    rows = max(len(t) for t in tables.values())
    figure = Figure(figsize=(10, 0.33 * rows + 0.8), layout="constrained")
    for ax, (name, table) in zip(figure.subplots(1, 2), tables.items(), strict=True):
        for k, row in enumerate(table):
            for j, room in enumerate(row):
                width = 1 / len(row)
                box(
                    ax, j * width + 0.025, -k, width - 0.05, 0.74, COLORS[name]
                )  # and 0.02 around it
                size = 9 if len(row) < 4 else 6.5
                ax.text(
                    (j + 0.5) * width,
                    0.37 - k,
                    room,
                    ha="center",
                    va="center",
                    fontsize=size,
                    color=TEXT,
                )
        ax.set(xlim=(-0.02, 1.02), ylim=(-rows + 0.6, 1.0))
        ax.set_title(f"{name}: a room imports only from below", loc="left", fontsize=10)
        ax.axis("off")
    return figure


def draw_way(stations) -> Figure:
    """Boxes from left to right, joined by arrows."""
    figure = Figure(figsize=(1.75 * len(stations), 1.35), layout="constrained")
    ax = figure.add_subplot()
    for k, (name, text) in enumerate(stations):
        box(ax, k, 0, 0.78, 1, "#e8f1f2" if 0 < k < len(stations) - 1 else "#f4f1de")
        ax.text(
            k + 0.39, 0.74, name, ha="center", va="center", fontsize=9.5, weight="bold", color=TEXT
        )
        ax.text(k + 0.39, 0.32, text, ha="center", va="center", fontsize=8.5, color=TEXT)
        if k:
            arrow = {"arrowstyle": "->", "color": EDGE}
            ax.annotate("", (k - 0.03, 0.5), (k - 0.19, 0.5), arrowprops=arrow)
    ax.set(xlim=(-0.05, len(stations) - 0.17), ylim=(-0.08, 1.08))
    ax.axis("off")
    return figure


def main() -> None:
    """Write all four."""
    draw_rooms().savefig(HERE / "rooms.png", dpi=110)
    draw_way(FILE_TO_REPORT).savefig(HERE / "file-to-report.png", dpi=110)
    draw_way(TOML_TO_SPIKES).savefig(HERE / "toml-to-spikes.png", dpi=110)
    draw_way(STEP_TO_CALL).savefig(HERE / "step-to-call.png", dpi=110)


if __name__ == "__main__":
    main()
