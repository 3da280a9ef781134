"""One compiled program that solves many parameter sets of a model, with the derivative of all it gives."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

import memjax as mj
from benchmarks.cases.robustness.sampling import VOLTAGE, Sets, Task
from memjax.circuit import BenchedDevice
from memjax.core.scaling import Scaled
from memjax.core.system import NoNoise
from memjax.device import AbstractDevice
from memjax.noise import clock
from memjax.runtime.compile_cache import jit_with_options
from memjax.simulate import Begin, solve_adaptive, solve_fixed, solve_stiff, value_before

SHORTEST, LONGEST = 1e-28, 1e4
"""Range of the length of a drive [s]: what the fastest noise inside the bounds needs, a sweep of hours."""

_NEAR = 10.0
"""Factor by which a drive that follows the fastest time of a model is shorter or longer."""

JUMPS = 128
"""Candidates for jumps that a drive has in the mean at most: its length is limited so."""

_CANDIDATES = 256
"""Candidates that are made: a clock of `JUMPS` in the mean needs more once in 1e21 solves."""

SCALE = 1e-9
"""Current [A] from which its logarithm counts in what reverse derivatives are taken of."""


class Paths(NamedTuple):
    """What one solve gives, at its rows.

    Parameters
    ----------
    v, i : Float[Array, "rows"]
        Voltage [V] and current [A].
    y : Float[Array, "rows n"]
        States over their scales.
    still : Float[Array, "rows"]
        Current at 0 V in these states [A].
    """

    v: Float[Array, "*sets rows"]
    i: Float[Array, "*sets rows"]
    y: Float[Array, "*sets rows n"]
    still: Float[Array, "*sets rows"]


class Fate(NamedTuple):
    """How a solve ended: a `memjax.Result`, steps kept and refused, length of the drive [s]."""

    result: Int[Array, "*sets"]
    accepted: Int[Array, "*sets"]
    rejected: Int[Array, "*sets"]
    length: Float[Array, "*sets"]


class Solved(NamedTuple):
    """Paths, their derivatives along the directions of the sets, fates, and derivatives of `summary`."""

    paths: Paths
    slopes: Paths
    fate: Fate
    slope: Float[Array, "*sets"]


class Reversed(NamedTuple):
    """Gradient of `summary` by every parameter in reverse mode, its component along the direction of a set,
    and the sum of the moduli of the terms of that.
    """

    gradient: AbstractDevice
    slope: Float[Array, "*sets"]
    terms: Float[Array, "*sets"]


def is_random(device: AbstractDevice) -> bool:
    """Whether the model has noise or jumps."""
    env, zero = mj.Environment(), jnp.zeros(())
    jumping = bool(device.jumps(zero, device.initial(env), zero, env))
    return jumping or device.noise_structure is not NoNoise


def _rates(scaled: Scaled, probes: dict[str, Array]) -> Float[Array, " rates"]:
    """Rates at which states change or diffuse over their scales [1/s], at rest and in some states, at some voltages."""
    zero = jnp.zeros(())

    def at(z, v):
        spread = jnp.sum(scaled.diffusion(zero, z, v) ** 2, axis=1)
        return jnp.concatenate([jnp.abs(scaled.drift(zero, z, v)), spread])

    volts = VOLTAGE * jnp.array([-1.0, -0.1, 0.1, 1.0], zero.dtype)
    some = jax.vmap(lambda state: scaled.project(scaled.pack(state)))(probes)
    states = jnp.concatenate([scaled.initial()[None], some])
    return jax.vmap(jax.vmap(at, (None, 0)), (0, None))(states, volts).ravel()


def _length(scaled: Scaled, place, probes, *, wide: Array) -> Float[Array, ""]:
    """Length of a drive [s]: within a factor of 10 of the fastest time of the model at a parameter set, or
    anywhere between that and the slowest.
    """
    rates = _rates(scaled, probes)
    rates = jnp.clip(jnp.where(jnp.isfinite(rates), rates, 0.0), 1 / LONGEST, 1 / SHORTEST)
    fast, slow = 1 / jnp.max(rates), 1 / jnp.min(rates)
    low = jnp.where(wide, fast, fast / _NEAR)
    high = jnp.where(wide, slow, fast * _NEAR)
    length = jnp.exp(jnp.log(low) + place * (jnp.log(high) - jnp.log(low)))
    return jnp.clip(length, SHORTEST, LONGEST)


def _bound(scaled: Scaled) -> Float[Array, ""]:
    """Sum of the bounds of all jumps [1/s]."""
    zero = jnp.zeros(())
    return jnp.sum(scaled.jumps(zero, scaled.initial(), zero)[1])


class Program(eqx.Module):
    """How sets of one model are solved.

    Parameters
    ----------
    policy : Stiff or Fixed
        Adaptive steps, or `substeps` equal ones between two rows whatever `dt` says.
    wide : bool
        Whether drives are up to as long as the slowest time of the model, or follow the fastest.
    noisy : bool
        Whether noise and jumps act; without, the solve is that of a deterministic system.
    rows : int
        Rows of output, equally spaced.
    substeps : int
        Equal steps between two rows, of `Fixed`.
    """

    policy: mj.Stiff | mj.Fixed
    wide: Bool[Array, ""] = eqx.field(converter=jnp.asarray, default=False)
    noisy: bool = eqx.field(static=True, default=True)
    rows: int = eqx.field(static=True, default=16)
    substeps: int = eqx.field(static=True, default=8)

    def _times(self, length: Float[Array, ""]) -> Float[Array, " rows"]:
        """Times of the rows [s]."""
        return length * jnp.linspace(0, 1, self.rows + 1, dtype=length.dtype)[1:]

    def _solve(self, scaled: Scaled, device: AbstractDevice, drive: mj.Sampled, length, key):
        """One solve from rest."""
        y0 = scaled.initial()
        task: dict[str, Any] = dict(rows=self._times(length), policy=self.policy)
        noisy, zero = self.noisy and is_random(device), jnp.zeros_like(length)
        if isinstance(self.policy, mj.Fixed):
            task |= {"begin": Begin(y0, zero, jnp.asarray(0)), "key": key if noisy else None}
            return solve_fixed(scaled, drive, substeps=self.substeps, **task)
        task["y0"] = y0
        if not noisy:
            return solve_stiff(scaled, drive, end=length, **task)
        ticks = None
        if (
            scaled.has_jumps
        ):  # `simulate` knows the rate; here it is known to no derivative, and above 0
            rate = jnp.maximum(lax.stop_gradient(_bound(scaled)), 1e-3 / length)
            ticks = clock(key, rate=rate, size=_CANDIDATES)
        return solve_adaptive(scaled, drive, end=length, key=key, clock=ticks, **task)

    def paths(self, device: AbstractDevice, case: Task, probes: dict) -> tuple[Paths, Fate]:
        """One solve, and how it ended."""
        scaled = Scaled(BenchedDevice(device), mj.Environment())
        still = lax.stop_gradient(scaled)  # the length is no function of the parameters
        length = _length(still, case.place, probes, wide=self.wide)
        if scaled.has_jumps and isinstance(self.policy, mj.Stiff):
            length = jnp.minimum(length, JUMPS / _bound(still))
        drive = mj.Sampled(length * case.times, case.volts)
        end = self._solve(scaled, device, drive, length, case.key)

        def seen(t, z):
            state, u = scaled.unpack(z), value_before(drive, t)
            found = scaled.system.outputs(t, state, u, scaled.env)
            still = device.current(t, state, jnp.zeros_like(u), scaled.env)
            return Paths(found["v"], found["i"], z, still)

        fate = Fate(end.result, end.accepted, end.rejected, length)
        return jax.vmap(seen)(self._times(length), end.y), fate


def summary(paths: Paths) -> Float[Array, ""]:
    """Mean of asinh(i / 1 nA), and the mean of the last states over their scales."""
    return jnp.mean(jnp.arcsinh(paths.i / SCALE)) + jnp.mean(paths.y[-1])


def _forward(program: Program, sets: Sets, probes: dict[str, Array]) -> Solved:
    def one(device, slope, case):
        run = lambda d: program.paths(d, case, probes)  # noqa: E731
        paths, slopes, fate = jax.jvp(run, (device,), (slope,), has_aux=True)
        return Solved(paths, slopes, fate, jax.jvp(summary, (paths,), (slopes,))[1])

    return jax.vmap(one)(sets.device, sets.slope, sets.task)


def _states(program: Program, sets: Sets, probes: dict[str, Array]) -> Solved:
    """As `_forward`, with derivatives of 0 in place of those of the solve."""

    def one(device, case):
        paths, fate = program.paths(device, case, probes)
        return Solved(paths, jax.tree.map(jnp.zeros_like, paths), fate, jnp.zeros_like(fate.length))

    return jax.vmap(one)(sets.device, sets.task)


def _reverse(program: Program, sets: Sets, probes: dict[str, Array]) -> Reversed:
    def one(device, slope, case):
        run = lambda d: summary(program.paths(d, case, probes)[0])  # noqa: E731
        gradient = jax.grad(run)(device)
        parts = jnp.stack(jax.tree.leaves(jax.tree.map(jnp.multiply, gradient, slope)))
        return Reversed(gradient, jnp.sum(parts), jnp.sum(jnp.abs(parts)))

    return jax.vmap(one)(sets.device, sets.slope, sets.task)


solve_sets = eqx.filter_jit(_forward)
"""`Solved` of all sets of a batch at once: ``solve_sets(program, sets, probes)``."""

solve_states = eqx.filter_jit(_states)
"""`Solved` without derivatives, for a fraction of the time."""

reverse_sets = eqx.filter_jit(_reverse)
"""`Reversed` of all sets of a batch at once; its policy needs an adjoint for reverse mode."""


def _careless() -> dict[str, Any]:
    """Options of XLA for a program that is compiled in less time and runs longer."""
    return {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


solve_few = jit_with_options(_forward, _careless)
"""`solve_sets` as a program that is compiled in less time and runs longer: for few sets."""
