"""Increment of a state by the noise in one step, and an estimate of its error."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.system import Diagonal
from .kernel import Equation, Increment, Vector
from .linear import apply


class NoiseIncrement(NamedTuple):
    """Noise of one step to strong order 1.

    Parameters
    ----------
    g : Float[Array, "n channels"]
        Amplitudes at the start.
    euler, correction : Float[Array, "n"]
        g dW, and Milstein's correction g' g (dW^2 - h) / 2.
    expected : Float[Array, "n channels"]
        Amplitudes at the end of the step, to first order in the Euler increment.
    """

    g: Float[Array, "n channels"]
    euler: Vector
    correction: Vector
    expected: Float[Array, "n channels"]

    def remainder(self, eq: Equation, t1, y1: Vector, h) -> Vector:
        """Error estimate of Milstein's scheme: change of the amplitudes beyond their linear response to the noise."""
        # The deviation is 0 at the start: an increment, of the size sqrt(h), meets half of it in the mean.
        deviation = jnp.abs(eq.diffusion(t1, y1) - self.expected)
        return 0.5 * jnp.sqrt(h) * jnp.sum(deviation, axis=1)


def noise_increment(eq: Equation, t0, y: Vector, inc: Increment, h) -> NoiseIncrement:
    """Noise of one step. Of channels that do not commute only the symmetric part is taken: it needs no Levy area."""
    # The linear map g' serves the correction and the expected amplitudes: one linearisation for
    # both.
    g, follow = jax.linearize(lambda x: eq.diffusion(t0, x), y)
    w = inc.w
    euler = apply(g, w)
    if issubclass(
        eq.structure, Diagonal
    ):  # an amplitude feels its own state only: one direction does
        correction = jnp.sum(follow(apply(g, 0.5 * (w**2 - h))), axis=1)
    else:
        # Symmetric part of the iterated integrals: (dW_j dW_k - h delta_jk) / 2; only the rest
        # would be Levy area.
        correction = _commuting(
            g, follow, 0.5 * (jnp.outer(w, w) - h * jnp.eye(w.shape[0], dtype=w.dtype))
        )
    return NoiseIncrement(g, euler, correction, g + follow(euler))


def _commuting(g, follow: Callable, matrix: Float[Array, "m m"]) -> Vector:
    """Sum over channels j, k of (g_k' g_j) M_jk."""
    if not g.shape[1]:
        return jnp.zeros(g.shape[0], g.dtype)
    responses = jax.vmap(follow, in_axes=1, out_axes=0)(g @ matrix)
    return jnp.sum(jnp.diagonal(responses, axis1=0, axis2=2), axis=1)
