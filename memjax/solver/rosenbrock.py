"""RODAS3: an L-stable Rosenbrock method for stiff ordinary differential equations, as kernel and diffrax solver."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from diffrax import ThirdOrderHermitePolynomialInterpolation
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from .kernel import identity, length
from .linear import factor
from .newton import value_and_jacobian

DERIVATIVE_ERROR = 0.2
"""Error that the derivatives of a step by its start may have, relative to the largest of them or to 1. Where rates have
constant derivatives it is below 0.036 in steps of any length, so that modes at rest limit none."""

DERIVATIVE_FLOOR = 1e-2
"""Error that the derivative of a scaled state may always have: what sets in from 0 on grows by any factor in a step."""

Field = Callable[[Float[Array, ""], Float[Array, " n"]], Float[Array, " n"]]


class Rodas3Step(NamedTuple):
    r"""Result of a step of RODAS3.

    Parameters
    ----------
    y : Float[Array, "n"]
        Third-order solution at its end.
    error : Float[Array, "n"]
        Difference from the embedded second-order solution; both are stiffly accurate, so that transients which have
        decayed do not contribute.
    start : Float[Array, "n"]
        h times the slope of the solution at its start, for interpolation.
    increment : callable
        Function that gives h times the slope at the end, out of f and its time derivative there.
    start_error : Float[Array, "n"]
        Error of the cubic interpolant near its start: how far a fast mode is from the quasi-equilibrium that it
        follows, as behind a corner of the drive.
    midpoint_error : callable
        Error of the cubic interpolant at the middle of the step, from its defect there: no stage is evaluated at the
        middle, where a fast mode may be far from its quasi-equilibrium.

    Notes
    -----
    The slope is not f: in a mode of rate :math:`\lambda` that amplifies the error of y to
    :math:`|\lambda h|` times its size. With :math:`S = (I - hJ/2)^{-1}`

    .. math::

        h y' = S(3 - 3S + S^2)\,h f + \tfrac12 S(1 - S)^2\,h^2\,\partial f/\partial t,

    which is h f up to fourth order where h J is small, and, for a fast mode, h times the slope of the
    quasi-equilibrium that the mode follows.
    """

    y: Float[Array, " n"]
    error: Float[Array, " n"]
    start: Float[Array, " n"]
    increment: Callable
    start_error: Float[Array, " n"]
    midpoint_error: Callable


def rodas3_step(
    f: Field, t: Float[Array, ""], y: Float[Array, " n"], *, h: Float[Array, ""]
) -> "Rodas3Step":
    """One step of RODAS3.

    Parameters
    ----------
    f : callable
        Right-hand side ``f(t, y)``.
    t, y
        Start of the step.
    h : Float[Array, ""]
        Step [s].

    Returns
    -------
    Rodas3Step

    Notes
    -----
    One Jacobian (forward mode, by time and state at once), one elimination, two more evaluations;
    gamma = 1/2.

    References
    ----------
    .. [1] A. Sandu et al., Atmos. Environ. 31, 3459 (1997), doi:10.1016/S1352-2310(97)83212-8
    """
    # Time enters as an offset from t: one Jacobian gives the derivatives by time and by state.
    point = jnp.concatenate([jnp.zeros_like(y, shape=1), y])
    rate, columns = value_and_jacobian(lambda z: f(t + z[0].astype(t.dtype), z[1:]), point)
    slope, jacobian = columns[:, 0], columns[:, 1:]
    # Divided by h gamma, as in Hairer and Wanner IV.7: no product with J in the stages, k is a
    # change of y.
    solve = factor(2.0 / h * jnp.eye(y.shape[0], dtype=y.dtype) - jacobian)
    # Coefficients of f_t are the sums of gamma: 1/2 and 3/2 in the first two stages, 0 in the
    # others.
    k1 = solve(rate + 0.5 * h * slope)
    k2 = solve(rate + 4.0 / h * k1 + 1.5 * h * slope)
    k3 = solve(f(t + h, y + 2.0 * k1) + (k1 - k2) / h)
    # The last stage is the error itself: y1 = embedded + k4, as the method is stiffly accurate.
    embedded = y + 2.0 * k1 + k3
    k4 = solve(f(t + h, embedded) + (k1 - k2 - (8.0 / 3.0) * k3) / h)

    def apply(v):
        return 2.0 / h * solve(v)

    # S(3 - 3S + S^2) h f + S(1 - S)^2 h^2 f_t / 2 by three solves, see the notes of `Rodas3Step`.
    def increment(rate, slope):
        a, b = h * rate, 0.5 * h**2 * slope
        return apply(3 * a + b - apply(3 * a + 2 * b - apply(a + b)))

    # Cubic Hermite at the middle, and h times its slope there; the defect, taken through S / 2, is
    # the error in y.
    def midpoint_error(f, middle, y0, y1, slopes):
        y_middle = 0.5 * (y0 + y1) + (slopes[0] - slopes[1]) / 8
        h_slope = 1.5 * (y1 - y0) - 0.25 * (slopes[0] + slopes[1])
        return 0.5 * apply(h * f(middle, y_middle) - h_slope)

    start = increment(rate, slope)
    # How far a fast mode is off its quasi-equilibrium; through S / 2 it is an error in y, as in the middle.
    start_error = 0.5 * apply(h * rate - start)
    return Rodas3Step(embedded + k4, k4, start, increment, start_error, midpoint_error)


class Interval(NamedTuple):
    """A step between two times.

    Parameters
    ----------
    y : Float[Array, "n"]
        State at its end, in the domain.
    error : Float[Array, "n"]
        The largest of the errors of the step and of the cubic between its ends.
    slopes : tuple of two Float[Array, "n"]
        Step times slope of the solution at its ends, for that cubic.
    remainder : Float[Array, "n"]
        Error of the step itself, with its sign; its derivatives are the errors of those of the step.
    """

    y: Float[Array, " n"]
    error: Float[Array, " n"]
    slopes: tuple[Float[Array, " n"], Float[Array, " n"]]
    remainder: Float[Array, " n"]


class Verdict(NamedTuple):
    """Verdict on a step: whether the clock decides on it instead of the step control, whether its error is fine,
    and the step to try next [s].
    """

    ticks: Bool[Array, ""]
    fine: Bool[Array, ""]
    next_step: Float[Array, ""]

    def keep(self, y0: Any, y1: Any) -> Any:
        """The end of a step: its start, where the clock ticks on over a step that is not fine."""
        stays = self.ticks & ~self.fine
        return jax.tree.map(lambda a, b: jnp.where(stays, a, b), y0, y1)

    def pass_on(self, error: Any, allowed: Any) -> Any:
        """The error for the step control: of a tick just small enough that it goes on with ticks."""
        of_tick = jax.tree.map(lambda x: 0.99 * lax.stop_gradient(x), allowed)
        return jax.tree.map(lambda a, b: jnp.where(self.ticks, a, b), of_tick, error)


class Resolution(eqx.Module):
    """Steps shorter than the clock tells apart.

    A device may switch within less than 1e-16 of a solve. No time lies between the start of such a step and its end.
    There the clock ticks on by the shortest step that it resolves, and the state moves by as much less as its error
    allows: the switch is integrated in its own time, and is over after some hundred ticks.

    Parameters
    ----------
    shortest : Float[Array, ""]
        Shortest step of the clock [s].
    rtol, atol : float
        Tolerances of the step control.

    Notes
    -----
    What takes more ticks than a solve has steps ends at that limit: time is never stretched by more than that.
    """

    shortest: Float[Array, ""]
    rtol: float = eqx.field(static=True)
    atol: float = eqx.field(static=True)

    def shorten(self, h: Float[Array, ""], tried: Float[Array, ""]) -> Float[Array, ""]:
        """The step [s] to take within `h`, given the one to try."""
        return jnp.where(self._is_tick(h), jnp.minimum(h, lax.stop_gradient(tried)), h)

    def judge(self, h, step, ratio) -> Verdict:
        """Whether the clock ticks on.

        Parameters
        ----------
        h, step : Float[Array, ""]
            Tick, and the step taken in it [s].
        ratio : Float[Array, ""]
            Error of the step over what is allowed, as the step control takes it.

        Returns
        -------
        Verdict
            Whether the clock ticks on, whether the error is allowed, and the step to try next [s].
        """
        ratio = lax.stop_gradient(ratio)
        fine = ratio < 1  # no ratio that is not a number is
        # The error goes as the cube of the step: the step at which the ratio would be 1, with some safety.
        factor = jnp.clip(0.9 * ratio ** (-1 / 3), 0.2, 5.0)
        factor = jnp.where(jnp.isfinite(ratio), factor, 0.2)
        # A tick in which the whole step fits is left to the step control, which leaves the limit of the clock behind.
        tick = self._is_tick(h)
        ticks = tick & ~(fine & (step >= h))
        return Verdict(ticks, fine, jnp.where(tick, step * factor, h))

    def allowed(self, y0, y1) -> Float[Array, " n"]:
        """Error that a step between two states may have."""
        return self.atol + self.rtol * jnp.maximum(jnp.abs(y0), jnp.abs(y1))

    def _is_tick(self, h: Float[Array, ""]) -> Bool[Array, ""]:
        # A tick is off its length by roundings; a step of two ticks is no tick.
        return h < 1.5 * self.shortest


class Rodas3(dfx.AbstractAdaptiveSolver):
    """RODAS3 as a diffrax solver: third order, L-stable, for adaptive steps.

    Parameters
    ----------
    project : callable, optional
        Maps a state to the nearest one of the domain, after the step and outside the error
        estimate.
    resolution : Resolution, optional
        Steps that are too short for the clock; without it there are none.
    reverse : bool
        Whether derivatives are taken in reverse mode: then the first pass, too, takes the steps that they need.

    References
    ----------
    .. [1] A. Sandu et al., Atmos. Environ. 31, 3459 (1997), doi:10.1016/S1352-2310(97)83212-8
    """

    project: Callable = eqx.field(static=True, default=identity)
    resolution: Resolution | None = None
    reverse: bool = eqx.field(static=True, default=False)

    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar = ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms):
        """Order for step control."""
        return 3

    def error_order(self, terms):
        """Order of the error estimate."""
        return 3.0

    def init(self, terms, t0, t1, y0, args):
        """The step that is tried where the clock is too coarse; none without `resolution`."""
        return None if self.resolution is None else length(jnp.asarray(t0), jnp.asarray(t1))

    def func(self, terms, t0, y0, args):
        """The vector field."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from t0 to t1; see `rodas3_step`."""
        flat, unravel = ravel_pytree(y0)

        def f(t, y):
            return ravel_pytree(terms.vf(t, unravel(y), args))[0]

        def project(y):
            return ravel_pytree(self.project(args, unravel(y)))[0]

        t0, t1 = jnp.asarray(t0), jnp.asarray(t1)
        h = length(t0, t1)
        if self.resolution is not None:
            h = self.resolution.shorten(h, solver_state)
        # Rules of differentiation see what a function is given, and not what it closes over.
        rates = eqx.filter_closure_convert(f, t0, flat)
        domain = eqx.filter_closure_convert(project, flat)
        (y1, error, slopes, _), excess = derivable_interval(
            rates, domain, t0, t1, flat, h, self.reverse
        )
        if self.resolution is not None:
            allowed = self.resolution.allowed
            error = jnp.maximum(error, excess * allowed(flat, y1))
            verdict = self.resolution.judge(
                length(t0, t1), h, optx.rms_norm(error / allowed(flat, y1))
            )
            y1 = verdict.keep(flat, y1)
            error = verdict.pass_on(error, allowed(flat, y1))
            # A state that stays over a tick has no slope: the cubic between its ends is a constant.
            slopes = verdict.keep(jax.tree.map(jnp.zeros_like, slopes), slopes)
            solver_state = verdict.next_step
        k = jax.tree.map(lambda a, b: jnp.stack([a, b]), *map(unravel, slopes))
        y1 = unravel(y1)
        info = dict(y0=y0, y1=y1, k=k)
        return y1, unravel(error), info, solver_state, dfx.RESULTS.successful


def rodas3_interval(
    f: Field,
    project: Callable,
    t0: Float[Array, ""],
    t1: Float[Array, ""],
    y0: Float[Array, " n"],
    *,
    h: Float[Array, ""] | None = None,
) -> Interval:
    """A step between two times.

    Parameters
    ----------
    f : callable
        Right-hand side ``f(t, y)``.
    project : callable
        Nearest state of the domain.
    t0, t1, y0
        Times [s], and the state at the first one.
    h : Float[Array, ""], optional
        Step [s], what lies between the times by default; less where the clock is too coarse, see `Resolution`.

    Returns
    -------
    Interval
        State at the end, error, and step times slopes at both ends, in the unit of the state.
    """
    h = length(t0, t1) if h is None else h
    step = rodas3_step(f, t0, y0, h=h)
    y1 = project(step.y)
    rate, slope = jax.jvp(lambda t: f(t, y1), (t1,), (jnp.ones_like(t1),))
    slopes = step.start, step.increment(rate, slope)
    middle = step.midpoint_error(f, t1 - 0.5 * h, y0, step.y, slopes)
    # A state that rests on a bound has no slope towards it: the cubic would leave the bound and come back.
    start, end = (jax.jvp(project, (y,), (k,))[1] for y, k in zip((y0, y1), slopes))
    ends = jnp.maximum(jnp.abs(step.error), jnp.abs(step.start_error))
    return Interval(y1, jnp.maximum(ends, jnp.abs(middle)), (start, end), step.error)


def derivative_error(
    push: Callable, jacobian: Float[Array, "n n"], h: Float[Array, ""]
) -> Float[Array, ""]:
    """Error of the derivatives of a step by its start, over what is allowed.

    Parameters
    ----------
    push : callable
        Derivatives of the state at the end of the step and of its `Interval.remainder` along a direction of its start.
    jacobian : Float[Array, "n n"]
        That of the rates at its start [1/s].
    h : Float[Array, ""]
        Step [s].

    Returns
    -------
    Float[Array, ""]
        Largest relative error over `DERIVATIVE_ERROR` [1]: above 1 the step is refused. No gradient passes.

    Notes
    -----
    A state that rests where its rate is 0 has no error in steps of any length, while the derivatives of that rate may
    grow by decades in one of them: the step then makes what should decay larger by decades. Along modes that are fast
    from the start nothing is left of derivatives but their balance: the directions are filtered accordingly.
    """
    unit = jnp.eye(jacobian.shape[0], dtype=jacobian.dtype)
    carried, remainders = jax.vmap(push)(jax.vmap(factor(unit - 0.5 * h * jacobian))(unit))
    # Directions of the start have length 1: of one that decays far below that few digits are needed.
    size = jnp.maximum(jnp.max(jnp.abs(carried), axis=1), 1.0)
    errors = jnp.max(jnp.abs(remainders), axis=1)
    return lax.stop_gradient(jnp.max(errors / size) / DERIVATIVE_ERROR)


def refusal(ratio: Float[Array, ""]) -> Float[Array, ""]:
    """A `derivative_error` that is not allowed; 0 for others, so that steps are as without derivatives until then."""
    return jnp.where(ratio < 1, 0.0, ratio)


def no_excess(error: Float[Array, " n"]) -> Float[Array, ""]:
    """0, in a batch wherever the error of a step is: a rule of differentiation gives the same shapes."""
    return jnp.where(error[0] > 0, jnp.zeros_like(error[0]), 0.0)


@eqx.filter_custom_jvp
def derivable_interval(
    f: Callable, project: Callable, t0, t1, y0: Float[Array, " n"], h, reverse: bool
) -> tuple[Interval, Float[Array, ""]]:
    """`rodas3_interval`, and the `derivative_error` of the step: 0 where no derivative is taken, at no cost."""
    interval = rodas3_interval(f, project, t0, t1, y0, h=h)
    if reverse:
        return interval, _interval_error(f, project, t0, t1, y0, h)
    return interval, no_excess(interval.error)


def _interval_error(f, project, t0, t1, y0, h) -> Float[Array, ""]:
    """`derivative_error` of a step."""

    def advance(y):
        interval = rodas3_interval(f, project, t0, t1, y, h=h)
        return interval.y, interval.remainder

    _, jacobian = value_and_jacobian(lambda y: f(t0, y), y0)
    return derivative_error(lambda x: jax.jvp(advance, (y0,), (x,))[1], jacobian, h)


@derivable_interval.def_jvp
def _derivable_jvp(primals, tangents):
    *arguments, _ = primals
    *along, _ = tangents

    def step(f, project, t0, t1, y0, h):
        return rodas3_interval(f, project, t0, t1, y0, h=h)

    interval, tangent = eqx.filter_jvp(step, arguments, along)
    excess = refusal(_interval_error(*arguments))
    return (interval, excess), (tangent, jnp.zeros_like(excess))
