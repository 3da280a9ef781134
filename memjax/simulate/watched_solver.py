"""A diffrax solver that watches its own steps: events and integrals travel with the state."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax as dfx
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Float

from ..core.scaling import Scaled
from ..core.watch import Watch
from ..solver import Resolution
from ..solver.kernel import length
from .smooth_step import Driven, smooth_step
from .watching import (
    Piece,
    begin_memory,
    integral_error,
    integral_over,
    integrand,
    straight_piece,
    watch_step,
)

_SHARE, _FLOOR = 2e-3, 1e-2
"""Error that a step may have: a share of the change of the state in it, and of its tolerance."""


class WatchedArgs(eqx.Module):
    """Arguments of a watched solve: those of the wrapped solver, and what is watched.

    Parameters
    ----------
    inner : PyTree
        Arguments of the wrapped solver.
    scaled, stimulus, watch
        The system, its drive, and what is watched of them.
    """

    inner: Any
    scaled: Scaled
    stimulus: Callable
    watch: Watch


class WatchedTerm(dfx.AbstractTerm):
    """The terms of the wrapped solver; diffrax itself asks only for the shape of a state.

    Parameters
    ----------
    terms : PyTree of diffrax.AbstractTerm
        Terms of the wrapped solver.
    """

    terms: Any

    def vf(self, t, y, args):
        """A state of zeros."""
        return jax.tree.map(jnp.zeros_like, y)

    def contr(self, t0, t1, **kwargs):
        """Length of the interval [s]."""
        return t1 - t0

    def prod(self, vf, control):
        """Product of the two."""
        return jax.tree.map(lambda x: x * control, vf)


def _inner_terms(terms: Any) -> Any:
    """The terms of the wrapped solver; diffrax wraps them for solves that run backwards, which these do not."""
    return getattr(terms, "term", terms).terms


class _Interpolation(dfx.AbstractLocalInterpolation):
    """States and integrals within a step."""

    t0: Any
    t1: Any
    inner: Any
    kind: Any = eqx.field(static=True)
    q: Float[Array, " integrals"]
    samples: Float[Array, "integrals 5"]

    def evaluate(self, t0, t1=None, left: bool = True):
        """Dictionary of the states and integrals at a time; what only the ends of steps have is left out."""
        z = self.kind(t0=self.t0, t1=self.t1, **self.inner).evaluate(t0, None, left)
        h = self.t1 - self.t0
        share = (t0 - self.t0) / jnp.where(h > 0, h, 1.0)
        return {"z": z, "q": self.q + integral_over(self.samples, h, share)}


class WatchedSolver(dfx.AbstractAdaptiveSolver, dfx.AbstractItoSolver):
    """A solver whose state carries integrals and the memory of events beside the states of the system.

    Parameters
    ----------
    solver : diffrax.AbstractAdaptiveSolver
        Takes the steps.
    resolution : Resolution, or None
        Of a solve without noise: there steps are those of `smooth_step`, and those that do not resolve what is
        integrated are refused.

    Notes
    -----
    They travel with the state, and not in the solver's own, because diffrax differentiates what it saves of the state
    in reverse mode too. A state is a dictionary: ``z`` of the system, ``q`` integrals, ``size`` integrals of absolute
    values, ``excess`` a 1 whose error is that of step and integrals over what is allowed, ``memory`` of events.
    """

    solver: Any
    resolution: Resolution | None = None

    term_structure: ClassVar = WatchedTerm

    @property
    def interpolation_cls(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """States by the interpolation of the wrapped solver, integrals by that of what is integrated."""
        kind = self.solver.interpolation_cls
        return lambda **info: _Interpolation(kind=kind, **info)

    def order(self, terms):
        """See the wrapped solver."""
        return self.solver.order(_inner_terms(terms))

    def strong_order(self, terms):
        """See the wrapped solver."""
        return self.solver.strong_order(_inner_terms(terms))

    def error_order(self, terms):
        """See the wrapped solver."""
        return self.solver.error_order(_inner_terms(terms))

    def init(self, terms, t0, t1, y0, args):
        """See `Rodas3` for a solve without noise; else none."""
        return None if self.resolution is None else self.solver.init(terms, t0, t1, y0, args)

    def func(self, terms, t0, y0, args):
        """The vector field."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step, with its integrals and the memory of events."""
        t0, t1 = jnp.asarray(t0), jnp.asarray(t1)
        h, resolution = t1 - t0, self.resolution
        if resolution is None:
            piece, error, (q, samples), info, result = self._noisy_step(
                terms, t0, t1, y0["z"], args, made_jump
            )
        else:
            tick = length(t0, t1)
            h = resolution.shorten(tick, solver_state)
            piece, step, info, result = self._smooth_step(t0, t1, y0["z"], args, h)
            error, q, samples = step.error, step.q, step.samples
        y1 = y0 | {"z": piece.y1, "q": y0["q"] + q}
        y1["size"] = y0["size"] + integral_over(jnp.abs(samples), h)
        y1["memory"] = watch_step(args.watch, args.scaled, args.stimulus, y0["memory"], piece)
        errors = jax.tree.map(jnp.zeros_like, y0) | {"z": error}
        if resolution is not None:
            ratio = jnp.maximum(
                jnp.maximum(self._resolution_error(piece, error, resolution), step.excess),
                integral_error(samples, h, y0["size"]),
            )
            # The controller allows the sum of its tolerances for a 1.
            whole = resolution.rtol + resolution.atol
            errors["excess"] = whole * ratio[None]
            error_norm = optx.rms_norm(error / resolution.allowed(piece.y0, piece.y1))
            verdict = resolution.judge(tick, h, jnp.maximum(error_norm, ratio))
            y1 = verdict.keep(y0, y1)
            allowed = {"z": resolution.allowed(y0["z"], y1["z"]), "excess": jnp.full(1, whole)}
            errors = verdict.pass_on(errors, jax.tree.map(jnp.zeros_like, y0) | allowed)
            still = info | {"y1": y0["z"], "k": jnp.zeros_like(info["k"])}, jnp.zeros_like(samples)
            info, samples = verdict.keep(still, (info, samples))
            solver_state = verdict.next_step
        return y1, errors, dict(inner=info, q=y0["q"], samples=samples), solver_state, result

    @staticmethod
    def _resolution_error(piece: Piece, error, resolution: Resolution) -> Float[Array, ""]:
        """Error of a step over a share of the change of the state in it: it bounds that of derivatives across kinks."""
        tolerance = resolution.allowed(piece.y0, piece.y1)
        change = optx.rms_norm((piece.y1 - piece.y0) / tolerance)
        return optx.rms_norm(error / tolerance) / (_SHARE * change + _FLOOR)

    def _smooth_step(self, t0, t1, z0, args, h):
        """Dense output, step, what diffrax interpolates, and result of a step without noise."""
        driven = Driven(args.scaled, args.stimulus, args.watch, self.solver.reverse)
        step = smooth_step(driven, t0, t1, z0, h)
        info = dict(y0=z0, y1=step.y, k=jnp.stack([step.k0, step.k1]))
        end = _just_before(t0, t1)
        piece = Piece(t0, end, z0, step.y, step.k0, step.k1, jnp.minimum(h, end - t0))
        return piece, step, info, dfx.RESULTS.successful

    def _noisy_step(self, terms, t0, t1, z0, args, made_jump):
        """The same of a step with noise, behind the jumps at its start."""
        z1, error, info, _, result = self.solver.step(
            _inner_terms(terms), t0, t1, z0, args.inner, None, made_jump
        )
        piece = straight_piece(t0, _just_before(t0, t1), self.solver.begin(args.inner, z0, t0), z1)
        samples = integrand(args.watch, args.scaled, args.stimulus, piece)
        return piece, error, (integral_over(samples, t1 - t0), samples), info, result


def _just_before(t0, t1) -> Float[Array, ""]:
    """The end of a step on its own side of a corner."""
    return jnp.maximum(eqxi.prevbefore(t1), t0)


def begin_watched(watch: Watch, y0: Float[Array, " n"]) -> dict[str, Any]:
    """State of a watched solve before its first step."""
    none = jnp.zeros(len(watch.integrals), y0.dtype)
    return {
        "z": y0,
        "q": none,
        "size": none,
        "excess": jnp.ones(1, y0.dtype),
        "memory": begin_memory(watch, y0),
    }


def system_state(y: Any) -> Any:
    """The state of the system, out of that of a watched or of any other solve."""
    return y["z"] if isinstance(y, dict) else y


def watched_norm(error: Any) -> Float[Array, ""]:
    """Return the norm of the error of a watched state over its tolerance: the larger of the system's and the
    integrals'.
    """
    return jnp.maximum(optx.rms_norm(error["z"]), jnp.max(error["excess"]))
