"""Jumps at the candidate times of a clock, and the probability of a pattern of jumps."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..core.scaling import Scaled
from ..noise.clock import Clock

Vector = Float[Array, " n"]


def _choose_jump(
    scaled: Scaled, y: Vector, t, u, mark, rate
) -> tuple[Int[Array, ""], Array, Array]:
    """Number of the jump that a mark selects (the count of jumps means none), intensities, and states after each."""
    intensity, _, states_after = scaled.jumps(t, y, u)
    return jnp.sum(mark * rate >= jnp.cumsum(intensity)), intensity, states_after


def jump(scaled: Scaled, clock: Clock, y: Vector, t: Float[Array, ""], u) -> Vector:
    """State just after `t` [s], where `y` is the state just before."""
    k = jnp.minimum(jnp.searchsorted(clock.times, t), len(clock.times) - 1)
    n, _, states_after = _choose_jump(scaled, y, t, u, clock.marks[k], clock.rate)
    happens = (clock.times[k] == t) & (n < len(states_after))
    return jnp.where(happens, states_after[jnp.minimum(n, len(states_after) - 1)], y)


def pattern(
    scaled: Scaled, clock: Clock, stimulus, y: Float[Array, "candidates n"], end: Float[Array, ""]
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """Log-probability of the outcomes at all candidates before `end` [s], and whether the clock was fast enough.

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

    def log_probability(t, mark, state):
        n, intensity, _ = _choose_jump(scaled, state, t, stimulus(t), mark, clock.rate)
        n = lax.stop_gradient(n)
        # A candidate is jump n with probability l_n / rate, and none with what is left: one factor
        # of the likelihood.
        rate_n = jnp.concatenate([intensity, (clock.rate - jnp.sum(intensity))[None]])[n]
        is_inside = t < end
        share = jnp.where(is_inside, rate_n / clock.rate, 1.0)
        # Intensities that meet the rate of the clock exactly may pass it by roundings.
        return jnp.log(share), ~is_inside | (jnp.sum(intensity) <= clock.rate * (1 + 1e-6))

    logs, clock_ok = jax.vmap(log_probability)(clock.times, clock.marks, y)
    bound = jnp.sum(scaled.jumps(clock.times[0], y[0], stimulus(clock.times[0]))[1])
    enough = (bound <= clock.rate * (1 + 1e-6)) & (clock.times[-1] >= end)
    return jnp.sum(logs), jnp.all(clock_ok) & enough
