"""Steps of fixed length: explicit Euler-Maruyama and Milstein, and memjax's drift-implicit Euler."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from benchmarks.cases.stiff_sde.paths import Kick
from benchmarks.cases.stiff_sde.problems import Problem
from memjax.solver import drift_implicit_euler_step
from memjax.system import Partitioned

Vector = Float[Array, " n"]


def euler_maruyama(problem: Problem, t, y: Vector, h, kick: Kick) -> Vector:
    """Drift and diffusion at the start of the step: strong order 1/2."""
    return y + h * problem.f(t, y) + problem.g(t, y) @ kick.w


def milstein(problem: Problem, t, y: Vector, h, kick: Kick) -> Vector:
    """Euler-Maruyama with the sum over channels of (g_j' g_j)(dW_j^2 - h)/2: strong order 1 for diagonal noise.

    Where the amplitudes depend on states without noise only, the sum vanishes.
    """
    y1 = euler_maruyama(problem, t, y, h, kick)
    if issubclass(problem.structure, Partitioned):
        return y1
    columns = problem.g(t, y)
    for j in range(problem.channels):
        _, bent = jax.jvp(lambda z, j=j: problem.g(t, z)[:, j], (y,), (columns[:, j],))
        y1 = y1 + 0.5 * bent * (kick.w[j] ** 2 - h)
    return y1


def drift_implicit_euler(problem: Problem, t, y: Vector, h, kick: Kick) -> Vector:
    """Drift at the end of the step by memjax's kernel; not a number where Newton does not settle."""
    scaled, u1 = problem.scaled, problem.stimulus(t + h)
    y1, settled = drift_implicit_euler_step(
        lambda z: scaled.drift(t + h, z, u1),
        y,
        problem.g(t, y) @ kick.w,
        h=h,
        project=scaled.project,
        confine=lambda z, before: scaled.confine(z, before, u1),
    )
    return jnp.where(settled, y1, jnp.nan)
