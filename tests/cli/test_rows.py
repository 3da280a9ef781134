"""Which rows are written: enough for straight lines, on one grid."""

import numpy as np

from memjax.cli.rows import EVEN_ROWS, even_rows, fill_rows, interpolation_error, thin
from memjax.stimulus import Sampled


def test_thinning_keeps_what_lines_need_and_little_more():
    t = np.linspace(0, 1, 10001)
    y = np.stack([t**2, np.tanh((t - 0.3) * 1e4), np.full_like(t, 7.0)])
    fixed = np.isin(np.arange(len(t)), [1234])
    keep = thin(t, y, fixed, 1e-3)
    assert keep[[0, 1234, -1]].all()
    assert interpolation_error(t, y, keep).max() <= 1e-3
    # A parabola of range 1 needs 1 / sqrt(8 * 1e-3) = 11.2 lines, the step some 20 points.
    assert 12 < keep.sum() < 60


def test_interpolation_error_is_in_units_of_each_range():
    t = np.array([0.0, 1.0, 2.0])
    y = np.array([[0.0, 3.0, 4.0], [0.0, 1e-9, 2e-9]])
    keep = np.array([True, False, True])
    np.testing.assert_allclose(interpolation_error(t, y, keep), [0, 0.25, 0], atol=1e-15)


def test_filled_keeps_the_times_and_has_one_of_few_sizes():
    t = np.sort(np.random.default_rng(0).uniform(size=300))
    more = fill_rows(t)
    assert len(more) == 4096
    assert np.isin(t, more).all()
    assert (more[0], more[-1]) == (t[0], t[-1])
    assert len(fill_rows(np.linspace(0, 1, 5000))) == 8192


def test_even_rows_hold_every_row_of_the_stimulus():
    times = np.array([0.0, 1e-6, 0.3, 1.0])
    rows = even_rows(Sampled(times, np.zeros(4)))
    assert np.isin(times, rows).all()
    assert np.diff(rows).max() <= 1 / EVEN_ROWS * (1 + 1e-9)
    assert np.sum(rows < 1e-6) >= 50  # short stretches are resolved too
    many = even_rows(Sampled(np.arange(20001.0), np.zeros(20001)))
    assert len(many) == 20001
