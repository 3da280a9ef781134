"""Grids of steps: where they end, how they follow errors."""

import numpy as np

from fitting.batch.step_grid import MOST, Plan, needed

ROWS = np.array([[[0.0, 1.0, 3.0]], [[0.5, 1.0, 2.0]]])


def _plan() -> Plan:
    return Plan(ROWS, lambda t: 2 * t)


def test_steps_end_on_rows_and_fill_the_time_between_them():
    plan = _plan()
    steps = np.random.default_rng(0).integers(1, 5, plan.gap.shape)
    grid = plan.grid(np.array([0, 1]), steps, 1e-4)
    for lane in range(2):
        count = int(grid.at[lane, 0, -1])
        t, h = grid.t[lane, 0, :count], grid.h[lane, 0, :count]
        ends = np.concatenate([[0.0], t + h])
        np.testing.assert_allclose(ends[:-1], t, atol=1e-14)
        np.testing.assert_allclose(ends[grid.at[lane, 0]], ROWS[lane, 0], atol=1e-14)
        assert np.all(h > 0)
        # The drive at both ends of each step, taken a millionth of an interval inwards.
        u, slope = grid.u[lane, 0, :count], grid.slope[lane, 0, :count]
        np.testing.assert_allclose(u, 2 * t, atol=1e-5)
        np.testing.assert_allclose(u + slope, 2 * (t + h), atol=1e-5)
    assert int(grid.count) == grid.at[..., -1].max()


def test_a_row_at_the_start_has_no_step_before_it():
    grid = _plan().grid(np.array([0]), np.ones((1, 1, 10), int), 1e-4)
    assert grid.at[0, 0, 0] == 0


def test_steps_follow_the_errors_of_third_order():
    plan = _plan()
    steps = np.ones(plan.gap.shape, int)
    grid = plan.grid(np.array([0, 1]), steps, 1e-4)
    excess = np.full(grid.t.shape, 0.1)
    last = int(grid.at[1, 0, -1]) - 1
    excess[1, 0, last], excess[0, 0, 4], excess[0, 0, 5:] = 27.0, np.nan, np.nan
    want = needed(plan.gap, steps, excess)
    assert want[1, 0, -1] == 4  # three, and a tenth of safety
    assert np.all(want[1, 0, :-1] == 1)
    taken = np.flatnonzero(plan.gap[0, 0] > 0)
    assert want[0, 0, taken[4]] == 9  # eight times as many where it broke down, and no more behind
    assert np.all(want[0, 0, taken[5:]] == 1)
    many = np.full_like(steps, MOST)
    shape = plan.grid(np.array([0, 1]), many, 1e-4).t.shape
    assert np.all(needed(plan.gap, many, np.full(shape, 1e9))[plan.gap > 0] == MOST)
