"""Jumps at the candidates of a clock, and how likely a pattern of them was."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..noise.clock import Clock
from ..scaling import Scaled

Vector = Float[Array, " n"]


def _which(scaled: Scaled, y: Vector, t, u, mark, rate) -> tuple[Int[Array, ""], Array, Array]:
    """Number of the jump that a mark chooses (how many there are: none), intensities, vectors after."""
    intensity, _, after = scaled.jumps(t, y, u)
    return jnp.sum(mark * rate >= jnp.cumsum(intensity)), intensity, after


def jump(scaled: Scaled, clock: Clock, y: Vector, t: Float[Array, ""], u) -> Vector:
    """State just after `t` [s], where `y` is the state just before."""
    k = jnp.minimum(jnp.searchsorted(clock.times, t), len(clock.times) - 1)
    n, _, after = _which(scaled, y, t, u, clock.marks[k], clock.rate)
    happens = (clock.times[k] == t) & (n < len(after))
    return jnp.where(happens, after[jnp.minimum(n, len(after) - 1)], y)


def pattern(
    scaled: Scaled, clock: Clock, stimulus, y: Float[Array, "candidates n"], end: Float[Array, ""]
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """Log-probability of what became of the candidates before `end` [s], and whether the clock was fast enough.

    Parameters
    ----------
    scaled, clock, stimulus
        As for the solve.
    y : Float[Array, "candidates n"]
        States just before the candidates.
    end : Float[Array, ""]
        End of the solve [s].

    Notes
    -----
    Its derivative at a fixed pattern is the score of the pattern.
    """

    def one(t, mark, state):
        n, intensity, _ = _which(scaled, state, t, stimulus(t), mark, clock.rate)
        n = lax.stop_gradient(n)
        chosen = jnp.concatenate([intensity, (clock.rate - jnp.sum(intensity))[None]])[n]
        seen = t < end
        safe = jnp.where(seen, chosen / clock.rate, 1.0)
        return jnp.log(safe), ~seen | (jnp.sum(intensity) <= clock.rate * (1 + 1e-6))

    logs, fine = jax.vmap(one)(clock.times, clock.marks, y)
    declared = jnp.sum(scaled.jumps(clock.times[0], y[0], stimulus(clock.times[0]))[1])
    enough = (declared <= clock.rate * (1 + 1e-6)) & (clock.times[-1] >= end)
    return jnp.sum(logs), jnp.all(fine) & enough
