"""Pictures of a batch: which values they show, and that they are drawn whatever failed."""

import numpy as np

from fitting.batch.figures import determined, picture_distributions, picture_wafer
from fitting.batch.fit import Row

ROWS = [
    Row(name="a", values={"r_on": 500.0}, std={"r_on": 5.0}),
    Row(name="b", values={"r_on": 700.0}, std={"r_on": 5.0}),
    Row(name="c", values={"r_on": 9e9}, std={"r_on": 9e9}, undetermined=("r_on",)),
    Row(name="d", failure="no column of current"),
]


def test_only_values_that_the_data_determine_are_shown():
    assert determined(ROWS, "r_on").tolist() == [500.0, 700.0]
    assert determined(ROWS, "r_off").size == 0


def test_pictures_are_drawn_where_devices_failed_or_determine_nothing(tmp_path):
    units = {"r_on": "ohm", "r_off": "ohm"}
    places = {r.name: (float(k % 2), float(k // 2)) for k, r in enumerate(ROWS)}
    picture_distributions(ROWS, units, tmp_path / "distributions.png")
    picture_wafer(ROWS, units, places, tmp_path / "wafer.png")
    assert len(list(tmp_path.glob("*.svg"))) == 2
    for path in tmp_path.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    assert np.all([p.stat().st_size > 5000 for p in tmp_path.iterdir()])
