"""Calibration of one device to files of several kinds at once."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

import memjax as mj
from memjax.core.fields import model_class, parameter_specs
from memjax.core.params import get
from memjax.errors import DataError, FitError
from memjax.runtime.arguments import as_seed

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from ..parameters import standard_deviations
from ..result import AbstractFit
from ..solve import AbstractFitProblem, Tick
from ..verdict import WORDS, Verdict
from .problem import JointResiduals, data_of, joined, posterior_root

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


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is known after some of the files, and those before them.

    Parameters
    ----------
    label : str
        Names of these files.
    values, std : dict of str to float
        Of the shared parameters [unit].
    loss : float
        Half the sum of squared weighed residuals of these files and of the prior, which is what was known before.
    """

    label: str
    values: dict[str, float]
    std: dict[str, float]
    loss: float


@dataclass(frozen=True, kw_only=True, repr=False)
class JointFit(AbstractFit):
    """A device calibrated to files of several kinds.

    Parameters
    ----------
    device, problem, z, covariance, loss, search
        See `AbstractFit`; parameters that belong to one file are left free in the covariance of the shared ones.
    parts : tuple of Part
        What each file says.
    stages : tuple of Stage
        What was known after each of the fits one after the other; of one fit to all files none.
    seed : int
        Of the fits of single files.
    whole : tuple of Float[np.ndarray, "all"] and Float[np.ndarray, "all all"]
        Coordinates and covariance with those that belong to one file.
    notes : tuple of str
        Decisions that were taken, and contradictions, in words.
    origins : tuple of tuple of Path and of mapping of str to Any
        Measured files of each part and what was asked of them, as ``--config`` takes it, where that is known.
    """

    device: mj.AbstractDevice | mj.Circuit
    problem: JointResiduals
    covariance: Float[np.ndarray, "free free"]
    parts: tuple[Part, ...]
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()
    whole: tuple[np.ndarray, np.ndarray] | None = None
    origins: tuple[tuple[tuple[Path, ...], Mapping[str, Any]], ...] = ()
    kind: ClassVar[str] = "joint fit"

    @property
    def sources(self) -> list[Mapping[str, Any]]:
        return [s for part in self.parts for s in part.fit.sources]

    @property
    def complete(self) -> "JointFit":
        if self.whole is None:
            return self
        return replace(self, z=self.whole[0], covariance=self.whole[1])

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
    def verdict(self) -> Verdict | None:
        """The worst of the verdicts on the files, with the values of all: its reason names the files and theirs.

        None where no file has one.
        """
        known = [(p.label, p.fit.verdict) for p in self.parts if p.fit.verdict is not None]
        if not known:
            return None
        word = max((v.word for _, v in known), key=WORDS.index)
        reasons = [f"{label}: {v.reason}" for label, v in known if v.word == word]
        return Verdict(word=word, reason="; ".join(reasons))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result, in words."""
        return tuple(
            f"{p.label} contradicts the other files: with the values of all, its weighed loss is {p.rise:.3g} higher "
            f"than with its own (p {p.p:.2g})"
            for p in self.parts
            if p.contradicts
        )

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: the picture of each file, with the values of all."""
        from memjax.plot.picture import stack  # here: it needs matplotlib

        return stack({p.label: p.fit.plot(cycles=cycles) for p in self.parts})


@dataclass(frozen=True)
class JointProblem(AbstractFitProblem):
    """Fits of files of several kinds, of which one fit of one device is made.

    Parameters
    ----------
    data : sequence of AbstractFit
        Of each file alone, two at least, all of one model: sweeps, pulses, decays, delays. What is free, fixed and
        begun with is what it is in these.
    device : AbstractDevice or Circuit
        From which they began.
    labels : sequence of str
        Names of the files, by default those of the measured files.
    order : sequence of sequence of int
        Places of the fits whose files are fitted together, one such group after the other; the posterior of one, normal
        in the coordinates, is the prior of the next. By default all at once.

    Raises
    ------
    DataError
        When it is solved: for fewer than two fits, or of several models.
    FitError
        When it is solved: if no start could be solved.

    Notes
    -----
    One likelihood: residuals of each file count by the errors that its own fit states, not by their number. What a
    file contributes to a parameter is its share of the information along the direction in which the others, being
    free, follow it.
    """

    data: Sequence[AbstractFit]
    _: dataclasses.KW_ONLY
    labels: Sequence[str] = ()
    order: Sequence[Sequence[int]] = ()

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> JointFit:
        """See `fitting.solve`; the seed is that of the fits of single files, for the record."""
        seed = as_seed(seed, where="JointProblem", lowest=0)
        fits, order = self.data, self.order
        _check(fits, self.device)
        files = [", ".join(p.name for p in fit.files) for fit in fits]
        labels = list(self.labels) or [n or f"file {k + 1}" for k, n in enumerate(files)]
        problem, starts = joined(self.device, fits)
        groups = [list(g) for g in order] or [list(range(len(fits)))]
        last, search, known, stages = _in_order(problem, starts, groups, labels, progress)
        z, n = search.z[search.best], len(problem.free)
        covariance = _covariance(posterior_root(np.concatenate(known), np.asarray(problem.root)))
        of_files = enumerate(zip(known, fits, labels, strict=True))
        parts = tuple(_part(problem, k, z, covariance, *of_part) for k, of_part in of_files)
        return JointFit(
            device=problem.at(jnp.asarray(z[:n])),
            problem=last,
            z=z[:n],
            covariance=covariance[:n, :n],
            loss=float(search.cost[search.best]),
            search=search,
            parts=parts,
            stages=stages if order else (),
            whole=(z, covariance),
            seed=seed,
            notes=_notes(problem, parts),
        )


def _check(fits: Sequence[AbstractFit], device: mj.AbstractDevice | mj.Circuit) -> None:
    """Refuse fits of which no joint one is made."""
    what, where = "fits with bounds of their own", "a joint fit"
    if len(fits) < 2 or {model_class(f.device) for f in fits} != {model_class(device)}:
        what = f"{len(fits)} fits of {', '.join(sorted({f.model for f in fits}))}"
        raise DataError(what, where=where, allowed="two or more, of the device's model")
    bounds = {n: s.bounds for n, s in parameter_specs(device).items()}
    if any(parameter_specs(f.device)[n].bounds != bounds[n] for f in fits for n in f.free):
        allowed = "those of the device, see memjax.params.with_bounds"
        raise DataError(what, where=where, allowed=allowed)


def _in_order(
    problem: JointResiduals, starts, groups: list[list[int]], labels: Sequence[str], tick
):
    """The last problem, its search, what each part says of all coordinates, and what was known after each group."""
    n, stages = len(problem.free), []
    known: list[np.ndarray] = [np.zeros((0, starts.shape[1]))] * len(labels)
    center, root = np.asarray(problem.center), np.asarray(problem.root)
    for group in groups:
        names = ", ".join(labels[k] for k in group)
        show = None if tick is None else partial(tick, names if len(groups) > 1 else "all files")
        last = problem.after(group, center, root)
        # What the groups before led to takes the place of one of the starts.
        begin = starts if not stages else np.concatenate([center[None], starts[:-1]])
        search = Progress(begin, np.full(len(begin), np.inf), problem=last)
        search = levenberg_marquardt(
            last.linearise, begin, iterations=_ITERATIONS, progress=search, tick=show
        )
        if not np.isfinite(search.cost).any():
            raise FitError("no start could be solved", where=f"a joint fit, {names}")
        center = search.z[search.best]
        for k in group:
            jacobian = data_of(problem.parts[k], center[None, problem.place(k)])[1][0]
            known[k] = np.zeros((len(jacobian), len(center)))
            known[k][:, problem.place(k)] = float(problem.weights[k]) * jacobian
            root = posterior_root(known[k], root)  # to first order the posterior, the next prior
        device = problem.at(jnp.asarray(center[:n]))
        sigma = np.sqrt(np.diag(_covariance(root)))[:n]
        std = standard_deviations(device, problem.free, center[:n], sigma)
        values = {m: float(get(device, m)) for m in problem.free}
        loss = float(search.cost[search.best])
        stages.append(Stage(label=names, values=values, std=std, loss=loss))
    return last, search, known, tuple(stages)


def _covariance(root: Float[np.ndarray, "all all"]) -> Float[np.ndarray, "all all"]:
    """The covariance, of a root of its inverse."""
    back = np.linalg.inv(root)
    return back @ back.T


def _part(problem: JointResiduals, k: int, z, covariance, jacobian, alone, label: str) -> Part:
    at, weight = problem.place(k), float(problem.weights[k])
    pair = (alone.problem, alone.z), (problem.parts[k], z[at])
    residuals = [data_of(p, point[None])[0][0] for p, point in pair]
    cost_alone, together = (0.5 * float(np.sum(r**2)) for r in residuals)
    rise = weight**2 * max(together - cost_alone, 0.0)
    # Along a column of the covariance the other parameters follow the one: there its information is 1 / variance.
    size = np.diag(covariance)
    along = np.sum((jacobian @ covariance) ** 2, axis=0) / size
    # Twice the rise is chi squared, with as many degrees of freedom as the file determines against all others.
    of_prior = np.asarray(problem.root)
    left = of_prior @ np.linalg.inv(posterior_root(jacobian, of_prior))
    determines = float(len(left) - np.sum(left**2))
    return Part(
        label=label,
        alone=alone,
        fit=alone.moved(problem.parts[k], z[at], covariance[np.ix_(at, at)]),
        residuals=len(residuals[1]),
        weight=weight,
        shares={n: float(along[i]) for i, n in enumerate(problem.free)},
        rise=rise,
        determines=determines,
        p=float(chi2.sf(2 * rise, max(determines, 1e-3))),
    )


def _notes(problem: JointResiduals, parts: Sequence[Part]) -> tuple[str, ...]:
    """Which parameters belong to one file alone."""
    return tuple(
        f"{name} of {part.label} is its own: {float(part.fit.values[name]):.4g}"
        for part in parts
        for name in part.fit.problem.free
        if name not in problem.free
    )
