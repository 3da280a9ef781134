"""memjax crossbar: what it writes and says, and what it refuses."""

import importlib.util
import json

import h5py
import numpy as np
import pytest

import memjax as mj

ARRAY = """
[array]
conductances = "g.npy"
word_line = 2.0
bit_line = 1.0
driver = [10, 20, 30]
sense = 5

[input]
voltages = "v.csv"
"""
G = np.array([[1e-4, 2e-5], [3e-5, 4e-4], [5e-5, 6e-5]])
V = np.array([[0.1, 0.2, 0.3], [-0.1, 0.05, 0.2]])


@pytest.fixture
def array(tmp_path):
    """A file of an array; its argument replaces a text in it by another."""
    np.save(tmp_path / "g.npy", G)
    np.save(tmp_path / "wrong.npy", np.where(G == 6e-5, np.nan, G))
    np.savetxt(tmp_path / "v.csv", V, delimiter=",")

    def array(old="", new=""):
        path = tmp_path / "array.toml"
        path.write_text(ARRAY.replace(old, new))
        return path

    return array


@pytest.mark.slow
def test_a_folder_holds_what_a_read_in_python_gives(run, array, tmp_path):
    out = tmp_path / "out"
    ended = run("crossbar", array(), "--out", out, "--json")
    assert (ended.status, ended.err) == (0, "")
    report = json.loads(ended.out)
    assert report == json.loads((out / "crossbar.json").read_text())
    wires = {"word_line": 2.0, "bit_line": 1.0, "driver": [10.0, 20.0, 30.0], "sense": 5.0}
    reading = mj.Crossbar(G, **wires).read(V)
    rows = np.loadtxt(out / "currents.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows[:, 2], np.ravel(reading.current), rtol=1e-12)
    # Of 3 cells of 4e-4 S at wires of 1e-6 ohm.
    np.testing.assert_allclose(rows[:, 3], (V @ G).ravel(), rtol=1e-7)
    assert rows[:, :2].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    with h5py.File(out / "reading.h5") as file:
        np.testing.assert_allclose(file["word_V"], reading.word, rtol=1e-12)
        assert file["power/cells_W"].attrs["units"] == "W"
    error = rows[:, 2] - rows[:, 3]
    largest = np.abs(error).max() / np.abs(rows[:, 3]).max()
    np.testing.assert_allclose(report["largest_error"], largest, rtol=1e-12)
    assert set(report["source"]) == {"array.toml", "g.npy", "v.csv"}
    if importlib.util.find_spec("matplotlib"):
        assert {"conductance.png", "ir_drop.png", "currents.png", "errors.png"} <= set(
            report["files"]
        )
    assert all((out / name).stat().st_size for name in report["files"])
    assert "it exists already" in run("crossbar", array(), "--out", out).err


@pytest.mark.slow
def test_cells_may_be_a_device_with_states_from_files(run, array, tmp_path):
    np.save(tmp_path / "gap.npy", np.full((3, 2), 1e-9))
    cells = '[cells]\nmodel = "stanford-pku"\nvalues = { v0 = 0.3 }\nstates = { gap = "gap.npy" }\n'
    text = array('conductances = "g.npy"\n', "selector = 2000\n").read_text()
    array().write_text(text.replace("[input]", cells + "[input]"))
    out = tmp_path / "out"
    ended = run("crossbar", tmp_path / "array.toml", "--out", out, "--no-pictures")
    assert (ended.status, ended.err) == (0, "")
    assert "3 x 2 cells, 2 inputs" in ended.out
    assert "solved by" in ended.out


WRONG = {
    "word_line = 2.0|word_line = 0": "0; in array.word_line; allowed: a finite number > 0",
    "word_line = 2.0|": "no key 'word_line'; in array",
    "sense = 5|sens = 5": "no key 'sens'; in array; allowed: word_line, bit_line",
    "sense = 5|sense = -1": "-1; in array.sense; allowed: a number >= 0, inf, or a list",
    '"g.npy"|"h.npy"': "'h.npy' cannot be read (No such file or directory); in array.conductances",
    '"g.npy"|"../g.npy"': "leads out of the folder of the file",
    '"g.npy"|"wrong.npy"': "conductance = nan S at 2, 1; in array; allowed: finite and > 0 S",
    'conductances = "g.npy"|': "no conductances; in array; allowed: conductances =",
    "[10, 20, 30]|[10, 20]": "driver of shape (2,); in array; allowed: one resistance, or shape (3,)",
    "[10, 20, 30]|inf": "all word lines are open; in array",
    '"v.csv"|"g.npy"': "an array of shape (3, 2); in input.voltages; allowed: finite numbers, 3 in each row",
    'voltages = "v.csv"|': "no voltages; in input; allowed: voltage = V, or voltages =",
    "[input]|[cells]\n[input]": "conductances beside cells; in array.conductances; allowed: one of the two",
}


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_key_is_one_line_that_names_it(run, array, tmp_path, change):
    ended = run("crossbar", array(*change.split("|")), "--out", tmp_path / "out")
    assert (ended.status, ended.out) == (2, "")
    assert WRONG[change] in ended.err
    assert not (tmp_path / "out").exists()


def test_all_that_is_wrong_is_said_at_once(run, array, tmp_path):
    path = array("word_line = 2.0", "word_line = 0\nwire = 1")
    ended = run("crossbar", path, "--out", tmp_path / "out")
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert "array.word_line" in lines[0]
    assert "'wire'" in lines[1]
