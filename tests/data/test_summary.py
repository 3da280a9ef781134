"""The summary of `memjax read --json`, and the way there and back through a tidy table."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from memjax.data import Measurement, read
from memjax.data.summary import summary, write_tidy
from memjax.errors import OutputError

finite = st.floats(-1e30, 1e30, allow_subnormal=False)


def measurement(v, i, sweep, t=None, **more):
    off = np.zeros(len(v), dtype=bool)
    return Measurement(
        v=np.array(v, dtype=float), i=np.array(i, dtype=float), sweep=np.array(sweep),
        t=None if t is None else np.array(t, dtype=float), at_compliance=off, reader="tidy", **more,
    )  # fmt: skip


@pytest.mark.integration
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(finite, finite, st.integers(-5, 10**12)), min_size=2, max_size=20),
    timed=st.booleans(),
)
def test_tidy_table_reads_back_to_the_same_numbers(tmp_path_factory, rows, timed):
    v, i, sweep = zip(*rows)
    t = np.arange(len(v)) * np.pi if timed else None
    path = tmp_path_factory.mktemp("tidy") / "out.csv"
    before = measurement(v, i, sweep, t)
    write_tidy(before, path)
    after = read(path)
    for name in ("v", "i", "sweep"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert (after.t is None) == (t is None)
    if timed:
        np.testing.assert_array_equal(after.t, t)


def test_failed_write_leaves_nothing_behind_and_what_was_there(tmp_path):
    m = measurement([0, 1], [0, 1], [0, 0])
    with pytest.raises(OutputError, match="cannot be written"):
        write_tidy(m, tmp_path / "no" / "out.csv")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken"):
        write_tidy(m, tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_summary_has_the_keys_of_the_contract_and_is_json():
    m = measurement([0, -1.5, 2], [0, -1e-6, 3e-6], [4, 4, 5], [0, 1, 2], warnings=("a guess",))
    told = json.loads(json.dumps(summary(m)))
    contract = {
        "reader": "tidy", "points": 3, "sweeps": 2, "v_min": -1.5, "v_max": 2.0, "i_min": -1e-6,
        "i_max": 3e-6, "compliance_A": None, "warnings": ["a guess"],
    }  # fmt: skip
    assert told | contract == told
    assert told["units"] == {"v": "V", "i": "A", "t": "s"}
    assert (told["t_max"], told["driven"], told["modulus"], told["at_compliance"]) == (
        2.0, "voltage", False, 0,
    )  # fmt: skip
