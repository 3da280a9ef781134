"""From a device, a stimulus and a policy to a trace: the one place where physics and solvers meet."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ..circuit import Bench, Circuit, build_system, limited_bench, replace_values, stack_circuit
from ..core import params
from ..core.fields import parameter_specs, stored
from ..core.result import FinalState, Result, Trace
from ..core.scaling import Scaled
from ..core.system import AbstractSystem, Environment, NoNoise
from ..data.measurement import Measurement
from ..device import AbstractDevice, AbstractTwoTerminal
from ..errors import StimulusError
from ..lanes.choice import use_backend
from ..noise import words_of_devices
from ..runtime.arguments import as_seed
from ..runtime.compile_cache import cached_jit
from ..runtime.deprecated import forward_keywords
from ..runtime.flags import check_flags
from ..runtime.memory import check_size
from ..stimulus import AbstractStimulus, Drives, Sampled, staircase
from .batch import Grid, grid_events, map_lanes, solve_grid
from .checks import (
    as_rows,
    as_values,
    check_arguments,
    check_duration_known,
    check_labels,
    check_rows_exist,
    check_rows_fit,
    checked_members,
    describe_kind,
    flag_out_of_bounds,
    is_traced,
    mark_derivatives,
    mark_inputs,
    report_failures,
    step_report,
)
from .crossings import named_integrals, public_crossings, sweep_watches
from .fixed import with_values
from .policy import AbstractPolicy, Auto, Stiff, check, resolve
from .precision import check_precision
from .requests import Conditions, Output
from .resolution import check_pulses_seen
from .signals import outputs_and_states, terminal_values
from .solution import Solution, value_before
from .start import Start, checked_start, model_text


def is_noisy(
    device: AbstractDevice | AbstractSystem, values: Mapping[str, Any] | None = None
) -> bool:
    """Whether noise acts: a noise parameter other than zero, or traced; or jumps."""
    if device.jumps(0.0, device.initial(Environment()), jnp.zeros(()), Environment()):
        return True
    if device.noise_structure is NoNoise:
        return False
    specs = parameter_specs(device)
    strengths = [stored(device, n) for n, s in specs.items() if s.noise] + [
        v for n, v in (values or {}).items() if n in specs and specs[n].noise
    ]
    if not any(s.noise for s in specs.values()):
        return True
    amplitudes = [x for x in strengths if x is not None]
    return any(
        isinstance(x, jax.core.Tracer) or bool(np.any(np.asarray(x) != 0)) for x in amplitudes
    )


def _stack(stimuli: Sequence[AbstractStimulus], numbers: np.ndarray) -> AbstractStimulus:
    """Stack the stimuli of some sweeps into one with a leading axis."""
    arrays = [jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(float)), s) for s in stimuli]
    if any(jax.tree.structure(a) != jax.tree.structure(arrays[0]) for a in arrays):
        raise StimulusError(
            "sweeps of different kinds in one run", allowed="one kind of stimulus per run"
        )
    return jax.tree.map(lambda *x: jnp.stack([x[k] for k in numbers]), *arrays)


def _pad(stimuli: Sequence[Any], rows: Sequence[np.ndarray]) -> tuple[list, np.ndarray]:
    """Pad sweeps to one length: shorter ones continue at their last value, in rows that are removed again."""
    k = max(len(r) for r in rows)
    row_times = [
        np.concatenate([r, r[-1] + (r[-1] - r[0]) / len(r) * np.arange(1, k - len(r) + 1)])
        for r in rows
    ]
    waveforms = [s for s in stimuli if isinstance(s, Sampled)]
    if len(waveforms) < len(stimuli) or len({len(s.times) for s in waveforms}) == 1:
        return list(stimuli), np.stack(row_times)
    n = max(len(s.times) for s in waveforms)
    out = []
    for s in waveforms:
        t, v, extra = jnp.asarray(s.times), jnp.asarray(s.values), n - len(s.times)
        if not any(is_traced(x) for x in (t, v)):
            t, v = np.asarray(s.times), np.asarray(s.values)
        xp: Any = np if isinstance(t, np.ndarray) else jnp
        step = t[-1] - t[-2] if len(t) > 1 else 1.0
        t = xp.concatenate([t, t[-1] + step * xp.arange(1, extra + 1)])
        out.append(Sampled(t, xp.concatenate([v, xp.repeat(v[-1:], extra)]), s.kind, s.quantity))
    return out, np.stack(row_times)


def _row(scaled: Scaled, stimulus: AbstractStimulus, t, z):
    """Visible quantities and SI states at a row."""
    state = scaled.unpack(z)
    out, state = outputs_and_states(scaled.system, t, state, stimulus, scaled.env)
    return terminal_values(out), state


@cached_jit
def _outputs(scaled: Scaled, grid: Grid, y):
    """Visible quantities and SI states at the rows of every lane; whether all voltages and currents are numbers."""

    def run(sweep, values, key, y):
        system = with_values(scaled, values)
        visible, state = jax.vmap(partial(_row, system, sweep.stimulus))(sweep.rows, y)
        # Rates may hide a drive that is no number in a branch that is not taken; what an instrument reads does not.
        return visible, state, jnp.all(jnp.isfinite(visible["v"]) & jnp.isfinite(visible["i"]))

    return map_lanes(run, grid, y)


@partial(jax.jit, static_argnums=2)
def _component(states, place, size: int):
    """Components of states, from a place on: of a number that is known to no program, so that all states share one."""
    if size == 1:
        return jax.lax.dynamic_index_in_dim(states, place, axis=-1, keepdims=False)
    return jax.lax.dynamic_slice_in_dim(states, place, size, axis=-1)


def _states_by_name(scaled: Scaled, stacked: Any, state: dict, places: np.ndarray) -> dict:
    """States of a circuit out of those of its stacks."""
    joined = [state[s.name] for s in stacked.specs]
    joined = [x if s.size > 1 else x[..., None] for x, s in zip(joined, stacked.specs, strict=True)]
    states, specs = jnp.concatenate(joined, axis=-1), scaled.system.specs
    starts = places[np.cumsum([0, *(s.size for s in specs[:-1])])]
    return {s.name: _component(states, k, s.size) for s, k in zip(specs, starts, strict=True)}


def _default_rows(stimulus: AbstractStimulus, save) -> np.ndarray:
    """Times of output [s]: given, every so many seconds, or 1000 equal intervals and the corners."""
    check_duration_known(stimulus, save)
    if save is None:
        grid = np.linspace(0.0, stimulus.duration, 1001)
        return np.unique(np.concatenate([grid, np.asarray(stimulus.breakpoints())]))
    if np.ndim(save) == 0:
        # Rounding must not lose the row at the end.
        n = int(np.floor(stimulus.duration / float(save) + 1e-9))
        check_size(n, 32, what="rows", where="save of simulate", error=StimulusError)
        return np.arange(n + 1) * float(save)
    return np.asarray(save, float)


def _sweeps(stimulus, save, labels) -> tuple[list[AbstractStimulus], list[np.ndarray]]:
    """The sweeps, and the times of output [s] of each."""
    stimuli = [stimulus] if isinstance(stimulus, AbstractStimulus) else list(stimulus)
    is_sequence = isinstance(save, list | tuple)
    rows = (
        [np.asarray(r, float) for r in save]
        if is_sequence
        else [_default_rows(s, save) for s in stimuli]
    )
    if not stimuli or len(rows) != len(stimuli) or any(len(r) < 1 for r in rows):
        raise StimulusError(
            f"{len(stimuli)} sweeps with rows for {len(rows)}", allowed="one set of rows per sweep"
        )
    check_rows_exist(stimuli, save, rows)
    check_labels(labels, len(rows))
    return stimuli, rows


def _without_source(model, bench, quantity: str) -> Any:
    """A branch with the source that it lacks; any other model as it is."""
    branch = isinstance(model, AbstractTwoTerminal) and not isinstance(model, AbstractDevice)
    return build_system(model, bench, quantity) if branch else model


def _strong(model, values: Mapping[str, Any]) -> Any:
    """The model with the greatest strength of each noise that differs between lanes: it decides what is solved."""
    specs = {} if not values else parameter_specs(model)
    maxima = {
        n: jnp.max(jnp.asarray(x)) for n, x in values.items() if n in specs and specs[n].noise
    }
    return replace_values(model, maxima) if maxima else model


def _system(model, bench, stimuli) -> tuple[AbstractSystem, list]:
    """Return the system to integrate, without the noise that does not act, and its stimuli by port."""
    if isinstance(model, Circuit) and any(isinstance(s, Drives) for s in stimuli):
        stimuli = [s.in_order_of(model.ports) if isinstance(s, Drives) else s for s in stimuli]
    has_parameters = isinstance(model, AbstractDevice | Circuit)
    noiseless = params.quiet(model) if has_parameters else model
    return build_system(noiseless, bench, stimuli[0].quantity), stimuli


def _notes(device, policy, seed, noisy: bool, driven: str) -> dict[str, Any]:
    """Provenance of a trace."""
    notes = {"model": getattr(device, "name", type(device).__name__), "policy": repr(policy)}
    notes |= {"driven": driven}
    return notes | {"seed": "traced" if is_traced(seed) else seed, "deterministic": not noisy}


@forward_keywords(groups={"conditions": Conditions, "output": Output})
def simulate(
    device: AbstractDevice | AbstractTwoTerminal | AbstractSystem,
    stimulus: AbstractStimulus | Sequence[AbstractStimulus],
    *,
    bench: Bench | None = None,
    policy: AbstractPolicy | None = None,
    members: int | Sequence[int] | np.ndarray = 1,
    seed: int | Int[Array, ""] = 0,
    save: float | np.ndarray | Sequence[np.ndarray] | None = None,
    deterministic: bool = False,
    conditions: Conditions | None = None,
    output: Output | None = None,
) -> Trace:
    """Simulate a device on a bench, or a circuit.

    Parameters
    ----------
    device : AbstractDevice, branch of elements such as ``r + (device | c)``, Circuit or other AbstractSystem
        The device; anything else stands without a bench.
    stimulus : AbstractStimulus or sequence of them
        One sweep, or several; each sweep's time starts at 0. `Drives` for several driven sources.
    bench : Bench, optional
        Series and parallel elements, compliance.
    policy : AbstractPolicy, optional
        `Auto` by default.
    members : int or sequence of int
        How many devices of equal parameters and independent noise; or the number of each: those of
        equal number share their noise.
    seed : int
        Seed of all noise, which may be traced. Member m's noise in sweep k depends on seed, m and k only.
    save : float, array or sequence of arrays, optional
        Interval between rows [s], or times of rows [s], of every sweep where it is a sequence.
    deterministic : bool
        Whether to leave diffusion out; the drift stands as it is.
    conditions : Conditions, optional
        Temperature, initial states, whether they are carried on, and parameters that differ between members.
    output : Output, optional
        Labels, events, integrals, a progress bar, what happens where solves failed, and what computes.

    Returns
    -------
    Trace
        `result` says how each solve ended. Members that failed give no observable, see `Trace.good`.

    Raises
    ------
    PolicyError, BoundsError, StimulusError, ModelError
        For combinations that cannot be right, and for a solve that float32 cannot hold.
    UsageError
        For a backend of another name.

    Notes
    -----
    Rows are samples: a sum over them is a staircase in the switching time, and a crossing between two moves with their
    secant. Ask for `events` and `integrals` to differentiate. No derivative sees events that appear or vanish.
    """
    request = conditions or Conditions(), output or Output()
    with use_backend(request[1].backend):
        return _run(device, stimulus, bench, policy, members, seed, save, deterministic, *request)


def _run(
    device, stimulus, bench, policy, members, seed, save, deterministic, conditions: Conditions, output: Output
) -> Trace:  # fmt: skip
    """See `simulate`."""
    env, bar = conditions.env, output.progress
    watched = (output.events, output.integrals)
    flags = {"deterministic": deterministic}
    check_arguments(device, stimulus, bench=bench, env=env, watched=watched, flags=flags)
    members, seed = checked_members(members), as_seed(seed, where="simulate")
    drives, rows = _sweeps(stimulus, as_rows(save), output.labels)
    model = _without_source(device, bench, drives[0].quantity)
    values = as_values(model, conditions.values, members=members, sweeps=len(rows))
    noisy = not deterministic and is_noisy(model, values)
    system, stimuli = _system(_strong(model, values), bench, drives)
    policy = resolve(Auto() if policy is None else policy)
    check(policy, system.noise_structure, noisy=noisy)
    check_precision(system, policy, stimuli, rows, values, noisy=noisy)
    check_pulses_seen(policy, stimuli, rows)
    count = members if isinstance(members, int) else np.size(members)
    check_rows_fit(count, rows, len(system.specs))
    inputs = Scaled(system, env or Environment()), stimuli, values
    scaled, stimuli, inputs = mark_inputs(policy, inputs)
    watch = sweep_watches(system, output.events or {}, output.integrals, len(stimuli))
    batch = _Batch(scaled, stimuli, rows, members, seed if noisy else None, inputs, policy, watch)
    batch.model = model_text(model)
    if conditions.initial is not None:
        start = checked_start(scaled, conditions.initial, batch.members, model=model)
        batch.start = mark_inputs(policy, start)
    lanes = mark_derivatives(policy, batch.solve(_carries(device, conditions), bar))
    notes = _notes(device, policy, seed, noisy, drives[0].quantity)
    notes["backend"] = " and ".join(batch.backends)
    trace = _trace(batch, lanes, rows, output, notes)
    trace = flag_out_of_bounds(trace, model, values=values, bench=bench, env=env, stimuli=drives)
    return report_failures(trace, output.on_failure, step_report(policy, lanes[-1].stiffness))


def _carries(device: Any, conditions: Conditions) -> bool:
    """Whether each sweep starts where the one before ended."""
    carry = conditions.carry_state
    return not getattr(device, "volatile", True) if carry is None else carry


def _trace(
    batch: "_Batch",
    lanes: tuple,
    rows: Sequence[np.ndarray],
    output: Output,
    notes: dict,
) -> Trace:
    """Return the lanes of a batch as a trace."""
    visible, state, watch_results, ends = lanes
    t, crossings = jnp.asarray(np.concatenate(rows)), watch_results["events"]
    numbers = np.repeat(range(len(rows)), batch.lengths)
    # The nodes of a circuit may stand on its sources; nothing else is meant at a drive.
    is_circuit = isinstance(batch.scaled.system, Circuit)
    drive = value_before(batch.last_drive, t[-1]) if is_circuit else None
    return Trace(
        t=t,
        sweep=numbers if output.labels is None else np.asarray(output.labels)[numbers],
        state=state,
        events=public_crossings(crossings, output.integrals),
        integrals=named_integrals(
            output.integrals, watch_results["integrals"], crossings, t, numbers
        ),
        final=FinalState({k: x[:, -1] for k, x in state.items()}, drive, batch.model),
        **{k: getattr(ends, k) for k in ("result", "accepted", "rejected", "pattern")},
        units={s.name: s.unit for s in batch.scaled.system.specs},
        notes=notes,
        **visible,
    )


def _bar(progress: bool, batch: "_Batch", carry: bool):
    """A progress bar over rows, or None."""
    if not progress:
        return None
    from tqdm.auto import tqdm

    total = batch.rows.shape[1] * (len(batch.lengths) if carry else 1)
    return tqdm(total=total, desc="simulate", unit="row", leave=False)


def _ends(solution: Solution) -> Solution:
    """A solution without its states, what was watched and what solved: how it ended."""
    end = dataclasses.replace(solution, integrals=None, memory=None, backend="")
    return eqx.tree_at(lambda s: s.y, end, solution.y[:, :, :0, :0])


def _of_solve(grid: Grid):
    """The parts of a grid that only a solve needs: its keys, and its watch."""
    return grid.keys, grid.watch


class _Batch:
    """The lanes of one call of `simulate`: members times sweeps, solved at once or sweep after sweep."""

    def __init__(self, scaled, stimuli, rows, members, seed, values, policy, watch):
        self.scaled, self.policy, self.seed = scaled, policy, seed
        self.watch, self.last_drive = watch, stimuli[-1]
        self.start: Start | None = None
        self.model = ""
        self.backends: dict[str, None] = {}  # in the order of use
        self.numbers = np.arange(members) if isinstance(members, int) else members
        self.members = members = len(self.numbers)
        if values:  # unknown names and values out of bounds are refused
            replace_values(scaled.system, values, check=True)
        self.lengths = [len(r) for r in rows]
        self.stimuli, self.rows = _pad(stimuli, rows)
        self.values = {
            n: jnp.broadcast_to(jnp.asarray(x), (members, len(rows))) for n, x in values.items()
        }

    def _unique(self) -> tuple[np.ndarray, np.ndarray]:
        """Sweeps that differ, and for each sweep which of them it is: without noise equal sweeps are solved once."""
        leaves = [jax.tree.leaves(s) for s in self.stimuli]
        unknown = any(isinstance(x, jax.core.Tracer) for parts in leaves for x in parts)
        if (
            unknown
            or self.watch is not None
            or len({sum(np.size(x) for x in parts) for parts in leaves}) > 1
        ):
            return np.arange(len(self.rows)), np.arange(len(self.rows))
        # A stimulus of no numbers, of a user's own, has no leaves.
        leaves = [np.concatenate([np.zeros(0), *map(np.ravel, parts)]) for parts in leaves]
        table = np.concatenate([np.stack(leaves), self.rows], axis=1)
        _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return first, inverse.ravel()

    def _grid(self, members: int, sweeps: np.ndarray) -> Grid:
        """The first so many members, and some of the sweeps."""
        keys = None
        if self.seed is not None:
            lanes = jnp.asarray(self.numbers[:members]), jnp.asarray(sweeps)
            keys = words_of_devices(self.seed, *lanes)
        values = {n: x[:members, sweeps] for n, x in self.values.items()}
        rows = self.rows[sweeps].astype(jnp.result_type(float))  # known, under transformations too
        watch = None if self.watch is None else jax.tree.map(lambda x: x[sweeps], self.watch)
        return Grid(_stack(self.stimuli, sweeps), rows, values, keys, watch)

    def _solve(self, grid: Grid, y0, bar):
        """Rows of every lane (visible quantities, states, integrals), its events, and its solution."""
        stack = self._stack(grid)
        scaled, places = stack or (self.scaled, None)
        y0 = y0 if places is None else y0[..., np.argsort(places)]
        solution = solve_grid(scaled, grid, y0, self.policy, bar)
        self.backends[solution.backend] = None
        plain = eqx.tree_at(_of_solve, grid, (None, None), is_leaf=lambda x: x is None)
        visible, state, finite = _outputs(scaled, plain, solution.y)
        if places is not None:
            state = _states_by_name(self.scaled, scaled.system, state, places)
            solution = dataclasses.replace(solution, y=solution.y[..., places])
        lost = (solution.result == Result.successful) & ~finite
        code = jnp.where(lost, Result.not_finite, solution.result)
        solution = dataclasses.replace(solution, result=code)
        crossings = {}
        if grid.watch is not None and grid.watch.events:
            crossings = grid_events(self.scaled, grid, solution.memory, self.policy)
        return (visible, state, solution.integrals), crossings, solution

    def _stack(self, grid: Grid) -> tuple[Scaled, np.ndarray] | None:
        """A circuit of many nodes as few arrays, where its elements are asked for by no name."""
        if grid.values or grid.watch is not None or not isinstance(self.policy, Stiff):
            return None
        # Other methods may treat states one after the other, by their names; jumps have names too.
        by_name = self.policy.method is not None or self.scaled.has_jumps
        return None if grid.keys is not None and by_name else stack_circuit(self.scaled)

    def _initial_vectors(self, grid: Grid, members: int):
        """Vector of every lane at the start: at rest, or as given."""
        shape = (members, len(grid.rows), len(self.scaled.scale))
        if self.start is not None:
            return self.start.vectors(lambda v: with_values(self.scaled, v), grid)
        if not grid.values:
            return jnp.broadcast_to(self.scaled.initial(), shape)
        initial = jax.vmap(jax.vmap(lambda v: with_values(self.scaled, v).initial()))
        return initial(grid.values)

    def _flatten(self, per_sweep):
        """Members by rows out of sweeps of (member, row) arrays, padding cut off."""
        cut = [
            jax.tree.map(lambda x, n=n: x[:, :n], p)
            for p, n in zip(per_sweep, self.lengths, strict=True)
        ]
        return jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *cut)

    def solve(self, carry: bool, progress: bool):
        """Visible quantities, states and what was watched by member and row, how solves ended by member and sweep."""
        bar = _bar(progress, self, carry)
        lanes = self.in_order(bar) if carry else self.at_once(bar)
        if bar is not None:
            bar.close()
        (visible, state, integrals), events, ends = lanes
        return visible, state, {"integrals": integrals, "events": events}, ends

    def at_once(self, bar):
        """All sweeps of all members as one batch."""
        sweeps = np.arange(len(self.rows))
        # Without noise and values of their own all members are alike: one is solved for all.
        plain = self.seed is None and not self.values and self.start is None
        first, inverse = self._unique() if plain else (sweeps, sweeps)
        members = 1 if plain else self.members
        grid = self._grid(members, first)
        *results, solution = self._solve(grid, self._initial_vectors(grid, members), bar)

        ends = _ends(solution)
        if plain:

            def spread(x):
                return jnp.broadcast_to(x[:, inverse], (self.members, len(inverse), *x.shape[2:]))

            results, ends = jax.tree.map(spread, (results, ends))
        rows, events = results
        count = self.rows.size
        # Where nothing is padding, sweeps lie one after the other, and need no copy.
        if count == sum(self.lengths):
            flat = jax.tree.map(lambda x: x.reshape(len(x), count, *x.shape[3:]), rows)
            return flat, events, ends
        per_sweep = [jax.tree.map(lambda x, k=k: x[:, k], rows) for k in sweeps]
        return self._flatten(per_sweep), events, ends

    def in_order(self, bar):
        """Sweep after sweep, each from the state at the end of the one before."""
        parts, ends, y0 = [], [], None
        for k, length in enumerate(self.lengths):
            grid = self._grid(self.members, np.array([k]))
            y0 = self._initial_vectors(grid, self.members) if y0 is None else y0
            rows, events, solution = self._solve(grid, y0, bar)
            # The last row of the sweep itself: what follows is padding.
            y0 = solution.y[:, :, length - 1]
            parts.append(jax.tree.map(lambda x: x[:, 0], rows))
            ends.append((events, _ends(solution)))
        events_and_ends = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *ends)
        return self._flatten(parts), *events_and_ends


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
        values = sweep.applied
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


@forward_keywords(groups={"conditions": Conditions, "output": Output})
def simulate_like(
    device: AbstractDevice | AbstractTwoTerminal | AbstractSystem,
    measurement: Measurement,
    *,
    point_time: float | None = None,
    limited: bool = False,
    **options: Any,
) -> Trace:
    """Simulate what a measurement did: one row per measured point.

    Parameters
    ----------
    device : AbstractDevice, branch of elements, Circuit or other AbstractSystem
        See `simulate`.
    measurement : Measurement
        Gives waveform and sweeps.
    point_time : float, optional
        See `waveform`.
    limited : bool
        Whether the source has in each sweep the current limits that the measurement had there, in place of the bench's.
    **options
        Passed to `simulate`.

    Returns
    -------
    Trace
        `sweep` repeats the labels of the measurement.
    """
    check_flags({"limited": limited}, where="simulate_like")
    if not isinstance(measurement, Measurement):
        raise StimulusError(
            f"{describe_kind(measurement)} in place of a measurement",
            where="simulate_like",
            allowed="a Measurement, as mj.read(path) gives it",
            fix="under a stimulus, write mj.simulate(device, stimulus)",
        )
    stimuli, rows, labels = waveform(measurement, point_time)
    conditions, output = (
        options.get("conditions") or Conditions(),
        options.get("output") or Output(),
    )
    if limited:
        bench, limits = limited_bench(options.get("bench") or Bench(), measurement.limits())
        conditions = dataclasses.replace(conditions, values={**(conditions.values or {}), **limits})
        options["bench"] = bench
    output = dataclasses.replace(output, labels=labels)
    options |= {"conditions": conditions, "output": output}
    return simulate(device, stimuli, save=rows, **options)
