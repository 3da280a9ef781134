r"""Errors of an estimate by simulation, along curved valleys too: replicates, and profiles of the loss.

Notes
-----
Near the least loss, features of simulated cycles are a smooth function of the coordinates, a response surface, about
which simulations scatter. On the surface the loss is minimised for the measured features, which is the estimate, and
for each of the features of resampled cycles, the prior's centre drawn anew as well, which are its replicates [1]_. A
normal approximation would see one point of a valley; replicates follow it, and lie in several where there are
several. Points are added where the replicates lie until these no longer move.

Intervals are profiles [3]_: the values with which the loss, the other coordinates free, rises by no more than half a
quantile of chi squared. Quantiles of replicates would be none: where a valley is long at one end of the truth, few
replicates lie at the other.

The scatter of the search itself is that of surfaces whose batches of simulations, each with random numbers of its
own, have random weights (Bayesian bootstrap [2]_): each surface has a share of the replicates.

References
----------
.. [1] D. Oliver, N. He, A. Reynolds, Conditioning permeability fields to pressure data, ECMOR V (1996),
   doi:10.3997/2214-4609.201406884
.. [2] D. Rubin, Ann. Stat. 9, 130 (1981), doi:10.1214/aos/1176345338
.. [3] D. Venzon, S. Moolgavkar, J. R. Stat. Soc. C 37, 87 (1988), doi:10.2307/2347496
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import chi2

from .two_sample import Target

GRID = 32
"""Values of a profile."""

_FARTHEST = 4.0  # standard deviations that a profile to first order reaches


@dataclass(frozen=True, kw_only=True)
class Valley:
    """What a set of features leaves of the coordinates.

    Parameters
    ----------
    z : Float[np.ndarray, "n"]
        The estimate.
    replicates : Float[np.ndarray, "replicates n"]
        Estimates from resampled cycles.
    rounds : int
        Rounds of simulations.
    settled : bool
        Whether the replicates had ceased to move.
    grid, rise : Float[np.ndarray, "n grid"]
        Values of each coordinate, and by how much the least loss with it is above that of the estimate's valley.
    interrupted : bool
        Whether the rounds were stopped before their end.
    failure : str
        Why the rounds ended before, in words; nothing where they did not fail.
    """

    z: Float[np.ndarray, " n"]
    replicates: Float[np.ndarray, "replicates n"]
    rounds: int
    settled: bool
    grid: Float[np.ndarray, "n grid"]
    rise: Float[np.ndarray, "n grid"]
    interrupted: bool = False
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What simulated features are to be like.

    Parameters
    ----------
    targets : sequence of Target
        Measured features.
    centre, prior : Float[np.ndarray, "n"]
        Mean and standard deviation of the coordinates' prior.
    acting : sequence of Bool[np.ndarray, "n"]
        Which coordinates move each target.
    seed : int
        Of the prior's centres, the points and the weights.
    """

    targets: Sequence[Target]
    centre: Float[np.ndarray, " n"]
    prior: Float[np.ndarray, " n"]
    acting: Sequence[Bool[np.ndarray, " n"]]
    seed: int

    def resampled(self) -> tuple[np.ndarray, np.ndarray]:
        """Features of resampled cycles, those with the same number together, and centres of the prior."""
        moved = np.concatenate([t.shifts() for t in self.targets], axis=1)
        drawn = np.random.default_rng(self.seed).normal(size=(len(moved), len(self.prior)))
        return self.measured + moved, self.centre + self.prior * drawn

    @property
    def measured(self) -> Float[np.ndarray, " residuals"]:
        """Measured features of all targets [standard deviations]."""
        return np.concatenate([t.weigh(t.measured) for t in self.targets])


def ends_of(
    x: Float[np.ndarray, " grid"], rise: Float[np.ndarray, " grid"], level: float
) -> tuple[float, float]:
    """Ends of the interval that holds the truth with a probability: where the profile, see `Valley`, has risen so far.

    Where it does not rise so far, the interval ends with it.
    """
    most = 0.5 * chi2.ppf(level, 1)
    inside, root, ends = np.flatnonzero(rise <= most), np.sqrt(rise), []
    for last, beyond in ((inside[0], inside[0] - 1), (inside[-1], inside[-1] + 1)):
        end = x[last]
        if 0 <= beyond < len(x):  # near a minimum the root is straight
            end += (np.sqrt(most) - root[last]) / (root[beyond] - root[last]) * (x[beyond] - end)
        ends.append(float(end))
    return ends[0], ends[1]


def first_order_profiles(z: np.ndarray, replicates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parabolas as wide as the replicates: a loss whose features count one by one would overstate the information."""
    steps = np.linspace(-_FARTHEST, _FARTHEST, GRID)
    grid = z[:, None] + replicates.std(axis=0)[:, None] * steps
    return grid, np.broadcast_to(0.5 * steps**2, grid.shape)


def linear(
    goal: Goal, z: np.ndarray, jacobian: np.ndarray, *, interrupted: bool, failure: str = ""
) -> Valley:
    """A point and its replicates to first order, for a search that was stopped or could not be simulated.

    The Jacobian is that of the residuals there, the prior's last.
    """
    features, centres = goal.resampled()
    shifts = [features - goal.measured, (centres - goal.centre) / goal.prior]
    pulls = jacobian.T @ np.concatenate(shifts, axis=1).T
    # A step of Gauss and Newton from the point to the optimum of each resampled goal.
    drawn = z + np.linalg.solve(jacobian.T @ jacobian, pulls).T
    grid, rise = first_order_profiles(z, drawn)
    return Valley(
        z=z,
        replicates=drawn,
        grid=grid,
        rise=rise,
        rounds=0,
        settled=False,
        interrupted=interrupted,
        failure=failure,
    )
