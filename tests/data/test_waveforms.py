"""A voltage or a current against time."""

import json

import numpy as np
import pytest

from memjax.cli import main
from memjax.data.waveforms import read_waveforms
from memjax.errors import ReaderError

T = np.linspace(0, 1e-3, 50)
X = np.sin(2e4 * T)


@pytest.fixture
def write(tmp_path):
    def write(header, scale=1.0):
        path = tmp_path / "w.csv"
        np.savetxt(path, np.column_stack([T, scale * X]), delimiter=",", header=header, comments="")
        return path

    return write


@pytest.mark.parametrize(
    ("header", "scale", "quantity"),
    [("Time (s),Voltage (V)", 1, "v"), ("t_s,v_mV", 1e3, "v"), ("time,current (uA)", 1e6, "i")],
)
def test_one_quantity_against_time_is_read_in_si(write, header, scale, quantity):
    (found,) = read_waveforms(write(header, scale))
    assert found.quantity == quantity
    np.testing.assert_allclose(found.x, X, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(found.t, T, rtol=1e-12)


def test_arrays_of_numpy_are_waveforms_too(tmp_path):
    np.savez(tmp_path / "w.npz", time=T, voltage=X)
    (found,) = read_waveforms(tmp_path / "w.npz")
    np.testing.assert_array_equal(found.x, X)


def test_read_shows_it_and_says_that_no_current_is_there(write, capsys):
    path = write("Time (s),Voltage (V)")
    assert main(["read", str(path)]) == 0
    out = capsys.readouterr().out
    assert "voltage against time, 50 points in 1 trace\n" in out
    assert "no current in the file" in out
    assert main(["read", str(path), "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert (about["kind"], about["units"]) == ("voltage against time", {"t": "s", "v": "V"})


@pytest.mark.parametrize("columns", ["v=Voltage (V),i=Voltage (V)", "v=Voltage (V),i=Current"])
def test_who_names_a_current_gets_the_error_of_that(write, columns, capsys):
    assert main(["read", str(write("Time (s),Voltage (V)")), "--columns", columns]) == 2
    assert "memjax: error:" in capsys.readouterr().err


def test_a_word_among_the_currents_is_refused_and_makes_no_waveform(tmp_path, capsys):
    path = tmp_path / "w.csv"
    path.write_text("t_s,v_V,i_A\n0,0,0\n1,0.1,1e-6\n2,0.2,banana\n3,0.1,2e-6\n")
    assert main(["read", str(path)]) == 2
    assert "'banana' in column 'i_A' is not a number" in capsys.readouterr().err


def test_a_file_without_time_is_none(tmp_path, capsys):
    path = tmp_path / "w.csv"
    path.write_text("v_V,r_ohm\n1,2\n3,4\n")
    with pytest.raises(ReaderError, match="no time with a voltage or a current"):
        read_waveforms(path)
    assert main(["read", str(path)]) == 2
    assert "no column says that it is the current" in capsys.readouterr().err


def test_times_of_a_waveform_that_step_back_are_named(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("t_s,v_V\n0,0\n2,1\n1,1\n3,0\n")
    assert "times step back in line 4" in read_waveforms(path)[0].warnings
