"""A linear read-out, trained by ridge regression with cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..errors import BoundsError

PENALTIES = tuple(10.0 ** np.arange(-10.0, 3.0))
"""Penalties that are tried, times the number of steps: states are scaled to unit variance."""


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """A linear read-out.

    Parameters
    ----------
    weights : Float[np.ndarray, "features outputs"]
        Of the states.
    offset : Float[np.ndarray, "outputs"]
        What is added.
    penalty : float
        That the cross-validation has chosen.
    low, high : Float[np.ndarray, "features"]
        Range of the states of the training: a state beyond it counts as its end. A device that switches once in a
        thousand steps, and did not in the training, would else decide the output.
    """

    weights: Float[np.ndarray, "features outputs"]
    offset: Float[np.ndarray, " outputs"]
    penalty: float
    low: Float[np.ndarray, " features"]
    high: Float[np.ndarray, " features"]

    def __call__(
        self, states: Float[np.ndarray, "steps features"]
    ) -> Float[np.ndarray, "steps outputs"]:
        """Outputs of states."""
        return np.clip(np.asarray(states), self.low, self.high) @ self.weights + self.offset


def fit_ridge(
    states: Float[np.ndarray, "steps features"],
    targets: Float[np.ndarray, "rows *outputs"],
    *,
    penalties: Sequence[float] = PENALTIES,
    folds: int = 5,
) -> Ridge:
    """Train a read-out; the penalty is that of the smallest squared error on steps that were left out.

    Parameters
    ----------
    states : Float[np.ndarray, "steps features"]
        Of the training.
    targets : Float[np.ndarray, "rows *outputs"]
        Wanted outputs, a row for each step; of one output a column or plain numbers.
    penalties : sequence of float
        That are tried.
    folds : int
        Blocks of successive steps, each left out once: neighbours in a series are too alike to test each other.

    Raises
    ------
    BoundsError
        If there are fewer steps than folds, or states that are no numbers.
    """
    x, y = np.asarray(states, float), np.asarray(targets, float)
    y = y[:, None] if y.ndim == 1 else y
    if (
        len(x) != len(y)
        or len(x) < max(2, folds)
        or not (np.isfinite(x).all() and np.isfinite(y).all())
    ):
        raise BoundsError(
            f"{len(x)} states and {len(y)} targets",
            where="fit_ridge",
            allowed=f"equally many, at least {folds}, all finite",
        )
    blocks = np.array_split(np.arange(len(x)), folds)
    errors = np.zeros(len(penalties))
    for left_out in blocks:
        used = np.setdiff1d(np.arange(len(x)), left_out)
        held = np.clip(x[left_out], x[used].min(axis=0), x[used].max(axis=0))
        for k, (w, b) in enumerate(_solutions(x[used], y[used], penalties)):
            errors[k] += np.sum((held @ w + b - y[left_out]) ** 2)
    best = int(np.argmin(errors))
    ((weights, offset),) = _solutions(x, y, [penalties[best]])
    ends = {"low": x.min(axis=0), "high": x.max(axis=0)}
    return Ridge(weights=weights, offset=offset, penalty=float(penalties[best]), **ends)


def _solutions(x: np.ndarray, y: np.ndarray, penalties: Sequence[float]):
    """Weights and offset for each penalty, out of one decomposition."""
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    scale = x.std(axis=0)
    # A state that never changes has no say; dividing by its rounding would give it one.
    scale = np.where(scale > 1e-12 * np.maximum(np.abs(middle), 1e-300), scale, np.inf)
    z = (x - middle) / scale
    # Of z'z or z z', whichever is smaller. Squares of singular values lose what lies below 1e-16 of the largest, and
    # the least penalty is far above that.
    wide = z.shape[1] > len(z)
    size, axes = np.linalg.eigh(z @ z.T if wide else z.T @ z)
    projected = axes.T @ (y - mean if wide else z.T @ (y - mean))
    for penalty in penalties:
        w = axes @ (projected / (np.maximum(size, 0.0) + penalty * len(x))[:, None])
        w = (z.T @ w if wide else w) / scale[:, None]
        yield w, mean - middle @ w
