"""Text exports of oscilloscopes, written here in each maker's layout."""

import numpy as np
import pytest

from memjax.data import read
from memjax.errors import ReaderError

N = 41
T = -1e-3 + 5e-5 * np.arange(N)
SHUNT = 0.25 * np.sin(np.pi * np.arange(N) / (N - 1))
TOTAL = 8 * SHUNT
OHM = 50.0


@pytest.fixture
def write(tmp_path):
    def write(text, name="scope.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def rows(*columns, separator=",", end="\n"):
    return end.join(separator.join(f"{float(x)!r}" for x in row) for row in zip(*columns)) + end


def keysight(units="Volt,Volt"):
    return f"x-axis,1,2\nsecond,{units}\n" + rows(T, SHUNT, TOTAL)


def tektronix(units="V,V", names="CH1,CH2", *columns):
    head = [
        "Model,MDO3014", "Firmware Version,1.20", "", "Waveform Type,ANALOG,ANALOG", "Point Format,Y,Y",
        "Horizontal Units,s,s", "Horizontal Scale,0.004,0.004", "Sample Interval,5e-05,5e-05",
        f"Record Length,{N},{N}", "Gating,0.0% to 100.0%,0.0% to 100.0%", "Probe Attenuation,10,10",
        f"Vertical Units,{units}", "Vertical Offset,0,0", "Label,,", ",,", f"TIME,{names}",
    ]  # fmt: skip
    return "\r\n".join(head) + "\r\n" + rows(T, *(columns or (SHUNT, TOTAL)), end="\r\n")


def rigol_counted():
    head = f"X,CH1,CH2,Start,Increment,\nSequence,Volt,Volt,{float(T[0])!r},{5e-5!r}\n"
    return head + "".join(
        f"{k},{float(a)!r},{float(b)!r},\n" for k, (a, b) in enumerate(zip(SHUNT, TOTAL))
    )


def rigol_timed():
    return "Time(s),CH1V,CH2V\n" + rows(T, SHUNT, TOTAL)


def rigol_stepped():
    return f"CH1V,CH2V,t0 ={float(T[0])!r}, tInc = {5e-5!r},\n" + rows(SHUNT, TOTAL)


def lecroy(separator=",", segments=1, names=("Time", "Ampl1", "Ampl2")):
    head = [
        separator.join(("LECROYWR625Zi", "61392", "Waveform")),
        separator.join(("Segments", str(segments), "SegmentSize", str(N))),
        separator.join(("Segment", "TrigTime", "TimeSinceSegment1")),
        *(separator.join((f"#{k + 1}", "03-May-2017 11:41:40", f"{k}")) for k in range(segments)),
        separator.join(names),
    ]
    body = "".join(
        rows(T, (k + 1) * SHUNT, (k + 1) * TOTAL, separator=separator) for k in range(segments)
    )
    return "\n".join(head) + "\n" + body


LAYOUTS = [
    ("oscilloscope", keysight(), "1", "2"),
    ("tektronix", tektronix(), "CH1", "CH2"),
    ("rigol", rigol_counted(), "CH1", "CH2"),
    ("rigol", rigol_timed(), "CH1", "CH2"),
    ("rigol", rigol_stepped(), "CH1", "CH2"),
    ("lecroy", lecroy(), "Ampl1", "Ampl2"),
    ("lecroy", lecroy(";"), "Ampl1", "Ampl2"),
    ("lecroy", lecroy("\t"), "Ampl1", "Ampl2"),
]


@pytest.mark.parametrize(("reader", "text", "first", "second"), LAYOUTS)
def test_a_channel_across_a_shunt_is_the_current(write, reader, text, first, second):
    path = write(text)
    with pytest.raises(ReaderError, match=r"voltages only.*--shunt OHM"):
        read(path)
    m = read(path, shunt=OHM)
    assert m.reader == reader
    np.testing.assert_allclose(m.t, T, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(m.i, SHUNT / OHM)
    np.testing.assert_array_equal(m.v, TOTAL - SHUNT)
    assert any(f"channel {first} over 50 ohm" in w for w in m.warnings)
    named = read(path, shunt=OHM, columns={"v": first, "i": second})
    np.testing.assert_array_equal(named.i, TOTAL / OHM)
    np.testing.assert_array_equal(named.v, SHUNT)
    with pytest.raises(ReaderError, match=f"no channel 'CH9'.*{first}, {second}"):
        read(path, shunt=OHM, columns={"v": "CH9", "i": first})


@pytest.mark.parametrize("text", [keysight("Ampere,Volt"), tektronix("A,V"), tektronix("mA,V")])
def test_a_channel_in_ampere_needs_no_shunt(write, text):
    m = read(write(text))
    np.testing.assert_allclose(m.i, SHUNT * (1e-3 if "mA" in text else 1), rtol=1e-15)
    np.testing.assert_array_equal(m.v, TOTAL)
    assert any("taken as current: channel" in w for w in m.warnings)
    assert any("shunt is not used" in w for w in read(write(text), shunt=OHM).warnings)


def test_three_channels_are_refused_with_the_option_that_settles_it(write):
    path = write(tektronix("V,V,V", "CH1,CH2,CH3", SHUNT, TOTAL, 2 * TOTAL))
    with pytest.raises(ReaderError, match=r"3 channels: CH1, CH2, CH3.*--columns v=CH2,i=CH1"):
        read(path, shunt=OHM)
    m = read(path, shunt=OHM, columns={"v": "CH2", "i": "CH1"})
    np.testing.assert_array_equal(m.v, TOTAL)


def test_segments_of_lecroy_are_records(write):
    m = read(write(lecroy(segments=3)), shunt=OHM)
    assert m.sweep.tolist() == np.repeat([0, 1, 2], N).tolist()
    np.testing.assert_array_equal(
        m.i, np.concatenate([SHUNT / OHM, 2 * SHUNT / OHM, 3 * SHUNT / OHM])
    )
    cut = lecroy(segments=3).split("\n")[:-10]
    remarks = read(write("\n".join(cut)), shunt=OHM).warnings
    assert any(f"{3 * N - 9} rows where the header says 3 segments of {N}" in w for w in remarks)


def test_digital_channels_are_left_aside_and_named(write):
    head = f"X,CH1,CH2,D7-D0,Start,Increment,\nSequence,Volt,Volt,,{float(T[0])!r},{5e-5!r}\n"
    body = "".join(
        f"{k},{a!r},{b!r},0x00,\n" for k, (a, b) in enumerate(zip(SHUNT.tolist(), TOTAL.tolist()))
    )
    m = read(write(head + body), shunt=OHM)
    np.testing.assert_array_equal(m.i, SHUNT / OHM)
    assert "columns left aside: D7-D0" in m.warnings


def tds(record=N):
    """One channel: settings in columns 1 and 2, time in column 4, reading in column 5."""
    settings = [("Record Length", f"{record:.6e}"), ("Sample Interval", "5.000000e-05"),
                ("Trigger Point", "20"), ("", ""), ("", ""), ("", ""), ("Source", "CH1"),
                ("Vertical Units", "V"), ("Vertical Scale", "1"), ("Horizontal Units", "s"),
                ("Firmware Version", "FV:v22.01")]  # fmt: skip
    settings += [("", "")] * (N - len(settings))
    pairs = zip(settings, T.tolist(), TOTAL.tolist(), strict=True)
    return "".join(f"{key},{value},,{t!r},{v!r},\r\n" for (key, value), t, v in pairs)


def test_one_channel_holds_no_current(write):
    for text in (tds(), tektronix("V", "CH1", TOTAL), "x-axis,1\nsecond,Volt\n" + rows(T, TOTAL)):
        with pytest.raises(ReaderError, match="no column says that it is the current"):
            read(write(text), columns=None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("LECROYWR625Zi,61392,Waveform\nSegments,1,SegmentSize,2\nSegment,TrigTime,T\n#1,x,0\n", "no line Time,Ampl"),
        ("X,CH1,CH2,Start,Increment,\nSequence,Volt,Volt,0,1\n", "no rows of samples"),
        ("X,CH1,CH2,Start,Increment,\nSequence,Volt,Volt\n0,1,1\n1,1,1\n", "no start and increment"),
        ("CH1V,CH2V,t0 = 0, tInc = 5e-,\n0,1\n1,1\n", "no start and increment"),
    ],
)  # fmt: skip
def test_exports_without_data_are_refused(write, text, says):
    with pytest.raises(ReaderError, match=says):
        read(write(text), shunt=OHM)
