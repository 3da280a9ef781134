"""What a measurement says, before anything is fitted."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.initial_guess import features, guess, starts
from fitting.sweeps.summary import MANY, noise_floor, summarise_sweeps, without_strays
from memjax.errors import DataError
from memjax.params import unconstrain


def _loop(v_th: float, v_hold: float, *, sign: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A sweep of 41 points to 1 V with a resistance of 1e11 or 1e6 ohm, and no noise."""
    v = np.concatenate([np.arange(21), np.arange(19, -1, -1)]) / 20
    on = (v >= v_th) & (np.arange(41) <= 20) | (v > v_hold) & (np.arange(41) > 20)
    return sign * v, sign * np.where(on, np.maximum(v, 1e-3) / 1e6, np.maximum(v, 1e-3) / 1e11)


def _measurement(*loops) -> mj.Measurement:
    v, i = (np.concatenate(x) for x in zip(*loops, strict=True))
    sweep = np.repeat(np.arange(len(loops)), [len(a) for a, _ in loops])
    return mj.Measurement(v=v, i=i, sweep=sweep, at_compliance=np.abs(i) >= 1e-6, reader="test")


def test_sweeps_of_one_waveform_are_grouped_and_their_events_are_medians():
    m = _measurement(_loop(0.5, 0.2), _loop(0.6, 0.2), _loop(0.7, 0.3), _loop(0.5, 0.1, sign=-1))
    plus, minus = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    assert plus.polarities == (1,)
    assert minus.polarities == (-1,)
    assert plus.n_sweeps == 3
    # On the way up 0.6 V is row 12, on the way down 0.2 V is row 36: half a row before each.
    np.testing.assert_allclose(plus.median_events(), [[11.5, 35.5, 35.5]])
    np.testing.assert_allclose(minus.median_events(), [[9.5, 37.5, 37.5]])


def test_a_forming_cycle_beside_many_others_is_no_half_of_the_data():
    high = np.interp(np.arange(41), [0, 20, 40], [0, 2, 0])
    cycles = [(high, np.maximum(high, 1e-3) / 1e6), *[_loop(0.5, 0.2)] * MANY]
    waves = summarise_sweeps([_measurement(*cycles)], point_time=1e-3, floor=1e-14)
    kept, strays = without_strays(waves, chosen=False)
    assert [w.labels.tolist() for w in strays] == [[0]]
    assert [w.n_sweeps for w in kept] == [MANY]
    assert without_strays(waves, chosen=True) == (waves, [])
    assert without_strays(waves[:1], chosen=False) == (waves[:1], [])
    few = summarise_sweeps([_measurement(*cycles[:-1])], point_time=1e-3, floor=1e-14)
    assert len(without_strays(few, chosen=False)[0]) == 2


def test_rows_between_the_first_and_the_last_switching_sweep_do_not_count():
    m = _measurement(_loop(0.5, 0.2), _loop(0.7, 0.2))
    (w,) = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    assert not w.used[10:15].any()
    assert w.used[2:9].all()


def test_points_at_the_limit_are_censored():
    m = _measurement(_loop(0.5, 0.2))
    (w,) = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    np.testing.assert_array_equal(w.censored, m.at_compliance)
    assert w.censored.any()
    assert not (w.censored & w.used).any()


def test_a_bipolar_loop_has_two_legs():
    (v1, i1), (v2, i2) = _loop(0.5, 0.2), _loop(0.6, 0.3, sign=-1)
    m = _measurement((np.concatenate([v1, v2]), np.concatenate([i1, i2])))
    (w,) = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    assert w.polarities == (1, -1)
    np.testing.assert_allclose(w.median_events()[:, 0], [9.5, 41 + 11.5])


def test_features_are_those_of_the_loop():
    m = _measurement(_loop(0.5, 0.2), _loop(0.5, 0.2))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    f = features(waves, 1, 1e-14)
    assert f is not None
    assert (f.v_th, f.v_hold, f.v_release) == (0.5, 0.2, 0.2)
    np.testing.assert_allclose([f.r_off, f.r_on], [1e11, 1e6], rtol=0.01)
    assert features(waves, -1, 1e-14) is None


def test_the_noise_floor_is_the_noise_of_the_lowest_currents():
    rng = np.random.default_rng(0)
    v, i = _loop(0.5, 0.2)
    i = np.where(np.abs(i) < 1e-9, 1e-12, i)
    loops = [(v, i + 2e-13 * rng.normal(size=i.size) * (np.abs(i) < 1e-9)) for _ in range(40)]
    # Among the lowest tenth of |i| neighbours differ by less than any two values do: a factor of 2.
    assert 0.5e-13 < noise_floor(_measurement(*loops)) < 4e-13


def test_a_device_that_switches_one_way_is_one_sided():
    v, _ = _loop(0.5, 0.2, sign=-1)
    m = _measurement(_loop(0.5, 0.2), (v, v / 1e11))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    found = guess(waves, floor=1e-14, device=mj.DiffusiveMemristor())
    assert float(found.device.mu_neg) == 0
    assert float(found.device.theta_neg) == 0
    assert "r_off_neg" in found.free
    assert "mu_neg" not in found.free


def test_sweeps_that_never_switch_are_an_error_that_says_so():
    v, _ = _loop(0.5, 0.2)
    waves = summarise_sweeps([_measurement((v, v / 1e11))], point_time=1e-3, floor=1e-14)
    with pytest.raises(DataError, match=r"no sweep switches.*memjax read"):
        guess(waves, floor=1e-14, device=mj.DiffusiveMemristor())


def test_no_excursion_of_the_voltage_is_an_error():
    flat = mj.Measurement(
        v=np.zeros(5),
        i=np.ones(5),
        sweep=np.zeros(5, int),
        at_compliance=np.zeros(5, bool),
        reader="test",
    )
    with pytest.raises(DataError, match="no excursion of the voltage"):
        summarise_sweeps([flat], point_time=1e-3, floor=1e-14)


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
