"""What a command loads before it does anything: nothing that it does not need."""

import json
import subprocess
import sys

import pytest

from memjax.cli import model_table
from memjax.models import model_names

PROGRAM = """
import contextlib, io, sys
from memjax.cli import main
heavy = {"jax", "jaxlib", "equinox", "diffrax", "optimistix", "scipy", "pandas", "matplotlib"}
file = sys.argv[1]
for words, status in (
    (["--help"], 0),
    (["--version"], 0),
    (["models"], 0),
    (["models", "--json"], 0),
    (["models", "diffusive"], 0),
    (["models", "--measured"], 0),
    (["models", "tea"], 2),
    (["read", file], 0),
    (["datasets"], 0),
    (["fit", "--help"], 0),
    (["explore", "--help"], 0),
    (["simulate", "--help"], 0),
    (["run", "--help"], 0),
    (["fit", file + ".none", "--model", "diffusive", "--out", "fit"], 2),
    (["fit", file, "--model", "tea", "--out", "fit"], 2),
    (["simulate", "tea", "--stimulus", file, "--out", "out.csv"], 2),
):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        ended = main(words)
    loaded = sorted(heavy & set(sys.modules))
    assert (ended, loaded) == (status, []), (words, ended, loaded, shown.getvalue())
    assert status == 0 or shown.getvalue().count("\\n") == 1, shown.getvalue()
"""


@pytest.mark.integration
def test_commands_that_compute_nothing_load_nothing_that_computes(measured):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(measured)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.integration
def test_the_file_of_models_holds_what_the_models_say():
    kept = model_table.FILE.read_text("utf8")
    fix = "python -c 'from memjax.cli.model_table import write; write()'"
    assert json.loads(kept) == json.loads(model_table.kept_content()), fix
    assert kept == model_table.kept_content(), fix
    for name in ("diffusive", "dpi-neuron"):
        assert model_table.description_of(name) == model_table.describe_model(name)
    assert model_table.model_names() == model_names()


def test_a_model_of_another_package_is_loaded_and_listed_first(monkeypatch, run):
    kept = dict(model_table._kept())
    kept.pop("drift")
    monkeypatch.setattr(model_table, "_kept", lambda: kept)

    class Point:
        name = "drift"

    monkeypatch.setattr(model_table, "entry_points", lambda group: [Point()])
    rows = json.loads(run("models", "--json").out)["models"]
    assert [r["name"] for r in rows[:2]] == ["drift", "diffusive"]
    assert json.loads(run("models", "drift", "--json").out)["parameters"]
