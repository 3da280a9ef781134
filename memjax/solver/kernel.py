"""Inputs and outputs of a step of an Ito equation, and the base class that makes such a step a diffrax solver."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import diffrax as dfx
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar

    from equinox import AbstractVar
else:
    from equinox import AbstractClassVar, AbstractVar

from ..core.system import AbstractNoiseStructure, General

Vector = Float[Array, " n"]


def identity(args, y, *more):
    """Return the state unchanged: the default without a domain to project on and without jumps."""
    return y


def length(t0, t1) -> Float[Array, ""]:
    """Length of a step [s].

    A lane of a batch that has ended takes empty steps until the others end. Their results are discarded, but a NaN in
    them would reach reverse-mode derivatives: the length is therefore always above 0.
    """
    h = jnp.asarray(t1) - jnp.asarray(t0)
    return jnp.where(h > 0, h, jnp.finfo(h.dtype).eps)


class Equation(NamedTuple):
    """dy = drift dt + diffusion dW in the sense of Ito, on vectors.

    Parameters
    ----------
    drift : callable
        ``drift(t, y)`` [1/s], of shape (n,).
    diffusion : callable
        ``diffusion(t, y)`` [1/sqrt(s)], of shape (n, channels).
    project : callable
        Nearest state of the domain.
    confine : callable
        ``confine(iterate, before)`` keeps a Newton iterate where the end of the step can lie.
    linear : tuple of int
        Components whose drift is linear in themselves given the others.
    structure : type
        Marker of how the amplitudes depend on the state.
    """

    drift: Callable
    diffusion: Callable
    project: Callable = lambda y: y
    confine: Callable = lambda y, before: y
    linear: tuple[int, ...] = ()
    structure: type[AbstractNoiseStructure] = General


class Increment(NamedTuple):
    """Increment of a Brownian path over a step.

    Parameters
    ----------
    w : Float[Array, "channels"]
        Increment [sqrt(s)].
    h : Float[Array, "channels"] or None
        Space-time area [sqrt(s)]: mean of the path above its chord.
    """

    w: Float[Array, " channels"]
    h: Float[Array, " channels"] | None = None

    @property
    def mean(self) -> Float[Array, " channels"]:
        """Mean of the path above its start [sqrt(s)]: the iterated integral of dW ds over the step."""
        # The chord's mean is half its end, and the area is what the path lies above the chord.
        return 0.5 * self.w + (0.0 if self.h is None else self.h)


class Step(NamedTuple):
    """End of a step.

    Parameters
    ----------
    y, error : Float[Array, "n"]
        State, and estimate of its local error.
    converged : Bool[Array, ""]
        Whether its implicit equations were solved.
    """

    y: Vector
    error: Vector
    converged: Bool[Array, ""]


class AbstractKernel(dfx.AbstractAdaptiveSolver, dfx.AbstractItoSolver):
    """A step of an Ito equation as a diffrax solver for ``MultiTerm(ODETerm, ControlTerm)``.

    Notes
    -----
    ``project(args, y)`` is applied after each step and outside the error estimate,
    ``begin(args, y, t0)`` before it: where jumps happen.
    """

    project: AbstractVar[Callable]
    begin: AbstractVar[Callable]

    area: AbstractClassVar[bool]
    """Whether the step needs space-time areas."""
    orders: AbstractClassVar[tuple[float, float, float]]
    """Order without noise, strong order, order of the error estimate."""

    term_structure: ClassVar = dfx.MultiTerm[tuple[dfx.ODETerm, dfx.AbstractTerm]]
    interpolation_cls: ClassVar = dfx.LocalLinearInterpolation

    @abc.abstractmethod
    def kernel(self, eq: Equation, t0, t1, y: Vector, inc: Increment, *, h) -> Step:
        """The step itself, a pure function; its length is `h`, and the drive is evaluated at `t0` and `t1`."""

    def order(self, terms):
        """Order without noise."""
        return self.orders[0]

    def strong_order(self, terms):
        """Strong order for the noise that the method is for."""
        return self.orders[1]

    def error_order(self, terms):
        """Order of the error estimate."""
        return self.orders[2]

    def init(self, terms, t0, t1, y0, args):
        """No solver state."""

    def func(self, terms, t0, y0, args):
        """The vector field."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from t0 to t1; one that could not be solved has an infinite error, so that it is refused."""
        drift, noise = terms.terms
        start, unravel = ravel_pytree(self.begin(args, y0, t0))
        inc, matrix = _noise(noise, t0, t1, unravel, args, area=self.area)
        eq = Equation(
            lambda t, y: ravel_pytree(drift.vf(t, unravel(y), args))[0],
            matrix,
            lambda y: ravel_pytree(self.project(args, unravel(y)))[0],
        )
        t0, t1 = jnp.asarray(t0), jnp.asarray(t1)
        end = self.kernel(eq, t0, t1, start, inc, h=length(t0, t1))
        error = jnp.where(end.converged, end.error, jnp.inf)
        failure, success = dfx.RESULTS.nonlinear_divergence, dfx.RESULTS.successful
        # To pyright the inherited member is one of optimistix' class only.
        result = dfx.RESULTS.where(end.converged, success, failure)  # pyright: ignore[reportArgumentType]
        y1 = unravel(end.y)
        return y1, unravel(error), dict(y0=y0, y1=y1), None, result


def _noise(noise, t0, t1, unravel, args, *, area: bool):
    """Increment of a noise term over a step, and its diffusion matrix as a function of time and vector."""
    control = noise.contr(t0, t1, use_levy=True) if area else noise.contr(t0, t1)
    w, unravel_noise = ravel_pytree(control.W if area else control)
    inc = Increment(w, ravel_pytree(control.H)[0]) if area else Increment(w)

    def matrix(t, y):
        field = noise.vf(t, unravel(y), args)
        # A term that gives the matrix itself costs one evaluation, and not one for each channel.
        if isinstance(field, jnp.ndarray) and field.shape == (*y.shape, *w.shape):
            return field
        columns = [
            ravel_pytree(noise.vf_prod(t, unravel(y), args, unravel_noise(e)))[0]
            for e in jnp.eye(w.shape[0], dtype=w.dtype)
        ]
        return jnp.stack(columns, axis=1) if columns else jnp.zeros((y.shape[0], 0), y.dtype)

    return inc, matrix
