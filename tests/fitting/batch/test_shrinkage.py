"""What is told of devices with the population as their prior."""

import csv

from fitting.batch.rows import Posterior, Row
from fitting.batch.shrinkage import remarks_on, shrinkage, write_shrunken

OWN = {"values": {"r": 2.0}, "std": {"r": 0.4}}
DRAWN = Posterior(values={"r": 2.2}, std={"r": 0.2}, shift={"r": 0.5}, loss=1.0, excess=0.3)
STRAY = Posterior(values={"r": 9.0}, std={"r": 0.4}, shift={"r": 0.0}, p_value=1e-9, outside=True)
ROWS = [
    Row(name="a", posterior=DRAWN, **OWN),
    Row(name="b", posterior=STRAY, **OWN),
    Row(name="c", failure="no data", posterior=Posterior(failure="no fit without the population")),
]


def test_each_device_has_a_row_that_says_what_the_prior_did(tmp_path):
    write_shrunken(ROWS, {"r": "ohm"}, tmp_path / "shrunken.csv")
    with (tmp_path / "shrunken.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [r["status"] for r in table] == ["shrunken", "outside", "failed"]
    assert [r["r [ohm]"] for r in table] == ["2.2", "9.0", ""]
    assert [r["r shift [std]"] for r in table] == ["0.5", "0.0", ""]
    assert (table[0]["excess_chi2"], table[1]["p_value"]) == ("0.3", "1e-09")


def test_devices_outside_and_those_without_are_said():
    about = shrinkage(ROWS)
    assert (about["shrunken"], about["outside"], about["failed"]) == (1, ["b"], 1)
    assert about["parameters"] == {"r": {"median_shift": 0.5, "std_ratio": 0.5}}
    (remark,) = remarks_on(ROWS)  # a device that could not be fitted at all has been said
    assert remark.startswith("outside the population")
    assert "b; their own fits stand" in remark
    lost = Row(name="d", posterior=Posterior(failure="no population"), **OWN)
    assert remarks_on([lost]) == [
        "not fitted with the population as prior: 1 devices: no population"
    ]
