"""What makes a problem of the trace of a node, and what does not."""

import numpy as np
import pytest

import memjax as mj
from fitting.circuits.problem import _rows, lifted_inverse, start_of
from memjax.errors import DataError, ModelError

ROWS = np.linspace(0.0, 1.0, 5)


@pytest.mark.slow
@pytest.mark.wrong_types
def test_a_device_is_no_circuit():
    with pytest.raises(ModelError, match="MetastableSwitches"):
        start_of(mj.MetastableSwitches(), ["tau"])  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_one_sigma_stands_for_all_rows():
    t, v, sigma = _rows(ROWS, ROWS, 0.1, end=1.0)
    assert t.shape == v.shape == sigma.shape == (5,)
    assert np.all(sigma == 0.1)


@pytest.mark.parametrize(
    ("t", "v", "sigma", "said"),
    [
        (ROWS[::-1], ROWS, 0.1, "increasing"),
        (ROWS, ROWS[1:], 0.1, "of one length"),
        (ROWS, ROWS, 0.0, "> 0 V or A"),
        (2 * ROWS, ROWS, 0.1, "within the stimulus"),
    ],
)
@pytest.mark.slow
def test_rows_that_make_no_trace_are_refused(t, v, sigma, said):
    with pytest.raises(DataError, match=said):
        _rows(t, v, sigma, end=1.0)


def test_directions_without_information_are_null():
    covariance, null = lifted_inverse(np.diag([100.0, 0.0, -3.0]))
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.1, 5, 5])
    np.testing.assert_allclose(null, [0, 1, 1])
