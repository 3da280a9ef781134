"""The program sets its environment before JAX is imported; the library changes nothing."""

import os
import subprocess
import sys

import pytest

from memjax.runtime.process import is_dask_worker, prepare_environment

NAMES = ("TF_CPP_MIN_LOG_LEVEL", "EQX_ON_ERROR")


@pytest.fixture
def bare(monkeypatch):
    """A process that has not imported JAX, without these variables."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name in ("jax", "equinox"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_variables_are_set_unless_the_user_has_set_them(bare, monkeypatch):
    monkeypatch.setenv("EQX_ON_ERROR", "raise")
    prepare_environment()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert os.environ["EQX_ON_ERROR"] == "raise"


def test_where_jax_is_imported_it_is_too_late_and_nothing_is_set(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    prepare_environment()
    assert not any(name in os.environ for name in NAMES)


def test_this_process_is_no_worker_of_dask():
    assert not is_dask_worker()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("code", "set_"),
    [("import memjax, fitting", False), ("from memjax.cli import main; main()", True)],
)
def test_the_program_alone_changes_the_environment(code, set_):
    """Also where the arguments say "memjax"."""
    environment = {n: x for n, x in os.environ.items() if n not in NAMES}
    text = f"{code}; import os; print([n in os.environ for n in {NAMES}])"
    words = [sys.executable, "-c", text, "--version"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str([set_, set_])
