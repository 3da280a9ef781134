"""Targets on the command line, as `memjax fit` will call them."""

import argparse
import json

import pytest

import memjax as mj
from fitting import cli
from fitting.targets import options as part
from fitting.targets.kind import KIND
from memjax.cli.command import Parser, UsageError
from memjax.errors import MemjaxError


def _options(*words: str) -> argparse.Namespace:
    """Parsed options of ``memjax fit`` with those of targets, without files."""
    parser = Parser()
    cli._configure_fit(parser)
    if "--target" not in parser.format_help():  # an entry point that is not installed yet
        part.configure(parser)
    plain = vars(parser.parse_args(["FILE", "--model", "M", "--out", "DIR"]))
    options = parser.parse_args(["FILE", "--model", "diffusive", *words])
    options.given = [n for n, x in plain.items() if getattr(options, n) != x]
    options.files = []
    return options


def _run(*words: str, model: str = "diffusive") -> int:
    """What targets do with these options."""
    options = _options(*words)
    options.model = model
    assert part.takes(options)
    return part.run(options, mj.model(model))


def test_other_fits_are_not_taken():
    assert not part.takes(_options("--out", "DIR"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "v_th=x"], "NAME=VALUE"),
        (["--target", "v_thh=1"], "v_hold"),
        (["--target", "v_th=1", "--sweep-time", "0"], "sweep-time"),
        (["--target", "v_th=1", "--uncertainty", "nuts"], "uncertainty"),
        (["--target", "v_th=1", "--hold-out", "2"], "--hold-out would be ignored"),
        (["--target", "rate=10"], "a circuit"),
        (["--target", "v_th=1", "--free", "sigma1"], "sigma1"),
        (["--target", "v_th=1", "--free", "nothing"], "unknown parameter"),
    ],
)
def test_wrong_options_are_refused(tmp_path, words, message):
    with pytest.raises(MemjaxError, match=message):
        _run(*words, "--out", str(tmp_path / "fit"))


def test_a_circuit_needs_a_drive_and_a_level(tmp_path):
    out = ["--out", str(tmp_path / "fit")]
    with pytest.raises(UsageError, match="no --stimulus"):
        _run("--target", "rate=10", *out, model="1m1t1r")
    with pytest.raises(UsageError, match="beside sweeps"):
        _run("--target", "rate=10", "--target", "v_th=1", *out, model="1m1t1r")
    options = _options("--target", "v_th=1", *out)
    options.files = ["a.csv"]
    with pytest.raises(UsageError, match="files beside targets"):
        part.run(options, mj.model("diffusive"))


@pytest.mark.slow  # the solve compiles in 20 s
def test_a_folder_is_written_and_its_report_made_anew(tmp_path, capsys):
    out = tmp_path / "fit"
    fixed = ["--fix", "gamma1=0", "beta=0", "r_on=1e5"]
    wanted = ["--target", "delay@1=5e-3", "--free", "mu", "theta", "r_off"]
    assert _run(*wanted, *fixed, "--out", str(out)) == 0
    said = capsys.readouterr()
    assert "1 of 1 targets met" in said.out
    assert "needed: mu" in said.err
    content = json.loads((out / "fit.json").read_text())
    assert content["kind"] == KIND.label
    (row,) = content["targets"]["wanted"]
    assert row["met"]
    assert row["simulated"] == pytest.approx(5e-3, rel=0.02)
    assert content["undetermined"] == ["theta", "r_off"]
    names = KIND.build(content, out)
    page = (out / "report.html").read_text()
    assert names == ["targets.png", "report.html"]
    assert "What was needed" in page
