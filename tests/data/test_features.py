"""What sweeps show of a device before any model is fitted."""

from dataclasses import replace

import numpy as np
import pytest

from memjax.data import Features, Measurement, features, read

HALF = np.linspace(0.0, 1.0, 51)
UP = np.concatenate([HALF, HALF[-2::-1]])
IS_OUT = np.arange(101) <= 50
ON, OFF = 1e-4, 1e-7


def recording(*sweeps, driven="voltage", **more) -> Measurement:
    """Sweeps of pairs of voltages [V] and conductances [S], with 1 % of scatter."""
    v, g = (np.concatenate([s[k] for s in sweeps]) for k in (0, 1))
    noise = np.exp(0.01 * np.random.default_rng(1).normal(size=len(v)))
    labels = np.repeat(np.arange(len(sweeps)), [len(s[0]) for s in sweeps])
    return Measurement(
        v=v, i=g * v * noise, sweep=labels, at_compliance=np.zeros(len(v), bool), reader="tidy",
        driven=driven, **more,
    )  # fmt: skip


def volatile(side=1.0, v_th=0.6, v_hold=0.3):
    """A sweep to one side that switches on at a voltage and off at a lower one."""
    return side * UP, np.where(UP - np.where(IS_OUT, v_th, v_hold) >= -1e-9, ON, OFF)


def kept(side=1.0, before=OFF, after=ON, at=0.6):
    """A sweep to one side whose conductance changes at a voltage, and stays."""
    return side * UP, np.where(IS_OUT & (UP - at < 0), before, after)


def loop(*sides):
    """Sweeps to several sides as one."""
    return tuple(np.concatenate([s[k] for s in sides]) for k in (0, 1))


def shown(*sweeps, **more) -> Features:
    result = features(recording(*sweeps, **more))
    assert result is not None
    return result


def test_a_switch_that_returns_is_volatile_and_abrupt():
    f = shown(volatile(), volatile(-1.0), volatile(), volatile(-1.0))
    assert (f.volatile, f.sets_at, f.resets_at, f.rests_at) == (True, (1, -1), (), ())
    assert f.abrupt
    assert f.opening == pytest.approx(3.0, abs=0.05)
    assert f.share == pytest.approx(0.0, abs=0.02)
    assert not f.carries
    assert str(f).startswith("volatile (0% of the opening is left at low voltage), sets at either")


def test_a_loop_of_set_and_reset_is_non_volatile():
    f = shown(*[loop(kept(), kept(-1.0, ON, OFF))] * 3)
    assert (f.volatile, f.sets_at, f.resets_at) == (False, (1,), (-1,))
    assert f.share == pytest.approx(1.0, abs=0.02)
    assert f.rectification == pytest.approx(0.0, abs=0.02)
    assert not f.carries
    assert "sets at positive voltage and resets at negative voltage" in str(f)


def test_a_state_that_a_sweep_hands_to_the_next_one_is_carried():
    f = shown(*[kept(), kept(-1.0, ON, OFF)] * 3)
    assert (f.volatile, f.sets_at, f.resets_at, f.carries) == (False, (1,), (-1,), True)
    f = shown(*[kept(before=ON, after=OFF)] * 3)
    assert (f.volatile, f.resets_at, f.carries, f.share) == (False, (1,), True, None)


def test_sets_alone_do_not_say_what_has_reset_the_device():
    f = shown(*[kept()] * 4)
    assert f.volatile is None
    assert "each sweep begins in the off state" in f.reason
    assert shown(kept()).volatile is False
    assert shown(kept(), kept(before=ON), kept(before=ON)).volatile is False


def test_what_turns_off_without_a_reset_is_volatile():
    dark = -UP, np.full(101, OFF)
    f = shown(*[kept(), dark] * 3)
    assert (f.volatile, f.sets_at, f.rests_at) == (True, (1,), (-1,))
    assert "though nothing resets it" in f.reason
    # Up to half of the voltage at which it sets the other side says nothing.
    small = shown(*[kept(), (-0.3 * UP, dark[1])] * 3)
    assert small.rests_at == ()


def test_a_state_that_is_lost_before_the_reset_may_be_forgotten():
    relaxed = loop(kept(), kept(-1.0, 3e-7, OFF))
    f = shown(*[relaxed] * 3)
    assert f.volatile is None
    assert "by itself or at a small voltage" in f.reason


def test_a_gradual_set_is_told_from_an_abrupt_one():
    g = np.concatenate([np.geomspace(OFF, ON, 51), np.full(50, ON)])
    f = shown((UP, g))
    assert (f.abrupt, f.volatile) == (False, False)
    assert f.jump == pytest.approx(2 / 50, abs=0.02)
    assert ", gradual (" in str(f)


def test_a_conduction_that_depends_on_the_sign_rectifies():
    v, g = loop(kept(), kept(-1.0, ON, OFF))
    f = shown(*[(v, np.where(v < 0, 0.1 * g, g))] * 3)
    assert f.rectification == pytest.approx(1.0, abs=0.02)
    assert f.volatile is False
    assert "rectifying (+1.0 decades)" in str(f)
    assert shown((v, np.where(v < 0, 0.1 * g, g)), modulus=True).rectification is None


def test_small_loops_beside_a_large_one_are_none():
    rng = np.random.default_rng(2)
    dark = [(-UP, OFF * np.exp(0.1 * rng.normal(size=101))) for _ in range(6)]
    f = shown(*(x for d in dark for x in (volatile(), d)))
    assert (f.sets_at, f.resets_at, f.rests_at) == ((1,), (), (-1,))


def test_without_a_loop_nothing_is_said():
    f = shown((UP, np.full(101, ON)), (-UP, np.full(101, ON)))
    assert (f.switches, f.volatile, f.abrupt, f.share) == (False, None, None, None)
    assert str(f).startswith("no loop opens (0.")


def test_what_charges_a_capacitance_is_no_loop_of_a_device():
    """A leak of 1e12 ohm beside 34 pF that are swept at 15 mV/s, as the leakage of a pristine cell is measured."""
    v = 0.2 * np.concatenate([UP, -UP[1:], UP[1:], -UP[1:]])
    slope = np.sign(np.gradient(v))
    for charge, charges in ((5e-13, True), (5e-15, False)):
        i = 1e-12 * v + charge * slope
        i += 1e-15 * np.random.default_rng(1).normal(size=len(v))
        m = Measurement(
            v=v, i=i, sweep=np.zeros(len(v), int), at_compliance=np.zeros(len(v), bool), reader="tidy", driven="voltage"
        )  # fmt: skip
        f = features(m)
        assert f is not None
        assert f.charges == charges
        if charges:
            assert not f.switches
            assert f.volatile is None
            assert str(f).startswith("no loop of a device opens (most of the current charges")


def test_under_a_current_the_voltage_is_what_returns():
    i = 1e-3 * UP
    v = i / np.where(UP - np.where(IS_OUT, 0.4, 0.2) >= -1e-9, 3e-4, 1e-4)
    m = Measurement(
        v=v, i=i, sweep=np.zeros(101, int), at_compliance=np.zeros(101, bool), reader="tidy",
        driven="current",
    )  # fmt: skip
    f = features(m)
    assert f is not None
    assert (f.volatile, f.sets_at, f.driven) == (True, (1,), "current")
    assert "sets at positive current" in str(f)


def test_pulses_and_few_rows_show_nothing():
    pulses = np.concatenate([np.zeros(40), np.ones(40), np.zeros(40)])
    assert features(recording((pulses, np.full(120, ON)))) is None
    assert features(recording((UP[::10], np.full(11, ON)))) is None
    noise = 0.5 + 0.5 * np.sin(2.5 * np.arange(101.0)) ** 3
    assert features(recording((noise * HALF.max(), np.full(101, ON)))) is None


def test_a_current_of_zero_is_below_the_smallest():
    v, g = loop(kept(), kept(-1.0, ON, 0.0))
    f = shown((v, g), (v, np.where(v > 0, np.maximum(g, OFF), g)))
    assert (f.sets_at, f.resets_at, f.volatile) == ((1,), (-1,), False)


def test_json_holds_units_and_lists():
    content = shown(volatile()).to_json()
    assert content["sets_at"] == [1]
    assert {"opening_decades", "rectification_decades", "volatile", "reason"} <= set(content)


def test_several_recordings_are_one_device():
    a, b = recording(kept(), kept()), recording(kept(-1.0, ON, OFF), kept(-1.0, ON, OFF))
    f = features(a, b)
    assert f is not None
    assert (f.volatile, f.sets_at, f.resets_at, f.sweeps) == (False, (1,), (-1,), 4)


def test_labels_in_any_order_change_nothing():
    m = recording(*[loop(kept(), kept(-1.0, ON, OFF))] * 3)
    assert features(replace(m, sweep=7 - m.sweep)) == features(m)


# What is known of these devices from the publications that they belong to.
MEASURED = {
    "knowm_iv": (False, (1,), (-1,), "voltage"),
    "sto_nb_iv_timed": (False, (1,), (-1,), "voltage"),
    "sto_nb_iv_old_device": (False, (), (-1,), "voltage"),
    "usc_diffusive_dc_symmetric": (True, (1, -1), (), "voltage"),
    "usc_diffusive_dc_asymmetric": (True, (1,), (), "voltage"),
    "vo2_iv_cycles": (True, (1,), (), "voltage"),
    "vo2_iv_sweep": (True, (1,), (), "voltage"),
    "vo2_current_sweep_b1500": (True, (1,), (), "current"),
}


@pytest.mark.integration
@pytest.mark.parametrize("name", MEASURED)
def test_measured_devices_show_what_they_are(shared_data, name):
    f = features(read(shared_data / "clean" / f"{name}.csv"))
    assert f is not None
    assert (f.volatile, f.sets_at, f.resets_at, f.driven) == MEASURED[name]
    assert f.carries == (name == "sto_nb_iv_old_device")


@pytest.mark.integration
@pytest.mark.parametrize("name", ["vo2_short_pulses", "usc_diffusive_pulse", "sdc_knowm_retention"])
def test_measured_pulses_and_reads_show_nothing(shared_data, name):
    assert features(read(shared_data / "clean" / f"{name}.csv")) is None
