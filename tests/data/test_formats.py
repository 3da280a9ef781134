"""Formats, on small files written here in each instrument's way."""

import numpy as np
import pytest

from memjax.data import read

LOOP = [0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0]


@pytest.fixture
def write(tmp_path):
    def write(text, name="file.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def rows(separator=",", end="\n", scale=1.0):
    return end.join(f"{v}{separator}{scale * v * 1e-3:.6g}" for v in LOOP) + end


@pytest.mark.parametrize(
    ("text", "reader"),
    [
        ("v_V,i_A\n" + rows(), "tidy"),
        ("v_mV,i_uA\n" + "\n".join(f"{1e3 * v},{1e3 * v}" for v in LOOP), "tidy"),
        ("U / V\tI / mA\n" + rows("\t", scale=1e3), "tidy"),
        ("Voltage (V);Current (µA)\r\n" + rows(";", "\r\n", 1e6), "text"),
        ("Voltage [V]  I[A]\n" + rows("  "), "text"),
        ("Voltage Current\n" + rows("\t"), "labscript"),
        ("V1,I1,absI\n" + "\n".join(f"{v},{v / 1e3},{abs(v) / 1e3}" for v in LOOP), "b1500-list"),
        ("# v_V i_A\n" + rows(" "), "savetxt"),
        ("# made by a script\n# v_V,i_A\n" + rows(), "savetxt"),
        ("Voltage,Current\nV,mA\n" + rows(scale=1e3), "text"),
    ],
)
def test_units_and_separators_all_lead_to_the_same_si_numbers(write, text, reader):
    m = read(write(text))
    np.testing.assert_allclose(m.v, LOOP, rtol=1e-12)
    np.testing.assert_allclose(m.i, np.multiply(LOOP, 1e-3), rtol=1e-12)
    assert len(m.labels) == 1
    if reader != "text":
        assert m.reader == reader


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_micro_sign_is_read_in_every_encoding(write, encoding):
    m = read(write("Voltage (V),Current (µA)\n" + rows(scale=1e6), encoding=encoding))
    np.testing.assert_allclose(m.i, np.multiply(LOOP, 1e-3))


def test_decimal_commas_are_read_and_said(write):
    text = "U / V;I / A\n" + rows(";").replace(".", ",")
    m = read(write(text))
    np.testing.assert_allclose(m.v, LOOP)
    assert "decimal commas are read as decimal points" in m.warnings


def test_quick_iv_ignores_its_trailing_comma_and_assumes_nothing(write):
    head = "Item,Smu1.Time[1][1],Smu1.V[1][1],Smu1.I[1][1],Smu1.R[1][1],\r\n"
    body = "".join(f"{k + 1},{k / 10},{v},{v / 1e3},1000,\r\n" for k, v in enumerate(LOOP))
    m = read(write(head + body))
    assert m.reader == "quick-iv"
    assert m.warnings == ("columns left aside: Smu1.R[1][1]",)
    np.testing.assert_allclose(m.t, np.arange(9) / 10)


@pytest.mark.parametrize("order", [("Time (s)", "Voltage (V)", "Current (A)"),
                                   ("Current (A)", "Time (s)", "Voltage (V)")])  # fmt: skip
def test_kickstart_reads_columns_by_name_and_the_limit_from_the_settings(write, order):
    settings = '"\t...Function","\tVoltage Sweep",,\n"\t...Limit","\t0.0005",,\n,,,\n'
    values = {"Time (s)": np.arange(9.0), "Voltage (V)": LOOP, "Current (A)": np.array(LOOP) / 1e3}
    head = "Index," + ",".join(f"SMU-1 {name}" for name in order) + "\n"
    body = "\n".join(
        ("1" if k == 0 else "") + "," + ",".join(f'"{values[name][k]}"' for name in order)
        for k in range(9)
    )
    m = read(write("\ufeff" + settings + head + body))
    assert (m.reader, m.compliance) == ("kickstart", 0.0005)
    np.testing.assert_array_equal(m.v, LOOP)
    np.testing.assert_array_equal(m.at_compliance, np.abs(LOOP) >= 0.5)


def b1500(title, names, data, *, mode="V", function="CONST, VAR1", dimension=None):
    lines = [
        f"SetupTitle, {title}",
        "PrimitiveTest, I/V Sweep",
        "TestParameter, Channel.IName, I1, I3",
        "TestParameter, Channel.VName, V1, V3",
        f"TestParameter, Channel.Mode, COMMON, {mode}",
        f"TestParameter, Channel.Func, {function}",
        "TestParameter, Measurement.Primary.Compliance, 0.001",
        f"Dimension1, {dimension or len(data)}",
        f"Dimension2, {len(data) // (dimension or len(data))}",
        "DataName, " + ", ".join(names),
        *("DataValue, " + ", ".join(map(str, row)) for row in data),
    ]
    return "\r\n".join(lines) + "\r\n"


DATA = [(v / 1e3, v, "" if v == 0 else 1000) for v in LOOP]


def test_b1500_takes_the_driven_terminal_in_any_order_of_columns(write):
    m = read(write("\ufeff\r\n" + b1500("a", ["I3", "V3", "R"], DATA)))
    assert (m.reader, m.driven, m.compliance) == ("b1500", "voltage", 0.001)
    np.testing.assert_array_equal(m.v, LOOP)
    np.testing.assert_array_equal(m.at_compliance, np.abs(LOOP) == 1.0)


def test_b1500_current_source_has_no_current_limit(write):
    data = [(1e-3 * k, v) for k, v in enumerate([0, 2, 3, 2.5, 2, 2.2])]
    m = read(write(b1500("a", ["I3", "V3"], data, mode="I")))
    assert (m.driven, m.compliance) == ("current", None)
    np.testing.assert_array_equal(m.i, [row[0] for row in data])


def test_b1500_limit_is_found_in_the_analysis_setup_too(write):
    text = b1500("a", ["I3", "V3"], [row[:2] for row in DATA]).replace(
        "TestParameter, Measurement.Primary.Compliance, 0.001",
        "AnalysisSetup, Setup, [VAR1] Unit=SMU3 Compliance=0.5 mA PowerCompliance=0",
    )
    m = read(write(text))
    assert (m.compliance, m.at_compliance.sum()) == (0.0005, 6)


def test_b1500_records_are_sweeps_and_a_repeated_one_counts_once(write):
    second = [(2 * i, v, r) for i, v, r in DATA]
    application = (
        "SetupTitle, app\r\nApplicationTest, x\r\nDataName, Vtop, Imax, Itop\r\n"
        + "".join(f"DataValue, {v}, 0.001, {i}\r\n" for i, v, _ in DATA)
    )
    primitive = b1500("a", ["I3", "V3", "R"], DATA)
    m = read(write(application + primitive + b1500("b", ["I3", "V3", "R"], second) + primitive))
    assert (len(m.v), len(m.labels)) == (18, 2)
    np.testing.assert_array_equal(m.v, LOOP + LOOP)
    assert "2 records repeat the data of others: left out" in m.warnings


@pytest.mark.parametrize("third", [[], ["gm"]])
def test_a_b1500_file_of_as_many_rows_as_it_says_loses_none(write, third):
    v = np.concatenate([np.linspace(-1, 1, 101), np.linspace(1, -1, 101)])
    i = np.append(0.01 * v[:-1] + 2.345e-6, -0.00796)
    slopes = [f"{k}" if third else "" for k in range(201)] + [""]
    data = [(f"{a:.3f}", f"{b:.9g}", g) for a, b, g in zip(v, i, slopes, strict=True)]
    text = b1500("a", ["V3", "I3", *third], data)
    m = read(write(text.removesuffix("\r\n")))  # it ends ", -0.00796, "
    assert (len(m.v), m.i[-1]) == (202, -0.00796)
    assert not any("ends within" in w or "says 202" in w for w in m.warnings)
    cut = read(write(text.removesuffix("-0.00796, \r\n")))
    assert (
        "201 rows from line 11 on where the record says 202: it is not whole, or not alone"
        in cut.warnings
    )


def test_b1500_steps_of_the_second_variable_are_sweeps(write):
    data = [(k * v / 1e3, v) for k in (1, 2, 3) for v in (0.0, 0.5, 1.0, 1.5)]
    m = read(write(b1500("a", ["I3", "V3"], data, dimension=4)))
    assert m.sweep.tolist() == [0] * 4 + [1] * 4 + [2] * 4


SCOPE = "x-axis,1,2\nsecond,Volt,Volt\n" + "".join(
    f"{k * 1e-3:+.7E},{v / 4},{v}\n" for k, v in enumerate(LOOP)
)


@pytest.mark.parametrize(
    ("columns", "v", "i"),
    [
        (None, 0.75, 0.25 / 50),
        ({"i": "2"}, -0.75, 1.0 / 50),
        ({"v": "2", "i": "1"}, 1.0, 0.25 / 50),
    ],
)
def test_oscilloscope_makes_a_current_of_the_shunt_channel(write, columns, v, i):
    m = read(write(SCOPE), shunt=50.0, columns=columns)
    np.testing.assert_allclose([m.v[2], m.i[2]], [v, i])
    assert any("50 ohm" in w for w in m.warnings)


def test_headerless_columns_have_numbers_for_names(write):
    text = "".join(f"{k} {v / 1e3} {v}\n" for k, v in enumerate(LOOP))
    m = read(write(text), columns={"t": "1", "i": "2", "v": "3"})
    np.testing.assert_array_equal(m.v, LOOP)
    assert m.t[-1] == 8


def test_keithley_buffer_without_header_is_recognised_by_its_unmeasured_resistance(write):
    text = "".join(f"{v},{v / 1e3},9.91E+37,{k / 10},33092\n" for k, v in enumerate(LOOP))
    m = read(write(text))
    np.testing.assert_array_equal(m.v, LOOP)
    assert any("Keithley 2400" in w for w in m.warnings)


def test_numbered_current_columns_are_records_of_one_voltage(write):
    head = "t_s,v_V,i_A_000,i_A_001\n"
    body = "".join(f"{k},{v},{v / 1e3},{v / 1e4}\n" for k, v in enumerate(LOOP))
    m = read(write(head + body))
    assert m.sweep.tolist() == [0] * 9 + [1] * 9
    np.testing.assert_allclose(m.i[9:], np.multiply(LOOP, 1e-4))


def test_simulation_output_reads_its_terminal_columns(write):
    head = "member,sweep,t_s,v_V,i_A,T,r,v_device_V,i_device_A\n"
    body = "".join(
        f"{m},{s},{k},{v},{v / 1e3},300,0.5,{v / 2},{v / 1e3}\n"
        for m in (0, 1)
        for s in (0, 1)
        for k, v in enumerate(LOOP)
    )
    m = read(write(head + body))
    assert m.source["columns"] | {"v": "v_V", "i": "i_A", "t": "t_s"} == m.source["columns"]
    assert m.sweep.tolist() == sorted(9 * [0, 1, 2, 3])
    assert m.source["sweep_names"] == ("0 0", "0 1", "1 0", "1 1")


def test_modulus_column_is_taken_only_where_there_is_no_other(write):
    m = read(write("V1,absI\n" + "\n".join(f"{v},{abs(v) / 1e3}" for v in LOOP)))
    assert m.modulus
    assert (m.i >= 0).all()
