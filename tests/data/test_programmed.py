"""The voltage that a source was told to apply, where the file holds what its current limit left of it."""

import numpy as np
import pytest

import memjax as mj
from memjax.data.programmed import programmed

RAMP = np.concatenate([np.arange(51), np.arange(49, -1, -1)]) * 0.1
LIMITED = (np.arange(101) >= 43) & (np.arange(101) < 69)
ONE = np.zeros(101, int)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_ramps_go_on_through_points_at_the_limit(side):
    left = side * np.where(LIMITED, 3.3, RAMP)
    np.testing.assert_allclose(programmed(left, LIMITED, ONE), side * RAMP, atol=1e-12)


def test_a_programmed_voltage_stays_as_it_is():
    np.testing.assert_array_equal(programmed(RAMP, LIMITED, ONE), RAMP)


def test_a_voltage_that_bends_off_the_ramp_is_lost_from_there_on():
    """An ohmic device reaches the limit without a jump."""
    left = np.where(LIMITED, 4.23, RAMP)
    np.testing.assert_allclose(programmed(left, LIMITED, ONE), RAMP, atol=1e-12)


def test_a_source_told_to_stop_at_its_top_has_not_lost_anything():
    """A trapezoid: the limit is reached one point before the top is."""
    v = np.minimum(RAMP, RAMP[44])
    np.testing.assert_array_equal(programmed(v, LIMITED, ONE), v)


@pytest.mark.integration
def test_nothing_is_made_up_where_a_ramp_is_uneven():
    v = np.where(LIMITED, 3.3, RAMP + 0.03 * (np.arange(101) % 2))
    np.testing.assert_array_equal(programmed(v, LIMITED, ONE), v)


def test_a_ramp_with_time_goes_on_in_time():
    t = np.concatenate([np.arange(51) * 1.0, 50 + 0.5 * np.arange(1, 51)])
    left = np.where(LIMITED, 3.3, RAMP)
    np.testing.assert_allclose(programmed(left, LIMITED, ONE, t), RAMP, atol=1e-12)


def test_a_ramp_of_uneven_steps_goes_on_in_time():
    """An oscilloscope that leaves samples out: even in time alone."""
    keep = np.arange(101) % 3 != 0
    t, limited = np.arange(101.0)[keep], LIMITED[keep]
    left = np.where(limited, 3.3, RAMP[keep])
    got = programmed(left, limited, ONE[keep], t)
    np.testing.assert_allclose(got, RAMP[keep], atol=1e-12)


@pytest.mark.parametrize("pauses", [(45,), (44, 50, 60), (42, 43)])
def test_a_pause_of_the_instrument_is_no_lost_voltage(pauses):
    """A staircase in even steps: the clock goes on while the instrument changes its range, the source does not."""
    dt = np.full(101, 0.03)
    dt[list(pauses)] = 0.5
    np.testing.assert_array_equal(programmed(RAMP, LIMITED, ONE, np.cumsum(dt)), RAMP)


def test_a_voltage_is_lost_whatever_the_pauses():
    dt = np.full(101, 0.03)
    dt[[44, 60]] = 0.5
    left = np.where(LIMITED, 3.3, RAMP)
    np.testing.assert_allclose(programmed(left, LIMITED, ONE, np.cumsum(dt)), RAMP, atol=1e-12)


def test_no_voltage_of_a_staircase_with_pauses_is_lost(shared_data):
    m = mj.read(shared_data / "raw" / "keithley_4200_rram" / "M12 04 endurance set.xlsx")
    assert np.count_nonzero(m.at_compliance) == 1528
    np.testing.assert_array_equal(m.applied, m.v)


def test_a_sweep_that_ends_at_the_limit_goes_on_to_its_end():
    up, limited = RAMP[:51], LIMITED[:51]
    left = np.where(limited, 3.3, up)
    np.testing.assert_allclose(programmed(left, limited, ONE[:51]), up, atol=1e-12)


def test_what_a_measurement_applied_is_the_ramp(shared_data):
    """VO2 at 20 mA: the file holds 3.2 to 3.6 V where 3.3 to 5 V were applied."""
    m = mj.read(shared_data / "clean" / "vo2_iv_cycles.csv")
    first = m.applied[m.sweep == m.sweep[0]]
    assert np.max(m.v) < 4.3
    np.testing.assert_allclose(
        first, RAMP, atol=2e-3
    )  # the instrument's own steps differ by 0.2 mV
