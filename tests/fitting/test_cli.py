"""What `memjax fit` says and refuses before anything is fitted."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import memjax as mj
from fitting.command import Stages
from fitting.kinds import kinds
from fitting.sweeps.options import hints
from memjax.cli.program import main

pytestmark = pytest.mark.fast


def _sweep(path):
    v = np.concatenate([np.linspace(0, 1, 21), np.linspace(1, 0, 21)[1:]])
    t = 1e-3 * np.arange(len(v))
    np.savetxt(path, np.c_[t, v, 1e-4 * v], delimiter=",", header="t_s,v_V,i_A", comments="")
    return str(path)


def test_piped_progress_is_a_line_for_each_stage(capsys):
    with Stages(["search", "refine"], notes=["of the data"]) as bar:
        for stage, cost in (("search", 3.0), ("search", 2.0), ("refine", 1.0), ("spread", 0.5)):
            bar(stage, SimpleNamespace(iterations=1, cost=np.array([cost])))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["memjax: note: of the data", "memjax: progress: stage 1 of 2: search"]
    assert lines[2].startswith("memjax: progress: stage 2 of 2: refine (iteration 1, loss 1, ")
    assert lines[3].startswith("memjax: progress: spread (iteration 1, loss 0.5, ")
    assert len(lines) == 4


@pytest.mark.parametrize("model", ["mms", "vteam", "threshold-switch"])
def test_randomness_of_a_model_without_any_is_refused(model, tmp_path, capsys):
    words = ["fit", _sweep(tmp_path / "a.csv"), "--model", model, "--stochastic"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"memjax: error: {model} has no noise")
    assert not (tmp_path / "out").exists()


def test_a_pattern_of_files_is_a_batch_of_any_kind(tmp_path, monkeypatch):
    """Of files of conductance per pulse too: what they are is told by the first file that the pattern names."""
    seen = []
    label = "conductance per pulse"
    noted = replace(kinds()[label], run=lambda options, *_: seen.append(options.files) or 0)
    monkeypatch.setitem(kinds(), label, noted)
    files = [tmp_path / f"{n}.csv" for n in "ab"]
    for file in files:
        rows = "".join(f"0,{branch},0,{k},1e-6\n" for branch in "PD" for k in range(3))
        file.write_text("device,branch,cycle,pulse,g_S\n" + rows)
    words = ["fit", str(tmp_path / "*.csv"), "--model", "yakopcic", "--batch"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert seen == [[str(f) for f in files]]


def test_pulses_are_told_before_they_are_fitted(tmp_path):
    t = 1e-5 * np.arange(400)
    v = np.where((t > 1e-3) & (t < 2e-3), 0.5, 0.02)
    table = np.c_[t, v, np.where(v > 0.1, 1e-5, 1e-9)]
    np.savetxt(tmp_path / "p.csv", table, delimiter=",", header="t_s,v_V,i_A", comments="")
    (hint,) = hints([mj.read(tmp_path / "p.csv")])
    assert "say --delays" in hint
    assert not hints([mj.read(_sweep(tmp_path / "a.csv"))])


def test_wrong_input_is_answered_by_one_line_alone(tmp_path, capsys):
    """Without what the reader has to say of the file."""
    path = tmp_path / "a.csv"
    v = np.tile(np.concatenate([np.linspace(0, 1, 21), np.linspace(1, -1, 41)[1:]]), 3)
    np.savetxt(path, np.c_[v, 1e-4 * v], delimiter=",", header="voltage,current", comments="")
    assert mj.read(path).warnings
    words = ["fit", str(path), "--model", "mms", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("memjax: error: no time column")


def test_help_is_shown(capsys):
    """A percent sign in a text of argparse is a format."""
    assert main(["fit", "--help"]) == 0
    assert "--points N" in capsys.readouterr().out
