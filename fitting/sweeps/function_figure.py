"""The picture of learned functions: branches of the conductance and rates against the voltage, with bands."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from memjax.plot.style import MUTED, SECOND, SIMULATED

from ..figures import axes_grid, engineering
from .learned import basis_at, normal_draws

_DRAWS, _POINTS = 500, 161
_BAND = (5, 95)  # percentiles


def draws_of(content: Mapping[str, Any], functions: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """Nodes of functions drawn together from the estimate of a fit, the estimate first: (draws, nodes) each."""
    rows, free = content["parameters"], list(content["free"])
    center = np.array([rows[n]["value"] for n in free])
    deviation = np.array([rows[n]["std"] or 0.0 for n in free])
    correlation = np.nan_to_num(np.array(content["correlation"]))
    drawn = center + normal_draws(correlation * np.outer(deviation, deviation), _DRAWS)
    every = np.concatenate([center[None], drawn])
    place = {n: k for k, n in enumerate(free)}
    fixed = lambda n: np.full(len(every), rows[n]["value"])  # noqa: E731
    return [
        np.stack([every[:, place[n]] if n in place else fixed(n) for n in names], axis=1)
        for names in functions
    ]


def figure_functions(
    content: Mapping[str, Any], voltages: np.ndarray, functions: Mapping[str, Sequence[str]]
) -> Any:
    """Learned functions between the lowest and the highest voltage with bands, and where the data lie.

    Of a device of such alone conductances of both branches and both rates; of a model the factors by which its current
    and its rates are multiplied.
    """
    rows = content["parameters"]
    low, high = rows["v_low"]["value"], rows["v_high"]["value"]
    v = np.linspace(low, high, _POINTS)
    # Of a model with corrections nodes are equally spaced.
    skew = rows["skew"]["value"] if "skew" in rows else 1.0
    basis = basis_at(v, low, high, skew)
    nodes = draws_of(content, list(functions.values()))
    curves = {f: x @ basis.T for f, x in zip(functions, nodes, strict=True)}
    figure, ((left, right),) = axes_grid(2, height=4.0)
    for ax, panel in zip((left, right), _panels(curves), strict=True):
        for label, values, color in panel.curves:
            _band(ax, v, values, color, label)
        ax.set(xlabel="Voltage of the device", yscale="log", ylabel=panel.unit, title=panel.title)
        engineering(ax.xaxis, "V")
        # Each stroke at the lower edge is a point of the data: where there is none a function is what the prior says.
        ax.plot(
            voltages,
            np.zeros(len(voltages)),
            "|",
            color=MUTED,
            ms=9,
            transform=ax.get_xaxis_transform(),
        )
        if "level" in curves:
            ax.axhline(1.0, color=MUTED, lw=0.8)
        ax.legend(frameon=False, fontsize=9)
    return figure


class _Panel(NamedTuple):
    """Title, what the axis shows, and label, draws and color of each curve."""

    title: str
    unit: str
    curves: list[tuple[str, np.ndarray, str]]


def _panels(curves: Mapping[str, np.ndarray]) -> tuple[_Panel, _Panel]:
    """Both halves of the picture, of logarithms by function."""
    if "level" in curves:
        conduction = [
            ("level", curves["level"], SIMULATED),
            ("contrast", curves["contrast"], SECOND),
        ]
        pace = [("pace", curves["pace"], SIMULATED)]
        return _Panel("Conduction", "Correction", conduction), _Panel("Rates", "Correction", pace)
    on = curves["off"] + np.logaddexp(0.0, curves["gain"])
    branches = [("off, x = 0", curves["off"], SECOND), ("on, x = 1", on, SIMULATED)]
    rates = [
        ("set, at x = 0", curves["set"], SIMULATED),
        ("reset, at x = 1", curves["reset"], SECOND),
    ]
    return _Panel("Conduction", "Conductance (S)", branches), _Panel("Rates", "Rate (1/s)", rates)


def _band(ax: Any, v: np.ndarray, curves: np.ndarray, color: str, label: str) -> None:
    """Draw a function, the first of its curves, with the band of all."""
    low, high = np.exp(np.percentile(np.clip(curves, -300, 300), _BAND, axis=0))
    ax.fill_between(v, low, high, color=color, alpha=0.2, lw=0)
    ax.plot(v, np.exp(curves[0]), color=color, label=label)
    least, most = np.exp(curves[0].min()), np.exp(curves[0].max())
    bottom, top = ax.get_ylim() if len(ax.lines) > 1 else (least, most)
    ax.set_ylim(min(bottom, least / 30), max(top, most * 30))
