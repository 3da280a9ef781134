r"""A step of a noise-free solve whose derivatives hold across kinks of the rates.

Notes
-----
Rates that set in, saturate or end within thin layers have kinks. The solution crosses them smoothly, and the error
control sees to it. The derivatives :math:`S = \partial y/\partial\theta` obey :math:`\dot S = J S + \partial
f/\partial\theta`, whose J jumps there: a step of length h leaves a relative error :math:`h\,\Delta J` in them, percents
where the state is accurate to 1e-5.

One derivative is known, whatever lies in the step: that of a shift in time. The flow takes the slope :math:`w_0` at the
start to the slope :math:`w_1` at the end. The derivative of the step takes it to a vector that differs from that by m.
Across a kink where :math:`g(t, y, \theta) = 0` the derivatives of the rates jump by a matrix of rank one,
:math:`\Delta = \kappa\nabla g^T`, and the error of the step has that form too, hence

.. math:: S_1 = D S_0 + m\,\frac{\nabla g\cdot S_0}{\nabla g\cdot w_0}, \qquad
   \frac{\nabla g\cdot S_0}{\nabla g\cdot w_0} = \frac{\langle\Delta w_0, \Delta S_0\rangle}{|\Delta w_0|^2},

with D the derivative of the step, :math:`\Delta` the difference of the derivatives of the rates at its ends, and w and
S taken with their components in time and in the parameters. Where the rates are smooth m is of the order of the step's
error; there the ratio is that of S along w, over both ends. So what is a shift in time stays one through spikes, in
which slopes grow and fall by decades: an interval is the difference of two such shifts. The same holds for an integral
of a current over the step: a shift in time changes it by the difference of the currents at its ends, also where the
current jumps by decades within.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core.scaling import Scaled
from ..core.watch import Watch
from ..solver.linear import factor
from ..solver.newton import value_and_jacobian
from ..solver.rosenbrock import derivative_error, no_excess, refusal, rodas3_interval
from .watching import Piece, integral_over, integrand

_LINEAR = 1e-3
"""Relative change of a slope in a step below which the step counts as linear, and nothing is corrected."""

_SHARPNESS = 8
"""Power that separates fast modes from slow ones."""

_DOUBT, _VANISHING = 0.3, 1e-10
"""Errors of a step, and change of the scaled state in it, below which its slopes are not known."""


class SmoothStep(NamedTuple):
    """Result of a step.

    Parameters
    ----------
    y, error : Float[Array, "n"]
        Scaled state at its end, and its error.
    k0, k1 : Float[Array, "n"]
        Step times slope at its ends.
    q : Float[Array, "integrals"]
        Integrals over the step.
    samples : Float[Array, "integrals 5"]
        What is integrated, at its nodes.
    remainder : Float[Array, "n"]
        See `memjax.solver.rosenbrock.Interval`.
    excess : Float[Array, ""]
        See `memjax.solver.rosenbrock.derivative_error`; 0 where no derivative is taken, at no cost.
    """

    y: Float[Array, " n"]
    error: Float[Array, " n"]
    k0: Float[Array, " n"]
    k1: Float[Array, " n"]
    q: Float[Array, " integrals"]
    samples: Float[Array, "integrals 5"]
    remainder: Float[Array, " n"]
    excess: Float[Array, ""]


class Driven(eqx.Module):
    """A system under its drive, what is watched of it, and whether derivatives are taken in reverse mode."""

    scaled: Scaled
    stimulus: Callable
    watch: Watch
    reverse: bool = eqx.field(static=True, default=False)

    def field(self, t, y) -> Float[Array, " n"]:
        """Rate of change of the scaled state [1/s]."""
        return self.scaled.drift(t, y, self.stimulus(t))


def _plain(driven: Driven, t0, t1, y0, h) -> SmoothStep:
    """A step, with the derivatives that it has by itself."""
    project = driven.scaled.project
    y1, error, (k0, k1), remainder = rodas3_interval(driven.field, project, t0, t1, y0, h=h)
    # A step ends just before a corner of the drive.
    t_end = t1 - lax.stop_gradient(t1 - jnp.nextafter(*lax.stop_gradient((t1, t0))))
    piece = Piece(t0, t_end, y0, y1, k0, k1, h)
    samples = integrand(driven.watch, driven.scaled, driven.stimulus, piece)
    q = integral_over(samples, h)
    return SmoothStep(y1, error, k0, k1, q, samples, remainder, no_excess(error))


@eqx.filter_custom_jvp
def smooth_step(
    driven: Driven,
    t0: Float[Array, ""],
    t1: Float[Array, ""],
    y0: Float[Array, " n"],
    h: Float[Array, ""],
) -> SmoothStep:
    """A step of RODAS3 from `t0` to `t1` [s], and the integrals over it, with derivatives that hold across kinks.

    Parameters
    ----------
    driven : Driven
        The system and its drive.
    t0, t1 : Float[Array, ""]
        Times [s]. They are not differentiated.
    y0 : Float[Array, "n"]
        Scaled state at `t0`.
    h : Float[Array, ""]
        Step [s], as `rodas3_interval` has it; not differentiated.
    """
    if not driven.reverse:
        return _plain(driven, t0, t1, y0, h)
    step, push = jax.linearize(lambda y: _plain(driven, t0, t1, y, h), y0)
    return step._replace(excess=_excess(push, _slope(driven, t0, y0, h).jacobian, h))


def _excess(push: Callable, jacobian, h) -> Float[Array, ""]:
    """The derivative error of a step, given what it makes of directions of its start."""
    return derivative_error(lambda e: (lambda x: (x.y, x.remainder))(push(e)), jacobian, h)


@smooth_step.def_jvp
def _smooth_step_jvp(primals, tangents):
    driven, t0, t1, y0, h = primals
    d_driven, _, _, s0, _ = tangents
    if s0 is None:
        s0 = jnp.zeros_like(y0)
    # Only what has a tangent is linearised; one trace of the step serves both pushes.
    moves = jax.tree.map(lambda x: x is not None, d_driven, is_leaf=lambda x: x is None)
    dynamic, static = eqx.partition(driven, moves)
    none, zero, one = jax.tree.map(jnp.zeros_like, dynamic), jnp.zeros_like(t0), jnp.ones_like(t0)

    def join(part):
        return eqx.combine(part, static)

    out, push = jax.linearize(lambda m, a, b, y: _plain(join(m), a, b, y, h), dynamic, t0, t1, y0)
    tangent = push(d_driven, zero, zero, s0)
    ends = jnp.stack([t0, t1]), jnp.stack([y0, out.y])
    slopes = jax.vmap(lambda t, y: _slope(driven, t, y, h))(*ends)
    w0, w1 = slopes.slope
    # What the step makes of a shift in time: both ends move, and the state at the start by its slope.
    shift = push(none, one, one, w0)

    def changes(t, y):
        """Rates of change of what is integrated, along the flow and along the derivatives."""
        _, carry = jax.linearize(lambda m, a, b: _integrands(join(m), a, b), dynamic, t, y)
        return carry(none, one, w0), carry(d_driven, zero, s0)

    def by_parameters(t, y):
        return jax.jvp(lambda m: join(m).field(t, y), (dynamic,), (d_driven,))[1]

    # Slopes are known to the error of the step, which a fast mode at its balance does not exceed either.
    size, doubt = h**2 * jnp.sum(w0**2 + w1**2), (_DOUBT * jnp.sum(out.error)) ** 2 + _VANISHING**2
    confidence = size**2 / (size**2 + doubt**2)
    d_time_slope, d_jacobian = (
        jnp.diff(slopes.time_slope, axis=0)[0],
        jnp.diff(slopes.jacobian, axis=0)[0],
    )
    a = d_time_slope + d_jacobian @ w0
    b = d_jacobian @ s0 + jnp.diff(jax.vmap(by_parameters)(*ends), axis=0)[0]
    shift_ratio = _ratio(jnp.sum(w0 * s0 + w1 * tangent.y), jnp.sum(w0**2 + w1**2))
    floor = _LINEAR**2 * jnp.sum(w0**2 + w1**2) / h**2
    # Where derivatives of the rates hardly change, the ratio of the slopes takes over, without a threshold.
    share = _ratio(jnp.sum(a * b) + floor * shift_ratio, jnp.sum(a * a) + floor)
    y = tangent.y + (w1 - shift.y) * (confidence * share)
    q = tangent.q
    if driven.watch.integrals:
        first, last = out.samples[:, 0], out.samples[:, -1]
        a, b = (x[1] - x[0] for x in jax.vmap(changes)(*ends))
        floor = _LINEAR**2 * (first**2 + last**2) / h**2
        # Nothing along the slope here: where a state rests that ratio is large, and the integral is smooth.
        share = _ratio(a * b, a * a + floor)
        q = q + (last - first - shift.q) * (confidence * share)
    excess = _excess(lambda e: push(none, zero, zero, e), slopes.jacobian[0], h)
    out = out._replace(excess=refusal(excess))
    return out, tangent._replace(y=y, q=q)


class _Slope(NamedTuple):
    """Slope of the solution, and the derivatives of its rate by time and by state."""

    slope: Float[Array, "... n"]
    time_slope: Float[Array, "... n"]
    jacobian: Float[Array, "... n n"]


def smooth_slope(driven: Driven, t, y, h) -> Float[Array, " n"]:
    r"""Slope of the solution: the rate, but of modes faster than the step that of the balance which they follow.

    With :math:`S = (I - hJ/2)^{-1}` the rate f is replaced by :math:`-J^{-1}\partial f/\partial t` in the measure of
    :math:`(I - S)^p`, which is 0 for slow modes and 1 for fast ones, whose rate would amplify the error of y.
    """
    return _slope(driven, t, y, h).slope


def _slope(driven: Driven, t, y, h) -> _Slope:
    """See `smooth_slope`."""
    # Time is a coordinate too: one Jacobian gives the derivatives by time and by state.
    point = jnp.concatenate([jnp.zeros_like(y, shape=1), y])
    rate, columns = value_and_jacobian(lambda z: driven.field(t + z[0], z[1:]), point)
    time_slope, jacobian = columns[:, 0], columns[:, 1:]
    solve = factor(jnp.eye(y.shape[0], dtype=y.dtype) - 0.5 * h * jacobian)
    # (I - S)(f - f*), with the balance f* = -J^-1 df/dt but without an inverse of J; the scan applies I - S the other
    # times.
    fast = rate - solve(rate + 0.5 * h * time_slope)
    fast, _ = lax.scan(lambda r, _: (r - solve(r), None), fast, length=_SHARPNESS - 1)
    return _Slope(rate - fast, time_slope, jacobian)


def _ratio(numerator, denominator):
    """A ratio; 0 where its lower part is 0."""
    return jnp.where(denominator > 0, numerator / jnp.where(denominator > 0, denominator, 1.0), 0.0)


def _integrands(driven: Driven, t, y) -> Float[Array, " integrals"]:
    """Return the integrands at one instant."""
    piece = Piece(t, t, y, y, jnp.zeros_like(y), jnp.zeros_like(y), jnp.zeros_like(t))
    return integrand(driven.watch, driven.scaled, driven.stimulus, piece)[:, 0]
