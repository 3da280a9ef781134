"""Resistance against time on the command line: its folder, its page, what it says."""

import json

import pytest

from memjax.cli import main
from tests.fitting.retention.decays import T, decay

pytestmark = pytest.mark.slow


def test_the_command_line(tmp_path, capsys):
    # The name of a file that wants to be more than text in a page.
    path, out = tmp_path / "<img src=x onerror=alert(1)><script>.csv", tmp_path / "fit"
    r = decay("stretched exponential", T[::8])
    rows = [f"{x},{y}" for x, y in zip(T[::8], r, strict=True)]
    path.write_text("\n".join(["t_s,r_ohm", *rows]) + "\n")
    assert main(["read", str(path)]) == 0
    assert "resistance against time" in capsys.readouterr().out
    assert main(["fit", str(path), "--model", "vteam", "--out", str(out)]) == 2
    assert "allowed: drift" in capsys.readouterr().err
    assert main(["fit", str(path), "--model", "drift", "--out", str(out)]) == 0
    content = json.loads((out / "fit.json").read_text())
    assert content["retention"]["laws"][0]["name"] == "stretched exponential"
    (out / "retention.png").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "retention.png").exists()
    page = (out / "report.html").read_text()
    assert "&lt;img src=x" in page
    assert "<img src=x" not in page
    assert "<script" not in page
    assert "default-src 'none'" in page
