"""The page of targets."""

import numpy as np
import pandas as pd
import pytest

from fitting.figures import save_all
from fitting.targets.protocol import TargetSettings, protocols_for
from fitting.targets.report import pictures, sections
from fitting.targets.target import Target

WANTED = {
    "name": "v_th", "value": 0.5, "tolerance": 0.01, "unit": "V", "protocol": 0, "begin_s": None, "simulated": 0.51,
    "statistic": "median", "scatter": 0.02, "standard_error": 0.001, "shown": 60, "members": 64, "met": False,
}  # fmt: skip
CONTENT = {
    "targets": {
        "wanted": [WANTED], "protocols": [{"kind": "sweep", "levels": {"on/positive": 1e-8}}],
        "parameters": [{"name": "mu", "start": 2.0, "value": 3.0, "needed": True, "alone_ln": 0.02}],
    }
}  # fmt: skip


def test_targets_and_what_was_needed_are_told():
    wanted, needed = sections(CONTENT)
    assert wanted.title == "Targets, against members with noise"
    (row,) = wanted.blocks[0].rows
    assert row[1:3] == ["0.5 ± 0.01", "0.51"]
    assert row[-3:] == ["60 of 64", "V", "no"]
    assert needed.title == "What was needed"
    assert needed.blocks[0].rows[0][3:] == ["1.5", "needed", "2 %"]


def test_members_and_the_wanted_voltage_are_drawn(tmp_path):
    v = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)])
    table = pd.DataFrame(
        {"protocol": 0, "member": 0, "t_s": np.arange(40), "v_V": v, "i_A": 1e-6 * v}
    )
    assert save_all(pictures(CONTENT, None, table, tmp_path), tmp_path)[0] == "targets.png"
    assert (tmp_path / "targets.png").stat().st_size > 5000


def test_a_protocol_says_what_it_drives_and_at_which_levels():
    (protocol,), _ = protocols_for([Target("v_th", 0.5)], TargetSettings())
    found = protocol.as_json()
    assert (found["kind"], found["observables"]) == ("sweep", ["v_th"])
    assert found["duration_s"] == pytest.approx(4.0)
    assert all(x > 0 for x in found["levels"].values())
