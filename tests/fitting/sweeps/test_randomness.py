"""Randomness by simulation: common random numbers, what is chosen, and truth that comes back."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.cycles import noise_of
from fitting.sweeps.ensemble import Coordinate, Ensemble, of_sweeps
from fitting.sweeps.randomness import calibrate
from fitting.sweeps.summary import noise_floor, summarise_sweeps
from memjax.noise import cycle_factors
from memjax.params import get, replace as with_values
from memjax.solver import SemiImplicitEuler

TRUTH = {"sigma_ion": 2.0}
SPREAD = {"mu": 0.05, "theta": 0.5}
CYCLES = 60
POLICY = mj.Fixed(1e-3, method=SemiImplicitEuler())
SILENT = {"relative": 0.0, "floor_A": 0.0}


@pytest.fixture(scope="module")
def device(result):
    """The truth: the device of the example's fit, with noise."""
    return with_values(result.device, TRUTH)


@pytest.fixture(scope="module")
def measured(device, result) -> mj.Measurement:
    """Cycles of one staircase, each with its own noise and parameters."""
    v = 0.5 * np.concatenate([np.arange(1, 41), np.arange(39, -1, -1)]) / 40
    factors = cycle_factors(5, SPREAD, members=1, sweeps=CYCLES)
    trace = mj.simulate(
        device,
        [mj.staircase(v, 0.01)] * CYCLES,
        save=[0.01 * np.arange(1, len(v) + 1)] * CYCLES,
        bench=mj.Bench(compliance=1e-6),
        values={n: get(device, n) * x for n, x in factors.items()},
        seed=5,
    ).check()
    noise = 1 + 0.02 * np.random.default_rng(0).normal(size=trace.i[0].shape)
    i, sweep = np.asarray(trace.i[0]) * noise, np.asarray(trace.sweep)
    return mj.Measurement(
        v=np.asarray(trace.v[0]), i=i, sweep=sweep, at_compliance=i >= 0.99e-6, reader="test"
    )


@pytest.fixture(scope="module")
def start(result, measured):
    """The example's fit as a fit of these cycles."""
    floor = noise_floor(measured)
    waves = summarise_sweeps([measured], point_time=0.01, floor=floor)
    return replace(result, waves=waves, read_noise={"relative": 0.02, "floor_A": floor})


def _ensemble(device, waves, coordinates, **changes):
    options = dict(bench=mj.Bench(compliance=1e-6), env=None, policy=POLICY, draws=16, seed=3)
    experiment = of_sweeps(waves, floor=0.0, seed=0)
    return Ensemble(device, coordinates, experiment, read_noise=SILENT, **options | changes)


def test_points_share_their_random_numbers_and_draws_do_not(device, start, monkeypatch):
    coordinates = [Coordinate("sigma_ion"), Coordinate("mu", spread=True)]
    ensemble = _ensemble(device, start.waves, coordinates)
    z = ensemble.start()
    (events,), good = ensemble(np.stack([z, z, z + 0.5]))
    monkeypatch.setattr("fitting.sweeps.ensemble._threads", lambda lanes: 2)
    for _ in range(2):  # one after the other at first, then at once
        (shared,), _ = ensemble(np.stack([z, z, z + 0.5]))
        np.testing.assert_array_equal(shared, events)
    assert good.all()
    np.testing.assert_array_equal(events[0], events[1])
    assert np.std(events[0, :, 0]) > 0
    assert np.any(events[2] != events[0])
    assert np.corrcoef(events[2, :, 0], events[0, :, 0])[0, 1] > 0.5  # common numbers


def test_members_that_are_numbered_have_the_noise_of_their_number(device, start):
    w = start.waves[0]
    options = dict(save=[w.rows], bench=mj.Bench(compliance=1e-6), policy=POLICY, seed=2)
    whole = mj.simulate(device, [w.stimulus], members=16, **options)
    some = mj.simulate(device, [w.stimulus], members=np.array([15, 3, 3, *range(13)]), **options)
    for place, number in ((0, 15), (1, 3), (2, 3)):
        np.testing.assert_allclose(some.i[place], whole.i[number], rtol=1e-12)


def test_noise_given_by_value_acts_as_noise_of_the_device(start):
    w, quiet = start.waves[0], with_values(start.device, {"sigma_ion": 0.0})
    options = dict(save=[w.rows], bench=mj.Bench(compliance=1e-6), members=16, seed=2)
    options |= dict(policy=POLICY)
    ours = mj.simulate(with_values(quiet, TRUTH), [w.stimulus], **options)
    values = {"sigma_ion": np.full((16, 1), TRUTH["sigma_ion"])}
    np.testing.assert_allclose(
        mj.simulate(quiet, [w.stimulus], values=values, **options).i, ours.i, rtol=1e-9
    )
    mixed = mj.simulate(
        quiet, [w.stimulus], values={"sigma_ion": values["sigma_ion"] * 0}, **options
    )
    assert np.ptp(np.asarray(mixed.i), axis=0).max() == 0


def test_the_noise_that_is_calibrated_is_the_one_that_acts():
    assert noise_of(mj.DiffusiveMemristor()) == ("sigma_ion",)
    assert noise_of(mj.DiffusiveMemristor(sigma1=8.0, sigma2=5.0)) == ("sigma1", "sigma2")
    assert (
        noise_of(mj.LinearDrift() if hasattr(mj, "LinearDrift") else mj.model("linear-drift")) == ()
    )


@pytest.mark.study
def test_truth_comes_back_with_its_uncertainty(start):
    seen = []
    done = calibrate(start, tick=lambda name, p: seen.append(name))
    found = done.stochastic
    assert {"randomness", "replicates"} <= set(seen)
    assert found.failed == 0
    truth = TRUTH | {f"sigma_ln({n})": x for n, x in SPREAD.items()}
    spreads = set(found.values) & set(truth)
    assert {"sigma_ion", "sigma_ln(mu)"} <= spreads
    # Noise and the spread of mu explain one scatter: each is known less well than their sum.
    for n in spreads:
        away = np.log(found.values[n] / truth[n]) * found.values[n] / found.std[n]
        assert abs(away) < 4 or n in found.undetermined
    (group,) = found.comparison
    assert group["joint"]["p"] > 0.01
    for name in ("v_th", "v_hold"):
        # Cycles and simulated ones are samples of one law: within three floors of halves.
        assert group[name]["w1"] < 3 * group[name]["floor"] + 0.25 * 0.0125
    assert float(done.device.sigma_ion) == found.values["sigma_ion"]
    assert done.cycle_spread["mu"]["sigma_ln"] == found.values["sigma_ln(mu)"]


def test_too_few_cycles_calibrate_nothing_and_say_so(start):
    few = [
        replace(w, log_response=w.log_response[:4], events=w.events[:4], labels=w.labels[:4])
        for w in start.waves
    ]
    done = calibrate(replace(start, waves=few))
    assert done.stochastic is None
    assert "8 cycles" in done.notes[-1]


def test_an_interrupt_keeps_the_best_so_far(start, monkeypatch):
    from fitting.sweeps import quantile_search, randomness

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(quantile_search, "levenberg_marquardt", stop)
    monkeypatch.setattr(randomness, "CHECKED", 16)
    done = calibrate(start, draws=16)
    assert done.interrupted
    assert done.stochastic is not None
    assert done.stochastic.draws == 16
    warned = replace(done.stochastic, step_p=[0.001]).warnings
    assert "adaptive ones give different distributions (p = 0.001)" in warned[0]


def test_samples_of_excursions_that_never_switch_hold_their_switching_alone(start):
    w = start.waves[0]
    never = replace(
        w, log_response=np.full_like(w.log_response, -12.0), events=np.full_like(w.events, np.nan)
    )
    sample = of_sweeps([never], floor=0.0, seed=0).readings[0].sample
    assert sample.names == ("v_th",)
    assert np.all(sample.values > 0.5 - 1e-12)
