"""Pictures of networks that learn: receptive fields, the confusion of classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..errors import BoundsError
from .arguments import check_arrays
from .axes import axes_or_new, prefix

_GAP = 1
"""Pixels between two fields."""


def receptive_fields(
    fields: Float[np.ndarray, "members pixels"],
    shape: tuple[int, int],
    *,
    labels: Sequence[int] | Int[np.ndarray, " members"] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the conductances onto each neuron as an image, all on one scale.

    Parameters
    ----------
    fields : Float[np.ndarray, "members pixels"]
        Conductances [S], or differences of them, see `memjax.learning.receptive_fields`.
    shape : tuple of int
        Rows and columns of an image.
    labels : sequence of int, optional
        Class of each neuron, -1 for none; fields then stand in the order of their classes.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.

    Raises
    ------
    BoundsError
        If pixels or labels are not as many.
    """
    check_arrays("receptive_fields", "receptive_fields(fields, (8, 8))", fields=fields)
    x, (height, width) = np.asarray(fields, float), shape
    if x.ndim != 2 or x.shape[1] != height * width or len(x) == 0:
        raise BoundsError(
            f"fields of shape {x.shape}",
            where="plot.receptive_fields",
            allowed=f"members times {height * width} pixels",
        )
    if labels is not None and len(labels) != len(x):
        raise BoundsError(
            f"{len(labels)} labels", where="plot.receptive_fields", allowed=f"{len(x)}"
        )
    ax = axes_or_new(ax)
    # Without labels every neuron has the same: the order stays.
    classes = [0] * len(x) if labels is None else np.asarray(labels).tolist()
    order = sorted(range(len(x)), key=classes.__getitem__)
    columns = int(np.ceil(np.sqrt(len(x) * 1.6)))
    rows = -(-len(x) // columns)
    mosaic = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP), np.nan)
    factor, unit = prefix(np.max(np.abs(x)) or 1.0, unit="S")
    for k, member in enumerate(order):
        top, left = k // columns * (height + _GAP), k % columns * (width + _GAP)
        mosaic[top : top + height, left : left + width] = x[member].reshape(shape) / factor
        if labels is not None:
            text = "–" if classes[member] < 0 else str(classes[member])
            corner = (left - 0.3, top - 0.3)
            ax.text(*corner, text, fontsize=7, va="top", color="black", bbox=_TAG)
    two_sided = bool(np.nanmin(mosaic) < 0)
    size = float(np.nanmax(np.abs(mosaic)))
    limits = {"vmin": -size, "vmax": size} if two_sided else {}
    image = ax.imshow(mosaic, cmap="RdBu_r" if two_sided else "viridis", **limits)
    name = "ON less OFF conductance" if two_sided else "Conductance"
    ax.figure.colorbar(image, ax=ax, label=f"{name} ({unit})", shrink=0.8)
    ax.set_axis_off()
    return ax


_TAG = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
"""Ground of a label within its field."""


def confusion(
    counts: Int[np.ndarray, "classes columns"],
    classes: Sequence[int] | Int[np.ndarray, " classes"],
    *,
    ax: Any = None,
) -> Any:
    """Draw how many images of each class were taken for which.

    Parameters
    ----------
    counts : Int[np.ndarray, "classes columns"]
        Of `Assignment.confusion`: classes in rows and columns, and a last column of images without an answer.
    classes : sequence of int
        Their names.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.

    Raises
    ------
    BoundsError
        If there are not as many rows as classes, and one column more.
    """
    check_arrays("confusion", "confusion(counts, classes)", counts=counts)
    x, n = np.asarray(counts), len(classes)
    if x.shape != (n, n + 1):
        raise BoundsError(
            f"counts of shape {x.shape}", where="plot.confusion", allowed=f"{n} times {n + 1}"
        )
    ax = axes_or_new(ax)
    image = draw_shares(ax, x, {(r, c): str(x[r, c]) for r, c in np.argwhere(x).tolist()})
    names = [str(c) for c in classes]
    ax.set_xticks(range(n + 1), [*names, "none"])
    ax.set_yticks(range(n), names)
    ax.set(xlabel="Class of the neurons that fired most", ylabel="Class of the image")
    ax.figure.colorbar(image, ax=ax, label="Share of the class (1)", shrink=0.8)
    return ax


def draw_shares(ax: Any, counts: np.ndarray, texts: Mapping[tuple[int, int], str]) -> Any:
    """Draw each row of a table as shares of its sum, with texts in some cells; returns the image."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), text in texts.items():
        color = "white" if share[row, column] > 0.5 else "black"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    ax.grid(False)
    return image
