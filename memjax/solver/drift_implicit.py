"""Drift-implicit Euler for Ito equations: drift at the end of the step, diffusion at its start."""

from collections.abc import Callable
from typing import ClassVar

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from .linear import factor, orientation

Vector = Float[Array, " n"]


def _newton(
    f, confine, start: Vector, h, *, cap: int, tol: float
) -> tuple[Vector, Bool[Array, ""]]:
    """Solve y = start + h f(y) from the explicit predictor, outside the graph of derivatives.

    Returns the root and whether the iteration settled.
    """
    start, h = lax.stop_gradient((start, h))
    rate, rate_consts = jax.closure_convert(f, start)
    keep, keep_consts = jax.closure_convert(confine, start, start)
    rate_consts, keep_consts = lax.stop_gradient((rate_consts, keep_consts))
    drift = lambda y: rate(y, *rate_consts)  # noqa: E731
    eye = jnp.eye(start.shape[0], dtype=start.dtype)

    def iterate(carry):
        y, _, n = carry
        matrix = eye - h * jax.jacfwd(drift)(y)
        step = factor(matrix)(y - start - h * drift(y))
        step = jnp.where(orientation(matrix) < 0, -step, step)
        new = keep(y - step, start, *keep_consts)
        return new, jnp.max(jnp.abs(new - y) / (1.0 + jnp.abs(y))), n + 1

    guess = keep(start + h * drift(start), start, *keep_consts)
    begin = iterate((guess, jnp.zeros((), start.dtype), jnp.asarray(0)))
    y, moved, _ = lax.while_loop(lambda c: ~(c[1] <= tol) & (c[2] < cap), iterate, begin)
    return y, moved <= tol


def drift_implicit_euler_step(
    f: Callable[[Vector], Vector],
    y: Vector,
    kick: Vector,
    *,
    h: Float[Array, ""],
    project: Callable[[Vector], Vector],
    confine: Callable[[Vector, Vector], Vector],
    cap: int = 40,
) -> tuple[Vector, Bool[Array, ""]]:
    """One drift-implicit Euler step.

    Parameters
    ----------
    f : callable
        Drift at the end of the step as a function of the state there.
    y : Float[Array, "n"]
        State at the start.
    kick : Float[Array, "n"]
        Diffusion at the start times the Brownian increment.
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
    settled : Bool[Array, ""]
        Whether Newton's iteration settled to sqrt(eps).

    Notes
    -----
    y1 = y + kick + h f(y1), strong order 1/2 in general and 1 where the noise is additive, for the
    Ito process. Newton starts at the explicit predictor. Where growth at rates above 1/h makes the
    nearest root one against the flow (negative determinant of 1 - h J), a step is turned round: an
    unstable state is left and not held, and a runaway that ends within the step is followed to its
    end; one that does not end does not settle. The derivative is that of the root (one more Newton
    step with the iterations out of the graph), in forward and reverse mode.

    References
    ----------
    .. [1] P. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, Springer
    1992, chapter 12,
       doi:10.1007/978-3-662-12616-5
    """
    start = project(y + kick)
    tol = float(jnp.finfo(y.dtype).eps) ** 0.5
    root, settled = _newton(f, confine, start, h, cap=cap, tol=tol)
    solve = factor(jnp.eye(y.shape[0], dtype=y.dtype) - h * lax.stop_gradient(jax.jacfwd(f)(root)))
    return project(root - solve(root - start - h * f(root))), settled


def unchanged(args, y, *before):
    """The state itself: no domain to keep to."""
    del args, before
    return y


class DriftImplicitEuler(dfx.AbstractItoSolver):
    """Drift-implicit Euler as a diffrax solver for ``MultiTerm(ODETerm, ControlTerm)``.

    Parameters
    ----------
    project, confine : callable, optional
        ``project(args, y)`` and ``confine(args, y, before)``, see `drift_implicit_euler_step`.
    cap : int
        Largest number of Newton iterations.

    Notes
    -----
    Fixed steps only. `diffrax.ImplicitEuler` treats the noise implicitly too and converges to
    another process where the amplitude depends on the state.
    """

    project: Callable = eqx.field(static=True, default=unchanged)
    confine: Callable = eqx.field(static=True, default=unchanged)
    cap: int = eqx.field(static=True, default=40)

    term_structure: ClassVar = dfx.MultiTerm[tuple[dfx.ODETerm, dfx.AbstractTerm]]
    interpolation_cls: ClassVar = dfx.LocalLinearInterpolation

    def order(self, terms):
        """Order without noise."""
        del terms
        return 1

    def strong_order(self, terms):
        """Strong order for state-dependent noise."""
        del terms
        return 0.5

    def init(self, terms, t0, t1, y0, args):
        """No solver state."""
        del terms, t0, t1, y0, args

    def func(self, terms, t0, y0, args):
        """The vector field."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from t0 to t1; reports a Newton iteration that did not settle."""
        del solver_state, made_jump
        drift, noise = terms.terms
        flat, unravel = ravel_pytree(y0)
        kick = ravel_pytree(noise.vf_prod(t0, y0, args, noise.contr(t0, t1)))[0]
        y1, settled = drift_implicit_euler_step(
            lambda y: ravel_pytree(drift.vf(t1, unravel(y), args))[0],
            flat,
            kick,
            h=jnp.asarray(t1 - t0),
            project=lambda y: ravel_pytree(self.project(args, unravel(y)))[0],
            confine=lambda y, b: ravel_pytree(self.confine(args, unravel(y), unravel(b)))[0],
            cap=self.cap,
        )
        y1 = unravel(y1)
        failed = dfx.RESULTS.nonlinear_divergence
        good = dfx.RESULTS.successful
        # To pyright the inherited member is one of optimistix' class only.
        result = dfx.RESULTS.where(settled, good, failed)  # pyright: ignore[reportArgumentType]
        return y1, None, dict(y0=y0, y1=y1), None, result
