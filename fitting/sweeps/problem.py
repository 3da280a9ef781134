"""A calibration problem: which parameters are free, and the residuals that the data leave."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import memjax as mj
from memjax.circuit import build_system
from memjax.compile_cache import cached_jit
from memjax.errors import DataError
from memjax.params import coordinates, known, quiet
from memjax.scaling import Scaled
from memjax.simulate import solve_stiff

from ..problem import AbstractDifferentiable
from .group import Group
from .readout import read_off

POLICY = mj.Stiff(rtol=1e-5, atol=1e-7, max_steps=2500)
"""Solver of the calibration: on the fitted symmetric sweeps it moves V_th by 0.001 mV against rtol 1e-8."""

PATIENT = replace(POLICY, max_steps=10_000)
"""The same, where no start ends within the steps of `POLICY`."""


SATURATION = 10.0
"""Residual [sigma] at which a current's pull saturates: one on the wrong branch must not drown the rest."""


class Problem(AbstractDifferentiable):
    """Residuals of the free parameters of a device or circuit.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`; the prior weighs against `noise`, not against what the model was granted.
    group : Group
        The data.
    bench, env : Bench, Environment
        What stood around the device; temperature.
    policy : memjax.Stiff
        Solver.
    prior_root : Float[Array, "free free"] or None
        R where the precision of the prior is R'R; None for the default prior, alike in all coordinates.
    """

    device: mj.AbstractDevice | mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    group: Group
    bench: mj.Bench
    env: mj.Environment
    center: Float[Array | np.ndarray, " free"]
    policy: mj.Stiff = POLICY
    noise: Float[Array | np.ndarray, ""] = eqx.field(
        default_factory=lambda: np.ones((), jnp.result_type(float))
    )
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    prior_root: Float[Array | np.ndarray, "free free"] | None = None

    @classmethod
    def of(
        cls,
        device: mj.AbstractDevice | mj.Circuit,
        free: Sequence[str],
        group: Group,
        *,
        bench: mj.Bench,
        env: mj.Environment | None = None,
    ) -> "Problem":
        """Problem whose prior is centred on the device."""
        names = tuple(known(device, free))
        if not names:
            raise DataError(
                "no free parameter", allowed="at least one", fix="name them with --free"
            )
        return cls(
            device=quiet(device),
            free=names,
            group=group,
            bench=bench,
            env=env or mj.Environment(),
            center=coordinates(device, names),
        )

    def with_prior(
        self, data: Float[Array, " data"], z: Float[Array, " free"]
    ) -> Float[Array, " residuals"]:
        """See `AbstractProblem`."""
        if self.prior_root is None:
            return super().with_prior(data, z)
        return jnp.concatenate([data, self.noise * (self.prior_root @ (z - self.center))])

    def data_residuals(
        self, z: Float[Array, " free"]
    ) -> tuple[Float[Array, " residuals"], Bool[Array, ""]]:
        """Residuals of responses and events [sigma], saturated, and whether every solve ended well."""
        logs, events, ok = _observe_all(self, self.at(z))
        return misfit(self.group, *logs, events=events), jnp.all(ok)


def scaled_under(
    problem: Problem, device: mj.AbstractDevice | mj.Circuit, limits: Float[Array, "2"] | None
) -> Scaled:
    """Equations of a device under the limits of one waveform [A], or those of the bench."""
    bench = problem.bench
    if limits is not None:
        negative = None if bench.compliance_negative is None else limits[1]
        bench = replace(bench, compliance=limits[0], compliance_negative=negative)
    return Scaled(build_system(device, bench, problem.group.stimuli.quantity), problem.env)


def _observe_all(problem: Problem, device: mj.AbstractDevice | mj.Circuit):
    """Logarithms at the rows (see `log_seen`), rows of the events, success, of every waveform."""
    group, end = problem.group, jnp.max(problem.group.rows)

    def one(limits, stimulus, rows, span):
        scaled = scaled_under(problem, device, limits)
        about: dict[str, Any] = dict(y0=scaled.initial(), end=end, policy=problem.policy)
        sol = solve_stiff(scaled, stimulus, rows=rows, steps=True, **about)
        left = None if group.left is None else problem.bench
        observed = read_off(scaled, stimulus, rows, span, group.thresholds, sol, left)
        return *observed, sol.result == 0

    return jax.vmap(one)(group.limits, group.stimuli, group.rows, group.span)


def events_of(
    problem: Problem, device: mj.AbstractDevice | mj.Circuit
) -> Float[Array, "waves legs 3"]:
    """Rows at which a device does what `EVENTS` lists, in each excursion of each waveform.

    Where it never does, the row lies beyond the branch, the more so the further the current stays
    from the threshold.
    """
    return _observe_all(problem, device)[1]


def misfit(group: Group, log_response, log_left=None, *, events) -> Float[Array, " residuals"]:
    r"""Residuals [sigma] of log10 \|response\| [decades] and of the event rows against the data of a group.

    `log_left` is log10 of the voltage at the terminals [decades of V], where `group.left` is given.

    Notes
    -----
    At the limit of the source the current says only how far it stays below; where the file holds the voltage that was
    left at the terminals, that is compared beside it.
    """
    rows = row_misfit(group, log_response, log_left)
    return jnp.concatenate([rows.ravel(), event_misfit(group, events).ravel()])


def row_misfit(group: Group, log_response, log_left=None) -> Float[Array, "waves points"]:
    """Residuals [sigma] of `misfit` at the rows: each depends on what was observed there alone."""
    r = (floored(group, log_response) - group.target) * group.weight
    below = jnp.maximum(group.edge - log_response, 0.0) / group.model_sigma
    if log_left is not None:
        below = below + (log_left - group.left) * group.left_weight
    return saturated(jnp.where(group.censored, below, r))


def event_misfit(group: Group, events) -> Float[Array, "waves legs 3"]:
    """Residuals [sigma] of `misfit` of the events: each depends on its own alone."""
    e = (events - group.event_rows) * group.event_weight
    # 5 arcsinh(e / 5) is e near 0 and logarithmic beyond: an event that is missed pulls, however far it is.
    return 5 * jnp.arcsinh(e / 5)


def floored(group: Group, log_response) -> Float[Array, "waves points"]:
    r"""log10(\|response\| + floor) [decades], as the data have it."""
    # Of logarithms, since responses may be too small for a number and have a derivative all the same.
    return jnp.logaddexp(log_response * jnp.log(10.0), jnp.log(group.floor)) / jnp.log(10.0)


def saturated(r):
    """Residuals [sigma] whose pull saturates at `SATURATION`."""
    # numpy's own root costs no dispatch of JAX, and rounds alike.
    root = np.sqrt if isinstance(r, np.ndarray) else jnp.sqrt
    return r / root(1 + (r / SATURATION) ** 2)


@cached_jit
def observe_point(problem: Problem, z: Float[Array, " free"]):
    """Residuals, success, and log10 of the responses at all rows [decades] at one point, without derivatives.

    It takes a twentieth of the time of `fitting.problem.evaluate`.
    """
    logs, events, ok = _observe_all(problem, problem.at(z))
    r = problem.with_prior(misfit(problem.group, *logs, events=events), z)
    return r, jnp.all(ok) & jnp.all(jnp.isfinite(r)), floored(problem.group, logs[0])


def responses(problem: Problem, z: Float[Array, " free"]) -> Float[Array, "waves points"]:
    r"""log10(\|response\| + floor) at all rows of a point [decades], whether they count or not."""
    return observe_point(problem, z)[2]
