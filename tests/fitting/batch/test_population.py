"""The population of a batch: why there is none where there is none."""

import memjax as mj
from fitting.batch.fit import Row
from fitting.batch.population import BatchPopulation, batch_population


def test_without_two_fitted_devices_nothing_is_drawn_from(tmp_path):
    found = batch_population([Row(name="a", failure="no data")], tmp_path, mj.model("mms"))
    assert found.population is None
    assert found.note.startswith("no population to draw from: 0 devices")
    assert found.as_json() is None
    assert BatchPopulation().note == ""
