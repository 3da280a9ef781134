"""Loops of JAX in C, against the same ones by XLA."""

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from memjax.device.laws import grow_bracket, increasing_root, root_between
from memjax.lanes.cc import library
from memjax.lanes.cc.program import Constants, name_arrays, trace
from memjax.lanes.cc.side_by_side import SideBySide
from memjax.lanes.cc.translation import STEP, UntranslatableError, line_of, text_of

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]


def _counted(a, b):
    """The root of a by Heron's steps, until they stay: how often is carried along, and what is held is not."""

    def body(c):
        x, _, n, held = c
        new = 0.5 * (x + a / x)
        return new, jnp.abs(new - x), n + 1, held

    begin = a, jnp.asarray(jnp.inf), jnp.asarray(0), b
    x, _, _, held = lax.while_loop(lambda c: (c[1] > 1e-12) & (c[2] < 60), body, begin)
    return x + held


def _swapped(a, b):
    """Numbers that take the place of each other in each turn, in an array."""
    pair = lax.fori_loop(0, 5, lambda _, p: jnp.stack([p[1], p[0] + p[1]]), jnp.stack([a, b]))
    return pair[0] - 3 * pair[1]


def _within(a, b):
    """A root whose equation holds another one."""
    return increasing_root(
        lambda x: x + root_between(lambda y: y**3 + y - x, -a - 9.0, a + 9.0) - a, -9 * b, 9 * b
    )


def _bracketed(a, b):
    return increasing_root(
        lambda x: jnp.sinh(x) - a, *grow_bracket(lambda x: jnp.sinh(x) - a, -b, b)
    )


def _asinh(a, b):
    return jnp.arcsinh(a * 10.0 ** (20 * b)) + jnp.arcsinh(-1e-9 * a) + jnp.arcsin(a / 5)


def _ordered(a, b):
    """In ascending order, equal ones and those that are no numbers among them."""
    x = jnp.sort(jnp.stack([a, b, -a * b, a, jnp.log(-1 - a * a)]))
    return x[0] + 3 * x[1] + 5 * x[2] + 7 * x[3] + jnp.where(jnp.isnan(x[4]), 1.0, 0.0)


def _both(f):
    """A function and its derivatives, which are taken of its equation, not of its turns."""

    def lane(a, b):
        y, slope = jax.jvp(f, (a, b), (jnp.ones(()), 0.5 * jnp.ones(())))
        return [y, slope]

    return lane


@pytest.mark.parametrize(
    "f",
    [_counted, _swapped, _both(_within), _both(_bracketed), _asinh, _both(_ordered)],
    ids=lambda f: f.__name__,
)
def test_loops_give_the_numbers_of_xla(f, tmp_path):
    flat = f if f.__name__ == "lane" else lambda a, b: [f(a, b)]
    number = jax.ShapeDtypeStruct((), np.float64)
    inputs, names = name_arrays([number, number], "in", STEP)
    t, arrays = trace(flat, [number, number], inputs, Constants("d"), loops=True)
    results = [x.item() for x in arrays]
    program = SideBySide(t, [], [], {}, {x: x.text for x in names}, results, values=results)
    stores = "\n".join(f"y[{k}] = {text_of(x)};" for k, x in enumerate(results))
    lines = "\n".join(line_of(o) for k in (0, STEP) for o in program.by_level[k])
    text = (
        f"{program.prelude()}\nvoid f(double in0, double in1, double *y) {{\n{lines}\n{stores}\n}}"
    )
    path = tmp_path / "f.so"
    flags = [f"-I{jax.ffi.include_dir()}", *library._FLAGS, "-o", str(path)]
    library.call_compiler([str(library.find_compiler()), *flags], text, 60.0)
    loaded = ctypes.CDLL(str(path)).f
    loaded.argtypes = [ctypes.c_double, ctypes.c_double, ctypes.c_void_p]
    for a, b in ((2.0, 1.0), (0.3, 2.5), (4.5, 0.7)):
        y = np.zeros(len(results))
        loaded(a, b, y.ctypes.data)
        # Both stop within rounding of the root, each by its own order of operations.
        np.testing.assert_allclose(y, jax.jit(flat)(a, b), rtol=1e-12)


def test_loops_are_translated_only_where_lanes_need_no_whole_vectors():
    number = jax.ShapeDtypeStruct((), np.float64)
    names, _ = name_arrays([number, number], "in", STEP)
    with pytest.raises(UntranslatableError, match="the operation while"):
        trace(lambda a, b: [_counted(a, b)], [number, number], names, Constants("d"))
    rows = lambda a, b: [lax.scan(lambda c, x: (c + x, None), a, jnp.stack([a, b]))[0]]  # noqa: E731
    with pytest.raises(UntranslatableError, match="rows of an array"):
        trace(rows, [number, number], names, Constants("d"), loops=True)
