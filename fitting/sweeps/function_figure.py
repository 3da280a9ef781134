"""The picture of learned functions: branches of the conductance and rates against the voltage, with bands."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.errors import ModelError
from memjax.plot.style import MUTED, SECOND, SIMULATED

from ..figures import axes_grid, engineering
from .learned import basis_at, learned_functions, normal_draws

_DRAWS, _POINTS = 500, 161
_BAND = (5, 95)  # percentiles
_LARGEST = 300.0  # of a logarithm: beyond it numbers end
_ROOM = 30.0  # factor between the functions and the ends of their axis

CORRECTION = "Correction"
"""What an axis shows of a model with corrections: factors, 1 where there is none."""


def functions_of_fit(content: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """Learned functions of the model of a ``fit.json``; none of a model of another name than memjax has."""
    try:
        return learned_functions(mj.model(content["model"]))
    except ModelError:  # a circuit, or a device of a class of the user's own
        return {}


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


class Curve(NamedTuple):
    """A function on a grid of voltages: label and color, its estimate, both ends of its band."""

    label: str
    color: str
    estimate: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]


class Panel(NamedTuple):
    """Half of a picture of functions: title, what its axis shows, curves."""

    title: str
    unit: str
    curves: list[Curve]

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis: a band is wide where there are no data, and would squeeze the functions."""
        estimates = np.concatenate([c.estimate for c in self.curves])
        return float(estimates.min()) / _ROOM, float(estimates.max()) * _ROOM


def function_panels(
    values: Mapping[str, float],
    functions: Sequence[str],
    nodes: Sequence[Float[np.ndarray, "draws nodes"]],
) -> tuple[Float[np.ndarray, " points"], tuple[Panel, Panel]]:
    """Learned functions between the lowest and the highest voltage of their nodes.

    Parameters
    ----------
    values : mapping of str to float
        Of the device's parameters: where its nodes lie [V].
    functions : sequence of str
        Names of its learned functions.
    nodes : sequence of Float[np.ndarray, "draws nodes"]
        Nodes of each of them, the estimate first; bands are those of all draws.

    Returns
    -------
    voltages : Float[np.ndarray, "points"]
        Where the functions are shown [V].
    panels : tuple of Panel
        Of a device of such functions alone the conductances of both branches [S] and both rates [1/s]; of a model with
        corrections the factors by which its current and its rates are multiplied.
    """
    low, high = values["v_low"], values["v_high"]
    v = np.linspace(low, high, _POINTS)
    # Of a model with corrections nodes are equally spaced.
    basis = basis_at(v, low, high, values.get("skew", 1.0))
    logs = {f: x @ basis.T for f, x in zip(functions, nodes, strict=True)}
    if "level" in logs:
        conduction = [
            _curve("level", SIMULATED, logs["level"]),
            _curve("contrast", SECOND, logs["contrast"]),
        ]
        pace = [_curve("pace", SIMULATED, logs["pace"])]
        return v, (Panel("Conduction", CORRECTION, conduction), Panel("Rates", CORRECTION, pace))
    # Fits of before functions could move from cycle to cycle have no such factors.
    g, contrast, k_set, k_reset = (
        values.get(n, 1.0) for n in ("g", "contrast", "k_set", "k_reset")
    )
    off = logs["off"] + np.log(g)
    on = off + contrast * np.logaddexp(0.0, logs["gain"])
    branches = [_curve("off, x = 0", SECOND, off), _curve("on, x = 1", SIMULATED, on)]
    rates = [
        _curve("set, at x = 0", SIMULATED, logs["set"] + np.log(k_set)),
        _curve("reset, at x = 1", SECOND, logs["reset"] + np.log(k_reset)),
    ]
    return v, (
        Panel("Conduction", "Conductance (S)", branches),
        Panel("Rates", "Rate (1/s)", rates),
    )


def _curve(label: str, color: str, logs: Float[np.ndarray, "draws points"]) -> Curve:
    """A function of its logarithm, drawn often."""
    curves = np.exp(np.clip(logs, -_LARGEST, _LARGEST))
    low, high = np.percentile(curves, _BAND, axis=0)
    return Curve(label, color, curves[0], low, high)


def panels_of_fit(
    content: Mapping[str, Any], functions: Mapping[str, Sequence[str]]
) -> tuple[Float[np.ndarray, " points"], tuple[Panel, Panel]]:
    """Learned functions of a fit as `function_panels` has them, with their bands, out of its ``fit.json``."""
    values = {n: row["value"] for n, row in content["parameters"].items()}
    return function_panels(values, list(functions), draws_of(content, list(functions.values())))


def figure_functions(
    content: Mapping[str, Any],
    voltages: Float[np.ndarray, " rows"],
    functions: Mapping[str, Sequence[str]],
) -> Any:
    """The picture of `panels_of_fit`, with the voltages of the data [V]."""
    v, panels = panels_of_fit(content, functions)
    figure, ((left, right),) = axes_grid(2, height=4.0)
    for ax, panel in zip((left, right), panels, strict=True):
        for c in panel.curves:
            ax.fill_between(v, c.low, c.high, color=c.color, alpha=0.2, lw=0)
            ax.plot(v, c.estimate, color=c.color, label=c.label)
        ax.set(xlabel="Voltage of the device", yscale="log", ylabel=panel.unit, title=panel.title)
        ax.set_ylim(*panel.limits)
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
        if panel.unit == CORRECTION:
            ax.axhline(1.0, color=MUTED, lw=0.8)
        ax.legend(frameon=False, fontsize=9)
    return figure
