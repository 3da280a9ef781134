"""A problem that is solved from Python leaves the folder that the command line leaves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax.cli import main
from memjax.data import PulseProtocol, read_records
from tests.fits import threshold_loop
from tests.golden import inputs

NEURON = "1m1t1r/zhao2025-table1-noisy"
PULSED = "--pulse-voltages 0.3 -0.3 --pulse-widths 2e-5 2e-5 --read-voltage 0.05"

PROVENANCE = ("command", "config", "versions")


def _switch():
    rows = zip(*threshold_loop(0.6, 0.3), strict=True)
    Path("loop.csv").write_text("\n".join(["v_V,i_A", *(f"{v},{i}" for v, i in rows)]) + "\n")
    problem = ft.SweepProblem(mj.read("loop.csv"), mj.model("threshold-switch"), point_time=0.01)
    return problem, "loop.csv --model threshold-switch --point-time 0.01"


def _decay():
    rows = (f"{t},{1e4 + 100 * np.log1p(t / 200)}" for t in np.linspace(0, 3e4, 40))
    Path("decay.csv").write_text("\n".join(["t_s,r_ohm", *rows]) + "\n")
    record = _record("decay.csv")
    problem = ft.RetentionProblem(record, mj.model("mms"), free=["tau", "x0"])
    return problem, "decay.csv --model mms --free tau x0"


def _device(preset, **values):
    _, stored, _ = mj.presets.load(preset)
    return mj.params.replace(mj.model(preset.split("/")[0]), stored | values)


def _record(name) -> Any:
    """The first record of a file, of which the reader says the kind."""
    return read_records(name)[0]


_PROTOCOL = PulseProtocol(voltages=(0.3, -0.3), widths=(2e-5, 2e-5), read_voltage=0.05)


def _pulses():
    inputs.pulses()
    problem = ft.PulseProblem(_record("one.csv"), mj.model("mms"), protocol=_PROTOCOL)
    return problem, f"one.csv --model mms {PULSED}"


def _delays():
    inputs.curves()
    device, thresholds = _device("diffusive/wang2024-pulse", r0=0.3), (1e-6, 1e-7)
    names = dict(zip(("threshold", "off_threshold"), thresholds, strict=True))
    problem = ft.TransientProblem(mj.read("curves.csv"), device, free=["mu", "gamma3"], **names)
    words = "--delays --on-threshold 1e-6 --off-threshold 1e-7 --free mu gamma3"
    given = "--model diffusive --preset diffusive/wang2024-pulse --fix r0=0.3"
    return problem, f"curves.csv {given} {words}"


def _trains():
    inputs.trains()
    seen = {"signal": "gate.v", "level": 0.22, "rearm": 0.15}
    options = {
        "free": ["memristor.mu"],
        "dt": 2e-6,
        "members": 48,
        "stimulus": "drive.csv",
    }
    problem = ft.SpikeProblem("trains.csv", _device(NEURON), **seen, **options)
    words = "--spikes gate.v --level 0.22 --rearm 0.15 --free memristor.mu --dt 2e-6 --draws 48"
    return problem, f"trains.csv --model 1m1t1r --preset {NEURON} --stimulus drive.csv {words}"


def _trace():
    inputs.trace()
    circuit, free = mj.model("threshold-switch-neuron"), ["r_in.r", "switch.v_th"]
    problem = ft.TraceProblem("trace.csv", circuit, node="node", stimulus="step.csv", free=free)
    words = "--voltage node.v --stimulus step.csv --free r_in.r switch.v_th"
    return problem, f"trace.csv --model threshold-switch-neuron {words}"


def _targets():
    device = mj.params.replace(mj.model("diffusive"), {"gamma1": 0.0, "beta": 0.0, "r_on": 1e5})
    problem = ft.TargetProblem(["delay@1=5e-3"], device, free=["mu", "theta"], members=64)
    words = "--free mu theta --fix gamma1=0 beta=0 r_on=1e5 --draws 64"
    return problem, f"--target delay@1=5e-3 --model diffusive {words}"


def _joint():
    inputs.pulses()
    inputs.decay()
    device = mj.params.replace(mj.model("mms"), {"v_on": 0.19, "v_off": 0.17})
    pulses, decay = (_record(n) for n in ("one.csv", "decay.csv"))
    free = ["r_on", "r_off", "tau", "x0"]
    alone = (
        ft.PulseProblem(pulses, device, protocol=_PROTOCOL, free=free),
        ft.RetentionProblem(decay, device, free=free),
    )
    problem = ft.JointProblem([ft.solve(p, seed=0) for p in alone], device)
    words = f"--model mms --free {' '.join(free)} --fix v_on=0.19 v_off=0.17"
    return problem, f"one.csv decay.csv --bench bench.toml {words}"


def _content(folder):
    content = json.loads((folder / "fit.json").read_text())
    content["data"] = [entry["sha256"] for entry in content["data"]]
    return {n: x for n, x in content.items() if n not in PROVENANCE}


def _config(folder):
    return json.loads((folder / "fit.json").read_text())["config"]


@pytest.mark.slow
@pytest.mark.few(3)
@pytest.mark.filterwarnings("ignore::memjax.errors.StepWarning")  # of the simulated trains
@pytest.mark.parametrize(
    "made", [_switch, _decay, _pulses, _trace, _joint, _delays, _trains, _targets]
)
def test_a_notebook_writes_the_folder_of_the_command_line(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem, words = made()
    assert main(["fit", *words.split(), "--out", "command"]) == 0
    fit = ft.solve(problem, seed=0)
    assert ft.laplace(fit).save("notebook") == tmp_path / "notebook"
    left, right = (_content(tmp_path / n) for n in ("command", "notebook"))
    assert right == left
    command, notebook = (_config(tmp_path / n) for n in ("command", "notebook"))
    assert "python" not in notebook
    if notebook != command:  # else it is the command, which was run
        assert main(["fit", "--config", "notebook/fit.json", "--out", "again"]) == 0
        assert _content(tmp_path / "again") == left
    names = [
        sorted(p.relative_to(n) for p in Path(n).rglob("*.*") if p.is_file())
        for n in ("command", "notebook")
    ]
    assert names[0] == names[1]
    tables = [n for n in names[0] if n.suffix == ".csv"]
    assert tables
    for name in tables:
        one, other = (Path(n, name).read_bytes() for n in ("command", "notebook"))
        assert one == other, name


@pytest.mark.slow
def test_a_fit_is_made_again_from_its_own_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, words = _decay()
    words += " --fix r_on=5e3 --bounds tau=1e-9,10 --seed 3"
    assert main(["fit", *words.split(), "--out", "first"]) == 0
    assert main(["fit", "--config", "first/fit.json", "--out", "second"]) == 0
    first, second = (_content(tmp_path / n) for n in ("first", "second"))
    assert second == first
    assert _config(tmp_path / "second") == _config(tmp_path / "first")
    assert _config(tmp_path / "first")["fix"] == {"r_on": 5e3}
