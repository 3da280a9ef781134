"""Grids of steps: where they end, how they follow errors."""

import numpy as np

from fitting.batch.step_grid import EVEN, MOST, Plan, halved, needed

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
    want, growth, gradings = needed(plan.gap, steps, excess)
    assert gradings == [{}, {}]
    np.testing.assert_array_equal(growth, want)
    assert want[1, 0, -1] == 4  # three, and a tenth of safety
    assert np.all(want[1, 0, :-1] == 1)
    taken = np.flatnonzero(plan.gap[0, 0] > 0)
    assert want[0, 0, taken[4]] == 9  # eight times as many where it broke down, and no more behind
    assert np.all(want[0, 0, taken[5:]] == 1)


def test_steps_between_two_rows_are_graded_where_one_of_them_is_too_long():
    """Errors about a layer of a thousandth of the interval: the cube of the step over its distance."""
    plan, width, sharp = _plan(), 1e-3, 0.37
    last = plan.gap.shape[2] - 1
    steps = np.ones(plan.gap.shape, np.int32)
    graded: list = [{}, {}]
    for _ in range(8):
        grid = plan.grid(np.array([0, 1]), steps, 1e-4, graded)
        excess = np.zeros(grid.t.shape)
        end = int(grid.at[0, 0, -1])
        begin = end - steps[0, 0, last]
        t, h = ((x[0, 0, begin:end] - o) / 2 for x, o in ((grid.t, 1.0), (grid.h, 0.0)))
        away = np.maximum(
            np.maximum(t - sharp, sharp - t - h), 0.0
        )  # the layer is in the step, or so far from it
        excess[0, 0, begin:end] = (h / (0.2 * width + away)) ** 3
        want, growth, gradings = needed(plan.gap, steps, excess, graded)
        if growth.max() <= 1.5:
            break
        steps, graded = np.where(growth > 1.5, want, steps), gradings
    assert growth.max() <= 1.5
    ends = graded[0][0, last]
    # Where the steps are equal it is 1 / (0.2 width) of them; graded ones grow with the distance from the layer.
    assert EVEN < len(ends) - 1 < 100
    np.testing.assert_allclose(t[0] + np.concatenate([[0.0], np.cumsum(h)]), ends, atol=1e-12)
    assert (ends[0], ends[-1]) == (0.0, 1.0)
    assert np.all(np.diff(ends) > 0)
    fine = plan.grid(np.array([0, 1]), 2 * steps, 1e-4, halved(graded))
    count = int(fine.at[0, 0, -1])
    np.testing.assert_allclose(fine.h[0, 0, count - 2 : count].sum(), grid.h[0, 0, end - 1])


def test_what_needs_more_steps_than_the_most_has_as_many():
    plan = _plan()
    many = np.full(plan.gap.shape, MOST)
    excess = np.full(plan.grid(np.array([0, 1]), many, 1e-4).t.shape, 1e9)
    want, growth, _ = needed(plan.gap, many, excess)
    assert np.all(want[plan.gap > 0] == MOST)
    assert growth.max() > 8
