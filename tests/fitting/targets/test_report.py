"""The page of targets."""

import numpy as np
import pandas as pd

from fitting.targets.report import pictures, sections

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
    found = dict(sections(CONTENT))
    assert "<td>0.5 ± 0.01</td><td>0.51</td>" in found["Targets, against members with noise"]
    assert "<td>60 of 64</td><td>V</td><td>no</td>" in found["Targets, against members with noise"]
    assert "<td>1.5</td><td>needed</td><td>2 %</td>" in found["What was needed"]


def test_members_and_the_wanted_voltage_are_drawn(tmp_path):
    v = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)])
    table = pd.DataFrame(
        {"protocol": 0, "member": 0, "t_s": np.arange(40), "v_V": v, "i_A": 1e-6 * v}
    )
    assert pictures(CONTENT, None, table, tmp_path) == ["targets.png"]
    assert (tmp_path / "targets.png").stat().st_size > 5000
