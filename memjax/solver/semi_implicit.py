"""Semi-implicit Euler: states with a linear rate are taken at the end of the step, without iterations."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..runtime.flags import as_flag, check_flags
from .kernel import AbstractKernel, Equation, Increment, Step, Vector, identity
from .linear import apply, solve_small

Parts = dict[Any, Float[Array, "..."]]


def rates_along(rates: Callable[[Parts], Parts], parts: Parts, k: Any) -> tuple[Parts, Parts]:
    """Rates of change of all parts [1/s], and their derivatives by part `k` [1/s].

    Returns
    -------
    tuple of two dict of Float[Array, "..."]
        Rate of each part [1/s], and its derivative by part `k` [1/s].
    """
    return jax.jvp(lambda x: rates(parts | {k: x}), (parts[k],), (jnp.ones_like(parts[k]),))


def linear_change(
    rates: Callable[[Parts], Parts],
    parts: Parts,
    linear: tuple,
    h: Float[Array, ""],
    moved: Parts | None = None,
) -> Parts:
    """Change of the linear parts in a step given the others at its start: (I - h A) change = h rate.

    Where they have `moved` already it is what is left to do, (I - h A) change = h rate - moved: Newton's next step, of
    rates that are not quite linear or that rounding has taken something off.

    Returns
    -------
    dict of Float[Array, ""]
        Change of each linear part over the step, in the unit of the part.
    """
    rate, rows = {}, []
    for k in linear:
        # One forward derivative gives column k of A, for all rows at once.
        rate, slope = rates_along(rates, parts, k)
        rows.append([(1.0 if i == k else 0.0) - h * slope[i] for i in linear])
    columns = [list(column) for column in zip(*rows, strict=True)]  # row i: equation of part i
    # One solve and no iteration: these rates are linear in these parts given the others.
    right = [h * rate[i] for i in linear]
    if moved is not None:
        right = [x - moved[i] for x, i in zip(right, linear, strict=True)]
    change = solve_small(columns, right)
    return dict(zip(linear, change, strict=True))


def _damping(rates: Callable[[Parts], Parts], parts: Parts, k: Any, h: Float[Array, ""]):
    """The factor max(1, -h J), with J the derivative of a part's rate by the part itself."""
    return jnp.maximum(-h * rates_along(rates, parts, k)[1][k], 1.0)


def semi_implicit_euler_step(
    rates: Callable[[Parts], Parts],
    parts: Parts,
    kick: Parts,
    *,
    h: Float[Array, ""],
    linear: tuple,
    damped: bool = False,
) -> Parts:
    """One step on the named parts of a state.

    Parameters
    ----------
    rates : callable
        Rate of change of each part [1/s] as a function of all.
    parts : dict of Float[Array, "..."]
        State at the start.
    kick : dict of Float[Array, "..."]
        What noise adds: amplitude at the start times the Brownian increment.
    h : Float[Array, ""]
        Step [s].
    linear : tuple
        Scalar parts whose rate is linear in themselves given the others.
    damped : bool
        See `SemiImplicitEuler`.

    Returns
    -------
    dict
        State at the end.

    Notes
    -----
    Every part is an array of its own, so that a batch of devices runs along contiguous memory in one
    loop: this is the step of large ensembles.
    """
    change = linear_change(rates, parts, linear, h) if linear else {}
    state = {**parts, **{k: parts[k] + c for k, c in change.items()}}
    rate = rates(state)
    if damped:
        explicit = [k for k, x in state.items() if k not in linear]
        # h f / max(1, -h J) is at most f / (-J): the Newton step to where the linear rate vanishes.
        rate = rate | {k: rate[k] / _damping(rates, state, k, h) for k in explicit}
    return {k: x + kick[k] if k in linear else x + h * rate[k] + kick[k] for k, x in state.items()}


class SemiImplicitEuler(AbstractKernel):
    """Euler-Maruyama with the linear states (`StateSpec.linear`, as node voltages) taken implicitly.

    Parameters
    ----------
    project, begin : callable, optional
        See `AbstractKernel`.
    damped : bool
        Whether to limit the explicit step of a state that relaxes faster than the step: its change by the drift is
        divided by max(1, -h J), with J the derivative of its rate by itself, so that it goes no further than to the
        zero of its linearised rate. A plain explicit step overshoots that zero where -h J > 1, and does not settle
        where -h J > 2. For scalar states.

    Notes
    -----
    First the linear states, at the end of the step given the others at its start, which is one
    small linear system; then the others, explicit, with the linear states' new values. Strong order
    1/2 in general, 1 where the noise is additive; weak order 1. Its steps have to resolve the
    states that are not linear, and no others. For ensembles and networks; it has no error estimate.
    """

    project: Callable = eqx.field(static=True, default=identity)
    begin: Callable = eqx.field(static=True, default=identity)
    damped: bool = eqx.field(static=True, default=False, converter=as_flag)

    area: ClassVar[bool] = False
    orders: ClassVar[tuple[float, float, float]] = (1, 0.5, 1.0)

    def __check_init__(self):
        check_flags({"damped": self.damped}, where="SemiImplicitEuler")

    def kernel(self, eq: Equation, t0, t1, y: Vector, inc: Increment, *, h) -> Step:
        """See `semi_implicit_euler_step`."""
        n = range(y.shape[0])

        def split(v):
            return {k: v[k] for k in n}

        def rates(p):
            return split(eq.drift(t1, jnp.stack([p[k] for k in n])))

        # Ito: the amplitudes are those at the start of the step.
        kick = split(apply(eq.diffusion(t0, y), inc.w))
        options: dict[str, Any] = dict(linear=eq.linear, damped=self.damped)
        end = semi_implicit_euler_step(rates, split(y), kick, h=h, **options)
        y1 = eq.project(jnp.stack([end[k] for k in n]))
        # An infinite error: adaptive control can never accept a step of a method without an
        # estimate.
        return Step(y1, jnp.full_like(y, jnp.inf), jnp.asarray(True))
