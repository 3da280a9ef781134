"""Steps of fixed length that one writes by hand: explicit Euler-Maruyama and Milstein."""

import jax
from jaxtyping import Array, Float

from benchmarks.cases.stiff_sde.paths import Kick
from benchmarks.cases.stiff_sde.problems import Problem
from memjax.core.system import Partitioned

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
