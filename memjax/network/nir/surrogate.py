"""The leaky integrate-and-fire neuron that fires most nearly as a circuit does in its network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from ...errors import NetworkError
from ..edges import Edges
from ..groups import Neurons, Poisson
from ..network import Network
from ..plan import groups_by_name
from ..projection import Projection, Receptor
from ..recording import Recording
from ..simulation import run
from .graph import edge_weights, has_numbers

FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""By how much input is scaled where rates are compared."""

_REPEATS = 16
"""Neurons at each factor."""

_GRID, _STEPS = 20, 200_000
"""Time constants and thresholds of one search; most steps of its simulation."""


@dataclass(frozen=True, kw_only=True)
class LifSurrogate:
    r"""A leaky integrate-and-fire neuron in place of a circuit, and how far its rates are off.

    Parameters
    ----------
    tau : float
        Time constant [s].
    threshold : float
        At which it fires, and falls back to 0 [unit of the driven source: V or A]; its resistance is 1.
    factors : tuple of float
        By how much the bias and the rates of the sources were scaled where both were simulated.
    rates, lif_rates : tuple of float
        Mean rates of the circuit and of the surrogate at each factor [1/s], under the same input spikes.
    error : float
        Root of the mean squared difference of these rates, over the largest of the circuit; NaN where it never fired.

    Notes
    -----
    :math:`\tau \dot v = -v + I`. It has neither refractory time nor noise nor adaptation; where the circuit has, the
    error shows it.
    """

    tau: float
    threshold: float
    factors: tuple[float, ...]
    rates: tuple[float, ...]
    lif_rates: tuple[float, ...]
    error: float


def fit_lif(
    network: Network, name: str, *, duration: float, factors: Sequence[float] = FACTORS
) -> LifSurrogate:
    """Simulate some neurons of a group under scaled input, and fit a leaky integrate-and-fire neuron to their rates.

    Parameters
    ----------
    network : Network
        What the group is part of; its bias and its Poisson sources of constant rate are the input.
    name : str
        Name of the group.
    duration : float
        Simulated time [s].
    factors : sequence of float
        By how much bias and rates are scaled.

    Raises
    ------
    NetworkError
        If there is no such group of neurons, or it has neither a bias nor such sources.
    """
    group = groups_by_name(network.groups, network.projections).get(name)
    if not isinstance(group, Neurons):
        allowed = ", ".join(g.name for g in network.groups if isinstance(g, Neurons))
        raise NetworkError(f"no group of neurons {name!r}", where="fit_lif", allowed=allowed)
    incoming = list(_incoming(network, name))
    bias = _bias(group)
    if not incoming and not np.any(bias):
        raise NetworkError(
            "no input that could be scaled",
            where=f"the surrogate of {name!r}",
            allowed="a bias, or Poisson sources of constant rate that act on it",
            fix="give the surrogate: surrogates={name: LifSurrogate(...)}",
        )
    bench = _bench(network, group, incoming, factors)
    recording = run(bench, duration)
    counts = np.array([t.count for t in recording.trains(name)]).reshape(len(factors), -1)
    rates = counts.mean(axis=1) / duration
    current, step = _input(bench, recording, duration)
    if not rates.any():
        peak = float(np.max(np.abs(current)))
        curves = dict(
            factors=tuple(factors), rates=(0.0,) * len(factors), lif_rates=(0.0,) * len(factors)
        )
        # A threshold that the input cannot reach says what was observed: no spike.
        return LifSurrogate(tau=duration, threshold=2 * peak, error=float("nan"), **curves)
    return _search(current, step, rates, tuple(map(float, factors)), duration)


def _incoming(network: Network, name: str) -> Iterator[tuple[Projection, Poisson]]:
    """Projections on a group with weights that are numbers, from sources of constant rate."""
    groups = groups_by_name(network.groups, network.projections)
    for projection in network.projections:
        source = groups[projection.pre]
        if projection.post != name or not has_numbers(projection):
            continue
        if isinstance(source, Poisson) and source.interval is None:
            yield projection, source


def _bias(group) -> np.ndarray:
    """The bias of the first driven source, one per neuron."""
    bias = next(iter(group.bias.values())) if isinstance(group.bias, Mapping) else group.bias
    return np.broadcast_to(np.asarray(bias, float), group.n)


def _bench(network: Network, group: Neurons, incoming, factors: Sequence[float]) -> Network:
    """The first neurons of the group once for each factor, with sources of their own."""
    count, many = min(group.n, _REPEATS), len(factors)
    scale = np.repeat(factors, count)
    values = {
        k: np.tile(np.broadcast_to(np.asarray(x, float), group.n)[:count], many)
        for k, x in group.values.items()
    }
    cells = replace(
        group,
        n=count * many,
        bias=scale * np.tile(_bias(group)[:count], many),
        values=values,
        start={},
    )
    sources: dict[str, Poisson] = {}
    projections: list[Projection] = []
    for projection, source in incoming:
        rate = np.broadcast_to(np.asarray(source.rate, float), source.n)
        rates = (np.asarray(factors)[:, None] * rate).ravel()
        sources[source.name] = replace(source, n=source.n * many, rate=rates)
        edges, weights = projection.edges, edge_weights(projection)
        near = np.flatnonzero(np.asarray(edges.post) < count)
        shift = np.arange(many)[:, None]
        pre = (np.asarray(edges.pre)[near] + shift * source.n).ravel()
        post = (np.asarray(edges.post)[near] + shift * count).ravel()
        delay = None if edges.delay is None else np.tile(np.asarray(edges.delay)[near], many)
        tiled = Edges(pre.astype(np.int32), post.astype(np.int32), delay)
        projections.append(replace(projection, edges=tiled, weight=np.tile(weights[near], many)))
    return replace(network, groups=[cells, *sources.values()], projections=projections)


def _input(
    bench: Network, recording: Recording, duration: float
) -> tuple[Float[np.ndarray, "steps cells"], float]:
    """Input of each neuron at the end of each step, and the step: a twentieth of the shortest effect of a spike."""
    cells = bench.groups[0]
    lasting = [p.receptor.tau or p.receptor.width or duration for p in bench.projections]
    steps = int(min(max(20 * duration / min([duration / 50, *lasting]), 100), _STEPS))
    step = duration / steps
    total = np.tile(_bias(cells), (steps, 1))
    for projection in bench.projections:
        trains = recording.trains(projection.pre)
        edges, weights = projection.edges, edge_weights(projection)
        delays = projection.delay if edges.delay is None else edges.delay
        delays = np.broadcast_to(np.asarray(delays, float), len(edges))
        impulses = np.zeros((steps, cells.n))
        for pre, post, weight, delay in zip(edges.pre, edges.post, weights, delays):
            at = ((trains[pre].times + delay) / step).astype(int)
            np.add.at(impulses, (at[at < steps], post), weight)
        total += _effect(impulses, projection.receptor, step)
    return total, step


def _effect(impulses: np.ndarray, receptor: Receptor, step: float) -> np.ndarray:
    """Return the sum of the effects of spikes behind a receptor."""
    scale = 1.0 if receptor.reversal is None else receptor.reversal
    if receptor.tau is not None:
        return scale * np.asarray(
            lfilter([1.0], [1.0, -np.exp(-step / receptor.tau)], impulses, axis=0)
        )
    window = np.ones(max(1, round(float(receptor.width or step) / step)))
    return scale * np.asarray(lfilter(window, [1.0], impulses, axis=0))


def _search(
    current: np.ndarray, step: float, rates: np.ndarray, factors: tuple[float, ...], duration: float
) -> LifSurrogate:
    """Time constant and threshold of the smallest error: on a grid, then on finer ones around the best."""
    low, high = np.log(2 * step), np.log(duration)
    taus, levels = np.exp(np.linspace(low, high, _GRID)), np.linspace(0.02, 0.98, _GRID)
    for _ in range(3):
        # Levels are shares of what each time constant lets the input reach without a reset.
        peaks = np.array([_reach(current, step, tau) for tau in taus])
        tau, level = (x.ravel() for x in np.meshgrid(taus, levels, indexing="ij"))
        thresholds = level * np.repeat(peaks, len(levels))
        counts = _count(current, step, tau, thresholds)
        lif = counts.reshape(len(tau), len(rates), -1).mean(axis=2) / duration
        errors = np.sqrt(np.mean((lif - rates) ** 2, axis=1)) / rates.max()
        k = int(np.argmin(errors))
        width = np.log(taus[-1] / taus[0]) / _GRID
        taus = np.exp(np.linspace(np.log(tau[k]) - width, np.log(tau[k]) + width, _GRID))
        span = (levels[-1] - levels[0]) / _GRID
        levels = np.linspace(max(level[k] - span, 1e-3), level[k] + span, _GRID)
    return LifSurrogate(
        tau=float(tau[k]),
        threshold=float(thresholds[k]),
        factors=factors,
        rates=tuple(map(float, rates)),
        lif_rates=tuple(map(float, lif[k])),
        error=float(errors[k]),
    )


def _reach(current: np.ndarray, step: float, tau: float) -> float:
    """The highest value that the input drives a leaky integrator to."""
    keep = np.exp(-step / tau)
    return float(np.max(lfilter([1 - keep], [1.0, -keep], current, axis=0)))


def _count(
    current: np.ndarray, step: float, tau: np.ndarray, threshold: np.ndarray
) -> Float[np.ndarray, "neurons cells"]:
    """Spikes of leaky integrate-and-fire neurons under the same input; exact for input that is constant in a step."""
    keep = np.exp(-step / tau)[:, None]
    v = np.zeros((len(tau), current.shape[1]))
    counts = np.zeros_like(v)
    for row in current:
        v = row + (v - row) * keep
        fires = v > threshold[:, None]
        counts += fires
        v[fires] = 0.0
    return counts
