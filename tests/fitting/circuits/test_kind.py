"""``memjax fit`` of a circuit: to spike times alone, and to the trace of a node."""

import json
import re

import numpy as np
import pytest

import memjax as mj
from memjax.cli import main
from memjax.io.stimulus import load_stimulus
from memjax.observables import detect_all
from memjax.solver import SemiImplicitEuler

NOISY = "1m1t1r/zhao2025-table1-noisy"
TRUTH = {"memristor.mu": 165.0, "memristor.sigma1": 0.02}
SEEN = ["--spikes", "gate.v", "--level", "0.22", "--rearm", "0.15"]


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """Fifty pulses of 2.2 V and 0.4 ms every 0.8 ms."""
    path = tmp_path_factory.mktemp("drive") / "drive.csv"
    edges = [(0, 0), (1e-6, 2.2), (4e-4, 2.2), (4.01e-4, 0)]
    rows = [(8e-4 * k + t, v) for k in range(50) for t, v in edges]
    lines = ["t_s,v_V", *(f"{t:.9g},{v:g}" for t, v in [*rows, (0.04, 0)])]
    path.write_text("\n".join(lines) + "\n")
    return path


def table(trains) -> str:
    rows = [f"{k},{t!r}" for k, train in enumerate(trains) for t in train.tolist()]
    return "\n".join(["train,t_s", *rows]) + "\n"


@pytest.mark.study
def test_spike_times_give_kinetics_and_noise_and_fresh_trains_like_them(drive, tmp_path, capsys):
    _, values, _ = mj.presets.load(NOISY)
    circuit = mj.params.replace(mj.model("1m1t1r"), values | TRUTH)
    policy, rows = mj.Fixed(2e-6, method=SemiImplicitEuler()), np.arange(2501) * 1.6e-5
    trace = mj.simulate(circuit, load_stimulus(drive), members=32, seed=7, policy=policy, save=rows)
    trains = detect_all(trace.check().t, trace.state["gate.v"], level=0.22, rearm=0.15)
    (tmp_path / "trains.csv").write_text(table(trains))
    out = tmp_path / "fit"
    words = ["fit", tmp_path / "trains.csv", "--model", "1m1t1r", "--preset", NOISY, *SEEN]
    words += ["--stimulus", drive, "--free", *TRUTH, "--dt", "2e-6", "--draws", "128", "--out", out]
    assert main([str(w) for w in words]) == 0
    assert "report in" in capsys.readouterr().out
    content = json.loads((out / "fit.json").read_text())
    about = content["spikes"]
    # Both sides are trains of one model: the chance of one beyond 4 standard errors is 1e-4.
    for name, true in TRUTH.items():
        row = content["parameters"][name]
        assert row["determined"], name
        assert abs(row["value"] - true) < 4 * row["std"], name
    assert about["p"] > 1e-3
    assert about["comparison"]["energy_p"] > 1e-3
    assert about["steps"][-1]["p"] >= 0.01
    assert (out / "spikes.png").stat().st_size > 0
    assert "Fresh trains" in (out / "report.html").read_text()
    # The fit is one for a simulation, and its tables are spike times again.
    assert main(["read", str(out / "simulated.csv")]) == 0
    assert main(["report", str(out)]) == 0


@pytest.mark.slow
def test_the_trace_of_a_node_gives_its_resistance_and_the_residuals_are_its_noise(tmp_path):
    circuit = mj.params.replace(mj.model("threshold-switch-neuron"), {"r_in.r": 1.03e6})
    (tmp_path / "step.csv").write_text("t_s,v_V\n0,1\n1e-3,1\n")
    rows = np.linspace(0, 1e-3, 201)
    trace = mj.simulate(circuit, load_stimulus(tmp_path / "step.csv"), save=rows).check()
    v = np.asarray(trace.state["node.v"][0]) + 2e-3 * np.random.default_rng(1).normal(size=201)
    lines = [f"{t:.9g},{x!r}" for t, x in zip(rows, v.tolist(), strict=True)]
    (tmp_path / "trace.csv").write_text("\n".join(["t_s,node.v", *lines]) + "\n")
    words = ["fit", tmp_path / "trace.csv", "--model", "threshold-switch-neuron"]
    words += ["--voltage", "node.v", "--stimulus", tmp_path / "step.csv"]
    words += ["--free", "r_in.r", "switch.v_th", "--out", tmp_path / "fit"]
    assert main([str(w) for w in words]) == 0
    content = json.loads((tmp_path / "fit" / "fit.json").read_text())
    row, about = content["parameters"]["r_in.r"], content["trace"]
    assert abs(row["value"] - 1.03e6) < 4 * row["std"] < 0.05e6
    assert about["sigma_from"] == "differences of neighbouring rows"
    # Second differences of 201 rows know sigma to some 10 %.
    assert about["sigma"] == pytest.approx(2e-3, rel=0.4)
    assert 0.4 < about["chi2"] < 2
    assert (tmp_path / "fit" / "trace.png").stat().st_size > 0


@pytest.mark.integration
def test_what_makes_no_fit_of_a_circuit_is_refused(drive, tmp_path, capsys):
    trains = tmp_path / "trains.csv"
    trains.write_text(table([np.array([1e-3, 2e-3])]))
    trace = tmp_path / "trace.csv"
    trace.write_text("t_s,gate.v\n0,0\n1e-3,1\n2e-3,0\n")
    fit = ["fit", str(trains), "--model", "1m1t1r", "--out", str(tmp_path / "fit")]
    more = ["--stimulus", str(drive), "--free", "memristor.mu"]
    for words, message in (
        (fit, "spike times.*say --spikes SIGNAL"),
        ([*fit, *SEEN, "--free", "memristor.mu"], "no --stimulus; in --spikes; say --stimulus S.csv"),
        ([*fit, *SEEN, *more[:2]], "say --free"),
        ([*fit, "--spikes", "gate.v", *more], "say --level"),
        ([*fit, *SEEN, *more, "--batch"], "--batch: these fits are of one circuit"),
        ([*fit, *SEEN, *more, "--compliance", "1e-6"], "--compliance: elements around a circuit"),
        ([*fit, "--voltage", "gate", *more], "no column says that it is the voltage"),
        ([*fit, *SEEN, *more, "--uncertainty", "nuts"], "--uncertainty nuts: .* no likelihood"),
        ([*fit, "--voltage", "gate", *more, "--stochastic"], "--stochastic: --spikes calibrates noise"),
        (["fit", str(trace), *fit[2:], "--spikes", "gate.v", *more], "say --level"),
        ([*fit, "--spikes", "nowhere", "--level", "1", *more], "no signal 'nowhere'"),
        (["fit", str(trains), "--model", "drift", *fit[4:], *SEEN, *more[:2], "--free", "mu"],
         "allowed: a circuit"),
    ):  # fmt: skip
        assert main(words) == 2, words
        found = capsys.readouterr().err
        assert found.startswith("memjax: error: ")
        assert found.count("\n") == 1
        assert re.search(message, found), (message, found)
    assert not (tmp_path / "fit").exists()
