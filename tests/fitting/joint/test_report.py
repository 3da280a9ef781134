"""The page of a joint fit: shares, and whether files agree."""

import pytest

from fitting.joint.report import _agreement, _shares, folder_of

PART = {
    "label": "dc.csv", "kind": "sweeps", "shares": {"tau": 0.75}, "alone": {"tau": [1e-4, 2e-5]}, "rise": 0.4,
    "determines": 1.9, "p": 0.6, "contradicts": False,
}  # fmt: skip
OTHER = PART | {"label": "pulses.csv", "alone": {}, "shares": {"tau": 0.2}, "contradicts": True}


@pytest.mark.integration
def test_shares_stand_beside_what_each_file_said_alone():
    table = _shares({"files": [PART, OTHER], "free": ["tau"]})
    assert table.rows == [["tau", "75 % (alone 0.0001 ± 2e-05)", "20 %"]]


def test_a_contradiction_is_named():
    table = _agreement({"files": [PART, OTHER]})
    assert [row[-1] for row in table.rows] == ["agrees", "contradicts the others"]


def test_a_folder_is_named_by_place_and_label():
    assert folder_of("dc sweeps.csv", 0) == "1-dc_sweeps.csv"
    assert folder_of("a/b, c", 1) == "2-a_b_c"
