"""From a device, a stimulus and a policy to a trace: the one place where physics and solvers meet."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import params
from .circuit import Bench, BenchedDevice
from .data.measurement import Measurement
from .device import AbstractDevice
from .errors import StimulusError
from .fields import parameter_specs
from .noise import device_key
from .policy import AbstractPolicy, Auto, Fixed, Stiff, check, resolve
from .programs import kept
from .result import Trace
from .scaling import Scaled
from .solve import Solution, before, solve_by_diffrax, solve_fixed, solve_stiff
from .solver import DriftImplicitEuler
from .stimulus import AbstractStimulus, Sampled, staircase
from .system import AbstractSystem, Environment, NoNoise

_CHUNKS = 25


def _with(scaled: Scaled, values: Mapping[str, Array]) -> Scaled:
    """The system with some of its device's parameters replaced."""
    if not values:
        return scaled
    system = cast(BenchedDevice, scaled.system)  # as `simulate` makes it
    device = params.replace(system.device, values, check=False)
    return eqx.tree_at(
        lambda s: s.system.device, scaled, device, is_leaf=lambda x: isinstance(x, AbstractDevice)
    )


@kept
def _stiff_lanes(scaled, stimuli, rows, y0, values, policy):
    """`solve_stiff` over lanes: scaled states and results."""
    end = jnp.max(rows)

    def run(s, r, y, v):
        solution = solve_stiff(_with(scaled, v), s, rows=r, y0=y, end=end, policy=policy)
        return solution.y, solution.result

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


_outputs_jit = kept(_outputs)


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


def _fixed_by_steps(scaled: Scaled, lanes: Lanes, y0, policy: Fixed, bar) -> Solution:
    """`_fixed_in_chunks`, lanes of equal steps between rows together.

    The steps of a lane, and so its noise, follow from its own rows and not from those beside it.
    """
    gaps = np.diff(np.asarray(lanes.rows), axis=1, prepend=0.0)
    needed = np.maximum(np.ceil(np.max(gaps, axis=1) / policy.dt - 1e-6), 1).astype(int)
    parts, order = [], []
    for substeps in np.unique(needed):
        own = np.flatnonzero(needed == substeps)
        some, y = lanes, y0
        if len(own) < len(y0):
            some, y = jax.tree.map(lambda x, own=own: x[own], (lanes, y0))
        args = (scaled, some.stimuli, some.rows, y, some.keys, some.values)
        parts.append(_fixed_in_chunks(*args, int(substeps), policy.method.cap, bar))
        order.append(own)
    if len(parts) == 1:
        return parts[0]
    back = np.argsort(np.concatenate(order))
    return jax.tree.map(lambda *x: jnp.concatenate(x)[back], *parts)


def _run(scaled: Scaled, lanes: Lanes, y0, policy: Stiff | Fixed, bar) -> Solution:
    """One batched solve."""
    if isinstance(policy, Stiff):
        return Solution(*_stiff_lanes(scaled, lanes.stimuli, lanes.rows, y0, lanes.values, policy))
    if isinstance(policy.method, DriftImplicitEuler):
        return _fixed_by_steps(scaled, lanes, y0, policy, bar)
    keys = lanes.keys if lanes.keys is not None else jax.random.split(jax.random.key(0), len(y0))

    def run(s, r, y, k, v):
        return solve_by_diffrax(_with(scaled, v), s, rows=r, y0=y, key=k, policy=policy)

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
