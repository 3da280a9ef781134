"""A network as a NIR file."""

import warnings
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import NetworkError
from ...runtime.files import writing
from ...runtime.saved import to_bytes
from ..groups import Neurons
from ..network import Network
from .graph import neuron_node, nir_library, projection_nodes
from .surrogate import LifSurrogate, fit_lif

SAVED = "memjax_network"
"""Key of the graph's metadata under which the network itself stands, in memjax's saved form."""


def write_nir(
    network: Network,
    path: str | Path,
    *,
    duration: float | None = None,
    surrogates: Mapping[str, LifSurrogate] | None = None,
) -> dict[str, LifSurrogate]:
    """Write a network as NIR: its topology, a fitted neuron for each group, and the network itself as metadata.

    Parameters
    ----------
    network : Network
        What to write. Its projections have weights that are numbers.
    path : str or Path
        The file (HDF5); it appears whole or not at all.
    duration : float, optional
        For how long each group's circuit is simulated to find its surrogate [s]; see `fit_lif`.
    surrogates : mapping of str to LifSurrogate, optional
        Surrogates by group, where they are known; the others are fitted.

    Returns
    -------
    dict of str to LifSurrogate
        The surrogates, with their errors.

    Raises
    ------
    NetworkError
        If weights are devices, the package `nir` is missing, or a surrogate is to be fitted without a duration.

    Warns
    -----
    UserWarning
        With what NIR cannot say: rectangular pulses, delays that differ, conductances, several ports.

    Notes
    -----
    A group of neurons is a node LIF between a node Input or the receptors that act on it and a node Output; sources are
    nodes Input. A projection is Delay, Linear, LI. NIR has no ion dynamics: what the LIF neuron leaves out of the
    circuit is measured by `LifSurrogate.error`. `read_nir` gives the whole network back.
    """
    nir = nir_library()
    neurons = [g for g in network.groups if isinstance(g, Neurons)]
    chosen = dict(surrogates or {})
    for group in neurons:
        if group.name not in chosen:
            chosen[group.name] = _surrogate(network, group, duration)
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    for group in network.groups:
        if isinstance(group, Neurons):
            nodes[group.name] = neuron_node(group, chosen[group.name])
            nodes[f"{group.name}.spikes"] = nir.Output(output_type={"output": np.array([group.n])})
            edges.append((group.name, f"{group.name}.spikes"))
        else:
            nodes[group.name] = nir.Input(input_type={"input": np.array([group.n])})
    for projection in network.projections:
        chain, omissions = projection_nodes(network, projection)
        for text in omissions:
            warnings.warn(text, stacklevel=2)
        nodes |= chain
        names = [projection.pre, *chain, projection.post]
        edges += pairwise(names)
    saved = np.frombuffer(to_bytes(network), np.uint8)
    graph = nir.NIRGraph(nodes, edges, metadata={SAVED: saved})
    with writing(path) as temporary:
        nir.write(temporary, graph)
    return chosen


def _surrogate(network: Network, group: Neurons, duration: float | None) -> LifSurrogate:
    """The surrogate of a group under the input that it has in the network."""
    where = f"the surrogate of {group.name!r}"
    if duration is None:
        raise NetworkError("no duration", where=where, allowed="a time [s] in which it fires often")
    lif = fit_lif(network, group.name, duration=duration)
    if np.isnan(lif.error):
        warnings.warn(
            f"{group.name} did not fire in {duration:g} s: its LIF node never does", stacklevel=3
        )
    return lif
