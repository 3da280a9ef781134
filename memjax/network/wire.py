"""What the devices of a network tell each other: bytes per exchange interval."""

from typing import Any

import jax.numpy as jnp

SPIKE = 8
"""Bytes of a spike: number of the neuron, and step within the exchange interval, 32 bits each."""

_UNEVEN = 2
"""How many times its fair share of the spikes the busiest device may have before lists are made longer."""


MIN_ROOM = 64
"""Spikes of a group in an exchange interval that there is room for at least."""

_SMALL, _SLOTS = 4096, 5
"""Members of a network that computes for less time than it compiles; spikes of one of them in an exchange interval
that there is room for at first. Each time there is too little room the network is compiled anew."""


def first_slots(n: int) -> int:
    """Spikes of one of so many members of a network in an exchange interval that there is room for at first.

    Of a large network one: every neuron carries its memory from step to step.
    """
    return _SLOTS if n <= _SMALL else 1


def first_room(n: int, slots: int) -> int:
    """Spikes of a group of so many members, with so many slots each, that there is room for at first."""
    return min(n * slots, max(MIN_ROOM, n // 16))


def places(room: int, shards: int) -> int:
    """Spikes of one device that a list of `room` spikes of all has places for: twice a fair share, or all.

    Parameters
    ----------
    room : int
        Of a group in an exchange interval, see `Room`.
    shards : int
        Devices.
    """
    return min(room, _UNEVEN * -(-room // shards))


def room_for(most: Any, shards: int) -> Any:
    """Room whose `places` hold so many spikes of one device, at most what 31 bits hold."""
    share = -(-shards // _UNEVEN)
    return jnp.minimum(most, (2**31 - 1) // share) * share


def list_bytes(spikes: int, shards: int) -> dict[str, int]:
    """Bytes on the wire for the spikes of a group in an exchange interval.

    Parameters
    ----------
    spikes : int
        Of the whole group, in the busiest interval so far.
    shards : int
        Devices.

    Returns
    -------
    dict of str to int
        ``sent``: the list of one device, which goes to all others; ``received``: the lists of all others. On a ring, as
        NCCL and Gloo make it, a link carries as much as a device receives.

    Notes
    -----
    Lists have places for twice the spikes of the busiest interval (`Simulation`), so that they need not grow often, and
    for twice the fair share of a device: 32 bytes for each spike. A bit per neuron and step instead would be less where
    neurons fire more often than once in 256 steps.
    """
    part = places(2 * spikes, shards)
    return {"sent": SPIKE * part, "received": SPIKE * part * (shards - 1)}
