"""Search for the quantity of the bench that a fit of sweeps left out, and that would lower its loss decisively."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs, with_values
from memjax.core.params import coordinates

from ..constants import FREE_BENCH
from ..optimize.levenberg_marquardt import PROXIMAL, Progress, levenberg_marquardt
from ..parameters import to_parameter_units
from ..problem import TOGETHER
from ..residuals import MAD
from .basins import AGREED
from .group import without_charging
from .instrument import PART, BenchQuantities, DeviceOnBench, Evidence, device_of, quantity_names
from .learned import with_further
from .noise_estimate import correlation_of_neighbours, without_explosions
from .problem import Problem
from .result import FitResult
from .suggestion import Suggestion
from .summary import CLEAR

DECISIVE = 10.0
"""Difference of the Bayesian information criterion from which on a quantity is suggested: very strong evidence [1]_.

References
----------
.. [1] R. E. Kass, A. E. Raftery, J. Am. Stat. Assoc. 90, 773 (1995), doi:10.1080/01621459.1995.10476572
"""

SHOWN = 6.0
"""The same of a quantity that the data show: strong evidence, by the same source."""

_SHARE = 0.9
"""Share of the squared residuals that a suggestion leaves at the most: less is no matter of the verdict."""

_PROMISING = 0.97
"""Share that a quantity has to promise to first order to be tried."""

_FACTORS = (1.0, 0.3, 3.0)
"""Starts of a quantity over what the derivatives predict."""

_OUTLIER = 3.0
"""Typical residuals beyond which one counts as no more than that."""

_ITERATIONS = 25


class _Score(NamedTuple):
    """What one quantity promises to first order: share of the squares that is left, its step, moves of the others."""

    share: float
    name: str
    step: float
    others: Float[np.ndarray, " free"]


class _Refit(NamedTuple):
    """A search with one quantity free: residuals of the data, the correlation of neighbours, the point."""

    data: Float[np.ndarray, " data"]
    correlation: float
    z: Float[np.ndarray, " free"]


class Outcome(NamedTuple):
    """What came out of a search for quantities of the bench.

    Parameters
    ----------
    suggestion : Suggestion or None
        The quantity that would lower the loss most, where that is decisive.
    lower : Float[np.ndarray, "free"] or None
        A lower optimum of the fit as it is, which was met on the way: the search for quantities has to begin there.
    """

    suggestion: Suggestion | None = None
    lower: Float[np.ndarray, " free"] | None = None


def suggest(result: FitResult, *, tick: Callable[[Progress], None] | None = None) -> Outcome:
    r"""The quantity of the bench that would lower the loss of a fit most, where that is decisive.

    Parameters
    ----------
    result : FitResult
        A fit of a device; it is not changed.
    tick : callable, optional
        Called with the progress of the search with a quantity free after each iteration.

    Returns
    -------
    Outcome
        Of nothing where residuals are as independent as noise is, of a circuit, and where no quantity is decisive.

    Notes
    -----
    The derivatives of the residuals by each quantity that is not free, at none of it, say to first order what freeing
    it would gain (a score test). Those that promise something are tried: the search goes on with one of them free. The
    likelihood is that of residuals of unknown variance, correlated along the sweep as those of a first-order process.
    With S their sum of squares, of each no more than three typical ones, and with n (1 - rho) / (1 + rho) independent
    ones of the search with the quantity,

    .. math::

        \Delta BIC = n_{eff} \ln(S_0 / S_1) - \ln n_{eff}.

    A fit may stand in an optimum that is not the lowest, which a search with one more quantity leaves: where a quantity
    seems decisive, the search without it goes on from there, and its end is what the quantity is compared with.
    """
    problem = result.problem
    if isinstance(device_of(problem.device), mj.Circuit):
        return Outcome()
    evidence = Evidence.of(result.measurements, result.waves, float(problem.group.floor))
    if not (evidence.shows_some or _is_systematic(result)):
        return Outcome()
    best = Outcome()
    for names in _groups(problem, evidence):
        extended = Extended(result, names, evidence)
        for score in extended.scores():
            outcome = extended.of_one(score.name).outcome(score, tick)
            if outcome.lower is not None:
                return outcome
            best = min(best, outcome, key=lambda x: x.suggestion.loss if x.suggestion else np.inf)
    return best


def _is_systematic(result: FitResult) -> bool:
    """Whether residuals of neighbouring points are surely correlated, or all but none, as those of noise are not."""
    problem = result.problem
    return bool(_correlation(problem.of_data(result.z), np.shape(problem.group.weight)) > 0)


def _correlation(data: Float[np.ndarray, " data"], shape: tuple[int, ...]) -> float:
    """Correlation of neighbouring residuals of rows, of which single large ones do not decide."""
    rows = data[: int(np.prod(shape))].reshape(1, *shape)
    farthest = _OUTLIER * _typical(rows)
    return float(correlation_of_neighbours(np.clip(rows, -farthest, farthest))[0])


def _typical(data: Float[np.ndarray, "..."]) -> float:
    """Robust standard deviation of residuals that count."""
    counted = np.abs(data[data != 0])
    return MAD * float(np.median(counted)) if counted.size else 0.0


def _groups(problem: Problem, evidence: Evidence) -> list[tuple[str, ...]]:
    """Quantities that are not free, by whether they change the states of the equations."""
    free, bench = quantity_names(problem.free), problem.bench
    driven = problem.group.stimuli.quantity
    plain = [n for n in FREE_BENCH.values() if n != "parallel_capacitance" and n not in free]
    if driven == "current":
        plain = [n for n in plain if n != "offset_current"]
    # A stated value is known.
    groups = [tuple(n for n in plain if getattr(bench, n) is None)]
    charged = evidence.has_rates or evidence.shows("parallel_capacitance")
    if bench.parallel_capacitance is None and "parallel_capacitance" not in free and charged:
        groups.append(("parallel_capacitance",))
    return [g for g in groups if g]


class Extended:
    """The problem of a fit with further quantities of the bench, at values that act on nothing.

    Parameters
    ----------
    result : FitResult
        The fit.
    names : tuple of str
        Fields of the bench.
    evidence : Evidence
        What the data show of them.
    """

    def __init__(self, result: FitResult, names: tuple[str, ...], evidence: Evidence):
        self.result, self.names, self.evidence = result, names, evidence
        problem = result.problem
        self.count = len(problem.free)
        model = problem.device
        quantities = model.quantities if isinstance(model, DeviceOnBench) else BenchQuantities()
        absent = {n: jnp.asarray(evidence.absent(n), float) for n in names}
        device = DeviceOnBench(device_of(model), with_values(quantities, absent))
        free = tuple(f"{PART}.{n}" for n in names)
        self.absent = np.asarray(coordinates(device, free))
        if "parallel_capacitance" in names:
            problem = replace(problem, group=without_charging(problem.group))
        self.problem = replace(
            problem,
            device=device,
            free=(*problem.free, *free),
            center=jnp.concatenate([jnp.asarray(problem.center), jnp.asarray(self.absent)]),
            prior_root=with_further(problem.prior_root, len(free)),
        )
        self.solved = self.problem.for_many_calls()

    def of_one(self, name: str) -> "Extended":
        """The same with one quantity, where the others would make each step dear: a resistance in series of a current
        that is no product is found by iteration, within which a current that is a root itself is found by another.
        """
        is_ohmic = isinstance(device_of(self.problem.device), mj.AbstractOhmicDevice)
        if is_ohmic or name == "series_resistance" or "series_resistance" not in self.names:
            return self
        return Extended(self.result, (name,), self.evidence)

    def evaluate(self, z: np.ndarray, k: int | None = None):
        """Residuals, Jacobian and success with the k-th quantity free, or all; the prior of none of them counts."""
        count, full = self.count, z
        if k is not None:
            full = np.concatenate([z[:, :count], np.tile(self.absent, (len(z), 1))], axis=1)
            full[:, count + k] = z[:, count]
        r, jacobian, ok = self.solved.linearise(full)
        r, jacobian = r[:, : -len(self.names)], jacobian[:, : -len(self.names)]
        jacobian = without_explosions(jacobian)
        if k is not None:
            jacobian = jacobian[:, :, [*range(count), count + k]]
        return r, jacobian, ok

    def scores(self) -> list[_Score]:
        """Quantities that promise something to first order, the best first."""
        z = np.concatenate([self.result.z, self.absent])
        r, jacobian, ok = (x[0] for x in self.evaluate(np.repeat(z[None], 8, axis=0)))
        if not ok:
            return []
        basis, upper = np.linalg.qr(jacobian[:, : self.count])
        scores = []
        for k, name in enumerate(self.names):
            column = jacobian[:, self.count + k]
            part = column - basis @ (basis.T @ column)
            size = float(part @ part)
            # `part` is what no other parameter can make: the best step along it, and the share of squares it leaves.
            step = -float(part @ r) / max(size, 1e-300)
            share = 1 - step**2 * size / max(float(r @ r), 1e-300)
            # A coordinate is the logarithm of a resistance: less of a shunt is more of a leakage.
            wanted = {"parallel_resistance": step < 0}.get(
                name, name.startswith("offset") or step > 0
            )
            # Near a zero of the current its logarithm is straight for the smallest of offsets only.
            shown = self.evidence.shows(name)
            if shown or (wanted and share < _PROMISING):
                others = np.linalg.solve(upper, -basis.T @ (r + column * step))
                scores.append(_Score(share, name, step, others))
        return sorted(scores)

    def _starts(self, score: _Score) -> Float[np.ndarray, "8 free"]:
        """Points at which a search begins: the optimum, where the derivatives lead from there, and the first guess."""
        name, k = score.name, self.names.index(score.name)
        if name.startswith("offset"):
            values = [f * self.evidence.start(name) for f in (0.5, 2.0)]
            values += [self.absent[k] + score.step, self.evidence.start(name)]
        elif self.evidence.shows(name):
            starts = np.array([0.5, 2.0, 1.2, 1.0]) * self.evidence.start(name)
            values = [float(coordinates(BenchQuantities(**{name: x}), [name])[0]) for x in starts]
        else:
            # The derivative by the logarithm at a value is the one by the quantity, times that value.
            sizes = [np.log(max(f * abs(score.step), 1.0)) for f in _FACTORS]
            sign = -1.0 if name == "parallel_resistance" else 1.0
            values = [self.absent[k] + sign * x for x in sizes]
            start = np.asarray(self.evidence.start(name))
            values.append(float(coordinates(BenchQuantities(**{name: start}), [name])[0]))
        best, guess = self.result.z, np.asarray(self.result.problem.center)
        predicted = best + np.clip(score.others, -1.0, 1.0)
        bases = (best, best, best, best, predicted, predicted, guess, guess)
        values += [values[0], values[-1]] * 2
        return np.array([np.append(z, x) for z, x in zip(bases, values, strict=True)])

    def _refit(self, score: _Score, tick: Callable[[Progress], None] | None) -> _Refit | None:
        """The search that goes on with a quantity free; None where it leads nowhere."""
        k = self.names.index(score.name)
        done = levenberg_marquardt(
            lambda z: self.evaluate(z, k), self._starts(score), iterations=_ITERATIONS, tick=tick
        )
        if not np.isfinite(done.cost).any():
            return None
        data = done.residuals[done.best][: -self.count]
        correlation = _correlation(data, np.shape(self.problem.group.weight))
        return _Refit(data, correlation, done.z[done.best])

    def _without(
        self, refit: _Refit, tick: Callable[[Progress], None] | None
    ) -> tuple[Float[np.ndarray, " free"], float]:
        """Where the search without the quantity ends that begins between the fit and where the one with it ended."""
        begin, end = self.result.z, refit.z[: self.count]
        starts = begin + np.linspace(1.0, 0.0, TOGETHER)[:, None] * (end - begin)
        evaluate: Any = self.result.problem.linearise
        done = levenberg_marquardt(
            evaluate, starts, iterations=_ITERATIONS, proximal=PROXIMAL, tick=tick
        )
        return done.z[done.best], float(done.cost[done.best])

    def outcome(self, score: _Score, tick: Callable[[Progress], None] | None = None) -> Outcome:
        """The quantity as a suggestion, where it is decisive; or the lower optimum without it."""
        refit = self._refit(score, tick)
        fit = replace(self.result.problem, group=self.problem.group)
        data = fit.of_data(self.result.z)
        shown = self.evidence.shows(score.name)
        if refit is None or not self._is_decisive(data, refit, shown=shown):
            return Outcome()
        z, loss = self._without(refit, tick)
        if loss < (1 - AGREED) * self.result.loss:
            return Outcome(lower=z)
        data = fit.of_data(z)
        if not self._is_decisive(data, refit, shown=shown):
            return Outcome()
        return Outcome(self._suggestion(score, data, refit))

    def _is_decisive(self, data: Float[np.ndarray, " data"], refit: _Refit, *, shown: bool) -> bool:
        """Whether residuals with a quantity are so much less than those without that it is suggested.

        Of what the data show without any model, such as a current at 0 V, less is asked.
        """
        before, after, gain = self._compare(data, refit)
        # Any of the others might be suggested: each has its share of the prior odds.
        decisive = SHOWN if shown else DECISIVE + 2 * np.log(len(FREE_BENCH))
        return after <= _SHARE * before and gain >= decisive

    def _suggestion(
        self, score: _Score, data: Float[np.ndarray, " data"], refit: _Refit
    ) -> Suggestion:
        """The quantity as a suggestion; `data` are residuals without it."""
        name = f"{PART}.{score.name}"
        model: Any = self.problem.device
        (value,) = to_parameter_units(model, [name], refit.z[-1:])[name]
        return Suggestion(
            quantity=next(w for w, n in FREE_BENCH.items() if n == score.name),
            value=value,
            unit=parameter_specs(model)[name].unit,
            loss=0.5 * float(refit.data @ refit.data),
            loss_without=0.5 * float(data @ data),
            bic_difference=self._compare(data, refit)[2],
            moves=self._moves(refit),
        )

    def _compare(
        self, data: Float[np.ndarray, " data"], refit: _Refit
    ) -> tuple[float, float, float]:
        """Squares of residuals without and with a quantity, and the difference of the information criterion."""
        group = self.problem.group
        # The logarithm of a response within the floor is none of a normal number.
        clear = np.asarray(group.target) > np.log10(CLEAR * float(group.floor))
        counts = np.append(clear.ravel(), np.ones(np.size(group.event_weight), bool)) & (data != 0)
        # Residuals of noise go no farther: a single point must not decide.
        farthest = _OUTLIER * _typical(refit.data)
        both = (np.clip(x[counts], -farthest, farthest) for x in (data, refit.data))
        before, after = (float(x @ x) for x in both)
        # As many independent points have a mean that is known as well as that of a first-order process.
        count = np.count_nonzero(counts) * (1 - refit.correlation) / (1 + refit.correlation)
        # Schwarz's criterion: of one parameter more it takes off the logarithm of the number of points.
        gain = count * np.log(max(before, 1e-300) / max(after, 1e-300)) - np.log(max(count, 1.0))
        return before, after, float(gain)

    def _moves(self, refit: _Refit) -> dict[str, tuple[float, float]]:
        """Parameters of the device that move by more than a twentieth, those that move most first."""
        free = self.result.problem.free
        model: Any = self.result.problem.device
        ends = to_parameter_units(model, free, self.result.z, refit.z[: self.count])
        sizes = {n: abs(np.log(abs(b / a))) if a and b else 0.0 for n, (a, b) in ends.items()}
        known = set(self.result.undetermined)
        order = sorted(sizes, key=lambda n: -sizes[n])
        return {n: (ends[n][0], ends[n][1]) for n in order if sizes[n] > 0.05 and n not in known}
