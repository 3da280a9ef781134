"""LabVIEW measurement files, written here as the format's description has them."""

import numpy as np
import pytest

from memjax.data import read
from memjax.errors import ReaderError

LOOP = np.array([0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0])
END = "***End_of_Header***"


def head(x_columns="One", decimal="."):
    lines = [
        "LabVIEW Measurement\t", "Writer_Version\t2", "Reader_Version\t2", "Separator\tTab",
        f"Decimal_Separator\t{decimal}", "Multi_Headings\tYes", f"X_Columns\t{x_columns}", "Time_Pref\tRelative",
        "Operator\tA. Nyone", "Date\t2024/05/02", "Time\t11:12:13.5", f"{END}\t", "\t",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def segment(
    scale=1.0, names=("Voltage", "Current"), x_columns="One", samples=9, units=("Volts", "Amps")
):
    top = [
        "Channels\t2\t\t\t", f"Samples\t{samples}\t{samples}\t\t", "Date\t2024/05/02\t2024/05/02\t\t",
        "Time\t11:12:13.5\t11:12:13.5\t\t", f"Y_Unit_Label\t{units[0]}\t{units[1]}\t\t",
        "X_Dimension\tTime\tTime\t\t", "X0\t0.0\t0.0\t\t", "Delta_X\t0.100000\t0.100000\t\t", f"{END}\t\t\t\t",
    ]  # fmt: skip
    x = ["" if x_columns == "No" else f"{0.1 * k:.6f}" for k in range(9)]
    again = [f"{t}\t" if x_columns == "Multi" else "" for t in x]
    titles = ("X_Value\t" if x_columns == "Multi" else "").join(
        [f"X_Value\t{names[0]}\t", f"{names[1]}\tComment"]
    )
    rows = [
        f"{t}\t{v:.6f}\t{a}{scale * v * 1e-3:.6f}" for t, v, a in zip(x, LOOP, again, strict=True)
    ]
    return "\n".join([*top, titles, *rows]) + "\n\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "file.lvm"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("x_columns", ["One", "No", "Multi"])
@pytest.mark.parametrize("names", [("Voltage", "Current"), ("Untitled", "Untitled 1")])
def test_segments_are_sweeps_in_si(write, x_columns, names):
    parts = [segment(k, names, x_columns) for k in (1, 2)]
    m = read(write(head(x_columns) + "".join(parts)))
    assert (m.reader, m.sweep.tolist()) == ("lvm", [0] * 9 + [1] * 9)
    np.testing.assert_allclose(m.i, 1e-3 * np.concatenate([LOOP, 2 * LOOP]), atol=1e-12)
    np.testing.assert_allclose(m.t, np.tile(0.1 * np.arange(9), 2), atol=1e-12)
    assert m.warnings == ()


def test_decimal_commas_and_a_special_block(write):
    text = segment().replace(".", ",")
    special = "***Start_Special***\nForce_Settings\t1\nX\t2\n***End_Special***\n"
    m = read(write(head(decimal=",") + special + text))
    np.testing.assert_allclose(m.v, LOOP)
    assert m.source["settings"]["Operator"] == "A. Nyone"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.replace(f"{END}\t\t\t\t\n", ""), "1 headers of segments, 0 with an end"),
        (lambda s: s.replace(END, "***"), "no line"),
        (lambda s: s.replace("X_Value\tVoltage", "Y\tVoltage"), "a segment without X_Value"),
        (lambda s: s.replace("\t0.500000\t", "\t0.500000\t1\t2\t3\t4\t", 1), "more cells than"),
        (lambda s: s.replace("\t0.500000\t", "\tfive\t", 1), "'five' in column 'Voltage' is not a number"),
        (lambda s: s.replace("Voltage", "Sensor").replace("Volts", "N"), "columns found: 'X_Value', 'Sensor'"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(write, change, says):
    with pytest.raises(ReaderError, match=says):
        read(write(change(head() + segment())))


def test_a_file_that_was_cut_off_is_said_to_be(write):
    m = read(write((head() + segment())[:-30]))
    assert len(m.v) < 9
    assert any("rows where its header says 9 samples" in w for w in m.warnings)
