"""What is not physical in a measurement is said, with its line; and good measurements are not doubted."""

import numpy as np
import pytest

from memjax.data import read, read_records
from memjax.data.plausibility import (
    odd_conductances,
    resistance_remarks,
    single_jumps,
    size_remarks,
    time_remarks,
)
from memjax.errors import ReaderError


def rows(v, i):
    return "v_V,i_A\n" + "".join(f"{a:.6g},{b:.6e}\n" for a, b in zip(v, i, strict=True))


def loop(n=100):
    """A loop through a resistance, with noise of 2 %."""
    rng = np.random.default_rng(0)
    v = np.interp(np.arange(4 * n + 1), n * np.array([0, 1, 3, 4]), [0, 1, -1, 0])
    return v, 1e-5 * v * (1 + 0.02 * rng.standard_normal(len(v))) + 1e-9 * rng.standard_normal(
        len(v)
    )


def remarks(tmp_path, v, i):
    path = tmp_path / "file.csv"
    path.write_text(rows(v, i))
    return [w for w in read(path).warnings if "sweeps" not in w and "cut into" not in w]


def test_a_good_loop_is_not_doubted(tmp_path):
    assert remarks(tmp_path, *loop()) == []


@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_a_current_that_jumps_for_one_point_is_named(tmp_path, factor):
    v, i = loop()
    i[60] *= factor
    (text,) = remarks(tmp_path, v, i)
    assert text == (
        "the current of 1 single point lies decades away from those around at the same voltage: line 62"
    )


def test_switching_and_noise_about_zero_are_no_jumps():
    rng = np.random.default_rng(1)
    v, i = loop()
    noise = 1e-12 * rng.standard_normal(len(v))
    assert not single_jumps(v, noise, np.zeros(len(v), int)).any()
    i[50:150] *= 1e3  # it switches on, and off again
    assert not single_jumps(v, i, np.zeros(len(v), int)).any()
    i[50:52] *= 1e4  # for two points
    assert not single_jumps(v, i, np.zeros(len(v), int)).any()


def test_sweeps_are_not_compared_with_each_other():
    v, i = loop()
    sweep = np.zeros(len(v), int)
    i[60] *= 1e3
    sweep[60] = 1
    assert not single_jumps(v, i, sweep).any()


def test_swapped_columns_are_asked_about(tmp_path):
    v, i = loop()
    (text,) = [w for w in remarks(tmp_path, i, v) if "swapped" in w]
    assert text.startswith("half of the points are below 1e-05 ohm")
    assert any("never negative" in w for w in remarks(tmp_path, np.abs(i), v))


def test_a_voltage_of_another_unit_is_asked_about():
    v, i = loop()
    assert size_remarks(1e6 * v, i) == ["a voltage of 1e+06 V: is its unit right?"]


@pytest.mark.parametrize(
    ("header", "v", "i", "text"),
    [
        ("v_V,i_mA", 1.0, 1e-17, "no current is above 1e-20 A: is its unit right?"),
        ("v_V,i_nA", 1.0, 1e-7, "no current is above 1e-16 A: is its unit right?"),
        ("v_mV,i_A", 0.6, 1e-3, "no voltage is above 0.0006 V: is its unit right?"),
        ("v_kV,i_A", 20.0, 1e-3, "a voltage of 2e+04 V: is its unit right?"),
        ("v_V,i_kA", 100.0, 1.0, "a current of 1e+03 A: is its unit right?"),
    ],
)
def test_a_unit_that_no_bench_would_have_is_asked_about(tmp_path, header, v, i, text):
    path = tmp_path / "file.csv"
    x = loop(20)[0]
    path.write_text("\n".join([header, *(f"{v * a:.6g},{i * a:.6e}" for a in x)]) + "\n")
    assert [w for w in read(path).warnings if "unit" in w] == [text]


def test_small_voltages_of_readings_and_of_imposed_currents_are_not_doubted():
    v, i = loop()
    assert size_remarks(0.05 * v, 1e-9 * i) == []
    still = np.full(50, 5e-3)
    assert size_remarks(still, still * 1e-5) == []  # a retention, read at 5 mV
    assert size_remarks(1e-3 * v, i, driven="current") == []
    assert size_remarks(v, 0 * i) == []


def test_resistances_and_times_of_no_bench_are_asked_about(tmp_path):
    assert resistance_remarks(np.array([1e3, 1e6, np.nan])) == []
    assert time_remarks(np.array([0.0, 1e-9, 1e-3])) == time_remarks(None) == []
    assert time_remarks(1e9 * np.arange(4)) == ["the time spans 3e+09 s: is its unit right?"]
    path = tmp_path / "file.csv"
    path.write_text("t_ps,r_kohm\n" + "".join(f"{k / 10},{1e12 + k}\n" for k in range(9)))
    (record,) = read_records(path)
    assert "half of the resistances are above 1e+15 ohm: is the unit right?" in record.warnings
    assert "half of the steps of the time are below 1e-13 s: is its unit right?" in record.warnings


@pytest.mark.parametrize("end", [(3.0, 4.0), (0.5, 1e-6)])
def test_a_footer_of_numbers_leaves_the_staircase(tmp_path, end):
    v, i = loop()
    texts = remarks(tmp_path, np.append(v, end[0]), np.append(i, end[1]))
    assert any(f"line {len(v) + 2}; is it a footer?" in w for w in texts)


def test_a_source_that_returns_to_zero_at_the_end_is_no_footer(tmp_path):
    v, i = np.linspace(0, 1, 101), 1e-5 * np.linspace(0, 1, 101)
    assert remarks(tmp_path, np.append(v, 0.0), np.append(i, 1e-12)) == []


@pytest.mark.parametrize("word", ["9.91E+37", "-9.9E+37", "INF", "OVLD"])
def test_an_overflow_is_dropped_and_named_with_its_line(tmp_path, word):
    path = tmp_path / "file.csv"
    path.write_text(rows(*loop()).replace("0.5,", f"0.5,{word}\n0.5,", 1))
    if word == "OVLD":
        with pytest.raises(ReaderError, match=r"'OVLD' in column 'i_A' is not a number.*line 52"):
            read(path)
        return
    m = read(path)
    assert f"'i_A' holds '{word}', an instrument's word for no reading: line 52" in m.warnings
    assert len(m.v) == 401


def test_times_that_step_back_are_named_with_their_line(tmp_path):
    v, i = loop(20)
    path = tmp_path / "file.csv"
    lines = [f"{0.1 * k:.2f},{a:.5g},{b:.6e}" for k, (a, b) in enumerate(zip(v, i, strict=True))]
    lines[30], lines[31] = lines[31], lines[30]
    path.write_text("t_s,v_V,i_A\n" + "\n".join(lines) + "\n")
    assert any(w.startswith("time starts again 1 times, in line 33:") for w in read(path).warnings)


def test_a_single_conductance_far_from_its_neighbours_is_named():
    g = np.concatenate([np.linspace(1, 5, 41), np.linspace(5, 1, 40)])
    assert odd_conductances(g[None]) == []
    g[20] = 9.0
    (text,) = odd_conductances(np.stack([np.full(81, 1.0), g]))
    assert text.startswith("the conductance of point 20 of cycle 1, 9 S, lies far")
