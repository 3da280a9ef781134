"""``memjax fit --model auto``: sweeps that one of three models made."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import memjax as mj
from fitting.automatic import options
from fitting.choice.comparison import KEYS, Comparison
from fitting.optimize.levenberg_marquardt import Progress
from memjax.cli import main

MODELS = ["mms", "vteam", "threshold-switch"]


@pytest.fixture(scope="module")
def batch(tmp_path_factory, write):
    """A batch whose first file does not switch: its folder, that of its choice, its words, and what it said."""
    folder = tmp_path_factory.mktemp("batch")
    line = np.concatenate([np.linspace(0, 1, 21), np.linspace(0.95, 0, 20)])
    first = folder / "a0.csv"
    first.write_text("v_V,i_A\n" + "\n".join(f"{v},{v / 1e6}" for v in line) + "\n")
    others = [write(folder / f"b{k}.csv", r_on=1e3 * (1 + 0.2 * k), seed=k) for k in range(2)]
    out, text = folder / "out", io.StringIO()
    words = ["fit", str(first), *others, "--model", "auto", "--batch", "--point-time", "0.01"]
    words += ["--out", str(out)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(text), redirect_stderr(text):
        patch.setattr(mj, "device_names", lambda: MODELS)  # a library of three models
        assert main(words) == 0
    return SimpleNamespace(
        out=out,
        choice=Path(f"{out}-choice"),
        words=words,
        said=text.getvalue(),
        files=[str(first), *others],
    )


@pytest.mark.slow
def test_the_true_model_wins_and_the_sentence_says_why(batch):
    """The choice of a batch is that of one device, into a folder of its own."""
    out = batch.choice
    content = json.loads((out / "comparison.json").read_text())
    assert (content["chosen"], content["criterion"]) == ("mms", "score")
    assert content["best"]["score"] == "mms"
    assert sorted(content["automatic"]["shortlist"]) == ["mms", "vteam"]
    assert content["automatic"]["features"]["volatile"] is False
    assert content["automatic"]["objections"]["threshold-switch"]
    text = content["explanation"]
    assert text.startswith("mms is chosen: the device is non-volatile (")
    assert (
        "2 of 3 models of physics can describe (excluded: threshold-switch, which relaxes alone, the data reset)"
        in text
    )
    assert "misses held-out sweeps by the least" in text
    assert text in batch.said
    assert "starts of vteam" in batch.said
    assert "mms is chosen: the device is non-volatile" in (out / "report.html").read_text()
    assert (out / "mms" / "fit.json").exists()
    assert main(["report", str(out)]) == 0
    assert "mms is chosen" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_batch_has_the_model_of_its_first_device_that_switches(batch, capsys):
    assert f"no choice by {batch.files[0]}: no loop opens" in batch.said
    assert f"mms is chosen by {batch.files[1]}, for all devices of the batch" in batch.said
    assert json.loads((batch.out / "batch.json").read_text())["model"] == "mms"
    # The same command goes on, and does not choose again.
    assert main(batch.words) == 0
    assert f"mms was chosen in {batch.choice}" in capsys.readouterr().err


def test_learned_functions_are_fitted_where_physics_is_poor_unless_parameters_are_named():
    rows = [dict.fromkeys(KEYS) | {"model": n, "loss": 1.0, "verdict": "poor"} for n in "ab"]
    poor = Comparison(rows=rows, independent=None, no_criteria="", notes=())
    listed = cast(Any, None)  # it is asked for the sentence alone
    assert options._Chooser(listed, learns=True).further(poor) == ["hybrid"]
    assert options._Chooser(listed, learns=False).further(poor) == []
    rows[1] |= {"loss": 0.5, "verdict": "usable"}
    assert options._Chooser(listed, learns=True).further(poor) == []


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


def test_an_interrupt_among_starts_keeps_the_best_one(switch, tmp_path, monkeypatch, capsys):
    """Where no search has begun; each line but the first says how long the other starts take."""

    def screen(measurements, *, tick, hear, **_):
        for name, cost, left in (("vteam", 2.0, 3), ("mms", 1.0, 2)):
            tick(name, left)
            problem = SimpleNamespace(free=("r_on",), at=lambda z, name=name: mj.model(name))
            hear(name, Progress(np.zeros((1, 1)), np.array([cost]), problem=problem))
        raise KeyboardInterrupt

    monkeypatch.setattr("fitting.automatic.shortlist.shortlist", screen)
    out = tmp_path / "out"
    assert main(["fit", switch, "--model", "auto", "--out", str(out)]) == 130
    *lines, last = capsys.readouterr().err.splitlines()
    times = [x for x in lines if "which models can begin" in x]
    assert times[0].endswith("starts of vteam")
    assert times[1].endswith("starts of mms (this stage takes about 1 s more)")
    assert "no model was fitted yet, mms has the best start" in last
    content = json.loads((out / "mms" / "fit.json").read_text())
    assert (content["interrupted"], content["loss"]) == (True, 1.0)
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert {r["model"]: r["failure"][:11] for r in rows} == dict.fromkeys(
        ["vteam", "mms"], "interrupted"
    )


def test_an_interrupt_before_any_start_saves_nothing(switch, tmp_path, monkeypatch, capsys):
    def screen(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fitting.automatic.shortlist.shortlist", screen)
    assert main(["fit", switch, "--model", "auto", "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err.splitlines()[-1].endswith("nothing was saved")
    assert not (tmp_path / "out").exists()
