"""What a folder says of targets."""

import pytest

from fitting.targets.protocol import TargetSettings, protocols_for
from fitting.targets.target import Target


def test_a_protocol_says_what_it_drives_and_at_which_levels():
    (protocol,), _ = protocols_for([Target("v_th", 0.5)], TargetSettings())
    found = protocol.as_json()
    assert (found["kind"], found["observables"]) == ("sweep", ["v_th"])
    assert found["duration_s"] == pytest.approx(4.0)
    assert all(x > 0 for x in found["levels"].values())
