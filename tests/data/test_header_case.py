"""Names of columns, and units behind them, are matched without regard to case."""

import numpy as np
import pytest

from memjax.data import read, read_records, read_spike_trains
from memjax.io.stimulus import load_stimulus
from memjax.network.toml.columns import load_columns
from memjax.runtime.documents import in_known_case

T = np.arange(12) / 10
V = np.array([0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0, 0.5, 1.0, 0.5])


@pytest.fixture
def write(tmp_path):
    def write(header, columns, separator=","):
        path = tmp_path / "file.csv"
        rows = [separator.join(f"{x:.6g}" for x in row) for row in zip(*columns, strict=True)]
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


@pytest.mark.parametrize(
    ("header", "t", "v", "i"),
    [
        ("T_S,V_V,I_A", 1, 1, 1),
        ("t_s,v_v,i_a", 1, 1, 1),
        ("T_s,v_V,i_A", 1, 1, 1),
        ("Time (S),Voltage (V),Current (MA)", 1, 1, 1e-3),
        ("TIME_MS,V_MV,I_UA", 1e-3, 1e-3, 1e-6),
        ("t_ms,v_mv,i_ma", 1e-3, 1e-3, 1e-3),
        ("TIME,VOLTAGE,CURRENT", 1, 1, 1),
        ("TIME,ANODEV,ANODEI", 1, 1, 1),
        ("TIME1 (S),V1 (V),I1 (UA)", 1, 1, 1e-6),
    ],
)
def test_time_voltage_and_current_are_found_in_any_case(write, header, t, v, i):
    m = read(write(header, (T, V, 1e-3 * V)))
    np.testing.assert_allclose(m.t, t * T, rtol=1e-12)
    np.testing.assert_allclose(m.v, v * V, rtol=1e-12)
    np.testing.assert_allclose(m.i, i * 1e-3 * V, rtol=1e-12)


def test_a_row_of_units_may_be_in_capitals(write):
    m = read(write("TIME,VOLTAGE,CURRENT\nMS,V,UA", (T, V, V)))
    np.testing.assert_allclose(m.t, 1e-3 * T)
    np.testing.assert_allclose(m.i, 1e-6 * V)


def test_a_unit_that_is_taken_otherwise_than_it_stands_there_is_said(write):
    m = read(write("T_S,V_V,I_MA", (T, V, V)))
    assert "the column 'T_S' is taken as the time by its unit" in m.warnings
    assert "the unit of 'I_MA' is taken as mA" in m.warnings


@pytest.mark.parametrize("name", ["T", "Time (V)", "SMU-1 Time hs)"])
def test_a_column_that_may_be_the_time_is_not_lost_in_silence(write, name):
    m = read(write(f"{name},V,I", (T, V, 1e-3 * V)))
    assert m.t is None
    assert any(w.startswith(f"the column '{name}' may be a time") for w in m.warnings)
    assert not any("may be a time" in w for w in read(write("T (K),V,I", (300 + T, V, V))).warnings)


def test_records_have_their_units_in_any_case(write):
    t, r = T + 1, 1e3 + T
    (decay,) = read_records(write("T_MS,R_KOHM", (t, r)))
    np.testing.assert_allclose(decay.t, 1e-3 * t)
    np.testing.assert_allclose(decay.r, 1e3 * r)
    (decay,) = read_records(write("t_s,g_ms", (t, r)))
    np.testing.assert_allclose(decay.r, 1e3 / r)
    (pulses,) = read_records(write("PULSE,G_US", (np.arange(12), r)))
    np.testing.assert_allclose(pulses.g[0], 1e-6 * r)
    assert "the unit of 'G_US' is taken as uS" in pulses.warnings
    (endurance,) = read_records(write("CYCLE,HRS (KOHM),LRS (KOHM)", (np.arange(12), r, t)))
    np.testing.assert_allclose(endurance.hrs, 1e3 * r)
    assert "the unit of 'HRS (KOHM)' is taken as kohm" in endurance.warnings
    np.testing.assert_allclose(read_spike_trains(write("TRAIN,T_MS", (0 * T, t)))["0"], 1e-3 * t)


def test_stimuli_and_connections_have_their_columns_in_any_case(write):
    stimulus = load_stimulus(write("T_S,V_V", (T, V)))
    np.testing.assert_allclose(stimulus.values, V)
    stimulus = load_stimulus(write("T_s,IN_v", (T, V)), ports=["in"])
    assert stimulus.names == ("in",)
    columns = load_columns(write("PRE,Post", (0 * T, 0 * T)), ("pre", "post"), integers=("pre",))
    assert list(columns) == ["pre", "post"]


def test_a_name_that_would_be_two_known_ones_stays():
    assert in_known_case(["A", "a", "B", "c"], ["a", "b", "B"]) == ["a", "a", "B", "c"]
    assert in_known_case(["IN_V"], ["in_V", "In_V"]) == ["IN_V"]
