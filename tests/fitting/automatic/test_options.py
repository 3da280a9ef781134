"""``memjax fit --model auto``: sweeps that one of three models made."""

import json

import numpy as np
import pytest

import memjax as mj
from memjax.cli import main

MODELS = ["mms", "vteam", "threshold-switch"]


@pytest.fixture
def _few(monkeypatch):
    """A library of three models."""
    monkeypatch.setattr(mj, "device_names", lambda: MODELS)


@pytest.mark.slow
@pytest.mark.usefixtures("_few")
def test_the_true_model_wins_and_the_sentence_says_why(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["fit", file, "--model", "auto", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    content = json.loads((out / "comparison.json").read_text())
    assert (content["chosen"], content["criterion"]) == ("mms", "score")
    assert content["best"]["score"] == "mms"
    assert sorted(content["automatic"]["shortlist"]) == ["mms", "vteam"]
    assert content["automatic"]["features"]["volatile"] is False
    assert content["automatic"]["objections"]["threshold-switch"]
    text = content["explanation"]
    assert text.startswith("mms is chosen: the device is non-volatile (")
    assert (
        "2 of 3 models can describe (excluded: threshold-switch, which relaxes alone, the data reset)"
        in text
    )
    assert "misses held-out sweeps by the least" in text
    assert text in shown.out
    assert "starts of vteam" in shown.err
    assert "mms is chosen: the device is non-volatile" in (out / "report.html").read_text()
    assert (out / "mms" / "fit.json").exists()
    assert main(["report", str(out)]) == 0
    assert "mms is chosen" in (out / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("_few")
def test_a_batch_has_the_model_of_its_first_device_that_switches(write, tmp_path, capsys):
    line = np.concatenate([np.linspace(0, 1, 21), np.linspace(0.95, 0, 20)])
    first = tmp_path / "a0.csv"
    first.write_text("v_V,i_A\n" + "\n".join(f"{v},{v / 1e6}" for v in line) + "\n")
    others = [write(tmp_path / f"b{k}.csv", r_on=1e3 * (1 + 0.2 * k), seed=k) for k in range(2)]
    out = tmp_path / "out"
    words = ["fit", str(first), *others, "--model", "auto", "--batch", "--point-time", "0.01"]
    assert main([*words, "--out", str(out)]) == 0
    err = capsys.readouterr().err
    assert f"no choice by {first}: no loop opens" in err
    assert f"mms is chosen by {others[0]}, for all devices of the batch" in err
    assert json.loads((out / "batch.json").read_text())["model"] == "mms"
    choice = json.loads((tmp_path / "out-choice" / "comparison.json").read_text())
    assert choice["chosen"] == "mms"
    # The same command goes on, and does not choose again.
    assert main([*words, "--out", str(out)]) == 0
    assert f"mms was chosen in {out}-choice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "mms/knowm"], "a preset is of one model"),
        (["--stochastic"], "of the model that is chosen"),
        (["--free", "tau", "--draws", "20"], "--draws would be ignored"),
        (["--target", "v_th=0.5"], "allowed: files of sweeps"),
        (["--free", "no_such_parameter"], "no model can describe what the sweeps show"),
    ],
)
def test_wrong_input_ends_before_anything_is_solved(words, said, switch, tmp_path, capsys):
    out = tmp_path / "out"
    files = [] if "--target" in words else [switch]
    assert main(["fit", *files, "--model", "auto", "--out", str(out), *words]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("memjax: error: ")
    assert said in error
    assert not out.exists()


def test_a_folder_that_exists_is_refused_before_anything_is_solved(switch, tmp_path, capsys):
    assert main(["fit", switch, "--model", "auto", "--out", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_other_files_than_sweeps_are_refused(tmp_path, capsys):
    path = tmp_path / "decay.csv"
    rows = "\n".join(f"a,{t},{1e4 * 1.01**t}" for t in range(20))
    path.write_text(f"run,t_s,r_ohm\n{rows}\n")
    assert main(["fit", str(path), "--model", "auto", "--out", str(tmp_path / "out")]) == 2
    assert "allowed: files of sweeps; name the models: --model A,B" in capsys.readouterr().err
