"""A device or circuit that meets wanted numbers, with as few parameters moved as suffice."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import pandas
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import constrain, get, known, replace as with_values, unconstrain
from memjax.errors import DataError
from memjax.io.stimulus import stimulus_of
from memjax.runtime.arguments import as_seed
from memjax.simulate import is_noisy
from memjax.simulate.policy import require_x64

from ..fit_json import finite
from ..optimize.levenberg_marquardt import Progress
from ..problem import PRIOR_SIGMA, begun
from ..result import AbstractFit
from ..solve import AbstractFitProblem
from ..stochastic.failures import FAILURES, in_words
from .check import Check, checks_of
from .problem import TargetResiduals
from .protocol import Protocol, TargetSettings, protocols_for
from .report import figure_of, tolerances
from .search import (
    FELT,
    STARTS,
    TRAINS,
    NotShownError,
    Tick,
    Trials,
    checked,
    corrected,
    descend,
    fewest,
    screen,
)
from .target import Target

_SHOWN = 8  # members that are drawn, beside the one without noise


@dataclass(frozen=True, kw_only=True, repr=False)
class TargetFit(AbstractFit):
    """A device or circuit that was designed to meet targets.

    Parameters
    ----------
    device, problem, z, loss, search, interrupted, failure
        See `AbstractFit`.
    covariance : Float[np.ndarray, "free free"]
        Of the coordinates: of those that were needed while the others stay, of each other while those give way.
    needed : tuple of str
        Parameters that were moved; the others stand at the start.
    alone : dict of str to float
        How far each parameter may move alone before a target is missed, to first order [natural log units].
    checks : tuple of Check
        Each target against members with noise that the search has not seen.
    nearest : dict of str to float
        Value of each target nearest to it among all trials, whatever the others were [unit].
    start : dict of str to float
        Values before [unit].
    """

    device: mj.AbstractDevice | mj.Circuit
    problem: TargetResiduals
    covariance: Float[np.ndarray, "free free"]
    needed: tuple[str, ...]
    alone: dict[str, float]
    checks: tuple[Check, ...]
    nearest: dict[str, float]
    start: dict[str, float]
    kind: ClassVar[str] = "targets"
    interrupted: bool = False
    failure: str = ""

    @property
    def reasons(self) -> dict[str, str]:
        """Why each parameter that stayed at its start is not determined."""
        met = "the targets are met with it at its start"
        why = {True: f"{met}, and do not feel it", False: f"{met}; moved alone it would miss them"}
        return {n: why[self.alone[n] > FELT] for n in self.free if n not in self.needed}

    @property
    def missed(self) -> tuple[str, ...]:
        """Targets that the check misses."""
        return tuple(c.target.label for c in self.checks if not c.met)

    @property
    def summary(self) -> tuple[str, ...]:
        """Each target as it was simulated, and how many are met."""
        lines = [f"{c}, {'met' if c.met else 'missed'}" for c in self.checks]
        return (*lines, f"{len(lines) - len(self.missed)} of {len(lines)} targets met")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was needed, and what stayed free, in words."""
        stayed = {True: [], False: []}
        for n in self.reasons:
            stayed[self.alone[n] > FELT].append(n)
        groups = {
            "needed": [f"{n} ({self.values[n] / self.start[n]:.3g} times)" for n in self.needed],
            "stayed at the start, where the targets hold them": stayed[False],
            "free: the targets do not feel them": stayed[True],
        }
        lines = [f"{word}: {', '.join(names)}" for word, names in groups.items() if names]
        return (*lines, *[self.failure] * bool(self.failure))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be reached, and what the check says against the rest, in words."""
        texts = []
        for c in self.checks:
            label, unit = c.target.label, c.target.unit
            if not c.met:
                near = self.nearest.get(label)
                alone = "" if near is None else f"; {near:.4g} {unit} is the nearest of any trial"
                texts.append(f"not reached: {c}{alone}")
            elif c.uncertain:
                text = "the members' scatter leaves it open, more are needed (--draws)"
                texts.append(f"{label}: {text}")
        return tuple(texts)

    def as_json(self) -> dict[str, Any]:
        """Targets, what members with noise show of them, and protocols, for ``fit.json`` and pictures."""
        protocols, places = self.problem.protocols, (p for p, _ in self.problem.places)
        wanted = [
            c.row()
            | {
                "protocol": place,
                "begin_s": protocols[place].begin_of(c.target.name),
                "simulated": finite(c.value),
                "statistic": "mean" if c.target.of_train else "median",
                "scatter": c.scatter,
                "standard_error": c.error,
                "shown": c.shown,
                "members": c.members,
                "met": c.met,
                "nearest": self.nearest.get(c.target.label),
            }
            for c, place in zip(self.checks, places, strict=True)
        ]
        return {"wanted": wanted, "protocols": [p.as_json() for p in protocols]}

    def members(self, *, seed: int = 0) -> pandas.DataFrame:
        """Eight members with noise under each protocol: protocol, member, t_s, v_V, i_A, and what spikes (signal)."""
        parts = []
        for k, protocol in enumerate(self.problem.protocols):
            trace = protocol.simulate(self.device, members=_SHOWN, seed=seed)
            columns = {"v_V": trace.v, "i_A": trace.i}
            if protocol.kind == "train" and protocol.signal in trace.state:
                columns["signal"] = trace.state[protocol.signal]
            for m in range(_SHOWN):
                part = {"protocol": k, "member": m, "t_s": np.asarray(trace.t)}
                part |= {n: np.asarray(x)[m] for n, x in columns.items()}
                parts.append(pandas.DataFrame(part))
        return pandas.concat(parts, ignore_index=True)

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: members under each protocol; without simulated ones each target in its tolerance."""
        return figure_of(self.as_json(), self.members()) if cycles else tolerances(self.as_json())


def _has_coordinate(device: Any, name: str) -> bool:
    """Whether a parameter is none of the noise, and not at a bound."""
    noise = parameter_specs(device)[name].noise
    return not noise and bool(np.isfinite(np.asarray(unconstrain(device, [name]))).all())


def _free(device: Any, free: Sequence[str] | None, fix: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the free parameters: by default all of drift and conduction with a value of their own that is not 0."""
    values = {n: stored(device, n) for n in parameter_specs(device)}
    usual = [n for n, x in values.items() if x is not None and float(x) != 0]
    usual = [n for n in usual if _has_coordinate(device, n)]
    every = dict.fromkeys(known(device, free, where="--free")) if free else usual
    names = tuple(n for n in every if n not in fix)
    bad = [n for n in names if parameter_specs(device)[n].noise]
    bad = bad or [n for n in names if not _has_coordinate(device, n)]
    if bad or not names:
        what = f"{', '.join(bad)}: noise, or a value at a bound" if bad else "no free parameter"
        raise DataError(what, where="--free", allowed=", ".join(usual))
    return names


@dataclass(frozen=True)
class TargetProblem(AbstractFitProblem):
    """Wanted numbers in the place of data: values are sought with which a device or circuit meets them.

    Parameters
    ----------
    data : sequence of Target or str
        What is wanted; in text as ``NAME[@VOLTAGE]=VALUE[:TOLERANCE]``.
    device : AbstractDevice or Circuit
        The start. Strengths of noise stay as they are.
    free : sequence of str, optional
        Parameters that may move; all of the drift and the conduction that are not 0 by default.
    fix, start
        See `AbstractFitProblem`.
    settings : TargetSettings, optional
        Sweep, pulses, drive.
    bench, env : Bench, Environment, optional
        Around a device; temperature.
    dt : float, optional
        Step [s] of a search for spike trains with noise; by default a thousandth of the shortest wanted time, or a
        200th of a pulse of the drive where that is less. The check has adaptive steps.
    members : int
        Most members of the comparison and of the check with noise, see `fitting.targets.search.checked`.

    Raises
    ------
    DataError, ModelError
        When it is solved: for targets or parameters that make no problem.
    FitError
        When it is solved: if no trial shows all observables. It says which was never seen.

    Notes
    -----
    An interrupt ends the search with the best point so far, whose targets are then checked without noise.
    """

    data: Sequence[Target | str]
    _: dataclasses.KW_ONLY
    settings: TargetSettings | None = None
    bench: mj.Bench | None = None
    env: mj.Environment | None = None
    dt: float | None = None
    members: int = 1024

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> TargetFit:
        """See `fitting.solve`; the seed is that of the starts and of the noise."""
        seed = as_seed(seed, where="TargetProblem", lowest=0)
        fix, start = self.fix or {}, self.start
        require_x64()
        wanted = tuple(Target.parse(t) if isinstance(t, str) else t for t in self.data)
        device = with_values(self.device, {**(start or {}), **fix})
        names = _free(device, self.free, fix)
        begun(device, names, start)
        settings = self.settings or TargetSettings()
        if settings.stimulus is not None:
            settings = replace(settings, stimulus=stimulus_of(settings.stimulus, device))
        protocols, places = protocols_for(wanted, settings, bench=self.bench, env=self.env)
        problem = _problem(device, names, wanted, protocols, places, self.dt, seed)
        trials = Trials(problem, progress)
        try:
            return _searched(trials, self.members, seed)
        except (KeyboardInterrupt, *FAILURES) as reason:
            fit = reached(trials, reason)
            if isinstance(reason, NotShownError) and fit is not None:
                reason.fit = fit
            if fit is None or isinstance(reason, NotShownError):
                raise
            return fit


def _searched(trials: Trials, members: int, seed: int) -> TargetFit:
    """The result at the end of all stages."""
    trials.begin("grid")
    starts, felt = screen(trials, np.random.default_rng(seed))
    trials.begin("search")
    result = descend(trials, starts, np.broadcast_to(felt, starts.shape))
    trials.begin("fewest parameters")
    z, mask = fewest(trials, result, felt)
    if is_noisy(trials.problem.device):
        z, mask = corrected(trials, z, mask, felt, result, members)
    trials.begin("check")
    checks = checked(trials.problem, z, members, seed=seed + 2)
    return _fit(trials, z, mask, result, checks)


def reached(trials: Trials, reason: BaseException) -> TargetFit | None:
    """The result at the best point of a search that did not come to its end, if there is one.

    Its targets are checked by what simulated them in the search: no noise, but for trains.
    """
    if not np.isfinite(trials.least) and trials.least > 0:
        return None
    stopped = isinstance(reason, KeyboardInterrupt)
    z, problem = trials.best.z[0], trials.problem
    checks = checks_of(problem.targets, problem.observe(z[None]), noisy=False)
    fit = _fit(trials, z, trials.moved, trials.best, checks)
    failure = "" if stopped else f"the search ended early: {in_words(reason)}"
    return replace(fit, interrupted=stopped, failure=failure)


def _problem(
    device, free, targets, protocols, places, dt: float | None, seed: int
) -> TargetResiduals:
    """What is minimised; spike trains of a circuit with noise are searched with it, in fixed steps."""
    noisy = any(t.of_train for t in targets) and is_noisy(device)
    if noisy:
        steps = mj.Fixed(dt or _step(targets, protocols), method=mj.solver.SemiImplicitEuler())
        policies = [steps if p.kind == "train" else None for p in protocols]
        protocols = tuple(replace(p, policy=x) for p, x in zip(protocols, policies, strict=True))
    return TargetResiduals(
        device=device,
        free=free,
        center=jnp.asarray(unconstrain(device, free)),
        targets=targets,
        protocols=protocols,
        places=tuple(places),
        members=TRAINS if noisy else 1,
        seed=seed,
        points=(1 if noisy else STARTS) * (len(free) + 1),
        offset=(0.0,) * len(targets),
    )


def _step(targets: Sequence[Target], protocols: Sequence[Protocol]) -> float:
    """Step [s] of trains: a part of the shortest wanted time, and of a pulse of the drive however long these are."""
    times = {"s": lambda x: x, "Hz": lambda x: 1 / x}
    wanted = [times[t.unit](t.value) for t in targets if t.unit in times]
    corners = np.asarray(protocols[0].stimulus.breakpoints(), float)
    return float(min([np.percentile(np.diff(corners), 75) / 200, *(1e-3 * x for x in wanted)]))


def _fit(trials: Trials, z, mask, search: Progress, checks: tuple[Check, ...]) -> TargetFit:
    problem = trials.problem
    values = problem.observe(z + problem.moves)
    r = np.concatenate([problem.off(values[:1])[0], (z - trials.center) / PRIOR_SIGMA])
    slopes = problem.slopes(np.log(values))
    needed = tuple(n for n, x in zip(problem.free, mask, strict=True) if x)
    feels = np.max(np.abs(slopes), axis=0)
    # The others stand at the start, to the last digit.
    device = constrain(problem.device, needed, jnp.asarray(z[mask > 0]))
    return TargetFit(
        device=device,
        problem=problem,
        z=z,
        loss=float(0.5 * np.nansum(r**2)),
        search=search,
        covariance=_covariance(slopes, mask > 0),
        needed=needed,
        alone={n: float(1 / max(x, 1e-9)) for n, x in zip(problem.free, feels, strict=True)},
        checks=checks,
        nearest=trials.nearest(),
        start={n: float(get(problem.device, n)) for n in problem.free},
        seed=problem.seed,
    )


def _covariance(slopes: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Of the needed parameters while the others stay; of the others one by one while those give way."""
    jacobian = np.concatenate([slopes, np.eye(len(needed)) / PRIOR_SIGMA])
    whole = np.linalg.inv(jacobian.T @ jacobian)
    covariance = np.diag(np.diag(whole))
    columns = np.flatnonzero(needed)
    if columns.size:
        information = jacobian[:, columns].T @ jacobian[:, columns]
        covariance[np.ix_(columns, columns)] = np.linalg.inv(information)
    return covariance
