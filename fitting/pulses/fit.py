"""Potentiation and depression: a device calibrated to conductances per pulse, with their randomness."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import memjax as mj
from memjax.core.params import get, known, replace as with_values, unconstrain
from memjax.data import PulseProtocol, PulseRecord
from memjax.errors import DataError
from memjax.runtime.arguments import as_seed
from memjax.runtime.flags import check_flags
from memjax.simulate.policy import require_x64
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

from ..optimize.levenberg_marquardt import Progress
from ..problem import AbstractDifferentiable, begun, free_names, inside, one_by_one
from ..residuals import Residuals, named_far
from ..result import AbstractFit
from ..solve import AbstractFitProblem, Tick
from ..verdict import Verdict
from .initial_guess import Recipe, look_at, recipe_of
from .noise import FEWEST, NoiseFit, estimate_noise
from .report import figure_of
from .verdict import judge_curve

CYCLES = 50
"""Cycles that are simulated for a report or a picture."""

MEMORIES = (np.inf, 3.0, 1.5)
"""Cycles over which earlier cycles lose their weight: what is tried."""

_ACCURATE = 1e-4  # relative change of the curve by twice as many steps per pulse that is let pass

_MOST_SUBSTEPS = 64

_ITERATIONS = 100  # of the search from each start


class PulseResiduals(AbstractDifferentiable):
    """The noise-free cycle of a device under pulses, against a mean one.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`.
    pulsed : Pulsed
        The device under its pulses.
    kinds : Int[Array, "pulses"]
        Number of each pulse's kind.
    target : Float[Array, "points"]
        Logarithm of the mean conductance at each reading.
    sigma : Float[Array, ""]
        Its standard deviation.
    """

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    pulsed: Pulsed
    kinds: Int[Array, " pulses"]
    target: Float[Array, " points"]
    sigma: Float[Array, ""]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))

    def under_pulses(self, z) -> Pulsed:
        """The device at a point, under its pulses."""
        return eqx.tree_at(lambda p: p.device, self.pulsed, self.at(z))

    def data_residuals(self, z):
        g, _ = self.under_pulses(z).curve(self.kinds)
        off = (jnp.log(jnp.maximum(g, 1e-30)) - self.target) / self.sigma
        return off, jnp.all(jnp.isfinite(off))


@dataclass(frozen=True, kw_only=True, repr=False)
class PulseFit(AbstractFit):
    """A device calibrated to conductances per pulse.

    Parameters
    ----------
    model, problem, z, covariance, loss, search
        See `AbstractFit`.
    record : PulseRecord
        The cycles that were fitted.
    pulsed : Pulsed
        The device with the best parameters, under the record's pulses.
    weights : Float[np.ndarray, "cycles"]
        Of the cycles in the mean curve; their sum is 1.
    memory : float
        Cycles over which a cycle loses its weight; infinite where all count alike.
    sigma : float
        Standard deviation of the logarithm of the mean curve at one pulse, from the cycles.
    randomness : NoiseFit or None
        Randomness per pulse and per cycle; None where there are too few cycles.
    held : PulseRecord or None
        Later cycles of the same record that were not fitted, where some are kept for a comparison.
    seed : int
        Seed of what is simulated where no other is named.
    notes : tuple of str
        Decisions that were taken, in words.
    """

    record: PulseRecord
    pulsed: Pulsed
    problem: PulseResiduals
    covariance: Float[np.ndarray, "free free"]
    weights: Float[np.ndarray, " cycles"]
    memory: float
    sigma: float
    randomness: NoiseFit | None
    held: PulseRecord | None = None
    notes: tuple[str, ...] = ()
    kind: ClassVar[str] = "conductance per pulse"

    @property
    def device(self) -> mj.AbstractDevice:
        """The calibrated device."""
        return self.pulsed.device

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [self.record.source]

    def moved(self, problem: PulseResiduals, z, covariance) -> "PulseFit":
        """See `AbstractFit`; the randomness stays."""
        pulsed = problem.under_pulses(jnp.asarray(z))
        fields = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        return replace(self, pulsed=pulsed, **fields)

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What the fit of the mean cycle is worth, and why."""
        mean, simulated = (np.log10(x) for x in (self.weights @ self.record.g, self.curve()))
        kinds = np.asarray(self.record.kinds)
        return judge_curve(mean, simulated, kinds, noise=self.sigma / float(np.log(10)))

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: conductance after each pulse."""
        simulated = self.simulate(CYCLES).g if cycles else np.empty((0, len(self.record.g[0])))
        return figure_of(1e6 * self.curve(), 1e6 * self.record.g, 1e6 * simulated)

    def residuals(self, data: PulseRecord | None = None) -> Residuals:
        """See `AbstractFit`; `data` are other cycles, of which the mean is compared."""
        problem = self.problem
        if data is not None:
            mean = cycle_weights(len(data.g), self.memory) @ data.g
            problem = replace(problem, target=jnp.asarray(np.log(mean)))
        values, sigma = problem.of_data(self.z), np.full(len(problem.target), self.sigma)
        scale: dict[str, Any] = dict(series=np.zeros(len(values), int), unit="of ln G")
        return Residuals(values=values, sigma=sigma, **scale)

    @property
    def freedom(self) -> float:
        """Degrees of freedom behind the covariance: of the cycles' scatter."""
        return max(len(self.record.g) - 1.0, 1.0)

    @property
    def noise(self) -> PulseNoise:
        """What is random; nothing where it was not estimated."""
        return PulseNoise.none() if self.randomness is None else self.randomness.noise

    def curve(self) -> Float[np.ndarray, " points"]:
        """Conductance per pulse without noise [S]: what the next cycle is predicted to be."""
        return np.asarray(_curve(self.pulsed, jnp.asarray(self.record.kinds)))

    def simulate(self, cycles: int, seed: int | None = None, *, member: int = 0) -> PulseRecord:
        """Fresh cycles, each from where the one before ended, with all that is random.

        Parameters
        ----------
        cycles : int
            How many.
        seed, member : int, optional
            Of the noise, which depends on these, the cycle and the pulse only.
        """
        seed = self.seed if seed is None else seed
        source = {"seed": seed, "member": member}
        g = simulate_pulses(self.pulsed, self.noise, self.record.kinds, cycles=cycles, **source)
        source |= {"simulated": self.model}
        g, numbers = np.maximum(g, np.finfo(float).tiny), np.arange(cycles)
        fresh = replace(self.record, g=g, cycles=numbers, source=source, warnings=())
        return replace(fresh, reader="simulated")


@eqx.filter_jit
def _curve(pulsed: Pulsed, kinds: Int[Array, " pulses"]):
    """Conductances of the noise-free cycle."""
    return pulsed.curve(kinds)[0]


def cycle_weights(cycles: int, memory: float) -> Float[np.ndarray, " cycles"]:
    """Weights of cycles that fade with their age over `memory` cycles; their sum is 1."""
    age = np.arange(cycles)[::-1]
    w = np.exp(-age / memory)
    return w / np.sum(w)


def median_error(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Median relative error of a curve [1]."""
    return float(np.median(np.abs(predicted - measured) / measured))


def choose_memory(g: Float[np.ndarray, "cycles points"]) -> float:
    """Memory, of `MEMORIES`, whose weighted means of earlier cycles [S] predict the later ones best.

    Of fewer than four cycles all count alike.
    """
    if len(g) < 4:
        return np.inf
    scores = [
        np.mean([median_error(cycle_weights(k, m) @ g[:k], g[k]) for k in range(2, len(g))])
        for m in MEMORIES
    ]
    return float(MEMORIES[int(np.argmin(scores))])


@dataclass(frozen=True)
class PulseProblem(AbstractFitProblem):
    """Conductances per pulse of one device, from which it and its randomness are calibrated.

    Parameters
    ----------
    data : PulseRecord
        Cycles of one device.
    device, fix, start
        See `AbstractFitProblem`.
    free : sequence of str, optional
        Parameters to fit; by default what `fitting.pulses.initial_guess` names for the model.
    protocol : PulseProtocol, optional
        The pulses, where the record does not hold them.
    env : Environment, optional
        Temperature.
    reversed : bool, optional
        Whether the device sees the opposite polarity; by default if it sets at negative voltage, the pulse not.
    memory : float, optional
        Cycles over which a cycle loses its weight in the mean curve; by default that of `MEMORIES` which predicts best.

    Raises
    ------
    DataError
        When it is solved: without a protocol, for unknown parameters, or noise parameters among the free ones.
    FitError
        When it is solved: if no start could be solved.
    """

    data: PulseRecord
    _: dataclasses.KW_ONLY
    protocol: PulseProtocol | None = None
    env: mj.Environment | None = None
    reversed: bool | None = None
    memory: float | None = None

    def __post_init__(self):
        check_flags({"reversed": self.reversed is not None and self.reversed}, where="PulseProblem")

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> PulseFit:
        """See `fitting.solve`; the seed is that of what is simulated."""
        seed, reversed = as_seed(seed, where="PulseProblem", lowest=0), self.reversed
        require_x64()
        record, fix, notes = self.data, self.fix or {}, list[str]()
        protocol = self.protocol or record.protocol
        if protocol is None:
            what = "pulses that are not known"
            fix = "say their voltages and widths (--pulse-voltages, --pulse-widths)"
            raise DataError(what, where=str(record.source.get("file", "record")), fix=fix)
        record = replace(record, protocol=protocol)
        memory = choose_memory(record.g) if self.memory is None else self.memory
        weights = cycle_weights(len(record.g), memory)
        if np.isfinite(memory):
            notes.append(f"recent cycles predict better: their weight fades over {memory:g} cycles")
        device = with_values(self.device, fix, where="--fix")
        named = None if self.free is None else tuple(known(device, self.free, where="--free"))
        recipe = recipe_of(device, named)
        if reversed is None:
            reversed = recipe.reversed and protocol.voltages[0] > 0
            if reversed:
                notes.append("the model sets at negative voltage: the device is taken as reversed")
        begins = _starts(record, weights, device, recipe, named, fix, self.start or {})
        problem = _problem(record, weights, begins, recipe.ties, fix, self.env, reversed)
        points = [np.asarray(unconstrain(d, problem.free)) for d in begins[1]]
        problem, search = _searched(problem, points, progress)
        if why := _no_randomness(record):
            notes.append(f"{why}: nothing is said about randomness")
        words = {"name": "cycles", "what": "they count in the mean as their weights say"}
        notes += named_far(np.log10(record.g), record.cycles.tolist(), **words)
        return _result(
            problem, search, record, weights, memory=memory, seed=seed, notes=tuple(notes)
        )


def _no_randomness(record: PulseRecord) -> str:
    """Why cycles say nothing about randomness, in words; "" where they do."""
    if len(record.g) < FEWEST:
        return f"fewer than {FEWEST} cycles"
    return "" if np.ptp(record.g, axis=0).any() else "all cycles are alike"


def _result(problem: PulseResiduals, search: Progress, record, weights, **fields: Any) -> PulseFit:
    """The fit at the end of a search, with the randomness about it where there are cycles enough."""
    z = search.z[search.best]
    pulsed, randomness = problem.under_pulses(jnp.asarray(z)), None
    if not _no_randomness(record):
        rates = tuple(n for n in recipe_of(pulsed.device, problem.free).rates if n in problem.free)
        randomness = estimate_noise(pulsed, record.g, record.kinds, rates=rates)
    return PulseFit(
        record=record,
        pulsed=pulsed,
        problem=problem,
        z=z,
        covariance=_covariance(problem, z, record.g, weights),
        loss=float(search.cost[search.best]),
        weights=weights,
        sigma=float(problem.sigma),
        randomness=randomness,
        search=search,
        **fields,
    )


Begins = tuple[tuple[str, ...], list[mj.AbstractDevice]]
"""Names of the free parameters, and a device for each start."""


def _starts(record, weights, device, recipe: Recipe, named, fix, start) -> Begins:
    """What is fitted, and where each search begins; what a recipe does not name, at the device's own value."""
    looks = recipe.starts(device, look_at(weights @ record.g, record.kinds, record.protocol))
    names = free_names(device, named or looks[0], fix)
    defaults = {n: float(get(device, n)) for n in names}
    values = [defaults | {n: x[n] for n in names if n in x} for x in looks]
    return names, [begun(with_values(device, inside(device, x)), names, start) for x in values]


def _problem(record, weights, begins: Begins, ties, fix, env, reversed: bool) -> PulseResiduals:
    """What is searched: the mean curve, within the scatter of the cycles about it."""
    names, devices = begins
    spread = np.std(np.log(record.g), axis=0, ddof=1) if len(record.g) > 1 else np.array([0.01])
    # A mean with weights w has the variance of one cycle times the sum of w^2.
    sigma = float(np.median(spread) * np.sqrt(np.sum(weights**2))) or 1e-3
    return PulseResiduals(
        device=devices[0],
        free=names,
        center=unconstrain(devices[0], names),
        pulsed=Pulsed.under(devices[0], record.protocol, env=env, reversed=reversed),
        kinds=jnp.asarray(record.kinds),
        target=jnp.asarray(np.log(weights @ record.g)),
        sigma=jnp.asarray(sigma, float),
        ties=tuple((a, b) for a, b in ties.items() if b in names and a not in fix),
    )


def _searched(
    problem: PulseResiduals, starts: Sequence[np.ndarray], tick
) -> tuple[PulseResiduals, Progress]:
    """The search, again with more steps per pulse until they no longer matter."""
    options: dict[str, Any] = {"stage": "curve", "iterations": _ITERATIONS, "tick": tick}
    search = one_by_one(problem, starts, **options)
    while True:
        z = search.z[search.best]
        finer = replace(problem.pulsed, substeps=2 * problem.pulsed.substeps)
        twice = replace(problem, pulsed=finer)
        both = (p.under_pulses(jnp.asarray(z)) for p in (problem, twice))
        a, b = (np.asarray(_curve(p, problem.kinds)) for p in both)
        if np.max(np.abs(b / a - 1)) < _ACCURATE or finer.substeps > _MOST_SUBSTEPS:
            return problem, search
        problem, search = twice, one_by_one(twice, [z], **options)


def _covariance(problem: PulseResiduals, z, g, weights) -> Float[np.ndarray, "free free"]:
    """Covariance of the coordinates: the scatter of the cycles about their mean, to first order.

    Notes
    -----
    With H = J'J, the prior included, each cycle moves the estimate by w_c H^-1 J' r_c: the
    covariance is the sum of the squares of these moves times C/(C-1), and the prior's own part.
    """
    _, jacobian, _ = problem.linearise(z[None])
    j = jacobian[0]
    data, prior = j[: -len(z)], j[-len(z) :]
    inverse = np.linalg.inv(j.T @ j)
    off = (np.log(g) - np.asarray(problem.target)) / float(problem.sigma)
    moves = weights[:, None] * (off @ data) @ inverse
    more = len(g) / (len(g) - 1) if len(g) > 1 else 1.0
    return more * moves.T @ moves + inverse @ prior.T @ prior @ inverse
