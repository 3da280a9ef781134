"""The picture of learned functions: branches of the conductance and rates against the voltage, with bands."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from memjax.device.hybrid import NODES, node_names, node_position
from memjax.device.laws.splines import cubic_basis
from memjax.plot.style import MUTED, SECOND, SIMULATED

from ..figures import axes_grid, engineering

_DRAWS, _POINTS = 500, 161
_BAND = (5, 95)  # percentiles
_SEED = 0  # of the draws: one picture of one fit


def draws_of(content: Mapping[str, Any], functions: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """Nodes of functions drawn together from the estimate of a fit, the estimate first: (draws, nodes) each."""
    rows, free = content["parameters"], list(content["free"])
    center = np.array([rows[n]["value"] for n in free])
    deviation = np.array([rows[n]["std"] or 0.0 for n in free])
    correlation = np.nan_to_num(np.array(content["correlation"]))
    size, axes = np.linalg.eigh(correlation * np.outer(deviation, deviation))
    normal = np.random.default_rng(_SEED).normal(size=(_DRAWS, len(free)))
    # Rounding may leave eigenvalues a little below 0.
    drawn = center + (normal * np.sqrt(np.maximum(size, 0.0))) @ axes.T
    every = np.concatenate([center[None], drawn])
    place = {n: k for k, n in enumerate(free)}
    fixed = lambda n: np.full(len(every), rows[n]["value"])  # noqa: E731
    return [
        np.stack([every[:, place[n]] if n in place else fixed(n) for n in names], axis=1)
        for names in functions
    ]


def figure_functions(content: Mapping[str, Any], voltages: np.ndarray) -> Any:
    """Conductance of both branches and both rates between the lowest and the highest voltage, and where data lie."""
    rows = content["parameters"]
    low, high = rows["v_low"]["value"], rows["v_high"]["value"]
    v = np.linspace(low, high, _POINTS)
    u = jnp.asarray(node_position(v, low, high))
    basis = np.asarray(jax.vmap(lambda x: cubic_basis(x, NODES))(u))
    names = [node_names(f) for f in ("off", "gain", "set", "reset")]
    off, gain, up, down = (x @ basis.T for x in draws_of(content, names))
    figure, ((left, right),) = axes_grid(2, height=4.0)
    on = off + np.logaddexp(0.0, gain)
    for curves, color, label in ((off, SECOND, "off, x = 0"), (on, SIMULATED, "on, x = 1")):
        _band(left, v, curves, color, label)
    for curves, color, label in (
        (up, SIMULATED, "set, at x = 0"),
        (down, SECOND, "reset, at x = 1"),
    ):
        _band(right, v, curves, color, label)
    left.set(ylabel="Conductance (S)", title="Conduction")
    right.set(ylabel="Rate (1/s)", title="Rates")
    for ax in (left, right):
        ax.set(xlabel="Voltage", yscale="log")
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
        ax.legend(frameon=False, fontsize=9)
    return figure


def _band(ax: Any, v: np.ndarray, curves: np.ndarray, color: str, label: str) -> None:
    """Draw a function, the first of its curves, with the band of all."""
    low, high = np.exp(np.percentile(np.clip(curves, -300, 300), _BAND, axis=0))
    ax.fill_between(v, low, high, color=color, alpha=0.2, lw=0)
    ax.plot(v, np.exp(curves[0]), color=color, label=label)
    least, most = np.exp(curves[0].min()), np.exp(curves[0].max())
    bottom, top = ax.get_ylim() if len(ax.lines) > 1 else (least, most)
    ax.set_ylim(min(bottom, least / 30), max(top, most * 30))
