"""Devices with learned functions: where a search of their nodes starts, and the prior that keeps them smooth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.linalg import block_diag

import memjax as mj
from memjax.device.corrected import AbstractCorrectedDevice
from memjax.device.hybrid import NODES, node_names, node_position, node_voltages
from memjax.device.laws.splines import cubic_basis

from .loops import Loops
from .summary import Waveform

GRANTED = 0.05
"""Standard deviation that is granted to a response of learned functions [decades]: no law of theirs is wrong."""

SEQUENCE = 12
"""Sweeps of a measurement, at the most, that are fitted one after the other."""

WIDTH = 5.0
"""Standard deviation of what is no node about where the search starts [natural log units]."""


PHYSICS_WIDTH = 1.0
"""The same of a parameter of a model with corrections, about where the model alone fits best: physics leads, and what
it leaves is corrected."""


class Prior(NamedTuple):
    """Prior of a function at a strength of 1: standard deviations of second differences from node to node, and of a
    node [natural log units]; whether the strength holds for the nodes too, and how large it may become.
    """

    bending: float
    width: float
    shrinks: bool
    strongest: float


PRIORS = {
    "off": Prior(1.0, WIDTH, shrinks=False, strongest=10.0),
    "gain": Prior(1.0, WIDTH, shrinks=False, strongest=10.0),
    "set": Prior(3.0, WIDTH, shrinks=False, strongest=10.0),
    "reset": Prior(3.0, WIDTH, shrinks=False, strongest=10.0),
    "level": Prior(0.5, 1.0, shrinks=True, strongest=1e4),
    "contrast": Prior(0.25, 0.5, shrinks=True, strongest=1e4),
    "pace": Prior(1.0, 2.0, shrinks=True, strongest=1e4),
}
"""Priors of learned functions: of laws, which may be any straight line, and of corrections, which are about none.

A correction may be held at none; but no data say that a law is straight where they do not reach: there bands widen.
"""

_LOW, _HIGH = 0.1, 0.9  # quantiles of the conductance at a voltage that stand for the two branches
_LEAST_GAIN = 0.05  # natural logarithm of the ratio of the branches where the data show no loop

# Share of the largest voltage below which a current says nothing of a conductance.
_NEAR_ZERO = 0.02

_SCATTER = {"off": 0.2, "gain": 0.4, "set": 1.5, "reset": 1.5}  # of starts, by function

_BOTH = 0.1  # of the largest voltage: what both polarities reach where nodes are shared among them

_BEYOND = (
    0.5  # of the distance of the branches: what other starts leave below and above them at the most
)

_FEEDBACK = 6.0  # standard deviation of the feedback of the state on its rates in every other start

# Rates of starts: e^-4 in a quarter of a sweep at 0 V, e^4 at the largest voltage.
_REST, _STEEPNESS = -4.0, 8.0


def learned_functions(model: Any) -> Mapping[str, tuple[str, ...]]:
    """Names of the nodes of each learned function of a device; none of a circuit."""
    return model.functions if isinstance(model, mj.AbstractDevice) else {}


def varying_parameters(model: Any) -> tuple[str, ...]:
    """Parameters that move learned functions as a whole from cycle to cycle; none of a circuit."""
    return model.varying if isinstance(model, mj.AbstractDevice) else ()


def is_in_sequence(model: Any) -> bool:
    """Whether sweeps are fitted one after the other, see `in_sequence`."""
    return bool(learned_functions(model)) and not model.volatile


def without_likelihood(model: Any) -> str:
    """Why there are no criteria of information of a model with learned functions; "" of one without."""
    reason = "a prior holds learned functions smooth, whose parameters do not count one by one"
    return reason * bool(learned_functions(model))


class Precision(NamedTuple):
    """Precision of the prior of free parameters: what stands, and what the strength of each function multiplies."""

    fixed: Float[np.ndarray, "free free"]
    scaled: Float[np.ndarray, "functions free free"]

    def at(self, strength: Float[np.ndarray, " functions"]) -> Float[np.ndarray, "free free"]:
        """Precision at such strengths."""
        return self.fixed + np.tensordot(strength, self.scaled, 1)


def prior_precision(model: Any, names: Sequence[str]) -> Precision | None:
    """Precision of the prior of free parameters; None for a device without learned functions.

    The prior of a function is a random walk of its slope from node to node, about where the search starts: a straight
    line of which it knows little, or no correction at all.
    """
    if not (functions := learned_functions(model)):
        return None
    place = {n: k for k, n in enumerate(names)}
    width = PHYSICS_WIDTH if isinstance(model, AbstractCorrectedDevice) else WIDTH
    fixed, scaled = np.eye(len(names)) / width**2, np.zeros((len(functions), *2 * (len(names),)))
    for matrix, (function, nodes) in zip(scaled, functions.items(), strict=True):
        if not set(nodes) <= set(place):
            continue
        prior, at = PRIORS[function], np.ix_(*2 * ([place[n] for n in nodes],))
        # Second differences are 0 on straight lines, which they therefore leave to the width.
        bends = np.diff(np.eye(NODES), 2, axis=0) / prior.bending
        alone = np.eye(NODES) / prior.width**2
        matrix[at] = bends.T @ bends + prior.shrinks * alone
        fixed[at] = (not prior.shrinks) * alone
    return Precision(fixed, scaled)


def prior_root(
    model: Any, names: Sequence[str], strength: Float[np.ndarray, " functions"] | None = None
) -> Float[np.ndarray, "free free"] | None:
    """R where R'R is that precision, by default at strengths of 1; None for a device without learned functions."""
    precision = prior_precision(model, names)
    if precision is None:
        return None
    ones = np.ones(len(precision.scaled))
    return np.linalg.cholesky(precision.at(ones if strength is None else strength)).T


def with_further(root: Any, count: int) -> Any:
    """The root of a prior of so many parameters more, which it knows as those that are no nodes; None of None."""
    return None if root is None else block_diag(root, np.eye(count) / WIDTH)


def in_sequence(measurements: Sequence[mj.Measurement]) -> list[mj.Measurement]:
    """Sweeps of each measurement as one, each in the state in which the one before has left the device.

    Where they are many they are as they were.

    Rates that are learned fit each sweep from one start as well, and need not bring the device back there: simulated
    one after the other such sweeps are others. Many sweeps of one waveform are summarised, and begin in one state.
    """
    return [_joined(m) if len(m.labels) <= SEQUENCE else m for m in measurements]


def _joined(measurement: mj.Measurement) -> mj.Measurement:
    """All sweeps of a measurement as one, a step of its points between two."""
    t = measurement.t
    if t is not None:
        parts, end = [], 0.0
        for label in measurement.labels:
            part = t[measurement.sweep == label]
            step = float(np.median(np.diff(part)))
            parts.append(end + step + part - part[0])
            end = float(parts[-1][-1])
        order = np.concatenate([np.flatnonzero(measurement.sweep == x) for x in measurement.labels])
        t = np.empty(len(t))
        t[order] = np.concatenate(parts)
    return replace(measurement, t=t, sweep=np.zeros_like(measurement.sweep))


def learned_values(
    waves: Sequence[Waveform], floor: float, shape: Loops
) -> tuple[dict[str, float], Callable[[np.random.Generator], dict[str, float]]]:
    """Nodes where a search starts, as the branches of the data show them, and those of other starts."""
    v, g, top = conductances(waves, floor)
    low, high = _ends(v, top)
    skew = _skew(v, top)
    nodes = node_voltages(low, high, skew)
    branches = [_quantile(v, g, nodes, q) for q in (_LOW, _HIGH)]
    off, ratio = branches[0], np.maximum(branches[1] - branches[0], _LEAST_GAIN)
    rate = _REST - np.log(shape.duration / 4)
    steep = _STEEPNESS * nodes / top
    sign = shape.sets_at or 1
    # The ratio of the branches is ln(1 + e^gain), which is above 0 whatever the node: this is its inverse.
    functions = {"off": off, "gain": np.log(np.expm1(ratio))}
    functions |= {"set": rate + sign * steep, "reset": rate - sign * steep}

    def scatter(rng: np.random.Generator) -> dict[str, float]:
        # The states that the data reached need not be all: of other amplitudes they are beyond both branches.
        below, above = _BEYOND * rng.random(2) * (rng.random() < 0.5)
        wider = np.log(np.expm1((1 + below + above) * ratio))
        moved = functions | {"off": off - below * ratio, "gain": wider}
        if rng.random() < (0.1 if shape.sets_at else 0.5):
            # Loops that do not say at which polarity a device sets leave either as likely.
            moved["set"], moved["reset"] = moved["reset"], moved["set"]
        moved = {f: x + _SCATTER[f] * rng.normal(size=NODES) for f, x in moved.items()}
        # A transition that is abrupt, or one that hinders itself and stops at another state for each amplitude.
        size = _FEEDBACK if rng.random() < 0.5 else 1.0
        feedback = {n: float(size * rng.normal()) for n in ("p", "n")}
        return _by_name(moved) | feedback | {"x0": float(1 / (1 + np.exp(2 * rng.normal())))}

    return _by_name(functions) | {"v_low": low, "v_high": high, "skew": skew}, scatter


def correction_values(
    waves: Sequence[Waveform], floor: float, *, reversed: bool
) -> dict[str, float]:
    """Where the nodes of corrections lie, and the conductance about which these stretch: the median of the data [S].

    A device that stands reversed sees the voltages of the data with the opposite sign.
    """
    v, g, top = conductances(waves, floor)
    v = -v if reversed else v
    low, high = _ends(v, top)
    return {"v_low": low, "v_high": high, "g_ref": float(np.exp(np.median(g)))}


def _ends(v: np.ndarray, top: float) -> tuple[float, float]:
    """Lowest and highest voltage of nodes [V]."""
    return min(float(v.min()), -0.1 * top), max(float(v.max()), 0.1 * top)


def _skew(v: np.ndarray, top: float) -> float:
    """How much farther from the middle node the lowest voltage is than the highest, where both polarities have points.

    The root of the ratio of both, between equal distances and as many nodes for either polarity: a current that spans
    decades within one volt is described no worse for a reset that goes to four.
    """
    low, high = -float(v.min()), float(v.max())
    return float(np.sqrt(low / high)) if min(low, high) > _BOTH * top else 1.0


def basis_at(
    v: Float[np.ndarray, " points"], low: float, high: float, skew: float = 1.0
) -> Float[np.ndarray, "points nodes"]:
    """What each node of a function counts for at voltages [V], of which those beyond the nodes are at their ends."""
    u = jnp.clip(node_position(jnp.asarray(v), low, high, skew), 0.0, NODES - 3.0)
    return np.asarray(jax.vmap(lambda x: cubic_basis(x, NODES))(u))


def normal_draws(
    covariance: Float[np.ndarray, "names names"], count: int
) -> Float[np.ndarray, "draws names"]:
    """Normal deviations of a covariance, the same ones at each call: one picture of one fit."""
    size, axes = np.linalg.eigh(covariance)
    normal = np.random.default_rng(0).normal(size=(count, len(size)))
    # Rounding may leave eigenvalues a little below 0.
    return (normal * np.sqrt(np.maximum(size, 0.0))) @ axes.T


def _by_name(functions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Nodes of functions by the names of their parameters."""
    pairs = (
        (n, x) for f, nodes in functions.items() for n, x in zip(node_names(f), nodes, strict=True)
    )
    return {n: float(x) for n, x in pairs}


def conductances(waves: Sequence[Waveform], floor: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Voltages [V] and logarithms of conductances [S] of all points that say something of one, and the largest |v|."""
    voltages, logs = [], []
    for w in waves:
        size, i = w.sizes(floor)
        counted = (i > floor) & ~w.censored
        voltages.append((np.sign(w.v) * size)[counted])
        logs.append(np.log(i[counted] / np.maximum(size[counted], 1e-300)))
    v, g = np.concatenate(voltages), np.concatenate(logs)
    top = float(np.max(np.abs(v)))
    clear = np.abs(v) > _NEAR_ZERO * top
    return v[clear], g[clear], top


def _quantile(v: np.ndarray, g: np.ndarray, nodes: np.ndarray, q: float) -> np.ndarray:
    """Quantile of the points about each node; between nodes that have some, and beyond them, that of the nearest."""
    width = nodes[1] - nodes[0]
    near = [np.abs(v - x) < width for x in nodes]
    known = np.array([k.sum() > 1 for k in near])
    values = [np.quantile(g[k], q) for k in near if k.sum() > 1]
    return np.interp(nodes, nodes[known], values)
