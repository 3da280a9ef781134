"""Grids of steps: where they end, how they follow errors; places on a wafer."""

import numpy as np
import pytest

from fitting.batch import wafer
from fitting.batch.step_grid import MOST, Plan, needed
from memjax.errors import DataError

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


def test_names_tell_row_and_column_or_coordinates():
    names = ["wafer2_R4_B9", "r3c5_forming", "chip-row2_col7", "x12_y3", "sweep4", "car2_c3"]
    found, why = wafer.from_names(names)
    assert found == {
        "wafer2_R4_B9": (9.0, 4.0),
        "r3c5_forming": (5.0, 3.0),
        "chip-row2_col7": (7.0, 2.0),
        "x12_y3": (12.0, 3.0),
    }
    assert why == "2 devices have no place on the wafer map"
    assert "tell no row and column" in wafer.from_names(["a", "b", "r1c1"])[1]
    assert "lie at one place" in wafer.from_names(["a_r1c1", "b_r1c1"])[1]


def test_a_table_tells_places_by_name_or_file(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("name,x,y\na,0,1.5\nb.csv,2,3\n")
    assert wafer.from_table(path, ["a", "b"]) == ({"a": (0.0, 1.5), "b": (2.0, 3.0)}, "")
    with pytest.raises(DataError, match="none of the devices"):
        wafer.from_table(path, ["c"])
    path.write_text("name,x\na,0\n")
    with pytest.raises(DataError, match="no column 'y'"):
        wafer.from_table(path, ["a"])
