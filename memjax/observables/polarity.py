"""Stretches of a sweep to one polarity, and their branches that were measured: of plain arrays, which load no JAX."""

import itertools

import numpy as np
from jaxtyping import Float

AT_REST = 0.02
"""Share of the largest |v| below which a point belongs to no polarity: an overshoot at the end is no sweep."""


def stretches(v: Float[np.ndarray, " points"]) -> list[slice]:
    """Stretches of a sweep in which the voltage keeps one sign; points at rest go with the stretch before them.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Voltage [V], or what is driven.

    Returns
    -------
    list of slice
        Rows of each stretch in their order, together all rows; empty if the voltage is 0 throughout.
    """
    sign = np.where(np.abs(v) > AT_REST * np.max(np.abs(v), initial=0.0), np.sign(v), 0.0)
    busy = np.flatnonzero(sign)
    if not busy.size:
        return []
    # Points at rest have no polarity: signs are compared across them.
    turns = busy[1:][np.diff(sign[busy]) != 0]
    edges = [0, *turns.tolist(), len(v)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def branches_of(size: Float[np.ndarray, " points"], *, begins: bool, ends: bool) -> str:
    r"""Which branches of an excursion the data hold, "both", "out" or "back".

    Parameters
    ----------
    size : Float[np.ndarray, "points"]
        Modulus of what is driven.
    begins, ends : bool
        Whether the data of its sweep begin, or end, with it.
    """
    top = (1 - AT_REST) * np.max(size, initial=0.0)
    if np.min(size, initial=np.inf) >= top:
        return "both"
    return "back" if begins and size[0] >= top else "out" if ends and size[-1] >= top else "both"
