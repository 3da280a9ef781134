"""Which laws of physics learned functions resemble: a hint for a physicist, in one sentence."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from memjax.core.params import get
from memjax.device.corrected import AbstractCorrectedDevice
from memjax.device.hybrid import NODES

from .instrument import device_of
from .learned import basis_at, conductances, learned_functions, normal_draws

_DRAWS = 500
_POINTS = 60
_FEWEST, _STRIDE = 6, 2  # points of a range, and by how many ranges differ
_BAND = (5.0, 95.0)  # percentiles

KNOWN = {"conduction": 0.35, "rate": 1.2}
"""Standard deviations of the logarithm of a current and of a rate above which the data do not show a shape."""

LEAST_RANGE = 2.5
"""Ratio of the voltages at the ends of a shape below which laws of the conduction look alike."""

FROM = 0.1
"""Share of the largest voltage of a side at which its shapes begin: below, all devices are ohmic."""

CLOSE = 0.1
"""Root mean square of what a law leaves of the logarithm of a current, up to which it is resembled."""

AS_GOOD, LEAST_CLOSE = 1.5, 0.02
"""What a law may leave over what the best leaves, and the size of either below which no law is better."""

MOST = 2
"""Laws that are named together: a shape that resembles more of them says nothing."""

RISE, SHARE = 2.3, 0.1
"""Least rise of the logarithm of a rate that is worth a sentence, and the share of it that a line may leave."""


class Law(NamedTuple):
    """A law of the conduction: its name, and what the logarithm of the current less `offset` is linear in."""

    name: str
    slope: str
    argument: Any
    offset: Any


LAWS = (
    Law("a power law", "exponent {}", np.log, np.zeros_like),
    Law("Schottky emission", "ln I rises by {} per sqrt(V)", np.sqrt, np.zeros_like),
    Law("Poole-Frenkel emission", "ln(I/V) rises by {} per sqrt(V)", np.sqrt, np.log),
    Law("an exponential", "ln I rises by {} per V", np.asarray, np.zeros_like),
)
"""Laws of two numbers each, so that what they leave is compared as it is."""

OHMIC, SQUARE = (0.85, 1.15), (1.7, 2.3)
"""Exponents that are called ohmic, and those of a current that its own space charge limits."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A learned function on one side of 0 V.

    Parameters
    ----------
    what : str
        The current of a state, or a rate.
    low, high : float
        Ends of the range in which the data show it, as the source has them [V].
    laws : tuple of str
        The laws that it resembles, the nearest first, with the slope of each and its band.
    """

    what: str
    low: float
    high: float
    laws: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} from {self.low:.2g} to {self.high:.2g} V {' or '.join(self.laws)}"


def resemblance_of(result: Any) -> str:
    """Which laws the learned functions of a fit resemble, in a sentence; "" where they resemble none, or are none."""
    device = device_of(result.problem.device)
    functions = learned_functions(device)
    if not functions or isinstance(device, AbstractCorrectedDevice):
        return ""
    nodes = _drawn_nodes(result)
    low, high, skew = (float(get(result.device, n)) for n in ("v_low", "v_high", "skew"))
    v, _, _ = conductances(result.waves, float(result.problem.group.floor))
    source = -1.0 if result.problem.bench.reversed else 1.0
    shapes = []
    for sign in (1.0, -1.0):
        reached = float(np.max(sign * v))
        if reached <= 0:
            continue
        size = np.geomspace(FROM * reached, reached, _POINTS)
        # Voltages of the source: a device that stands reversed sees the opposite ones.
        at = basis_at(source * sign * size, low, high, skew).T
        shapes += _of_side(dict(zip(functions, nodes @ at, strict=True)), size, sign)
    return in_words(shapes)


def in_words(shapes: list[Shape]) -> str:
    """The sentence of shapes; "" of none."""
    if not shapes:
        return ""
    return f"the learned shapes resemble, as a hint and no proof: {'; '.join(map(str, shapes))}"


def _drawn_nodes(result: Any) -> Float[np.ndarray, "functions draws nodes"]:
    """Nodes of all functions, the estimate and draws of it."""
    names = [n for nodes in result.device.functions.values() for n in nodes]
    place = {n: k for k, n in enumerate(result.problem.free)}
    free = [k for k, n in enumerate(names) if n in place]
    chosen = [place[names[k]] for k in free]
    draws = np.tile([float(get(result.device, n)) for n in names], (1 + _DRAWS, 1))
    # A coordinate of a node is the node itself, see its bounds.
    draws[1:, free] += normal_draws(result.covariance[np.ix_(chosen, chosen)], _DRAWS)
    return np.moveaxis(draws.reshape(1 + _DRAWS, -1, NODES), 1, 0)


def _of_side(
    curves: dict[str, Float[np.ndarray, "draws points"]],
    size: Float[np.ndarray, " points"],
    sign: float,
) -> Iterator[Shape]:
    """Shapes of currents of both states, and of both rates, at voltages of one sign whose sizes rise."""
    off = curves["off"] + np.log(size)
    branches = {"off": off, "on": off + np.logaddexp(0.0, curves["gain"])}
    for name, logs in branches.items():
        known = np.std(logs[1:], axis=0) < KNOWN["conduction"]
        yield from _shape(f"the current when {name}", conduction_laws, logs, known, size, sign)
    for name, other in (("set", "reset"), ("reset", "set")):
        logs = curves[name]
        # Where the opposite rate is larger the state does not follow this one.
        known = (np.std(logs[1:], axis=0) < KNOWN["rate"]) & (logs[0] > curves[other][0])
        yield from _shape(f"the rate of {name}", rate_laws, logs, known, size, sign)


def _shape(
    what: str,
    laws: Callable[[np.ndarray, np.ndarray], tuple[str, ...]],
    logs: Float[np.ndarray, "draws points"],
    known: Bool[np.ndarray, " points"],
    size: Float[np.ndarray, " points"],
    sign: float,
) -> Iterator[Shape]:
    """The shape of a function in the widest range where it is known and resembles a law, if there is one."""
    first, last = _longest(known)
    for count in range(last - first, _FEWEST - 1, -_STRIDE):
        for begin in range(first, last - count + 1, _STRIDE):
            at = slice(begin, begin + count)
            if words := laws(size[at], logs[:, at]):
                ends = sorted((sign * size[at][0], sign * size[at][-1]))
                yield Shape(what=what, low=ends[0], high=ends[1], laws=words)
                return


def _longest(mask: Bool[np.ndarray, " points"]) -> tuple[int, int]:
    """First place of the longest run of true values, and the place behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    runs = edges.reshape(-1, 2)
    if not len(runs):
        return 0, 0
    first, last = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return int(first), int(last)


def conduction_laws(
    v: Float[np.ndarray, " points"], logs: Float[np.ndarray, "draws points"]
) -> tuple[str, ...]:
    """Laws that the logarithm of a current resembles, the nearest first, with bands of their slopes; not too many.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Sizes of voltages [V], which rise.
    logs : Float[np.ndarray, "draws points"]
        Logarithms of currents in A: the estimate, and draws of it.
    """
    if v[-1] < LEAST_RANGE * v[0]:
        return ()
    fits = [(law, *_line(law.argument(v), logs - law.offset(v))) for law in LAWS]
    least = min(left for _, _, left in fits)
    if least > CLOSE:
        return ()
    _, exponents, left = fits[0]
    most = max(AS_GOOD * least, LEAST_CLOSE)
    if left <= most and OHMIC[0] <= exponents[0] <= OHMIC[1]:
        return (f"ohmic conduction (exponent {_with_band(exponents)})",)
    rises = lambda slopes: np.percentile(slopes[1:], _BAND[0]) > 0  # noqa: E731
    near = [f for f in sorted(fits, key=lambda f: f[2]) if f[2] <= most and rises(f[1])]
    if len(near) > MOST:
        return ()
    return tuple(
        f"{_named(law, slopes[0])} ({law.slope.format(_with_band(slopes))})"
        for law, slopes, _ in near
    )


def _named(law: Law, slope: float) -> str:
    """Name of a law; of the power law with what such an exponent means."""
    if law is LAWS[0] and SQUARE[0] <= slope <= SQUARE[1]:
        return "space-charge-limited current"
    if law is LAWS[0] and slope > SQUARE[1]:
        return "space-charge-limited current with traps"
    return law.name


def rate_laws(
    v: Float[np.ndarray, " points"], logs: Float[np.ndarray, "draws points"]
) -> tuple[str, ...]:
    """Activation by the voltage, where the logarithm of a rate is a straight line that rises with it.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Sizes of voltages [V], which rise.
    logs : Float[np.ndarray, "draws points"]
        Logarithms of rates in 1/s: the estimate, and draws of it.
    """
    slopes, left = _line(v, logs)
    rise = slopes[0] * (v[-1] - v[0])
    if rise < RISE or left > SHARE * rise or np.percentile(slopes[1:], _BAND[0]) <= 0:
        return ()
    return (f"activation by the voltage (ln of it rises by {_with_band(slopes)} per V)",)


def _line(x: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, float]:
    """Slope of the line through each curve, and the root mean square that the first, the estimate, leaves."""
    centred = x - np.mean(x)
    slopes = logs @ centred / np.sum(centred**2)
    off = logs[0] - np.mean(logs[0]) - slopes[0] * centred
    return slopes, float(np.sqrt(np.mean(off**2)))


def _with_band(values: np.ndarray) -> str:
    """The estimate and its band."""
    low, high = np.percentile(values[1:], _BAND)
    return f"{values[0]:.2g}, {low:.2g} to {high:.2g}"
