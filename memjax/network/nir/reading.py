"""A network out of a NIR file that memjax wrote, with the weights that stand there now."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import NetworkError
from ...runtime.saved import from_bytes
from ..network import Network
from ..projection import Projection
from .graph import edge_weights, nir_library, weight_matrix
from .writing import SAVED


def read_nir(path: str | Path) -> Network:
    """Read a network that `write_nir` wrote.

    Parameters
    ----------
    path : str or Path
        The file. Another program may have changed the weights in it, not the nodes.

    Returns
    -------
    Network
        To the bit the network that was written where no weight has changed.

    Raises
    ------
    NetworkError
        If the file is no NIR, holds no network of memjax, lacks nodes, or has weights where the network has no
        connection.
    """
    where = str(path)
    graph = _graph(path)
    saved = getattr(graph, "metadata", {}).get(SAVED)
    if saved is None:
        raise NetworkError(
            "no network of memjax",
            where=where,
            allowed="a file of memjax: nodes of NIR alone have no device physics",
            fix="build a memjax.network.Network with circuits of your choice",
        )
    network = from_bytes(np.asarray(saved, np.uint8).tobytes(), where, single_precision=True)
    projections = [_with_weights(network, p, graph, where) for p in network.projections]
    return replace(network, projections=projections)


def _graph(path: str | Path) -> Any:
    """The graph of a file."""
    nir = nir_library()
    if not Path(path).is_file():
        raise NetworkError("no such file", where=str(path), allowed="a NIR file")
    try:
        return nir.read(path)
    except Exception as error:  # nir raises whatever a wrong file runs into
        raise NetworkError(
            f"no NIR can be read ({type(error).__name__})",
            where=str(path),
            allowed="a file of nir.write",
        ) from error


def _with_weights(network: Network, projection: Projection, graph: Any, where: str) -> Projection:
    """The projection with the weights of the file."""
    node = graph.nodes.get(f"{projection.name}.weight")
    if node is None:
        raise NetworkError(
            f"no node {projection.name}.weight", where=where, allowed="the nodes that memjax wrote"
        )
    reversal = projection.receptor.reversal
    new = np.asarray(node.weight)
    old = (1.0 if reversal is None else reversal) * weight_matrix(network, projection)
    if new.shape == old.shape and np.array_equal(new, old.astype(new.dtype)):
        return projection
    at = np.asarray(projection.edges.post), np.asarray(projection.edges.pre)
    count = np.zeros(old.shape, int)
    np.add.at(count, at, 1)
    problem = None
    if new.shape != old.shape:
        problem = f"weights of shape {new.shape}, not {old.shape}"
    elif np.any(new[count == 0] != 0) or not np.all(np.isfinite(new)):
        lost = np.sum(new[count == 0] != 0)
        problem = f"{lost} weights where there is no connection, or not finite"
    elif np.any((count > 1) & (old == 0) & (new != 0)):
        problem = "a weight of several connections between two members whose sum was 0"
    if problem is not None:
        raise NetworkError(problem, where=f"{projection.name}.weight of {where}")
    # Of several connections between two members each keeps its share of the sum.
    ratio = new[at] / np.where(old == 0, 1.0, old)[at]
    alone = new[at] / (1.0 if reversal is None else reversal)
    weight = np.where(count[at] > 1, edge_weights(projection) * ratio, alone)
    return replace(projection, weight=weight)
