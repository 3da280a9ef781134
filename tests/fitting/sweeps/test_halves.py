"""Every second sweep, and what a fit leaves of sweeps that it has not seen."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.halves import halves
from memjax.errors import DataError


def _sweeps(*ends: float) -> mj.Measurement:
    """A sweep from 0 to each end and back."""
    v = [np.concatenate([np.linspace(0, x, 21), np.linspace(x, 0, 21)[1:]]) for x in ends]
    label = np.repeat(np.arange(len(ends)), 41)
    v = np.concatenate(v)
    limited = np.zeros(v.size, bool)
    return mj.Measurement(v=v, i=1e-4 * v, sweep=label, at_compliance=limited, reader="test")


def _labels(*ends: float) -> tuple[list[int], list[int]]:
    seen, held = halves([_sweeps(*ends)], point_time=1e-3)
    return [int(n) for m in seen for n in m.labels], [int(n) for m in held for n in m.labels]


def test_sweeps_of_one_waveform_are_counted_among_themselves():
    assert _labels(1, 1, 1, 1, 1) == ([0, 2, 4], [1, 3])
    # A file that alternates is not cut into its two polarities.
    assert _labels(1, -1, 1, -1) == ([0, 1], [2, 3])
    # Waveforms that are applied once: by their polarity.
    assert _labels(1.0, 1.2, -1.0, -1.2, 1.4) == ([0, 2, 4], [1, 3])
    assert _labels(1, 1, -1) == ([0, 2], [1])


@pytest.mark.integration
def test_files_are_counted_together():
    one = _sweeps(1.0)
    seen, held = halves([one, one, one], point_time=1e-3)
    assert [len(x) for x in (seen, held)] == [2, 1]


@pytest.mark.parametrize("ends", [(1.0,), (1.0, -1.0)])
def test_nothing_is_held_out_of_one_sweep(ends):
    with pytest.raises(DataError, match="no two sweeps to the same polarity"):
        _labels(*ends)


@pytest.mark.slow
def test_residuals_of_the_fitted_data_are_the_same_by_either_way(result, example):
    """Data that are handed over are weighed as those of the fit; without the prior they are its loss."""
    own, again = result.residuals(), result.residuals([example])
    np.testing.assert_allclose(again.values, own.values, atol=1e-9)
    np.testing.assert_array_equal(again.sigma, own.sigma)
    assert own.points == np.isfinite(own.sigma).sum()
    away = float(result.problem.prior_weight) * (result.z - np.asarray(result.problem.center))
    prior = 0.5 * float(np.sum(away**2))
    assert 0.5 * float(np.sum(own.values**2)) + prior == pytest.approx(result.loss, rel=1e-6)
    seen, held = halves([example])
    parts = [result.residuals(x).points for x in (seen, held)]
    # Either half has the same waveforms as the whole.
    assert parts == pytest.approx([own.points] * 2, rel=0.05)
