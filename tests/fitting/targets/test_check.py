"""Targets against members with noise."""

import numpy as np
import pytest

from fitting.targets.check import checks_of
from fitting.targets.target import Target

TARGETS = (Target("v_th", 0.5, 0.05), Target("interval", 4e-3, 1e-4))


def test_medians_of_devices_and_means_of_trains_are_compared():
    rng = np.random.default_rng(0)
    found = np.stack(
        [0.5 + 0.02 * rng.normal(size=400), 4e-3 + 2e-3 * rng.normal(size=400)], axis=1
    )
    threshold, interval = checks_of(TARGETS, found, noisy=True)
    assert threshold.value == np.median(found[:, 0])
    assert interval.value == np.mean(found[:, 1])
    # Standard errors: of a median of normal values 1.2533 times that of their mean.
    assert threshold.error == pytest.approx(1.2533 * 0.02 / 20, rel=0.15)
    assert interval.error == pytest.approx(2e-3 / 20, rel=0.15)
    assert threshold.met
    assert not threshold.uncertain
    assert interval.uncertain


def test_what_most_members_do_not_show_has_no_value_and_is_not_met():
    found = np.full((10, 2), np.nan)
    found[:4] = [0.5, 4e-3]
    threshold, _ = checks_of(TARGETS, found, noisy=True)
    assert np.isnan(threshold.value)
    assert not threshold.met
    assert str(threshold).endswith("shown by 4 of 10 members")


def test_without_noise_there_is_neither_scatter_nor_error():
    threshold, _ = checks_of(TARGETS, np.array([[0.52, 4e-3]]), noisy=False)
    assert (threshold.scatter, threshold.error) == (None, None)
    assert threshold.off == pytest.approx(0.4)
    assert threshold.precise
