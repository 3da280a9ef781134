"""What a calibration of noise, spreads and rates by simulated cycles gives."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

from .valleys import ends_of

_OFF = (
    0.1,
    0.25,
)  # shares by which medians and spreads of simulated cycles may be off without a word

_RARE = 2.0
"""Ratio of the standard deviation of all simulated cycles to that of typical few from which on rare ones are named."""

LEVEL = 0.01
"""Probability of the energy test below which two policies count as different."""


@dataclass(frozen=True, kw_only=True)
class Stochastic:
    """How the randomness of a fit came about.

    Parameters
    ----------
    estimator : str
        In words.
    device : AbstractDevice or Circuit
        With the calibrated medians and strengths.
    cycle_spread : dict
        By parameter: `sigma_ln`, `std`, `from` (the event that it explains), `sweeps`, `method`.
    noise : tuple of str
        Strengths of ion noise among the values.
    values, std : dict of str to float
        Medians of parameters [unit] and spreads `sigma_ln(NAME)` that were calibrated, and their
        standard deviations.
    undetermined : tuple of str
        Those whose logarithm has a standard deviation above 0.5 and above half the prior's.
    replicates : dict of str to Float[np.ndarray, "replicates"]
        Values [unit] from resampled cycles; those with the same number belong together.
    profiles : dict of str to (Float[np.ndarray, "grid"], Float[np.ndarray, "grid"])
        Values [unit], and by how much the least loss with each is above the least of all.
    prior : dict of str to float
        Standard deviations of the coordinates before.
    settled : bool
        Whether further simulations no longer moved the replicates.
    loss, loss_noise : float
        Half the sum of squared residuals; its standard deviation under other random numbers.
    draws : int
        Simulated cycles of each waveform at each point.
    step : float or None
        Time step of the simulations [s]; None where steps are adaptive.
    failed : float
        Share of the checked cycles whose solve failed; they are left out.
    comparison : list of dict
        Of each excursion: label, and `fitting.stochastic.two_sample.compare` of measured cycles and cycles
        simulated with other random numbers and adaptive steps; of set and reset also `typical_sd`, see
        `fitting.stochastic.moments.typical_sd`.
    step_p : list of float
        Probability of the energy test between fixed and adaptive steps, by excursion; none where steps are adaptive.
    simulated : list of Float[np.ndarray, "cycles names"]
        Those cycles.
    correlation : Float[np.ndarray, "spreads spreads"] or None
        Correlations of the logarithms of the parameters of `cycle_spread`, in their order; None where each varies by
        itself.
    interrupted : bool
        Whether the search was stopped before its end.
    failure : str
        Why it ended before, in words; nothing where no stage failed.
    """

    estimator: str
    device: Any
    cycle_spread: dict[str, dict[str, Any]]
    noise: tuple[str, ...]
    values: dict[str, float]
    std: dict[str, float]
    undetermined: tuple[str, ...]
    replicates: dict[str, Float[np.ndarray, " replicates"]]
    profiles: dict[str, tuple[Float[np.ndarray, " grid"], Float[np.ndarray, " grid"]]]
    prior: dict[str, float]
    settled: bool
    loss: float
    loss_noise: float
    draws: int
    step: float | None
    failed: float
    comparison: list[dict]
    step_p: list[float]
    simulated: list[Float[np.ndarray, "cycles names"]]
    correlation: Float[np.ndarray, "spreads spreads"] | None = None
    interrupted: bool = False
    failure: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result, in words."""
        notes, p = [], min(self.step_p, default=1.0)
        if p <= LEVEL:
            notes.append(
                f"fixed steps of {self.step:g} s, in which the search was done, and adaptive ones give different "
                f"distributions (p = {p:.2g}): rates are faster than the steps, do not trust the values"
            )
        if self.failure:
            notes.append(
                f"the search for noise, spreads and rates ended where a stage failed ({self.failure}): "
                "values are what it had reached, errors are to first order"
            )
        elif self.correlation is not None:
            notes += [*self._unlike(), *self._missed()]
        elif not (self.settled or self.interrupted):
            text = "had not settled when the search ended: they are lower bounds"
            notes.append(f"the errors of noise, spreads and rates {text}")
        labels = (
            []
            if self.correlation is not None
            else [c["label"] for c in self.comparison if c["joint"]["p"] <= LEVEL]
        )
        if labels:
            notes.append(f"simulated and measured cycles differ: {', '.join(labels)}")
        return tuple(notes)

    def _unlike(self) -> list[str]:
        """That no spreads were found with which simulated cycles are like the measured ones, in words."""
        # Half a chi squared of a median and a standard deviation of each feature, in errors of the measured ones.
        count = 2 * len([n for n in self.comparison[0] if n not in ("label", "joint")])
        if chi2.sf(2 * self.loss, count) > LEVEL:
            return []
        return [
            "no spreads of parameters were found whose simulated cycles are like the measured ones "
            f"(loss {self.loss:.3g}, where {count / 2:g} is expected; its standard deviation is {self.loss_noise:.2g} "
            "under other random numbers): do not trust the spreads"
        ]

    def _missed(self) -> list[str]:
        """Medians and spreads of cycles that simulated ones do not have, in words."""
        parts = []
        for name, c in self.comparison[0].items():
            if name in ("label", "joint"):
                continue
            measured, drawn = c["measured"], c["simulated"]
            median, unit = drawn["median"] / measured["median"], max(measured["sd"], 1e-300)
            spread, whole = drawn["typical_sd"] / unit, drawn["sd"] / unit
            if abs(np.log(median)) > np.log(1 + _OFF[0]):
                parts.append(f"the median of {name} is {median:.2g} of the measured one")
            if abs(np.log(spread)) > np.log(1 + _OFF[1]):
                parts.append(f"the spread of {name} is {spread:.2g} of the measured one")
            elif whole > _RARE * spread:
                text = f"rare ones far off make the standard deviation of all {name} {whole:.2g} of the measured one"
                parts.append(f"{text}, where so many as were measured typically show {spread:.2g}")
        return [f"simulated cycles: {', '.join(parts)}"] * bool(parts)

    def intervals(self, level: float = 0.9) -> dict[str, list[float]]:
        """Ends [unit] of intervals that hold the truth with that probability: where profiles have risen so far."""
        return {n: list(ends_of(*p, level)) for n, p in self.profiles.items()}

    @property
    def covariance(self) -> Float[np.ndarray, "names names"]:
        """Covariance of the logarithms of the values: their standard deviations, with the replicates' correlations."""
        drawn = np.log(np.abs(np.stack([*self.replicates.values()])) + 1e-300)
        widths = np.array([self.std[n] / abs(self.values[n]) for n in self.replicates])
        scale = widths / (drawn.std(axis=1) + 1e-12)
        return np.cov(drawn) * np.outer(scale, scale) + 1e-12 * np.eye(len(drawn))


def logarithmic(ends: tuple[float, float]) -> float:
    """Half the length of an interval in logarithms."""
    low, high = np.abs(ends) + 1e-300
    return abs(float(np.log(high / low))) / 2
