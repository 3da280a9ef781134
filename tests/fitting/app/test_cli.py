"""What `memjax fit` says and refuses before anything is fitted."""

import sys
import webbrowser
from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.app.cli import show_page
from fitting.kinds import kinds
from fitting.sweeps import kind as sweep_options
from memjax.cli.program import main


def test_a_pattern_of_files_is_a_batch_of_any_kind(tmp_path, monkeypatch):
    """Of files of conductance per pulse too: what they are is told by the first file that the pattern names."""
    seen = []
    label = "conductance per pulse"
    noted = replace(
        kinds()[label], run=lambda kind, request, session: seen.append(request.files) or 0
    )
    monkeypatch.setitem(kinds(), label, noted)
    files = [tmp_path / f"{n}.csv" for n in "ab"]
    for file in files:
        rows = "".join(f"0,{branch},0,{k},1e-6\n" for branch in "PD" for k in range(3))
        file.write_text("device,branch,cycle,pulse,g_S\n" + rows)
    words = ["fit", str(tmp_path / "*.csv"), "--model", "yakopcic", "--batch"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert seen == [[str(f) for f in files]]


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


def _halves(folder, numbers=((1, 2, 3), (1, 2, 3))):
    """Files of set and reset sweeps of one device, with the numbers of their cycles."""
    up = np.concatenate([np.linspace(0, 1, 21), np.linspace(0.95, 0, 20)])
    paths = []
    for name, side, cycles in zip(("set", "reset"), (-1, 1), numbers, strict=True):
        rows = [(c, 0.1 * k, side * v, 1e-5 * side * v) for c in cycles for k, v in enumerate(up)]
        paths.append(str(folder / f"{name}.csv"))
        np.savetxt(paths[-1], rows, delimiter=",", header="cycle,t_s,v_V,i_A", comments="")
    return paths


def test_set_and_reset_files_are_fitted_as_one_recording(tmp_path):
    options = sweep_options.SweepConfig(files=_halves(tmp_path))
    measurement = sweep_options.read(options)
    assert measurement.labels.tolist() == [1, 2, 3]
    assert "joined as one device" in measurement.warnings[-1]


def test_files_of_other_cycles_are_fitted_side_by_side_unless_they_are_to_be_joined(
    tmp_path, capsys
):
    files = _halves(tmp_path, ((1, 2, 3), (2, 3, 4)))
    options = sweep_options.SweepConfig(files=files)
    assert [len(m.labels) for m in sweep_options.read(options)] == [3, 3]
    words = ["--model", "vteam", "--out", str(tmp_path / "out"), "--interleave"]
    assert main(["fit", *files, *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cycles 1-3 and 2-4 do not match" in line


def test_a_batch_joins_no_files(tmp_path, capsys):
    words = ["--model", "vteam", "--out", str(tmp_path / "out"), "--interleave", "--batch"]
    assert main(["fit", *_halves(tmp_path), *words]) == 2
    assert "--interleave" in capsys.readouterr().err


def test_without_a_file_or_a_target_it_is_said_what_is_missing(tmp_path, capsys):
    assert main(["fit", "--model", "mms", "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("memjax: error: no FILE")


def test_help_is_shown(capsys):
    """A percent sign in a text of argparse is a format."""
    assert main(["fit", "--help"]) == 0
    assert "--points N" in capsys.readouterr().out


@pytest.mark.parametrize("there", [True, False])
def test_a_page_is_opened_and_a_browser_that_is_missing_is_said(
    tmp_path, monkeypatch, capsys, there
):
    addresses = []
    monkeypatch.setattr("webbrowser.open", lambda a: addresses.append(a) or there)
    show_page(tmp_path / "report.html")
    assert addresses == [(tmp_path / "report.html").as_uri()]
    said = capsys.readouterr().err
    assert ("no browser could be started" in said) is not there
    assert said.count("\n") == (not there)


def test_a_browser_that_fails_is_no_failure(tmp_path, monkeypatch, capsys):
    def fail(address):
        raise webbrowser.Error("no display")

    monkeypatch.setattr("webbrowser.open", fail)
    show_page(tmp_path / "report.html")
    assert "report.html" in capsys.readouterr().err


def test_a_fit_is_shown_once_it_is_written(tmp_path, monkeypatch):
    """By the command itself, whatever the kind; `--open` is one of the options that all kinds take."""
    label, out, addresses = "conductance per pulse", tmp_path / "out", []

    def write(kind, request, session):
        out.mkdir()
        (out / "report.html").write_text("page")
        return 0

    monkeypatch.setitem(kinds(), label, replace(kinds()[label], run=write))
    monkeypatch.setattr("webbrowser.open", lambda a: addresses.append(a) or True)
    file = tmp_path / "a.csv"
    rows = "".join(f"0,{branch},0,{k},1e-6\n" for branch in "PD" for k in range(3))
    file.write_text("device,branch,cycle,pulse,g_S\n" + rows)
    words = ["fit", str(file), "--model", "yakopcic", "--out", str(out), "--open"]
    assert main(words) == 0
    assert addresses == [(out / "report.html").as_uri()]


@pytest.mark.parametrize(
    ("package", "words", "fix"),
    [
        ("matplotlib", ["fit", "example:diffusive-sweeps", "--model", "diffusive", "--out", "out"], "memjax[plot]"),
        ("blackjax", ["fit", "example:diffusive-sweeps", "--model", "diffusive", "--out", "out", "--uncertainty",
                      "nuts"], "memjax[bayes]"),
        ("distributed", ["fit", "example:diffusive-sweeps", "--model", "diffusive", "--out", "out", "--batch",
                         "--scheduler", "tcp://127.0.0.1:1"], "memjax[cluster]"),
        ("matplotlib", ["report", "out"], "memjax[plot]"),
        ("matplotlib", ["observe", "example:diffusive-sweeps", "--plot", "a.png"], "memjax[plot]"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_said_in_one_line_before_anything_runs(
    package, words, fix, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    assert main(words) == 2
    ended = capsys.readouterr()
    (line,) = ended.err.splitlines()
    assert package in line
    assert f"pip install '{fix}'" in line
    assert not ended.out
    assert list(tmp_path.iterdir()) == []


def test_more_draws_than_memory_holds_are_refused_before_the_file_is_read(tmp_path, capsys):
    words = ["fit", "none.csv", "--model", "mms", "--stochastic", "--draws", "1000000000000"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "memjax: error: 1e+12 draws take 9.31e+05 GiB; in --draws; allowed: at most"
    )
