"""Sweeps of very many points: averages that keep what switches, with less noise."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.thinning import MOST, POINTS, thin
from memjax.observables import Thresholds, find_thresholds, switching

NOISE, SIZE = 0.01, 20_000


def _measured(sizes, *, time=True, seed=0) -> mj.Measurement:
    """Triangles to 1 V and back, which switch at 0.6 V and are back at 0.3 V, with 1 % of noise."""
    rng, parts = np.random.default_rng(seed), []
    for k, n in enumerate(sizes):
        x = np.arange(n) / (n - 1)
        v = 1 - np.abs(2 * x - 1)
        lit = (v >= 0.6) & (x <= 0.5) | (v > 0.3) & (x > 0.5)
        i = v / np.where(lit, 1e4, 1e10) * (1 + NOISE * rng.normal(size=n))
        parts.append((x, v, i, np.full(n, k)))
    t, v, i, sweep = (np.concatenate(x) for x in zip(*parts, strict=True))
    about = dict(at_compliance=np.zeros(len(v), bool), reader="made here")
    return mj.Measurement(t=t if time else None, v=v, i=i, sweep=sweep, **about)


@pytest.fixture(scope="module")
def found() -> mj.Measurement:
    return thin(_measured([SIZE, SIZE + 1, SIZE - 1]))


def test_sweeps_of_one_waveform_stay_so_and_it_is_said(found):
    sizes = [len(s.v) for _, s in found.sweeps()]
    assert len(set(sizes)) == 1
    assert POINTS / 2 < sizes[0] <= POINTS
    one, other = (s for k, s in found.sweeps() if k < 2)
    step = np.max(np.diff(one.v))
    assert (
        np.max(np.abs(one.v - other.v)) < 0.1 * step
    )  # what `summarise_sweeps` takes for the same
    assert "60,000 points in 3 sweeps: averages of up to" in found.warnings[-1]


def test_switching_stays_where_it_was(found):
    for one in switching(found, **Thresholds().options):
        assert one.v_th == pytest.approx(0.6, abs=2 / POINTS)
    for one in switching(found, **find_thresholds(found).options):
        assert one.v_hold == pytest.approx(0.3, abs=2 / POINTS)
    (first, *_) = (s for _, s in found.sweeps())
    assert np.max(first.v) == pytest.approx(1.0, abs=1e-4)  # its peak stands alone
    assert (first.t[0], first.t[-1]) == (0.0, 1.0)


def test_noise_falls_as_in_averages(found):
    lit = (found.v > 0.7) & (found.v < 0.99)
    away = found.i[lit] * 1e4 / found.v[lit] - 1
    # 20,000 points in 500 averages, half of them where it switches: about 80 in each.
    assert np.std(away) < 2 * NOISE / np.sqrt(80)
    assert abs(np.mean(away)) < 4 * np.std(away) / np.sqrt(lit.sum())


def test_what_has_few_points_stays_as_it_is():
    few = _measured([MOST])
    assert thin(few) is few
    many = _measured([SIZE])
    assert thin(many, 0) is many
    assert thin(_measured([SIZE], time=False)) is not None  # a fit says that there is no time
    assert len(thin(few, 100).v) <= 100


@pytest.mark.integration
def test_points_held_without_a_time_get_the_time_of_their_averages():
    held = thin(_measured([SIZE], time=False), point_time=1e-3)
    assert (held.t[0], held.t[-1]) == pytest.approx((1e-3, SIZE * 1e-3))
    assert len(held.v) <= POINTS


def test_edges_of_pulses_are_not_averaged_over():
    t = np.arange(SIZE) * 1e-6
    v = np.where((t > 4.0005e-3) & (t < 9.0005e-3), 1.0, 0.1)
    about = dict(sweep=np.zeros(SIZE, int), at_compliance=np.zeros(SIZE, bool), reader="made here")
    found = thin(mj.Measurement(t=t, v=v, i=v / 1e6, **about))
    assert np.all(np.isclose(found.v, 0.1, rtol=1e-12) | np.isclose(found.v, 1.0, rtol=1e-12))
    edges = np.flatnonzero(np.abs(np.diff(found.v)) > 0.5)
    np.testing.assert_allclose(found.t[edges + 1] - found.t[edges], 1e-6, rtol=1e-6)
