"""Whether a trained density is right on devices that it never saw: ranks of the truth, coverage, and their picture.

References
----------
.. [1] S. Talts, M. Betancourt, D. Simpson, A. Vehtari, A. Gelman, arXiv:1804.06788 (2018)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from memjax.plot import style
from memjax.plot.style import MEASURED, MUTED

from ..figures import axes_row

LEVEL = 0.01
"""Probability below which ranks are not uniform."""

COVERAGE = (0.85, 0.95)
"""Share of the devices that intervals of 90 % have to hold."""

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Probabilities of the intervals whose coverage is told."""

DEVICES, DRAWS = 1000, 255
"""Devices of a calibration, and draws for each of them: ranks from 0 to 255."""

CLASSES = 16
"""Classes of ranks whose numbers of devices are compared."""

_BAND = (0.005, 0.995)  # quantiles of the number of devices in a class, where ranks are uniform

_COLORS = ("#00798c", "#d1495b", "#edae49", "#66418a", "#3d7a3b", "#8c564b")


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Ranks and coverage of devices that a density was not trained on.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    ranks : Int[np.ndarray, "devices free"]
        How many of the draws lie below the true value.
    draws : int
        Draws for each device.
    p : tuple of float
        Probability of ranks that are less uniform, of each parameter.
    coverage : Float[np.ndarray, "levels free"]
        Share of the devices whose interval of each of `LEVELS` holds the true value.
    contraction : tuple of float
        By how much a measurement narrows what is known: 1 less the mean variance of the draws over that of the prior.
    """

    names: tuple[str, ...]
    ranks: Int[np.ndarray, "devices free"]
    draws: int
    p: tuple[float, ...]
    coverage: Float[np.ndarray, "levels free"]
    contraction: tuple[float, ...]

    @property
    def failures(self) -> list[str]:
        """What does not pass, in words."""
        at, words = self.coverage[LEVELS.index(0.9)], []
        for name, p, share in zip(self.names, self.p, at, strict=True):
            if not p > LEVEL:
                words.append(f"ranks of {name} are not uniform (p = {p:.2g})")
            if not COVERAGE[0] <= share <= COVERAGE[1]:
                words.append(f"intervals of 90 % of {name} hold {share:.1%} of the devices")
        return words

    @property
    def passed(self) -> bool:
        """Whether ranks are uniform and intervals hold what they should, of every parameter."""
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        rows = zip(self.names, self.p, self.coverage.T, self.contraction, strict=True)
        return {
            "passed": self.passed,
            "devices": len(self.ranks),
            "draws": self.draws,
            "parameters": {
                n: {
                    "p": p,
                    "coverage": {f"{a:g}": float(c) for a, c in zip(LEVELS, shares, strict=True)},
                    "contraction": narrowed,
                }
                for n, p, shares, narrowed in rows
            },
            "failures": self.failures,
        }


def calibrate(
    names: tuple[str, ...],
    truth: Float[np.ndarray, "devices free"],
    draws: Float[np.ndarray, "devices draws free"],
) -> Calibration:
    """Ranks and coverage of true coordinates among draws.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    truth : Float[np.ndarray, "devices free"]
        True coordinates, see `Prior`: standard normal numbers over all devices.
    draws : Float[np.ndarray, "devices draws free"]
        Coordinates drawn for each device.
    """
    ranks = np.sum(draws < truth[:, None], axis=1)
    tails = np.array([(1 - a) / 2 for a in LEVELS])
    low, high = (np.quantile(draws, q, axis=1) for q in (tails, 1 - tails))
    return Calibration(
        names=tuple(names),
        ranks=ranks,
        draws=draws.shape[1],
        p=tuple(uniform_p(r, draws.shape[1]) for r in ranks.T),
        coverage=np.mean((low <= truth) & (truth <= high), axis=1),
        contraction=tuple((1 - draws.var(axis=1, ddof=1).mean(axis=0)).tolist()),
    )


def classes_of(
    ranks: Int[np.ndarray, " devices"], draws: int
) -> tuple[Int[np.ndarray, " classes"], Float[np.ndarray, " classes"]]:
    """Number of devices in each class of ranks 0 to `draws`, and what it would be of uniform ranks."""
    share = (np.arange(draws + 1) * CLASSES) // (draws + 1)
    expected = np.bincount(share, minlength=CLASSES) * len(ranks) / (draws + 1)
    return np.bincount(share[ranks], minlength=CLASSES), expected


def uniform_p(ranks: Int[np.ndarray, " devices"], draws: int) -> float:
    """Probability of ranks 0 to `draws` that are less uniform than these.

    Notes
    -----
    Twice the smaller of those of a chi-squared test in 16 classes, which sees posteriors that are too narrow or wide,
    and of Kolmogorov and Smirnov's, which sees those that are shifted (Bonferroni).
    """
    from scipy.stats import chisquare, kstest

    by_class = chisquare(*classes_of(ranks, draws)).pvalue
    # Ranks are whole numbers: spread over the width of one they are continuous.
    jitter = np.random.default_rng(0).uniform(size=len(ranks))
    by_order = kstest((ranks + jitter) / (draws + 1), "uniform").pvalue
    return float(min(1.0, 2 * min(by_class, by_order)))


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
