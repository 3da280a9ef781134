"""Fits in processes of their own: what they say, how they stop, what is left of them."""

import json
import sys
import time

import pytest

from fitting.app.explore import fit_process
from fitting.app.explore.fit_process import FitProcess
from memjax.errors import FitError, MemjaxError, OutputError

STUB = """
import json, signal, sys, time
from pathlib import Path
def interrupt(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, interrupt)
out = Path(sys.argv[-1])
def say(text):
    print("memjax: " + text, file=sys.stderr, flush=True)
say("note: of the data")
say("progress: stage 1 of 2: search")
say("progress: search: iteration 1, loss 12.5, 1 s")
say("progress: search: iteration 2, loss inf, 1 s")
try:
    time.sleep(30 if "wait" in sys.argv else 0)
except KeyboardInterrupt:
    status = 130
else:
    status = 0
if "nothing" in sys.argv:
    say("error: wrong; in here")
    sys.exit(2)
out.mkdir()
row = {"value": 61.0, "std": 2.0}
content = {"schema_version": 1, "model": "diffusive", "parameters": {"mu": row}, "bench": {}, "free": ["mu"],
           "loss": 1.0, "interrupted": status == 130, "verdict": None, "command": "memjax fit --out " + str(out)}
(out / "fit.json").write_text(json.dumps(content))
(out / "report.html").write_text("--out " + str(out))
sys.exit(status)
"""
"""A stand-in for ``memjax fit``, which says and leaves what that does."""


@pytest.fixture
def fits(tmp_path, monkeypatch):
    """Fits whose processes run the stand-in."""
    (tmp_path / "stub.py").write_text(STUB)
    popen = fit_process.subprocess.Popen

    def start(words, **options):
        assert words[:3] == [sys.executable, "-m", "memjax"]
        return popen([sys.executable, str(tmp_path / "stub.py"), *words[3:]], **options)

    monkeypatch.setattr(fit_process.subprocess, "Popen", start)
    fits = FitProcess()
    yield fits
    fits.close()
    assert not fits.folder.exists()


def _until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come")


@pytest.mark.integration
def test_progress_result_and_a_place_for_it(fits, tmp_path):
    assert fits.state()["number"] == 0
    fits.start(["fit", "a.csv"], "page")
    _until(lambda: not fits.running)
    state = fits.state()
    assert (state["status"], state["page"], state["messages"]) == (0, "page", ["note: of the data"])
    assert state["history"] == [12.5, float("inf")]
    assert state["result"]["fitted"]["values"] == {"mu": 61.0}
    assert fits.unsaved
    out = tmp_path / "my fit"
    assert fits.save(str(out)) == out
    assert json.loads((out / "fit.json").read_text())["command"] == f"memjax fit --out {out}"
    assert (out / "report.html").read_text() == f"--out {out}"
    assert not fits.unsaved
    with pytest.raises(OutputError, match="it exists already"):
        fits.save(str(out))
    with pytest.raises(MemjaxError, match="no folder"):
        fits.save(" ")


@pytest.mark.integration
def test_a_fit_is_stopped_and_keeps_what_it_reached(fits):
    fits.start(["fit", "wait"], "page")
    _until(lambda: fits.history)
    state = fits.state()
    assert (state["running"], state["stage"], state["result"]) == (True, "search", None)
    with pytest.raises(FitError, match="running already"):
        fits.start(["fit"], "other page")
    with pytest.raises(FitError, match="no fit has ended"):
        fits.file("fit.json")
    fits.stop()
    _until(lambda: not fits.running)
    assert fits.state()["status"] == 130
    assert fits.state()["result"]["fitted"]["interrupted"]


@pytest.mark.integration
def test_a_fit_that_is_refused_says_why(fits):
    fits.start(["fit", "nothing"], "page")
    _until(lambda: not fits.running)
    state = fits.state()
    assert (state["status"], state["result"], state["messages"][-1]) == (
        2,
        None,
        "error: wrong; in here",
    )


@pytest.mark.integration
def test_closing_ends_what_runs(fits):
    fits.start(["fit", "wait"], "page")
    _until(lambda: fits.history)
    process = fits.process
    fits.close()
    assert process.poll() is not None
