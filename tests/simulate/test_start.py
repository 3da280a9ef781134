"""States that a simulation starts from are those of its own model."""

import numpy as np
import pytest

import memjax as mj
from memjax.errors import ModelError

DRIVE = mj.Sampled(np.array([0.0, 1e-3]), np.array([0.0, 0.1]))


@pytest.mark.slow
def test_the_end_of_another_model_is_no_start():
    """Both have one state x from 0 to 1: 1 is the high resistance of the one, and the low one of the other."""
    end = mj.simulate(mj.Vteam(), DRIVE).final
    text = r"final state of vteam \(x\); in initial of a simulation of threshold-switch; allowed: its states x"
    with pytest.raises(ModelError, match=text):
        mj.simulate(mj.ThresholdSwitch(), DRIVE, conditions=mj.Conditions(initial=end))
    mj.simulate(mj.ThresholdSwitch(), DRIVE, conditions=mj.Conditions(initial=dict(end)))


@pytest.mark.slow
def test_a_model_with_other_values_or_on_a_bench_goes_on():
    device = mj.Vteam()
    end = mj.simulate(device, DRIVE).final
    other = mj.params.replace(device, {"r_on": 200.0})
    bench = mj.Bench(series_resistance=1e3, parallel_capacitance=1e-9)
    for model, about in ((other, {}), (device, {"bench": bench})):
        trace = mj.simulate(model, DRIVE, conditions=mj.Conditions(initial=end), **about)
        np.testing.assert_array_equal(trace.state["x"][0, 0], end["x"][0])
        mj.simulate(model, DRIVE, conditions=mj.Conditions(initial=trace.final), **about)


@pytest.mark.slow
def test_the_end_of_another_circuit_is_no_start():
    def circuit(device):
        return mj.Circuit({"V": (mj.VoltageSource(), "in", "gnd"), "D": (device, "in", "gnd")})

    end = mj.simulate(circuit(mj.Vteam()), DRIVE).final
    with pytest.raises(ModelError, match=r"the final state of a circuit of D \(vteam\)"):
        mj.simulate(circuit(mj.ThresholdSwitch()), DRIVE, conditions=mj.Conditions(initial=end))
    mj.simulate(circuit(mj.Vteam()), DRIVE, conditions=mj.Conditions(initial=end))


@pytest.mark.integration
def test_a_number_in_place_of_states_is_refused():
    with pytest.raises(ModelError, match="a float in place of states; in initial; allowed: x"):
        mj.simulate(mj.Vteam(), DRIVE, conditions=mj.Conditions(initial=0.3))
