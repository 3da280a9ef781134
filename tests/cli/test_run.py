"""memjax run: what it writes and says, how it goes on, and what it refuses."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memjax.network import folder_run, run_store

NETWORK = """
duration = 1e-3
dt = 2e-6
seed = 3

[groups.in]
kind = "poisson"
n = 5
rate = 2000

[groups.exc]
model = "threshold-switch-neuron"
n = 4
bias = 2.0
spike = { signal = "switch.x", level = 0.5, rearm = 0.2 }
spread = { "r_in.r" = 0.1 }
values = { "switch.tau" = 1e-5, "switch.w" = 0.005 }

[[projections]]
pre = "in"
post = "exc"
connect = { rule = "dense" }
weight = 0.05
tau = 1e-4
delay = 1e-4

[record]
watch = { exc = [1] }
every = 4e-5
"""


@pytest.fixture
def network(tmp_path):
    """A network file; its argument replaces a text in it by another."""

    def network(old="", new=""):
        path = tmp_path / "net.toml"
        path.write_text(NETWORK.replace(old, new))
        return path

    return network


def _spikes(folder) -> dict:
    found = run_store.load_recording(folder)
    return {n: (m.tolist(), t.tolist()) for n, (m, t) in found.spikes.items()}


@pytest.mark.slow
def test_a_run_leaves_its_recording_and_pictures_and_says_what_happened(run, network, tmp_path):
    out = tmp_path / "out"
    ended = run("run", network("seed = 3", "seed = 3\nenergy = true"), "--out", out)
    assert ended.status == 0, ended.err
    pictures = ("raster.png", "rate.png", "energy.png")
    assert {"recording.h5", "run.json", *pictures} <= {p.name for p in out.iterdir()}
    recording = run_store.load_recording(out)
    count = recording.statistics["exc"]["count"].sum()
    row = next(line.split() for line in ended.out.splitlines() if line.startswith("exc"))
    assert row[:3] == ["exc", "4", str(count)]
    assert float(row[3]) == pytest.approx(count / 4 / 1e-3, rel=1e-3)
    assert recording.traces["exc"]["node.v"].shape == (25, 1)
    assert recording.times == pytest.approx(4e-5 * np.arange(1, 26))
    told = json.loads((out / "run.json").read_text())
    assert set(told["read"]) == {"net.toml"}
    energy = told["energy"]["groups"]["exc"]
    assert energy["given_J"] == pytest.approx(recording.energy["exc"].source_energy)
    assert sum(energy["by_cause_J"].values()) == pytest.approx(energy["given_J"])
    assert energy["per_spike_J"]["total"] == pytest.approx(energy["given_J"] / count)
    assert abs(energy["residual_share"]) < 1e-3
    assert told["area"]["exc"]["area_m2"] is None  # no source states one
    assert any(
        line.split()[:2] == ["exc", f"{energy['given_J']:.4g}"] for line in ended.out.splitlines()
    )
    for name in pictures:
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_sigterm_ends_a_run_after_a_stretch_which_goes_on(run, network, tmp_path, monkeypatch):
    """As Ctrl-C does: what a scheduler sends when time is up."""
    out, due = tmp_path / "out", run_store.RunFolder.due

    def stop(self):
        signal.raise_signal(signal.SIGTERM)
        return due(self)

    monkeypatch.setattr(run_store.RunFolder, "due", stop)
    words = ("run", network(), "--out", out, "--no-pictures", "--duration", 2e-2)
    ended = run(*words)
    assert ended.status == 130
    assert ended.err.splitlines()[-1].startswith("memjax: interrupted: what was simulated is in")
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"
    assert 0 < run_store.load_recording(out).duration < 2e-2
    monkeypatch.setattr(run_store.RunFolder, "due", due)
    assert run(*words, "--resume").status == 0
    whole = tmp_path / "whole"
    assert run(*words[:2], "--out", whole, *words[4:]).status == 0
    assert _spikes(out) == _spikes(whole)


@pytest.mark.study  # .ci/run runs it
@pytest.mark.timeout(600)
def test_the_page_on_networks_leads_from_sweeps_to_a_raster(run, tmp_path, monkeypatch):
    """`fit --stochastic`, then `run`, then longer: the commands and the file as they stand."""
    text = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    text = text[text.index("## From a fit to a raster") :]
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    lines = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0].splitlines()
    commands = [line.split("#")[0].removeprefix("memjax ").split() for line in lines]
    commands[-1][commands[-1].index("--duration") + 1] = "0.11"  # not a second
    commands[-2] += ["--duration", "0.1"]  # not 0.4
    commands[0] += ["--draws", "16"]  # not 128
    for command in commands:
        ended = run(*command)
        assert ended.status == 0, ended.err
    assert Path("run", "raster.png").exists()
    recording = run_store.load_recording("run")
    assert recording.duration == pytest.approx(0.11, abs=1e-3)
    assert recording.statistics["neurons"]["count"].sum() > 10
    assert json.loads(Path("run", "run.json").read_text())["notes"] == []  # no step was coarse
    fitted = json.loads(Path("fitted", "fit.json").read_text())
    assert fitted["stochastic"]


@pytest.mark.slow
def test_json_is_one_object_and_options_win_over_the_file(run, network, tmp_path):
    out = tmp_path / "out"
    options = ("--json", "--no-pictures", "--seed", 7, "--duration", 5e-4)
    ended = run("run", network(), "--out", out, *options)
    about = json.loads(ended.out)
    assert about["duration_s"] == pytest.approx(5e-4)
    assert about["files"] == ["recording.h5", "run.json"]
    assert not (out / "raster.png").exists()
    exc = about["groups"]["exc"]
    assert exc["mean_rate_Hz"] == pytest.approx(exc["spikes"] / 4 / 5e-4)
    assert about["groups"]["in"]["mean_cv"] is None
    assert about["neuron_steps_per_s"] == pytest.approx(4 * 250 / about["wall_s"])
    assert json.loads((out / "run.json").read_text())["seed"] == 7


@pytest.mark.wrong_types
def test_without_matplotlib_there_are_no_pictures_but_a_recording(
    run, network, tmp_path, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = run("run", network(), "--out", tmp_path / "out", "--duration", 2e-4)
    assert ended.status == 0, ended.err
    assert "note: no pictures without matplotlib" in ended.err
    assert "raster.png" not in ended.out
    assert (tmp_path / "out" / "recording.h5").exists()


@pytest.mark.slow
def test_a_coarse_step_is_a_warning_and_stands_in_the_record(run, network, tmp_path):
    file = network("values = { ", 'values = { "c.c" = 1e-9, ')
    file.write_text(file.read_text().replace('"switch.w" = 0.005', '"switch.w" = 0.001'))
    ended = run("run", file, "--out", tmp_path / "out", "--no-pictures")
    assert ended.status == 0, ended.err
    warned = [
        x for x in ended.err.splitlines() if x.startswith("memjax: warning: dt = 2e-06 s is coarse")
    ]
    assert len(warned) == 1
    assert run_store.load_recording(tmp_path / "out").notes[0] in warned[0]


@pytest.mark.slow
def test_delays_between_steps_are_a_warning_and_stand_in_the_record(run, network, tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post,delay_s\n0,0,1e-4\n1,2,1.234567e-4\n")
    file = network('rule = "dense"', 'rule = "file", file = "edges.csv"')
    file.write_text(file.read_text().replace("delay = 1e-4\n", ""))
    ended = run("run", file, "--out", tmp_path / "out", "--no-pictures", "--duration", 2e-4)
    assert ended.status == 0, ended.err
    (note,) = json.loads((tmp_path / "out" / "run.json").read_text())["notes"]
    assert note.startswith("1 of 2 delays of projection 'in-exc' are no multiples of dt = 2e-06 s")
    assert f"memjax: warning: {note}" in ended.err.splitlines()


@pytest.mark.slow
def test_a_run_lasts_what_was_asked_also_in_pieces(run, network, tmp_path):
    """Spikes are exchanged every 50 steps; 25 and 33 steps end between two exchanges."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = ("run", network(), "--no-pictures", "--json", "--out")
    assert run(*words, whole, "--duration", 5e-4).status == 0
    for k, steps in enumerate((25, 58, 250)):
        resume = ("--resume",) if k else ()
        ended = run(*words, parts, "--duration", steps * 2e-6, *resume)
        assert ended.status == 0, ended.err
        duration = pytest.approx(steps * 2e-6, rel=1e-12)
        about = json.loads((parts / "run.json").read_text())
        assert json.loads(ended.out)["duration_s"] == about["duration_s"] == duration
        assert json.loads(ended.out)["wall_s"] == about["wall_s"]
    assert _spikes(parts) == _spikes(whole)


@pytest.mark.wrong_types
def test_a_run_of_another_layout_is_not_gone_on_with_but_read(run, network, refused, tmp_path):
    """Schema 1 counted exchange intervals where this one counts steps."""
    import h5py

    out = tmp_path / "out"
    words = ("run", network(), "--no-pictures", "--out", out)
    assert run(*words, "--duration", 4e-4).status == 0
    about = json.loads((out / "run.json").read_text())
    assert (about["schema_version"], about["exchange_steps"]) == (2, 50)
    (out / "run.json").write_text(json.dumps(about | {"schema_version": 1}))
    with h5py.File(out / "recording.h5", "a") as file:
        del file.attrs["steps"]
        file.attrs["exchanges"] = 4
    assert "to go on with the version that began it" in refused(*words, "--resume")
    assert run_store.load_recording(out).duration == pytest.approx(4e-4)


@pytest.mark.slow
def test_a_run_goes_on_with_the_spikes_of_one_that_did_not_stop(run, network, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run("run", network(), "--out", whole, "--no-pictures").status == 0
    first = ("run", network(), "--out", parts, "--no-pictures")
    assert run(*first, "--duration", 4e-4).status == 0
    ended = run(*first, "--resume")
    assert ended.status == 0, ended.err
    assert "neuron-steps" not in ended.out  # part of the time was spent earlier
    assert _spikes(parts) == _spikes(whole)
    assert sum(len(m) for m, _ in _spikes(whole).values()) > 10


@pytest.mark.wrong_types
def test_a_run_is_replaced_on_demand_only_and_by_the_same_network_resumed(
    run, network, refused, tmp_path
):
    out = tmp_path / "out"
    first = ("run", network(), "--out", out, "--no-pictures", "--duration", 2e-4)
    assert run(*first).status == 0
    kept = (out / "recording.h5").read_bytes()
    assert "it exists already" in refused(*first)
    assert "not the one that was run" in refused(*first, "--resume", "--seed", 4)
    assert (out / "recording.h5").read_bytes() == kept
    assert run(*first, "--force", "--seed", 4).status == 0
    assert (out / "recording.h5").read_bytes() != kept
    assert "not allowed with" in refused(*first, "--force", "--resume")
    elsewhere = ("run", network(), "--out", tmp_path / "none", "--resume")
    assert "no run to be read" in refused(*elsewhere)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "level = 0.5, ",
            "",
            "no key 'level'; in groups.exc.spike; allowed: level = a finite number",
        ),
        ("dt = 2e-6", "", "no key 'dt'; in the file; allowed: dt = a finite number > 0"),
        ('"dense"', '"sparse"', "'sparse'; in projections[0].connect.rule; allowed: dense, "),
        ("exc = [1]", "exc = [4]", "neuron 4; in record.watch.exc; allowed: 0 to 3"),
        ("rate = 2000", "rate = -1", "in groups.in; allowed: >= 0 1/s"),
        ("threshold-switch-neuron", "neuron", "in groups.exc.model; allowed: 1m1t1r, "),
    ],
)
def test_a_wrong_file_is_one_line_and_leaves_nothing(network, refused, tmp_path, old, new, says):
    assert says in refused("run", network(old, new), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mistakes_in_different_places_are_a_line_each(network, run, tmp_path):
    """Of an unknown key, a name, a list, a bound, a group and a record none hides another."""
    wrong = {
        "seed = 3": "sede = 3",
        "rate = 2000": "rate = [1, 2]",
        'signal = "switch.x"': 'signal = "switch.y"',
        '"r_in.r" = 0.1': '"r_in.q" = 0.1',
        '"switch.w" = 0.005': '"switch.w" = -5.0',
        'pre = "in"': 'pre = "inn"',
        "exc = [1]": "exc = [7]",
    }
    file = network()
    for old, new in wrong.items():
        file.write_text(file.read_text().replace(old, new))
    ended = run("run", file, "--out", tmp_path / "out")
    assert (ended.status, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == len(wrong), lines
    assert all(line.startswith("memjax: error: ") and "; allowed: " in line for line in lines)
    for part in (
        "'sede'",
        "groups.in",
        "'switch.y'",
        "'r_in.q'",
        "switch.w = -5",
        "'inn'",
        "neuron 7",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_one_line(network, refused, tmp_path):
    out = tmp_path / "out"
    assert "no such file" in refused("run", tmp_path / "none.toml", "--out", out)
    assert "in --devices; allowed: 1 to " in refused(
        "run", network(), "--out", out, "--devices", 99
    )
    assert "in --duration" in refused("run", network(), "--out", out, "--duration", 0)
    assert "--out" in refused("run", network())
    assert not out.exists()


@pytest.mark.slow
def test_a_network_that_bursts_ends_with_status_three(run, network, tmp_path):
    ended = run("run", network("weight = 0.05", "weight = 3e38"), "--out", tmp_path / "out")
    assert (ended.status, ended.out) == (3, ""), ended
    assert "of 'exc' is not finite" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("saves", [False, True])
def test_an_interrupt_says_how_to_go_on(run, network, tmp_path, monkeypatch, saves):
    out = tmp_path / "out"

    def interrupted(*_, **__):
        if saves:
            out.mkdir()
            (out / run_store.MARKER).write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_run, "run_network", interrupted)
    ended = run("run", network(), "--out", out)
    assert (ended.status, ended.out) == (130, "")
    text = "the same command with --resume goes on" if saves else "nothing was saved"
    assert text in ended.err


@pytest.mark.study
def test_two_virtual_devices_spike_as_one(network, run, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    # So many neurons that both have some.
    file = network("n = 4", "n = 600")
    file.write_text(file.read_text().replace('"dense"', '"fixed_fan_in", fan_in = 5'))
    words = ("run", file, "--no-pictures", "--duration", 4e-4)
    assert run(*words, "--out", one).status == 0
    command = [sys.executable, "-m", "memjax", *map(str, words), "--out", str(two)]
    there = {**os.environ, "MEMJAX_CACHE": "off"}
    ended = subprocess.run([*command, "--devices", "2"], env=there, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert _spikes(two) == _spikes(one)
    assert len(set(_spikes(one)["exc"][0])) > 512
