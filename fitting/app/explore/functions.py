"""Learned functions as a page draws them: at the values of its sliders, of a fit with their bands, and its data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.plot.style import SIMULATED

from ...sweeps.function_figure import Panel, function_panels, functions_of_fit, panels_of_fit
from ...sweeps.learned import learned_functions
from .curves import numbers

_LEAST, _MOST = (float(x) for x in (np.finfo("f4").tiny, np.finfo("f4").max))
_STROKES = 400  # places of the data that are told apart, from the lowest to the highest voltage


def functions_at(device: mj.AbstractDevice | mj.Circuit) -> dict[str, Any] | None:
    """Learned functions of a device at its values, for a page; None of a device without, and of a circuit."""
    if not (functions := learned_functions(device)):
        return None
    values = mj.params.to_dict(device)
    nodes = [np.array([[values[n] for n in names]]) for names in functions.values()]
    return _page(*function_panels(values, list(functions), nodes))


def fitted_functions(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Learned functions of a fit with their bands, out of its ``fit.json``, for a page; None of a fit without."""
    if not (functions := functions_of_fit(content)):
        return None
    return _page(*panels_of_fit(content, functions))


def coverage(voltages: Sequence[Float[np.ndarray, " _"]], *, reversed: bool) -> str:
    """Voltages at which there are data [V], for a page; a device that stands reversed sees the opposite ones."""
    v = np.concatenate(voltages)
    step = float(np.ptp(v)) / _STROKES or 1.0
    places = step * np.unique(np.round(v / step))
    return numbers(-places if reversed else places)


def _page(v: Float[np.ndarray, " points"], panels: Sequence[Panel]) -> dict[str, Any]:
    """Panels as a page takes them, which draws in float32: nothing beyond the ends of an axis."""
    shown = []
    for panel in panels:
        low, high = (min(max(x, _LEAST), _MOST) for x in panel.limits)
        curves = [
            {
                "label": c.label,
                "is_second": c.color != SIMULATED,
                "estimate": numbers(np.clip(c.estimate, low, high)),
                "low": numbers(np.clip(c.low, low, high)),
                "high": numbers(np.clip(c.high, low, high)),
            }
            for c in panel.curves
        ]
        words = {"title": panel.title, "unit": panel.unit, "limits": (low, high)}
        shown.append(words | {"curves": curves})
    return {"v": numbers(v), "panels": shown}
