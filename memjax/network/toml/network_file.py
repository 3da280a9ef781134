"""A network in one TOML file, checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import NetworkError
from ..energy import poisson_stimuli
from ..groups import Group, Poisson
from ..network import Network
from ..plan import Clock, check_circuits, record_steps
from ..projection import Projection
from ..simulation import conductance_exchanges
from ..weights import ConductanceOf
from .groups import Sketch, read_group
from .projections import read_projection
from .tables import COUNT, FLAG, POSITIVE, WHOLE, WHOLES, Source, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkFile:
    """The content of a network file.

    Parameters
    ----------
    network : Network
        The network.
    duration : float
        How long it runs [s].
    watch : dict of str to list of int
        Neurons by group whose states are recorded.
    every : float or None
        Time from one record of them to the next [s]; the exchange interval where there is none.
    energy : bool
        Whether the energy of the elements is added up.
    models : dict of str to str
        Name of the model of groups of neurons that have its own devices.
    stimuli : dict of str to tuple of (float, int)
        Length [s] and number of the stimuli of groups of sources: images, or rates that change between intervals.
    conductances_every : float or None
        Time from one record of the conductances of all devices that are weights to the next [s], if they are recorded.
    source : dict of str to str
        SHA-256 of each file that was read, by its path as the network file names it, itself first.
    """

    network: Network
    duration: float
    watch: dict[str, list[int]]
    every: float | None
    energy: bool
    models: dict[str, str]
    stimuli: dict[str, tuple[float, int]]
    conductances_every: float | None
    source: dict[str, str]


def load_network(path: str | Path, *, seed: int | None = None) -> NetworkFile:
    """Read a network file, and every file that it names.

    Parameters
    ----------
    path : str or Path
        TOML; ``docs/networks-files.md`` has its keys. Paths in it are relative to its folder.
    seed : int, optional
        Instead of the file's own.

    Returns
    -------
    NetworkFile

    Raises
    ------
    NetworkError
        Says all that is wrong at once, see `MemjaxError.lines`: unknown keys and names, missing ones, values of another
        kind, length or range, files that cannot be read, times that do not go with the step. What depends on
        something that is wrong itself cannot be judged.

    Notes
    -----
    The seed decides on all noise, on the parameters that are drawn, and on connections and weights of
    projections without a ``seed`` of their own. Neuron m's parameters depend on the seed, the name of its group and m
    only.

    Of a fit a network takes the device, with its spread from cycle to cycle as spread from neuron to neuron. The
    bench of the measurement (series resistance, compliance, ...), its temperature and the read noise are not
    part of a circuit and are left behind.
    """
    source = Source(path)
    t = source.load(NetworkError)
    duration, dt = t.take("duration", POSITIVE), t.take("dt", POSITIVE)
    file_seed, steps = t.take("seed", WHOLE, 0), t.take("exchange_steps", COUNT, None)
    energy = t.take("energy", FLAG, False)
    run_seed: int = seed if seed is not None else file_seed or 0
    groups: dict[str, Group | None] = {}
    sketches: dict[str, Sketch] = {}
    for name, inner in t.named_tables("groups").items():
        groups[name], sketches[name] = None, Sketch()
        with inner.errors_at():
            groups[name] = read_group(inner, name, run_seed, sketches[name])
        _check_rate(inner, groups[name], dt)
    if t.content.get("groups") == {}:
        t.note("groups", "no groups", allowed="one or more")
    projections: list[Projection] = []
    for k, inner in enumerate(t.tables("projections")):
        before = len(projections)
        with inner.errors_at():
            own_seed = int(np.random.SeedSequence([run_seed, k]).generate_state(1)[0])
            projections.append(read_projection(inner, groups, sketches, own_seed, projections))
            _check_devices(inner, projections[-1], groups)
        if dt is not None:
            projection = projections[-1] if len(projections) > before else None
            _check_times(inner, projection, Clock(dt, steps or 1))
    records = t.table("record", {})
    watch, every = _records(records, sketches, dt)
    conductances_every = records.take("conductances", POSITIVE, None)
    t.note_unknown_keys()
    source.check(NetworkError)
    members = [g for g in groups.values() if g is not None]
    step: Any = dt  # a number, or it would have been noted
    network = Network(
        groups=members, projections=projections, dt=step, seed=run_seed, exchange_steps=steps
    )
    network.steps(duration)  # refuses what has too many steps
    latencies = {n: x.stimuli for n, x in sketches.items() if x.stimuli is not None}
    conductance_exchanges(network, conductances_every)  # and records between two exchanges
    return NetworkFile(
        network=network,
        duration=duration,
        watch=watch,
        every=every,
        energy=bool(energy),
        models={n: x.model for n, x in sketches.items() if x.model is not None},
        stimuli=poisson_stimuli(members) | latencies,
        conductances_every=conductances_every,
        source=source.files,
    )


def _check_rate(t: Table, group: Group | None, dt: float | None) -> None:
    """Note a rate that does not go with the step."""
    rate = float(np.max(group.rate)) if isinstance(group, Poisson) else 0.0
    if dt is not None and rate * dt >= 1:
        t.note("", f"rate = {rate:g} 1/s", allowed=f"below 1/dt = {1 / dt:g} 1/s")


def _check_devices(t: Table, p: Projection, groups: Mapping[str, Group | None]) -> None:
    """Note a group of circuits as weights that is not there or has another size."""
    complete = {n: g for n, g in groups.items() if g is not None}
    if isinstance(p.weight, ConductanceOf) and (
        p.weight.group in complete or len(complete) == len(groups)
    ):
        with t.errors_at("weight"):
            check_circuits(p, complete)


def _check_times(t: Table, p: Projection | None, clock: Clock) -> None:
    """Note times that are no multiples of the step, or delays below the exchange interval that the file names.

    Of a projection that is wrong itself (None) those times that its table names are judged.
    """
    times = {k: t.content.get(k) for k in ("delay", "width")}
    rule = t.content.get("connect")
    if isinstance(rule, dict) and rule.get("rule") in ("by_distance", "file"):
        times["delay"] = None  # edges may have delays of their own, of any length
    if p is not None and p.edges.delay is None:
        times["delay"] = p.delay
    for key, time in times.items():
        if POSITIVE.fits(time):
            with t.errors_at(key):
                check = clock.check_delay if key == "delay" else clock.count_steps
                check(POSITIVE.convert(time), where="")


def _records(
    t: Table, groups: Mapping[str, Sketch], dt: float | None
) -> tuple[dict[str, list[int]], float | None]:
    """Numbers of neurons by group whose states are recorded, and how often [s]."""
    watch, every = t.values("watch", WHOLES), t.take("every", POSITIVE, None)
    neurons = {n: g for n, g in groups.items() if g.neurons}
    t.check_names("watch", watch, neurons)
    for name, numbers in watch.items():
        n = neurons[name].n if name in neurons else None
        if n is not None and WHOLES.fits(numbers) and max(numbers, default=0) >= n:
            t.note(f"watch.{name}", f"neuron {max(numbers)}", allowed=f"0 to {n - 1}")
    if every is not None and dt is not None:
        with t.errors_at("every"):
            record_steps(Clock(dt, 1), every)
    return watch, every
