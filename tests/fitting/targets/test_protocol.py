"""What is simulated for which targets, and how it is read."""

import numpy as np
import pytest

import memjax as mj
from fitting.targets.protocol import TargetSettings, protocols_for
from fitting.targets.target import Target
from memjax.errors import DataError


def test_targets_of_one_kind_share_a_protocol():
    wanted = ("v_th=0.5", "delay@1=1e-3", "v_hold=0.1", "relaxation@1=2e-3", "delay@2=1e-4")
    protocols, places = protocols_for([Target.parse(t) for t in wanted], TargetSettings())
    assert [p.kind for p in protocols] == ["sweep", "pulse", "pulse"]
    assert places == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)]
    sweep, pulse, _ = protocols
    assert float(np.max(sweep.stimulus.values)) == 1.0  # twice the largest voltage
    assert float(pulse.stimulus.width) == 1e-2
    assert float(pulse.stimulus.period) == pytest.approx(1e-2 + 10 * 2e-3)


@pytest.mark.parametrize("texts", [[], ["v_th=1", "v_th=2"], ["rate=10"]])
def test_targets_that_make_no_protocol_are_refused(texts):
    with pytest.raises(DataError):
        protocols_for([Target.parse(t) for t in texts], TargetSettings())


def _times(*trains):
    """Times as an event has them: infinite beyond the last spike."""
    size = max(map(len, trains))
    return np.array([list(t) + [np.inf] * (size - len(t)) for t in trains])


def test_a_train_that_falls_silent_has_no_interval():
    drive = mj.Sampled(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    targets = [Target.parse(t) for t in ("interval=0.1", "rate=10", "latency=0.1")]
    (protocol,), _ = protocols_for(targets, TargetSettings(stimulus=drive, level=0.5))
    regular, silent, few = (
        np.arange(0.2, 1.0, 0.1),
        np.array([0.1, 0.15, 0.2]),
        np.array([0.4, 0.9]),
    )
    found = protocol.of_spikes(_times(regular, silent, few))
    np.testing.assert_allclose(found["interval"], [0.1, np.nan, np.nan])
    np.testing.assert_allclose(found["rate"], [10.0, np.nan, np.nan])
    np.testing.assert_allclose(found["latency"], [0.2, 0.1, 0.4])
