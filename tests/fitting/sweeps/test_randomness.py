"""Randomness by simulation: common random numbers, what is chosen, and truth that comes back."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.sweeps.ensemble import of_sweeps
from fitting.sweeps.randomness import calibrate
from tests.fits import NOISE_SPREAD, NOISE_TRUTH

pytestmark = pytest.mark.slow


@pytest.mark.study
def test_truth_comes_back_with_its_uncertainty(start):
    seen = []
    done = calibrate(start, tick=lambda name, p: seen.append(name))
    found = done.stochastic
    assert {"randomness", "replicates"} <= set(seen)
    assert found.failed == 0
    truth = NOISE_TRUTH | {f"sigma_ln({n})": x for n, x in NOISE_SPREAD.items()}
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


@pytest.mark.integration
def test_too_few_cycles_calibrate_nothing_and_say_so(start):
    few = [
        replace(w, log_response=w.log_response[:4], events=w.events[:4], labels=w.labels[:4])
        for w in start.waves
    ]
    done = calibrate(replace(start, waves=few))
    assert done.stochastic is None
    assert "8 cycles" in done.notes[-1]


@pytest.mark.study
def test_without_noise_the_spread_alone_explains_the_scatter(start):
    done = calibrate(start, noise=(), draws=64)
    found = done.stochastic
    assert found.noise == ()
    assert done.cycle_spread["mu"]["sigma_ln"] == found.values["sigma_ln(mu)"]
    # What noise does within a cycle is spread from cycle to cycle then: no less than the truth has.
    assert found.values["sigma_ln(mu)"] > NOISE_SPREAD["mu"] - 3 * found.std["sigma_ln(mu)"]
    assert set(found.std) == set(found.values)
    (group,) = found.comparison
    assert group["v_th"]["w1"] < 3 * group["v_th"]["floor"] + 0.25 * 0.0125


@pytest.mark.study
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
