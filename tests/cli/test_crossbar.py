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
    wires = mj.crossbar.Wires(2.0, 1.0, driver=[10.0, 20.0, 30.0], sense=5.0)
    reading = mj.Crossbar(G, wires=wires).read(V)
    rows = np.loadtxt(out / "currents.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows[:, 2], np.ravel(reading.current), rtol=1e-12)
    np.testing.assert_allclose(rows[:, 3], (V @ G).ravel(), rtol=1e-9)
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


PROGRAM = """
[program]
targets = "targets.csv"
voltages = [-0.4, 0.4]
widths = 2e-4
steps = 0.01
tolerance = 1e-6
spread = 0.01
read_noise = 0.002
stuck_off = "stuck.csv"
"""
CELLS = '[cells]\nmodel = "vteam"\nstates = { x = "x.csv" }\nvalues = { r_on = 1e4, r_off = 1e6 }\n'
TARGETS = np.array([[1e-5, 2e-5], [3e-5, 4e-5], [5e-5, 1.5e-5]])


@pytest.fixture
def written(array, tmp_path):
    """A file of an array that is written; its argument replaces a text in it by another."""
    numbers = {"targets": TARGETS, "x": np.full((3, 2), 0.03), "stuck": np.eye(3, 2)}
    for name, x in numbers.items():
        np.savetxt(tmp_path / f"{name}.csv", x, delimiter=",")
    text = array('conductances = "g.npy"\n', "").read_text().replace("[input]", CELLS + "[input]")

    def written(old="", new=""):
        path = tmp_path / "array.toml"
        path.write_text((text + PROGRAM).replace(old, new))
        return path

    return written


def _killed_behind(rounds):
    """A `program` whose process ends behind so many rounds."""
    program = mj.crossbar.program

    def killed(*arguments, progress, **options):
        def tick(done):
            progress(done)
            if done.rounds == rounds:
                raise KeyboardInterrupt

        return program(*arguments, progress=tick, **options)

    return killed


@pytest.mark.slow
def test_an_array_is_written_and_a_killed_command_goes_on(run, written, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    ended = run("crossbar", written(), "--out", whole)
    assert ended.status == 0, ended.err
    assert "2 stuck" in ended.out
    with monkeypatch.context() as patch:
        patch.setattr("memjax.crossbar.program", _killed_behind(3))
        out = tmp_path / "out"
        assert run("crossbar", written(), "--out", out).status != 0
    assert not out.exists()
    assert (tmp_path / "out.program").exists()
    ended = run("crossbar", written(), "--out", out, "--json")
    assert "goes on behind round 3" in ended.err
    assert not (tmp_path / "out.program").exists()
    assert not (tmp_path / "whole.program").exists()
    for name in ("program.csv", "rounds.csv", "currents.csv"):
        assert (out / name).read_text() == (whole / name).read_text()
    report = json.loads(ended.out)
    assert report["program"]["off_target"] == {"stuck": 2, "out of range": 0, "not reached": 0}
    cells = np.genfromtxt(out / "program.csv", delimiter=",", names=True)
    free = cells["stuck"] == 0
    np.testing.assert_allclose(cells["targets_S"], TARGETS.ravel())
    # The tolerance, and five standard deviations of a read.
    off = np.abs(cells["conductances_S"] - cells["targets_S"])
    assert np.all(off[free] < 1e-6 + 5 * 0.002 * 5e-5)
    np.testing.assert_allclose(cells["conductances_S"][~free], 1e-6, rtol=1e-9)
    with h5py.File(out / "program.h5") as file:
        assert file["states/x"].shape == (3, 2)
        assert file["rms_error_S"][-1] == report["program"]["rms_error_S"]
    if importlib.util.find_spec("matplotlib"):
        assert {"programming_error.png", "reached.png"} <= set(report["files"])
    # A state of another file is not gone on from.
    (tmp_path / "other.program").write_bytes(b"nothing of ours")
    ended = run("crossbar", written('[input]\nvoltages = "v.csv"', ""), "--out", tmp_path / "other")
    assert "goes on" not in ended.err
    assert not (tmp_path / "other" / "reading.h5").exists()


WRONG_PROGRAM = {
    "voltages = [-0.4, 0.4]|voltages = [0.4, 0.4]": "(0.4, 0.4); in program; allowed: (set, reset) of opposite",
    "voltages = [-0.4, 0.4]|voltages = 0.4": "0.4; in program.voltages; allowed: a list of two finite numbers",
    "widths = 2e-4|widths = [1e-4, 0]": "[0.0001, 0]; in program.widths; allowed: a finite number > 0, or",
    '"targets.csv"|"v.csv"': "an array of shape (2, 3); in program.targets; allowed: finite",
    "steps = 0.01|scheme = 'quarter'": "'quarter'; in program.scheme; allowed: half, third, gate",
    '"stuck.csv"|1.5': "1.5; in program.stuck_off; allowed: a share from 0 to 1, or a file",
    '"stuck.csv"|"targets.csv"': "an array of shape (3, 2); in program.stuck_off; allowed: 0 and 1, of shape (3, 2)",
    "spread = 0.01|wide = 0.01": "no key 'wide'; in program",
    "tolerance = 1e-6|tolerance = 0": "0; in program.tolerance; allowed: a finite number > 0",
    'targets = "targets.csv"|': "no key 'targets'; in program",
    CELLS + "|": "no conductances; in array",
}


@pytest.mark.parametrize("change", WRONG_PROGRAM)
def test_a_wrong_key_of_what_is_written_is_one_line_that_names_it(run, written, tmp_path, change):
    ended = run("crossbar", written(*change.split("|")), "--out", tmp_path / "out")
    assert (ended.status, ended.out) == (2, "")
    assert WRONG_PROGRAM[change] in ended.err
    assert not (tmp_path / "out").exists()


def test_ohmic_cells_are_not_written(run, written, array, tmp_path):
    text = written(CELLS, "").read_text().replace("[array]", '[array]\nconductances = "g.npy"')
    (tmp_path / "array.toml").write_text(text)
    ended = run("crossbar", tmp_path / "array.toml", "--out", tmp_path / "out")
    assert "ohmic cells, which have no states" in ended.err
