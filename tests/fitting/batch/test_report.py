"""What a batch leaves: a row per device, statistics of what is determined, failures with their reasons."""

import csv

from fitting.batch.fit import Row
from fitting.batch.report import _failures, population, status, write_devices
from fitting.page.blocks import Text

GOOD = {"verdict": "good", "reason": "all agrees", "loss": 1.0, "reduced_chi2": 1.1}
ROWS = [
    Row(name="a", values={"r_on": 500.0}, std={"r_on": 5.0}, **GOOD),
    Row(name="b", values={"r_on": 700.0}, std={"r_on": 7.0}, **GOOD | {"verdict": "poor"}),
    Row(name="c", values={"r_on": 9e9}, std={"r_on": 9e9}, undetermined=("r_on",), **GOOD),
    Row(name="d", failure="no column of current"),
]


def test_statistics_leave_out_what_is_not_determined():
    found = population(ROWS, {"r_on": "ohm"})["r_on"]
    assert (found["n"], found["undetermined"]) == (2, 1)
    assert found["median"] == 600.0
    assert found["median_std"] == 6.0
    assert found["quantiles"]["0.25"] == 550.0


def test_every_device_has_a_row_with_its_status(tmp_path):
    assert [status(r) for r in ROWS] == ["fitted", "poor", "fitted", "failed"]
    path = tmp_path / "devices.csv"
    write_devices(
        ROWS, {"r_on": "ohm"}, {r.name: f"{r.name}.csv" for r in ROWS}, {"a": (1.0, 2.0)}, path
    )
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [r["status"] for r in rows] == ["fitted", "poor", "fitted", "failed"]
    assert (rows[0]["x"], rows[0]["y"], rows[1]["x"]) == ("1.0", "2.0", "")
    assert rows[0]["r_on [ohm]"] == "500.0"
    assert rows[3]["failure"] == "no column of current"


def test_failures_are_grouped_by_their_reason():
    rows = [Row(name=f"d{k}", failure="no <column>") for k in range(12)]
    ((reason, count, names),) = _failures(rows).rows
    assert (reason, count) == ("no <column>", 12)
    assert names.endswith("d9, ...")
    assert _failures(ROWS[:3]) == Text("None.")
