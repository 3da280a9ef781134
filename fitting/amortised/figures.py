"""The picture of a calibration: ranks of the truth, parameter by parameter, and coverage of intervals."""

from typing import Any

import numpy as np

from memjax.plot import style
from memjax.plot.style import MEASURED, MUTED

from ..figures import axes_row
from .calibration import CLASSES, COVERAGE, LEVELS, Calibration, classes_of

_BAND = (0.005, 0.995)  # quantiles of the number of devices in a class, where ranks are uniform
_COLORS = ("#00798c", "#d1495b", "#edae49", "#66418a", "#3d7a3b", "#8c564b")


def figure(calibration: Calibration) -> Any:
    """Number of devices in each class of ranks, with what uniform ranks have, and coverage against probability."""
    from scipy.stats import binom

    names, count = calibration.names, len(calibration.ranks)
    with style():
        picture, axes = axes_row(len(names) + 1, height=3.6)
        low, high = binom.ppf(_BAND, count, 1 / CLASSES)
        at = (np.arange(CLASSES) + 0.5) / CLASSES
        for k, (ax, name) in enumerate(zip(axes, names, strict=False)):
            counts = classes_of(calibration.ranks[:, k], calibration.draws)[0]
            ax.axhspan(low, high, color=MUTED, alpha=0.25, lw=0, label="99 % of right posteriors")
            ax.bar(at, counts, width=0.9 / CLASSES, color=_COLORS[k % len(_COLORS)])
            ax.hlines([low, high], 0, 1, color=MEASURED, lw=1, ls="--")
            ax.set(xlim=(0, 1), ylim=(0, 1.25 * max(high, counts.max())))
            ax.set_xlabel("Rank of the true value among the draws, of all")
            ax.set_title(f"{name}: p = {calibration.p[k]:.2g}", fontsize=11)
        axes[0].set_ylabel("Simulated devices")
        axes[0].legend(loc="upper center")
        _coverage(axes[-1], calibration)
    return picture


def _coverage(ax: Any, calibration: Calibration) -> None:
    """Share of the devices that intervals hold."""
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1)
    ax.vlines(0.9, *COVERAGE, color=MUTED, lw=6, alpha=0.4, label="allowed at 90 %")
    for k, (name, shares) in enumerate(zip(calibration.names, calibration.coverage.T, strict=True)):
        ax.plot(LEVELS, shares, "o-", ms=4, lw=1.2, color=_COLORS[k % len(_COLORS)], label=name)
    ax.set(xlim=(0.4, 1), ylim=(0.4, 1), xlabel="Probability of the interval")
    ax.set_ylabel("Share of the devices inside")
    ax.legend(loc="upper left")
