"""``memjax fit --model auto``: sweeps that one of four models made."""

import json
from pathlib import Path

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax.cli import main

MODELS = ["mms", "linear-drift", "vteam", "threshold-switch"]


def _write(path: Path, *, r_on: float = 1e3, seed: int = 0) -> str:
    """Four sweeps of a metastable-switch device, with 2 % of scatter."""
    device = mj.params.replace(mj.model("mms"), {"tau": 0.02, "r_on": r_on, "r_off": 1e5, "n": 1e6})
    stimulus = mj.triangle_sweep(0.6, 2.4, negative=0.6, cycles=4)
    rows = np.linspace(0.0, 4.0, 401)[1:]
    trace = mj.simulate(device, stimulus, save=rows, deterministic=True).check()
    noise = np.exp(0.02 * np.random.default_rng(seed).normal(size=400))
    numbers = np.stack([np.arange(400) // 100, rows, trace.v[0], trace.i[0] * noise], axis=1)
    lines = [",".join([f"{int(k)}", *(f"{x:.9g}" for x in row)]) for k, *row in numbers]
    path.write_text("\n".join(["sweep,t_s,v_V,i_A", *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    return _write(tmp_path_factory.mktemp("sweeps") / "a.csv")


@pytest.fixture
def _few(monkeypatch):
    """A library of four models."""
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
    assert sorted(content["automatic"]["shortlist"]) == ["linear-drift", "mms", "vteam"]
    assert content["automatic"]["features"]["volatile"] is False
    assert content["automatic"]["objections"]["threshold-switch"]
    text = content["explanation"]
    assert text.startswith("mms is chosen: the device is non-volatile (")
    assert (
        "3 of 4 models can describe (excluded: threshold-switch, which relaxes alone, the data reset)"
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
def test_from_python_the_same_model_is_chosen(file):
    chosen = ft.fit_auto(mj.read(file), models=MODELS, count=2)
    assert chosen.model == "mms"
    assert len(chosen.fits) == 2
    assert chosen.fit.values["tau"] == pytest.approx(0.02, rel=0.1)
    assert chosen.explanation.startswith("mms is chosen: ")
    with pytest.raises(mj.errors.DataError, match="1 models; in fit_auto; allowed: 2 or more"):
        ft.fit_auto(mj.read(file), count=1)


@pytest.mark.slow
@pytest.mark.usefixtures("_few")
def test_a_batch_has_the_model_of_its_first_device_that_switches(file, tmp_path, capsys):
    line = np.concatenate([np.linspace(0, 1, 21), np.linspace(0.95, 0, 20)])
    first = tmp_path / "a0.csv"
    first.write_text("v_V,i_A\n" + "\n".join(f"{v},{v / 1e6}" for v in line) + "\n")
    others = [_write(tmp_path / f"b{k}.csv", r_on=1e3 * (1 + 0.2 * k), seed=k) for k in range(2)]
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
def test_wrong_input_ends_before_anything_is_solved(words, said, file, tmp_path, capsys):
    out = tmp_path / "out"
    files = [] if "--target" in words else [file]
    assert main(["fit", *files, "--model", "auto", "--out", str(out), *words]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("memjax: error: ")
    assert said in error
    assert not out.exists()


def test_a_folder_that_exists_is_refused_before_anything_is_solved(file, tmp_path, capsys):
    (tmp_path / "own.csv").touch()
    assert main(["fit", file, "--model", "auto", "--out", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_other_files_than_sweeps_are_refused(tmp_path, capsys):
    path = tmp_path / "decay.csv"
    rows = "\n".join(f"a,{t},{1e4 * 1.01**t}" for t in range(20))
    path.write_text(f"run,t_s,r_ohm\n{rows}\n")
    assert main(["fit", str(path), "--model", "auto", "--out", str(tmp_path / "out")]) == 2
    assert "allowed: files of sweeps; name the models: --model A,B" in capsys.readouterr().err
