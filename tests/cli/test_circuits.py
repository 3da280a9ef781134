"""Circuits on the command line: simulate and models as for devices, several drives, errors."""

import json

import numpy as np
import pandas as pd
import pytest

from memjax.cli import main

RC = ["--preset", "threshold-switch-neuron/illustration"]


def _csv(path, text):
    path.write_text(text)
    return str(path)


@pytest.fixture
def drive(tmp_path):
    return _csv(tmp_path / "s.csv", "t_s,v_V\n0,1\n5e-4,1\n")


@pytest.mark.slow
def test_a_neuron_is_simulated_as_a_device_is(tmp_path, drive):
    """The node charges to 0.3 V with 1 ms, and falls to 0.1 V: R C ln(V / (V - V_th)) = 0.357 ms."""
    out = tmp_path / "o.csv"
    words = ["simulate", "threshold-switch-neuron", *RC, "--stimulus", drive, "--out", str(out)]
    assert main(words) == 0
    table = pd.read_csv(out)
    head = ["member", "sweep", "t_s", "v_V", "i_A"]
    assert list(table)[:5] == head
    assert set(table) == {*head, "switch.x", "node.v"}
    peak = table["t_s"][table["node.v"].idxmax()]
    assert peak == pytest.approx(1e-3 * np.log(1 / 0.7), rel=0.02)
    np.testing.assert_allclose(table["i_A"], (table["v_V"] - table["node.v"]) / 1e6, rtol=1e-5)


def test_a_circuit_is_described(capsys):
    assert main(["models", "1m1t1r", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["kind"] == "circuit"
    assert {"name": "r_c", "element": "resistor", "nodes": ["gate", "0"], "driven": False} in about[
        "netlist"
    ]
    assert {p["name"]: p["value"] for p in about["parameters"]}["c_gate.c"] == 1e-11


SYNAPSE = ["diffusive-drift-synapse", "--preset", "diffusive-drift-synapse/illustration"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("words", "text", "says"),
    [
        (["threshold-switch-neuron", *RC, "--compliance", "1e-6"], "t_s,v_V\n0,1\n1,1\n", "a bench around a Circuit"),
        (["threshold-switch-neuron", *RC], "t_s,i_A\n0,1\n1,1\n", "a stimulus of current; in circuit"),
        (SYNAPSE, "t_s,v_V\n0,1\n1,1\n", "allowed: t_s and pre_V or pre_A, post_V or post_A"),
        (SYNAPSE, "t_s,pre_V,post_V\n0,1\n1,1\n", "allowed: 3 finite numbers"),
        (["1m1t2r", *RC], "t_s,v_V\n0,1\n1,1\n", "unknown model '1m1t2r'"),
        (["1m1t1r", *RC], "t_s,v_V\n0,1\n1,1\n", "parameters of the model 'threshold-switch-neuron'"),
    ],
)  # fmt: skip
def test_wrong_input_ends_with_status_2_and_one_line(tmp_path, capsys, words, text, says):
    out = tmp_path / "o.csv"
    stimulus = _csv(tmp_path / "s.csv", text)
    assert main(["simulate", *words, "--stimulus", stimulus, "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert not out.exists()


def test_a_parameter_file_may_have_a_table_for_each_element(tmp_path, drive, capsys):
    wrong = _csv(tmp_path / "p.toml", "[r_c]\nohm = 1e8\n")
    words = ["simulate", "1m1t1r", "--params", wrong, "--stimulus", drive]
    assert main([*words, "--out", str(tmp_path / "o.csv")]) == 2
    assert "unknown parameter 'r_c.ohm'" in capsys.readouterr().err
