"""The times that a simulation writes: enough that linear interpolation between them reproduces the curve."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ..circuit import Bench, Circuit, build_system
from ..core.params import quiet
from ..core.scaling import Scaled
from ..core.system import Environment
from ..device import AbstractDevice
from ..runtime.compile_cache import jit_with_options
from ..simulate import Conditions, Output, simulate, solve_stiff
from ..simulate.policy import Stiff
from ..stimulus import AbstractStimulus

TOLERANCE = 1e-3
"""Error of linear interpolation between rows, as a share of each column's range."""

EVEN_ROWS = 4000
"""Rows of a stochastic run: its path is rough, and no number of rows makes it straight."""

_SHARE = 0.2
"""Share of the tolerance that the grid which is thinned may use up."""

_PER_STEP = 8
_PARTS = 4
_ROUNDS = 10
_SMALLEST = 4096


def interpolation_error(
    t: Float[np.ndarray, " n"], y: Float[np.ndarray, "columns n"], keep: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Largest error over the columns, in units of their ranges, of linear interpolation between a subset of points."""
    spans = np.ptp(y, axis=1)
    y = y[spans > 0] / spans[spans > 0, None]
    rows = np.flatnonzero(keep)
    segment = np.clip(np.searchsorted(rows, np.arange(len(t)), "right") - 1, 0, len(rows) - 2)
    a, b = rows[segment], rows[segment + 1]
    lines = y[:, a] + (y[:, b] - y[:, a]) * ((t - t[a]) / (t[b] - t[a]))
    return np.max(np.abs(y - lines), axis=0, initial=0.0)


def thin(
    t: Float[np.ndarray, " n"],
    y: Float[np.ndarray, "columns n"],
    fixed: Bool[np.ndarray, " n"],
    tolerance: float,
) -> Bool[np.ndarray, " n"]:
    """Points to keep so that lines between them stay within the tolerance of all points.

    Parameters
    ----------
    t : Float[np.ndarray, "n"]
        Times [s], ascending.
    y : Float[np.ndarray, "columns n"]
        Curves.
    fixed : Bool[np.ndarray, "n"]
        Points that are kept in any case; the ends are too.
    tolerance : float
        Error as a share of each curve's range.

    Notes
    -----
    Douglas-Peucker on all intervals at once: every interval with too large an error is split where the error is
    largest.
    """
    keep = fixed.copy()
    keep[[0, -1]] = True
    while True:
        error = interpolation_error(t, y, keep)
        rows = np.flatnonzero(keep)
        worst = np.maximum.reduceat(error, rows[:-1])
        segment = np.clip(np.searchsorted(rows, np.arange(len(t)), "right") - 1, 0, len(rows) - 2)
        hits = np.flatnonzero((error == worst[segment]) & (error > tolerance) & ~keep)
        if not hits.size:
            return keep
        keep[hits[np.unique(segment[hits], return_index=True)[1]]] = True


@jit_with_options
def _accepted_steps(scaled: Scaled, stimulus: AbstractStimulus, end: jax.Array) -> jax.Array:
    """End of every accepted step of the adaptive solver [s]."""
    y0 = scaled.initial()
    solution = solve_stiff(
        scaled, stimulus, rows=end[None], y0=y0, end=end, policy=Stiff(max_steps=50_000), steps=True
    )
    return jnp.zeros(0) if solution.step_t is None else solution.step_t


def _first_grid(
    device: AbstractDevice | Circuit, stimulus: AbstractStimulus, bench: Bench, env: Environment
) -> Float[np.ndarray, " n"]:
    """The solver's own steps, each cut in equal parts, and the rows of the stimulus [s]."""
    scaled = Scaled(build_system(quiet(device), bench, stimulus.quantity), env)
    driven = jax.tree.map(lambda x: jnp.asarray(x, float), stimulus)
    corners = stimulus.breakpoints()
    steps = np.asarray(_accepted_steps(scaled, driven, jnp.asarray(corners[-1], float)))
    steps = np.unique(np.concatenate([steps[np.isfinite(steps)], corners]))
    return _inside(_cut(steps, _PER_STEP), stimulus)


def _inside(t: Float[np.ndarray, " n"], stimulus: AbstractStimulus) -> Float[np.ndarray, " m"]:
    """The times between the first and the last row of the stimulus, with all its rows."""
    corners = np.asarray(stimulus.breakpoints())
    return np.unique(np.concatenate([t[(t > corners[0]) & (t < corners[-1])], corners]))


def _cut(t: Float[np.ndarray, " n"], parts: int) -> Float[np.ndarray, " m"]:
    """The times with every gap cut in equal parts."""
    inner = t[:-1, None] + np.diff(t)[:, None] * (np.arange(parts) / parts)
    return np.unique(np.append(inner.ravel(), t[-1]))


def fill_rows(t: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """The times and midpoints of the widest gaps, 2^k times 4096 in all: few sizes are compiled."""
    size = _SMALLEST
    while size < len(t):
        size *= 2
    while len(t) < size:
        widest = np.argsort(-np.diff(t), kind="stable")[: size - len(t)]
        t = np.unique(np.append(t, (t[widest] + t[widest + 1]) / 2))
    return t


class _Curves:
    """Every column that may be written, of one device, at the times asked for so far."""

    def __init__(
        self,
        device: AbstractDevice | Circuit,
        stimulus: AbstractStimulus,
        bench: Bench,
        env: Environment,
    ):
        self.stimulus = stimulus
        self.options = {
            "bench": bench,
            "conditions": Conditions(env=env),
            "output": Output(on_failure="ignore"),
        }
        self.device = device
        self.t, self.y = np.zeros(0), np.zeros((0, 0))

    def add(self, t: Float[np.ndarray, " n"]) -> None:
        """Simulate at further times [s]."""
        rows = fill_rows(
            np.unique(np.concatenate([t, np.asarray(self.stimulus.breakpoints())[[0, -1]]]))
        )
        trace = simulate(self.device, self.stimulus, save=rows, deterministic=True, **self.options)
        columns = [trace.v, trace.i, trace.v_device, trace.i_device]
        columns += [jnp.moveaxis(x[0], 0, -1) for x in trace.state.values()]
        y = np.concatenate([np.asarray(c).reshape(-1, len(rows)) for c in columns])
        y = np.concatenate([self.y, y], axis=1) if self.y.size else y
        self.t, first = np.unique(np.concatenate([self.t, rows]), return_index=True)
        self.y = y[:, first]


def _needed_rows(
    device: AbstractDevice | Circuit, stimulus: AbstractStimulus, bench: Bench, env: Environment
) -> Float[np.ndarray, " n"]:
    """Times that the curves of one device need [s]."""
    curves = _Curves(device, stimulus, bench, env)
    curves.add(_first_grid(device, stimulus, bench, env))
    is_coarse = np.isin(curves.t, stimulus.breakpoints()) | (np.arange(len(curves.t)) % 2 == 0)
    is_coarse[-1] = True
    for _ in range(_ROUNDS):
        # Points off the lines through those that were there before: the curve bends or jumps here.
        misfits = np.flatnonzero(
            interpolation_error(curves.t, curves.y, is_coarse) > _SHARE * TOLERANCE
        )
        gaps = np.unique(np.clip(np.concatenate([misfits - 1, misfits]), 0, len(curves.t) - 2))
        if not len(gaps) or not np.all(np.isfinite(curves.y)):
            break
        before = curves.t
        parts = np.arange(1, _PARTS) / _PARTS
        curves.add((before[gaps, None] + np.diff(before)[gaps, None] * parts).ravel())
        is_coarse = np.isin(curves.t, before)
    fixed = np.isin(curves.t, stimulus.breakpoints())
    return curves.t[thin(curves.t, curves.y, fixed, (1 - _SHARE) * TOLERANCE)]


def adaptive_rows(
    devices: Iterable[AbstractDevice | Circuit],
    stimulus: AbstractStimulus,
    bench: Bench,
    env: Environment,
) -> Float[np.ndarray, " n"]:
    """One grid [s] on which linear interpolation reproduces the curves of all devices, without noise.

    Parameters
    ----------
    devices : iterable of AbstractDevice
        The devices, each with its own parameters.
    stimulus, bench, env
        What drives and surrounds them.
    """
    return np.unique(np.concatenate([_needed_rows(d, stimulus, bench, env) for d in devices]))


def even_rows(stimulus: AbstractStimulus) -> Float[np.ndarray, " n"]:
    """Rows of a stochastic run [s]: every row of the stimulus, and even steps between."""
    t = np.asarray(stimulus.breakpoints())
    gaps = np.diff(t)
    minimum = np.clip(EVEN_ROWS // len(gaps), 1, 50)
    parts = np.maximum(np.ceil(gaps / (t[-1] - t[0]) * EVEN_ROWS * (1 - 1e-9)), minimum).astype(int)
    pieces = [a + g * (np.arange(n) / n) for a, g, n in zip(t[:-1], gaps, parts)]
    return np.unique(np.append(np.concatenate(pieces), t))
