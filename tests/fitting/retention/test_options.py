"""Resistance against time on the command line: its folder, its page, what it says."""

import json

import numpy as np

from memjax.cli import main

T = np.linspace(0.0, 3e4, 400)

TRUTH = {
    "stretched exponential": {"r0": 1e4, "r_inf": 1.2e4, "tau": 4e3, "beta": 0.6},
    "logarithm of time": {"r0": 1e4, "a": 300.0, "t0": 200.0},
    "power of time": {"r0": 1e4, "nu": 0.1, "t0": 300.0},
}


def _law(name: str, t: np.ndarray) -> np.ndarray:
    p = TRUTH[name]
    if "tau" in p:
        return p["r_inf"] + (p["r0"] - p["r_inf"]) * np.exp(-((t / p["tau"]) ** p["beta"]))
    if "a" in p:
        return p["r0"] + p["a"] * np.log1p(t / p["t0"])
    return p["r0"] * (1 + t / p["t0"]) ** p["nu"]


def test_the_command_line(tmp_path, capsys):
    path, out = tmp_path / "d.csv", tmp_path / "fit"
    r = _law("stretched exponential", T[::8])
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
