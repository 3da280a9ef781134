"""Amplitudes of the randomness per pulse: their names, units and what is told of them."""

import numpy as np
import pytest

import memjax as mj
from fitting.pulses import noise
from fitting.pulses.noise import NoiseFit, _names, estimate_noise, values_of
from memjax.data import PulseProtocol
from memjax.synapse import Pulsed, PulseNoise


def test_amplitudes_have_a_name_for_each_kind_of_pulse():
    found = values_of(PulseNoise.none())
    assert {"jitter_set", "jitter_reset", "programming_set", "flicker_reset", "read"} <= set(found)
    assert all(x == 0 for n, x in found.items() if n.startswith(("jitter", "programming", "read")))
    assert _names(["tau"])[-2:] == ["cycle.tau", "start"]


def test_a_table_says_units_errors_and_what_is_not_determined():
    fit = NoiseFit(
        noise=PulseNoise.none(), std={"jitter_set": 1e-8}, undetermined=("jitter_set",), log_likelihood=0.0, cycles=5
    )  # fmt: skip
    rows = {r["name"]: r for r in fit.table()}
    assert (rows["jitter_set"]["unit"], rows["slope_set"]["unit"]) == ("S", "1")
    assert rows["jitter_set"]["std"] == 1e-8
    assert not rows["jitter_set"]["determined"]
    assert rows["jitter_reset"]["determined"]
    assert all(r["doc"] for r in rows.values())


def test_a_likelihood_that_bends_the_other_way_says_no_more_than_the_prior(monkeypatch):
    """A quadratic whose curvatures are 4, and -1 along one coordinate, which stands for its maximum."""
    names = _names([])
    bends = np.where(np.array(names) == "programming_set", -1.0, 4.0)

    def loss(p, start, *_):
        off = np.asarray(p - start)
        return 0.5 * np.sum(bends * off**2), bends * off

    monkeypatch.setattr(noise, "_loss", loss)
    protocol = PulseProtocol(voltages=(1.0, -1.0), widths=(1e-6, 1e-6), read_voltage=0.1)
    g = 1e-4 * np.exp(0.1 * np.random.default_rng(0).normal(size=(4, 7)))
    pulsed = Pulsed.under(mj.MetastableSwitches(), protocol)
    fit = estimate_noise(pulsed, g, np.repeat([0, 1], 3))
    found = values_of(fit.noise)
    assert fit.std["programming_set"] == pytest.approx(3.0 * found["programming_set"])
    assert fit.std["programming_reset"] == pytest.approx(0.5 * found["programming_reset"])
    assert fit.undetermined == ("programming_set",)
