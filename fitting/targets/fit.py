r"""A device or circuit that meets wanted numbers, with as few parameters moved as suffice.

Notes
-----
Observables are compared by their logarithms, in units of the tolerances, under a weak prior about the start (a factor
of 7). Thresholds make the map flat: where nothing switches, no derivative says what to do. The search therefore
begins on a grid, each parameter scaled alone, with random scalings of all, and goes on by Levenberg-Marquardt from the
best of those that show every observable.

Few numbers do not determine many parameters. Of the parameters in the order of their distance from the start, the
smallest set whose own search meets the targets as well is taken; then one parameter after the other is put back to the
start where the others can do without it. What is left is sufficient, and no single one of it can stay: it need not be
the only such set.

Search and noise: devices are searched without noise, whose median it shifts; circuits, whose noise-free trains lock
to the drive or fall silent, with a few members that share their noise between points. Either is then compared with
many members in adaptive steps, and the logarithms of the targets are shifted by the difference until those meet the
targets. The check at the end has noise that none of it has seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.errors import DataError, FitError
from memjax.fields import parameter_specs, stored
from memjax.params import known, replace as with_values, unconstrain
from memjax.policy import require_x64
from memjax.simulate import is_noisy

from ..optimize.levenberg_marquardt import Progress, half_squares, levenberg_marquardt
from ..problem import PRIOR_SIGMA
from ..result import AbstractFit
from .check import Check, check_members, checks_of
from .problem import TargetProblem
from .protocol import Settings, protocols_for
from .target import Target

STARTS, NOISY_STARTS = 8, 4
"""Searches that advance together, without and with noise."""

_MEMBERS = 16
"""Members of a point in a search with noise."""

_SCALES = (-3.0, -1.5, 1.5, 3.0)
"""By how much each parameter is scaled alone [natural log units]."""

_SPREADS = (1.0, 2.0, 4.0)
"""Standard deviations of random scalings [natural log units]: the next where the ones before show nothing."""

_ROUNDS = 6
"""Most corrections for noise."""

_CLOSE = 0.5
"""A search meets a target where it misses it by less than this share of the tolerance."""

_GAIN, _ITERATIONS = 1e-2, 40
"""Share of its cost by which a search has to improve, and its most iterations."""

_ARRIVES = 0.3
"""Share of a shift of the targets that has to arrive in the device with noise, or it is searched with noise."""

_HARDLY = 0.05
"""Move below which a search with noise counts a parameter as not moved [natural log units]."""

_FELT = 1.0
"""Change of a coordinate that leaves all targets within their tolerances where they do not feel a parameter."""

Tick = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, repr=False)
class TargetFit(AbstractFit):
    """A device or circuit that was designed to meet targets.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the values found.
    model : str
        Its name.
    problem : TargetProblem
        What was minimised.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates of the values.
    loss : float
        Half the sum of squared residuals.
    search : Progress
        Iterations, evaluations, cost of each start.
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
    model: str
    problem: TargetProblem
    z: Float[np.ndarray, " free"]
    loss: float
    search: Progress
    covariance: Float[np.ndarray, "free free"]
    needed: tuple[str, ...]
    alone: dict[str, float]
    checks: tuple[Check, ...]
    nearest: dict[str, float]
    start: dict[str, float]
    profiles: tuple[Any, ...] = ()
    sample: Any = None

    def named(self, model: str) -> "TargetFit":
        """The same, of a model of that name."""
        return replace(self, model=model)

    @property
    def reasons(self) -> dict[str, str]:
        """Why each parameter that stayed at its start is not determined."""
        far = {n: self.alone[n] > _FELT for n in self.free}
        feels = "the targets are met with it at its start, and do not feel it"
        stays = "the targets are met with it at its start; moved alone it would miss them"
        return {n: feels if far[n] else stays for n in self.free if n not in self.needed}

    @property
    def missed(self) -> tuple[str, ...]:
        """Targets that the check misses."""
        return tuple(c.label for c in self.checks if not c.met)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was needed, and what stayed free, in words."""
        moved = [f"{n} ({self.values[n] / self.start[n]:.3g} times)" for n in self.needed]
        unfelt = [n for n in self.reasons if self.alone[n] > _FELT]
        kept = [n for n in self.reasons if n not in unfelt]
        return tuple(
            f"{word}: {', '.join(names)}"
            for word, names in (
                ("needed", moved),
                ("stayed at the start, where the targets hold them", kept),
                ("free: the targets do not feel them", unfelt),
            )
            if names
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be reached, and what the check says against the rest, in words."""
        found = []
        for c in self.checks:
            if not c.met:
                near = self.nearest.get(c.label)
                alone = "" if near is None else f"; {near:.4g} {c.unit} is the nearest of any trial"
                found.append(f"not reached: {c}{alone}")
            elif c.uncertain:
                found.append(f"{c.label}: the members' scatter leaves it open, more are needed (--draws)")
        return tuple(found)


@dataclass
class _Trials:
    """A problem, and what any trial showed: a search is asked what it came nearest to."""

    problem: TargetProblem
    shown: np.ndarray = field(default_factory=lambda: np.zeros(0))
    found: list[np.ndarray] = field(default_factory=list)

    def observe(self, z: np.ndarray) -> np.ndarray:
        """See `TargetProblem.observe`; remembered."""
        values = self.problem.observe(z)
        self.found.append(values)
        return values

    def linearise(self, z: np.ndarray, mask: np.ndarray | None = None):
        """See `AbstractProblem`; parameters out of the mask have no derivative, and so do not move."""
        r, jacobian, ok = self.problem.linearise(z)
        self.found.append(np.exp(self._logs(r)))
        return r, jacobian if mask is None else jacobian * mask[:, None], ok

    def _logs(self, r: np.ndarray) -> np.ndarray:
        """Logarithms of the observables out of residuals."""
        targets = self.problem.targets
        share = np.log1p([t.share for t in targets])
        wanted = np.log([t.value for t in targets])
        return r[:, : len(targets)] * share + wanted - np.array(self.problem.offset)

    def nearest(self) -> dict[str, float]:
        """Value of each target that came nearest, with the shift by noise."""
        every = np.concatenate(self.found) * np.exp(np.array(self.problem.offset))
        best = {}
        for t, x in zip(self.problem.targets, every.T, strict=True):
            x = x[np.isfinite(x)]
            if x.size:
                best[t.label] = float(x[np.argmin(np.abs(np.log(x / t.value)))])
        return best


def default_free(device: Any) -> tuple[str, ...]:
    """Parameters of the drift and the conduction that have a value of their own, inside its bounds and not 0."""
    names = []
    for n, spec in parameter_specs(device).items():
        value = stored(device, n)
        if value is None or spec.noise or float(value) == 0:
            continue
        if np.isfinite(np.asarray(unconstrain(device, [n]))).all():
            names.append(n)
    return tuple(names)


def _chosen(device: Any, free: Sequence[str] | None, fix: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the free parameters."""
    names = tuple(dict.fromkeys(known(device, free, where="--free"))) if free else default_free(device)
    names, specs = tuple(n for n in names if n not in fix), parameter_specs(device)
    noise = [n for n in names if specs[n].noise]
    bad = noise or [n for n in names if not np.isfinite(np.asarray(unconstrain(device, [n]))).all()]
    if bad or not names:
        raise DataError(
            f"{', '.join(bad)}: noise, or a value at a bound" if bad else "no free parameter",
            where="--free", allowed=", ".join(default_free(device)),
        )  # fmt: skip
    return names


def fit_targets(
    device: mj.AbstractDevice | mj.Circuit,
    targets: Sequence[Target | str],
    *,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    settings: Settings | None = None,
    bench: mj.Bench | None = None,
    env: mj.Environment | None = None,
    dt: float | None = None,
    members: int = 1024,
    seed: int = 0,
    tick: Tick | None = None,
) -> TargetFit:
    """Find values with which a device or circuit meets wanted numbers.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        The start. Strengths of noise stay as they are.
    targets : sequence of Target or str
        What is wanted; in text as ``NAME[@VOLTAGE]=VALUE[:TOLERANCE]``.
    free : sequence of str, optional
        Parameters that may move; all of the drift and the conduction that are not 0 by default.
    fix : Mapping, optional
        Values to keep [SI].
    settings : Settings, optional
        Sweep, pulses, drive.
    bench, env : Bench, Environment, optional
        Around a device; temperature.
    dt : float, optional
        Step [s] of a search for spike trains with noise; a thousandth of the shortest wanted time by default. The check
        has adaptive steps.
    members : int
        Most members of the comparison and of the check with noise, see `fitting.targets.check.check_members`.
    seed : int
        Of the starts and the noise.
    tick : callable, optional
        Called with what is done.

    Raises
    ------
    DataError, ModelError
        For targets or parameters that make no problem.
    FitError
        If no trial shows all observables: it says which was never seen.
    """
    require_x64()
    say = tick or (lambda _: None)
    wanted = tuple(Target.parse(t) if isinstance(t, str) else t for t in targets)
    device = with_values(device, dict(fix or {}))
    problem = _problem(device, wanted, free, dict(fix or {}), settings or Settings(), bench, env, dt, seed)
    trials = _Trials(problem)
    say("grid")
    starts = _screen(trials, np.random.default_rng(seed))
    say("search")
    search = _search(trials, starts)
    say("fewest parameters")
    z, mask = _fewest(trials, search)
    if is_noisy(device):
        say("noise")
        z, mask = _corrected(trials, z, mask, search, members, say)
    say("check")
    checks = _checked(trials.problem, z, members, seed=seed + 2)
    return _fit(trials, z, mask, search, checks)


def _problem(device, targets, free, fix, settings: Settings, bench, env, dt, seed) -> TargetProblem:
    """What is minimised."""
    names = _chosen(device, free, fix)
    protocols, places = protocols_for(targets, settings, bench=bench, env=env)
    trains = any(t.of_train for t in targets)
    noisy = trains and is_noisy(device)
    if noisy:
        times = [1 / t.value if t.unit == "Hz" else t.value for t in targets if t.unit in ("s", "Hz")]
        short = min(times, default=float(protocols[0].stimulus.duration) / 100)
        steps = mj.Fixed(dt or 1e-3 * short, method=mj.solver.SemiImplicitEuler())
        protocols = tuple(replace(p, policy=steps if p.kind == "train" else None) for p in protocols)
    return TargetProblem(
        device=device,
        free=names,
        center=jnp.asarray(unconstrain(device, names)),
        targets=targets,
        protocols=protocols,
        places=tuple(places),
        members=_MEMBERS if noisy else 1,
        seed=seed,
        points=(NOISY_STARTS if noisy else STARTS) * (len(names) + 1),
        offset=(0.0,) * len(targets),
    )


def _lanes(problem: TargetProblem) -> int:
    """Searches that advance together."""
    return problem.points // (len(problem.free) + 1)


def _screen(trials: _Trials, rng: np.random.Generator) -> Float[np.ndarray, "starts free"]:
    """The best starts of a grid and of random scalings.

    Raises
    ------
    FitError
        Where no trial shows all observables.
    """
    problem, center = trials.problem, np.asarray(trials.problem.center)
    n, keep = len(center), _lanes(trials.problem)
    seen = np.zeros(len(problem.targets), bool)
    for k, spread in enumerate(_SPREADS):
        count = -(-(4 * n + 1) // problem.points) * problem.points
        z = center + spread * rng.normal(size=(count, n))
        if k == 0:
            grid = [np.zeros((1, n)), *(s * np.eye(n) for s in _SCALES)]
            z[: 4 * n + 1] = center + np.concatenate(grid)
        found = trials.observe(z)
        seen |= np.isfinite(found).any(axis=0)
        r = np.concatenate([problem.off(found), (z - center) / PRIOR_SIGMA], axis=1)
        cost = half_squares(r, np.isfinite(r).all(axis=1))
        if np.isfinite(cost).any():
            order = np.argsort(cost, kind="stable")[: min(keep, int(np.isfinite(cost).sum()))]
            return np.resize(z[order], (keep, n))
    never = [t.label for t, s in zip(problem.targets, seen, strict=True) if not s]
    raise FitError(
        f"no trial shows {', '.join(never) or 'all of them at once'}",
        where="targets",
        allowed="observables that the model shows under the protocol",
        fix="begin at other values (--preset, --fix), free other parameters, or drive it further (--sweep-to, --stimulus)",
    )


def _search(trials: _Trials, starts: np.ndarray, masks: np.ndarray | None = None) -> Progress:
    """Levenberg-Marquardt from every start; with masks each start has parameters of its own that move."""
    about: Any = dict(tolerance=_GAIN, iterations=_ITERATIONS)
    if masks is None:
        return levenberg_marquardt(trials.linearise, starts, **about)
    masked = lambda z, which: trials.linearise(z, masks[which])  # noqa: E731
    return levenberg_marquardt(masked, starts, together=False, **about)


def _fewest(trials: _Trials, search: Progress) -> tuple[np.ndarray, np.ndarray]:
    """The best point with few parameters moved, and which these are (1; the others 0)."""
    center, m = np.asarray(trials.problem.center), len(trials.problem.targets)
    full, lanes = search.z[search.best], _lanes(trials.problem)
    allowed = max(1.05 * _data_cost(search.residuals, m)[search.best], 0.5 * m * _CLOSE**2)
    z, mask = full, np.ones(len(center))
    order = np.argsort(-np.abs(full - center), kind="stable")[:lanes]
    masks = np.array([np.isin(np.arange(len(center)), order[: k + 1]) for k in range(lanes)], float)
    while len(masks):
        masks = np.concatenate([masks, np.ones((lanes - len(masks), len(center)))])
        done = _search(trials, np.where(masks > 0, z, center), masks)
        enough = np.flatnonzero(_data_cost(done.residuals, m) <= allowed)
        enough = enough[masks[enough].sum(axis=1) < mask.sum()]
        if not enough.size:
            break
        best = min(enough, key=lambda k: (masks[k].sum(), done.cost[k]))
        z, mask = done.z[best], masks[best]
        moved = np.flatnonzero(mask)
        masks = np.array([mask * (np.arange(len(mask)) != k) for k in moved[:lanes]])
        masks = masks if len(moved) > 1 else masks[:0]
    return z, mask


def _data_cost(residuals: np.ndarray, count: int) -> np.ndarray:
    """Half the sum of squares of the targets alone; infinite where one is not shown."""
    r = residuals[:, :count]
    return half_squares(r, np.isfinite(r).all(axis=1))


def _corrected(trials: _Trials, z: np.ndarray, mask: np.ndarray, search: Progress, members: int, say: Tick):
    """The point, and which parameters were moved, once the targets are shifted by what noise and finer steps change."""
    rng, m = np.random.default_rng(trials.problem.seed), len(trials.problem.targets)
    before: tuple[np.ndarray, np.ndarray] | None = None
    for k in range(_ROUNDS):
        problem = trials.problem
        checks = _checked(problem, z, members, seed=problem.seed + 1)
        say(f"noise, round {k + 1}: " + ", ".join(f"{c.label} {c.value:.4g}" for c in checks))
        off = np.log([c.value / c.target.value for c in checks])
        if not np.isfinite(off).all() or all(c.well_met for c in checks):
            break
        offset, gain = np.array(problem.offset), np.ones(m)
        if before is not None:  # how much of the last shift arrived
            step = offset - before[0]
            gain = (before[1] - off) / np.where(np.abs(step) > 1e-6, step, np.inf)
        missed = np.array([not c.met for c in checks])
        if not problem.noisy and k > 0 and (np.any(missed & (gain < _ARRIVES)) or k > 2):
            say("search with noise")
            z, mask = _with_noise(trials, z)
            before = None
            continue
        before = offset, off
        shift = off / np.where(gain > 0, np.clip(gain, _ARRIVES, 2.0), 1.0)
        trials.problem = replace(problem, offset=tuple((offset + shift).tolist()))
        starts = z + mask * 0.1 * rng.normal(size=(_lanes(problem), len(z)))
        starts[0] = z
        again = _search(trials, starts, np.broadcast_to(mask, starts.shape))
        if _data_cost(again.residuals, m)[again.best] <= 0.5 * m * _CLOSE**2 or problem.noisy:
            z = again.z[again.best]
            continue
        say("search, with other parameters")
        whole = _search(trials, np.concatenate([z[None], search.z[:-1]]))
        if np.isfinite(whole.cost[whole.best]):
            z, mask = _fewest(trials, whole)
            before = None
    return z, mask


def _with_noise(trials: _Trials, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From a point on with noise: where that decides what happens, the device without it leads astray.

    All parameters may move; those that then hardly have are put back, and the others make up for them.
    """
    problem, center = trials.problem, np.asarray(trials.problem.center)
    about: Any = dict(members=_MEMBERS, points=len(z) + 1, offset=(0.0,) * len(problem.targets))
    trials.problem = replace(problem, **about)
    free = _search(trials, z[None])
    mask = (np.abs(free.z[0] - center) > _HARDLY).astype(float)
    again = _search(trials, np.where(mask > 0, free.z, center), mask[None])
    return again.z[0], mask


def _checked(problem: TargetProblem, z: np.ndarray, members: int, *, seed: int) -> tuple[Check, ...]:
    """The targets against members in adaptive steps, at a point; of a model without noise against the one solve."""
    if not is_noisy(problem.device):
        return checks_of(problem.targets, problem.observe(z[None]), noisy=False)
    adaptive = tuple(replace(p, policy=None) for p in problem.protocols)
    device, places = problem.at(jnp.asarray(z)), problem.places
    return check_members(device, problem.targets, adaptive, places, members=members, seed=seed)


def _fit(trials: _Trials, z, mask, search: Progress, checks: tuple[Check, ...]) -> TargetFit:
    """The result at a point."""
    problem, m = trials.problem, len(trials.problem.targets)
    r, jacobian, _ = problem.linearise(np.resize(z, (_lanes(problem), len(z))))
    r, jacobian = np.nan_to_num(r[0]), jacobian[0]
    needed = tuple(n for n, x in zip(problem.free, mask, strict=True) if x)
    feels = np.max(np.abs(jacobian[:m]), axis=0)
    start = np.asarray(problem.center)
    device = problem.at(jnp.asarray(z))
    return TargetFit(
        device=device,
        model=getattr(device, "name", "circuit"),
        problem=problem,
        z=z,
        loss=float(0.5 * np.sum(r**2)),
        search=search,
        covariance=_covariance(jacobian, mask > 0),
        needed=needed,
        alone={n: float(1 / max(x, 1e-9)) for n, x in zip(problem.free, feels, strict=True)},
        checks=checks,
        nearest=trials.nearest(),
        start={n: float(x[0]) for n, x in problem.values(start[None]).items()},
    )


def _covariance(jacobian: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Of the needed parameters while the others stay; of the others one by one while those give way."""
    whole = np.linalg.inv(jacobian.T @ jacobian)
    found = np.diag(np.diag(whole))
    own = np.flatnonzero(needed)
    if own.size:
        found[np.ix_(own, own)] = np.linalg.inv(jacobian[:, own].T @ jacobian[:, own])
    return found


__all__ = ["TargetFit", "default_free", "fit_targets"]
