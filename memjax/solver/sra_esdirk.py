"""A stiffly accurate stochastic Runge-Kutta method: strong order 1.5 where amplitudes do not feel the noise."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from ..core.system import AbstractNoiseStructure, Partitioned
from .increments import noise_increment
from .kernel import AbstractKernel, Equation, Increment, Step, Vector, identity
from .linear import apply, factor
from .newton import implicit_stage, value_and_jacobian

# Weights b of stages (explicit, implicit, implicit) at times (0, C, 1), diagonal D. Free: D, so that
# the method is L-stable; all else follows from the conditions in the notes of `SraEsdirk`.
_D = 1 - 0.5**0.5
_B2 = (_D**2 - _D + 1 / 3) / (0.5 - _D)
_C = (0.5 - _D) / _B2
_B1 = 1 - _B2 - _D
_NOISE_W, _NOISE_AREA = -_D / _B2, 1 / _B2
# The quadrature of order 3 on the same stages, for the error estimate.
_Q2 = 1 / (6 * _C * (1 - _C))
_Q3 = 0.5 - _Q2 * _C
_E1, _E2, _E3 = _B1 - (1 - _Q2 - _Q3), _B2 - _Q2, _D - _Q3


def _partitioned_noise(eq: Equation, t0, t1, y: Vector, end: Vector, inc: Increment, h):
    """Amplitudes at the start, noise increment of amplitudes that are linear up to a predicted end, and their
    curvature.
    """
    times = jnp.stack([t0, 0.5 * (t0 + t1), t1])
    g0, middle, g1 = jax.vmap(eq.diffusion)(times, jnp.stack([y, 0.5 * (y + end), end]))
    curvature = jnp.sum(jnp.abs(middle - 0.5 * (g0 + g1)), axis=1)
    return g0, apply(g0, inc.mean) + apply(g1, inc.w - inc.mean), jnp.sqrt(h) * curvature


class SraEsdirk(AbstractKernel):
    r"""Stochastic ESDIRK, stiffly accurate: order 2 without noise, strong order 1.5, weak order 2.

    Parameters
    ----------
    structure : type
        A `Partitioned` marker (amplitudes of time and of states without noise), where the orders
        hold; with any other the kick is that of Milstein and the strong order that of
        `DriftImplicitMilstein`, while the drift keeps its order.
    project, begin : callable, optional
        See `AbstractKernel`.
    cap : int
        Largest number of Newton iterations per stage.

    Notes
    -----
    Stages at times 0, c = 0.340 and 1 of the step, the first explicit, the others implicit with
    diagonal :math:`d = 1 - 1/\sqrt 2`:

    .. math::

        Y_2 &= y + h (c - d) f(y) + h d f(Y_2) + g_0(-\tfrac{d}{b_2}\Delta W +
        \tfrac{1}{b_2}\bar W) \\ Y_3 &= y + h b_1 f(y) + h b_2 f(Y_2) + h d f(Y_3) + N, \qquad y_1
        = Y_3

    with :math:`\bar W = h^{-1}\int (W_s - W_0) ds` and :math:`N = g_0\bar W + g_1(\Delta W - \bar
    W)`, the integral of an amplitude that is a straight line in time; :math:`g_1` is taken at a
    state predicted without noise, since a predictor that knew the noise would shift the mean. With weights
    b and noise :math:`a_i\Delta W + e_i\bar W` in stage i the conditions are :math:`\sum b a = 0,
    \sum b e = 1, \sum b (a^2 + a e + e^2/3) = 1/2` (those of SRA methods, for noise in the last
    stage too), those of order 2, and :math:`d (1 - d) = 1/2 - d` (L-stability); they have one
    solution with positive weights. The end of the step is the last stage, noise included: a fast
    variable follows a noisy slow one without error, and its own noise is damped.

    Error estimate: the quadrature of order 3 on the same stages, filtered twice by :math:`(I - h d
    J)^{-1}`, since it grows with the stiffness z of a mode where the error decays as 1/z; a step
    with growth above 1/(h d) is refused, since the filter would hide it.

    References
    ----------
    .. [1] A. Roessler, SIAM J. Numer. Anal. 48, 922 (2010), doi:10.1137/09076636X (SRA conditions)
    .. [2] C. Rackauckas, Q. Nie, Stability-optimized high order methods and stiffness detection
       for pathwise stiff stochastic differential equations, arXiv:1804.04344 (SKenCarp)
    """

    structure: type[AbstractNoiseStructure] = eqx.field(static=True, default=Partitioned)
    project: Callable = eqx.field(static=True, default=identity)
    begin: Callable = eqx.field(static=True, default=identity)
    cap: int = eqx.field(static=True, default=40)

    area: ClassVar[bool] = True
    orders: ClassVar[tuple[float, float, float]] = (2, 1.5, 1.5)

    def kernel(self, eq: Equation, t0, t1, y: Vector, inc: Increment, *, h) -> Step:
        """The stages in turn."""
        first, jacobian = value_and_jacobian(lambda x: eq.drift(t0, x), y)
        if issubclass(self.structure, Partitioned):
            # The predictor may use no noise of this step, or the mean would shift. L-stable, of
            # first order.
            drift_predictor = factor(jnp.eye(y.shape[0], dtype=y.dtype) - h * jacobian)(h * first)
            g, step_noise, remainder = _partitioned_noise(
                eq, t0, t1, y, y + drift_predictor, inc, h
            )
        else:
            noise = noise_increment(eq._replace(structure=self.structure), t0, y, inc, h)
            g, step_noise = noise.g, noise.euler + noise.correction
        # Noise of the second stage: b2 times it is -d dW and the mean of the path, so that d dW of
        # the last stage cancels.
        stage_noise = apply(g, _NOISE_W * inc.w + _NOISE_AREA * inc.mean)
        end, error, last = _stages(eq, t0, t1, y, first, stage_noise, step_noise, h=h, cap=self.cap)
        if not issubclass(self.structure, Partitioned):
            remainder = noise.remainder(eq, t1, end, h)
        error = jnp.abs(error) + jnp.abs(last.filter(remainder))
        return Step(eq.project(end), error, last.converged & last.positive_det)


def _stages(
    eq: Equation,
    t0,
    t1,
    y: Vector,
    first: Vector,
    stage_noise: Vector,
    step_noise: Vector,
    *,
    h,
    cap: int,
):
    """End of a step, filtered estimate of its error, and the last stage, which says whether both implicit ones
    converged.
    """

    def implicit(carry, stage):
        second, previous = carry
        share, noise, of_first, of_second = stage
        time = t0 + share * (t1 - t0)
        base = y + noise + h * (of_first * first + of_second * second)
        # In the last stage the noise is new; the drift is nearly what it was in the one before.
        guess = previous + noise
        root = implicit_stage(
            lambda x: eq.drift(time, x),
            base,
            h=_D * h,
            guess=guess,
            confine=lambda x, previous: eq.project(x),
            cap=cap,
            confine_late=True,
        )
        # The rate by the equation of the stage: f at the root would amplify the root's error by the stiffness.
        rate = (root.y - base) / (_D * h)
        return (rate, root.y - noise), (rate, root)

    def array(*x):
        return jnp.asarray(x, y.dtype)

    stages = (
        array(_C, 1.0),
        jnp.stack([stage_noise, step_noise]),
        array(_C - _D, _B1),
        array(0.0, _B2),
    )
    # A scan: Newton's iteration is traced and compiled once for both stages.
    _, (rates, root) = lax.scan(implicit, (jnp.zeros_like(y), y), stages)
    last = jax.tree.map(lambda x: x[1], root)
    last = last._replace(converged=jnp.all(root.converged), positive_det=jnp.all(root.positive_det))
    # Differences of the weights from the quadrature of order 3: of order h^3 where f is smooth.
    error = h * (_E1 * first + _E2 * rates[0] + _E3 * rates[1])
    return last.y, last.filter(error, 2), last
