"""A running network: it computes in stretches, hands out spikes, and takes snapshots."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import jax
import numpy as np
from jaxtyping import Float

from ..core.result import HOPELESS, HOPELESS_IN_PASSING
from ..errors import NetworkError, SolveError, StepWarning
from ..lanes.choice import use_backend
from ..runtime.flags import check_flags
from .exchange_program import Room
from .groups import Neurons, SpikeList
from .network import Network
from .plan import record_steps, rounded_delays
from .projection import Projection
from .recording import Recording, Snapshot, Stretch
from .weights import ConductanceOf, DriftWeights
from .wire import first_room, first_slots

_SECONDS = 1.0
"""Time between two looks at a run [s]."""

_MAX_EXCHANGES = 512
"""Exchange intervals between two looks at most."""

COARSE = 5.0
"""Product of the step and a rate of the states above which a step is coarse, if only for an instant."""

DECAY_LIMIT, MOVE_LIMIT = 1.0, 0.2
"""Product of the step and a decay at an exchange above which a state falls to the other side of where it would rest;
share of its scale that a state may move in a step: beyond it spikes are late by more than 1 % of intervals."""

_LEDGER = jax.tree_util.DictKey("energy")
"""Place in the state of a group of what an energy ledger remembers."""

_LISTS = 2**26
"""Size of the lists of spikes between two looks [bytes]."""


class Simulation:
    """A running network: its state, and how it goes on.

    Parameters
    ----------
    network : Network
        What is simulated.
    watch : mapping of str to sequence of int, optional
        See `run`.
    every : float, optional
        See `run`.
    initial : Snapshot, optional
        See `run`.
    devices : sequence of jax.Device, optional
        See `run`.
    energy, conductances_every : bool, float
        See `run`.

    Attributes
    ----------
    done : int
        Steps so far.
    stiffness : dict of str to float
        Largest product of dt and a rate at which a state acts on itself, over all steps and neurons so far, by group
        of neurons: explicit steps follow what is well below 1.
    decays, moves : dict of str to float
        Largest product of dt and a decay at an exchange, and largest change of a state in a step without that by noise,
        in units of its scale, likewise.
    """

    def __init__(
        self,
        network: Network,
        *,
        watch: Mapping[str, Sequence[int]] | None = None,
        every: float | None = None,
        initial: Snapshot | None = None,
        devices: Sequence[Any] | None = None,
        energy: bool = False,
        conductances_every: float | None = None,
    ):
        check_flags({"energy": energy}, where="Simulation of a network")
        self.network, self.done, self.energy = network, 0, energy
        self.stiffness: dict[str, float] = {}
        self.decays: dict[str, float] = {}
        self.moves: dict[str, float] = {}
        watched = {n: np.asarray(x, np.int32) for n, x in (watch or {}).items() if len(x)}
        _check_watch(network, watched)
        self.every = record_steps(network.clock, every)
        self.conductance_exchanges = conductance_exchanges(network, conductances_every)
        self.engine = network.engine(devices if devices is not None else jax.devices())
        self.plan = self.engine.plan
        self.program = self.engine.program(watched, self.every, energy)
        slots = first_slots(sum(g.n for g in self.plan.groups.values()))
        sizes = {n: first_room(g.n, slots) for n, g in self.plan.groups.items()}
        self.room = _larger(Room(slots, tuple(sizes.items())), self.program.room)
        self.state = self.engine.begin(self.program) | {"ring": self.engine.ring(self.room)}
        self._scratch: Any = None
        if initial is not None:
            self.restore(initial.arrays)

    @property
    def kernels(self) -> dict[str, str]:
        """What advances each group of neurons: "C", or "XLA" and the reason why there is no kernel in C."""
        functions = self.program.kernels.items()
        return {n: f"XLA: {x.reason}" if x.reason else "C" for n, x in functions}

    @property
    def backend(self) -> str:
        """What advances the neurons: "cc" and the compiler, "xla" and the reason why there is no kernel in C, or
        both.
        """
        backends = dict.fromkeys(x.backend for x in self.program.kernels.values())
        return " and ".join(backends) or "xla"

    def _max_exchanges(self) -> int:
        """Exchange intervals of one call, so that its lists stay small."""
        rows = self.program.rows
        size = sum(8 * s for _, s in self.room.all) + sum(
            4 * len(x) * rows * len(self.program.neurons[n].scaled.scale)
            for n, x in self.program.watched.items()
        )
        return int(np.clip(_LISTS // max(size, 1), 1, _MAX_EXCHANGES))

    def advance(self, steps: int, *, progress: bool = False) -> Iterator[Stretch]:
        """Go on for so many steps, about a second of computing at a time.

        Raises
        ------
        SolveError
            Where a state is no longer finite, or a step is longer than explicit ones may be: what came before has
            been handed out.
        """
        check_flags({"progress": progress}, where="Simulation.advance")
        end, batch = self.done + steps, 1
        neurons = sum(g.n for g in self.plan.groups.values() if isinstance(g, Neurons))
        bar = _bar(steps * neurons) if progress else None
        while self.done < end:
            began = time.perf_counter()
            stretch = self._stretch(self._stop(end, batch))
            took = time.perf_counter() - began
            # About a second between two looks: the next batch doubles while they are quick.
            yield stretch
            batch = int(
                np.clip(
                    2 * batch if took < _SECONDS / 2 else batch * _SECONDS / took, 1, _MAX_EXCHANGES
                )
            )
            if bar is not None:
                bar.update((stretch.end - stretch.begin) * neurons)
        self._scratch = None
        if bar is not None:
            bar.close()

    def _stop(self, end: int, batch: int) -> int:
        """Return the step at which a stretch ends: after so many exchange intervals, or within one."""
        steps, every = self.plan.clock.steps, self.conductance_exchanges
        first, late = divmod(self.done, steps)
        count = min(batch, end // steps - first)
        if late or count < 1:
            return min(end, (first + 1) * steps)
        # A stretch ends where conductances are recorded: when that is depends on no speed.
        return (first + (min(count, every - first % every) if every else count)) * steps

    def _stretch(self, stop: int) -> Stretch:
        """Steps up to one; once more with more room where spikes did not fit."""
        steps, begin = self.plan.clock.steps, self.done
        first, late = divmod(begin, steps)
        while True:
            most = self._max_exchanges()
            whole = 0 if late else min((stop - begin) // steps, most)
            span = np.int32(whole) if whole else (np.int32(late), np.int32(stop - first * steps))
            run = self.program.run(self.room, most if whole else 0)
            # Lost where the program is interrupted, and then made anew.
            scratch, self._scratch = self._scratch or self.program.blank(), None
            state, (spikes, traces, sums, checks), needs, self._scratch = run(
                self.engine.fixed, self.state, scratch, np.int32(first), span
            )
            if not self._make_room({n: (int(w[0]), int(w[1])) for n, w in needs.items()}):
                break
        ends = begin + steps * np.arange(1, whole + 1) if whole else np.array([stop])
        self._check(jax.tree.map(np.asarray, checks), np.concatenate([[begin], ends]))
        self.state, self.done = state, int(ends[-1])
        firsts = (first + np.arange(len(ends))) * steps
        spike_lists = {
            n: self._spike_list(x, firsts) for n, x in jax.tree.map(np.asarray, spikes).items()
        }
        dt = self.plan.clock.dt
        # Sums of powers, of steps and of neurons over steps become energies and times in float64.
        energies = {
            n: (*(np.asarray(x[: len(ends)], np.float64) * dt for x in pair), ends)
            for n, pair in sums.items()
        }
        return Stretch(
            begin=begin,
            end=self.done,
            spikes=spike_lists,
            traces=self._rows(traces, np.concatenate([[begin], ends])),
            energies=energies,
            conductances=self._conductance_rows(),
        )

    def _conductance_rows(self) -> dict[str, np.ndarray]:
        """The record of conductances that is due now: one row, or none; nothing where none were asked for."""
        every = self.conductance_exchanges
        if not every:
            return {}
        if self.done % (every * self.plan.clock.steps) == 0:
            return {n: g[None] for n, g in self.conductances().items()}
        sizes = {p.name: len(p.edges) for p in self.network.projections if has_devices(p)}
        return {n: np.zeros((0, size), self.network.dtype) for n, size in sizes.items()}

    def _rows(self, traces: Any, edges: np.ndarray) -> Any:
        """Records of states one after the other: between two edges are those multiples of `every` that lie there."""
        rows = np.diff(edges // self.every)
        return jax.tree.map(
            lambda x: np.concatenate([part[:n] for part, n in zip(np.asarray(x), rows)]), traces
        )

    def notes(self) -> list[str]:
        """Remarks on the run so far; none if the step was checked and is fine, and all delays are multiples of it."""
        dt, neurons = self.plan.clock.dt, list(self.plan.layouts)
        unchecked = [n for n in neurons if not np.isfinite(self.stiffness.get(n, np.nan))]
        notes = [
            f"dt = {dt:g} s could not be checked for {', '.join(map(repr, unchecked))}: "
            + ("no step yet" if not self.stiffness else "slopes of the rates are not finite")
        ]
        coarse = [
            (name, quantity, x, limit)
            for quantity, limit, by_group in (
                ("dt times the largest rate of its states", COARSE, self.stiffness),
                ("dt times a decay of its states at an exchange", DECAY_LIMIT, self.decays),
                ("the move of a state in a step, over its scale,", MOVE_LIMIT, self.moves),
            )
            for name, x in by_group.items()
            if limit < x < np.inf
        ]
        # One step for all that was met.
        better = _better_step(dt, max((x / limit for _, _, x, limit in coarse), default=1.0))
        delays = [rounded_delays(p, self.plan.clock) for p in self.network.projections]
        return [
            *(notes if unchecked else []),
            *(
                f"dt = {dt:g} s is coarse for {name!r}: {quantity} reached {x:.2g} (below {limit:g} is fine); "
                f"compare with dt = {better} s"
                for name, quantity, x, limit in coarse
            ),
            *(text for text in delays if text is not None),
        ]

    def _make_room(self, worst: Mapping[str, tuple[int, int]]) -> bool:
        """Whether spikes had not enough room, which is then twice what was needed."""
        per_member = max(self.room.per_member, *(w[0] for w in worst.values()))
        sizes, groups = dict(self.room.all), self.plan.groups
        short = {n for n, (_, total) in worst.items() if total > sizes[n]}
        if not short and per_member == self.room.per_member:
            return False
        for n in sizes:
            size = 2 * worst[n][1] if n in short else sizes[n]
            # Of lanes, and not of neurons: these may all be in one shard.
            lanes = self.plan.layouts[n].size if n in self.plan.layouts else groups[n].n
            limit = size if isinstance(groups[n], SpikeList) else lanes * per_member
            sizes[n] = max(sizes[n], min(size, limit))
        self.room = Room(per_member, tuple(sizes.items()))
        self.program.room = _larger(self.room, self.program.room)
        self.state = self.state | {"ring": self.engine.ring(self.room, self.state["ring"])}
        return True

    def _check(self, checks: Mapping[str, tuple], edges: np.ndarray) -> None:
        """Note the largest rates and moves up to the first exchange interval where a state is not finite, or a step is
        longer than explicit ones may be, and raise there; intervals lie between the edges.
        """
        wrong = np.zeros(len(edges) - 1, bool)
        for name, ((passing, standing, _), first_bad) in checks.items():
            broken = first_bad[: len(wrong)] < self.plan.layouts[name].size
            wrong |= broken | _is_hopeless(passing, standing)[: len(wrong)]
        last = int(np.argmax(wrong)) if wrong.any() else len(wrong) - 1
        dt, steps = self.plan.clock.dt, edges[last : last + 2]
        where = f"network between {steps[0] * dt:g} and {steps[1] * dt:g} s"
        for name, ((passing, standing, move), _) in checks.items():
            sizes = (standing, move, np.maximum(passing, standing))
            for table, x in zip((self.decays, self.moves, self.stiffness), sizes, strict=True):
                table[name] = float(np.max(x[: last + 1], initial=table.get(name, 0.0)))
            if _is_hopeless(passing, standing)[last]:
                self._refuse_step(name, float(standing[last]), float(sizes[-1][last]), where)
        for name, (_, first_bad) in checks.items():
            if first_bad[last] < self.plan.layouts[name].size:
                raise SolveError(
                    f"neuron {first_bad[last]} of {name!r} is not finite",
                    where=where,
                    fix=f"a step below dt = {dt:g} s",
                )

    def _refuse_step(self, name: str, standing: float, x: float, where: str) -> NoReturn:
        """Raise: a step is too long for a decay at an exchange, or for the largest rate that was met."""
        dt = self.plan.clock.dt
        raise SolveError(
            f"dt = {dt:g} s is too long for {name!r}: dt times the largest rate of its states is {x:.3g}",
            where=where,
            allowed=f"below {HOPELESS if standing > HOPELESS else HOPELESS_IN_PASSING:g}, "
            f"better below {COARSE:g}",
            fix=f"dt = {_better_step(dt, x / COARSE)} s",
        )

    def _spike_list(self, lists: tuple, firsts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Members and steps of spikes, in order of time, of exchange intervals with these first steps."""
        number, step, total = lists
        parts = []
        for k, first in enumerate(firsts):
            n = total[k]
            order = np.argsort(step[k, :n], kind="stable")
            parts.append((number[k, :n][order], first + step[k, :n][order].astype(np.int64)))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def statistics(self) -> dict[str, dict[str, np.ndarray]]:
        """Running statistics of each group's members: number of spikes; mean and CV of their intervals [s, 1]."""
        statistics = {}
        for name, g in self.plan.groups.items():
            state = self.state["groups"][name]
            count = _global_array(state["count"]).ravel()[: g.n]
            statistics[name] = {"count": count}
            if isinstance(g, Neurons):
                sums = (_global_array(x).ravel()[: g.n].astype(float) for x in state["isi"])
                total, squares = sums
                n = np.maximum(count - 1, 1)
                mean = np.where(count > 1, total / n, np.nan)
                # Rounding may make the variance of equal intervals negative.
                spread = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
                cv = np.where(count > 2, spread / mean, np.nan)
                statistics[name] |= {"isi": mean * self.plan.clock.dt, "cv": cv}
                if self.energy:
                    pieces = [_global_array(x).ravel()[: g.n] for x in state["energy"]["given"]]
                    total = sum(x.astype(np.float64) for x in pieces)
                    statistics[name] |= {"energy": total * self.plan.clock.dt}
        return statistics

    def rest_powers(self) -> dict[str, dict[str, float]]:
        """Power of the elements of each group of neurons at rest [W], see `EnergyLedger`; empty without a ledger."""
        powers = {}
        for name, program in self.program.neurons.items():
            if program.energy is not None:
                constants, n = self.engine.fixed["groups"][name], self.plan.groups[name].n
                lanes = program.energy.rest_powers({k: constants[k] for k in ("values", "bias")})
                powers[name] = {
                    k: float(_global_array(lanes[k]).ravel()[:n].astype(np.float64).sum())
                    for k in program.energy.kinds
                }
        return powers

    def states(self) -> dict[str, dict[str, Float[np.ndarray, " members"]]]:
        """States of all neurons now [SI], by group and name."""
        states = {}
        for name, layout in self.plan.layouts.items():
            constants, state = self.engine.fixed["groups"][name], self.state["groups"][name]
            constants = {k: constants[k] for k in ("values", "bias")}
            visible = self.program.neurons[name].visible_in_blocks(
                constants, state["parts"], state["input"]
            )
            states[name] = {
                k: _global_array(x).ravel()[: layout.group.n] for k, x in visible.items()
            }
        return states

    def conductances(self) -> dict[str, Float[np.ndarray, " edges"]]:
        """Conductances of devices that are weights [S], by projection, in the order of its edges."""
        by_projection = self._circuit_conductances()
        sizes = {p.name: len(p.edges) for p in self.network.projections}
        for k, name in enumerate(self.plan.names):
            rows = self.plan.rows[k][3]
            if isinstance(rows.devices, DriftWeights):
                into = by_projection.setdefault(name, np.zeros(sizes[name], self.network.dtype))
                g, edge = (
                    _global_array(self.state["weights"][str(k)]["g"]),
                    _global_array(rows.edge),
                )
                for shard, first in enumerate(_global_array(rows.first)):
                    edges = slice(0, first[-1])  # the rest is padding
                    into[edge[shard, edges]] = g[shard, edges]
        return by_projection

    def _circuit_conductances(self) -> dict[str, np.ndarray]:
        """Those that are read off circuits, see `ConductanceOf`."""
        by_projection, read = {}, {}
        for p in self.network.projections:
            if not isinstance(w := p.weight, ConductanceOf):
                continue
            key = (w.group, w.element, w.read_voltage)
            if key not in read:
                values = self.engine.fixed["groups"][w.group]["values"]
                parts = self.state["groups"][w.group]["parts"]
                g = self.program.neurons[w.group].conductances_in_blocks(w, values, parts)
                read[key] = _global_array(g).ravel()[: len(p.edges)]
            by_projection[p.name] = read[key]
        return by_projection

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that it takes to go on, as arrays by name."""
        leaves = jax.tree_util.tree_leaves_with_path(self.state)
        arrays = {jax.tree_util.keystr(path): _global_array(x) for path, x in leaves}
        return arrays | {"steps": np.asarray(self.done), "each": np.asarray(self.room.per_member)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go back to where a `snapshot` of the same network was taken.

        Raises
        ------
        NetworkError
            If it is of another network.
        """
        try:
            sizes = {n: int(arrays[f"['ring']['{n}'][0]"].shape[1]) for n in self.plan.groups}
            room = Room(int(arrays["each"]), tuple(sizes.items()))
            like = self.state | {"ring": self.engine.ring(room)}
            paths, structure = jax.tree_util.tree_flatten_with_path(like)
            names = [jax.tree_util.keystr(path) for path, _ in paths]
            # A run without a ledger may go on with one, which then begins.
            begun = {k: y for k, (path, y) in zip(names, paths) if path[2:3] == (_LEDGER,)}
            known = begun | dict(arrays)
            leaves = [np.asarray(known[k]) for k in names]
            for (path, y), x in zip(paths, leaves, strict=True):
                if x.shape != y.shape or x.dtype != y.dtype:
                    raise ValueError(
                        f"{jax.tree_util.keystr(path)} is {x.shape} {x.dtype} where "
                        f"{y.shape} {y.dtype} belongs"
                    )
        except (KeyError, ValueError) as error:
            raise NetworkError(
                f"a snapshot of another network: {error}",
                where="initial",
                allowed="one of the same groups, projections, dt, dtype and number of devices",
            ) from error
        state, self.done = (
            self.engine.put_on_devices(jax.tree.unflatten(structure, leaves)),
            int(arrays["steps"]),
        )
        self.room = _larger(room, self.room)
        self.state = state | {"ring": self.engine.ring(self.room, state["ring"])}


def has_devices(p: Projection) -> bool:
    """Whether the weights of a projection are devices."""
    return isinstance(p.weight, ConductanceOf | DriftWeights)


def conductance_exchanges(network: Network, every: float | None) -> int:
    """Exchange intervals from one record of conductances to the next; 0 for none.

    Raises
    ------
    NetworkError
        If it is no multiple of the exchange interval, or no weight is a device.
    """
    if every is None:
        return 0
    if not any(map(has_devices, network.projections)):
        raise NetworkError(
            f"conductances every {every:g} s where no weight is a device",
            where="record",
            allowed="a network with weights that are devices",
        )
    return network.clock.exchanges(every, where="conductances of record")


def _conductance_tables(
    parts: Sequence[Stretch], start: Mapping[str, np.ndarray], end: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """Conductances of each projection as `Recording` has them: at both ends, and their records."""
    tables = {n: {"start": g, "end": end[n]} for n, g in start.items()}
    for name in parts[0].conductances:
        tables[name]["series"] = np.concatenate([p.conductances[name] for p in parts])
    return tables


def _conductance_times(simulation: Simulation, begin: int) -> Float[np.ndarray, " rows"]:
    """Times of the records of conductances since an exchange interval [s]."""
    every = simulation.conductance_exchanges
    if not every:
        return np.zeros(0)
    every *= simulation.plan.clock.steps
    numbers = np.arange(begin // every, simulation.done // every) + 1
    return numbers * every * simulation.plan.clock.dt


def _larger(a: Room, b: Room | None) -> Room:
    """Room for what either of two has room for."""
    if b is None:
        return a
    other_sizes = dict(b.all)
    return Room(
        max(a.per_member, b.per_member), tuple((n, max(s, other_sizes[n])) for n, s in a.all)
    )


def _global_array(x: Any) -> np.ndarray:
    """An array of all processes."""
    if getattr(x, "is_fully_addressable", True) or x.is_fully_replicated:
        return np.asarray(x)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(x, tiled=True))


def _check_watch(network: Network, watched: Mapping[str, np.ndarray]) -> None:
    """Refuse to watch what is not there."""
    sizes = {g.name: g.n for g in network.groups if isinstance(g, Neurons)}
    for name, numbers in watched.items():
        if name not in sizes:
            raise NetworkError(f"no neurons {name!r} to watch", allowed=", ".join(sizes))
        if not (numbers.min() >= 0 and numbers.max() < sizes[name]):
            raise NetworkError(
                f"neurons {numbers.min()} to {numbers.max()} of {name!r}",
                where="watch",
                allowed=f"0 to {sizes[name] - 1}",
            )


def _is_hopeless(passing: np.ndarray, standing: np.ndarray) -> np.ndarray:
    """Whether the step times a rate is beyond where explicit steps mean anything."""
    return (standing > HOPELESS) | (passing > HOPELESS_IN_PASSING)


def _better_step(dt: float, excess: float) -> str:
    """A step [s] with which a figure that is so many times its limit is half of it."""
    return f"{dt / 2 / excess:.1g}"


def _bar(total: int) -> Any:
    """A bar of neuron-steps: their rate, and the time that is left."""
    from tqdm.auto import tqdm

    return tqdm(total=total, desc="network", unit="neuron-steps", unit_scale=True, leave=False)


def _warn_of(notes: list[str]) -> tuple[str, ...]:
    """The notes of a run, of which the caller of `run` is warned."""
    if notes:
        warnings.warn("; ".join(notes), StepWarning, stacklevel=3)
    return tuple(notes)


def run(
    network: Network,
    duration: float,
    *,
    watch: Mapping[str, Sequence[int]] | None = None,
    every: float | None = None,
    initial: Snapshot | None = None,
    devices: Sequence[Any] | None = None,
    progress: bool = False,
    energy: bool = False,
    conductances_every: float | None = None,
    backend: str | None = None,
) -> Recording:
    """Simulate, and keep all spikes in memory.

    Parameters
    ----------
    network : Network
        What is simulated.
    duration : float
        Time [s], to the nearest step.
    watch : mapping of str to sequence of int
        Neurons by group whose states are recorded.
    every : float, optional
        Time from one record of states to the next [s], a multiple of dt; by default the exchange interval.
    initial : Snapshot, optional
        The `final` of an earlier run of this network, or of one that differs in numbers only, from which it goes on, in
        time too, as one run of both durations. From rest by default, or from the groups' own `start`.
    devices : sequence of jax.Device, optional
        Where; all of JAX's by default.
    progress : bool
        Whether to show a bar on standard error.
    energy : bool
        Whether to add up the energy of all elements, see `EnergyLedger`. Spikes are the same to the bit without.
    conductances_every : float, optional
        Time between records of the conductances of devices [s], a multiple of the exchange interval; none by default.
    backend : str, optional
        "auto", "cc" or "xla", see `memjax.use_backend`; by default the one in use. `Recording.backend` names it.

    Returns
    -------
    Recording

    Raises
    ------
    SolveError
        Where a neuron's state is no longer finite; where dt times a rate of the states was above 100, or that of a
        decay above 10 at an exchange of spikes.

    Warns
    -----
    StepWarning
        Where dt times a rate of the states was above 5, dt times a decay above 1 at an exchange, or a state moved by
        more than 0.2 of its scale in a step, with a better step; and where delays of edges are rounded. Elsewhere
        spikes and intervals of `1m1t1r` (0.6 to 3 V) and `threshold-switch-neuron` (w of 1 to 20 mV) were wrong by
        less than 1 %, of first order in dt.

    Notes
    -----
    The first run compiles, and the first that ends within an exchange interval; the next ones, for other durations too,
    begin at once, as do those of networks that differ in weights, seeds, sources or `values` of neurons only.
    `memjax.network.folder_run.run_network` streams to files, is interrupted and goes on.
    """
    check_flags({"progress": progress, "energy": energy}, where="memjax.network.run")
    log: dict[str, Any] = dict(every=every, conductances_every=conductances_every, energy=energy)
    with use_backend(backend):
        simulation = Simulation(network, watch=watch, initial=initial, devices=devices, **log)
    start = simulation.conductances()
    parts = list(simulation.advance(network.steps(duration), progress=progress))
    return _recorded(simulation, parts, start, _warn_of(simulation.notes()))


def _recorded(
    simulation: Simulation,
    parts: list[Stretch],
    start: Mapping[str, np.ndarray],
    notes: tuple[str, ...],
) -> Recording:
    """All that a simulation did since its conductances were `start`."""
    return Recording.of(
        simulation.network,
        parts,
        every=simulation.every,
        statistics=simulation.statistics(),
        conductances=_conductance_tables(parts, start, simulation.conductances()),
        conductance_times=_conductance_times(simulation, parts[0].begin),
        states=simulation.states(),
        units={n: x.units for n, x in simulation.program.neurons.items()},
        watched=simulation.program.watched,
        notes=notes,
        final=Snapshot.of(simulation.snapshot()),
        rest_powers=simulation.rest_powers(),
        backend=simulation.backend,
    )
