"""What a reservoir made of a task: output over truth, memory by delay, error against noise, confused classes."""

from typing import Any

import numpy as np

from ..learning import ImageStudy, ReservoirStudy
from .axes import axes_or_new
from .learning import draw_shares
from .style import MEASURED, MUTED, SECOND, SIMULATED

_SOURCES = {
    "none": "no noise", "device": "device\nnoise", "read": "read\nnoise", "cycles": "cycle to\ncycle",
    "devices": "device to\ndevice", "all": "all",
}  # fmt: skip


def prediction(study: ReservoirStudy, *, steps: int = 150, ax: Any = None) -> Any:
    """Draw the output of the first seed over the truth, on the first steps of the test.

    Parameters
    ----------
    study : ReservoirStudy
        Of `memjax.learning.study`.
    steps : int
        How many.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = axes_or_new(ax)
    k = np.arange(study.train, min(study.train + steps, len(study.task.targets)))
    ax.plot(k, study.task.targets[k], color=MEASURED, lw=2.5, alpha=0.6, label="truth")
    ax.plot(k, study.output[: len(k)], color=SIMULATED, lw=1.2, label="reservoir")
    ax.set_xlabel("Step")
    ax.set_ylabel("Target (scaled)" if study.task.name != "narma10" else "Target")
    ax.set_title(f"{study.task.name}: NRMSE {_pm(study.errors)}", loc="left", fontsize=11)
    ax.legend(loc="upper right", ncols=2)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.15 * (high - low))
    return ax


def memory(study: ReservoirStudy, *, ax: Any = None) -> Any:
    """Draw the memory for each delay, of independent random inputs; returns the axes."""
    ax = axes_or_new(ax)
    delays = np.arange(1, len(study.capacity) + 1)
    ax.bar(delays, study.capacity, color=SECOND)
    ax.set_xlabel("Delay (steps)")
    ax.set_ylabel("Memory capacity")
    ax.set_ylim(0, 1)
    ax.set_title(f"sum {study.capacity.sum():.2f}", loc="left", fontsize=11)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def noise_price(study: ReservoirStudy, *, figure: Any = None) -> Any:
    """Draw the error against all noise and spread, and with one source of them at a time, with the controls.

    Parameters
    ----------
    study : ReservoirStudy
        Of `memjax.learning.study`.
    figure : matplotlib.figure.Figure, optional
        Where to draw; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from .picture import Picture

    figure = Picture(figsize=(9, 3.8)) if figure is None else figure
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.3))
    factors = np.array(list(study.price))
    left.errorbar(
        factors, *_bars(list(study.price.values())), color=SIMULATED, marker="o", capsize=3
    )
    left.set_xlabel("Noise and spread (times measured)")
    left.set_ylabel("NRMSE")
    left.set_yscale("log")
    names = list(study.sources)
    means, deviations = _bars(list(study.sources.values()))
    right.errorbar(
        range(len(names)), means, deviations, color=SIMULATED, marker="o", ls="", capsize=3
    )
    right.set_xticks(range(len(names)), [_SOURCES.get(n, n) for n in names], fontsize=9)
    right.set_xlim(-0.5, len(names) - 0.5)
    for ax in (left, right):
        ax.axhline(study.control, color=MUTED, ls="--", label="no memory")
        ax.axhline(study.alone, color=MUTED, ls=":", label="read-out alone")
    right.legend(loc="lower right", fontsize=9)
    right.set_title("one source at a time", loc="left", fontsize=11)
    return figure


def image_confusion(study: ImageStudy, *, ax: Any = None) -> Any:
    """Draw which classes of the test images were taken for which, in per cent of a class; returns the axes."""
    ax = axes_or_new(ax)
    percent = 100 * study.confusion / np.maximum(study.confusion.sum(axis=1, keepdims=True), 1)
    cells = np.argwhere(percent >= 0.5).tolist()
    draw_shares(ax, study.confusion, {(r, c): f"{percent[r, c]:.0f}" for r, c in cells})
    ax.set_xticks(range(len(percent)))
    ax.set_yticks(range(len(percent)))
    ax.set_xlabel("Output")
    ax.set_ylabel("Class")
    ax.set_title(f"{study.task.name}: {_pm(100 * study.accuracies)} %", loc="left", fontsize=11)
    return ax


def _bars(values: list[np.ndarray]) -> tuple[list[float], list[float]]:
    """Means and standard deviations; 0 of a single value."""
    return [float(x.mean()) for x in values], [
        float(x.std(ddof=1)) if len(x) > 1 else 0.0 for x in values
    ]


def _pm(x: np.ndarray) -> str:
    """Mean and standard deviation."""
    return f"{x.mean():.3g} ± {x.std(ddof=1):.2g}" if len(x) > 1 else f"{x.mean():.3g}"
