"""Operations in C against the same ones by XLA, and what has no translation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from memjax.lanes.backend import LaneFunction, Unavailable
from memjax.lanes.cc.backend import Cc
from memjax.lanes.cc.library import find_compiler
from memjax.lanes.drivers import Exchange, ExchangeEnd
from memjax.lanes.program import StepProgram

EPS = float(np.finfo(np.float32).eps)

pytestmark = [
    pytest.mark.skipif(find_compiler() is None, reason="no compiler of C"),
    pytest.mark.parity,
]

# Name, function, bounds of its argument, and its error in units of rounding: at most those of its polynomial and of
# the operations around it.
FUNCTIONS = (
    ("exp", jnp.exp, (-80.0, 80.0), 4),
    ("log", jnp.log, (1e-30, 1e30), 4),
    ("log near 1", jnp.log, (0.5, 2.0), 4),
    ("expm1", jnp.expm1, (-2.0, 2.0), 6),
    ("expm1 far", jnp.expm1, (-60.0, 60.0), 6),
    ("log1p", jnp.log1p, (-0.9, 5.0), 6),
    ("logistic", jax.nn.sigmoid, (-30.0, 30.0), 6),
    ("tanh", jnp.tanh, (-12.0, 12.0), 8),
    ("sinh", jnp.sinh, (-70.0, 70.0), 8),
    ("cosh", jnp.cosh, (-70.0, 70.0), 8),
    ("sqrt", jnp.sqrt, (0.0, 1e6), 1),
    ("rsqrt", lax.rsqrt, (1e-6, 1e6), 3),
    ("quotient", lambda x: (x - 3) / x, (0.1, 2.0), 4),
    ("power", lambda x: x**-3, (0.2, 5.0), 8),
    ("floor", jnp.floor, (-9.0, 9.0), 0),
    ("clip", lambda x: jnp.clip(x, -1, 2), (-9.0, 9.0), 0),
    ("sign", jnp.sign, (-2.0, 2.0), 0),
    ("select", lambda x: jnp.where((x > 1) | (x < -1), -x, x), (-9.0, 9.0), 0),
    ("extremes", lambda x: jnp.maximum(x, 2) - jnp.minimum(x, 1), (-9.0, 9.0), 1),
    ("vector", lambda x: jnp.sum(jnp.stack([x, 2 * x, x * x])[1:]), (0.0, 9.0), 2),
    ("bits", lambda x: (x.astype(jnp.int32) << 3 ^ 5).astype(jnp.float32), (0.0, 1e5), 0),
)
DRIVER = Exchange(steps=1, block=64, halves=True, dense=(), tables=())


def kernel_of(lane, own, carry) -> LaneFunction | Unavailable:
    """The kernel of a lane's step, which gives the carry, whether the lane fires, and what is to be finite."""

    def step(own, carry, shared, moment):
        carry, fires, checked = lane(own, carry, *moment)
        return carry, ExchangeEnd(checked, fires)

    example = jax.tree.map(lambda x: jax.ShapeDtypeStruct((), x.dtype), (own, carry))
    return Cc().compile(StepProgram(step, *example), DRIVER)


def one_step(lane, own, carry):
    """The carry after one step by a kernel, and its words."""
    kernel, steps = kernel_of(lane, own, carry), jnp.array([7, 0, 1], jnp.int32)
    assert isinstance(kernel, LaneFunction), kernel
    run = jax.jit(lambda own, carry: kernel(own, carry, steps, [], 1))
    return jax.tree.map(np.asarray, run(own, carry))


@pytest.fixture(scope="module")
def values():
    """Arguments and results of all functions, by one kernel: 200 lanes, which do not fill their last group."""
    names = [n for n, *_ in FUNCTIONS]
    rng = np.random.default_rng(0)
    own = {n: rng.uniform(*bounds, 200).astype(np.float32) for n, _, bounds, _ in FUNCTIONS}
    carry = {n: np.zeros(200, np.float32) for n in names}

    def lane(own, carry, number, arrivals):
        # The carry enters, so that the functions are computed in the step and not before it.
        moved = {n: own[n] + carry[n] for n in names}
        return {n: f(moved[n]) for n, f, *_ in FUNCTIONS}, number == 7, ()

    after, words = one_step(lane, own, carry)
    return own, after, words


@pytest.mark.parametrize(("name", "f", "bounds", "error"), FUNCTIONS)
def test_functions_are_those_of_jax(values, name, f, bounds, error):
    """In float64: XLA's own functions of float32 are not exact."""
    own, after, _ = values
    with jax.enable_x64():
        expected = np.asarray(jax.vmap(f)(own[name].astype(np.float64)))
    size = np.maximum(np.abs(expected), np.finfo(np.float32).tiny)
    assert np.max(np.abs(after[name] - expected) / size) <= error * EPS


# Numbers at which comparisons are false, bounds hide and products have no value; the sign of zero is not kept.
STRANGE = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, -1.5, 1e30, -1e30], np.float32)

# Bounds and choices by order, in all ways to write them: with a number that is known and with two that are not.
BOUNDS = {
    "max": jnp.maximum,
    "min": jnp.minimum,
    "clip between": lambda x, y: jnp.clip(x, y, 2 * y),
    "less": lambda x, y: jnp.where(x < y, y, x),
    "less, kept": lambda x, y: jnp.where(x < y, x, y),
    "more": lambda x, y: jnp.where(x > y, y, x),
    "more, kept": lambda x, y: jnp.where(x > y, x, y),
    "not less": lambda x, y: jnp.where(x >= y, y, x),
    "not more, kept": lambda x, y: jnp.where(x <= y, x, y),
    "not more": lambda x, y: jnp.where(~(x <= y), y, x),
    "other": lambda x, y: jnp.where(x < y, x + y, x - y),
    "product": lambda x, y: x * y,
    "quotient of two": lambda x, y: x / y,
    "difference": lambda x, y: x - y,
}


def test_what_is_no_number_comes_out_of_each_operation_as_of_xla():
    """Bounds that hid it reported solves of a drive without a number as good: `-ffinite-math-only` had allowed that."""
    functions = {n: f for n, f, *_ in FUNCTIONS if n != "bits"}
    functions |= {
        f"{n} of {k}": lambda x, f=f, k=k: f(x, k) for n, f in BOUNDS.items() for k in (0.5, -1.0)
    }
    functions |= {
        f"{n}, known first": lambda x, f=f: f(jnp.float32(0.5), x) for n, f in BOUNDS.items()
    }
    x, y = (z.ravel() for z in np.meshgrid(STRANGE, STRANGE))

    def lane(own, carry, number, arrivals):
        x, y = own["x"] + carry["x"], own["y"] + carry["x"]
        after = {n: f(x) for n, f in functions.items()} | {n: f(x, y) for n, f in BOUNDS.items()}
        return {"x": carry["x"]} | after, number == 7, ()

    names = ["x", *functions, *BOUNDS]
    zero = np.zeros(x.size, np.float32)
    after, _ = one_step(lane, {"x": x, "y": y}, dict.fromkeys(names, zero))
    wrong = {}
    for n in names[1:]:
        f = functions[n] if n in functions else BOUNDS[n]
        expected = np.asarray(jax.vmap(f)(*((x,) if n in functions else (x, y))))
        kinds = [
            np.where(np.isnan(z), 2, np.where(np.isinf(z), np.sign(z), 0))
            for z in (after[n], expected)
        ]
        if not np.array_equal(*kinds):
            bad = kinds[0] != kinds[1]
            wrong[n] = list(zip(x[bad], y[bad], after[n][bad], expected[bad], strict=True))[:3]
    assert not wrong, "\n".join(f"{n}: {w}" for n, w in wrong.items())


def test_a_lane_that_fires_has_its_step_in_its_word(values):
    assert np.array_equal(values[2][0], np.full(200, 1))


def test_what_is_not_finite_is_no_number_afterwards():
    """Even where a bound hides it, since states are looked at before they are projected onto their domain."""

    def lane(own, carry, number, arrivals):
        end = carry / own
        return jnp.where(end > 1, jnp.float32(1), end), end > 5, end

    own = np.ones(70, np.float32)
    own[[3, 66]] = 0.0
    after, _ = one_step(lane, own, np.full(70, 0.5, np.float32))
    assert np.array_equal(np.isnan(after), own == 0)
    assert np.all(after[own > 0] == 0.5)


def test_lanes_of_different_lengths_are_refused():
    """They were read beyond their ends."""

    def lane(own, carry, number, arrivals):
        return carry + own, number == 7, ()

    with pytest.raises(jax.errors.JaxRuntimeError, match="lanes of other equations"):
        one_step(lane, np.ones(3, np.float32), np.ones(200, np.float32))


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        (lambda x: lax.fori_loop(0, 3, lambda _, y: y * x, x), "no translation of the operation"),
        (lambda x: lax.lgamma(x), "no translation of the operation lgamma"),
        (lambda x: x.astype(jnp.bfloat16).astype(jnp.float32), "no translation of numbers of"),
    ],
)
def test_what_has_no_translation_is_named(equation, reason):
    def lane(own, carry, number, arrivals):
        return equation(carry), number < 0, carry

    assert str(kernel_of(lane, (), np.zeros((), np.float32))).startswith(reason)


def test_parameters_are_no_part_of_the_text():
    """Other parameters, the same kernel."""

    def of(k):
        k = jnp.float32(k)
        return kernel_of(lambda own, x, *_: (x * k, x > 1, x), (), np.zeros((), np.float32))

    a, b = of(3.0), of(5.0)
    assert isinstance(a, LaneFunction)
    assert isinstance(b, LaneFunction)
    a, b = (x.compute.__self__ for x in (a, b))
    assert a.target == b.target
    assert (a.constants, b.constants) == ((3.0,), (5.0,))
