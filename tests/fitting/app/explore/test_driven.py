"""A model without a file: its stimulus at other levels and times, and the command line that says the same."""

import shlex

import numpy as np
import pytest

import memjax as mj
from fitting.app.explore.driven import Driven, stimulus_csv


@pytest.fixture
def subject():
    drive = mj.Sampled(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, -1.0]))
    return Driven(
        model="vteam",
        device=mj.Vteam(),
        env=mj.Environment(),
        words=("--reversed",),
        stimulus=drive,
    )


def test_a_stimulus_is_scaled_by_level_and_duration(subject):
    rows = [{"value": 2.0}, {"value": 3.0}]
    wave = subject.scale_stimulus(rows, {"level": 0.5, "duration": 6.0})
    np.testing.assert_allclose(wave.values, [0.0, 0.5, -0.25])
    np.testing.assert_allclose(wave.times, [0.0, 2.0, 6.0])
    assert (wave.kind, wave.quantity) == (subject.stimulus.kind, subject.stimulus.quantity)


def test_the_command_line_names_the_files_of_the_page(subject):
    words = shlex.split(subject.command_line("--deterministic"))
    assert words[:3] == ["memjax", "simulate", "vteam"]
    assert words[3:7] == ["--params", "vteam.toml", "--stimulus", "vteam.csv"]
    assert words[7:] == ["--reversed", "--deterministic", "--out", "simulated.csv"]


def test_a_waveform_is_a_table_with_its_quantity(subject):
    assert stimulus_csv(subject.stimulus).splitlines() == ["t_s,v_V", "0,0", "1,2", "3,-1"]
    current = mj.Sampled(np.array([0.0, 1.0]), np.array([0.0, 1e-6]), "linear", "current")
    assert stimulus_csv(current).splitlines() == ["t_s,i_A", "0,0", "1,1e-06"]
