"""Amplitudes of the randomness per pulse: their names, units and what is told of them."""

from fitting.pulses.noise import NoiseFit, _names, values_of
from memjax.synapse import PulseNoise


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
