"""Derivatives as a transform of a step."""

import jax
import jax.numpy as jnp
import numpy as np

from memjax.lanes.program import StepProgram, Tangents, with_tangents


def test_a_program_with_tangents_carries_the_derivative_of_the_steps():
    """Along a parameter that moves, of a start that moves too; one that does not move has no derivative."""

    def step(p, y, shared, moment):
        end = y + shared * jnp.stack([p[0] * y[1], -p[1] * y[0] * moment])
        return end, jnp.sum(end**2)

    described = jax.ShapeDtypeStruct((2,), float)
    program = with_tangents(StepProgram(step, described, described), moving=(1,))
    assert program.key is None  # of a step that nothing else tells no text is kept
    p, y, dy = jnp.array([2.0, 3.0]), jnp.array([1.0, 0.5]), jnp.array([0.0, 1.0])

    def path(x):
        state = y + (x - p[1]) * dy
        for moment in (1.0, 2.0):
            state, size = step(jnp.stack([p[0], x]), state, 0.1, moment)
        return state, size

    carry = Tangents(y, dy)
    for moment in (1.0, 2.0):
        parameters = Tangents(p, [jnp.asarray(1.0)])
        carry, size = program.step(parameters, carry, 0.1, moment)
    (end, last), (d_end, d_last) = jax.jvp(path, (p[1],), (jnp.asarray(1.0),))
    np.testing.assert_allclose(carry.value, end, rtol=1e-12)
    np.testing.assert_allclose(carry.tangent, d_end, rtol=1e-12)
    np.testing.assert_allclose([size.value, size.tangent], [last, d_last], rtol=1e-12)
