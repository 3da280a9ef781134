r"""Parameters of a noisy circuit from spike times alone, by the method of simulated moments [1]_ [2]_.

Notes
-----
With the summaries S of the trains and :math:`d = S_{measured} - S_{simulated}(\theta)` the method minimises
:math:`d^TWd` by Gauss-Newton steps, where :math:`W^{-1} = C\,(1/n + 1/m)`, C is the covariance of one train's share
(jackknife over the m simulated trains, at the current point) and n the number of measured ones. The covariance of the
logarithms of the parameters is :math:`(J^TWJ)^{-1}`, which holds the factor :math:`1 + n/m` for the noise of the
simulation.

A threshold makes spike counts piecewise constant in the parameters, and derivatives along paths say nothing
of spikes that come or go. J is therefore of central differences over a finite step with the same noise on both
sides; its bias is of second order in the step. Noise that the sides do not share remains, and a
noisy Jacobian overstates the information: the mean of that (jackknife over members) is taken off
:math:`J^TWJ`, and three times that before a
parameter counts as determined. One without influence is thus named, and not given a small error.

References
----------
.. [1] D. McFadden, Econometrica 57, 995 (1989), doi:10.2307/1913621
.. [2] C. Gourieroux, A. Monfort, Simulation-Based Econometric Methods (1996), doi:10.1093/0198774753.001.0001
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

import memjax as mj
from memjax.errors import FitError
from memjax.observables import SpikeTrain
from memjax.runtime.arguments import as_seed
from memjax.runtime.deprecated import forward_attributes
from memjax.simulate.policy import require_x64

from ..inference.identifiability import log_slopes
from ..optimize.levenberg_marquardt import Progress
from ..result import AbstractFit
from ..solve import AbstractFitProblem, Tick
from ..verdict import Verdict
from .moments import SUMMARIES, MomentResiduals, SimulatedMoments, jacobian_noise_bias, left_out
from .problem import begun_circuit, lifted_inverse, start_of, unsettled
from .report import spike_figure, summary_figure
from .trains import FreshTrains
from .verdict import judge_summaries, judge_trains

_LONGEST = 0.5  # longest move of a parameter in one iteration on spikes [natural log units]
_MANY = 16  # measured trains whose scatter tells enough to begin with
# Probability below which summaries do not agree, and from how many starts a search is begun at most.
_DISAGREE, _SEARCHED = 0.01, 3
# How many times the bias of a noisy Jacobian is taken off before a parameter counts as determined.
_BIAS_MARGIN = 3.0


_UNSETTLED = (
    "its standard deviation exceeds half its value, or the noise of the derivatives hides it"
)


@forward_attributes(
    {
        **dict.fromkeys(("estimate", "fit"), ""),
        "circuit": "device",
        "trains": "fresh.measured",
        "comparison": "fresh.comparison",
        "steps": "fresh.steps",
        "iterations": "search.iterations",
        "simulations": "search.evaluations",
    }
)
@dataclass(frozen=True, kw_only=True, repr=False)
class SpikeFit(AbstractFit):
    """A circuit fitted to spike trains by simulated moments, see `MomentProblem` and `SpikeProblem`.

    Parameters
    ----------
    device, problem, z, loss, search, covariance, seed, warnings, profiles, sample
        See `AbstractFit`; the loss is half of chi squared. Directions in which the data say next to nothing are cut off
        at a factor of 150.
    summaries : tuple of str
        Names of what was compared.
    measured, simulated, sigma : Float[np.ndarray, "summaries"]
        Summaries of both, and the standard deviation of their difference.
    predicted_reduction, converged : float, bool
        Fall of chi2 that one more full step promises; whether it is below 1.
    unsettled : tuple of str
        Parameters that the trains leave open, see `fitting.circuits.problem.unsettled`.
    fresh : FreshTrains, optional
        Trains of the fit in adaptive steps beside the measured ones, of a `SpikeProblem`.
    """

    device: mj.Circuit
    problem: MomentResiduals
    covariance: Float[np.ndarray, "free free"]
    summaries: tuple[str, ...]
    measured: Float[np.ndarray, " summaries"]
    simulated: Float[np.ndarray, " summaries"]
    sigma: Float[np.ndarray, " summaries"]
    predicted_reduction: float
    converged: bool
    unsettled: tuple[str, ...] = ()
    fresh: FreshTrains | None = None
    warnings: tuple[str, ...] = ()
    kind: ClassVar[str] = "spike times"

    @property
    def chi2(self) -> float:
        """Squared difference of the summaries, weighted by the inverse of its covariance."""
        return 2 * self.loss

    @property
    def chi2_freedom(self) -> int:
        """Summaries less free parameters."""
        return len(self.summaries) - len(self.free)

    @property
    def probability(self) -> float | None:
        """Of a chi squared at least as large, where the model is right; None without a degree of freedom."""
        free = self.chi2_freedom
        return float(chi2.sf(self.chi2, free)) if free > 0 else None

    @property
    def reasons(self) -> dict[str, str]:
        """Why each parameter that is not determined is not."""
        return dict.fromkeys(self.unsettled, _UNSETTLED)

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What the fresh trains are worth as a description of the measured ones, or the summaries without such."""
        fresh = self.fresh
        if fresh is None:
            return judge_summaries(self.summaries, self.measured, self.simulated, self.sigma)
        window = self.problem.simulated.window
        return judge_trains(self.summaries, fresh.measured, fresh.simulated, window)

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: measured and fresh trains, or how far summaries are apart."""
        fresh = self.fresh
        if fresh is None:
            return summary_figure(self.summaries, self.measured, self.simulated, self.sigma)
        window = self.problem.simulated.window
        return spike_figure(fresh.measured, fresh.simulated, window, fresh.comparison)


@dataclass(frozen=True)
class MomentProblem(AbstractFitProblem):
    """The same compared by simulated moments alone, under steps that are given: what `SpikeProblem` searches by.

    All parameter sets run in one program. Fewer summaries than parameters are allowed: what is left open is named.

    Parameters
    ----------
    data, device, free, fix, start, stimulus, signal, level, rearm, env
        See `SpikeProblem`.
    members : int
        Simulated trains per parameter set, several times the measured ones.
    policy : Fixed or Stiff
        Solver; ``mj.Fixed(dt, method=memjax.solver.SemiImplicitEuler())`` is fastest.
    save : float
        Time between rows in which spikes are looked for [s].
    sign : int
        As `memjax.observables.detect` has it.
    window : tuple of float, optional
        Time that counts [s]; that of the stimulus by default.
    summaries : sequence of str
        Logarithm of the rate; mean, and logarithm of the standard deviation, of the logarithms of all intervals; the
        same of the latencies (the window, for a train without a spike).
    step, iterations : float, int
        Half the distance of differences [natural log units]; most Gauss-Newton steps.
    starts, spread : int, float
        Starts that are screened, the first being the circuit itself, the others scattered about it with this
        standard deviation [natural log units]. The search goes on from the one whose summaries are nearest;
        from the next ones, three in all, while it ends in summaries that do not agree (p < 0.01).

    Raises
    ------
    DataError, ModelError, BoundsError
        When it is solved: for trains, a signal, a parameter or a window that make no problem.
    FitError
        When it is solved: if a solve fails, or simulated trains have too few spikes to compare.
    """

    data: Sequence[SpikeTrain | Float[np.ndarray, " _"]]
    _: dataclasses.KW_ONLY
    stimulus: mj.AbstractStimulus
    signal: str
    level: float
    members: int
    policy: mj.Fixed | mj.Stiff
    save: float
    rearm: float | None = None
    sign: int = 1
    window: tuple[float, float] | None = None
    summaries: Sequence[str] = SUMMARIES
    step: float = 0.2
    iterations: int = 8
    starts: int = 1
    spread: float = 0.3
    env: mj.Environment | None = None

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> SpikeFit:
        """See `fitting.solve`; the seed is that of the noise of the simulated trains."""
        seed = as_seed(seed, where="MomentProblem", lowest=0)
        require_x64()
        stimulus = self.stimulus
        circuit, free, z = start_of(begun_circuit(self), self.free or ())
        window = self.window or (0.0, float(stimulus.duration))
        how = (self.signal, self.level, self.rearm, self.sign, window, tuple(self.summaries))
        solved = self.members, seed, self.policy, self.save, self.env
        bench = SimulatedMoments(circuit, stimulus, free, *how, *solved)
        bench.check(self.step)
        data, fits = bench.measured(self.data), []
        begins = _screened(bench, z, data[0], self.starts, self.spread)
        for k, begin in enumerate(begins, 1):
            shown = Progress(begin[None], np.full(1, np.inf), problem=bench)
            shown.later = self.iterations * (len(begins) - k)
            tick = None if progress is None else partial(progress, "simulated moments")
            show = None if tick is None else partial(_told, shown, tick, self.iterations)
            fits.append(_descend(bench, begin, data, self.step, self.iterations, show))
            if chi2.sf(fits[-1].chi2, max(fits[-1].chi2_freedom, 1)) >= _DISAGREE:
                break
        return min(fits, key=lambda f: f.chi2)


def _told(
    shown: Progress, tick: Callable[[Progress], None], most: int, z: np.ndarray, chi2: float
) -> None:
    """Tell where a search stands."""
    shown.z, shown.cost = z[None], np.array([chi2 / 2])
    shown.counted(1, 0)
    shown.left = max(most - shown.iterations, 0) + shown.later
    tick(shown)


def _screened(
    bench: SimulatedMoments, z: np.ndarray, target: np.ndarray, starts: int, spread: float
) -> list:
    """The starts whose summaries are nearest to the measured ones; the given one where it is the only one."""
    if starts < 2:
        return [z]
    noise = np.random.default_rng(bench.seed).normal(size=(starts, len(z)))
    noise[0] = 0.0
    ranked = []
    for one in z + spread * noise / np.abs(log_slopes(bench.circuit, bench.free, z)):
        features = bench.features(one)
        if features is not None:
            difference = target - bench.summaries(features.mean(axis=0))
            ranked.append((float(difference @ difference), one))
    ranked.sort(key=lambda pair: pair[0])
    return [one for _, one in ranked[:_SEARCHED]] or [z]


def _descend(
    bench: SimulatedMoments, z: np.ndarray, data: tuple[np.ndarray, np.ndarray], step: float, iterations: int,
    show: Callable[[np.ndarray, float], None] | None = None,
) -> SpikeFit:  # fmt: skip
    """Gauss-Newton with step control: weighted by the scatter of the data at first, by the model's at last.

    `show` hears of each point and its chi squared.
    """
    features, (target, trains) = bench.features(z), data
    if features is None:
        what = "too few simulated spikes, or a failed solve, at the start"
        raise FitError(what, where="MomentProblem", fix="start from values at which it fires")
    rough = len(trains) >= _MANY and bool(np.isfinite(bench.summaries(left_out(trains))).all())
    weight, sigma = bench.weight(trains if rough else features, len(trains))
    done = 0
    while True:
        difference = target - bench.summaries(features.mean(axis=0))
        if show is not None:
            show(z, float(difference @ weight @ difference))
        jac, noise = bench.jacobian(z, features, step)
        better = None
        for stage in (rough, False):
            if not stage:
                weight, sigma = bench.weight(features, len(trains))
            rough, bias = stage, jacobian_noise_bias(noise, weight)
            gradient, matrix = jac.T @ weight @ difference, jac.T @ weight @ jac
            predicted_reduction = float(gradient @ lifted_inverse(matrix)[0] @ gradient)
            if predicted_reduction > 0.1 * len(z) and done < iterations:
                goal = (difference, weight, target)
                better = _shorter(bench, z, goal, (gradient, matrix, bias))
            if better is not None or not stage:
                break
        if better is None:
            break
        z, features, done = *better, done + 1
    information, slope = matrix - bias, log_slopes(bench.circuit, bench.free, z)
    problem = MomentResiduals.of(bench, target=target, weight=weight, step=step)
    loss = 0.5 * float(difference @ weight @ difference)
    search = Progress(z[None], np.array([loss]), done, len(bench.calls), problem=problem)
    search.converged = np.array([predicted_reduction < 1.0])
    return SpikeFit(
        device=problem.at(jnp.asarray(z)),
        problem=problem,
        z=z,
        loss=loss,
        search=search,
        covariance=lifted_inverse(information)[0] / np.outer(slope, slope),
        summaries=bench.names,
        measured=target,
        simulated=target - difference,
        sigma=sigma,
        predicted_reduction=predicted_reduction,
        converged=predicted_reduction < 1.0,
        unsettled=unsettled(bench.free, information, matrix - _BIAS_MARGIN * bias),
        seed=bench.seed,
    )


def _shorter(bench: SimulatedMoments, z, goal, model) -> tuple[np.ndarray, np.ndarray] | None:
    """The first of ever more damped steps that lowers chi2, and its features; None if none does."""
    (difference, weight, target), (gradient, matrix, bias) = goal, model
    slope, damping = log_slopes(bench.circuit, bench.free, z), 1e-3
    cost = difference @ weight @ difference
    scale = np.diag(np.diag(matrix) + 1e-9)
    for _ in range(5):
        move = np.linalg.solve(matrix + damping * scale + bias, gradient)
        # Differences over a finite step say nothing of a threshold further away.
        move *= min(1.0, _LONGEST / max(float(np.max(np.abs(move))), 1e-300))
        features = bench.features(z + move / slope)
        if features is not None:
            new_difference = target - bench.summaries(features.mean(axis=0))
            if new_difference @ weight @ new_difference < cost:
                return z + move / slope, features
        damping = max(8 * damping, 0.1)
    return None
