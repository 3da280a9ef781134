"""Receptive fields, conductances on their way, and the confusion of digits."""

from pathlib import Path
from typing import Any

import numpy as np

from memjax.learning import receptive_fields
from memjax.network import Recording
from memjax.plot import (
    conductances,
    confusion,
    receptive_fields as draw_fields,
    style,
)
from memjax.runtime.files import writing

PROJECTION = "input-neurons"


def write(path: Path, learned: Recording, score: Any, members: int) -> None:
    """Draw what was learned beside the records: `tasks_onchip-*.png`."""
    from matplotlib.figure import Figure

    g = learned.conductances[PROJECTION]
    with style():
        pages = {}
        for at in ("start", "end"):
            figure = pages[f"fields-{at}"] = Figure(figsize=(9, 6))
            fields = receptive_fields(g[at], members=members, on_off=True)
            labels = score.assigned.labels if at == "end" else None
            draw_fields(fields, (8, 8), labels=labels, ax=figure.add_subplot())
        figure = pages["conductances"] = Figure(figsize=(9, 6.5))
        top, bottom = figure.subplots(2)
        conductances(learned, ax=top)
        draw_progress(learned, bottom)
        figure = pages["confusion"] = Figure(figsize=(6.5, 5.5))
        table = score.assigned.confusion(score.counts, score.labels)
        confusion(table, score.assigned.classes, ax=figure.add_subplot())
        for name, page in pages.items():
            with writing(path.with_name(f"tasks_onchip-{name}.png")) as temporary:
                page.savefig(temporary, format="png")


def draw_progress(learned: Recording, ax: Any) -> None:
    """Median and quantiles of the conductances over the training."""
    series = 1e6 * learned.conductances[PROJECTION]["series"]
    times = learned.conductance_times
    for low, high, alpha in ((0.05, 0.95, 0.2), (0.25, 0.75, 0.4)):
        band = np.quantile(series, [low, high], axis=1)
        label = f"{low:.0%} to {high:.0%}"
        ax.fill_between(times, *band, alpha=alpha, color="#00798c", lw=0, label=label)
    ax.plot(times, np.median(series, axis=1), color="#3b4252", label="median")
    ax.set(xlabel="Time of training (s)", ylabel="Conductance (µS)", ylim=(0, None))
    ax.legend(loc="lower right", ncols=3)
