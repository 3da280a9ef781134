"""The problem that sweeps of one device make: what is free, thresholds, limits, values that are not fitted, starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import coordinates, get, known
from memjax.data.zero_reading import zero_remarks
from memjax.device.corrected import AbstractCorrectedDevice
from memjax.errors import DataError

from ..constants import FREE_BENCH
from ..problem import begun
from ..solve import AbstractFitProblem
from .cycle_scatter import with_cycles
from .device_summary import Summary, notes_on, summarise
from .group import Group, pack, without_charging
from .initial_guess import Guess, guess, starts
from .instrument import PART, BenchStart, free_quantities, start_of_bench
from .learned import GRANTED, in_sequence, is_in_sequence, learned_functions
from .problem import PATIENT, Problem
from .summary import Waveform

REVERSED = "the model sets at the polarity at which the data reset: the device is taken as reversed"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a search needs: the problem, its data, starts, the instrument's floor [A], decisions in words.

    `further` gives so many other starts, for where the first ones lead nowhere; `unstarted` is where a fit would begin
    without the values of `start`, None where it does. `physics` is the same of a model without its corrections, where
    it has such.
    """

    problem: Problem
    waves: list[Waveform]
    candidates: Float[np.ndarray, "starts free"]
    floor: float
    notes: tuple[str, ...]
    further: Callable[[int], Float[np.ndarray, "starts free"]]
    unstarted: "Origin | None" = None
    physics: "Prepared | None" = None


class Origin(NamedTuple):
    """Where a search begins: the centre of its prior, and starts."""

    center: Float[np.ndarray, " free"]
    candidates: Float[np.ndarray, "starts free"]


def prepare(
    measurements: Sequence[mj.Measurement],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    bench: mj.Bench | None,
    point_time: float | None,
    thresholds: tuple[float | None, float | None] = (None, None),
    free_bench: Sequence[str] = (),
    **options: Any,
) -> Prepared:
    """The problem that measurements of one device make, and starts; errors as `fitting.SweepProblem` has them.

    `options` are those of `Choices`.
    """
    check_model_sigma(options.get("model_sigma"))
    quantities = free_quantities(free_bench, device, measurements[0].driven)
    sweeps = in_sequence(measurements) if is_in_sequence(device) else measurements
    summary = summarise(sweeps, device, bench or mj.Bench(), point_time, thresholds)
    if is_in_sequence(device):
        summary = replace(summary, waves=with_cycles(summary.waves, measurements))
    data = measurements, summary.waves, summary.floor, summary.bench
    around = start_of_bench(quantities, *data) if quantities else None
    prepared = assemble(summary, device, Choices(**options), around=around)
    remarks = remarks_on_zero(measurements, prepared.problem.bench, quantities)
    physics = None
    if isinstance(device, AbstractCorrectedDevice):
        physics = _physics_of(summary, device, Choices(**options), around)
    return replace(prepared, notes=(*prepared.notes, *remarks), physics=physics)


def _physics_of(
    summary: Summary, device: AbstractCorrectedDevice, choices: "Choices", around: BenchStart | None
) -> Prepared:
    """The problem of a model without its corrections, with what is said of its parameters."""
    specs = parameter_specs(device.base)
    of_model: dict[str, Any] = {
        n: {k: x for k, x in (getattr(choices, n) or {}).items() if k in specs}
        for n in ("fix", "start")
    }
    if choices.free is not None:
        of_model["free"] = [n for n in choices.free if n in specs]
    prepared = assemble(summary, device.base, choices._replace(**of_model), around=around)
    return replace(prepared, problem=replace(prepared.problem, policy=PATIENT))


def remarks_on_zero(
    measurements: Sequence[mj.Measurement], bench: mj.Bench, free: Sequence[str]
) -> list[str]:
    """What the currents at 0 V say of quantities of the bench that are neither stated nor free, in words."""
    known = {n for n in FREE_BENCH.values() if n in free or getattr(bench, n) is not None}
    return [x for x in zero_remarks(*measurements) if x.rpartition(" ")[2] not in known]


def check_model_sigma(model_sigma: float | None) -> None:
    """Refuse an error of the model [decades] that is none."""
    if model_sigma is not None and not 0 < model_sigma < np.inf:
        raise DataError(f"a model sigma of {model_sigma} decades", allowed="> 0 decades")


@dataclass(frozen=True)
class AbstractSweepProblem(AbstractFitProblem):
    """Sweeps of one device or of many, and how they were measured, see `fitting.SweepProblem`."""

    _: KW_ONLY
    bench: mj.Bench | None = None
    env: mj.Environment | None = None
    point_time: float | None = None
    model_sigma: float | None = None
    thresholds: tuple[float | None, float | None] = (None, None)
    points: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What `prepare` takes of each device alike."""
        names = ("bench", "env", "point_time", "model_sigma", "free", "fix", "start", "thresholds")
        return {n: getattr(self, n) for n in names}


class Choices(NamedTuple):
    """What of a problem its user says, see `fitting.SweepProblem`; seed and number of starts."""

    env: mj.Environment | None
    free: Sequence[str] | None
    fix: Mapping[str, float] | None
    seed: int
    screened: int
    start: Mapping[str, float] | None = None
    model_sigma: float | None = None


class _Begin(NamedTuple):
    """A model where its search begins, and without the values of `start`; what is free; both guesses; what is shown."""

    first: Any
    plain: Any
    names: tuple[str, ...]
    origin: Guess
    of_data: Guess
    shown: dict[str, float]


def assemble(
    summary: Summary,
    device: mj.AbstractDevice | mj.Circuit,
    choices: Choices,
    *,
    group: Group | None = None,
    numpy: bool = False,
    around: BenchStart | None = None,
) -> Prepared:
    """The problem of a model and a summary, and starts; errors as `fitting.SweepProblem` has them.

    Values of the model that the data say are arrays of JAX, or of `numpy`, as for `memjax.params.replace`; `group` are
    the waveforms packed, where that is done. `around` are quantities of the bench that are free.
    """
    begin = _begin(summary, device, choices, around)
    first, names, origin = begin.first, begin.names, begin.origin
    bench, notes = summary.bench, [*origin.notes, *summary.notes, *notes_on(summary.levels)]
    notes += _left_out(summary, begin.shown)
    if origin.reversed and not bench.reversed:
        bench = replace(bench, reversed=True)
        notes.append(REVERSED)
    if group is None:
        group = pack(
            summary.waves,
            floor=summary.floor,
            quiet=summary.quiet,
            events=device.volatile,
            model_sigma=choices.model_sigma or (GRANTED if learned_functions(device) else None),
            left=isinstance(device, mj.AbstractDevice),
            limits=summary.limits,
            limit=summary.named,
        )
    if bench.parallel_capacitance is not None or f"{PART}.parallel_capacitance" in names:
        group = without_charging(group)
    model = first if numpy else as_jax(first)
    problem = Problem.of(model, names, group, bench=bench, env=choices.env)
    candidates_of = partial(
        starts, origin, names, device=problem.device, center=np.asarray(problem.center)
    )
    count, seed = choices.screened, choices.seed
    candidates = candidates_of(count=count, seed=seed)
    unstarted = None
    if choices.start:
        # Half of them as without these values: where a search ends may not depend on where a user lets it begin.
        center = np.asarray(coordinates(begin.plain, names))
        other: dict[str, Any] = dict(device=begin.plain, center=center, count=count, seed=seed)
        unstarted = Origin(center, starts(begin.of_data, names, **other))
        half = count // 2
        candidates[count - half :] = unstarted.candidates[:half]
    return Prepared(
        problem=problem,
        waves=summary.waves,
        candidates=candidates,
        floor=summary.floor,
        notes=tuple(notes),
        # The first one is the guess itself.
        further=lambda n: candidates_of(count=n + 1, seed=seed + 1)[1:],
        unstarted=unstarted,
    )


def _begin(summary: Summary, device: Any, choices: Choices, around: BenchStart | None) -> _Begin:
    """Where the search of a model begins, by the data and by what its user says."""
    fix = dict(choices.fix or {})
    fixed = mj.params.replace(device, fix, where="--fix")
    origin = of_data = guess(summary.waves, floor=summary.floor, device=fixed)
    names = choose_free(origin.free, origin.device, choices.free, fix)
    explicit, shown = not_fitted(device, origin.device, {*origin.free, *names}, {*names, *fix})
    first = mj.params.replace(origin.device, explicit | fix, where="--fix", numpy=True)
    # A parameter that follows another one has a value of its own once it is free.
    values = {n: get(first, n) for n in names if stored(first, n) is None}
    first = mj.params.replace(first, values)
    plain = begun(first, names)
    first, origin = begun(first, names, choices.start), origin.with_start(choices.start or {})
    if around is not None:
        first, plain = around.around(first), around.around(plain)
        names = (*names, *around.names)
        # Another start scatters both the device and its bench.
        scattered = lambda g: lambda rng: g.scatter(rng) | around.scatter(rng)  # noqa: E731
        origin, of_data = (replace(g, scatter=scattered(g)) for g in (origin, of_data))
    return _Begin(first, plain, names, origin, of_data, shown)


def _left_out(summary: Summary, shown: Mapping[str, float]) -> list[str]:
    """Notes on sweeps that do not count, and on values that are neither fitted nor the model's."""
    notes = []
    for w in summary.strays:
        labels = ", ".join(str(n) for n in w.labels[:8]) + ", ..." * (len(w.labels) > 8)
        text = f"left out, since {w.n_sweeps} of a waveform of their own count as much as the other sweeps"
        notes.append(f"sweeps {labels}: {text}; --sweeps chooses")
    if shown:
        text = ", ".join(f"{n} = {x:.4g}" for n, x in shown.items())
        notes.append(f"not fitted, taken from what the sweeps show: {text}")
    return notes


def as_jax(model: Any) -> Any:
    """A device or circuit whose arrays of numpy are such of JAX."""
    return jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x, model)


def choose_free(
    default: Sequence[str],
    device: mj.AbstractDevice | mj.Circuit,
    free: Sequence[str] | None,
    fix: Mapping[str, float],
):
    """Names of the free parameters."""
    names = known(device, free, where="--free") if free else list(default)
    if noise := [n for n in names if parameter_specs(device)[n].noise]:
        what = f"{', '.join(noise)} cannot be fitted to a deterministic loss"
        allowed = "parameters of the drift, the conduction and the noise-free state"
        advice = "give noise parameters with --fix"
        raise DataError(what, where="--free", allowed=allowed, fix=advice)
    return tuple(n for n in names if n not in fix)


def not_fitted(device, guessed, looked_at: set[str], settled: set[str]):
    """Values of parameters that are neither fitted nor fixed: the device's own, and those that the sweeps show.

    A value other than the model's default is a choice of the user, which comes before the data.
    """
    chosen, shown = {}, {}
    for name, spec in parameter_specs(device).items():
        value, guess_value = stored(device, name), stored(guessed, name)
        if name in settled or spec.noise or value is None or guess_value is None:
            continue
        if spec.default is not None and float(value) != spec.default:
            chosen[name] = float(value)
        elif name in looked_at and float(value) != float(guess_value):
            shown[name] = float(guess_value)
    return chosen, shown
