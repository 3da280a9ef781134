"""Calibration of one device to files of several kinds at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

import memjax as mj
from memjax.errors import DataError, FitError
from memjax.fields import model_class, parameter_specs

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from ..result import AbstractFit
from .problem import PRECISION, JointProblem, data_of, joined

CONTRADICTS = 0.01
"""Probability below which a file is said to contradict the others."""

_ITERATIONS = 60


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a file, or a group of files, says in a joint fit.

    Parameters
    ----------
    label : str
        Its name.
    alone : AbstractFit
        Its own fit.
    fit : AbstractFit
        The same with the values of the joint fit.
    residuals : int
        How many it has.
    weight : float
        Of these.
    shares : dict of str to float
        Its share of what is known of each parameter [1]; those of all files and of the prior add up to 1.
    rise : float
        By how much its weighed loss is above that of its own fit.
    determines : float
        Combinations of the parameters that it determines, the rest being left to the prior.
    p : float
        Probability of so large a rise where it has the parameters of the others.
    """

    label: str
    alone: AbstractFit
    fit: AbstractFit
    residuals: int
    weight: float
    shares: dict[str, float]
    rise: float
    determines: float
    p: float

    @property
    def contradicts(self) -> bool:
        """Whether it contradicts the other files."""
        return self.p < CONTRADICTS


@dataclass(frozen=True, kw_only=True, repr=False)
class JointFit(AbstractFit):
    """A device calibrated to files of several kinds.

    Parameters
    ----------
    device, model, problem, z, covariance, loss, search
        See `AbstractFit`; parameters that belong to one file are left free in the covariance of the shared ones.
    parts : tuple of Part
        What each file says.
    seed : int
        Of the fits of single files.
    notes : tuple of str
        Decisions that were taken, and contradictions, in words.
    """

    device: mj.AbstractDevice | mj.Circuit
    model: str
    problem: JointProblem
    z: Float[np.ndarray, " free"]
    covariance: Float[np.ndarray, "free free"]
    loss: float
    search: Progress
    parts: tuple[Part, ...]
    seed: int = 0
    notes: tuple[str, ...] = ()
    profiles: tuple[Any, ...] = ()
    sample: Any = None

    @property
    def freedom(self) -> float:
        """Degrees of freedom behind the covariance, of the parameter that rests on the fewest.

        Notes
        -----
        Those of a sum whose parts, the shares, are each known from some degrees of freedom [1]_.

        References
        ----------
        .. [1] F. Satterthwaite, Biometrics Bull. 2, 110 (1946), doi:10.2307/3002019
        """
        fewest = max(sum(p.shares[n] ** 2 / p.alone.freedom for p in self.parts) for n in self.free)
        return 1 / fewest if fewest > 0 else float("inf")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result, in words."""
        return tuple(
            f"{p.label} contradicts the other files: with the values of all, its weighed loss is {p.rise:.3g} higher "
            f"than with its own (p {p.p:.2g})"
            for p in self.parts
            if p.contradicts
        )


def fit_jointly(
    fits: Sequence[AbstractFit],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    labels: Sequence[str] = (),
    seed: int = 0,
    tick: Callable[[str, Progress], None] | None = None,
) -> JointFit:
    """Calibrate one device to all files of which there are fits.

    Parameters
    ----------
    fits : sequence of AbstractFit
        Of each file alone, two at least, all of one model: sweeps, pulses, decays, delays.
    device : AbstractDevice or Circuit
        From which they began.
    labels : sequence of str, optional
        Names of the files.
    seed : int
        Of the fits of single files, for the record.
    tick : callable, optional
        Called with the stage and the progress after each iteration.

    Raises
    ------
    DataError
        For fewer than two fits, or of several models.
    FitError
        If no start could be solved.

    Notes
    -----
    One likelihood: residuals of each file count by the errors that its own fit states, not by their number. What a
    file contributes to a parameter is its share of the information along the direction in which the others, being
    free, follow it.
    """
    if len(fits) < 2 or {model_class(f.device) for f in fits} != {model_class(device)}:
        models = ", ".join(sorted({f.model for f in fits}))
        raise DataError(
            f"{len(fits)} fits of {models}",
            where="a joint fit",
            allowed="two or more, of the device's model",
        )
    bounds = {n: s.bounds for n, s in parameter_specs(device).items()}
    if any(parameter_specs(f.device)[n].bounds != bounds[n] for f in fits for n in f.free):
        allowed = "those of the device, see memjax.params.bounded"
        raise DataError("fits with bounds of their own", where="a joint fit", allowed=allowed)
    labels = list(labels) or [f"file {k + 1}" for k in range(len(fits))]
    problem, starts = joined(device, fits)
    show = None if tick is None else lambda p: tick("all files", p)
    search = levenberg_marquardt(problem.linearise, starts, iterations=_ITERATIONS, tick=show)
    if not np.isfinite(search.cost).any():
        raise FitError("no start could be solved", where="a joint fit")
    whole = search.z[search.best]
    ended = [data_of(p, whole[None, problem.place(k)]) for k, p in enumerate(problem.parts)]
    information = [_information(problem, k, j[0], len(whole)) for k, (_, j, _) in enumerate(ended)]
    covariance = np.linalg.inv(sum(information) + PRECISION * np.eye(len(whole)))
    parts = tuple(
        _part(problem, k, whole, covariance, information[k], ended[k][0][0], fits[k], labels[k])
        for k in range(len(fits))
    )
    n = len(problem.free)
    return JointFit(
        device=problem.at(jnp.asarray(whole[:n])),
        model=fits[0].model,
        problem=problem,
        z=whole[:n],
        covariance=covariance[:n, :n],
        loss=float(search.cost[search.best]),
        search=search,
        parts=parts,
        seed=seed,
        notes=_notes(problem, parts),
    )


def _information(problem: JointProblem, k: int, jacobian: np.ndarray, size: int) -> np.ndarray:
    """What a part says of all coordinates, of which there are so many: J'J, weighed."""
    at, found = problem.place(k), np.zeros((size, size))
    found[np.ix_(at, at)] = float(problem.weights[k]) ** 2 * jacobian.T @ jacobian
    return found


def _part(
    problem: JointProblem, k: int, whole, covariance, information, residuals, alone, label: str
) -> Part:
    """What one file says."""
    at, weight = problem.place(k), float(problem.weights[k])
    pair = data_of(alone.problem, alone.z[None])[0][0], residuals
    own, together = (0.5 * float(np.sum(r**2)) for r in pair)
    rise = weight**2 * max(together - own, 0.0)
    # Along a column of the covariance the other parameters follow the one: there its information is 1 / variance.
    size = np.diag(covariance)
    along = np.einsum("ij,ik,kj->j", covariance, information, covariance) / size
    known = np.linalg.solve(information + PRECISION * np.eye(len(whole)), information)
    determines = float(np.trace(known))
    mine = np.ix_(at, at)
    return Part(
        label=label,
        alone=alone,
        fit=alone.moved(problem.parts[k], whole[at], covariance[mine]),
        residuals=len(residuals),
        weight=weight,
        shares={n: float(along[i]) for i, n in enumerate(problem.free)},
        rise=rise,
        determines=determines,
        p=float(chi2.sf(2 * rise, max(determines, 1e-3))),
    )


def _notes(problem: JointProblem, parts: Sequence[Part]) -> tuple[str, ...]:
    """Which parameters belong to one file alone."""
    own = [
        f"{name} of {part.label} is its own: {float(part.fit.values[name]):.4g}"
        for part in parts
        for name in part.fit.problem.free
        if name not in problem.free
    ]
    return tuple(own)
