"""Wanted numbers on the command line."""

import json

import pytest

from fitting.kinds import kinds
from fitting.report import build
from memjax.cli import main

CIRCUIT = ["--model", "1m1t1r"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "v_th=x"], "NAME=VALUE"),
        (["--target", "v_thh=1"], "v_hold"),
        (["--target", "v_th=1", "--sweep-time", "0"], "sweep-time"),
        (["--target", "v_th=1", "--uncertainty", "nuts"], "tolerances are no measurement"),
        (["--target", "v_th=1", "--hold-out", "2"], "--hold-out would be ignored"),
        (["--target", "rate=10"], "a circuit"),
        (["--target", "v_th=1", "--free", "sigma1"], "sigma1"),
        (["--target", "v_th=1", "--free", "nothing"], "unknown parameter"),
        (["--target", "v_th=1", "--level", "1"], "--level would be ignored"),
        (["a.csv", "--target", "v_th=1"], "files beside targets"),
        (["--target", "rate=10", *CIRCUIT], "no --stimulus"),
        (["--target", "rate=10", *CIRCUIT, "--compliance", "1"], "--compliance would be ignored"),
        (["--target", "rate=10", "--target", "v_th=1", *CIRCUIT], "beside sweeps"),
    ],
)
def test_wrong_options_are_refused(tmp_path, capsys, words, message):
    out = tmp_path / "fit"
    words = words if "--model" in words else [*words, "--model", "diffusive"]
    assert main(["fit", *words, "--out", str(out)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("memjax: error: ")
    assert message in error
    assert not out.exists()


@pytest.mark.slow  # the solve compiles in 20 s
def test_a_folder_is_written_and_its_report_made_anew(tmp_path, capsys):
    out = tmp_path / "fit"
    fixed = ["--fix", "gamma1=0", "beta=0", "r_on=1e5"]
    wanted = ["--target", "delay@1=5e-3", "--free", "mu", "theta", "r_off"]
    words = ["fit", "--model", "diffusive", *wanted, *fixed, "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "1 of 1 targets met" in said.out
    assert "needed: mu" in said.err
    content = json.loads((out / "fit.json").read_text())
    assert content["kind"] in kinds()
    (row,) = content["targets"]["wanted"]
    assert row["met"]
    assert row["simulated"] == pytest.approx(5e-3, rel=0.02)
    assert content["undetermined"] == ["theta", "r_off"]
    names = build(out)
    page = (out / "report.html").read_text()
    assert names == ["targets.png", "targets.svg", "report.html"]
    assert "What was needed" in page
