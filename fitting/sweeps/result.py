"""A fit of sweeps: what was found, how well it is known, and whether it describes the data."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.observables import Thresholds

from ..inference.identifiability import Identifiability, in_logarithms, joined, of_information
from ..optimize.levenberg_marquardt import (
    Progress,
)
from ..residuals import Residuals
from ..result import AbstractFit
from ..stochastic.result import Stochastic
from .covariance import Uncertainty, uncertainty
from .halves import residuals_of
from .prepare import prepare
from .problem import Problem, responses
from .summary import Waveform
from .verdict import Verdict, judge


@dataclass(frozen=True, kw_only=True, repr=False)
class FitResult(AbstractFit):
    """A calibrated device or circuit, and how it came about.

    Parameters
    ----------
    device, model, problem, z, loss, search, interrupted, profiles, sample, stochastic
        See `AbstractFit`.
    waves : list of Waveform
        The data.
    uncertainty : Uncertainty
        Covariance, correlations, what is not determined.
    verdict : Verdict
        Whether the fit describes the data, and why (not).
    read_noise, cycle_spread : dict
        See `fitting.sweeps.variability`.
    seed : int
        Seed of starts and resampling.
    notes : tuple of str
        Decisions that were taken, in words.
    point_time : float or None
        Hold time of a point [s].
    measurements : list of Measurement
        The data as they were read.
    """

    device: mj.AbstractDevice | mj.Circuit
    model: str
    problem: Problem
    waves: list[Waveform]
    z: Float[np.ndarray, " free"]
    loss: float
    uncertainty: Uncertainty
    verdict: Verdict
    read_noise: dict
    cycle_spread: dict
    search: Progress
    seed: int
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    point_time: float | None = None
    measurements: list[mj.Measurement] = field(default_factory=list)
    stochastic: Stochastic | None = None
    profiles: tuple[Any, ...] = ()
    sample: Any = None

    def moved(self, problem: Problem, z, covariance) -> "FitResult":
        """See `AbstractFit`; the spread from cycle to cycle stays."""
        r, jacobian, _ = problem.linearise(z[None])
        about: dict[str, Any] = {
            "z": z,
            "residuals": r[0],
            "jacobian": jacobian[0],
            "seed": self.seed,
        }
        known = uncertainty(problem, self.waves, **about)
        sigma = np.sqrt(np.diag(covariance))
        known = replace(
            known,
            covariance=covariance,
            sigma_z=sigma,
            correlation=covariance / np.outer(sigma, sigma),
            source="all files of a joint fit",
        )
        at = jnp.asarray(z)
        verdict = judge(self.waves, problem.group, r[0], np.asarray(responses(problem, at)))
        about = dict(
            device=problem.at(at), problem=problem, z=z, loss=0.5 * float(np.sum(r[0] ** 2))
        )
        return replace(self, **about, uncertainty=known, verdict=verdict)

    def residuals(self, data: Sequence[mj.Measurement] | None = None) -> Residuals:
        """See `AbstractFit`; `data` are measurements of the same device."""
        problem = self.problem
        if data is None:
            return residuals_of(problem, self.z)
        group, bench = problem.group, problem.bench
        if group.limits is not None:  # those of other sweeps say themselves what limited them
            bench = replace(bench, compliance=None, compliance_negative=None)
        given = float(group.small_sigma) == float(group.model_sigma)
        made = prepare(
            data, problem.device, bench=bench, env=problem.env, point_time=self.point_time,
            free=problem.free, fix=None, model_sigma=float(group.model_sigma) if given else None,
            seed=self.seed, screened=1,
        )  # fmt: skip
        own = replace(made.problem.bench, reversed=problem.bench.reversed)
        return residuals_of(replace(problem, group=made.problem.group, bench=own), self.z)

    @property
    def thresholds(self) -> Thresholds:
        """Currents that mean on and off, in the fit as in tables and pictures."""
        return self.waves[0].thresholds

    @property
    def n_points(self) -> int:
        """Points of all sweeps."""
        return int(sum(w.log_response.size for w in self.waves))

    @property
    def covariance(self) -> Float[np.ndarray, "free free"]:
        """Covariance of the coordinates."""
        return self.uncertainty.covariance

    @property
    def freedom(self) -> float:
        """Degrees of freedom behind the covariance."""
        return self.uncertainty.freedom

    @property
    def largest_voltage(self) -> float:
        """Largest voltage of the data [V]."""
        return max(np.max(w.sizes(float(self.problem.group.floor))[0]) for w in self.waves)

    @property
    def identifiability(self) -> Identifiability:
        """Which combinations of the parameters that are reported the data determine, and which not.

        Those that simulated cycles calibrated are judged by their replicates, the others by the fit of the medians.
        """
        free, random = self.problem.free, self.stochastic
        seen = in_logarithms(self.problem.device, free, self.z, self.uncertainty.fisher)
        if random is None:
            return of_information(free, seen)
        return joined(free, seen, tuple(random.replicates), random.covariance)
