"""Checks of the arguments of `simulate`, and reports on return: traced numbers out of bounds, failed solves."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import diffrax as dfx
import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ..circuit import LIMITS, Bench
from ..core.autodiff import forward_only, reverse_only
from ..core.fields import parameter_specs, setting_specs, stored
from ..core.result import HOPELESS_IN_PASSING, Result, Trace, failure_remedy
from ..core.system import AbstractSystem, Environment
from ..data.measurement import Measurement
from ..device import AbstractDevice, AbstractTwoTerminal
from ..errors import (
    BoundsError,
    CircuitError,
    MemjaxError,
    ModelError,
    PolicyError,
    SolveWarning,
    StepWarning,
    StimulusError,
)
from ..runtime.arguments import as_members, check_modules, is_traced as is_traced
from ..runtime.flags import check_flags, is_text
from ..runtime.memory import check_size
from ..stimulus import AbstractStimulus
from .policy import Fixed, Stiff

T = TypeVar("T")

_MEMBER = 64
"""Bytes of a member at least: its number, its keys, voltage and current at two rows."""

COARSE = 2.0
"""Product of the step and a decay of a state that is taken explicitly above which its errors grow from step to step."""

ON_FAILURE = ("warn", "raise", "ignore")
"""What `simulate` may do on return where solves failed."""


def describe_kind(x: Any) -> str:
    """Return the kind of a value for a message: its class, or itself if it is a class, a name or a number."""
    if isinstance(x, type):
        return f"the class {x.__name__}"
    if isinstance(x, str):
        return f"the name {x!r}"
    if isinstance(x, int | float | np.number):
        return f"the number {x}"
    article = "an" if type(x).__name__[:1].lower() in "aeiou" else "a"
    return f"{article} {type(x).__name__}"


def check_model(device: Any) -> None:
    """Raise `ModelError` for anything that is no device, branch, circuit or system."""
    if isinstance(device, AbstractDevice | AbstractTwoTerminal | AbstractSystem):
        return
    fix = ""
    if isinstance(device, str):
        fix = f"write mj.model({device!r})"
    elif isinstance(device, type):
        fix = f"make one: {device.__name__}()"
    elif isinstance(device, tuple):
        fix = "a preset is applied with mj.params.replace(mj.model(name), values)"
    raise ModelError(
        f"{describe_kind(device)} in place of a model",
        where="simulate",
        allowed="a device such as mj.DiffusiveMemristor(), a branch, a Circuit or another AbstractSystem",
        fix=fix,
    )


def check_stimulus(stimulus: Any) -> None:
    """Raise `StimulusError` for anything that is no stimulus or sequence of stimuli of one quantity."""
    is_sequence = isinstance(stimulus, list | tuple)
    stimuli = list(stimulus) if is_sequence else [stimulus]
    wrong = [s for s in stimuli if not isinstance(s, AbstractStimulus)]
    if not stimuli or wrong:
        fix = "see memjax.stimulus"
        if wrong and isinstance(wrong[0], int | float | np.number):
            fix = f"a constant {wrong[0]} V for a second is mj.Sampled(np.array([0.0, 1.0]), np.full(2, {wrong[0]}))"
        elif wrong and isinstance(wrong[0], np.ndarray | jax.Array):
            fix = "samples are mj.Sampled(times, values), or mj.staircase(values, point_time)"
        elif wrong and isinstance(wrong[0], Measurement):
            fix = "apply the waveform of a measurement with mj.simulate_like"
        raise StimulusError(
            f"{describe_kind(wrong[0]) if wrong else 'no sweep'} in place of a stimulus",
            where="simulate",
            allowed="a stimulus such as mj.triangle_sweep(0.5, 1.0), or a sequence of them",
            fix=fix,
        )
    kinds = sorted({s.quantity for s in stimuli})
    if len(kinds) > 1:
        raise StimulusError(
            f"sweeps of {' and '.join(kinds)}", where="simulate", allowed="sweeps of one quantity"
        )


def _check_kind(x: Any, kind: type, error: type[MemjaxError], **say: Any) -> None:
    """Raise where an optional argument is of another class."""
    if x is not None and not isinstance(x, kind):
        name = say.pop("name")
        raise error(f"{describe_kind(x)} in place of {name}", where="simulate", **say)


def _check_surroundings(bench: Any, env: Any) -> None:
    """Bench and environment."""
    example = "mj.Bench(series_resistance=1e3, compliance=1e-6)"
    _check_kind(bench, Bench, CircuitError, name="a bench", allowed=example)
    _check_kind(
        env, Environment, BoundsError, name="an environment", allowed="mj.Environment(300.0) [K]"
    )


def check_arguments(
    device: Any, stimulus: Any, *, bench: Any, env: Any, watched: Any, flags: Mapping[str, Any]
) -> None:
    """Raise where an argument of `simulate` is something else than it has to be, in one sentence."""
    check_flags(flags, where="simulate")
    check_model(device)
    check_stimulus(stimulus)
    _check_surroundings(bench, env)
    check_modules((device, stimulus, bench, env, watched))


def checked_members(members: Any) -> int | np.ndarray:
    """Members of `simulate` as `memjax.runtime.arguments.as_members` has them, if memory holds so many."""
    members = as_members(members, where="simulate")
    if isinstance(members, int):
        check_size(members, _MEMBER, what="members", where="members of simulate", error=BoundsError)
    return members


def check_rows_fit(members: int, rows: Sequence[np.ndarray], states: int) -> None:
    """Raise `BoundsError` where the numbers that a simulation gives are more than memory holds.

    Parameters
    ----------
    members : int
        How many.
    rows : sequence of Float[np.ndarray, "rows"]
        Times of output of each sweep [s].
    states : int
        States of the system, which stand in memory twice: in the solver's scale, and in SI.
    """
    size = np.dtype(jnp.result_type(float)).itemsize * (2 * states + 2)
    check_size(
        members * sum(map(len, rows)), size, what="rows of members", where="simulate", error=BoundsError,
        fix="fewer members at a time, or fewer rows: save=",
    )  # fmt: skip


def as_rows(save: Any) -> Any:
    """Check `save` and return it; a sequence of numbers becomes one array.

    Raises
    ------
    StimulusError
        For invalid intervals or times of output.
    """
    parts = list(save) if isinstance(save, list | tuple) else [save]
    if any(is_traced(x) for x in parts):
        raise StimulusError(
            "rows that are traced",
            where="save of simulate",
            allowed="times that are known",
            fix="save at known times and interpolate with jnp.interp at the traced ones",
        )
    if save is None:
        return None
    if is_text(parts):
        raise _no_rows(f"text, {save!r:.60}")
    try:
        numeric = [np.asarray(x, float) for x in parts]
    except (TypeError, ValueError) as error:
        raise _no_rows(describe_kind(parts[0])) from error
    if isinstance(save, list | tuple) and save and all(x.ndim == 0 for x in numeric):
        numeric = [np.array(save, float)]
        save = numeric[0]
    for times in numeric:
        _check_rows(times)
    return save


def _check_rows(times: np.ndarray) -> None:
    """One interval between rows, or the times of the rows of one sweep."""
    if times.ndim == 0:
        if not (np.isfinite(times) and times > 0):
            raise _no_rows(f"an interval of {times:g} s")
    elif times.ndim > 1 or not times.size:
        raise _no_rows(f"times of shape {times.shape}")
    elif not np.all(np.isfinite(times)) or times[0] < 0 or np.any(np.diff(times) < 0):
        raise _no_rows("times that are negative, not finite or not ascending")


def _no_rows(reason: str) -> StimulusError:
    """The error for an invalid `save`."""
    return StimulusError(
        reason,
        where="save of simulate",
        allowed="an interval > 0 s, or ascending times >= 0 s of one sweep, or a sequence of such arrays",
    )


def check_duration_known(stimulus: AbstractStimulus, save: Any) -> None:
    """Raise `StimulusError` where rows would follow from a duration, or from corners, that are traced."""
    if np.ndim(save) > 0:
        return
    if is_traced(stimulus.duration) or (save is None and is_traced(stimulus.breakpoints())):
        raise StimulusError(
            "a stimulus whose duration or corners are traced, and no times of rows",
            where="simulate",
            allowed="rows that are known, since they decide shapes",
            fix="give them: save=np.array([...]) [s]",
        )


def check_rows_exist(
    stimuli: Sequence[AbstractStimulus], save: Any, rows: Sequence[np.ndarray]
) -> None:
    """Raise `StimulusError` where rows follow from a duration that has none."""
    if isinstance(save, list | tuple) or np.ndim(save) > 0:
        return
    for stimulus, times in zip(stimuli, rows):
        if not times[-1] > 0:
            interval = "" if save is None else f" and rows every {float(save):g} s"
            raise StimulusError(
                f"a stimulus of {float(stimulus.duration):g} s{interval}",
                where="simulate",
                allowed="a duration > 0 s and rows within it",
                fix="give the times of the rows: save=np.array([...])",
            )


def check_labels(labels: Any, sweeps: int) -> None:
    """Raise `StimulusError` unless there is an integer for each sweep."""
    if labels is None:
        return
    array = np.asarray(labels)
    if array.shape != (sweeps,) or not np.issubdtype(array.dtype, np.integer):
        raise StimulusError(
            f"labels {labels!r}", where="simulate", allowed=f"{sweeps} integers, one for each sweep"
        )


def as_values(model: Any, values: Any, *, members: Any, sweeps: int) -> dict[str, Any]:
    """Parameters that differ, each in a shape that spreads over (members, sweeps).

    Parameters
    ----------
    model : AbstractDevice, Circuit or other AbstractSystem
        What has the parameters.
    values : mapping of str to number or array, or None
        As `simulate` takes them.
    members : int or sequence of int
        As `simulate` takes them.
    sweeps : int
        How many there are.

    Raises
    ------
    ModelError
        For a setting, or a value of another shape.
    """
    if values is None:
        return {}
    members = int(members) if np.ndim(members) == 0 else len(members)
    allowed = f"(members, sweeps) = ({members}, {sweeps}), or 1 in place of either"
    if not isinstance(values, Mapping):
        raise ModelError(
            f"{describe_kind(values)} in place of values",
            where="simulate",
            allowed=f"a dict of parameter names and arrays of shape {allowed}",
        )
    settings = [n for n in values if n in setting_specs(model)]
    if settings:
        raise ModelError(
            f"the setting {settings[0]!r} in values",
            where="simulate",
            allowed="parameters",
            fix="a setting is the same for all members: set it with mj.params.replace",
        )
    return {n: _as_lanes(n, x, members, sweeps, allowed) for n, x in values.items()}


def _as_lanes(name: str, x: Any, members: int, sweeps: int, allowed: str) -> Any:
    """A value that spreads over (members, sweeps)."""
    where = f"values of {name!r}"
    if is_text(x):
        raise ModelError(f"text, {x!r:.60}, in place of numbers", where=where, allowed=allowed)
    try:
        array = x if isinstance(x, jax.Array) else np.asarray(x, float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{describe_kind(x)} in place of numbers", where=where) from error
    # One axis is that of the sweeps, as JAX spreads it; of the members where there is one sweep.
    if array.ndim == 1 and sweeps == 1:
        array = array[:, None]
    ambiguous = array.ndim == 1 and members == sweeps and sweeps > 1
    shape = (1,) * (2 - array.ndim) + array.shape
    fits = len(shape) == 2 and shape[0] in (1, members) and shape[1] in (1, sweeps)
    if ambiguous or not fits:
        raise ModelError(f"a value of shape {np.shape(x)}", where=where, allowed=allowed)
    return array


def flag_out_of_bounds(
    trace: Trace,
    model: Any,
    *,
    values: Mapping[str, Any],
    bench: Bench | None,
    env: Environment | None,
    stimuli: Sequence[AbstractStimulus],
) -> Trace:
    """The trace, with `Result.out_of_bounds` where a traced number lies outside of what is allowed.

    Parameters
    ----------
    trace : Trace
        With how the solves ended by themselves.
    model : AbstractDevice, Circuit or other AbstractSystem
        What has the parameters.
    values : mapping of str to Array
        Parameters that differ, see `as_values`.
    bench, env, stimuli
        As `simulate` takes them.

    Notes
    -----
    Known numbers were checked before the solve, and cost nothing here.
    """
    specs = parameter_specs(model)
    parameters = {n: stored(model, n) for n in specs if n not in values}
    bench_bounds = dict.fromkeys(LIMITS, (float(np.finfo(np.float32).tiny), np.inf))
    bounds = bench_bounds | {n: s.bounds for n, s in specs.items()}
    wrong = [_outside(x, bounds[n]) for n, x in {**parameters, **values}.items() if is_traced(x)]
    if bench is not None:
        ohms, tiny = bench.series_resistance, float(np.finfo(np.float32).tiny)
        elements = (
            bench.parallel_resistance, bench.parallel_capacitance, bench.compliance, bench.compliance_negative,
        )  # fmt: skip
        wrong += [_outside(ohms, (0.0, np.inf))] if is_traced(ohms) else []
        wrong += [_outside(x, (tiny, np.inf)) for x in elements if is_traced(x)]
        offsets = bench.offset_current, bench.offset_voltage
        wrong += [_outside(x, (-np.inf, np.inf)) for x in offsets if is_traced(x)]
    if env is not None and is_traced(env.temperature):
        wrong.append(_outside(env.temperature, (1e-3, np.inf)))
    for k, stimulus in enumerate(stimuli):
        corners = stimulus.breakpoints()
        if is_traced(corners) and len(corners) > 1:
            ascends = jnp.all(jnp.isfinite(corners)) & jnp.all(jnp.diff(corners) >= 0)
            is_sweep = jnp.arange(len(stimuli)) == k
            wrong.append(is_sweep[None] & ~ascends[None, None])
        for x in filter(is_traced, jax.tree.leaves(stimulus)):
            is_sweep = jnp.arange(len(stimuli)) == k
            wrong.append(is_sweep[None] & ~jnp.all(jnp.isfinite(x)))
    if not wrong:
        return trace
    result = trace.result
    for w in wrong:
        result = jnp.where(jnp.broadcast_to(w, result.shape), int(Result.out_of_bounds), result)
    return eqx.tree_at(lambda t: t.result, trace, result)


def _outside(x: Any, bounds: tuple[float, float]) -> Bool[Array, "..."]:
    """Whether a number is below or above its bounds, or no number; two axes, or none."""
    kind = jnp.result_type(x)
    kind = kind if jnp.issubdtype(kind, jnp.floating) else jnp.result_type(float)
    x, (lower, upper) = jnp.asarray(x, kind), (jnp.asarray(b, kind) for b in bounds)
    return ~((x >= lower) & (x <= upper))


def mark_inputs(policy: Stiff | Fixed, inputs: T) -> T:
    """Mark the inputs of a solve: a forward derivative of adaptive steps whose adjoint is for reverse mode raises."""
    reverse = isinstance(policy, Stiff) and isinstance(
        policy.adjoint, dfx.RecursiveCheckpointAdjoint
    )
    return reverse_only(inputs) if reverse else inputs


def mark_derivatives(policy: Stiff | Fixed, solution: T) -> T:
    """Mark a solution: a reverse derivative of adaptive steps with a forward adjoint raises, in one sentence."""
    forward = isinstance(policy, Stiff) and isinstance(policy.adjoint, dfx.ForwardMode)
    return forward_only(solution) if forward else solution


class StepReport(NamedTuple):
    """Report on fixed steps.

    Parameters
    ----------
    text : str
        The step, and the fastest rate that it met; empty where nothing is known.
    coarse : bool
        Whether the step was too coarse for a state that it takes explicitly.
    """

    text: str
    coarse: bool


def step_report(policy: Stiff | Fixed, stiffness: Any) -> StepReport:
    """Report on the steps of a policy that met this stiffness, see `memjax.simulate.solution.Solution`."""
    if not isinstance(policy, Fixed) or is_traced(stiffness):
        return StepReport("", False)
    text = f"dt = {policy.dt:g} s"
    if stiffness is None:
        return StepReport(text, False)
    decay, slope = np.max(np.asarray(stiffness, float).reshape(-1, 2), axis=0)
    fastest, limit = (decay, COARSE) if decay > COARSE else (slope, HOPELESS_IN_PASSING)
    text += (
        f", of which the product with the fastest rate of a state taken explicitly, {fastest / policy.dt:.3g} 1/s, "
        f"is {fastest:.3g} (below {limit:g} is fine: dt = {policy.dt * limit / 2 / max(fastest, limit):.1g} s)"
    )
    return StepReport(text, bool(decay > COARSE))


def report_failures(trace: Trace, on_failure: str, steps: StepReport) -> Trace:
    """Return the trace; where solves failed, or fixed steps were coarse, warn, raise, or do nothing, as asked.

    Raises
    ------
    SolveError
        Where solves failed and `on_failure` is "raise".
    PolicyError
        For another word, or "raise" under a transformation of JAX.
    """
    if on_failure not in ON_FAILURE:
        raise PolicyError(
            f"on_failure = {on_failure!r}", where="simulate", allowed=", ".join(ON_FAILURE)
        )
    if is_traced(trace.result):
        if on_failure == "raise":
            raise PolicyError(
                "on_failure = 'raise' under jit, grad or vmap, where failures are not known yet",
                where="simulate",
                fix="leave it out, return trace.result, and look at it outside",
            )
        return trace
    if on_failure == "ignore":
        return trace
    if on_failure == "raise":
        trace.check()
    if len(trace.failed):
        warnings.warn(
            f"{' '.join(repr(trace).split())}; {failure_remedy(np.asarray(trace.result))}; "
            f"{f'{steps.text}; ' if steps.text else ''}"
            f"trace.good() drops the {len(trace.failed)} of {trace.result.shape[0]} "
            "members that failed, trace.check() raises, mj.Output(on_failure='ignore') says nothing",
            SolveWarning,
            stacklevel=5,
        )
    elif steps.coarse:
        warnings.warn(f"{steps.text}; compare with a smaller step", StepWarning, stacklevel=5)
    return trace
