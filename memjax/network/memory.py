"""How much memory a network takes, before it does."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import NetworkError
from ..runtime.memory import free_memory
from .groups import Neurons
from .plan import edge_delays, layout
from .weights import DriftWeights
from .wire import SPIKE, first_room, first_slots

if TYPE_CHECKING:
    from .network import Network

_GIB = 2**30

_SORT = 24
"""Bytes per connection while connections are put in order by source."""


def estimate(network: "Network", *, shards: int = 1, energy: bool = False) -> dict[str, int]:
    """Memory by what takes it [bytes]; the process itself takes some 0.3 GiB more.

    Parameters
    ----------
    network : Network
        The network.
    shards : int
        Devices that share it.
    energy : bool
        Whether it has an energy ledger.
    """
    item, steps = np.dtype(network.dtype).itemsize, network.clock.steps
    sizes: dict[str, int] = {}
    for g in network.groups:
        if not isinstance(g, Neurons):
            continue
        blocks = layout(g, network.projections, shards)
        states = (
            len(g.circuit.specs) + len(blocks.receptors) + 5
        )  # last spike, count, intervals, armed
        states += len(blocks.receptors) + 3 if energy else 0
        numbers = len(g.values) + len(g.biases) + 2  # keys
        sizes[f"states of {g.name!r}"] = blocks.size * (2 * states + numbers) * max(item, 4)
        sizes[f"arrivals at {g.name!r}"] = blocks.size * steps * len(blocks.receptors) * item
    exchanges = dict.fromkeys((g.name for g in network.groups), 1)
    for p in network.projections:
        delays = edge_delays(p, network.clock)
        edge_size = 4 + (item if isinstance(p.weight, np.ndarray) else 0) + 4 * (delays.ndim > 0)
        sizes[f"connections of {p.name!r}"] = len(p.edges) * (2 * edge_size + 8)
        longest = int(delays.max(initial=1)) + (p.receptor.width or 0.0) / network.dt
        exchanges[p.pre] = max(exchanges[p.pre], -(-int(longest) // steps) + 1)
        if isinstance(p.weight, DriftWeights):
            device_numbers = len(p.weight.pulsed.scaled.scale) + 5  # 1/f noise, jitter, conductance
            sizes[f"devices of {p.name!r}"] = len(p.edges) * (2 * (device_numbers * item + 12) + 20)
    slots = first_slots(sum(g.n for g in network.groups))
    for g in network.groups:
        room = first_room(g.n, slots)
        sizes[f"spikes of {g.name!r} on their way"] = exchanges[g.name] * room * SPIKE
    longest = max((len(p.edges) for p in network.projections), default=0)
    sizes["putting connections in order"] = longest * _SORT
    return sizes


def available(devices: Sequence[Any]) -> int | None:
    """Memory that is free [bytes]: of the devices, or of this machine and its control group; None if unknown."""
    if devices[0].platform != "cpu":
        free = [d.memory_stats() for d in devices]
        free_sizes = [
            s["bytes_limit"] - s["bytes_in_use"] for s in free if s and "bytes_limit" in s
        ]
        return sum(free_sizes) if len(free_sizes) == len(devices) else None
    return free_memory()


def check_memory(network: "Network", devices: Sequence[Any]) -> None:
    """Refuse a network that does not fit.

    Raises
    ------
    NetworkError
        It says what takes most, and what would take less.
    """
    free, parts = available(devices), estimate(network, shards=len(devices))
    total = sum(parts.values())
    if free is None or total <= free:
        return
    largest = max(parts, key=lambda k: parts[k])
    advice = {
        "arrivals": f"fewer steps between exchanges (now {network.clock.steps}): exchange_steps",
        "states": "fewer neurons, or more devices",
        "connections": "one weight for all, fewer connections, or more devices",
        "devices": "fewer connections with devices, or more JAX devices",
        "spikes": "shorter delays and widths",
        "putting": "fewer connections in one projection",
    }
    raise NetworkError(
        f"it needs {total / _GIB:.3g} GiB, most for {largest} ({parts[largest] / _GIB:.3g} GiB)",
        where="memory",
        allowed=f"{free / _GIB:.3g} GiB that are free",
        fix=advice[largest.split()[0]],
    )
