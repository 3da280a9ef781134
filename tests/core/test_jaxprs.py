"""Programs carried out on atoms are those of JAX: here atoms are exact fractions, and operations those of Python."""

import operator
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.core.jaxprs import carried_out, mapped, reduced

OPERATIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg}


def known(numbers: np.ndarray) -> np.ndarray:
    return mapped(lambda x: Fraction(float(x)), numbers)


def operate(equation, operands):
    name = equation.primitive.name
    if name == "reduce_sum":
        return [reduced(operator.add, operands[0], equation.params["axes"])]
    return [mapped(OPERATIONS[name], *operands)]


@jax.jit
def called(x):
    return x[::-1] + 0.5


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.concatenate([x[1:], -x[:1]]) * 3.0,
        lambda x: jnp.stack([x, called(x)]).T.sum(axis=0),
        lambda x: jnp.sum(x[:, None] - x[None, :2] * jnp.arange(2.0)[None], axis=(0, 1)),
        lambda x: jax.lax.stop_gradient(x).reshape(2, 2)[:, ::-1],
        lambda x: x + np.array([1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_moves_calls_and_sums_are_those_of_jax(function):
    x = np.array([0.25, -1.5, 2.0, 8.0])
    program = jax.make_jaxpr(function)(x)
    (result,) = carried_out(program, [known(x)], known=known, operate=operate)
    np.testing.assert_array_equal(result.astype(float), function(jnp.asarray(x)))


def test_a_program_ends_at_the_operands_of_one_of_its_equations():
    program = jax.make_jaxpr(lambda x: -(x * 2.0 + 1.0))(3.0)
    last = program.eqns[-1]
    assert last.primitive.name == "neg"
    inputs = [known(np.asarray(3.0))]
    (operand,) = carried_out(program, inputs, known=known, operate=operate, until=last)
    assert operand.item() == 7
