"""The device of docs/models-own.md: in a package of its own, found by its entry point, run by the command line."""

import json
import re
import tomllib

import numpy as np
import pytest

import memjax as mj
from memjax.cli import main
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "models-own.md").read_text(encoding="utf-8")
LIST = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def _block(language):
    """First block of the page in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found.group(1)


def _install(folder):
    """The page's package, as an installer would leave it."""
    (folder / "lab").mkdir()
    (folder / "lab" / "__init__.py").touch()
    (folder / "lab" / "leaky.py").write_text(_block("python"), encoding="utf-8")
    meta = folder / "lab-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    points = tomllib.loads(_block("toml"))["project"]["entry-points"]
    lines = [f"[{g}]\n" + "".join(f"{k} = {v}\n" for k, v in e.items()) for g, e in points.items()]
    (meta / "entry_points.txt").write_text("".join(lines))


@pytest.mark.slow
def test_the_device_of_the_page_is_25_lines_or_less_and_goes_where_a_built_in_one_goes(
    tmp_path, monkeypatch, capsys
):
    assert len(_block("python").splitlines()) <= 25
    _install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert "leaky" in mj.device_names()
    assert main(["models", "leaky", "--json"]) == 0
    assert {"mu", "tau"} <= set(json.dumps(json.loads(capsys.readouterr().out)).split('"'))
    (tmp_path / "p.toml").write_text("tau = 0.02\n")
    (tmp_path / "s.csv").write_text("t_s,v_V\n0,1\n1,1\n")
    out = tmp_path / "out.csv"
    words = ["--params", tmp_path / "p.toml", "--stimulus", tmp_path / "s.csv", "--out", out]
    assert main(["simulate", "leaky", *map(str, words)]) == 0
    table = np.genfromtxt(out, delimiter=",", names=True)
    level = 50 / (50 + 1 / 0.02)  # mu V/(mu V + 1/tau)
    exact = level * (1 - np.exp(-table["t_s"] * (50 + 1 / 0.02)))
    np.testing.assert_allclose(table["x"], exact, atol=1e-4)


def test_the_page_lists_every_model_with_its_class_and_states():
    rows = {}
    for line in LIST.splitlines():
        if line.startswith("| `"):
            cells = [c.strip() for c in line.strip("|").split("|")]
            if len(cells) == 6:  # the first table
                rows[cells[0].strip("`")] = cells
    assert list(rows) == [n for n in mj.device_names() if n in rows]
    for name, cells in rows.items():
        cls = mj.device_class(name)
        assert cells[1].strip("`") == cls.__name__
        said = {re.sub(r" \(.*\)", "", w.strip()) for w in cells[2].split(",")}
        assert said == {s.name for s in cls().states}
