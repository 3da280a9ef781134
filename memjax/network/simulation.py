"""A network on its way: stretches of computing, spikes handed out, snapshots."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ..errors import NetworkError, SolveError
from .engine import Engine, Room
from .groups import Neurons, SpikeList
from .memory import check_memory
from .network import Network
from .plan import plan
from .recording import Recording, Stretch
from .weights import DriftWeights

_EACH, _LEAST = 1, 64
"""Spikes of one neuron, and of a group, in an exchange interval that there is room for at first."""

_SECONDS = 1.0
"""Time between two looks at a run [s]."""

_MOST = 512
"""Exchange intervals between two looks at most."""

COARSE, HOPELESS = 1.0, 10.0
"""Products of the step and a rate of the states, if only for an instant: a step is coarse; a step is refused."""

_LISTS = 2**26
"""Size of the lists of spikes between two looks [bytes]."""


class Simulation:
    """A network on its way: state, and what happens next.

    Parameters
    ----------
    network : Network
        What is simulated.
    watch : mapping of str to sequence of int, optional
        See `Network.run`.
    devices : sequence of jax.Device, optional
        See `Network.run`.

    Attributes
    ----------
    done : int
        Exchange intervals so far.
    stiffness : dict of str to float
        Largest product of dt and a rate of the states, by group: explicit steps follow what is well below 1.
    """

    def __init__(
        self,
        network: Network,
        *,
        watch: Mapping[str, Sequence[int]] | None = None,
        devices: Sequence[Any] | None = None,
    ):
        self.network, self.done = network, 0
        self.stiffness: dict[str, float] = {}
        devices = list(devices) if devices is not None else jax.devices()
        watched = {n: np.asarray(x, np.int32) for n, x in (watch or {}).items() if len(x)}
        _check_watched(network, watched)
        check_memory(network, devices)
        self.plan = plan(
            network.groups,
            network.projections,
            dt=network.dt,
            steps=network.exchange_steps,
            shards=len(devices),
            dtype=network.dtype,
        )
        self.engine = Engine(
            self.plan, seed=network.seed, devices=devices, dtype=network.dtype, watched=watched
        )
        sizes = {n: min(g.n, max(_LEAST, g.n // 16)) for n, g in self.plan.groups.items()}
        self.room = Room(_EACH, tuple(sizes.items()))
        self.state = self.engine.begin() | {"ring": self.engine.ring(self.room)}

    def _most(self) -> int:
        """Exchange intervals of one call, so that its lists stay small."""
        size = sum(8 * s for _, s in self.room.all) + sum(
            4 * len(x) * len(self.engine.neurons[n].scaled.scale)
            for n, x in self.engine.watched.items()
        )
        return int(np.clip(_LISTS // max(size, 1), 1, _MOST))

    def advance(self, exchanges: int, *, progress: bool = False) -> Iterator[Stretch]:
        """Go on for so many exchange intervals, about a second of computing at a time.

        Raises
        ------
        SolveError
            Where a state is no longer finite: what came before has been handed out.
        """
        end, some = self.done + exchanges, 1
        neurons = sum(g.n for g in self.plan.groups.values() if isinstance(g, Neurons))
        work = neurons * self.plan.clock.steps
        bar = _bar(exchanges * work) if progress else None
        while self.done < end:
            began = time.perf_counter()
            count = min(some, end - self.done)
            stretch = self._stretch(count)
            took = time.perf_counter() - began
            yield stretch
            some = int(
                np.clip(2 * some if took < _SECONDS / 2 else some * _SECONDS / took, 1, _MOST)
            )
            if bar is not None:
                bar.update((stretch.end - stretch.begin) * work)
        if bar is not None:
            bar.close()

    def _stretch(self, count: int) -> Stretch:
        """Some exchange intervals; once more with more room where spikes did not fit."""
        while True:
            count = min(count, self._most())
            run = self.engine.program(self.room, self._most())
            state, (spikes, traces), worst, lost = run(
                self.engine.fixed, self.state, np.int32(self.done), np.int32(count)
            )
            if not self._made_room({n: (int(w[0]), int(w[1])) for n, w in worst.items()}):
                break
        self._check(jax.tree.map(int, lost), {n: float(w[2]) for n, w in worst.items()}, count)
        begin, self.state, self.done = self.done, state, self.done + count
        listed = {
            n: self._listed(x, begin, count) for n, x in jax.tree.map(np.asarray, spikes).items()
        }
        seen = jax.tree.map(lambda x: np.asarray(x)[:count], traces)
        return Stretch(begin=begin, end=self.done, spikes=listed, traces=seen)

    def notes(self) -> list[str]:
        """What a user should know of the run so far."""
        dt = self.plan.clock.dt
        return [
            f"dt = {dt:g} s is coarse for {name!r}: dt times the largest rate of its states reached {x:.2g} "
            f"(below {COARSE:g} is fine); compare with dt = {dt * COARSE / 2 / x:.1g} s"
            for name, x in self.stiffness.items()
            if x > COARSE
        ]

    def _made_room(self, worst: Mapping[str, tuple[int, int]]) -> bool:
        """Whether spikes had not enough room, which is then twice what was needed."""
        each = max(self.room.each, *(w[0] for w in worst.values()))
        sizes, groups = dict(self.room.all), self.plan.groups
        short = {n for n, (_, total) in worst.items() if total > sizes[n]}
        if not short and each == self.room.each:
            return False
        for n in sizes:
            wanted = 2 * worst[n][1] if n in short else sizes[n]
            most = wanted if isinstance(groups[n], SpikeList) else groups[n].n * each
            sizes[n] = max(sizes[n], min(wanted, most))
        self.room = Room(each, tuple(sizes.items()))
        self.state = self.state | {"ring": self.engine.ring(self.room, self.state["ring"])}
        return True

    def _check(self, lost: Mapping[str, int], stiff: Mapping[str, float], count: int) -> None:
        """Raise where a state is not finite, or a step is longer than explicit ones may be."""
        at = self.plan.clock
        for name, x in stiff.items():
            self.stiffness[name] = max(self.stiffness.get(name, 0.0), x)
            if x > HOPELESS:
                raise SolveError(
                    f"dt = {at.dt:g} s is too long for {name!r}: dt times the largest rate of its states is {x:.3g}",
                    where=f"network between {self.done * at.exchange:g} and {(self.done + count) * at.exchange:g} s",
                    allowed=f"below {HOPELESS:g}, better below {COARSE:g}",
                    fix=f"dt = {at.dt * COARSE / x:.1g} s",
                )
        for name, first in lost.items():
            if first < self.plan.layouts[name].size:
                raise SolveError(
                    f"neuron {first} of {name!r} is not finite",
                    where=f"network between {self.done * at.exchange:g} and {(self.done + count) * at.exchange:g} s",
                    fix=f"a step below dt = {at.dt:g} s",
                )

    def _listed(self, found: tuple, begin: int, count: int):
        """Members and steps of spikes, in order of time."""
        number, step, total = found
        steps, parts = self.plan.clock.steps, []
        for k in range(count):
            n = total[k]
            order = np.argsort(step[k, :n], kind="stable")
            parts.append(
                (number[k, :n][order], (begin + k) * steps + step[k, :n][order].astype(np.int64))
            )
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def statistics(self) -> dict[str, dict[str, np.ndarray]]:
        """Running statistics of each group's members: number of spikes; mean and CV of their intervals [s, 1]."""
        found = {}
        for name, g in self.plan.groups.items():
            state = jax.tree.map(_whole, self.state["groups"][name])
            count = state["count"].ravel()[: g.n]
            found[name] = {"count": count}
            if isinstance(g, Neurons):
                total, squares = (x.ravel()[: g.n].astype(float) for x in state["isi"])
                n = np.maximum(count - 1, 1)
                mean = np.where(count > 1, total / n, np.nan)
                spread = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
                cv = np.where(count > 2, spread / mean, np.nan)
                found[name] |= {"isi": mean * self.plan.clock.dt, "cv": cv}
        return found

    def conductances(self) -> dict[str, Float[np.ndarray, " edges"]]:
        """Conductances of devices that are weights [S], by projection, in the order of its edges."""
        found: dict[str, np.ndarray] = {}
        sizes = {p.name: len(p.edges) for p in self.network.projections}
        for k, name in enumerate(self.plan.names):
            rows = self.plan.rows[k][3]
            if isinstance(rows.devices, DriftWeights):
                into = found.setdefault(name, np.zeros(sizes[name], self.network.dtype))
                g, edge = _whole(self.state["weights"][str(k)]["g"]), np.asarray(rows.edge)
                for shard, first in enumerate(rows.first):
                    some = slice(0, first[-1])  # the rest is padding
                    into[edge[shard, some]] = g[shard, some]
        return found

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that it takes to go on, as arrays by name."""
        leaves = jax.tree_util.tree_leaves_with_path(self.state)
        found = {jax.tree_util.keystr(path): _whole(x) for path, x in leaves}
        return found | {"done": np.asarray(self.done), "each": np.asarray(self.room.each)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go back to where a `snapshot` of the same network was taken.

        Raises
        ------
        NetworkError
            If it is of another network.
        """
        try:
            sizes = {n: int(arrays[f"['ring']['{n}'][0]"].shape[1]) for n in self.plan.groups}
            self.room = Room(int(arrays["each"]), tuple(sizes.items()))
            like = self.state | {"ring": self.engine.ring(self.room)}
            paths, structure = jax.tree_util.tree_flatten_with_path(like)
            found = [np.asarray(arrays[jax.tree_util.keystr(path)]) for path, _ in paths]
            for x, (_, y) in zip(found, paths, strict=True):
                if x.shape != y.shape or x.dtype != y.dtype:
                    raise ValueError(f"{x.shape} {x.dtype} where {y.shape} {y.dtype} belongs")
        except (KeyError, ValueError) as error:
            raise NetworkError(
                f"a snapshot of another network: {error}", where="restore"
            ) from error
        self.state = self.engine.placed(jax.tree.unflatten(structure, found))
        self.done = int(arrays["done"])


def _whole(x: Any) -> np.ndarray:
    """An array of all processes."""
    if getattr(x, "is_fully_addressable", True) or x.is_fully_replicated:
        return np.asarray(x)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(x, tiled=True))


def _check_watched(network: Network, watched: Mapping[str, np.ndarray]) -> None:
    """Refuse to watch what is not there."""
    own = {g.name: g.n for g in network.groups if isinstance(g, Neurons)}
    for name, some in watched.items():
        if name not in own:
            raise NetworkError(f"no neurons {name!r} to watch", allowed=", ".join(own))
        if not (some.min() >= 0 and some.max() < own[name]):
            raise NetworkError(
                f"neurons {some.min()} to {some.max()} of {name!r}",
                where="watch",
                allowed=f"0 to {own[name] - 1}",
            )


def _bar(total: int) -> Any:
    """A bar of neuron-steps: their rate, and the time that is left."""
    from tqdm import tqdm

    return tqdm(total=total, desc="network", unit="neuron-steps", unit_scale=True, leave=False)


def run(
    network: Network,
    duration: float,
    *,
    watch: Mapping[str, Sequence[int]] | None = None,
    devices: Sequence[Any] | None = None,
    progress: bool = False,
) -> Recording:
    """Simulate, and keep all spikes in memory.

    Parameters
    ----------
    network : Network
        What is simulated.
    duration : float
        Time [s], rounded up to whole exchange intervals.
    watch : mapping of str to sequence of int
        Neurons by group whose states are kept at the end of each exchange interval.
    devices : sequence of jax.Device, optional
        Where; all of JAX's by default.
    progress : bool
        Whether to show a bar on standard error.

    Returns
    -------
    Recording

    Raises
    ------
    SolveError
        Where a neuron's state is no longer finite.

    See Also
    --------
    memjax.io.run_network : streams to files, is interrupted and goes on.
    """
    simulation = Simulation(network, watch=watch, devices=devices)
    start = simulation.conductances()
    parts = list(simulation.advance(network.exchanges(duration), progress=progress))
    end = simulation.conductances()
    devices_of = {n: {"start": g, "end": end[n]} for n, g in start.items()}
    return Recording.of(network, parts, simulation.statistics(), devices_of)
