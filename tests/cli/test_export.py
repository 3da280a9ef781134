"""``memjax export``: the files, their testbenches in ngspice, and wrong words."""

import json
import subprocess

import pytest

from memjax.cli import main
from memjax.network.nir import read_nir
from memjax.network.toml import load_network
from tests.spice import needs_ngspice

FIT = {
    "schema_version": 1,
    "model": "threshold-switch",
    "parameters": {
        "v_th": {"value": 0.4, "unit": "V", "std": 0.02, "free": True},
        "v_hold": {"value": 0.15, "unit": "V", "std": None, "free": False},
        "tau": {"value": 1e-4, "unit": "s", "std": None, "free": False},
    },
    "bench": {"series_resistance": 1e3, "compliance": 1e-5, "temperature": 300.0},
    "read_noise": {},
    "cycle_spread": {"v_th": {"sigma_ln": 0.05}},
}
"""A fit with a bench, a deviation and a spread, written here: its V_th is 0.4 V."""

STEP = 0.01
"""Step of the instrument [V]."""


def _fit(folder):
    """The folder of a fit, with the sweep that it was made to."""
    (folder / "fit").mkdir()
    (folder / "fit" / "fit.json").write_text(json.dumps(FIT))
    levels = [*range(101), *range(99, -1, -1)]
    rows = [f"0,0,{k * 0.01},{STEP * x},0.0" for k, x in enumerate(levels)]
    (folder / "fit" / "simulated.csv").write_text(
        "\n".join(["member,sweep,t_s,v_V,i_A", *rows]) + "\n"
    )
    return folder / "fit"


@pytest.mark.integration
@needs_ngspice
def test_a_fit_goes_out_through_ngspice_and_back_with_its_threshold(tmp_path, capsys):
    fit, out = _fit(tmp_path), tmp_path / "switch.lib"
    assert (
        main(["export", "threshold-switch", "--fit", str(fit), "--to", "spice", "--out", str(out)])
        == 0
    )
    text = out.read_text()
    assert "v_th = 0.4 V, std 0.02, ln varies by 0.05" in text
    ran = subprocess.run(
        ["ngspice", "-b", "switch_tb.cir"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    table = tmp_path / "switch_out.txt"
    assert table.exists(), ran.stdout[-500:] + ran.stderr[-500:]
    capsys.readouterr()
    assert main(["observe", str(table), "--on-threshold", "1e-6", "--json"]) == 0
    (sweep,) = json.loads(capsys.readouterr().out)["sweeps"]
    assert abs(sweep["v_th_V"] - 0.4) <= STEP


@pytest.mark.parametrize("language", ["spice", "ltspice", "verilog-a"])
def test_each_language_writes_a_file_and_a_testbench(tmp_path, language):
    out = tmp_path / "m.txt"
    assert main(["export", "1m1t1r", "--to", language, "--deterministic", "--out", str(out)]) == 0
    assert "source: doi:10.1038/s41928-025-01488-x" in out.read_text()
    assert "memristor.mu = " in out.read_text()
    assert (tmp_path / "m_tb.cir").read_text().startswith("* drives 1m1t1r")
    assert main(["export", "1m1t1r", "--to", language, "--out", str(out)]) == 2


def test_what_is_left_out_is_said(tmp_path, capsys):
    out = tmp_path / "m.lib"
    assert main(["export", "diffusive-spice", "--to", "spice", "--out", str(out)]) == 0
    assert "memjax: warning: left out: the jumps shrink" in capsys.readouterr().err
    assert "* note: left out: the jumps shrink" in out.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["vteam", "--to", "matlab"],
            "language 'matlab'; in --to; allowed: spice, ltspice, verilog-a",
        ),
        (["vtaem", "--to", "spice"], "unknown model 'vtaem'"),
        (["vteam", "--to", "spice", "--fit", "missing"], "cannot be read as a fit"),
        (
            ["mms", "--to", "spice", "--preset", "vteam/illustration"],
            "parameters of the model 'vteam'",
        ),
        (["vteam", "--to", "spice", "--stimulus", "missing.csv"], "no such file"),
    ],
)
def test_wrong_words_are_one_line_and_no_file(tmp_path, capsys, words, says):
    assert main(["export", *words, "--out", str(tmp_path / "m.lib")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert says in message
    assert not list(tmp_path.iterdir())


NETWORK = """
duration = 0.02
dt = 1e-6

[groups.input]
kind = "poisson"
n = 4
rate = 500

[groups.cells]
model = "integrate-and-fire"
n = 3
spike = { signal = "node.v", level = 0.2 }

[[projections]]
pre = "input"
post = "cells"
connect = { rule = "dense" }
weight = 0.8
tau = 1e-3
"""


@pytest.mark.slow
def test_a_network_is_written_as_nir_and_options_of_models_are_refused(tmp_path, capsys):
    (tmp_path / "net.toml").write_text(NETWORK)
    words = [
        "export",
        str(tmp_path / "net.toml"),
        "--to",
        "nir",
        "--out",
        str(tmp_path / "net.nir"),
    ]
    assert main([*words, "--preset", "x", "--compliance", "1e-6"]) == 2
    assert "--preset, --compliance of a network" in capsys.readouterr().err
    assert main(words) == 0
    assert "cells" in capsys.readouterr().err
    assert (
        read_nir(tmp_path / "net.nir").digest()
        == load_network(tmp_path / "net.toml").network.digest()
    )


def test_a_line_break_in_a_file_name_is_no_line_of_the_netlist(tmp_path):
    params, out = tmp_path / "a\n.include secret\n.toml", tmp_path / "m.lib"
    params.write_text("x0 = 0.1\n")
    words = ["export", "mms", "--to", "spice", "--params", str(params), "--out", str(out)]
    assert main(words) == 0
    lines = out.read_text().splitlines()
    assert any(".include secret" in x for x in lines)
    assert not any(x.lstrip().startswith(".include secret") for x in lines)


@pytest.mark.parametrize("name", ["a b.lib", "a\n.lib", "a;b.lib", "$HOME.lib", "'a'.lib"])
def test_a_name_that_is_no_word_of_spice_is_refused(tmp_path, capsys, name):
    words = ["export", "mms", "--to", "spice", "--out", str(tmp_path / name)]
    assert main(words) == 2
    assert "would not read as one word" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_noise_of_verilog_a_does_not_depend_on_the_length_of_the_testbench(run, tmp_path):
    """Its sources are white and of unit intensity, two at positive frequencies; SPICE has samples for an interval."""
    options = ("--preset", "1m1t1r/zhao2025-table1-noisy", "--to")
    texts = {}
    for to in ("verilog-a", "spice"):
        for duration in (1, 10):
            out = tmp_path / f"{to}{duration}.txt"
            words = ("export", "1m1t1r", *options, to, "--duration", duration, "--out", out)
            assert run(*words).status == 0
            lines = out.read_text().splitlines()
            texts[to, duration] = [x for x in lines if "t_fast = " not in x]
    assert texts["verilog-a", 1] == texts["verilog-a", 10]
    (source,) = [x for x in texts["verilog-a", 1] if "white_noise" in x]
    assert "white_noise(2.0, " in source
    assert not any("t_noise" in x for x in texts["verilog-a", 1])
    assert texts["spice", 1] != texts["spice", 10]
