"""Policies: solver, step control, path and adjoint as one object that refuses what converges to the wrong process."""

import math
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .errors import PolicyError
from .solver import DriftImplicitEuler
from .system import Additive, NoNoise


class AbstractPolicy(eqx.Module):
    """How a system is integrated."""


class Stiff(AbstractPolicy):
    """Adaptive stiff solve without noise: RODAS3 (L-stable, order 3) under a PI controller that lands on corners.

    Parameters
    ----------
    rtol, atol : float
        Relative tolerance, and absolute tolerance in units of each state's scale.
    max_steps : int
        Steps after which the solve counts as failed.
    adjoint : diffrax.AbstractAdjoint
        `diffrax.ForwardMode` for forward derivatives, `diffrax.RecursiveCheckpointAdjoint` for
        reverse ones.
    """

    rtol: float = eqx.field(static=True, default=1e-5)
    atol: float = eqx.field(static=True, default=1e-7)
    max_steps: int = eqx.field(static=True, default=100_000)
    adjoint: dfx.AbstractAdjoint = dfx.ForwardMode()


def _number(x: Any) -> Any:
    """A real number as a float, anything else as it is."""
    return float(x) if isinstance(x, int | float | np.integer | np.floating) else x


class Fixed(AbstractPolicy):
    """Fixed steps on a grid, with noise from counters.

    Parameters
    ----------
    dt : float
        Largest step [s]. Between two rows of output the steps are equal, and none is longer.
    method : diffrax.AbstractSolver
        `DriftImplicitEuler` unless another Ito method is given.
    """

    dt: float = eqx.field(static=True, converter=_number)
    method: Any = DriftImplicitEuler()

    def __check_init__(self):
        if not (isinstance(self.dt, float) and math.isfinite(self.dt) and self.dt > 0):
            raise PolicyError(f"dt = {self.dt} s", where="Fixed", allowed="a finite step > 0 s")


class Auto(AbstractPolicy):
    """`Stiff` where nothing is random, else `Fixed` with a step that suits the rows of output.

    Parameters
    ----------
    steps_per_row : int
        Fixed steps between two rows of output at their median distance.
    max_steps : int
        Number of fixed steps in all beyond which they are taken longer.
    """

    steps_per_row: int = eqx.field(static=True, default=500)
    max_steps: int = eqx.field(static=True, default=20_000_000)


def resolve(policy: AbstractPolicy, *, noisy: bool, gaps: np.ndarray) -> Stiff | Fixed:
    """The policy itself, or what `Auto` stands for given the times between rows of output [s]."""
    if isinstance(policy, Stiff | Fixed):
        return policy
    if not isinstance(policy, Auto):
        raise PolicyError(f"policy {type(policy).__name__}", allowed="Auto, Stiff, Fixed")
    if not noisy:
        return Stiff()
    some = gaps[gaps > 0]
    if not some.size:
        return Fixed(1.0)
    # The median: two rows beside a corner may lie arbitrarily close.
    dt = max(
        float(np.median(some)) / policy.steps_per_row,
        float(np.max(some)) * len(gaps) / policy.max_steps,
    )
    return Fixed(dt)


def check(policy: Stiff | Fixed, structure: type, *, noisy: bool) -> None:
    """Refuse a policy that would converge to the wrong process or cannot reach its tolerance.

    Parameters
    ----------
    policy : Stiff or Fixed
        A resolved policy.
    structure : type
        Marker class of the system's noise.
    noisy : bool
        Whether noise acts in this run.

    Raises
    ------
    PolicyError
        With what to use instead.
    """
    if isinstance(policy, Stiff):
        _check_stiff(policy, noisy)
        return
    method = policy.method
    if not noisy or structure in (Additive, NoNoise) or isinstance(method, DriftImplicitEuler):
        return
    name = type(method).__name__
    if isinstance(method, dfx.AbstractStratonovichSolver):
        raise PolicyError(
            f"{name} with state-dependent noise",
            where="Fixed",
            allowed="methods that converge to the Ito process",
            fix="it converges to the Stratonovich process, which is another one; use the default DriftImplicitEuler",
        )
    if isinstance(method, dfx.AbstractImplicitSolver) or not isinstance(
        method, dfx.AbstractItoSolver
    ):
        raise PolicyError(
            f"{name} with state-dependent noise",
            where="Fixed",
            allowed="methods that treat the noise explicitly and converge to the Ito process",
            fix="it takes the noise at the end of the step and converges to the wrong mean; use the default "
            "DriftImplicitEuler",
        )


def _check_stiff(policy: Stiff, noisy: bool) -> None:
    """The part of `check` that concerns adaptive steps."""
    if noisy:
        raise PolicyError(
            "adaptive steps with noise",
            where="Stiff",
            allowed="noise-free systems, or deterministic=True",
            fix="a grid path is not Brownian under adaptive steps; use mj.Fixed(dt=...)",
        )
    if not (policy.rtol > 0 and policy.atol >= 0 and policy.max_steps >= 1):
        raise PolicyError(
            f"rtol = {policy.rtol}, atol = {policy.atol}, max_steps = {policy.max_steps}",
            where="Stiff",
            allowed="rtol > 0, atol >= 0, max_steps >= 1",
        )
    eps = float(jnp.finfo(jnp.result_type(float)).eps)
    if policy.rtol < 10 * eps:
        raise PolicyError(
            f"rtol = {policy.rtol:g} in {jnp.result_type(float)}",
            where="Stiff",
            allowed=f">= {10 * eps:.1g}",
            fix="enable float64: jax.config.update('jax_enable_x64', True)",
        )


def require_x64() -> None:
    """Raise `PolicyError` unless JAX computes in float64, with the line that enables it."""
    if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]  # jax adds it
        raise PolicyError(
            "float32",
            allowed="float64",
            fix="put jax.config.update('jax_enable_x64', True) before the first array",
        )
