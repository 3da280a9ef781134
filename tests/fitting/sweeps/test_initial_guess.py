"""What waveforms of one polarity show, and where a search begins."""

import dataclasses

import numpy as np
import pytest

import memjax as mj
from fitting.problem import PRIOR_SIGMA
from fitting.sweeps.initial_guess import Guess, _features, guess, near, starts
from fitting.sweeps.loops import loops
from fitting.sweeps.summary import noise_floor, summarise_sweeps
from memjax.core.params import unconstrain
from memjax.errors import DataError
from tests.fits import measured_loops, threshold_loop


def test_features_are_those_of_the_loop():
    m = measured_loops(threshold_loop(0.5, 0.2), threshold_loop(0.5, 0.2))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    f = _features(waves, 1, 1e-14)
    assert f is not None
    assert (f.v_th, f.v_hold, f.v_release) == (0.5, 0.2, 0.2)
    np.testing.assert_allclose([f.r_off, f.r_on], [1e11, 1e6], rtol=0.01)
    assert _features(waves, -1, 1e-14) is None


def test_a_device_that_switches_one_way_is_one_sided():
    v, _ = threshold_loop(0.5, 0.2, sign=-1)
    m = measured_loops(threshold_loop(0.5, 0.2), (v, v / 1e11))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    found = guess(waves, floor=1e-14, device=mj.DiffusiveMemristor())
    assert float(found.device.mu_neg) == 0
    assert float(found.device.theta_neg) == 0
    assert "r_off_neg" in found.free
    assert "mu_neg" not in found.free


@pytest.mark.parametrize("sign", [1, -1])
def test_sweeps_of_one_polarity_that_switch_are_not_said_never_to_switch(sign):
    m = measured_loops(threshold_loop(0.5, 0.2, sign=sign), threshold_loop(0.5, 0.2, sign=sign))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    notes = guess(waves, floor=1e-14, device=mj.DiffusiveMemristor()).notes
    assert not [text for text in notes if "never switch" in text]


def test_only_the_polarity_that_switches_is_fitted_where_the_other_one_does_not():
    v, _ = threshold_loop(0.5, 0.2)
    m = measured_loops(threshold_loop(0.5, 0.2, sign=-1), (v, v / 1e11))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    (text,) = guess(waves, floor=1e-14, device=mj.DiffusiveMemristor()).notes
    assert text.startswith("positive sweeps never switch: only the negative polarity is fitted")


def test_a_polarity_that_switches_now_and_then_is_not_said_never_to():
    rare, (v, _) = threshold_loop(0.5, 0.2, sign=-1), threshold_loop(0.5, 0.2, sign=-1)
    m = measured_loops(threshold_loop(0.5, 0.2), rare, (v, v / 1e11), (v, v / 1e11))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    (text,) = guess(waves, floor=1e-14, device=mj.DiffusiveMemristor()).notes
    assert text.startswith("negative sweeps hardly ever switch (1 of 3): one-sided device")


def test_a_polarity_that_is_on_from_its_first_row_is_no_leakage_of_a_one_sided_device():
    v, i = threshold_loop(0.5, 0.0)
    both = np.concatenate([v, -v[1:]]), np.concatenate([i, -np.maximum(v[1:], 1e-3) / 1e6])
    (wave,) = summarise_sweeps([measured_loops(both)], point_time=1e-3, floor=1e-14)
    events = wave.events.copy()
    events[:, 1, 0] = np.nan  # it was above the threshold before it could rise through it
    waves = [dataclasses.replace(wave, events=events)]
    minus = _features(waves, -1, 1e-14)
    assert minus is not None
    assert minus.stays_on
    assert not _features(waves, 1, 1e-14).stays_on
    begun = guess(waves, floor=1e-14, device=mj.DiffusiveMemristor())
    assert {"mu_neg", "theta_neg"} <= set(begun.free)
    assert float(begun.device.mu_neg) > 0


def test_sweeps_that_never_switch_are_an_error_that_says_so():
    v, _ = threshold_loop(0.5, 0.2)
    waves = summarise_sweeps([measured_loops((v, v / 1e11))], point_time=1e-3, floor=1e-14)
    with pytest.raises(DataError, match=r"no sweep switches.*memjax read"):
        guess(waves, floor=1e-14, device=mj.DiffusiveMemristor())


@pytest.mark.parametrize("name", ["langevin", "langevin-chain"])
def test_a_scale_of_resistances_begins_where_the_device_has_the_high_one_of_the_loops(name):
    """A tunnelling factor is many decades: that of a chain is e^20, so that a scale of r_on was no start at all."""
    m = measured_loops(threshold_loop(0.5, 0.2), threshold_loop(0.5, 0.2))
    waves, env = summarise_sweeps([m], point_time=1e-3, floor=1e-14), mj.Environment()
    device = guess(waves, floor=1e-14, device=mj.model(name)).device
    r = device.resistance(device.initial(env), np.zeros(()), env)
    assert float(r) == pytest.approx(loops(waves, 1e-14).r_off, rel=1e-6)


def test_starts_begin_with_the_guess_and_depend_on_the_seed_only(example):
    floor = noise_floor(example)
    waves = summarise_sweeps([example], point_time=None, floor=floor)
    found = guess(waves, floor=floor, device=mj.DiffusiveMemristor())
    about = {"device": found.device, "center": np.asarray(unconstrain(found.device, found.free))}
    a, b, c = (starts(found, found.free, **about, count=5, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert np.all(np.isfinite(a))
    assert np.all(np.any(a[1:] != c[1:], axis=1))
    np.testing.assert_array_equal(a[0], c[0])


def test_a_quarter_of_many_starts_lie_further_out_and_another_begins_at_the_other_end_of_the_state():
    device, free, count = mj.model("mms"), ("tau", "x0"), 64
    origin = Guess(device=device, free=free, scatter=lambda rng: {})
    center = np.array([-9.0, -2.0])
    about = dict(device=device, center=center, seed=3)
    z = starts(origin, free, **about, count=count)
    plain = np.random.default_rng(3).normal(size=(count - 1, 2))
    away = np.concatenate([np.zeros((1, 2)), PRIOR_SIGMA / 2 * plain])
    assert near(count) == 32
    np.testing.assert_allclose(z[:32], center + away[:32])
    np.testing.assert_allclose(z[32:48], center + 3 * away[32:48])
    np.testing.assert_allclose(z[48:], (center + away[48:]) * [1, -1])
    # Of few starts all lie about the guess.
    np.testing.assert_allclose(starts(origin, free, **about, count=8), center + away[:8])
    assert near(8) == 8


def test_a_chain_begins_where_its_particles_leave_the_well_within_a_sweep_and_cross_the_gap():
    v = np.concatenate([np.arange(1, 101), np.arange(99, 0, -1)]) / 50
    i = v / np.where(np.arange(v.size) < 80, 1e11, 1e8)
    both = np.concatenate([v, -v]), np.concatenate([i, -i[::-1]])
    waves = summarise_sweeps([measured_loops(both)], point_time=0.05, floor=1e-14)
    begun = guess(waves, floor=1e-14, device=mj.LangevinChain()).device
    assert isinstance(begun, mj.LangevinChain)
    highest, polarity = 2.0, 0.05 * v.size  # [V], [s]
    # A well and a pinning site pull back by less than the drift at the highest voltage, by more than a quarter of it.
    x = np.linspace(-1, 1, 2001)
    held = -np.min(np.asarray(begun.force(x)))
    drift = float(begun.q) * highest
    assert 0.25 * drift < held < drift
    # The gap is 2 wide; a polarity of a triangle applies half of the highest voltage in the mean.
    assert float(begun.q) * highest / 2 * polarity == pytest.approx(2, rel=0.05)
