"""What measurements show without a model."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.device_summary import limited_bench_of, summarise, thresholds_of
from memjax.errors import DataError


@pytest.fixture
def measured() -> mj.Measurement:
    """Two sweeps of a resistance under a limit."""
    v = np.concatenate([np.linspace(0, 1, 11), np.linspace(0.9, 0, 10)])
    i = np.minimum(1e-6 * v, 8e-7)
    columns = {"v": np.tile(v, 2), "i": np.tile(i, 2), "sweep": np.repeat([0, 1], len(v))}
    return mj.Measurement(
        **columns, at_compliance=columns["i"] >= 8e-7, compliance=8e-7, reader="", source={}
    )


def test_the_limit_of_the_data_is_that_of_the_bench(measured):
    summary = summarise([measured], mj.Vteam(), mj.Bench(), 0.1, (None, None))
    assert summary.bench.compliance == 8e-7
    assert any("taken from the data" in n for n in summary.notes)
    named = mj.Bench(compliance=1e-3)
    assert limited_bench_of(named, summary.waves, mj.Vteam()) == (named, None, [])


def test_a_threshold_is_a_current(measured):
    assert thresholds_of([measured], 1e-7, 1e-8).options == {
        "on_threshold": 1e-7,
        "hold_threshold": 1e-8,
    }
    with pytest.raises(DataError, match="on-threshold = -1"):
        thresholds_of([measured], -1.0)
