"""A calibration problem: which parameters are free, and the residuals that the data leave."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.params import coordinates, known, quiet
from memjax.errors import DataError
from memjax.lanes.choice import chosen_backend, use_backend
from memjax.runtime.compile_cache import cached_jit, signature
from memjax.simulate import solve_stiff
from memjax.simulate.stiff_kernel import (
    StiffKernel,
    StiffLanes,
    moving_numbers,
    numbers_of,
    stiff_kernel_of,
)

from ..problem import PRIOR_SIGMA, TOGETHER, AbstractDifferentiable, Outcome
from .group import Group, lengthen, misfit, seeks_events
from .instrument import DeviceOnBench, bench_of, device_of, scaled_under
from .lanes import by_point, solve_lanes
from .learned import is_in_sequence, learned_functions, prior_root
from .read_lanes import linearise_lanes, observe_lanes
from .readout import read_off
from .traced_kernel import TracedKernel

Model = mj.AbstractDevice | mj.Circuit | DeviceOnBench

POLICY = mj.Stiff(rtol=1e-5, atol=1e-7, max_steps=2500)
"""Solver of the calibration: on the fitted symmetric sweeps it moves V_th by 0.001 mV against rtol 1e-8."""

PATIENT = replace(POLICY, max_steps=10_000)
"""The same, where no start ends within the steps of `POLICY`."""

PRECISE = mj.Stiff(rtol=1e-6, atol=1e-8, max_steps=10_000)
"""That of data which are described to their noise: thresholds are known to a thousandth of the loss there, and by more
than that a loss at the tolerances of `POLICY` jumps between points beside each other, as a step is refused or not."""

LEARNED = mj.Stiff(rtol=1e-3, atol=1e-5, max_steps=10_000)
"""That of learned functions, which take sweeps in sequence: in 2.5 times fewer steps than `PATIENT` their currents are
off by 3e-4 decades at the most where they are granted 0.05 (set and reset under a limit, loops over five decades)."""


class Problem(AbstractDifferentiable):
    """Residuals of the free parameters of a device or circuit.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`; the prior weighs against `noise`, not against what the model was granted.
        The device is a `DeviceOnBench` where quantities of the bench are among the free ones.
    group : Group
        The data.
    bench, env : Bench, Environment
        What stood around the device; temperature.
    policy : memjax.Stiff
        Solver.
    prior_sigma : Float[Array, ""]
        Standard deviation of the default prior [natural log units].
    prior_root, strength : Float[Array, "free free"] or None, Float[Array, "functions"] or None
        R where the precision of the prior is R'R, by default it is alike in all coordinates; and the strengths of that
        of learned functions, see `fitting.sweeps.strength`.
    chosen : str
        Backend, see `memjax.use_backend`: that in use where the problem was made.
    """

    device: Model
    free: tuple[str, ...] = eqx.field(static=True)
    group: Group
    bench: mj.Bench
    env: mj.Environment
    center: Float[Array | np.ndarray, " free"]
    policy: mj.Stiff = POLICY
    noise: Float[Array | np.ndarray, ""] = eqx.field(
        default_factory=lambda: np.asarray(1.0, jnp.result_type(float))
    )
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    prior_sigma: Float[Array | np.ndarray, ""] = eqx.field(
        default_factory=lambda: np.asarray(PRIOR_SIGMA, jnp.result_type(float))
    )
    prior_root: Float[Array | np.ndarray, "free free"] | None = None
    strength: Float[Array | np.ndarray, " functions"] | None = None
    chosen: str = eqx.field(static=True, default_factory=chosen_backend)

    @classmethod
    def of(
        cls,
        device: Model,
        free: Sequence[str],
        group: Group,
        *,
        bench: mj.Bench,
        env: mj.Environment | None = None,
    ) -> "Problem":
        """Problem whose prior is centred on the device."""
        names = tuple(known(device, free))
        if not names:
            raise DataError("no free parameter", allowed="at least one", fix="say --free NAMES")
        root, functions = prior_root(device_of(device), names), learned_functions(device_of(device))
        policy = POLICY if root is None else LEARNED if is_in_sequence(device) else PATIENT
        return cls(
            device=quiet(device), free=names, group=group, bench=bench, env=env or mj.Environment(),
            center=coordinates(device, names), prior_root=root, policy=policy,
            strength=None if root is None else np.ones(len(functions)),
        )  # fmt: skip

    @property
    def prior_weight(self) -> Float[Array | np.ndarray, ""]:
        return self.noise / self.prior_sigma

    @property
    def prior_precision(self) -> Float[np.ndarray, "free free"]:
        """See `AbstractProblem`; of learned functions at the strengths that the data have."""
        if self.prior_root is None:
            return super().prior_precision
        root = np.asarray(self.prior_root)
        return root.T @ root

    def with_prior(
        self, data: Float[Array, " data"], z: Float[Array, " free"]
    ) -> Float[Array, " residuals"]:
        if self.prior_root is None:
            return super().with_prior(data, z)
        return jnp.concatenate([data, self.noise * (self.prior_root @ (z - self.center))])

    def data_residuals(self, z: Float[Array, " free"]) -> Outcome:
        """Residuals of responses and events [sigma], saturated, and whether every solve ended well."""
        logs, events, ok = _observe_all(self, self.at(z))
        return misfit(self.group, *logs, events=events), jnp.all(ok)

    def linearise(self, z: Float[np.ndarray, "points free"]):
        """See `AbstractProblem`; by lanes, see `memjax.simulate.stiff_kernel`."""
        return self.for_many_calls().linearise(z)

    def observe(self, z: Float[np.ndarray, "points free"]):
        """Residuals, success, and log10 of the responses at all rows [decades] of many points, without derivatives."""
        return self.for_many_calls().observe(z)

    @property
    def backend(self) -> str:
        return kernel_of(self).backend

    @property
    def in_program(self) -> Any:
        """See `AbstractDifferentiable`; by its kernel."""
        return TracedKernel(lengthened(self)[0], kernel_of(self), begin_lanes, linearise_lanes)

    def for_many_calls(self) -> "KernelProblem":
        return KernelProblem(self, kernel_of(self))


class KernelProblem:
    """A problem that a kernel solves, with waveforms of a common length, see `lengthen`.

    Points that are no numbers cost no solve, and are no success.

    Parameters
    ----------
    problem : Problem
        The problem, of waveforms as they are.
    kernel : StiffKernel
        What solves it, see `kernel_of`.
    """

    def __init__(self, problem: Problem, kernel: StiffKernel):
        self.problem, self.residual_columns = lengthened(problem)
        self.rows, self.kernel = problem.group.rows.shape[1], kernel
        self.steps = seeks_events(problem.group)
        functions = (_begin_lanes, _linearise_lanes, _observe_lanes)
        self._begin, self._linearise, self._observe = (f.bind(self.problem) for f in functions)

    def linearise(self, z: Float[np.ndarray, "points free"]) -> tuple[np.ndarray, ...]:
        """See `Problem.linearise`."""
        lanes = self._lanes(z, derive=True)
        r, jacobian, ok = map(np.asarray, self._linearise(jnp.asarray(z), lanes))
        return r[:, self.residual_columns], jacobian[:, self.residual_columns], ok

    def observe(self, z: Float[np.ndarray, "points free"]) -> tuple[np.ndarray, ...]:
        """See `Problem.observe`."""
        r, ok, logs = map(np.asarray, self._observe(jnp.asarray(z), self._lanes(z, derive=False)))
        return r[:, self.residual_columns], ok, logs[..., : self.rows]

    def _lanes(self, z: np.ndarray, *, derive: bool) -> StiffLanes:
        """Solves of all waveforms at several points, those of one point after the other; derivatives by coordinates."""
        values, derivatives, zeros = self._begin(jnp.asarray(z))
        group, policy = self.problem.group, self.problem.policy
        options: dict[str, Any] = dict(stimuli=group.stimuli, rows=group.rows, policy=policy)
        options["steps"] = self.steps
        along = derivatives if derive else None
        return solve_lanes(self.kernel, z, values, along, zeros=zeros, **options)


def lengthened(problem: Problem) -> tuple[Problem, np.ndarray]:
    """A problem of waveforms of a common length, see `lengthen`, and the places of its residuals, the prior's last."""
    group, columns = lengthen(problem.group)
    first = columns[-1] + 1 if len(columns) else 0
    return replace(problem, group=group), np.append(columns, first + np.arange(len(problem.free)))


def _observe_all(problem: Problem, device: Model):
    """Logarithms at the rows (see `log_seen`), rows of the events, success, of every waveform."""
    group, end = problem.group, jnp.max(problem.group.rows)

    def one(limits, stimulus, rows, span):
        scaled = scaled_under(problem, device, limits)
        options: dict[str, Any] = dict(y0=scaled.initial(), end=end, policy=problem.policy)
        sol = solve_stiff(scaled, stimulus, rows=rows, steps=True, **options)
        left = None if group.left is None else bench_of(device, problem.bench)
        observed = read_off(scaled, stimulus, rows, span, group.thresholds, sol, left)
        return *observed, sol.result == 0

    return jax.vmap(one)(group.limits, group.stimuli, group.rows, group.span)


def responses(
    problem: Problem, z: Float[Array | np.ndarray, " free"]
) -> Float[np.ndarray, "waves points"]:
    r"""log10(\|response\| + floor) at all rows of a point [decades], whether they count or not."""
    same = np.repeat(np.asarray(z)[None], TOGETHER, axis=0)  # as many as are screened together
    return problem.observe(same)[2][0]


def kernel_of(problem: Problem) -> StiffKernel:
    """The kernel that solves a problem."""
    parts = (problem.device, problem.bench, problem.env, problem.group.limits)
    static = problem.free, problem.ties, problem.group.stimuli.quantity, problem.chosen
    key = f"{signature(parts)} {static}"
    with _lock:  # a screening and the first derivatives ask for it at the same time
        if key not in _kernels:
            with use_backend(problem.chosen):
                _kernels[key] = _build_kernel(problem)
    return _kernels[key]


_lock = threading.Lock()
_kernels: dict[str, StiffKernel] = {}


def _build_kernel(problem: Problem) -> StiffKernel:
    """See `kernel_of`."""
    z, limits = jnp.asarray(problem.center), problem.group.limits
    # Of jnp also where they are known: what depends on them has to be arrays in each case, see `numbers_of`.
    first = None if limits is None else jnp.asarray(limits)[0]

    def system_at(x):
        return scaled_under(problem, problem.at(x), first)

    return stiff_kernel_of(system_at(z), moving_numbers(system_at, z), len(z))


@cached_jit
def _begin_lanes(problem: Problem, z: Float[Array, "points free"]):
    """As `begin_lanes` at several points."""
    return jax.vmap(partial(begin_lanes, problem), out_axes=(0, 0, None))(z)


def begin_lanes(problem: Problem, z: Float[Array, " free"]):
    """Numbers and states at the start of the lanes of a point, their derivatives, and where the drives change sign."""
    group = problem.group

    def begin(x):
        device = problem.at(x)

        def one(limits, rows):
            scaled = scaled_under(problem, device, limits)
            return numbers_of(scaled), scaled.initial()

        both = jax.vmap(one)(group.limits, group.rows)
        # Twice: one is differentiated, the other is the value that comes along.
        return both, both

    derivatives, values = jax.jacfwd(begin, has_aux=True)(z)
    return values, derivatives, jax.vmap(lambda s: jnp.sort(s.zeros()))(group.stimuli)


@cached_jit
def _observe_lanes(problem: Problem, z: Float[Array, "points free"], lanes: StiffLanes):
    """As `observe_lanes`, of several points that are solved."""
    return jax.vmap(partial(observe_lanes, problem))(z, by_point(lanes, len(z)))


@cached_jit
def _linearise_lanes(problem: Problem, z: Float[Array, "points free"], lanes: StiffLanes):
    """As `fitting.problem.evaluate`, of several points that are solved."""
    return jax.vmap(partial(linearise_lanes, problem))(z, by_point(lanes, len(z)))
