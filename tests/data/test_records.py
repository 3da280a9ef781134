"""Files of conductance per pulse and of resistance against time: made here, measured, and wrong ones."""

import json

import numpy as np
import pytest

from memjax.data import PulseProtocol, PulseRecord, has_records, read, read_records
from memjax.data.records import records_summary
from memjax.errors import ReaderError

TABLE = """device,branch,cycle,pulse,g_uS
a,P,0,0,10
a,P,0,1,12
a,P,0,2,13
a,D,0,0,13
a,D,0,1,11
a,P,1,0,11
a,P,1,1,13
a,P,1,2,14
a,D,1,0,14
a,D,1,1,12
b,P,0,0,20
b,P,0,1,21
b,P,0,2,22
b,D,0,0,22
b,D,0,1,20
"""


@pytest.fixture
def write(tmp_path):
    def make(text: str, name: str = "x.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return make


def test_a_table_gives_one_record_per_device_in_si(write):
    a, b = read_records(write(TABLE))
    assert isinstance(a, PulseRecord)
    assert (a.device, b.device) == ("a", "b")
    np.testing.assert_allclose(
        a.g, [[1e-5, 1.2e-5, 1.3e-5, 1.1e-5], [1.1e-5, 1.3e-5, 1.4e-5, 1.2e-5]]
    )
    assert a.kinds.tolist() == [0, 0, 1]
    assert a.cycles.tolist() == [0, 1]
    assert a.protocol is None
    assert a.warnings == ()
    about = records_summary((a, b))
    assert (about["cycles"], about["set_pulses"], about["pulses"]) == ([2, 1], [2, 2], None)


def test_a_branch_with_a_reading_of_its_own_is_said(write):
    (a, _) = read_records(write(TABLE.replace("a,D,0,0,13", "a,D,0,0,12.5")))
    assert a.g[0, 2] == pytest.approx(1.3e-5)
    assert "reading of its own" in a.warnings[0]


@pytest.mark.parametrize("backwards", [True, False])
def test_json_of_either_direction(write, backwards):
    up, down = [1e-5, 2e-5, 3e-5], [3e-5, 2.5e-5, 1.5e-5]
    down = down[::-1] if backwards else down
    content = {"Gset": up * 2, "Greset": down * 2, "repeats": 2, "V": [2.5, -2.7],
               "W": [1e-6, 1e-5], "T": 5e-4, "read_V": 0.2}  # fmt: skip
    (record,) = read_records(write(json.dumps(content), "d.json"))
    np.testing.assert_allclose(record.g, [[1e-5, 2e-5, 3e-5, 2.5e-5, 1.5e-5]] * 2)
    assert record.protocol == PulseProtocol(
        voltages=(2.5, -2.7), widths=(1e-6, 1e-5), period=5e-4, read_voltage=0.2
    )


def test_decays_are_told_apart_by_their_labels(write):
    one, two = read_records(write("run,t_s,r_kOhm\n1,0,2\n1,1,3\n1,2,4\n2,0,5\n2,1,6\n2,3,7\n"))
    assert one.r.tolist() == [2e3, 3e3, 4e3]
    assert two.t.tolist() == [0, 1, 3]
    (alone,) = read_records(write("t,g\n0,0.5\n1,0.25\n2,0.2\n", "lone.csv"))
    assert (alone.label, alone.r.tolist()) == ("lone", [2.0, 4.0, 5.0])
    assert "taken as SI" in alone.warnings[0]


def test_files_of_voltage_and_current_are_none_of_these(write):
    for text in ("t_s,v_V,i_A\n0,1,2\n1,1,2\n", "t_s,r_ohm,v_V,i_A\n0,1,1,1\n1,1,1,1\n"):
        path = write(text)
        assert not has_records(path)
        with pytest.raises(ReaderError, match="no conductance per pulse"):
            read_records(path)
        assert len(read(path).v) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TABLE.replace("a,P,0,1", "a,P,0,3"), "count 0, 1, 2"),
        (TABLE.replace("a,P,0,1,12", "a,P,0,1,-12"), "no positive number"),
        (TABLE.replace("a,D,1", "a,up2,1"), "branch 'up2'"),
        (TABLE.replace("a,D,1,1,12\n", ""), "other pulses than cycle"),
        (TABLE.replace("a,P,0,0,10\n", ""), "no reading before"),
        (TABLE.replace("a,P,0,1,12", "a,P,0,1,x"), "g_uS"),
        ("t_s,r_ohm\n0,1\n2,2\n1,3\n", "do not increase"),
        ("t_s,r_ohm\n0,1\n1,0\n2,3\n", "no positive number"),
        ("t_s,r_ohm\n0,1\n1,2\n", "at least 3 rows"),
    ],
)
def test_wrong_tables_are_refused_in_words(write, text, says):
    with pytest.raises(ReaderError, match=says):
        read_records(write(text))


@pytest.mark.parametrize(
    "change",
    [
        {"Gset": "x"}, {"repeats": 4}, {"W": [0, 1]}, {"read_V": None}, {"Gset": None}, {"repeats": "1"},
        {"repeats": 1.5}, {"repeats": True}, {"V": [1, 1]}, {"V": [1, -1, 2]}, {"V": ["1", "-1"]}, {"V": 1},
        {"V": [1000, -1]}, {"read_V": 5}, {"read_V": 0}, {"read_V": [0.1]}, {"T": -1}, {"T": 1e-9}, {"T": "1"},
        {"W": [-1, 1]}, {"Gset": [1.0, "2", 3.0]},
    ],
)  # fmt: skip
def test_wrong_json_is_refused_in_words(write, change):
    content = {"Gset": [1.0, 2.0, 3.0], "Greset": [3.0, 2.0, 1.0], "repeats": 1, "V": [1, -1],
               "W": [1, 1], "read_V": 0.1} | change  # fmt: skip
    with pytest.raises(ReaderError):
        read_records(write(json.dumps(content), "d.json"))


def test_json_says_what_it_lacks(write):
    content = {"Gset": [1.0, 2.0, 3.0], "Greset": [3.0, 2.0, 1.0], "repeats": 1, "V": [1, -1],
               "W": [1, 1], "read_V": 0.1, "n": [2, 5]}  # fmt: skip
    (record,) = read_records(write(json.dumps(content), "d.json"))
    assert "no T: the time from pulse to pulse is not known" in record.warnings
    assert "n = [2, 5] where the conductances are those of [2, 2] pulses a cycle" in record.warnings


@pytest.mark.slow
def test_measured_files(shared_data):
    """Counts of the sidecars; the JSON of device 0 is the table's, rounded to five digits."""
    records = read_records(shared_data / "clean" / "vcm_potentiation_depression.csv")
    assert [r.g.shape for r in records] == [(10, 401)] * 18
    folder = shared_data / "raw" / "vcm_potentiation_depression"
    (raw,) = read_records(next(folder.glob("*B12__C4.json")))
    np.testing.assert_allclose(raw.g, records[0].g, rtol=3e-5)
    decays = read_records(shared_data / "clean" / "tio2_volatile_drift.csv")
    assert (len(decays), sum(len(r.t) for r in decays)) == (109, 37860)
