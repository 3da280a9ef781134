"""A trained network in the engine, with the full physics of every neuron: one copy for each sample."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from ..network import Edges, Network, Neurons, SpikeList, run
from .samples import Samples, check_decision, winners


def replicate(
    network: Network, samples: Samples, members: Sequence[int] | Int[np.ndarray, " copies"]
) -> Network:
    """A network as many times as there are samples, each copy under one of them: what the engine runs at once.

    Parameters
    ----------
    network : Network
        With one `SpikeList`, as for `SpikingNetwork`.
    samples : Samples
        The samples.
    members : sequence of int
        Which of them.

    Returns
    -------
    Network
        Member m of copy k of a group of n has the number k n + m.
    """
    copies, sizes = len(members), {g.name: g.n for g in network.groups}
    copy, source, time = samples.select(np.asarray(members))
    groups: list[Any] = []
    for g in network.groups:
        if isinstance(g, Neurons):
            values, bias = (
                {k: np.tile(np.broadcast_to(x, (g.n,)), copies) for k, x in table.items()}
                for table in (g.values, g.biases)
            )
            groups.append(replace(g, n=copies * g.n, values=values, bias=bias))
        else:
            groups.append(
                SpikeList(name=g.name, n=copies * g.n, source=copy * g.n + source, time=time)
            )
    projections = []
    for p in network.projections:
        shift = np.repeat(np.arange(copies), len(p.edges))
        edges = Edges(
            (np.tile(p.edges.pre, copies) + shift * sizes[p.pre]).astype(np.int32),
            (np.tile(p.edges.post, copies) + shift * sizes[p.post]).astype(np.int32),
        )
        weight = np.tile(np.broadcast_to(p.weight, len(p.edges)), copies)
        projections.append(replace(p, edges=edges, weight=weight))
    return replace(network, groups=groups, projections=projections)


def classify_in_full(
    network: Network, samples: Samples, *, output: str, by: str = "first-spike", batch: int = 128
) -> tuple[Int[np.ndarray, " samples"], tuple[str, ...]]:
    """Class of each sample by the network engine, with the full physics of every neuron.

    Returns
    -------
    classes : Int[np.ndarray, "samples"]
        As `SpikingNetwork.classify` has them.
    notes : tuple of str
        What the engine says of its step.
    """
    check_decision(by)
    classes, notes = [], []
    n = next(g.n for g in network.groups if g.name == output)
    for start in range(0, len(samples), batch):
        members = np.arange(start, min(start + batch, len(samples)))
        # Filaments at each exchange, where they decide.
        watch = {output: range(len(members) * n)} if by == "membrane" else None
        recording = run(
            replicate(replace(network, seed=network.seed + start), samples, members),
            samples.duration,
            watch=watch,
        )
        member, time = recording.spikes[output]
        counts = np.bincount(member, minlength=len(members) * n).reshape(-1, n)
        first = np.full(len(members) * n, samples.duration)
        np.minimum.at(first, member, time)
        filament = np.zeros(counts.shape)
        if watch is not None:
            filament = recording.traces[output]["memristor.f"].mean(axis=0).reshape(-1, n)
        decide = winners(counts, first.reshape(-1, n), filament, samples.duration, by=by)
        classes.append(decide)
        notes += recording.notes
    return np.concatenate(classes), tuple(dict.fromkeys(notes))
