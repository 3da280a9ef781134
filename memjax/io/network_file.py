"""A network in one TOML file, checked as a whole."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import NetworkError
from ..network import Network, Neurons, Poisson, Projection
from ..network.groups import Group
from .network_groups import read_group
from .network_projections import read_projection
from .tables import COUNT, POSITIVE, WHOLE, WHOLES, Source, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkFile:
    """What a network file says.

    Parameters
    ----------
    network : Network
        The network.
    duration : float
        How long it runs [s].
    watch : dict of str to list of int
        Neurons by group whose states are recorded.
    source : dict of str to str
        SHA-256 of each file that was read, by its path as the network file names it, itself first.
    """

    network: Network
    duration: float
    watch: dict[str, list[int]]
    source: dict[str, str]


def load_network(path: str | Path, *, seed: int | None = None) -> NetworkFile:
    """Read a network file, and every file that it names.

    Parameters
    ----------
    path : str or Path
        TOML; ``docs/networks.md`` has its keys. Paths in it are relative to its folder.
    seed : int, optional
        Instead of the file's own.

    Returns
    -------
    NetworkFile

    Raises
    ------
    NetworkError
        Says all that is wrong at once: unknown keys and names, missing ones, values of another kind.

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
    own, steps = t.take("seed", WHOLE, 0), t.take("exchange_steps", COUNT, None)
    chosen: int = seed if seed is not None else own or 0
    groups: dict[str, Group | None] = {}
    for name, inner in t.named("groups").items():
        groups[name] = None
        with inner.at():
            groups[name] = read_group(inner, name, chosen)
    projections: list[Projection] = []
    for k, inner in enumerate(t.tables("projections")):
        with inner.at():
            own_seed = int(np.random.SeedSequence([chosen, k]).generate_state(1)[0])
            projections.append(read_projection(inner, groups, own_seed))
    watch = _watched(t.table("record", {}), groups)
    t.strangers()
    source.check(NetworkError)
    members = [g for g in groups.values() if g is not None]
    network = Network(
        groups=members, projections=projections, dt=dt, seed=chosen, exchange_steps=steps
    )
    _check_times(network, duration)
    return NetworkFile(network=network, duration=duration, watch=watch, source=source.files)


def _check_times(network: Network, duration: float) -> None:
    """Refuse times and rates that do not go with the step, which a run would refuse later."""
    network.exchanges(duration)
    for p in network.projections:
        times = {"width": p.receptor.width, "delay": p.delay if p.edges.delay is None else None}
        for what, time in times.items():
            if time is not None:
                network.clock.exchanges(time, where=f"{what} of {p.where}")
    for g in network.groups:
        most = float(np.max(g.rate)) if isinstance(g, Poisson) else 0.0
        if most * network.dt >= 1:
            allowed = f"below 1/dt = {1 / network.dt:g} 1/s"
            raise NetworkError(f"rate = {most:g} 1/s", where=f"groups.{g.name}", allowed=allowed)


def _watched(t: Table, groups: dict[str, Group | None]) -> dict[str, list[int]]:
    """Numbers of neurons by group."""
    watch = t.values("watch", WHOLES)
    neurons = {n: g for n, g in groups.items() if g is None or isinstance(g, Neurons)}
    t.known("watch", watch, neurons)
    for name, some in watch.items():
        group = neurons.get(name)
        if group is not None and WHOLES.fits(some) and max(some, default=0) >= group.n:
            t.note(f"watch.{name}", f"neuron {max(some)}", allowed=f"0 to {group.n - 1}")
    return watch
