"""``memjax fit --model A,B``: pulses made by one of the models, fitted by three."""

import csv
import json
from functools import partial
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import fitting.folder
import memjax as mj
from fitting.choice import options as choice
from fitting.optimize.levenberg_marquardt import Progress
from fitting.result import AbstractFit
from memjax.cli import main
from memjax.data import PulseProtocol
from memjax.synapse import Pulsed

KINDS = np.repeat([0, 1], 20)
PROTOCOL = PulseProtocol(voltages=(2.5, -2.7), widths=(1e-6, 2e-6), read_voltage=0.2)
PULSES = ["--pulse-voltages", "2.5", "-2.7", "--pulse-widths", "1e-6", "2e-6", "--read-voltage", "0.2"]  # fmt: skip


def _write(path, cycles: int) -> str:
    """Cycles of a metastable-switch device, with 1 % of scatter."""
    device = mj.params.replace(mj.model("mms"), {"tau": 1e-5, "v_off": 2.7, "x0": 0.1})
    curve = np.asarray(Pulsed.under(device, PROTOCOL).curve(jnp.asarray(KINDS))[0])
    noise = np.random.default_rng(1).normal(size=(cycles, curve.size))
    rows = ["device,branch,cycle,pulse,g_S"]
    for c, g in enumerate(curve * np.exp(0.01 * noise)):
        rows += [f"a,P,{c},{n},{x}" for n, x in enumerate(g[:21])]
        rows += [f"a,D,{c},{n},{x}" for n, x in enumerate(g[20:])]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


class _Chooser:
    """Asks for the true model where the held-out score of another one is known."""

    def further(self, comparison):
        return ["mms", "linear-drift"] * (comparison.rows[0]["score"] is not None)

    def content(self, comparison, fits):
        return {"explanation": f"{comparison.rows[-1]['model']} is the last of {len(fits)}"}


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    return _write(tmp_path_factory.mktemp("pulses") / "p.csv", 4)


@pytest.fixture(scope="module")
def folder(file, tmp_path_factory):
    """Of two models, one of which has no start, and a third that the comparison of these calls for."""
    out = tmp_path_factory.mktemp("choice") / "out"
    words = ["fit", file, "--model", "linear-drift,diffusive", *PULSES, "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "compare", partial(choice.compare, chooser=_Chooser()))
        assert main(words) == 0
    return out


@pytest.mark.slow
def test_the_true_model_wins(folder):
    content = json.loads((folder / "comparison.json").read_text())
    assert content["best"] == dict.fromkeys(("score", "aic", "bic", "loss"), "mms")
    rows = {r["model"]: r for r in content["rows"]}
    assert list(rows) == ["linear-drift", "diffusive", "mms"]
    # Of two cycles against the mean of two others: sqrt(2) of the error of either mean, to 4 standard errors.
    assert rows["mms"]["score"] == pytest.approx(np.sqrt(2), rel=4 / np.sqrt(2 * 41))
    assert rows["linear-drift"]["behind"] > 4
    assert rows["linear-drift"]["support"] == "none"
    for name in ("mms", "linear-drift"):
        own = json.loads((folder / name / "fit.json").read_text())
        assert (own["model"], own["loss"]) == (name, pytest.approx(rows[name]["loss"]))
        assert rows[name]["free"] == len(own["free"])


@pytest.mark.slow
def test_a_model_that_fails_is_told(folder):
    with (folder / "comparison.csv").open() as table:
        rows = {r["model"]: r for r in csv.DictReader(table)}
    assert rows["diffusive"]["failure"].startswith("no recipe for the model 'diffusive'")
    assert not (folder / "diffusive").exists()
    assert "mms is the last of 3." in (folder / "report.html").read_text()
    assert "no recipe" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_the_report_is_made_anew(folder, capsys):
    made = [folder / n for n in ("report.html", "comparison.png")]
    before = [p.read_bytes() for p in made]
    for p in made:
        p.unlink()
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(made[0])
    assert [p.read_bytes() for p in made] == before
    assert main(["report", str(folder), "--on-threshold", "1e-6"]) == 2


@pytest.mark.slow
def test_what_exists_is_kept_without_force(file, folder, capsys):
    words = ["fit", file, "--model", "mms,linear-drift", *PULSES, "--out", str(folder)]
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_keeps_what_was_reached(file, tmp_path, monkeypatch, capsys):
    fit = choice._Choice._fit

    def until(self, name, session):
        if name == "linear-drift":
            raise KeyboardInterrupt
        return fit(self, name, session)

    monkeypatch.setattr(choice._Choice, "_fit", until)
    out = tmp_path / "out"
    (out / "vteam").mkdir(parents=True)
    (out / "vteam" / "own.csv").touch()
    words = ["fit", file, "--model", "mms,linear-drift", *PULSES, "--out", str(out), "--force"]
    assert main(words) == 2  # what no choice has made is not deleted
    (out / "comparison.json").touch()
    assert main(words) == 130
    assert not (out / "vteam").exists()
    assert "1 of 2 models are fitted" in capsys.readouterr().err
    content = json.loads((out / "comparison.json").read_text())
    assert content["interrupted"]
    assert [r["failure"] for r in content["rows"]] == [None, "interrupted before it was fitted"]
    assert (out / "mms" / "fit.json").exists()
    assert "interrupted: what was reached" in (out / "report.html").read_text()
    assert (out / "comparison.png").exists()


@pytest.mark.slow
def test_an_interrupt_keeps_the_best_point_of_the_search_in_progress(file, tmp_path, monkeypatch):
    """At the deadline: nothing is simulated, and no picture is drawn until a report is asked for."""
    fit, saved = choice._Choice._fit, []

    def until(self, name, session):
        if name == "mms":
            return fit(self, name, session)
        device = self.starts[name]
        problem = SimpleNamespace(
            free=("r_on",), at=lambda z: mj.params.constrain(device, ("r_on",), jnp.asarray(z))
        )
        session.reached.hear(Progress(np.zeros((1, 1)), np.array([3.0]), problem=problem))
        with monkeypatch.context() as patch:
            patch.setattr(AbstractFit, "residuals", None)
            saved.append(self.session.reached.save())
        assert not (self.out / "comparison.png").exists()
        assert "of this folder draws it" in (self.out / "report.html").read_text()
        raise KeyboardInterrupt

    monkeypatch.setattr(choice._Choice, "_fit", until)
    out = tmp_path / "out"
    words = ["fit", file, "--model", "mms,linear-drift", *PULSES, "--out", str(out)]
    assert main(words) == 130
    said = f"the best values so far are in {out / 'linear-drift'}, without their errors"
    assert saved[0].endswith(f"1 of 2 models are fitted in {out}, and compared; {said}")
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert [r["failure"] for r in rows] == [None, f"interrupted in its search: {said}"]
    content = json.loads((out / "linear-drift" / "fit.json").read_text())
    assert (content["model"], content["interrupted"], content["loss"]) == (
        "linear-drift",
        True,
        3.0,
    )
    page = (out / "report.html").read_text()
    assert 'href="linear-drift/report.html"' in page
    assert (out / "comparison.png").exists()


@pytest.mark.slow
def test_an_interrupt_before_curves_are_simulated_keeps_the_fit(file, tmp_path, monkeypatch):
    write = fitting.folder.write_folder

    def until(*args, drawn):
        if drawn:
            raise KeyboardInterrupt
        return write(*args, drawn=drawn)

    monkeypatch.setattr(fitting.folder, "write_folder", until)
    out = tmp_path / "out"
    words = ["fit", file, "--model", "linear-drift,mms", *PULSES, "--out", str(out)]
    assert main(words) == 130
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert [r["failure"] for r in rows] == [None, "interrupted before it was fitted"]
    assert "no curves of linear-drift: interrupted" in (out / "report.html").read_text()
    assert not (out / "comparison.png").exists()


@pytest.mark.slow
def test_one_cycle_leaves_nothing_to_hold_out(tmp_path):
    out = tmp_path / "out"
    words = ["fit", _write(tmp_path / "one.csv", 1), "--model", "mms,linear-drift", *PULSES]
    assert main([*words, "--out", str(out)]) == 0
    content = json.loads((out / "comparison.json").read_text())
    assert [r["score"] for r in content["rows"]] == [None, None]
    assert any("one cycle: none is held out" in note for note in content["notes"])


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--model", "mms,mms"], 2, "names of models, each once"),
        (["--model", "mms,"], 2, "names of models, each once"),
        (["--model", "mms,nope"], 2, "unknown model 'nope'"),
        (["--model", "mms,vteam", "--free", "tau"], 2, "vteam has no tau; in --free"),
        (["--model", "mms,vteam", "--fix", "tau=1"], 2, "vteam has no tau; in --fix"),
        (["--model", "mms,vteam", "--fix", "r_on=-1"], 2, "r_on"),
        (["--model", "mms,vteam", "--bounds", "r_on=5,1"], 2, "r_on"),
        (["--model", "mms,vteam", "--start", "r_on=-1"], 2, "r_on"),
        (["--model", "mms,vteam", "--preset", "x"], 2, "a preset is of one model"),
        (["--model", "mms,vteam", "--batch"], 2, "it is of one device"),
        (["--model", "mms,vteam", "--stochastic"], 2, "of the model that is chosen"),
        (["--model", "mms,vteam", "--hold-out", "1"], 2, "--hold-out would be ignored"),
        (["--model", "mms,vteam", "--device", "z"], 2, "no device 'z'"),
        (["--model", "diffusive,ecm"], 3, "none of 2 models is fitted: no recipe"),
    ],
)
def test_wrong_input_ends_before_anything_is_written(words, status, said, file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["fit", file, *PULSES, "--out", str(out), *words]) == status
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("memjax: error: ")
    assert said in error
    assert not out.exists()


def test_kinds_without_rows_are_refused(tmp_path, capsys):
    words = ["fit", "--model", "mms,vteam", "--target", "v_th=0.5", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "fit each model into a folder of its own" in capsys.readouterr().err
