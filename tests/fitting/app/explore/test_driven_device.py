"""A device model under its standard sweep, or a stimulus: sliders of the drive, the command that does the same."""

import base64
import shlex

import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.driven_device import DrivenDevice
from memjax.cli.program import main
from memjax.errors import StimulusError
from memjax.io.stimulus import load_stimulus


def _subject(**about):
    options = {
        "model": "vteam",
        "device": mj.model("vteam"),
        "bench": mj.Bench(),
        "env": mj.Environment(),
    }
    return DrivenDevice(**(options | about))


def _numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_drive_is_the_standard_sweep_and_its_sliders_change_it():
    subject = _subject()
    assert [(r["name"], r["unit"]) for r in subject.drive] == [
        ("peak", "V"),
        ("negative", "V"),
        ("period", "s"),
    ]
    wave, limit = subject.wave({})
    assert (np.max(wave.values), np.min(wave.values), wave.times[-1], limit) == (
        1.0,
        -1.0,
        2.0,
        None,
    )
    wave, _ = subject.wave({"peak": 2.0, "period": 3.0})
    assert (np.max(wave.values), np.min(wave.values)) == (2.0, -1.0)
    assert wave.times[-1] == pytest.approx(6.0)  # two cycles
    with pytest.raises(StimulusError, match="peak = 0"):
        subject.wave({"peak": 0})
    limited = _subject(bench=mj.Bench(compliance=1e-6))
    assert limited.wave({"compliance": 1e-5})[1] == 1e-5


def test_a_stimulus_takes_the_place_of_the_sweep():
    subject = _subject(stimulus=mj.Sampled([0.0, 1.0, 2.0], [0.0, -0.5, 0.0]))
    wave, _ = subject.wave({"level": 1.0, "duration": 4.0})
    assert (wave.values.tolist(), wave.times.tolist()) == ([0.0, -1.0, 0.0], [0.0, 2.0, 4.0])


@pytest.mark.study
def test_the_command_simulates_what_the_page_shows(tmp_path, monkeypatch):
    """With the two files that the page offers."""
    monkeypatch.chdir(tmp_path)
    subject = _subject()
    choice = {"values": {"k_off": 80.0}, "drive": {"peak": 1.2}}
    setup, answer = subject.setup(), subject.simulate(choice)
    assert (setup["can_fit"], setup["measured"], answer["solved"]) == (False, None, [True])
    (tmp_path / "vteam.csv").write_text(subject.stimulus_table(choice))
    mj.params.dump(mj.params.replace(subject.device, choice["values"]), tmp_path / "vteam.toml")
    program, *words = shlex.split(subject.command(choice))
    assert (program, main(words)) == ("memjax", 0)
    trace = np.genfromtxt("simulated.csv", delimiter=",", names=True)
    curve = answer["curves"][0]
    x = np.interp(_numbers(curve["t"]), trace["t_s"], trace["x"])
    # --stimulus writes rows between which straight lines stay within 1e-3 of the range.
    np.testing.assert_allclose(_numbers(curve["states"]["x"]), x, atol=3e-3)
    assert load_stimulus("vteam.csv").values[0] == 0


@pytest.mark.slow
def test_a_learned_device_is_shown_with_its_functions():
    subject = _subject(model="hybrid", device=mj.model("hybrid"))
    shown = [subject.simulate({"values": x})["functions"] for x in ({}, {"set5": 3.0})]
    first, second = ([c["estimate"] for p in f["panels"] for c in p["curves"]] for f in shown)
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, True, False, True]
    assert _subject().simulate({})["functions"] is None
