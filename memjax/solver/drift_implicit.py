"""Drift-implicit Euler and Milstein for Ito equations: drift at the end of the step, diffusion at its start."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .increments import noise_increment
from .kernel import AbstractKernel, Equation, Increment, Step, Vector, identity
from .linear import orientation
from .newton import Stage, implicit_stage, value_and_jacobian


def drift_implicit_euler_step(
    f: Callable[[Vector], Vector],
    y: Vector,
    kick: Vector,
    *,
    h: Float[Array, ""],
    project: Callable[[Vector], Vector],
    confine: Callable[[Vector, Vector], Vector],
    cap: int = 80,
) -> tuple[Vector, Bool[Array, ""]]:
    """One drift-implicit step.

    Parameters
    ----------
    f : callable
        Drift at the end of the step as a function of the state there.
    y : Float[Array, "n"]
        State at the start.
    kick : Float[Array, "n"]
        What noise adds: diffusion at the start times the Brownian increment (Euler), and Milstein's
        correction.
    h : Float[Array, ""]
        Step [s].
    project, confine : callable
        Nearest state of the domain, after the step; and ``confine(iterate, before)`` for Newton
        iterates.
    cap : int
        Largest number of Newton iterations.

    Returns
    -------
    y1 : Float[Array, "n"]
        State at the end.
    converged : Bool[Array, ""]
        Whether Newton's iteration converged to sqrt(eps).

    Notes
    -----
    y1 = y + kick + h f(y1) for the Ito process. Newton's iteration starts at the explicit predictor, or at y + kick if
    the predictor changes a component by more than its scale. Where the solution grows at a rate above 1/h, the root
    nearest to the start lies against the flow. The Newton step is then reversed: the iteration leaves an unstable
    equilibrium, as the solution does, and follows a runaway to its end. It does not converge if the runaway does not
    end within the step.

    References
    ----------
    .. [1] P. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, Springer
       1992, chapter 12, doi:10.1007/978-3-662-12616-5
    """
    stage = _stage(f, y, kick, h, project=project, confine=confine, cap=cap)
    return project(stage.y), stage.converged


def _stage(f, y, kick, h, *, project, confine, cap) -> Stage:
    """The implicit part of a drift-implicit step."""
    start = project(y + kick)
    rate, jacobian = value_and_jacobian(f, start)
    # det(I - h J) > 0: nothing grows faster than 1/h, so that the nearest root continues the flow.
    positive_det = orientation(jnp.eye(y.shape[0], dtype=y.dtype) - h * jacobian) > 0
    fast = positive_det & (jnp.max(jnp.abs(h * rate)) > 1)  # a fast variable off its balance
    # There the explicit predictor overshoots by as much as the mode is stiff: Newton starts where
    # the step does.
    guess = jnp.where(fast, start, start + h * rate)
    return implicit_stage(f, start, h=h, guess=guess, confine=confine, cap=cap, turn=True)


def _end(eq: Equation, t0, t1, y, kick, h, cap) -> tuple[Stage, Vector]:
    """Solve the implicit part and estimate its error: half the change of the drift over the step, filtered twice.

    The error of the step decays with the stiffness z of a mode as 1/z, the change of the drift
    grows as z.
    """

    def drift(x):
        return eq.drift(t1, x)

    stage = _stage(drift, y, kick, h, project=eq.project, confine=eq.confine, cap=cap)
    change = stage.y - eq.project(y + kick) - h * eq.drift(t0, y)
    # Implicit Euler errs by h^2 f'/2 = h (f1 - f0) / 2; one filter cancels the growth as z, the
    # second gives 1/z.
    return stage, stage.filter(0.5 * change, 2)


class DriftImplicitEuler(AbstractKernel):
    """Drift-implicit Euler: strong order 1/2 in general, 1 where the noise is additive; weak order 1.

    Parameters
    ----------
    project, begin : callable, optional
        See `AbstractKernel`.
    cap : int
        Largest number of Newton iterations.

    Notes
    -----
    `diffrax.ImplicitEuler` treats the noise implicitly too and converges to another process where
    the amplitude depends on the state.

    Under adaptive steps it converges to another process as well unless the noise is `Partitioned` or
    `Additive`: steps with a large increment are rejected and halved, so that dW^2 - h, the term which the method
    neglects, has a negative mean over the accepted steps. For that noise it has an error estimate;
    for others there is `DriftImplicitMilstein`.

    References
    ----------
    .. [1] J. Gaines, T. Lyons, SIAM J. Appl. Math. 57, 1455 (1997), doi:10.1137/S0036139995286515
       (variable steps along a path need order 1 or higher)
    """

    project: Callable = eqx.field(static=True, default=identity)
    begin: Callable = eqx.field(static=True, default=identity)
    cap: int = eqx.field(static=True, default=80)

    area: ClassVar[bool] = False
    orders: ClassVar[tuple[float, float, float]] = (1, 0.5, 1.0)

    def kernel(self, eq: Equation, t0, t1, y: Vector, inc: Increment, *, h) -> Step:
        """See `drift_implicit_euler_step`."""
        noise = noise_increment(eq, t0, y, inc, h)
        stage, error = _end(eq, t0, t1, y, noise.euler, h, self.cap)
        # Milstein's term, which Euler neglects, is the leading error of the noise.
        error = jnp.abs(error) + jnp.abs(stage.filter(noise.correction))
        return Step(eq.project(stage.y), error, stage.converged)


class DriftImplicitMilstein(AbstractKernel):
    """Drift-implicit Milstein: strong order 1 where channels commute (diagonal noise does), else 1/2; weak order 1.

    Parameters
    ----------
    project, begin : callable, optional
        See `AbstractKernel`.
    cap : int
        Largest number of Newton iterations.

    Notes
    -----
    y1 = y + g dW + g' g (dW^2 - h) / 2 + h f(y1), with the derivative of the amplitudes by forward
    mode. Of channels that do not commute the symmetric part is taken, which needs no Levy area.

    References
    ----------
    .. [1] P. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, Springer
       1992, section 12.2, doi:10.1007/978-3-662-12616-5
    """

    project: Callable = eqx.field(static=True, default=identity)
    begin: Callable = eqx.field(static=True, default=identity)
    cap: int = eqx.field(static=True, default=80)

    area: ClassVar[bool] = False
    orders: ClassVar[tuple[float, float, float]] = (1, 1.0, 1.5)

    def kernel(self, eq: Equation, t0, t1, y: Vector, inc: Increment, *, h) -> Step:
        """See `drift_implicit_euler_step`."""
        noise = noise_increment(eq, t0, y, inc, h)
        stage, error = _end(eq, t0, t1, y, noise.euler + noise.correction, h, self.cap)
        # The implicit part carries a kick to the end of the step as (I - h J)^-1 kick, and an error of it alike.
        remainder = stage.filter(noise.remainder(eq, t1, stage.y, h))
        error = jnp.abs(error) + jnp.abs(remainder)
        return Step(eq.project(stage.y), error, stage.converged)
