"""Spread from cycle to cycle by simulation: energy distance of the events, gradients along paths, optax."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from memjax.core.fields import parameter_specs
from memjax.core.params import get, replace as with_values
from memjax.runtime.compile_cache import jit_with_options

from ..optimize.adam import descend
from ..optimize.levenberg_marquardt import Progress
from .problem import Problem, events_of
from .result import FitResult
from .summary import Waveform

_DRAWS = 24  # simulated cycles of each waveform: the same normal numbers at every step

_STEPS = 40

_NARROWEST, _WIDEST = 1e-3, 1.5  # limits of the standard deviation of a logarithm


class _SpreadLoss(eqx.Module):
    """Energy distance of measured and simulated events [rows], summed over excursions, as a function of the spread."""

    problem: Problem  # at its optimum
    names: tuple[str, ...] = eqx.field(static=True)  # parameters drawn anew in each cycle
    nominal: Float[Array, " names"]  # their medians [SI]
    normal: Float[Array, "draws names"]  # common random numbers
    measured: Float[
        Array, "waves legs sweeps 2"
    ]  # rows of switching and return, jittered within a row
    valid: Float[Array, "waves legs sweeps"]  # 1 where a cycle did both, else 0

    def __call__(self, log_sigma: Float[Array, " names"]) -> Float[Array, ""]:
        values = self.nominal[None] * jnp.exp(jnp.exp(log_sigma)[None] * self.normal)
        specs = parameter_specs(self.problem.device)
        values = jnp.clip(values, *jnp.array([specs[n].bounds for n in self.names]).T)

        def cycle(row):
            named = dict(zip(self.names, row, strict=True))
            return events_of(self.problem, with_values(self.problem.device, named, check=False))

        simulated = jnp.moveaxis(jax.vmap(cycle)(values)[..., jnp.array([0, 2])], 0, 2)
        return jnp.sum(jax.vmap(jax.vmap(_energy))(simulated, self.measured, self.valid))


def _energy(
    x: Float[Array, "n 2"], y: Float[Array, "m 2"], valid: Float[Array, " m"]
) -> Float[Array, ""]:
    """Energy distance of two samples of pairs; 0 where the second has no valid member."""
    # The root has no derivative at 0, where each member meets itself.
    distance = lambda a, b: jnp.sqrt(jnp.sum((a[:, None] - b[None]) ** 2, axis=-1) + 1e-12)  # noqa: E731
    n, m = x.shape[0], jnp.sum(valid)
    cross = jnp.sum(distance(x, y) * valid[None]) / (n * jnp.maximum(m, 1))
    spread = jnp.sum(distance(x, x)) / (n * (n - 1))
    other = jnp.sum(distance(y, y) * valid[:, None] * valid[None]) / jnp.maximum(m * (m - 1), 1)
    return jnp.where(m > 1, 2 * cross - spread - other, 0.0)


def _measured(
    waves: Sequence[Waveform], legs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Event rows of all cycles, padded to common lengths, and which of them count."""
    most = max(w.n_sweeps for w in waves)
    rows, valid = np.zeros((len(waves), legs, most, 2)), np.zeros((len(waves), legs, most))
    for a, w in enumerate(waves):
        e = np.moveaxis(w.events[..., [0, 2]], 1, 0)
        known = np.all(w.happened()[:, [0, 2]], axis=1, keepdims=True)
        there = np.all(np.isfinite(e), axis=-1) & known
        jitter = rng.uniform(-0.5, 0.5, e.shape)
        rows[a, : len(e), : e.shape[1]] = np.where(there[..., None], e + jitter, 0.0)
        valid[a, : len(e), : e.shape[1]] = there
    return rows, valid


@jit_with_options
def _value_and_gradient(loss: _SpreadLoss, x: Float[Array, " names"]):
    twice = lambda p: (value := loss(p), value)  # noqa: E731
    gradient, value = jax.jacfwd(twice, has_aux=True)(x)
    return value, gradient


def calibrate_spread(
    result: FitResult, *, tick: Callable[[str, Any], None] | None = None
) -> FitResult:
    """The fit with the spread from cycle to cycle calibrated to the joint distribution of switching and return.

    The fit's first-order spread is the start; the fit comes back with `cycle_spread` replaced, or with a note where too
    few cycles were measured.

    Notes
    -----
    The loss is the energy distance (a proper score) between measured and simulated pairs (row of
    switching, row of return) of each excursion, over 24 cycles drawn with common random numbers;
    gradients run along each path, which is sound since an event's row moves smoothly with the
    parameters of its cycle. Adam, 40 steps.
    """
    names, before = tuple(result.cycle_spread), result.cycle_spread
    if not names:
        note = "too few cycles, or no parameter that explains their spread: none was calibrated"
        return replace(result, notes=(*result.notes, note))
    problem = eqx.tree_at(lambda p: p.device, result.problem, result.device)
    rng = np.random.default_rng(result.seed)
    measured, valid = _measured(result.waves, problem.group.span.shape[1], rng)
    # Antithetic pairs: the mean of the normal numbers is exactly 0, so that the spread moves no median.
    normal = rng.normal(size=(_DRAWS // 2, len(names)))
    data = (np.concatenate([normal, -normal]), measured, valid)
    nominal = jnp.stack([get(result.device, n) for n in names])
    loss = _SpreadLoss(problem, names, nominal, *map(jnp.asarray, data))
    start = np.log([np.clip(before[n]["sigma_ln"], 0.01, 0.5) for n in names])
    shown = Progress(np.zeros((1, len(names))), np.zeros(1))

    def show(done):
        shown.iterations, shown.cost = len(done.history), np.array([done.loss])
        shown.left = _STEPS - len(done.history)
        if tick is not None:
            tick("spread", shown)

    done = descend(lambda x: _value_and_gradient(loss, x), start, steps=_STEPS, tick=show)
    sigma = np.clip(np.exp(done.z), _NARROWEST, _WIDEST)
    method = "energy distance, optax adam"
    spread = {
        n: {**before[n], "sigma_ln": float(s), "method": method}
        for n, s in zip(names, sigma, strict=True)
    }
    change = f"{done.history[0]:.3g} to {done.loss:.3g} rows"
    note = f"cycle spread calibrated by energy distance: {change}"
    return replace(result, cycle_spread=spread, notes=(*result.notes, note))
