"""Series that benchmark reservoirs."""

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.learning import henon, mackey_glass, narma10, waveforms


def test_henon_obeys_its_map_up_to_the_scale():
    # 1 - 1.4 x^2 + 0.3 x(k - 1) is a quadratic form in two values, so six numbers tell the next exactly.
    s = henon(300)
    now, before, after = s.inputs[1:], s.inputs[:-1], s.targets[1:]
    terms = np.stack([np.ones_like(now), now, now**2, before], axis=1)
    rest = after - terms @ np.linalg.lstsq(terms, after, rcond=None)[0]
    assert np.max(np.abs(rest)) < 1e-12
    np.testing.assert_array_equal(s.targets[:-1], s.inputs[1:])
    assert 0 <= s.inputs.min() < s.inputs.max() <= 1


def test_mackey_glass_is_its_equation_to_the_order_of_the_method():
    # The delayed value is taken linearly, so the error is of second order in the step.
    coarse, fine, finest = (mackey_glass(40, washout=0, fine=n).inputs for n in (20, 40, 160))
    ratio = np.max(np.abs(coarse - finest)) / np.max(np.abs(fine - finest))
    assert 2.5 < ratio < 6
    # Before one delay is over the past is constant, and the equation linear.
    s = mackey_glass(17, washout=0)
    inflow = 0.2 * 1.2 / (1 + 1.2**10)
    x = inflow / 0.1 + (1.2 - inflow / 0.1) * np.exp(-0.1 * np.arange(17))
    both = [(y - y[0]) / (y[-1] - y[0]) for y in (s.inputs, x)]
    np.testing.assert_allclose(both[0], both[1], atol=1e-9)


def test_narma_obeys_its_recursion():
    s = narma10(200, seed=3)
    u, y = s.inputs / 2, s.targets
    for k in range(20, 199):
        want = 0.3 * y[k - 1] + 0.05 * y[k - 1] * y[k - 10 : k].sum() + 1.5 * u[k - 9] * u[k] + 0.1
        assert y[k] == pytest.approx(want, rel=1e-12)


def test_waveforms_are_sines_and_squares_that_overlap():
    s = waveforms(80, points=8)
    for period, kind in zip(s.inputs.reshape(-1, 8), s.targets.reshape(-1, 8)):
        assert len(set(kind)) == 1
        assert set(period) <= {0.0, 1.0} if kind[0] else len(set(np.round(period, 9))) > 2
    with pytest.raises(BoundsError, match="1 steps"):
        henon(1)
