"""Tables of no particular program: any separator, decimal sign, place of the header, unit and usual name."""

import numpy as np
import pytest

from memjax.data import read
from memjax.errors import ReaderError

V = [0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0]
I = [1e-3 * v for v in V]


def point(x):
    return repr(float(f"{x:.12g}"))


def comma(x):
    return point(x).replace(".", ",")


def rows(separator, v=1.0, i=1.0, number=point):
    return "\n".join(separator.join((number(a * v), number(b * i))) for a, b in zip(V, I)) + "\n"


SEPARATORS = {
    "comma": rows(","), "semicolon": rows(";"), "tab": rows("\t"), "blanks": rows("   "), "pipe": rows("|"),
    "semicolon, decimal commas": rows(";", number=comma), "tab, decimal commas": rows("\t", number=comma),
    "blank, decimal commas": rows(" ", number=comma), "pipe, decimal commas": rows("|", number=comma),
}  # fmt: skip


def check(path, text):
    path.write_text(text)
    m = read(path)
    np.testing.assert_allclose(m.v, V, rtol=1e-12)
    np.testing.assert_allclose(m.i, I, rtol=1e-12)
    return m


@pytest.mark.integration
@pytest.mark.parametrize("name", SEPARATORS)
@pytest.mark.parametrize(
    "above", ["", "Sample: A1\nMeasured 2024-01-01\n\n", "Start;0\nPoints;9\n"]
)
def test_any_separator_and_decimal_sign_below_a_header_anywhere(tmp_path, name, above):
    between = {"comma": ",", "tab": "\t", "blanks": " ", "blank": " ", "pipe": "|"}
    separator = between.get(name.split(",")[0], ";")
    check(tmp_path / "a.txt", f"{above}Voltage{separator}Current\n{SEPARATORS[name]}")


def test_a_table_with_borders_is_read(tmp_path):
    body = "\n".join(f"| {v} | {i} |" for v, i in zip(V, I))
    check(tmp_path / "a.md", f"| V (V) | I (A) |\n|-------|:------|\n{body}\n")


@pytest.mark.parametrize(
    ("units", "v", "i"),
    [
        ("mV{s}uA", 1e3, 1e6),
        ("(mV){s}(nA)", 1e3, 1e9),
        ("[V]{s}[µA]", 1, 1e6),
        ("kV{s}mA", 1e-3, 1e3),
    ],
)
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_row_of_units_below_the_names(tmp_path, units, v, i, separator):
    head = f"Voltage{separator}Current\n{units.format(s=separator)}\n"
    m = check(tmp_path / "a.txt", head + rows(separator, v, i))
    assert not any("no units stated" in w for w in m.warnings)


@pytest.mark.parametrize(
    "names",
    ["V,I", "U,I", "Vds,Ids", "V_dev,I_dev", "Vin,Iin", "Bias,Current", "Spannung,Strom", "Tension,Courant",
     "SMU1_V,SMU1_I", "smua.v,smua.i", "Applied voltage (V),Measured current (A)", '"V","I"', "Vmem (V),Imem (A)"],
)  # fmt: skip
def test_usual_names(tmp_path, names):
    check(tmp_path / "a.csv", f"{names}\n{rows(',')}")


def test_names_that_say_nothing_are_told_by_their_units_and_it_is_said(tmp_path):
    m = check(tmp_path / "a.csv", f"Polarisation (mV),Leakage [nA]\n{rows(',', 1e3, 1e9)}")
    assert "the column 'Polarisation (mV)' is taken as the voltage by its unit" in m.warnings
    assert "the column 'Leakage [nA]' is taken as the current by its unit" in m.warnings
    path = tmp_path / "b.csv"
    path.write_text("a (V),b (V),c (A)\n0,0,0\n1,1,1\n")
    with pytest.raises(ReaderError, match="no column says that it is the voltage"):
        read(path)


@pytest.mark.parametrize("mark", ["#", "%", "!"])
def test_a_header_behind_a_mark(tmp_path, mark):
    m = check(tmp_path / "a.txt", f"{mark} made by a script\n{mark} V I\n{rows(' ')}")
    assert m.reader == "savetxt"


@pytest.mark.parametrize("suffix", ["", ".qtj", ".foo"])
def test_the_name_of_a_file_decides_nothing(tmp_path, suffix):
    check(tmp_path / f"a{suffix}", f"V;I\n{rows(';')}")


@pytest.mark.parametrize(
    "header", ["V\tI", "V I", "V\tI\t", "Voltage (V)\tCurrent (A)", "a log of\nV\tI"]
)
@pytest.mark.parametrize("spare", [1, 2])
def test_rows_that_end_in_tabs_are_read(tmp_path, header, spare):
    """As some lab scripts write .qtj: the header may end otherwise, and words above it may fit the count of tabs."""
    body = rows("\t").replace("\n", "\t" * spare + "\n")
    check(tmp_path / "a.qtj", f"{header}\n{body}")


def test_a_named_column_of_empty_cells_stays_named(tmp_path):
    m = check(tmp_path / "a.csv", "first line\nV,I,remark\n" + rows(",").replace("\n", ",\n"))
    assert m.source["columns"] == {"v": "V", "i": "I"}


def test_no_header_asks_for_columns_and_shows_the_first_rows(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(rows(","))
    with pytest.raises(
        ReaderError, match=r"\(no header\); first rows: 0.0 0.0 \| 0.5 0.0005"
    ) as caught:
        read(path)
    assert "--columns v=1,i=2" in str(caught.value)
    m = read(path, columns={"v": "1", "i": "2"})
    np.testing.assert_array_equal(m.v, V)


@pytest.mark.parametrize("zeros", [1, 3])
def test_many_sweeps_in_one_file_are_cut_or_told_by_a_column(tmp_path, zeros):
    path = tmp_path / "a.csv"
    loops = [(n, v, n * i) for n in range(1, 4) for v, i in zip(V, I)]
    path.write_text("cycle,V,I\n" + "\n".join(f"{n * zeros},{v},{i}" for n, v, i in loops))
    assert read(path).labels.tolist() == [zeros, 2 * zeros, 3 * zeros]
    path.write_text("V,I\n" + "\n".join(f"{v},{i}" for _, v, i in loops))
    assert len(read(path).labels) == 3
