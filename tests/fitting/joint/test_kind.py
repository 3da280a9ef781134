"""``memjax fit`` of files of several kinds: pulses and a decay of one device."""

import json

import jax.numpy as jnp
import numpy as np
import pandas
import pytest

import memjax as mj
from fitting.retention.fit import relaxation
from memjax.cli.program import main
from memjax.data import PulseProtocol
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

TRUTH = {"r_on": 520.0, "r_off": 2400.0, "v_on": 0.19, "v_off": 0.17, "tau": 1.3e-4}
PULSES = "pulse_voltages = [0.3, -0.3]\npulse_widths = [2e-5, 2e-5]\nread_voltage = 0.05\n"
FREE = ["--model", "mms", "--free", *TRUTH, "x0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of one device: conductances under pulses, a resistance that relaxes, how the pulses were."""
    place, rng = tmp_path_factory.mktemp("joint"), np.random.default_rng(3)
    device = mj.params.replace(mj.model("mms"), TRUTH | {"noisy": 0.0, "x0": 0.05})
    protocol = PulseProtocol(voltages=(0.3, -0.3), widths=(2e-5, 2e-5), read_voltage=0.05)
    pulsed, kinds = Pulsed.under(device, protocol), np.repeat([0, 1], 20)
    g = np.asarray(simulate_pulses(pulsed, PulseNoise.none(), kinds, cycles=6, seed=0))
    g = g * (1 + 0.01 * rng.normal(size=g.shape))
    order = [("P", k) for k in range(21)] + [("D", k) for k in range(1, 21)]
    rows = [("d", c, *order[k], g[c, k]) for c in range(len(g)) for k in range(len(order))]
    columns = ["device", "cycle", "branch", "pulse", "g_S"]
    pandas.DataFrame(rows, columns=columns).to_csv(place / "pulses.csv", index=False)
    t = np.linspace(0.0, 1.5, 80)
    relaxing = mj.params.replace(device, {"x0": 0.9})
    still, reads = jnp.zeros(()), jnp.asarray(1e-2)
    r = np.asarray(relaxation(relaxing, jnp.asarray(t), still, mj.Environment(), reads))
    table = np.c_[t, r * (1 + 0.01 * rng.normal(size=t.shape))]
    np.savetxt(place / "decay.csv", table, delimiter=",", header="t_s,r_ohm", comments="")
    (place / "bench.toml").write_text('["pulses.csv"]\n' + PULSES)
    return place


def _files(folder):
    return [str(folder / "pulses.csv"), str(folder / "decay.csv"), *FREE]


@pytest.mark.slow
def test_files_of_two_kinds_are_one_device(folder, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["fit", *_files(folder), "--bench", str(folder / "bench.toml"), "--out", str(out)]
    assert main([*words, "--bounds", "v_on=0.05,0.5", "--start", "v_off=0.2"]) == 0
    content = json.loads((out / "fit.json").read_text())
    assert content["kind"] == "joint fit"
    parts = {p["kind"]: p for p in content["files"]}
    assert list(parts) == ["conductance per pulse", "resistance against time"]
    assert not any(p["contradicts"] for p in content["files"])
    for name, true in TRUTH.items():
        p = content["parameters"][name]
        assert abs(p["value"] - true) < 4 * p["std"]
        assert 0.5 < sum(x["shares"][name] for x in content["files"]) <= 1 + 1e-9
    # What no file determines alone, both do.
    alone = [set(p["undetermined_alone"]) for p in content["files"]]
    assert len(content["undetermined"]) < min(map(len, alone))
    assert set(parts["resistance against time"]["own"]) == {"x0"}
    assert parts["resistance against time"]["own"]["x0"] == pytest.approx(0.9, abs=0.05)
    assert content["parameters"]["v_on"]["bounds"] == [0.05, 0.5]
    for part in content["files"]:
        own = json.loads((out / part["folder"] / "fit.json").read_text())
        assert own["parameters"]["v_on"]["bounds"] == [0.05, 0.5]
        assert own["parameters"]["tau"]["value"] == content["parameters"]["tau"]["value"]
        assert (out / part["folder"] / "report.html").stat().st_size > 0
    page = (out / "report.html").read_text()
    assert "Whether the files agree" in page
    assert page.count("<img") == 2
    before = (out / "report.html").stat().st_mtime_ns
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").stat().st_mtime_ns > before
    assert "report.html" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--order", "conductance"],
            "allowed: each once: conductance per pulse,resistance against",
        ),
        (["--order", "resistance,conductance,resistance"], "in --order"),
        (["--order", "sweeps,resistance"], "in --order"),
        (["--stochastic"], "--stochastic; in a joint fit"),
        (["--hold-out", "2"], "--hold-out would be ignored"),
        (["--point-time", "1"], "--point-time would be ignored"),
        (["--bench", "none.toml"], "cannot be read"),
    ],
)
def test_what_a_joint_fit_does_not_do_is_refused(folder, tmp_path, capsys, words, said):
    assert main(["fit", *_files(folder), *words, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["other.csv"]\nread_voltage = 0.1\n', "'other.csv'"),
        ('["pulses.csv"]\nspeed = 1\n', "--speed"),
        ('["pulses.csv"]\nread_voltage = "much"\n', "much"),
        ("read_voltage\n", "cannot be read"),
    ],
)
def test_options_of_files_are_those_of_the_command_line(folder, tmp_path, capsys, text, said):
    bench = tmp_path / "b.toml"
    bench.write_text(text)
    words = ["fit", *_files(folder), "--bench", str(bench), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("memjax: error: ")
    assert said in line
    assert "b.toml" in line
