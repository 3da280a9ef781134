"""What all formats share: gaps, labels, times, signs, wrong files, wrong options."""

import numpy as np
import pytest

from memjax.data import SpikeRecord, base, has_records, read, read_records, reader_names, registry
from memjax.data.reading import _record
from memjax.errors import ReaderError

TABLE = "t_s,v_V,i_A\n0,0,0\n1,0.5,1e-3\n2,1,2e-3\n3,0.5,1e-3\n4,0,0\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="file.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty file"),
        ("  \n\n", "empty file"),
        (b"\x7fELF\x00\x01\x02", "binary file"),
        (b"PK\x03\x04 no spreadsheet", "no spreadsheet"),
        ("It was a dark night.\nThe wind howled.\n", "no reader recognises it.*--columns"),
        ("v_V\n1\n2\n3\n", "no measurement"),
        ("v_V,i_A\nnan,nan\nnan,nan\n", "no measurement|0 of 2 rows"),
        ("t_s,v_V,i_A\n0,nan,nan\n1,nan,nan\n", "0 of 2 rows hold a voltage and a current"),
        ("v_V,i_A\n0,9.91E+37\n1,9.91E+37\n", "0 of 2 rows"),
        ("t_s,v_V,i_A\n0,0,0\n1,1,oops\n", "'oops' in column 'i_A' is not a number; .*line 3"),
        ("v_V,i_A\n0,0\n1,1\n1,2,3\n", "3 cells where other rows have 2; .*line 4"),
        ("v_V,r_ohm\n1,2\n3,4\n", "no column says that it is the current.*'v_V', 'r_ohm'"),
        ("va_V,u_V,v_V,i_A\n1,1,1,2\n3,3,3,4\n", "2 columns may be the voltage: 'u_V', 'v_V'"),
        ('{"v_V": [1, 2]}', "no two arrays of one length; it holds 'v_V'"),
    ],
)  # fmt: skip
def test_wrong_file_is_named_with_what_is_wrong(write, content, message):
    path = write(content)
    with pytest.raises(ReaderError, match=f"(?s){message}") as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(ReaderError, match="no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(ReaderError, match="directory"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reader": "b15000"}, "unknown reader 'b15000'.*allowed: b1500, .*tidy"),
        ({"columns": {"v": "nope"}}, "no column 'nope'.*'v_V'"),
        ({"columns": {"voltage": "v_V"}}, "unknown roles.*allowed: v, i, t, sweep"),
        ({"columns": {"v": "v_V", "i": "v_V"}}, "both voltage and current"),
        ({"shunt": 0.0}, "shunt 0.*allowed: > 0"),
        ({"shunt": -50.0}, "shunt -50"),
        ({"sign": 2}, "sign 2.*allowed: 1, -1"),
        ({"point_time": 0.0}, "point time 0"),
        ({"reader": "b1500"}, "no DataValue"),
        ({"reader": "oscilloscope", "shunt": 5.0, "columns": {"i": "nope"}}, "no channel 'nope'"),
        ({"reader": "spreadsheet"}, "no spreadsheet"),
    ],
)
def test_wrong_option_is_named_with_what_is_allowed(write, options, message):
    with pytest.raises(ReaderError, match=message):
        read(write(TABLE), **options)


@pytest.mark.parametrize("name", reader_names())
def test_reader_forced_on_a_table_that_is_not_its_own_reads_it_or_says_why(write, name):
    path = write(TABLE)
    try:
        outcome = read(path, reader=name, shunt=50.0).reader
    except ReaderError as error:
        outcome = str(error)
    assert outcome == name or str(path) in outcome


def test_rows_with_gaps_are_dropped_and_counted_once(write):
    text = "v_V,i_A\n0,0\n0.5,nan\n1,\n0.5,9.91E+37\n0.2,1e-3\n0,0\n"
    m = read(write(text))
    np.testing.assert_array_equal(m.v, [0, 0.2, 0])
    assert [w for w in m.warnings if "NaN" in w] == ["3 rows with NaN dropped: lines 3, 4, 5"]


def test_gap_in_the_first_row_is_a_row_that_is_dropped_and_counted(write):
    m = read(write("v_V,i_A\n0,\n1,1\n2,2\n"))
    np.testing.assert_array_equal(m.v, [1, 2])
    assert m.warnings == ("1 row with NaN dropped: line 2",)


def test_time_missing_in_many_rows_is_dropped_rather_than_the_rows(write):
    text = "t_s,v_V,i_A\n0,0,0\n,0.5,1e-3\n,1,2e-3\n3,0.5,1e-3\n"
    m = read(write(text))
    assert (len(m.v), m.t) == (4, None)
    assert any("time is missing in 2 of 4 rows" in w for w in m.warnings)


def test_assumed_units_are_said_and_stated_ones_are_not(write):
    assumed = read(write("Voltage,Current\n0,0\n1,1\n"))
    assert assumed.warnings == ("no units stated, taken as SI: Voltage in V, Current in A",)
    assert read(write(TABLE)).warnings == ()


def test_a_unit_that_measures_something_else_is_named():
    """As a reader may state it; a header cell that ends in no unit is a name."""
    table = base.Table(
        names=("v", "i"),
        columns=(["0", "1"], ["0", "1"]),
        lines=[2, 3],
        units=("V", "apples"),
    )
    rows = _record(table, {"v": 0, "i": 1}, 0, "a.txt", {})
    text = "the unit 'apples' of 'i' is no unit of a current: its numbers are taken as A"
    assert rows.warnings == [text]


def test_labels_of_the_file_are_kept(write):
    text = "cycle,v_V,i_A\n7,0,0\n7,1,1\n3,0,0\n3,1,1\n"
    assert read(write(text)).sweep.tolist() == [7, 7, 3, 3]


def test_labels_that_are_names_are_numbered_and_kept_aside(write):
    m = read(write("file,v_V,i_A\nb,0,0\nb,1,1\na,0,0\na,1,1\n"))
    assert m.sweep.tolist() == [0, 0, 1, 1]
    assert m.source["sweep_names"] == ("b", "a")


def test_chosen_sweep_column_wins(write):
    text = "lot,cycle,v_V,i_A\n5,0,0,0\n5,1,1,1\n6,2,0,0\n6,3,1,1\n"
    assert read(write(text), columns={"sweep": "lot"}).sweep.tolist() == [5, 5, 6, 6]


def test_repeated_header_begins_a_record_and_is_said(write):
    m = read(write(TABLE + TABLE.replace("2e-3", "3e-3")))
    assert m.sweep.tolist() == [0] * 5 + [1] * 5
    assert m.warnings == ("the header stands again in line 7: a further record begins there",)


def test_a_file_appended_to_itself_is_read_once(write):
    m = read(write(TABLE + TABLE))
    assert m.sweep.tolist() == [0] * 5
    assert "the rows from line 8 on are those from line 2 on again: left out" in m.warnings


def test_time_that_starts_again_begins_a_sweep_and_is_said(write):
    m = read(write(TABLE + TABLE.split("\n", 1)[1]))
    assert m.sweep.tolist() == [0] * 5 + [1] * 5
    assert any("time starts again 1 times" in w for w in m.warnings)


def test_time_that_runs_backwards_within_a_labelled_sweep_is_an_error(write):
    text = "sweep,t_s,v_V,i_A\n0,0,0,0\n0,2,1,1\n0,1,2,2\n"
    with pytest.raises(ReaderError, match=r"backwards within sweep 0; .*line 4"):
        read(write(text))


def test_time_that_runs_back_and_forth_is_an_error(write):
    text = "t_s,v_V,i_A\n" + "".join(f"{k % 2},{k},{k}\n" for k in range(20))
    with pytest.raises(ReaderError, match="backwards 9 times"):
        read(write(text))


def test_sign_turns_the_current_and_an_opposite_one_is_said(write):
    path = write("v_V,i_A\n0,0\n1,-1e-3\n2,-2e-3\n")
    assert any("--sign -1" in w for w in read(path).warnings)
    turned = read(path, sign=-1)
    np.testing.assert_array_equal(turned.i, [0, 1e-3, 2e-3])
    assert turned.warnings == ()


def test_point_time_counts_each_sweep_from_its_start(write):
    text = "cycle,v_V,i_A\n0,0,0\n0,1,1\n1,0,0\n1,1,1\n1,0,0\n"
    m = read(write(text), point_time=0.01)
    np.testing.assert_allclose(m.t, [0.01, 0.02, 0.01, 0.02, 0.03])
    assert m.source["point_time_s"] == 0.01
    kept = read(write(TABLE), point_time=0.01)
    np.testing.assert_array_equal(kept.t, np.arange(5.0))
    assert any("point time is not used" in w for w in kept.warnings)


def test_shunt_for_a_file_with_a_current_is_said_to_be_unused(write):
    assert any("shunt is not used" in w for w in read(write(TABLE), shunt=50.0).warnings)


def test_plugged_in_reader_is_found_and_a_broken_one_is_named(write, monkeypatch):
    class Own(base.AbstractReader):
        name = "own"
        description = "numbers behind OWN"

        def sniff(self, head):
            return 1.0 if head.startswith("OWN") else 0.0

        def parse(self, source, options):
            columns = (["0", "1"], ["0", "2"])
            return (base.Table(names=("v_V", "i_A"), columns=columns, lines=[2, 3]),)

    class Point:
        name, value = "own", "elsewhere:Own"

        def __init__(self, load):
            self.load = load

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point(lambda: Own)])
    assert reader_names()[-1] == "own"
    assert read(write("OWN\n1 2\n3 4\n")).i.tolist() == [0, 2]

    def broken():
        raise ImportError("no module named elsewhere")

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point(broken)])
    with pytest.raises(ReaderError, match=r"'own'.*does not load: no module named elsewhere"):
        read(write(TABLE))
    assert read(write(TABLE), reader="tidy").reader == "tidy"


def test_records_and_curves_are_recognised_by_one_registry(write, monkeypatch):
    class Own(base.AbstractRecordReader):
        name = "own-spikes"
        description = "spike times behind OWN"

        def sniff(self, head):
            return 1.0 if head.startswith("OWN") else 0.0

        def records(self, source):
            times = np.array([float(x) for x in source.text.split("\n")[1:] if x])
            return (SpikeRecord(label="a", times=times, reader=self.name, source={}),)

    class Point:
        name, value = "own-spikes", "elsewhere:Own"

        def load(self):
            return Own

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()])
    path = write("OWN t_s\n1\n2\n")
    assert reader_names()[-1] == "own-spikes"
    assert has_records(path)
    assert read_records(path)[0].times.tolist() == [1, 2]
    assert not has_records(path, reader="tidy")
    assert not has_records(write(TABLE, "curve.csv"))


def test_a_reader_of_another_kind_is_refused_with_those_that_there_are(write):
    pulses = write("Pulse #,Conductance (uS)\n1,1\n2,2\n3,3\n")
    with pytest.raises(
        ReaderError, match=r"'pulse-columns' reads conductance.*allowed: b1500, .*tidy"
    ):
        read(pulses, reader="pulse-columns")
    with pytest.raises(ReaderError, match=r"'tidy' reads .*allowed: endurance.*pulse-columns"):
        read_records(pulses, reader="tidy")
    with pytest.raises(ReaderError, match=r"unknown reader 'nope'.*allowed: b1500"):
        read(pulses, reader="nope")
    published = write('{"Gset": [1, 2]}', "pulses.json")
    with pytest.raises(ReaderError, match=r"no two arrays.*seems to hold JSON with Gset"):
        read(published)


LIMITED = "cycle,v_V,i_A,compliance_A\n0,1,1e-6,1e-6\n0,0,0,1e-6\n1,-1,-1e-5,1e-5\n1,-0.5,0,\n"


def test_a_column_of_limits_gives_the_limit_of_each_point(write):
    m = read(write(LIMITED))
    np.testing.assert_array_equal(m.limit, [1e-6, 1e-6, 1e-5, np.inf])
    assert (m.compliance, m.compliances) == (1e-5, [1e-6, 1e-5])
    np.testing.assert_array_equal(m.at_compliance, [True, False, True, False])
    np.testing.assert_array_equal(m.select(m.sweep == 1).limit, [1e-5, np.inf])
    named = read(write(LIMITED.replace("compliance_A", "Icc (uA)")), columns={"compliance": "Icc"})
    np.testing.assert_allclose(named.limit[:3], [1e-12, 1e-12, 1e-11])


def test_an_option_wins_over_a_column_and_may_differ_by_polarity(write):
    m = read(write(LIMITED), compliance=(2e-6, 1e-5))
    np.testing.assert_array_equal(m.limit, [2e-6, 2e-6, 1e-5, 1e-5])
    np.testing.assert_array_equal(m.limits(), [[2e-6, 2e-6], [1e-5, 1e-5]])
    listed: tuple = [2e-6, 1e-5]  # pyright: ignore[reportAssignmentType]
    np.testing.assert_array_equal(read(write(LIMITED), compliance=listed).limit, m.limit)
    with pytest.raises(ReaderError, match=r"compliance -1 A; in --compliance; allowed: > 0"):
        read(write(LIMITED), compliance=-1.0)
    with pytest.raises(ReaderError, match=r"3 limits; in --compliance.*--columns compliance=NAME"):
        read(write(LIMITED), compliance=(1.0, 1.0, 1.0))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("cells", [("0", "1"), ("F", "T")])
def test_a_column_of_flags_is_no_column_of_limits(write, cells):
    a, b = cells
    text = f"v_V,i_A,Compliance\n0,0,{a}\n1,1e-6,{b}\n0,0,{a}\n"
    m = read(write(text))
    assert m.limit is None
    assert any("'Compliance' holds flags or text" in w for w in m.warnings)


def test_a_column_of_limits_is_not_taken_for_the_current(write):
    m = read(write("Voltage (V),Measured current (A),Limit current (A)\n0,0,1e-3\n1,5e-4,1e-3\n"))
    assert m.source["columns"]["i"] == "Measured current (A)"
    assert m.i.max() == 5e-4


def test_columns_that_are_not_read_are_named(tmp_path):
    path = tmp_path / "more.csv"
    head = "Index,v_V,i_A,temperature_K,comment,\n"
    path.write_text(head + "".join(f"{k},{k / 10},{k / 1e6},300,ok,\n" for k in range(9)))
    assert "columns left aside: temperature_K, comment" in read(path).warnings
    named = read(path, columns={"v": "v_V", "i": "i_A"})
    assert not [text for text in named.warnings if "left aside" in text]


def test_sweeps_that_have_names_are_said_to_be_of_one_device(tmp_path):
    path = tmp_path / "devices.csv"
    rows = [f"{name},{k / 10},{k / 1e6}\n" for name in ("left", "right") for k in range(9)]
    path.write_text("device,v_V,i_A\n" + "".join(rows))
    text = "2 sweeps of one device, named left, right: numbered in the order in which they stand"
    assert any(warning.startswith(text) for warning in read(path).warnings)
