"""Rows of a Jacobian in the place of operations on tangents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.device.laws.domain import nearest
from memjax.lanes.cc.program import Constants, name_arrays, trace
from memjax.lanes.cc.rows import as_rows
from memjax.lanes.cc.translation import LANE, STEP, Constant

COUNT = 12
"""Numbers that have tangents: beside few results."""


def _smooth(x):
    """Two numbers of a long way, which hands on one number in its middle."""
    middle = jnp.sum(jnp.sin(x) * x[::-1]) + jnp.tanh(x[0] * x[3])
    return jnp.stack([jnp.exp(-(middle**2)) * x[1], middle + jnp.where(x[2] > 0, x[4], 0.1 * x[5])])


def _bounded(x):
    """A number on its bound, whose derivative has one side, and another one that follows from it."""
    end = nearest(jnp.sum(x) - jnp.sum(x), 0.0, 1.0)
    first = end + 1e-3 * jnp.sum(x**3)
    return jnp.stack([first, first * x[0]])


def _evaluate(operations, values):
    """Numbers of operations in the order in which they stand, by names."""
    functions = {
        "{} ? {} : {}": lambda c, x, y: x if c else y,
        "FMA({}, {}, {})": lambda x, y, z: x * y + z,
        "FMA(-{}, {}, {})": lambda x, y, z: -x * y + z,
        "FMA({}, {}, -{})": lambda x, y, z: x * y - z,
        "most({}, {})": max,
        "least({}, {})": min,
        "ABS({})": abs,
        "({})": lambda x: x,
        "exp_of({})": np.exp,
        "sin_of({})": np.sin,
        "cos_of({})": np.cos,
        "tanh_of({})": np.tanh,
        "greater({}, {})": max,
        "smaller({}, {})": min,
    }

    def number(x):
        return x.value if isinstance(x, Constant) else values[x]

    for o in operations:
        operands = [number(x) for x in o.operands]
        if o.template in functions:
            values[o.name] = functions[o.template](*operands)
        else:  # signs of C that are those of Python
            text = o.template.replace("ONE", "1.0").format(*(f"({x!r})" for x in operands))
            values[o.name] = eval(text.replace("np.float64", "").replace("!", "not "))
    return number


def _rows(f, directions):
    """What evaluates numbers at a point and a tangent; the tangents of `f` as JAX has them, and as rows."""
    described = [jax.ShapeDtypeStruct((COUNT,), np.float64)] * 2
    point, names = name_arrays(described[0], "in", STEP)
    tangent, owns = name_arrays(described[1], "own", LANE)
    t, arrays = trace(
        lambda x, dx: jax.jvp(f, (x,), (dx,))[1], described, [point, tangent], Constants("d")
    )
    results = list(arrays.reshape(-1))
    return t, [*names, *owns], results, as_rows(t, results, directions)


@pytest.mark.parametrize("f", [_smooth, _bounded])
@pytest.mark.parametrize("directions", [8, 48])
def test_rows_give_the_tangents_of_jax(f, directions):
    """In float64, to the rounding of sums in another order."""
    t, names, results, rows = _rows(f, directions)
    rng = np.random.default_rng(1)
    for _ in range(5):
        x, dx = rng.normal(size=(2, COUNT))
        number = _evaluate(t.used([*results, *rows]), dict(zip(names, [*x, *dx], strict=True)))
        want = jax.jvp(f, (jnp.asarray(x),), (jnp.asarray(dx),))[1]
        for atoms in (results, rows):
            np.testing.assert_allclose([number(a) for a in atoms], want, rtol=1e-12, atol=1e-13)


def test_a_narrow_place_leaves_few_operations_for_each_direction():
    """Of a step's numbers there may be more: eight systems have them in one vector."""
    t, _, results, rows = _rows(_smooth, 48)
    new, old = ([o.name.level for o in t.used(a)] for a in (rows, results))
    count = STEP | LANE
    assert new.count(count) < 0.6 * old.count(count)
    assert new.count(STEP) / 8 + 6 * new.count(count) < 0.6 * (
        old.count(STEP) / 8 + 6 * old.count(count)
    )
