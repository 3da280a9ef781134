"""What stands for what: groups and projections as nodes of NIR."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ...errors import NetworkError
from ..groups import Neurons
from ..network import Network
from ..plan import groups_by_name
from ..projection import Projection

if TYPE_CHECKING:
    from .surrogate import LifSurrogate

LARGEST_MATRIX = 2**28
"""Numbers in the weight matrix of a projection: NIR has no sparse one [2 GB in float64]."""


def nir_library() -> Any:
    """The package `nir`.

    Raises
    ------
    NetworkError
        If it is not installed.
    """
    try:
        import nir
    except ImportError as error:
        raise NetworkError(
            "NIR needs the package nir", fix="pip install 'memjax[files]'"
        ) from error
    return nir


def weight_matrix(network: Network, projection: Projection) -> Float[np.ndarray, "post pre"]:
    """The weights of a projection as a matrix; those of several edges between two members add up.

    Raises
    ------
    NetworkError
        If the weights are devices, or the matrix is too large.
    """
    groups = groups_by_name(network.groups, network.projections)
    shape = groups[projection.post].n, groups[projection.pre].n
    if shape[0] * shape[1] > LARGEST_MATRIX:
        raise NetworkError(
            f"{shape[0]} by {shape[1]} weights",
            where=f"projection {projection.name!r}",
            allowed=f"{LARGEST_MATRIX} numbers: NIR has no sparse matrix",
            fix="export a smaller network",
        )
    if not has_numbers(projection):
        raise NetworkError(
            f"weights that are {type(projection.weight).__name__}",
            where=f"projection {projection.name!r}",
            allowed="numbers",
            fix="replace them by their conductances at the time of the export",
        )
    edges = projection.edges
    matrix = np.zeros(shape)
    np.add.at(matrix, (np.asarray(edges.post), np.asarray(edges.pre)), edge_weights(projection))
    return matrix


def has_numbers(projection: Projection) -> bool:
    """Whether the weights are numbers, and not devices."""
    return isinstance(projection.weight, int | float | np.ndarray | np.generic) or hasattr(
        projection.weight, "dtype"
    )


def edge_weights(projection: Projection) -> Float[np.ndarray, " edges"]:
    """One weight per edge."""
    return np.broadcast_to(np.asarray(projection.weight, float), len(projection.edges))


def _lasting(projection: Projection) -> float:
    """Time for which a spike lasts, as the area under its effect over its weight [s]."""
    receptor = projection.receptor
    return float(receptor.tau if receptor.tau is not None else receptor.width or 0.0)


def neuron_node(group: Neurons, lif: "LifSurrogate") -> Any:
    """The node of a group."""
    ones = np.ones(group.n)
    metadata = {
        "circuit": repr(group.circuit),
        "stands_for": "a circuit of memjax; leaky integrate-and-fire neuron fitted to its rates",
        "relative_rate_error": float(lif.error),
        "input_factors": np.asarray(lif.factors),
        "circuit_rates_1_per_s": np.asarray(lif.rates),
        "lif_rates_1_per_s": np.asarray(lif.lif_rates),
    }
    return nir_library().LIF(
        tau=lif.tau * ones,
        r=ones,
        v_leak=0 * ones,
        v_threshold=lif.threshold * ones,
        v_reset=0 * ones,
        metadata=metadata,
    )


def projection_nodes(network: Network, projection: Projection) -> tuple[dict[str, Any], list[str]]:
    """The nodes of a projection in the order in which a spike passes them, and what they leave out."""
    nir, name = nir_library(), projection.name
    groups = groups_by_name(network.groups, network.projections)
    pre, post = groups[projection.pre].n, groups[projection.post].n
    edges, receptor, omissions = projection.edges, projection.receptor, []
    delays = np.asarray(projection.delay if edges.delay is None else edges.delay, float)
    delay = float(np.mean(delays))
    if np.ptp(delays) > 0:
        omissions.append(
            f"{name}: the delays of its edges, {delays.min():g} to {delays.max():g} s, are their mean"
        )
    lasting = _lasting(projection)
    if receptor.width is not None:
        omissions.append(f"{name}: rectangular pulses are exponentials of the same area")
    if receptor.reversal is not None:
        omissions.append(f"{name}: conductances are currents, as if the voltage were 0")
    scale = 1.0 if receptor.reversal is None else float(receptor.reversal)
    # Of a spike the leaky integrator keeps r / tau: r = tau makes that the weight.
    time_constants = np.full(post, lasting)
    return {
        f"{name}.delay": nir.Delay(delay=np.full(pre, delay)),
        f"{name}.weight": nir.Linear(weight=scale * weight_matrix(network, projection)),
        f"{name}.receptor": nir.LI(tau=time_constants, r=time_constants, v_leak=0 * time_constants),
    }, omissions
