"""Where a model needed its learned corrections, in sentences."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from memjax.core.params import get
from memjax.device.corrected import CONTRAST, AbstractCorrectedDevice
from memjax.device.hybrid import NODES, node_voltages

from .instrument import device_of
from .learned import basis_at, conductances, normal_draws

LEVEL = 0.9
"""Probability of the bands that have to exclude no correction."""

LEAST = 0.05
"""Smallest correction that is worth a sentence, as a share."""

_DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What a model is off by in a range of voltages.

    Parameters
    ----------
    what : str
        The current of a state, or the rates.
    low, high : float
        Ends of the range [V], infinite where it reaches beyond the data.
    factor, least, most : float
        By what the model is multiplied there, and the ends of its band.
    """

    what: str
    low: float
    high: float
    factor: float
    least: float
    most: float

    def __str__(self) -> str:
        place = f"from {self.low:.3g} to {self.high:.3g} V"
        if np.isinf(self.low):
            place = f"below {self.high:.3g} V" if np.isfinite(self.high) else "at all voltages"
        elif np.isinf(self.high):
            place = f"above {self.low:.3g} V"
        band = f"({self.least:.2g} to {self.most:.2g})"
        return (
            f"{self.what} {place} {self.verb} {self.factor:.2g} times what the model gives {band}"
        )

    @property
    def verb(self) -> str:
        """Singular or plural."""
        return "are" if self.what.startswith("rates") else "is"


def corrections_of(result: Any) -> tuple[Correction, ...]:
    """What a fitted model with corrections needed of these: where the bands exclude that it needed none.

    Voltages are those of the cells between nodes that hold data, as the source has them. The current of a state counts
    by the points of the data whose conductance is above or below the reference.
    """
    if not isinstance(device_of(result.problem.device), AbstractCorrectedDevice):
        return ()
    device = result.device
    names = [n for nodes in device.functions.values() for n in nodes]
    center = np.array([float(get(device, n)) for n in names])
    place = {n: k for k, n in enumerate(result.problem.free)}
    free = [k for k, n in enumerate(names) if n in place]
    chosen = [place[names[k]] for k in free]
    draws = np.tile(center, (_DRAWS, 1))
    covariance = result.covariance[np.ix_(chosen, chosen)]
    # A coordinate of a node is the node itself, see its bounds.
    draws[:, free] += normal_draws(covariance, _DRAWS)
    functions = np.concatenate([center[None], draws]).reshape(-1, len(device.functions), NODES)
    low, high, reference = (float(get(device, n)) for n in ("v_low", "v_high", "g_ref"))
    v, g, _ = conductances(result.waves, float(result.problem.group.floor))
    side = -1.0 if result.problem.bench.reversed else 1.0
    v = side * v  # of the device
    level, contrast, pace = np.moveaxis(functions @ basis_at(v, low, high).T, 1, 0)
    distance = (g - np.log(reference) - level[0]) * np.exp(-contrast[0])
    factor = level + np.expm1(np.clip(contrast, -CONTRAST, CONTRAST)) * distance
    edges = node_voltages(low, high)[1:-1]
    conducts = distance > 0
    parts: list[tuple[str, np.ndarray, np.ndarray]] = [
        ("the current of the more conducting state", factor, conducts),
        ("the current of the less conducting state", factor, ~conducts),
        ("rates", pace, np.ones(len(v), bool)),
    ]
    said = [c for what, logs, mask in parts for c in _ranges(what, logs, v, mask, edges)]
    return tuple(c if side > 0 else replace(c, low=-c.high, high=-c.low) for c in said)


def _ranges(
    what: str,
    logs: Float[np.ndarray, "draws points"],
    v: Float[np.ndarray, " points"],
    mask: Bool[np.ndarray, " points"],
    edges: Float[np.ndarray, " edges"],
) -> list[Correction]:
    """Ranges of neighbouring cells whose corrections are sure, and of one sign."""
    cells, signs = [], []
    for low, high in pairwise(edges):
        inside = mask & (v >= low) & (v <= high)
        curves = np.mean(logs[:, inside], axis=1) if inside.any() else np.zeros(len(logs))
        cells.append(curves)
        signs.append(_sign(curves))
    out, k = [], 0
    while k < len(signs):
        end = k
        while end + 1 < len(signs) and signs[end + 1] == signs[k]:
            end += 1
        if signs[k]:
            curves = np.mean(cells[k : end + 1], axis=0)
            ends = (
                -np.inf if k == 0 else edges[k],
                np.inf if end == len(signs) - 1 else edges[end + 1],
            )
            out.append(Correction(what=what, low=ends[0], high=ends[1], **_band(curves)))
        k = end + 1
    return out


def _band(curves: np.ndarray) -> dict[str, float]:
    """Factor and the ends of its band, of the estimate and draws of its logarithm."""
    least, most = np.quantile(curves[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"factor": np.exp(curves[0]), "least": np.exp(least), "most": np.exp(most)}


def _sign(curves: np.ndarray) -> int:
    """1 or -1 of a correction that is sure and worth a sentence, else 0."""
    band = _band(curves)
    if abs(np.log(band["factor"])) < np.log1p(LEAST) or band["least"] <= 1 <= band["most"]:
        return 0
    return 1 if band["factor"] > 1 else -1
