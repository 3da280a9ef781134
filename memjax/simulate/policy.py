"""Policies: solver, step control, path and adjoint as one object that refuses what converges to the wrong process."""

import functools
import math
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core.system import Additive, Partitioned
from ..errors import PolicyError
from ..noise import KINDS
from ..runtime.arguments import as_integer, is_real, is_traced, number
from ..runtime.flags import as_flag, check_flags
from ..solver import (
    AbstractKernel,
    DriftImplicitEuler,
    DriftImplicitMilstein,
    SemiImplicitEuler,
    SraEsdirk,
)

_DEFAULTS = {False: (1e-5, 1e-7), True: (1e-3, 1e-4)}
"""Tolerances without and with noise."""


class AbstractPolicy(eqx.Module):
    """How a system is integrated."""


_number = functools.partial(
    number, where="Stiff", error=PolicyError, optional=True, default=None, static=True
)


def _as_steps(x: Any) -> int:
    """Converter of a number of steps; 1e5 is one, too."""
    whole = int(x) if isinstance(x, float) and x.is_integer() else x
    return as_integer("max_steps", whole, where="Stiff", error=PolicyError, lowest=1)


class Stiff(AbstractPolicy):
    """Adaptive stiff solve: RODAS3 (L-stable, order 3) without noise, a stochastic kernel on dyadic steps with it.

    Parameters
    ----------
    rtol, atol : float, optional
        Tolerance of each step relative to the state, and absolute in units of each state's scale;
        1e-5 and 1e-7 without noise, 1e-3 and 1e-4 with noise, unless given.
    max_steps : int
        Steps after which the solve counts as failed.
    adjoint : diffrax.AbstractAdjoint
        `diffrax.ForwardMode` for forward derivatives, `diffrax.RecursiveCheckpointAdjoint` for
        reverse ones.
    method : memjax.solver.AbstractKernel, optional
        Of a noisy solve; `SraEsdirk` unless given.
    clock : float, optional
        Rate of the candidates for jumps [1/s], above every sum of intensities; the sum of the
        jumps' bounds unless given. Needed where these are traced.
    single_precision : bool
        Whether to go ahead in float32 where a model does not declare that it holds there. Failed
        solves are counted as ever; whether the others are right is for you to compare.
    """

    rtol: float | None = _number(unit="1", sign=">")
    atol: float | None = _number(unit="1", sign=">=")
    max_steps: int = eqx.field(static=True, default=100_000, converter=_as_steps)
    adjoint: dfx.AbstractAdjoint = dfx.ForwardMode()
    method: Any = eqx.field(static=True, default=None)
    clock: float | None = _number(unit="1/s", sign=">")
    single_precision: bool = eqx.field(static=True, default=False, converter=as_flag)

    def __check_init__(self):
        check_flags({"single_precision": self.single_precision}, where="Stiff")
        _check_method_kind(self.method, where="Stiff")
        if not isinstance(self.adjoint, dfx.AbstractAdjoint):
            raise PolicyError(
                f"adjoint = {self.adjoint!r:.60}",
                where="Stiff",
                allowed="diffrax.ForwardMode(), diffrax.RecursiveCheckpointAdjoint()",
            )

    def tolerances(self, *, noisy: bool) -> tuple[float, float]:
        """Relative and absolute tolerance."""
        rtol, atol = _DEFAULTS[noisy]
        return (
            rtol if self.rtol is None else self.rtol,
            atol if self.atol is None else self.atol,
        )

    def kernel(self, structure: type) -> AbstractKernel:
        """Step of a noisy solve for noise of this structure."""
        return SraEsdirk(structure=structure) if self.method is None else self.method


def _check_method_kind(method: Any, *, where: str) -> None:
    """Raise `PolicyError` for a name or a class in place of a method."""
    if method is None or isinstance(method, AbstractKernel | dfx.AbstractSolver):
        return
    fix = f"make one: {method.__name__}()" if isinstance(method, type) else "see memjax.solver"
    raise PolicyError(
        f"method = {method.__name__ if isinstance(method, type) else repr(method)}",
        where=where,
        allowed="an instance, such as mj.solver.DriftImplicitEuler()",
        fix=fix,
    )


def _as_step(x: Any) -> Any:
    """A real number as a float, anything else as it is."""
    if is_traced(x):
        raise PolicyError(
            "dt that is traced",
            where="Fixed",
            allowed="a finite step > 0 s that is known, since it decides how many there are",
        )
    return float(x) if is_real(x) and np.ndim(x) == 0 else x


class Fixed(AbstractPolicy):
    """Fixed steps on a grid, with noise from counters.

    Parameters
    ----------
    dt : float
        Largest step [s]. Between two rows of output the steps are equal, and none is longer.
    method : memjax.solver.AbstractKernel or diffrax.AbstractSolver
        `DriftImplicitEuler` unless another Ito method is given.
    increments : {"gaussian", "two-point", "three-point"}
        Normal increments; or discrete ones, cheaper, with the moments that weak order 1 (two-point)
        or 2 (three-point, with `SraEsdirk`) needs: for ensembles of which only statistics matter.
    single_precision : bool
        Whether to go ahead in float32 where a model does not declare that it holds there. Failed
        solves are counted as ever; whether the others are right is for you to compare.
    """

    dt: float = eqx.field(static=True, converter=_as_step)
    method: Any = eqx.field(static=True, default=DriftImplicitEuler())
    increments: str = eqx.field(static=True, default="gaussian")
    single_precision: bool = eqx.field(static=True, default=False, converter=as_flag)

    def __check_init__(self):
        check_flags({"single_precision": self.single_precision}, where="Fixed")
        if not (isinstance(self.dt, float) and math.isfinite(self.dt) and self.dt > 0):
            raise PolicyError(f"dt = {self.dt} s", where="Fixed", allowed="a finite step > 0 s")
        _check_method_kind(self.method, where="Fixed")
        if self.increments not in KINDS:
            raise PolicyError(
                f"increments = {self.increments!r}", where="Fixed", allowed=", ".join(KINDS)
            )


class Auto(AbstractPolicy):
    """`Stiff`: adaptive, with noise or without.

    Notes
    -----
    Ensembles of which many devices take many steps may run faster with `Fixed`.
    """


def resolve(policy: AbstractPolicy) -> Stiff | Fixed:
    """The policy itself, or what `Auto` stands for."""
    if isinstance(policy, Stiff | Fixed):
        return policy
    if isinstance(policy, Auto):
        return Stiff()
    fix, message = "", f"policy {type(policy).__name__}"
    if isinstance(policy, type):
        message, name = f"the class {policy.__name__} in place of a policy", policy.__name__
        fix = f"make one: mj.{name}({'dt=1e-5' if name == 'Fixed' else ''})"
    elif isinstance(policy, int | float | str):
        message = f"{policy!r} in place of a policy"
        number = not isinstance(policy, str)
        fix = f"fixed steps of {policy} s are mj.Fixed({policy})" if number else "write mj.Stiff()"
    elif isinstance(policy, AbstractKernel | dfx.AbstractSolver):
        fix = "a method goes into mj.Fixed(dt, method=...) or mj.Stiff(method=...)"
    raise PolicyError(message, where="simulate", allowed="Auto, Stiff, Fixed", fix=fix)


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
        _check_tolerances(policy, noisy)
    if noisy:
        _check_method(policy, structure)


def _check_method(policy: Stiff | Fixed, structure: type) -> None:
    """Whether a method converges to the Ito process with noise of this structure."""
    method, where = policy.method, type(policy).__name__
    name = type(method).__name__
    if isinstance(policy, Stiff) and (
        isinstance(method, SemiImplicitEuler)
        or not (method is None or isinstance(method, AbstractKernel))
    ):
        raise PolicyError(
            f"{name} under adaptive steps with noise",
            where=where,
            allowed="SraEsdirk, DriftImplicitMilstein, DriftImplicitEuler",
            fix="other methods have no error estimate here or take their noise from a grid path, which is not "
            "Brownian under adaptive steps: leave method out, or use mj.Fixed(dt=...)",
        )
    if isinstance(policy, Fixed):
        _check_increments(policy)
    elif isinstance(method, DriftImplicitEuler) and not issubclass(structure, Partitioned):
        raise PolicyError(
            f"{name} under adaptive steps with noise that depends on the noisy state",
            where=where,
            allowed="SraEsdirk, DriftImplicitMilstein",
            fix="which steps are kept depends on the increments, and what Euler leaves out of them then has a mean: "
            "it converges to another process; leave method out",
        )
    if isinstance(method, SraEsdirk) and _stronger(method.structure, structure):
        raise PolicyError(
            f"SraEsdirk({method.structure.__name__}) with {structure.__name__} noise",
            where=where,
            allowed=f"SraEsdirk(structure={structure.__name__})",
            fix="it would leave out the response of the amplitude to its own noise",
        )
    if method is None or isinstance(method, AbstractKernel) or issubclass(structure, Additive):
        return
    if isinstance(method, dfx.AbstractStratonovichSolver):
        raise PolicyError(
            f"{name} with state-dependent noise",
            where=where,
            allowed="methods that converge to the Ito process",
            fix="it converges to the Stratonovich process, which is another one; use the default DriftImplicitEuler",
        )
    if isinstance(method, dfx.AbstractImplicitSolver) or not isinstance(
        method, dfx.AbstractItoSolver
    ):
        raise PolicyError(
            f"{name} with state-dependent noise",
            where=where,
            allowed="methods that treat the noise explicitly and converge to the Ito process",
            fix="it takes the noise at the end of the step and converges to the wrong mean; use the default "
            "DriftImplicitEuler",
        )


def _stronger(method: type, structure: type) -> bool:
    """Whether a method counts on more than noise of a structure has."""
    return issubclass(method, Partitioned) and not issubclass(structure, Partitioned)


def _check_increments(policy: Fixed) -> None:
    """Discrete increments only where a method keeps a weak order with them."""
    if policy.increments == "gaussian":
        return
    name = type(policy.method).__name__
    if not isinstance(policy.method, AbstractKernel) or (
        isinstance(policy.method, DriftImplicitMilstein)
    ):
        raise PolicyError(
            f"{policy.increments} increments with {name}",
            where="Fixed",
            allowed="SemiImplicitEuler, DriftImplicitEuler, SraEsdirk",
            fix="it gains nothing from cheaper increments, or takes its noise from a path: leave increments out",
        )


def _check_tolerances(policy: Stiff, noisy: bool) -> None:
    """The part of `check` that concerns adaptive steps."""
    rtol, _ = policy.tolerances(noisy=noisy)
    eps = float(jnp.finfo(jnp.result_type(float)).eps)
    if rtol < 10 * eps:
        raise PolicyError(
            f"rtol = {rtol:g} in {jnp.result_type(float)}",
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
