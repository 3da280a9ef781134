"""Detection rates against contrast, and what the grid did in one trial."""

from pathlib import Path

import numpy as np

from benchmarks.cases.tasks_attention import task
from memjax.plot import style

COLORS = {"threshold falls": "#d1495b", "threshold stays": "#3b4252", "no cue": "#00798c"}


def write(path: Path, contrasts: tuple, found: dict, maps: dict) -> None:
    """Write `attention.png` beside a file of records."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11, 7))
        grid = figure.add_gridspec(2, 6, height_ratios=(3, 2))
        drive = task.HIGH * task.WEIGHT * task.TAU * np.asarray(contrasts)
        for k, inside in enumerate(("inside", "outside")):
            ax = figure.add_subplot(grid[0, 3 * k : 3 * k + 3])
            for name, rows in found.items():
                rate, error = (
                    np.array([r[key] for r in rows[inside]]) for key in ("rate", "rate_se")
                )
                ax.errorbar(
                    drive,
                    100 * rate,
                    100 * error,
                    color=COLORS[name],
                    marker="o",
                    capsize=3,
                    label=name,
                )
            ax.axhline(100 * task.FALSE_ALARMS, color="#9aa5b1", ls=":", lw=1.2)
            ax.set(
                ylim=(0, 102),
                xlabel="Mean drive of an object (V)",
                title=f"Objects {inside} of the attended part",
            )
            ax.set_ylabel("Detected at 5 % false alarms (%)")
            if not k:
                ax.legend(loc="lower right")
        for j, (name, spikes) in enumerate(maps.items()):
            for k, (frame, text) in enumerate(((task.CUE_FRAMES - 1, "cue"), (-1, "scene"))):
                ax = figure.add_subplot(grid[1, 2 * j + k])
                image = ax.imshow(spikes[frame], cmap="magma", vmin=0, vmax=6)
                edge = task.ATTENDED - 0.5
                ax.plot([edge, edge, -0.5], [-0.5, edge, edge], color="w", lw=1, ls="--")
                ax.set(xticks=[], yticks=[])
                ax.set_title(f"{name}: {text}", fontsize=9)
                ax.grid(False)
        figure.colorbar(image, ax=figure.axes[2:], label="Spikes in 0.1 s", shrink=0.8)
        figure.savefig(path.with_name("attention.png"), format="png")
