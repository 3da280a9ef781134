"""Tables of spike times, and traces in which spikes are found."""

import numpy as np
import pytest

from memjax.data import has_records, read_records, read_spike_trains, read_traces
from memjax.errors import ReaderError


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "table.csv"
        path.write_text(text)
        return path

    return write


def test_trains_are_told_apart_and_times_have_their_unit(table):
    path = table("# a note\nneuron;t_ms\n4;3\n4;1\n9;2\n4;1\n")
    found = read_spike_trains(path)
    assert list(found) == ["4", "9"]
    np.testing.assert_allclose(found["4"], [1e-3, 3e-3])
    np.testing.assert_allclose(found["9"], [2e-3])
    alone = read_spike_trains(table("t_s\n0.1\n0.2\n"))
    np.testing.assert_allclose(alone["0"], [0.1, 0.2])


def test_a_table_of_times_is_seen_from_its_looks(table):
    path = table("train,t_s\n0,0.5\n0,0.1\n1,0.2\n")
    assert has_records(path)
    first, second = read_records(path)
    np.testing.assert_allclose(first.times, [0.1, 0.5])
    assert (first.label, second.label) == ("0", "1")
    # A voltage, a resistance or an unknown column makes it something else.
    for text in ("t_s,v_V\n0,1\n1,2\n", "t_s,what\n0,1\n1,2\n", "v_V,i_A\n0,1\n1,2\n"):
        assert not has_records(table(text)), text


def test_spikes_of_traces_are_their_rises_through_the_level(table):
    path = table("kind,t_s,gate.v\na,0,0\na,1,1\na,2,0\na,3,1\nb,0,0\nb,2,0.4\n")
    found = read_spike_trains(path, signal="gate.v", level=0.5)
    np.testing.assert_allclose(found["a"], [0.5, 2.5])
    assert found["b"].size == 0
    t, v = read_traces(path, signal="gate.v")["b"]
    np.testing.assert_allclose(t, [0, 2])
    np.testing.assert_allclose(v, [0, 0.4])
    scaled = read_traces(table("t_ms,v_mV\n0,100\n1,300\n"), signal="node.v")["0"]
    np.testing.assert_allclose(scaled, [[0, 1e-3], [0.1, 0.3]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v_V,i_A\n0,1\n", "no column says that it is the time.*--columns t=NAME,v=NAME"),
        ("t_s,v_V\n0,1\n1,2\n", "a trace.*at which level"),
        ("train,t_s\n", "no rows"),
        ("train,t_s\n0,0.1,7\n", "3 cells under a header of 2.*line 2"),
        ("train,t_s\n0,\n", "no time.*line 2"),
        ("train,t_s\n0,soon\n", "'soon'.*line 2"),
    ],
)
def test_what_holds_no_trains_is_refused_with_its_line(table, text, message):
    with pytest.raises(ReaderError, match=message):
        read_spike_trains(table(text))


def test_a_trace_that_goes_back_in_time_is_refused(table):
    path = table("t_s,v_V\n0,1\n2,2\n1,3\n")
    with pytest.raises(ReaderError, match="do not increase"):
        read_spike_trains(path, level=1.5)
    with pytest.raises(ReaderError, match="no column says that it is the voltage"):
        read_traces(table("t_s,i_A\n0,1\n1,2\n"), signal="gate.v")


@pytest.mark.parametrize(
    "text",
    [
        "train,t_s\n0;0,010000\n0;1,250000\n1;0,015000\n",
        "train,t_s\n0;0.010000\n0;1.250000\n1;0.015000\n",
        "train;t_s\n0;0,01\n0;1,25\n1;0,015\n",
        "train\tt_s\n0\t0,01\n0\t1,25\n1\t0,015\n",
        "train t_s\n0 0,01\n0 1,25\n1 0,015\n",
        'train,t_s\n0,"0,01"\n0,"1,25"\n1,"0,015"\n',
    ],
)
def test_decimal_commas_are_told_from_separators_by_the_rows(table, text):
    found = read_spike_trains(table(text))
    assert {n: t.tolist() for n, t in found.items()} == {"0": [0.01, 1.25], "1": [0.015]}
    warnings = read_records(table(text))[0].warnings
    assert ("decimal commas are read as decimal points" in warnings) == ("0,0" in text)


def test_a_table_that_is_parted_in_two_ways_is_refused(table):
    path = table("train,t_s\n0;1,500\n0;2,500\n")
    with pytest.raises(ReaderError, match="rows such as '0;1,500' may be parted at ';' or at ','"):
        read_spike_trains(path)
    assert list(read_spike_trains(table("train,t_s\na;b,0.5\na;b,0.6\n"))) == ["a;b"]


def test_the_column_of_another_node_is_no_trace_of_the_one_that_is_asked_for(table):
    path = table("t_s,gate.v\n0,1\n1,2\n")
    with pytest.raises(ReaderError, match=r"no column 'node\.v'.*say --columns v=gate\.v"):
        read_traces(path, signal="node.v")
    named = read_traces(path, signal="node.v", columns={"v": "gate.v"})["0"]
    np.testing.assert_array_equal(named[1], [1, 2])


def test_the_signal_is_found_in_any_case(table):
    (times, values) = read_traces(table("t_s,X\n0,1\n1,2\n"), signal="x")["0"]
    assert (times.tolist(), values.tolist()) == ([0, 1], [1, 2])


@pytest.mark.parametrize(
    "header", ["neuron id,spike time (ms)", "trial,times_ms", "Neuron no,t / ms"]
)
def test_columns_of_spike_times_have_the_names_that_a_lab_gives_them(table, header):
    found = read_spike_trains(table(header + "\n0,10\n0,20\n1,15\n"))
    assert {n: t.tolist() for n, t in found.items()} == {"0": [0.01, 0.02], "1": [0.015]}


def test_rows_of_a_trace_are_no_spikes_where_no_column_is_known_as_the_signal(table):
    path = table("Time (ms),V_gate (mV),V_drive (V)\n0,10,1.5\n1,900,1.5\n2,10,0\n3,800,0\n")
    with pytest.raises(ReaderError, match=r"'V_gate \(mV\)'.*--columns t=NAME,v=NAME"):
        read_spike_trains(path, signal="gate.v", level=0.5)
    found = read_spike_trains(path, signal="gate.v", level=0.5, columns={"v": "V_gate (mV)"})
    np.testing.assert_allclose(found["0"], [490 / 890 * 1e-3, (2 + 490 / 790) * 1e-3])
    alone = read_spike_trains(path, columns={"t": "Time (ms)"})
    np.testing.assert_allclose(alone["0"], [0, 1e-3, 2e-3, 3e-3])


def test_a_channel_of_an_oscilloscope_is_a_trace(table):
    path = table("x-axis,1,2\nsecond,Volt,Volt\n0,1,0\n1,1,1\n2,0,0\n")
    with pytest.raises(
        ReaderError, match="name a channel as the trace of a circuit: --columns v=1"
    ):
        read_traces(path, signal="gate.v")
    assert read_traces(path, columns={"v": "2"})["0"][1].tolist() == [0, 1, 0]
    row = table("Zeit;Gate\nms;mV\n0,0;10,0\n1,0;900,0\n2,0;10,0\n")
    np.testing.assert_allclose(read_traces(row, signal="gate.v")["0"][1], [0.01, 0.9, 0.01])
