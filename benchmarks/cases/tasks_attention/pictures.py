"""Detection rates against contrast, and what the grid did in one trial."""

from pathlib import Path

import numpy as np

from benchmarks.cases.tasks_attention import task
from memjax.plot import style

COLORS = {"threshold falls": "#d1495b", "threshold stays": "#3b4252", "no cue": "#00798c"}


def write(path: Path, scenes: task.Scenes, found: dict, maps: dict) -> None:
    """Write `attention.png` beside a file of records."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11, 7.5))
        grid = figure.add_gridspec(2, 4, height_ratios=(3, 2))
        for k, inside in enumerate(("inside", "outside")):
            _rates(figure.add_subplot(grid[0, 2 * k : 2 * k + 2]), scenes, found, inside)
        brightness = scenes.frames(True)[-1, 1, 0]
        panels = {"scene (brightness)": brightness} | {f"{n} (spikes)": x for n, x in maps.items()}
        largest = max(x.max() for x in maps.values())
        for k, (name, image) in enumerate(panels.items()):
            ax = figure.add_subplot(grid[1, k])
            drawn = ax.imshow(image, cmap="magma", vmin=0, vmax=largest if k else 1)
            edge = task.ATTENDED - 0.5
            ax.plot([edge, edge, -0.5], [-0.5, edge, edge], color="w", lw=1, ls="--")
            ax.set(xticks=[], yticks=[], xlim=(-0.5, 15.5), ylim=(15.5, -0.5))
            ax.set_title(name, fontsize=10)
            ax.grid(False)
        figure.colorbar(drawn, ax=figure.axes[-3:], label="Spikes in 0.1 s", shrink=0.8)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        figure.savefig(path.with_name("attention.png"), format="png")


def _rates(ax, scenes: task.Scenes, found: dict, inside: str) -> None:
    """Detection rates against the drive of objects."""
    drive = task.HIGH * task.WEIGHT * task.TAU * np.asarray(scenes.contrasts)
    for name, rows in found.items():
        rate, error = (
            100 * np.array([r[key] for r in rows[inside]]) for key in ("rate", "rate_se")
        )
        line = {"ls": "--", "marker": "x"} if name == "no cue" else {"marker": "o"}
        ax.errorbar(drive, rate, error, color=COLORS[name], capsize=3, label=name, **line)
    ax.axhline(100 * task.FALSE_ALARMS, color="#9aa5b1", ls=":", lw=1.2)
    ax.set(
        ylim=(0, 103),
        xlabel="Mean drive of an object (V)",
        ylabel="Detected at 5 % false alarms (%)",
        title=f"Objects {inside} the attended part",
    )
