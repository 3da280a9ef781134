"""Current limits and lost signs, on currents made for the purpose."""

import numpy as np
import pytest

from memjax.data.compliance import find_limit, has_lost_sign, has_opposite_sign

V = np.concatenate([np.linspace(0, 1, 101), np.linspace(1, 0, 101)])


def test_flat_top_is_a_limit_and_is_said():
    i = np.minimum(1e-3 * V, 0.4e-3) * (1 + 1e-5 * np.sin(np.arange(V.size)))
    limit = find_limit(V, i, stated=None)
    assert limit.level == 4e-4
    np.testing.assert_array_equal(limit.acts, V > 0.3985)
    assert "inferred" in limit.warning


@pytest.mark.parametrize(
    "i",
    [
        1e-3 * V,
        1e-3 * np.sin(2 * np.pi * V / 4),  # a rounded top is not flat
        np.where(V > 0.8, 1e-3 * V, np.minimum(1e-3 * V, 0.5e-3)),  # a flat step below the top
        np.zeros_like(V),
    ],
)
def test_other_currents_have_no_limit(i):
    limit = find_limit(V, i, stated=None)
    assert limit.level is None
    assert not limit.acts.any()


def test_flat_current_under_a_flat_voltage_is_ohm_and_no_limit():
    v = np.where(np.arange(200) < 100, 0.1, 1.0)
    assert find_limit(v, 1e-3 * v, stated=None).level is None


def test_stated_limit_that_does_not_act_stays_stated():
    limit = find_limit(V, 0.95e-3 * V, stated=1e-3)
    assert (limit.level, limit.acts.any(), limit.warning) == (1e-3, False, None)


def test_stated_limit_acts_on_both_signs():
    i = np.clip(2e-3 * (V - 0.5), -0.5e-3, 0.5e-3)
    acts = find_limit(V - 0.5, i, stated=0.5e-3).acts
    np.testing.assert_array_equal(acts, np.abs(V - 0.5) > 0.2488)


def test_lost_and_opposite_signs():
    v = V - 0.5
    assert has_lost_sign(v, np.abs(v))
    assert not has_lost_sign(v, v)
    assert not has_lost_sign(V, V)
    assert has_opposite_sign(v, -v)
    assert not has_opposite_sign(v, v)
    assert not has_opposite_sign(v, np.abs(v))
