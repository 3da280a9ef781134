"""How the program ends: statuses, one-line errors, commands of other packages."""

import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from memjax import __version__
from memjax.cli import Command, program
from memjax.errors import FitError, ModelError, SolveError
from memjax.lanes.cc import library
from memjax.lanes.choice import backend_in_use


def _offer(monkeypatch, run, *, module="other"):
    """Install a command ``extra`` of another package."""
    command = Command(name="extra", help="an extra", configure=lambda p: None, run=run)
    monkeypatch.setitem(sys.modules, "other", SimpleNamespace(extra=command))
    point = EntryPoint("extra", f"{module}:extra", "memjax.commands")
    monkeypatch.setattr(program, "entry_points", lambda group: [point])


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no command; allowed: models, read, observe, simulate, run"),
        (("fly",), "unknown command 'fly'; allowed: models, read"),
        (("models", "--wings"), "unrecognized arguments: --wings"),
        (("models", "a", "b"), "unrecognized arguments: b"),
        (("models", "nope"), "unknown model 'nope'; allowed: diffusive"),
        (("read",), "FILE"),
        (("read", "f", "--sign", "3"), "in --sign"),
        (("read", "f", "--shunt", "-5"), "allowed: a finite number > 0 ohm; in --shunt"),
        (("read", "f", "--shunt", "-1e3"), "'-1e3'"),
        (("read", "f", "--shunt", "nan"), "'nan'"),
        (("read", "f", "--columns", "x=a"), "in --columns"),
        (("read", "f", "--jso"), "unrecognized arguments: --jso"),
        (("observe",), "FILE"),
        (("observe", "f", "--on-threshold", "0"), "> 0 A"),
        (("simulate", "diffusive", "--out", "x.csv"), "--preset --params --fit"),
        (("simulate", "diffusive", "--out", "x.csv", "--preset", "p"), "--stimulus --like"),
        (("simulate", "diffusive", "--preset", "p", "--fit", "f"), "not allowed with"),
        (("simulate", "diffusive", "--members", "0"), "in --members"),
        (("simulate", "diffusive", "--members", "2.5"), "in --members"),
        (("simulate", "diffusive", "--seed", "-1"), "in --seed"),
        (("simulate", "diffusive", "--series-resistance", "-5"), "'-5'; allowed: a finite number"),
        (("simulate", "diffusive", "--carry-state", "maybe"), "in --carry-state"),
    ],
)
def test_wrong_words_end_with_one_line(refused, words, says):
    assert says in refused(*words)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ModelError("w", where="f", allowed="a", fix="x"), 2, "error: w; in f; allowed: a; x"),
        (SolveError("none"), 3, "error: none"),
        (FitError("none"), 3, "error: none"),
        (KeyboardInterrupt("the best is in D"), 130, "interrupted: the best is in D"),
        (KeyboardInterrupt(), 130, "interrupted: nothing was saved"),
        (ZeroDivisionError("one\ntwo"), 1, "error: ZeroDivisionError: one two; this is a bug"),
    ],
)
def test_errors_become_statuses(monkeypatch, run, error, status, says):
    _offer(monkeypatch, lambda options: _raise(error))
    ended = run("extra")
    assert (ended.status, ended.out) == (status, "")
    assert says in ended.err
    assert ended.err.count("\n") == 1


def test_debug_keeps_the_traceback(monkeypatch, run):
    _offer(monkeypatch, lambda options: 1 // 0)
    monkeypatch.setenv("MEMJAX_DEBUG", "1")
    assert "Traceback" in run("extra").err


def test_command_of_another_package_runs_and_is_listed(monkeypatch, run):
    _offer(monkeypatch, lambda options: 7)
    assert run("extra").status == 7
    assert "an extra" in run("--help").out


def test_command_that_does_not_load_spoils_no_other(monkeypatch, run, refused):
    _offer(monkeypatch, lambda options: 7, module="no_such_library")
    assert "does not load (ModuleNotFoundError: " in refused("extra")
    ended = run("--help")
    assert ended.status == 0
    assert "extra (command 'extra' does not load" in " ".join(ended.out.split())
    assert run("models").status == 0


def test_help_and_version(run):
    for words in (["--help"], ["models", "--help"], ["simulate", "--help"]):
        ended = run(*words)
        assert (ended.status, ended.err) == (0, "")
        assert "usage: memjax" in ended.out
    assert run("--version").out.startswith("memjax 0.")


@pytest.mark.integration
@pytest.mark.parametrize("compiler", ["none", "no-such-cc", "false", None])
def test_the_version_says_which_backend_works(run, monkeypatch, tmp_path, compiler):
    if compiler is not None:
        monkeypatch.setenv(library.COMPILER, compiler)
    monkeypatch.setenv("MEMJAX_CACHE", str(tmp_path))
    ended = run("--version")
    backend = {
        "none": "xla (no compiler of C: none is wanted (MEMJAX_CC))",
        "no-such-cc": "xla (no compiler of C: no-such-cc is not there ("
        "MEMJAX_CC names one, pip install 'memjax[compiler]' brings one))",
        "false": f"xla (no compiler of C: {shutil.which('false')}: exit status 1)",
        None: backend_in_use(),
    }[compiler]
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == f"memjax {__version__}\nbackend: {backend}\n"
    works = backend.startswith("cc (")
    assert works == (compiler is None and library.find_compiler() is not None)
    assert len(list(tmp_path.rglob("*.so"))) == works


@pytest.mark.integration
def test_the_module_runs_as_a_program_and_a_closed_pipe_is_no_error():
    program = [sys.executable, "-m", "memjax", "models", "diffusive", "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("on_ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_is_an_interrupt(run, monkeypatch, on_ctrl_c):
    """Also where Ctrl-C is ignored, as in the background of a script; before and after it is what it was."""
    _offer(monkeypatch, lambda options: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGINT, on_ctrl_c)
    try:
        ended = run("extra")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (ended.status, ended.err) == (130, "memjax: interrupted: nothing was saved\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_interrupted_program_takes_no_interpreter_down(monkeypatch):
    """Threads that compile would meet one that is gone, and end the process by a segmentation fault."""

    def end(status):
        raise SystemExit(status)

    monkeypatch.setattr(program, "end_process", end)
    monkeypatch.setattr(program, "prepare_environment", lambda: None)
    monkeypatch.setattr(program.gc, "set_threshold", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["memjax", "extra"])
    _offer(monkeypatch, lambda options: _raise(KeyboardInterrupt()))
    with pytest.raises(SystemExit, match="130"):
        program.main()


def test_two_sigterms_of_one_moment_are_one_interrupt(run, monkeypatch):
    """As of `timeout`, which signals a process and then its group: what is saved after the first goes on."""
    saved = []

    def save(options):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)
            saved.append("all")
            raise

    _offer(monkeypatch, save)
    assert (run("extra").status, saved) == (130, ["all"])


def test_sigterm_that_is_ignored_stays_ignored(run, monkeypatch):
    _offer(monkeypatch, lambda options: signal.raise_signal(signal.SIGTERM) or 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run("extra").status == 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_what_the_operating_system_refuses_is_no_bug(refused, monkeypatch, tmp_path):
    """A full disk under standard output, and a current folder that has gone."""
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert program.main(["models"]) == 2
        monkeypatch.undo()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    _offer(monkeypatch, lambda options: os.getcwd() and 0)
    assert refused("extra") == "memjax: error: the system refuses: No such file or directory\n"
