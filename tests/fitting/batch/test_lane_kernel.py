"""Kernels of lanes do what the program of XLA does, events too; where there is none, that does it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.cases.batch_fits.problem import LangevinHeatRC
from fitting.batch import lanes
from fitting.batch.grid_solver import GridSolver
from fitting.batch.lane_kernel import LaneKernel, lane_kernel
from fitting.problem import stacked
from memjax.compiled.library import COMPILER, find_compiler
from memjax.core.fields import with_values
from tests.fitting.batch.test_preparation import ABOUT, devices, prepare_each

pytestmark = pytest.mark.parity

compiled = pytest.mark.skipif(find_compiler() is None, reason="no compiler of C")


@pytest.fixture(scope="module")
def problems():
    """Devices whose currents pass the thresholds, each at a row of its own."""
    data = devices(on=0.5, leak=0.05, count=3)
    about = ABOUT | dict(free=("a", "lam"), thresholds=(0.1, 0.05), model_sigma=0.1)
    every = prepare_each(data, LangevinHeatRC(), **about).values()
    return stacked([p.problem for p in every])


@compiled
def test_residuals_slopes_and_errors_are_those_of_the_program_of_xla(problems):
    """Nine lanes: a block and one more. Rounding differs, and what a step near a threshold makes of it."""
    jobs = np.arange(9)
    solver = GridSolver(problems, jobs % 3)
    assert solver.events
    rng = np.random.default_rng(0)
    solver.steps = rng.integers(1, 4, solver.steps.shape).astype(np.int32)
    z = np.asarray(problems.center)[jobs % 3] + 0.05 * rng.normal(size=(9, 2))
    grid = solver.plan.grid(jobs % 3, solver.steps, 1e-4)
    kernel = lanes.kernel_of(problems, True, True)
    assert isinstance(kernel, LaneKernel)
    one, other = (
        [np.asarray(x) for x in lanes.linearised_on_grid(problems, jobs % 3, z, grid, True, k)]
        for k in (kernel, None)
    )
    real = np.arange(grid.t.shape[2]) < grid.at[..., -1:]
    for x, y in ((one[0], other[0]), (one[1], other[1]), (one[2][real], other[2][real])):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-8 * np.max(np.abs(y)))
    assert np.count_nonzero(one[1][:, -5:-2]) > 0  # events have slopes


@compiled
def test_a_lane_that_breaks_says_so_from_that_step_on_and_alone():
    """Explicit steps of x' = x^4 overflow where it starts high; the error over the tolerance is the step's growth."""

    def step(own, components, place, rtol):
        (x,), h = components, place[1]
        for _ in range(4):
            x = x + own[0] * h * x**4
        return [x, (x - components[0]) / rtol]

    number = jax.ShapeDtypeStruct((), np.float64)
    kernel = lane_kernel(step, [number], 1, 1, seen=1, path=True)
    assert isinstance(kernel, LaneKernel)
    lanes_, steps = 11, 6
    ones = np.ones((lanes_, steps))
    at = np.tile([0, 2, 2, 6], (lanes_, 1))
    at[3] = [0, 1, 4, 5]
    grid = mj_grid(ones, at)
    start = np.where(np.arange(lanes_) == 4, 1e3, 0.01 * np.arange(lanes_))
    rows, excess, path = jax.jit(lambda s: kernel([jnp.ones(lanes_)], s[None], grid))(start)
    expected = [start]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            x = expected[-1]
            for _ in range(4):
                x = x + x**4
            expected.append(x)
    every, fine = np.array(expected), np.arange(lanes_) != 4
    np.testing.assert_allclose(np.asarray(path[0])[fine], every.T[fine], rtol=1e-12)
    np.testing.assert_array_equal(rows[0, 3], path[0, 3, [0, 1, 4, 5]])
    np.testing.assert_array_equal(rows[0, 5], path[0, 5, [0, 2, 2, 6]])
    assert np.all(np.isfinite(np.asarray(excess)[:, fine]))
    assert np.all(np.isnan(np.asarray(excess)[-1, ~fine]))


@compiled
def test_numbers_of_another_shape_than_the_kernels_are_refused():
    number = jax.ShapeDtypeStruct((), np.float64)
    step = lambda own, y, place, rtol: [y[0] + own[0], rtol]  # noqa: E731
    kernel = lane_kernel(step, [number], 1, 1, seen=1, path=False)
    assert isinstance(kernel, LaneKernel)
    ones, at = np.ones((2, 6)), np.full((2, 1), 6)
    rows, *_ = kernel([jnp.ones(2)], jnp.zeros((1, 2)), mj_grid(ones, at))
    np.testing.assert_array_equal(rows, np.full((1, 2, 1), 6.0))
    with pytest.raises(Exception, match="lanes of other equations than their kernel's"):
        jax.block_until_ready(kernel([jnp.ones((2, 2))], jnp.zeros((1, 2)), mj_grid(ones, at)))


def test_a_bench_that_stands_reversed_has_a_kernel_of_its_own(problems):
    bench = dataclasses.replace(problems.bench, reversed=True)
    kernels = [
        lanes.kernel_of(with_values(problems, {"bench": b}), False, False)
        for b in (problems.bench, bench)
    ]
    assert kernels[0] != kernels[1] or find_compiler() is None


def mj_grid(ones: np.ndarray, at: np.ndarray):
    """A grid of steps of length 1 without a drive."""
    return lanes.Grid(ones, ones, ones, ones, at, at, at, np.asarray(6), np.asarray(0.5))


def test_without_a_compiler_there_is_no_kernel(problems, monkeypatch):
    monkeypatch.setenv(COMPILER, "")
    monkeypatch.setattr(lanes, "_kernels", {})
    assert lanes.kernel_of(problems, False, True) is None


def test_equations_with_what_has_no_translation_have_no_kernel():
    def step(own, components, place, rtol):
        return [jnp.linalg.det(jnp.eye(9) * components[0]), rtol]

    kernel = lane_kernel(step, [], 1, 1, seen=1, path=False)
    assert isinstance(kernel, str)
