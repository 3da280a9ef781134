"""Adaptive solves: RODAS3 without noise, stochastic kernels on dyadic steps with it."""

from dataclasses import replace
from typing import Any

import diffrax as dfx
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optimistix as optx
from jax import lax
from jaxtyping import Array, Bool, Float

from ..core.result import Result
from ..core.scaling import Scaled
from ..core.watch import Watch
from ..lanes.xla_adaptive import round_bits
from ..noise import Clock, DyadicPath, Words
from ..solver import DyadicController, Resolution, Rodas3
from ..stimulus import AbstractStimulus
from .jumps import jump, pattern
from .policy import Stiff
from .solution import Solution, add_watch_results
from .trusted import solve_trusted
from .watched_solver import (
    WatchedArgs,
    WatchedSolver,
    WatchedTerm,
    begin_watched,
    system_state,
    watched_norm,
)

FIRST = 1e-6
"""First step as a share of the solve."""

SHORTEST = 16
"""Shortest step as a multiple of the distance of numbers at the end of a solve: its length is right to some percent."""

DIGITS = 5
"""Binary digits of a step after the leading one: the rounded step is within 1/64 of the proposed one."""


class _RoundedSteps(dfx.AbstractAdaptiveStepSizeController):
    """Step control whose steps have few digits, so that roundoff does not decide on them.

    Parameters
    ----------
    control : diffrax.PIDController
        Proposes the steps.
    shortest : Float[Array, ""] or float
        None is shorter [s].

    Notes
    -----
    Reverse mode repeats parts of a solve in a program that is compiled otherwise, whose states differ in the last
    digits. Steps that depend on these digits would end at other times, and derivatives of parts that do not join are
    wrong by percents.
    """

    control: dfx.PIDController
    shortest: Float[Array, ""] | float

    def __init__(self, control: dfx.PIDController, shortest: Float[Array, ""] | float = 0.0):
        self.control, self.shortest = control, shortest

    @property
    def rtol(self):
        """See `diffrax.PIDController`."""
        return self.control.rtol

    @property
    def atol(self):
        """See `diffrax.PIDController`."""
        return self.control.atol

    @property
    def norm(self):  # pyright: ignore[reportIncompatibleMethodOverride]  # as in diffrax
        """See `diffrax.PIDController`."""
        return self.control.norm

    def wrap(self, direction):
        """See `diffrax.PIDController`."""
        return _RoundedSteps(self.control.wrap(direction), self.shortest)

    def init(self, *args, **kwargs):
        """See `diffrax.PIDController`."""
        return self.control.init(*args, **kwargs)

    def adapt_step_size(self, *args, **kwargs):
        """See `diffrax.PIDController`."""
        keep, t0, t1, *others = self.control.adapt_step_size(*args, **kwargs)
        h = round_bits(jnp.asarray(lax.stop_gradient(t1 - t0)), DIGITS)
        return keep, t0, t0 + jnp.maximum(h, self.shortest), *others


def times_and_states(sol: dfx.Solution) -> tuple[Any, Any]:
    """Times and states that a solve saved; to diffrax's types there may be none."""
    return sol.ts, sol.ys


def _code(sol: dfx.Solution, finite: Bool[Array, ""]) -> Array:
    """How a solve ended, given whether what it reached is finite."""
    code = jnp.where(sol.result == dfx.RESULTS.successful, Result.successful, Result.step_limit)
    code = jnp.where(sol.result == dfx.RESULTS.dt_min_reached, Result.step_underflow, code)
    # Last, since it is the cause: a state that is no number rejects steps until one of these limits is met.
    return jnp.where(finite, code, Result.not_finite)


class _UpTo(eqx.Module):
    """A drive whose slope at the end of a solve is that just before it: the last step ends some roundings later."""

    stimulus: AbstractStimulus
    last: Float[Array, ""]

    def __call__(self, t):
        """Value at a time [s]."""
        overshoot = jnp.maximum(t - self.last, 0.0)
        return self.stimulus(t - lax.stop_gradient(overshoot))


def _landing_control(control: Any, stimulus: AbstractStimulus, dtype: Any) -> Any:
    """Step control that also lands on the corners of the drive and on its zeros, where devices release."""
    corners = jnp.asarray(stimulus.breakpoints(), dtype)
    # Nothing jumps at a zero: it only says where a step ends, which has no derivative.
    zeros = lax.stop_gradient(jnp.asarray(stimulus.zeros(), dtype))
    times = {"step_ts": zeros, "jump_ts": corners}
    # diffrax takes no empty list of times.
    landings: dict[str, Any] = {name: t for name, t in times.items() if t.shape[0]}
    return dfx.ClipStepSizeController(control, **landings) if landings else control


def solve_stiff(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    y0: Float[Array, " n"],
    end: Float[Array, ""],
    policy: Stiff,
    steps: bool = False,
    watch: Watch | None = None,
) -> Solution:
    """Adaptive solve without noise, differentiable, for one device.

    Parameters
    ----------
    scaled : Scaled
        The system.
    stimulus : AbstractStimulus
        What drives it.
    rows : Float[Array, "rows"]
        Times of output [s], ascending, from 0 on.
    y0 : Float[Array, "n"]
        Scaled state at t = 0.
    end : Float[Array, ""]
        Time [s] at which the solve ends, not before the last row; one for all lanes of a batch,
        which compiles better.
    policy : Stiff
        Tolerances and adjoint.
    steps : bool
        Whether to return every accepted step too.
    watch : Watch, optional
        Events and integrals. Steps then resolve what is integrated.
    """
    rtol, atol = policy.tolerances(noisy=False)
    drive = _UpTo(stimulus, eqxi.prevbefore(lax.stop_gradient(end)))
    term = dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, drive(jnp.asarray(t))))
    # float32 solves are those whose steps its clock tells apart, see `check_precision`.
    units = SHORTEST * jnp.finfo(rows.dtype).eps if rows.dtype == jnp.float64 else 0.0
    shortest = lax.stop_gradient(units * end)
    resolution = Resolution(shortest, rtol, atol)
    reverse = not isinstance(policy.adjoint, dfx.ForwardMode)
    solver: Any = Rodas3(lambda sc, y: sc.project(y), resolution, reverse)
    args: Any = scaled
    begin: Any = y0
    norm = optx.rms_norm
    if watch is not None:
        term, solver, norm = WatchedTerm(term), WatchedSolver(solver, resolution), watched_norm
        args, begin = WatchedArgs(scaled, scaled, drive, watch), begin_watched(watch, y0)
    # A proportional share damps step sizes that would oscillate about the limit of a stiff problem.
    pid = dfx.PIDController(rtol=rtol, atol=atol, pcoeff=0.3, icoeff=0.3, norm=norm)
    control = _landing_control(_RoundedSteps(pid, shortest), stimulus, rows.dtype)
    # Behind the last row by some roundings: a row at the very end is then interpolated and never missed.
    end = end * (1 + 4 * jnp.finfo(rows.dtype).eps)
    subs = [dfx.SubSaveAt(ts=rows, fn=_save_row), dfx.SubSaveAt(t1=True)]
    subs += [dfx.SubSaveAt(t0=True, steps=True, fn=_save_states)] if steps else []
    sol = solve_trusted(
        term,
        solver,
        jnp.zeros((), rows.dtype),
        end,
        end * FIRST,
        begin,
        args=args,
        stepsize_controller=control,
        saveat=dfx.SaveAt(subs=subs),
        max_steps=policy.max_steps,
        adjoint=policy.adjoint,
        throw=False,
    )
    ts, ys = times_and_states(sol)
    y, q, last = _rows_and_end(ys)
    y = jax.vmap(scaled.project)(y)  # rows between steps are interpolated
    # A drift that is not a number rejects steps up to their limit: check it where the solve stopped.
    t, y_end = ts[1][0], system_state(last)
    ok = jnp.all(jnp.isfinite(scaled.drift(t, y_end, stimulus(t))))
    ok &= jnp.all(jnp.isfinite(y)) | (sol.result != dfx.RESULTS.successful)
    n_steps, n_repeats = (sol.stats[f"num_{k}_steps"] for k in ("accepted", "rejected"))
    step_rows = (ts[2], ys[2]) if steps else ()
    solution = Solution(y, _code(sol, ok), n_steps, n_repeats, jnp.zeros((), y.dtype), *step_rows)
    return solution if watch is None else add_watch_results(solution, q, last["memory"])


def _rows_and_end(ys) -> tuple[Any, Any, Any]:
    """States and integrals (None if none are watched) at the rows, and the state at the end of a solve."""
    last = jax.tree.map(lambda x: x[0], ys[1])
    return (*ys[0], last) if isinstance(last, dict) else (ys[0], None, last)


def _save_states(t, y, args) -> Any:
    """Save the states of the system only."""
    return system_state(y)


def _save_row(t, y, args) -> Any:
    """Save the states at the rows, and the integrals if any are watched."""
    return (y["z"], y["q"]) if isinstance(y, dict) else y


class _Problem(eqx.Module):
    """Arguments of the terms and of the kernel of a noisy solve."""

    scaled: Scaled
    stimulus: AbstractStimulus
    clock: Any


def _drift(t, y, problem: _Problem):
    """Term of the drift."""
    return problem.scaled.drift(t, y, problem.stimulus(jnp.asarray(t)))


def _diffusion(t, y, problem: _Problem):
    """Term of the noise."""
    return problem.scaled.diffusion(t, y, problem.stimulus(jnp.asarray(t)))


def _begin(problem: _Problem, y, t):
    """Apply a jump at the start of the step that follows a candidate time."""
    t = jnp.asarray(t)
    return jump(problem.scaled, problem.clock, y, t, problem.stimulus(t))


def _landings(corners, rows, clock: Clock | None, end) -> Float[Array, " bounds"]:
    """Ascending times on which steps land, from 0 to the end."""
    if len(corners):  # a row that is a corner but for rounding is that corner
        nearest = corners[jnp.argmin(jnp.abs(corners[None, :] - rows[:, None]), axis=1)]
        close = jnp.abs(nearest - rows) < 1e3 * jnp.finfo(rows.dtype).eps * end
        rows = jnp.where(close, nearest, rows)
    times = [jnp.zeros_like(end)[None], corners, rows] + ([] if clock is None else [clock.times])
    inside = jnp.clip(jnp.concatenate(times), 0.0, end)
    return lax.stop_gradient(jnp.append(jnp.sort(inside), end))


def solve_adaptive(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    y0: Float[Array, " n"],
    end: Float[Array, ""],
    policy: Stiff,
    key: Words,
    clock: Clock | None = None,
    watch: Watch | None = None,
) -> Solution:
    """Adaptive solve with noise and jumps, differentiable along the path, for one device.

    Parameters
    ----------
    scaled, stimulus, rows, y0, end, policy
        As for `solve_stiff`. Steps land on rows, where the states are those of the path and not
        interpolated.
    key : tuple of two UInt32[Array, ""]
        Key of the noise of this device, see `memjax.noise.words`.
    clock : Clock or None
        Candidates for jumps.
    watch : Watch, optional
        Events and integrals; they change no step.

    Returns
    -------
    Solution
        Its derivative is that of the path at the given steps, increments and pattern of jumps.
    """
    rtol, atol = policy.tolerances(noisy=True)
    end = lax.stop_gradient(end)
    bounds = _landings(jnp.asarray(stimulus.breakpoints(), rows.dtype), rows, clock, end)
    problem = _Problem(scaled, stimulus, clock)
    # To pyright an equinox AbstractVar of the base is a field to pass.
    path = DyadicPath(key, bounds, len(scaled.channels()))  # pyright: ignore[reportCallIssue]

    # A step lands just before a bound; what is saved there is the state before a jump or a corner.
    def just_before(t):
        return jnp.maximum(eqxi.prevbefore(t), 0.0)

    subs = [dfx.SubSaveAt(ts=just_before(rows), fn=_save_row), dfx.SubSaveAt(t1=True)]
    subs += (
        []
        if clock is None
        else [dfx.SubSaveAt(ts=just_before(jnp.minimum(clock.times, end)), fn=_save_states)]
    )
    hooks = dict(project=lambda p, y: p.scaled.project(y)) | (
        {} if clock is None else {"begin": _begin}
    )
    terms: Any = dfx.MultiTerm(dfx.ODETerm(_drift), dfx.ControlTerm(_diffusion, path))
    solver: Any = replace(policy.kernel(scaled.system.noise_structure), **hooks)
    args: Any = problem
    begin: Any = y0
    if watch is not None:
        terms, solver = WatchedTerm(terms), WatchedSolver(solver)
        args, begin = WatchedArgs(problem, scaled, stimulus, watch), begin_watched(watch, y0)
    control: Any = DyadicController(rtol, atol, bounds, part=system_state)  # pyright: ignore[reportCallIssue]
    sol = solve_trusted(
        terms,
        solver,
        jnp.zeros((), rows.dtype),
        eqxi.prevbefore(end),
        end * FIRST,
        begin,
        args=args,
        stepsize_controller=control,
        saveat=dfx.SaveAt(subs=subs),
        max_steps=policy.max_steps,
        adjoint=policy.adjoint,
        throw=False,
    )
    return _noisy_solution(sol, problem, end)


def _noisy_solution(sol: dfx.Solution, problem: _Problem, end) -> Solution:
    """States of a noisy solve, how it ended, and the log-probability of its jumps."""
    ts, ys = times_and_states(sol)
    y, q, last = _rows_and_end(ys)
    t, y_end = ts[1][0], system_state(last)
    ok = jnp.all(jnp.isfinite(_drift(t, y_end, problem)))
    ok &= jnp.all(jnp.isfinite(y)) | (sol.result != dfx.RESULTS.successful)
    code, logs = _code(sol, ok), jnp.zeros((), y_end.dtype)
    if problem.clock is not None:
        logs, clock_ok = pattern(problem.scaled, problem.clock, problem.stimulus, ys[2], end)
        code = jnp.where((code == Result.successful) & ~clock_ok, Result.clock_too_slow, code)
    n_steps, n_repeats = (sol.stats[f"num_{k}_steps"] for k in ("accepted", "rejected"))
    solution = Solution(y, code, n_steps, n_repeats, logs)
    return add_watch_results(solution, q, last["memory"]) if isinstance(last, dict) else solution
