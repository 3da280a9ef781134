"""Sweeps that a file labels in halves, out and back, are one."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from .labels import Sweeps, rows_of_labels

_NEAR = 1.5
"""Steps by which the ends of two halves may lie apart."""


def join_halves(
    sweeps: Sweeps, x: Float[np.ndarray, " points"], t: Float[np.ndarray, " points"] | None
) -> Sweeps:
    """Sweeps, with halves joined where every one of them is a half: from rest to a peak, or from there to rest.

    Parameters
    ----------
    sweeps : Sweeps
        By the file's own labels.
    x : Float[np.ndarray, "points"]
        What is driven [V or A].
    t : Float[np.ndarray, "points"] or None
        Time [s]: halves whose time starts again are not joined.

    Returns
    -------
    Sweeps
        Each pair has the label of its first half.
    """
    labels = sweeps.number[np.sort(np.unique(sweeps.number, return_index=True)[1])]
    parts = rows_of_labels(sweeps.number)
    pairs = list(zip(parts[::2], parts[1::2], strict=False))  # a last one may have no second half
    if not pairs or not all(_halves(x, t, *pair) for pair in pairs):
        return sweeps
    number = sweeps.number.copy()
    for label, (_, returning) in zip(labels[::2], pairs, strict=False):
        number[returning] = label
    text = f"{len(labels)} sweeps are halves, out and back: joined to {len(labels) - len(pairs)}, named by their first"
    return replace(sweeps, number=number, warnings=(*sweeps.warnings, text))


def _halves(x: np.ndarray, t: np.ndarray | None, out: np.ndarray, returning: np.ndarray) -> bool:
    """Whether the points of two sweeps go from rest to a peak, and from there to rest."""
    if min(len(out), len(returning)) < 3 or out[-1] + 1 != returning[0]:
        return False
    up, down = x[out], x[returning]
    near = _NEAR * max(float(np.median(np.abs(np.diff(up)))), 1e-300)
    side = np.sign(up[-1])
    rises = bool(np.all(side * np.diff(up) >= 0) and np.all(side * np.diff(down) <= 0))
    closed = max(abs(up[0]), abs(down[-1]), abs(down[0] - up[-1])) <= near < abs(up[-1])
    return rises and bool(closed) and (t is None or bool(t[out[-1]] <= t[returning[0]]))


__all__ = ["join_halves"]
