"""From a device, a stimulus and a policy to a trace: the one place where physics and solvers meet."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import diffrax as dfx
import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from . import params
from .circuit import Bench, BenchedDevice
from .data.measurement import Measurement
from .device import AbstractDevice
from .errors import StimulusError
from .fields import parameter_specs
from .noise import GridPath, device_key, increments
from .policy import AbstractPolicy, Auto, Fixed, Stiff, check, resolve
from .result import Result, Trace
from .scaling import Scaled
from .solver import DriftImplicitEuler, Rodas3, drift_implicit_euler_step
from .stimulus import AbstractStimulus, Sampled, staircase
from .system import AbstractSystem, Environment, NoNoise

_NUDGE = 1e-6
"""Share of a step by which its ends are taken inwards, so that a jump at an end counts for the right side."""

_CHUNKS = 25


class Solution(eqx.Module):
    """Scaled states of one solve.

    Parameters
    ----------
    y : Float[Array, "rows n"]
        At the rows.
    result : Int[Array, ""]
        A `Result`.
    step_t, step_y : Float[Array, "steps"], Float[Array, "steps n"], or None
        Start of the solve and end of every accepted step, `inf` beyond the last, where they were
        asked for.
    """

    y: Float[Array, "*lanes rows n"]
    result: Int[Array, "*lanes"]
    step_t: Float[Array, "*lanes steps"] | None = None
    step_y: Float[Array, "*lanes steps n"] | None = None


def before(stimulus: AbstractStimulus, t: Float[Array, ""]) -> Float[Array, ""]:
    """Value of a stimulus just before `t` [s]."""
    return stimulus(jnp.nextafter(t, jnp.asarray(-jnp.inf, t.dtype)))


def _saved(sol: dfx.Solution) -> tuple[Any, Any]:
    """Times and states that a solve saved; to diffrax's types there may be none."""
    return sol.ts, sol.ys


def solve_stiff(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    y0: Float[Array, " n"],
    end: Float[Array, ""],
    policy: Stiff,
    steps: bool = False,
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
    """
    term = dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, stimulus(jnp.asarray(t))))
    control = dfx.PIDController(rtol=policy.rtol, atol=policy.atol, pcoeff=0.3, icoeff=0.3)
    corners = jnp.asarray(stimulus.breakpoints(), rows.dtype)
    if corners.shape[0]:
        control = dfx.ClipStepSizeController(control, jump_ts=corners)
    end = end * (1 + 4 * jnp.finfo(rows.dtype).eps)
    subs = [dfx.SubSaveAt(ts=rows), dfx.SubSaveAt(t1=True)]
    subs += [dfx.SubSaveAt(t0=True, steps=True)] if steps else []
    solver = Rodas3(project=lambda sc, y: sc.project(y))
    sol = dfx.diffeqsolve(
        term,
        solver,
        jnp.zeros((), rows.dtype),
        end,
        end * 1e-6,
        y0,
        args=scaled,
        stepsize_controller=control,
        saveat=dfx.SaveAt(subs=subs),
        max_steps=policy.max_steps,
        adjoint=policy.adjoint,
        throw=False,
    )
    ts, ys = _saved(sol)
    y = ys[0]
    code = jnp.where(sol.result == dfx.RESULTS.successful, Result.successful, Result.step_limit)
    # Steps are refused until their limit where the drift is no number: look at it where the solve stands.
    t, reached = ts[1][0], ys[1][0]
    sound = jnp.all(jnp.isfinite(scaled.drift(t, reached, stimulus(t))))
    sound &= jnp.all(jnp.isfinite(y)) | (code == Result.step_limit)
    code = jnp.where(sound, code, Result.not_finite)
    return Solution(y, code, *((ts[2], ys[2]) if steps else ()))


def _fixed_step(scaled: Scaled, stimulus: AbstractStimulus, key, y, step, t0, h, *, cap: int):
    """One grid step of the drift-implicit Euler method; the state and whether Newton settled."""
    u1 = stimulus(t0 + (1 - _NUDGE) * h)
    kick = jnp.zeros_like(y)
    if key is not None:
        g = scaled.diffusion(t0, y, stimulus(t0 + _NUDGE * h))
        kick = g @ increments(key, step, channels=g.shape[1], dtype=y.dtype) * jnp.sqrt(h)
    return drift_implicit_euler_step(
        lambda z: scaled.drift(t0 + h, z, u1),
        y,
        kick,
        h=h,
        project=scaled.project,
        confine=lambda z, b: scaled.confine(z, b, u1),
        cap=cap,
    )


def solve_fixed(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    y0: Float[Array, " n"],
    start: Float[Array, ""],
    first: Int[Array, ""],
    key: Any,
    substeps: int,
    cap: int = 40,
) -> Solution:
    """Drift-implicit Euler on a grid, differentiable in forward and reverse mode, for one device.

    Parameters
    ----------
    scaled, stimulus, rows, y0
        As for `solve_stiff`; `y0` holds at `start` [s], before the first of the rows.
    start, first
        Time [s] and step number at which this stretch begins.
    key : Key[Array, ""] or None
        Noise of this device; None for none.
    substeps : int
        Equal steps between two rows.
    cap : int
        Largest number of Newton iterations.
    """

    @jax.checkpoint
    def interval(carry, row):
        y, t0, step, code = carry
        h = (row - t0) / substeps

        def one(c, j):
            y, settled = _fixed_step(
                scaled, stimulus, key, c[0], step + j, t0 + j.astype(h.dtype) * h, h, cap=cap
            )
            return (y, c[1] & settled), None

        (y, settled), _ = lax.scan(one, (y, jnp.asarray(True)), jnp.arange(substeps))
        worst = jnp.where(
            jnp.all(jnp.isfinite(y)), jnp.where(settled, 0, Result.newton_failed), Result.not_finite
        )
        return (y, row, step + substeps, jnp.where(code == 0, worst, code)), y

    begin = (y0, start, first, jnp.asarray(0))
    (_, _, _, code), y = lax.scan(interval, begin, rows)
    return Solution(y, code)


def _solve_by_diffrax(scaled, stimulus, *, rows, y0, key, policy: Fixed) -> Solution:
    """Fixed steps by another diffrax solver on a grid path."""
    channels = len(scaled.channels())
    n = int(np.ceil(float(rows[-1]) / policy.dt - 1e-9))
    dt = rows[-1] / n
    drift = dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, stimulus(t)))
    # To pyright an equinox AbstractVar of the base, levy_area, is a field to pass.
    path = GridPath(key=key, dt=dt, channels=channels)  # pyright: ignore[reportCallIssue]
    noise = dfx.ControlTerm(lambda t, y, sc: sc.diffusion(t, y, stimulus(t)), path)
    sol = dfx.diffeqsolve(
        dfx.MultiTerm(drift, noise),
        policy.method,
        t0=jnp.zeros((), rows.dtype),
        t1=rows[-1],
        dt0=None,
        y0=y0,
        args=scaled,
        stepsize_controller=dfx.StepTo(dt * jnp.arange(n + 1, dtype=rows.dtype)),
        saveat=dfx.SaveAt(ts=rows),
        max_steps=n + 16,
        throw=False,
    )
    _, y = _saved(sol)
    ok = (sol.result == dfx.RESULTS.successful) & jnp.all(jnp.isfinite(y))
    return Solution(y, jnp.where(ok, Result.successful, Result.not_finite))


def _with(scaled: Scaled, values: Mapping[str, Array]) -> Scaled:
    """The system with some of its device's parameters replaced."""
    if not values:
        return scaled
    system = cast(BenchedDevice, scaled.system)  # as `simulate` makes it
    device = params.replace(system.device, values, check=False)
    return eqx.tree_at(
        lambda s: s.system.device, scaled, device, is_leaf=lambda x: isinstance(x, AbstractDevice)
    )


@eqx.filter_jit
def _stiff_lanes(scaled, stimuli, rows, y0, values, policy):
    """`solve_stiff` over lanes."""
    end = jnp.max(rows)
    run = lambda s, r, y, v: solve_stiff(_with(scaled, v), s, rows=r, y0=y, end=end, policy=policy)  # noqa: E731
    return jax.vmap(run)(stimuli, rows, y0, values)


@eqx.filter_jit
def _fixed_lanes(scaled, stimuli, rows, y0, start, first, keys, values, substeps, cap):
    """`solve_fixed` over lanes."""

    def run(s, r, y, t, k, v):
        return solve_fixed(
            _with(scaled, v),
            s,
            rows=r,
            y0=y,
            start=t,
            first=first,
            key=k,
            substeps=substeps,
            cap=cap,
        )

    return jax.vmap(run)(stimuli, rows, y0, start, keys, values)


def _fixed_in_chunks(scaled, stimuli, rows, y0, keys, values, substeps, cap, bar) -> Solution:
    """`_fixed_lanes` stretch by stretch, so that a long run can show its progress and be interrupted."""
    lanes, k = rows.shape
    chunk = k if bar is None else max(1, -(-k // _CHUNKS))
    padded = jnp.concatenate([rows, jnp.repeat(rows[:, -1:], -k % chunk, axis=1)], axis=1)
    start, first = jnp.zeros(lanes, rows.dtype), jnp.asarray(0)
    parts, code = [], jnp.zeros(lanes, int)
    for a in range(0, padded.shape[1], chunk):
        piece = padded[:, a : a + chunk]
        s = _fixed_lanes(scaled, stimuli, piece, y0, start, first, keys, values, substeps, cap)
        y0, start, first = s.y[:, -1], piece[:, -1], first + chunk * substeps
        code = jnp.where(code == 0, s.result, code)
        parts.append(s.y)
        if bar is not None:
            jax.block_until_ready(s.y)
            bar.update(min(chunk, k - a))
    return Solution(jnp.concatenate(parts, axis=1)[:, :k], code)


def is_noisy(device: AbstractDevice, values: Mapping[str, Any] | None = None) -> bool:
    """Whether noise acts: a noise parameter other than zero, or traced."""
    if device.noise_structure is NoNoise:
        return False
    specs = parameter_specs(device)
    found = [getattr(device, n) for n, s in specs.items() if s.noise] + [
        v for n, v in (values or {}).items() if n in specs and specs[n].noise
    ]
    if not any(s.noise for s in specs.values()):
        return True
    known = [x for x in found if x is not None]
    return any(isinstance(x, jax.core.Tracer) or bool(np.any(np.asarray(x) != 0)) for x in known)


def _stack(stimuli: Sequence[AbstractStimulus], lanes: np.ndarray) -> AbstractStimulus:
    """One stimulus with a leading lane axis out of one per sweep."""
    arrays = [jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(float)), s) for s in stimuli]
    if any(jax.tree.structure(a) != jax.tree.structure(arrays[0]) for a in arrays):
        raise StimulusError(
            "sweeps of different kinds in one run", allowed="one kind of stimulus per run"
        )
    return jax.tree.map(lambda *x: jnp.stack(x)[lanes], *arrays)


def _pad(stimuli: Sequence[Any], rows: Sequence[np.ndarray]) -> tuple[list, np.ndarray]:
    """Sweeps of one length: shorter ones go on at their last value, in rows that are cut off again."""
    k = max(len(r) for r in rows)
    padded = [
        np.concatenate([r, r[-1] + (r[-1] - r[0]) / len(r) * np.arange(1, k - len(r) + 1)])
        for r in rows
    ]
    sampled = [s for s in stimuli if isinstance(s, Sampled)]
    if len(sampled) < len(stimuli) or len({len(s.times) for s in sampled}) == 1:
        return list(stimuli), np.stack(padded)
    n = max(len(s.times) for s in sampled)
    out = []
    for s in sampled:
        t, v, extra = np.asarray(s.times), np.asarray(s.values), n - len(s.times)
        step = t[-1] - t[-2] if len(t) > 1 else 1.0
        t = np.concatenate([t, t[-1] + step * np.arange(1, extra + 1)])
        out.append(Sampled(t, np.concatenate([v, np.repeat(v[-1:], extra)]), s.kind, s.quantity))
    return out, np.stack(padded)


def _outputs(scaled: Scaled, stimuli, rows, y, values):
    """Visible quantities and SI states at the rows of every lane."""

    def point(sc, s, t, z):
        state = sc.unpack(z)
        return sc.system.outputs(t, state, before(s, t), sc.env), state

    lane = lambda s, t, z, v: jax.vmap(partial(point, _with(scaled, v), s))(t, z)  # noqa: E731
    return jax.vmap(lane)(stimuli, rows, y, values)


_outputs_jit = eqx.filter_jit(_outputs)


class Lanes(eqx.Module):
    """Everything that a batch of solves needs, a leading axis over lanes.

    Parameters
    ----------
    stimuli : AbstractStimulus
        Stacked.
    rows : Float[Array, "lanes rows"]
        Times of output [s].
    values : dict
        Device parameters that differ between lanes [SI].
    keys : Key[Array, "lanes"] or None
        Noise; None for none.
    """

    stimuli: AbstractStimulus
    rows: Float[Array, "lanes rows"]
    values: dict[str, Float[Array, " lanes"]]
    keys: Any = None


def _run(scaled: Scaled, lanes: Lanes, y0, policy: Stiff | Fixed, bar) -> Solution:
    """One batched solve."""
    if isinstance(policy, Stiff):
        return _stiff_lanes(scaled, lanes.stimuli, lanes.rows, y0, lanes.values, policy)
    if isinstance(policy.method, DriftImplicitEuler):
        gaps = np.diff(np.asarray(lanes.rows), axis=1, prepend=0.0)
        substeps = max(1, int(np.ceil(np.max(gaps) / policy.dt - 1e-6)))
        cap = policy.method.cap
        return _fixed_in_chunks(
            scaled, lanes.stimuli, lanes.rows, y0, lanes.keys, lanes.values, substeps, cap, bar
        )
    keys = lanes.keys if lanes.keys is not None else jax.random.split(jax.random.key(0), len(y0))

    def run(s, r, y, k, v):
        return _solve_by_diffrax(_with(scaled, v), s, rows=r, y0=y, key=k, policy=policy)

    solutions = [
        run(*jax.tree.map(lambda x: x[n], (lanes.stimuli, lanes.rows, y0, keys, lanes.values)))  # noqa: B023
        for n in range(len(y0))
    ]
    return jax.tree.map(lambda *x: jnp.stack(x), *solutions)


def _default_rows(stimulus: AbstractStimulus, save) -> np.ndarray:
    """Times of output [s]: given, every so many seconds, or 1000 equal intervals and the corners."""
    if save is None:
        grid = np.linspace(0.0, stimulus.duration, 1001)
        return np.unique(np.concatenate([grid, np.asarray(stimulus.breakpoints())]))
    if np.ndim(save) == 0:
        n = int(np.floor(stimulus.duration / float(save) + 1e-9))
        return np.arange(n + 1) * float(save)
    return np.asarray(save, float)


def _rows_of(stimuli: Sequence[AbstractStimulus], save) -> list[np.ndarray]:
    """Times of output [s] of every sweep."""
    many = isinstance(save, list | tuple)
    rows = (
        [np.asarray(r, float) for r in save] if many else [_default_rows(s, save) for s in stimuli]
    )
    if not stimuli or len(rows) != len(stimuli) or any(len(r) < 1 for r in rows):
        raise StimulusError(
            f"{len(stimuli)} sweeps with rows for {len(rows)}", allowed="one set of rows per sweep"
        )
    return rows


def _settled(policy: AbstractPolicy, system: BenchedDevice, rows, *, noisy: bool) -> Stiff | Fixed:
    """What a policy stands for with these rows of output, checked."""
    gaps = np.concatenate([np.diff(r, prepend=0.0) for r in rows])
    settled = resolve(policy, noisy=noisy, gaps=gaps)
    check(settled, system.noise_structure, noisy=noisy)
    return settled


def simulate(
    device: AbstractDevice,
    stimulus: AbstractStimulus | Sequence[AbstractStimulus],
    *,
    bench: Bench | None = None,
    policy: AbstractPolicy | None = None,
    env: Environment | None = None,
    members: int = 1,
    seed: int = 0,
    save: float | np.ndarray | Sequence[np.ndarray] | None = None,
    labels: Sequence[int] | None = None,
    deterministic: bool = False,
    carry_state: bool | None = None,
    values: Mapping[str, Float[Array | np.ndarray, "members sweeps"]] | None = None,
    progress: bool = False,
) -> Trace:
    """Simulate a device on a bench.

    Parameters
    ----------
    device : AbstractDevice
        The device.
    stimulus : AbstractStimulus or sequence of them
        One sweep, or several; each sweep's time starts at 0.
    bench : Bench, optional
        Series and parallel elements, compliance.
    policy : AbstractPolicy, optional
        `Auto` by default.
    env : Environment, optional
        Temperature.
    members : int
        Number of devices: equal parameters, independent noise.
    seed : int
        Seed of all noise. Member m's noise in sweep k depends on seed, m and k only.
    save : float, array or sequence of arrays, optional
        Interval between rows [s], or times of rows [s], of every sweep where it is a sequence.
    labels : sequence of int, optional
        Labels of the sweeps; 0, 1, ... by default.
    deterministic : bool
        Whether to leave diffusion out; the drift stands as it is.
    carry_state : bool, optional
        Whether a sweep starts where the last one ended; by default if the device is not volatile.
    values : mapping of str to Float[Array, "members sweeps"], optional
        Parameters that differ between members and sweeps [SI].
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    Trace
        `result` says how each solve ended; nothing is raised for a failed one until `Trace.check`.

    Raises
    ------
    PolicyError, BoundsError, StimulusError
        For combinations that cannot be right.
    """
    stimuli = [stimulus] if isinstance(stimulus, AbstractStimulus) else list(stimulus)
    rows = _rows_of(stimuli, save)
    noisy = not deterministic and is_noisy(device, values)
    own = device if noisy else params.quiet(device)
    system = BenchedDevice(own, bench or Bench(), stimuli[0].quantity)
    scaled = Scaled(system, env or Environment())
    policy = _settled(policy or Auto(), system, rows, noisy=noisy)
    carry = not device.volatile if carry_state is None else carry_state
    batch = _Batch(
        scaled, stimuli, rows, members, seed if noisy else None, dict(values or {}), policy
    )
    visible, state, code = batch.solve(carry, progress)
    notes = {"model": device.name, "policy": repr(policy), "seed": seed, "deterministic": not noisy}
    return Trace(
        t=jnp.asarray(np.concatenate(rows)),
        sweep=np.repeat(range(len(rows)) if labels is None else labels, batch.lengths),
        state=state,
        result=code,
        units={s.name: s.unit for s in system.specs},
        notes=notes,
        **visible,
    )


def _bar(progress: bool, batch: "_Batch", carry: bool):
    """A progress bar over rows, or None."""
    if not progress:
        return None
    from tqdm import tqdm

    total = batch.rows.shape[1] * (len(batch.lengths) if carry else 1)
    return tqdm(total=total, desc="simulate", unit="row", leave=False)


class _Batch:
    """The lanes of one call of `simulate`: members times sweeps, solved at once or sweep after sweep."""

    def __init__(self, scaled, stimuli, rows, members, seed, values, policy):
        self.scaled, self.policy, self.members, self.seed = scaled, policy, members, seed
        params.replace(scaled.system.device, values)  # refuses unknown names, values out of bounds
        self.lengths = [len(r) for r in rows]
        self.stimuli, self.rows = _pad(stimuli, rows)
        self.values = {
            n: jnp.broadcast_to(jnp.asarray(x), (members, len(rows))) for n, x in values.items()
        }

    def _unique(self) -> tuple[np.ndarray, np.ndarray]:
        """Sweeps that differ, and for each sweep which of them it is: without noise equal sweeps are solved once."""
        leaves = [jax.tree.leaves(s) for s in self.stimuli]
        traced = any(isinstance(x, jax.core.Tracer) for parts in leaves for x in parts)
        if traced or len({sum(np.size(x) for x in parts) for parts in leaves}) > 1:
            return np.arange(len(self.rows)), np.arange(len(self.rows))
        leaves = [np.concatenate([np.ravel(x) for x in parts]) for parts in leaves]
        table = np.concatenate([np.stack(leaves), self.rows], axis=1)
        _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return first, which.ravel()

    def _lanes(self, member: np.ndarray, sweep: np.ndarray) -> Lanes:
        """The lanes of the given members and sweeps."""
        keys = None
        if self.seed is not None:
            keys = jax.vmap(lambda m, k: device_key(self.seed, member=m, sweep=k))(
                jnp.asarray(member), jnp.asarray(sweep)
            )
        values = {n: x[member, sweep] for n, x in self.values.items()}
        return Lanes(_stack(self.stimuli, sweep), jnp.asarray(self.rows[sweep]), values, keys)

    def _solve(self, lanes: Lanes, y0, bar):
        """Visible quantities, states, result and last vector of every lane."""
        solution = _run(self.scaled, lanes, y0, self.policy, bar)
        visible, state = _outputs_jit(
            self.scaled, lanes.stimuli, lanes.rows, solution.y, lanes.values
        )
        return visible, state, solution

    def _rest(self, lanes: Lanes):
        """Vector at rest of every lane."""
        n = len(lanes.rows)
        if not lanes.values:
            return jnp.broadcast_to(self.scaled.initial(), (n, len(self.scaled.scale)))
        return jax.vmap(lambda v: _with(self.scaled, v).initial())(lanes.values)

    def _flatten(self, per_sweep):
        """Members by rows out of sweeps of (member, row) arrays, padding cut off."""
        cut = [
            jax.tree.map(lambda x, n=n: x[:, :n], p)
            for p, n in zip(per_sweep, self.lengths, strict=True)
        ]
        return jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *cut)

    def solve(self, carry: bool, progress: bool):
        """Visible quantities and states by member and row, results by member and sweep."""
        bar = _bar(progress, self, carry)
        found = self.in_order(bar) if carry else self.at_once(bar)
        if bar is not None:
            bar.close()
        return found

    def at_once(self, bar):
        """All sweeps of all members as one batch."""
        sweeps = np.arange(len(self.rows))
        plain = self.seed is None and not self.values
        first, which = self._unique() if plain else (sweeps, sweeps)
        copies = 1 if plain else self.members
        member, sweep = np.repeat(np.arange(copies), len(first)), np.tile(first, copies)
        lanes = self._lanes(member, sweep)
        visible, state, solution = self._solve(lanes, self._rest(lanes), bar)

        def back(x):
            return jnp.broadcast_to(
                x.reshape(copies, len(first), *x.shape[1:])[:, which],
                (self.members, len(which), *x.shape[1:]),
            )

        visible, state = jax.tree.map(back, (visible, state))
        per_sweep = [jax.tree.map(lambda x, k=k: x[:, k], (visible, state)) for k in sweeps]
        return *self._flatten(per_sweep), back(solution.result)

    def in_order(self, bar):
        """Sweep after sweep, each from the state at the end of the one before."""
        parts, codes, y0 = [], [], None
        for k, length in enumerate(self.lengths):
            lanes = self._lanes(np.arange(self.members), np.full(self.members, k))
            y0 = self._rest(lanes) if y0 is None else y0
            visible, state, solution = self._solve(lanes, y0, bar)
            y0 = solution.y[:, length - 1]
            parts.append((visible, state))
            codes.append(solution.result)
        return *self._flatten(parts), jnp.stack(codes, axis=1)


def waveform(
    measurement: Measurement, point_time: float | None = None
) -> tuple[list[Sampled], list[np.ndarray], list[int]]:
    """The waveform that a measurement applied, sweep by sweep.

    Parameters
    ----------
    measurement : Measurement
        What was measured.
    point_time : float, optional
        Time for which each point was held [s], needed where the file has no time; ignored where it
        has.

    Returns
    -------
    stimuli : list of Sampled
        A staircase without time (point k held during [k, k + 1) point times), straight lines with.
    rows : list of Float[np.ndarray, "points"]
        When each point was measured [s]: at the end of its hold, or at its time from the start of
        the sweep.
    labels : list of int
        Labels of the sweeps.
    """
    stimuli, rows, labels = [], [], []
    for label, sweep in measurement.sweeps():
        values = sweep.v if measurement.driven == "voltage" else sweep.i
        if sweep.t is None:
            if point_time is None:
                raise StimulusError(
                    "no time column",
                    where=str(measurement.source.get("file", "measurement")),
                    fix="say --point-time S",
                )
            s = staircase(values, point_time, quantity=measurement.driven)
            row = (np.arange(len(values)) + 1) * point_time
        else:
            row = sweep.t - sweep.t[0]
            s = Sampled(row, np.asarray(values, float), "linear", measurement.driven)
        stimuli.append(s)
        rows.append(row)
        labels.append(label)
    return stimuli, rows, labels


def simulate_like(
    device: AbstractDevice,
    measurement: Measurement,
    *,
    point_time: float | None = None,
    **options: Any,
) -> Trace:
    """Simulate what a measurement did: one row per measured point.

    Parameters
    ----------
    device : AbstractDevice
        The device.
    measurement : Measurement
        Gives waveform and sweeps.
    point_time : float, optional
        See `waveform`.
    **options
        Passed to `simulate`.

    Returns
    -------
    Trace
        `sweep` repeats the labels of the measurement.
    """
    stimuli, rows, labels = waveform(measurement, point_time)
    return simulate(device, stimuli, save=rows, labels=labels, **options)


__all__ = [
    "AbstractSystem",
    "Fixed",
    "Lanes",
    "Solution",
    "before",
    "is_noisy",
    "simulate",
    "simulate_like",
    "solve_fixed",
    "solve_stiff",
    "waveform",
]
