"""Rows out of order beside a column that counts them."""

import numpy as np
import pytest

from memjax.data import read

UP = np.linspace(0, 1, 10, endpoint=False)
V = np.concatenate([UP, 1 - UP, -UP, UP - 1])


def table(cycles=2, *, time=False):
    """Loops: cycle, point, perhaps the time, voltage, current."""
    count = np.tile(np.arange(len(V)), cycles)
    v = np.tile(V, cycles)
    columns = [np.repeat(np.arange(cycles), len(V)), count]
    columns += [0.1 * np.arange(len(v))] if time else []
    return np.column_stack([*columns, v, 1e-3 * v * (1 + count / 99)])


@pytest.fixture
def load(tmp_path):
    def load(rows, header="cycle,point,v_V,i_A"):
        path = tmp_path / "file.csv"
        lines = (",".join(f"{x:.6g}" for x in row) for row in rows)
        path.write_text("\n".join([header, *lines]) + "\n")
        return read(path)

    return load


def said(m):
    return [w for w in m.warnings if "steps back" in w]


@pytest.mark.wrong_types
@pytest.mark.parametrize("seed", range(3))
def test_rows_in_any_order_are_read_as_the_points_count_them(load, seed):
    rows = table()
    whole, mixed = load(rows), load(np.random.default_rng(seed).permutation(rows))
    for name in ("v", "i", "sweep"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(whole, name))
    assert said(whole) == []
    (text,) = said(mixed)
    assert text.startswith("rows are put in the order of 'point', which steps back in lines ")


@pytest.mark.wrong_types
def test_two_rows_that_changed_places_are_named(load):
    rows = table()
    rows[[12, 17]] = rows[[17, 12]]
    assert said(load(rows)) == [
        "rows are put in the order of 'point', which steps back in lines 15, 19"
    ]


@pytest.mark.integration
def test_points_that_are_counted_anew_are_in_order(load):
    rows = table(3)
    assert said(load(rows[:, 1:], "point,v_V,i_A")) == []
    assert said(load(rows, "file,Index,v_V,i_A")) == []


def test_rows_stay_where_the_time_goes_on_or_a_count_stands_there_twice(load):
    rows = table(1, time=True)
    rows[:, 1] = rows[::-1, 1]
    m = load(rows, "cycle,point,t_s,v_V,i_A")
    np.testing.assert_array_equal(m.v, V.round(6))
    assert "rows may be out of order, and stay as they are" in said(m)[0]
    twice = table(1)
    twice[20, 1] = 3
    assert said(load(twice)) == [
        "'point' steps back in line 22: rows may be out of order, and stay as they are"
    ]


def test_a_label_is_no_count(load):
    rows = table(1)
    rows[:, 1] = np.repeat([3, 1, 2, 0], 10)
    assert said(load(rows, "cycle,index,v_V,i_A")) == []
