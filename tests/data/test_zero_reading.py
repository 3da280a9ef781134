"""What an instrument reads at 0 V: an offset, a capacitance, or nothing of a device that is pinched."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from memjax.data.zero_reading import charging_reading, zero_reading, zero_remarks

OFFSET, CAPACITANCE, NOISE = -4.7e-6, 2e-9, 1e-7


def measured(periods=(1.0,), *, offset=0.0, capacitance=0.0) -> mj.Measurement:
    """Sine sweeps of a loop of two resistances, with noise."""
    rng, parts = np.random.default_rng(0), []
    for k, period in enumerate(periods):
        t = np.arange(401) * period / 400
        v = np.sin(2 * np.pi * t / period)
        i = v / np.where(np.gradient(v) > 0, 1e4, 5e3) + offset
        i += capacitance * 2 * np.pi / period * np.cos(2 * np.pi * t / period)
        parts.append((t, v, i + NOISE * rng.normal(size=t.size), np.full(t.size, k)))
    t, v, i, sweep = map(np.concatenate, zip(*parts, strict=True))
    limited = np.zeros(v.size, bool)
    return mj.Measurement(t=t, v=v, i=i, sweep=sweep, at_compliance=limited, reader="made here")


def test_a_pinched_loop_says_nothing():
    assert not zero_reading(measured()).is_offset
    assert zero_remarks(measured()) == []


def test_an_offset_is_read_within_three_standard_errors_and_named():
    reading = zero_reading(measured(offset=OFFSET))
    assert reading.is_offset
    assert abs(reading.offset - OFFSET) < 3 * reading.sigma < 0.1 * abs(OFFSET)
    (text,) = zero_remarks(measured(offset=OFFSET))
    assert text.endswith("--free-bench offset_current")


def test_a_hysteresis_that_scales_with_the_rate_is_a_capacitance():
    data = measured((1.0, 1e-3), capacitance=CAPACITANCE)
    reading = charging_reading(data)
    assert reading.is_clear
    assert abs(reading.capacitance - CAPACITANCE) < 3 * reading.sigma
    (text,) = zero_remarks(data)
    assert text.endswith("--free-bench parallel_capacitance")


def test_a_hysteresis_of_one_rate_may_be_the_device():
    assert zero_remarks(measured((1e-3,), capacitance=CAPACITANCE)) == []


@pytest.mark.parametrize("change", ["current", "modulus", "no zero"])
def test_data_without_a_sign_or_a_zero_give_no_reading(change):
    data = measured(offset=OFFSET)
    fields = dict(t=data.t, sweep=data.sweep, at_compliance=data.at_compliance, reader="made here")
    other = {
        "current": dict(v=data.v, i=data.i, driven="current"),
        "modulus": dict(v=data.v, i=np.abs(data.i), modulus=True),
        "no zero": dict(v=data.v + 2, i=data.i),
    }
    assert zero_reading(mj.Measurement(**fields, **other[change])) is None


@pytest.mark.parametrize("timed", [True, False])
def test_a_current_that_is_mostly_charge_at_one_rate_is_none_of_a_device(timed):
    data = measured(capacitance=1e-4)
    (text,) = zero_remarks(data if timed else replace(data, t=None))
    assert "most of the current charges " + ("0.0001 F" if timed else "a capacitance") in text
    assert zero_remarks(measured(capacitance=1e-6)) == []  # a tenth of the current of the device
