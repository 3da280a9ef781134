"""Recordings as tables and data sets, and records of states at steps of the user's choice."""

import numpy as np
import pytest

from memjax import network as nw
from memjax.errors import NetworkError
from tests.network.conftest import DT, same, spiking
from tests.network.test_weights import learning

WATCH = {"cells": [0, 39]}


@pytest.mark.slow
def test_spikes_are_a_table(recording):
    table = recording.to_pandas()
    assert list(table.columns) == ["group", "member", "time_s"]
    assert np.all(np.diff(table["time_s"]) >= 0)
    for name, (number, when) in recording.spikes.items():
        own = table[table["group"] == name]
        np.testing.assert_array_equal(own["member"], number)
        np.testing.assert_array_equal(own["time_s"], when)


@pytest.mark.slow
def test_all_is_a_data_set(recording, tmp_path):
    """Spikes flat, statistics and final states by member, traces by time, units in the attributes; a file holds it."""
    data = recording.to_xarray()
    number, when = recording.spikes["cells"]
    np.testing.assert_array_equal(data["cells.spike_member"], number)
    np.testing.assert_array_equal(data["cells.spike_time"], when)
    np.testing.assert_array_equal(data["cells.count"], recording.statistics["cells"]["count"])
    assert data["cells.gate.v"].dims == ("time", "cells.watched")
    np.testing.assert_array_equal(data["cells.watched"], [0, 39])
    last = data["cells.gate.v"].isel(time=-1)
    np.testing.assert_array_equal(last, data["cells.final.gate.v"].isel({"cells.member": [0, 39]}))
    names = ("time", "cells.spike_time", "cells.isi", "cells.cv", "cells.gate.v")
    assert [data[n].attrs["units"] for n in names] == ["s", "s", "s", "1", "V"]
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    taught = nw.run(learning(), 5e-3).to_xarray()
    assert taught["synapse.conductance_end"].attrs["units"] == "S"


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 7, 600])
def test_states_are_recorded_at_a_step_of_choice(recording, steps):
    """Finer than the exchange interval of 200 steps, beside it, and coarser: the same path, the same spikes."""
    found = nw.run(spiking(), 0.02, watch=WATCH, every=steps * DT)
    assert same(found, recording)
    np.testing.assert_allclose(found.times, np.arange(1, 40_000 // steps + 1) * steps * DT)
    both, fine, coarse = np.intersect1d(
        np.arange(1, 40_000 // steps + 1) * steps, np.arange(1, 201) * 200, return_indices=True
    )
    assert len(both) > 20
    for name, x in recording.traces["cells"].items():
        # These neurons are computed a second time, in vectors of other lengths: float32 may round otherwise.
        np.testing.assert_allclose(
            found.traces["cells"][name][fine], x[coarse], rtol=1e-4, atol=1e-6
        )


@pytest.mark.slow
def test_a_run_that_goes_on_records_at_the_same_times():
    """Records are at multiples of the step of choice since the beginning, also where it divides no duration."""
    network, every = spiking(), 7 * DT
    whole = nw.run(network, 0.002, watch=WATCH, every=every)
    first = nw.run(network, 0.001, watch=WATCH, every=every)
    second = nw.run(network, 0.001, watch=WATCH, every=every, initial=first.final)
    np.testing.assert_allclose(whole.times, np.concatenate([first.times, second.times]))
    for name, x in whole.traces["cells"].items():
        both = [r.traces["cells"][name] for r in (first, second)]
        np.testing.assert_array_equal(x, np.concatenate(both))


@pytest.mark.parametrize("every", [2.5 * DT, 0.0, -1e-3, np.inf, np.nan])
def test_a_record_between_steps_is_refused(every):
    with pytest.raises(
        NetworkError, match=r"every = .*in record; allowed: a multiple of dt = 5e-07 s; every = "
    ):
        nw.run(spiking(), 1e-3, watch=WATCH, every=every)
