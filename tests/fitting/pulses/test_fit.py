"""Conductances per pulse: synthetic truth comes back, a measured device is predicted, the command line."""

import json

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.pulses.content import hold_out, step_spread
from fitting.pulses.fit import choose_memory, cycle_weights, median_error
from fitting.pulses.noise import values_of
from fitting.result import AbstractFit
from memjax.cli import main
from memjax.core.params import constrain, get, unconstrain
from memjax.data import PulseProtocol, PulseRecord, read_records
from memjax.errors import DataError
from memjax.io.pulse_fit import load_pulse_fit
from memjax.network.run_store import load_recording
from memjax.network.toml import load_network
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

KINDS = np.repeat([0, 1], 80)
PROTOCOL = PulseProtocol(voltages=(2.5, -2.7), widths=(1e-6, 2e-6), read_voltage=0.2)
TRUTH = {"r_on": 1 / 60e-6, "r_off": 1 / 30e-6, "tau": 3e-5, "v_off": 2.7, "x0": 0.1}
NOISE = {
    "jitter": [6e-7, 9e-7], "programming": [4e-7, 3e-7], "slope": [-0.5, -0.3],
    "flicker": [0.5, 0.5], "read": 2e-7, "g_mid": 4.3e-5, "g_span": 2.2e-5,
}  # fmt: skip
Z = 4.0
"""Standard errors within which a truth has to lie: by chance beyond in 6e-5 of the cases, of 16."""


@pytest.fixture(scope="module")
def device() -> mj.MetastableSwitches:
    return mj.params.replace(mj.MetastableSwitches(), TRUTH)


@pytest.fixture(scope="module")
def noise() -> PulseNoise:
    pick = lambda n: [getattr(n, k) for k in NOISE]  # noqa: E731
    found = eqx.tree_at(pick, PulseNoise.none(), [jnp.asarray(x) for x in NOISE.values()])
    return eqx.tree_at(lambda n: n.cycle, found, {"tau": jnp.asarray(0.1)})


@pytest.fixture(scope="module")
def cycles(device, noise) -> PulseRecord:
    g = simulate_pulses(Pulsed.under(device, PROTOCOL), noise, KINDS, cycles=22, seed=2)[1:]
    return PulseRecord(
        device="synthetic", g=g, kinds=KINDS, cycles=np.arange(21), protocol=PROTOCOL
    )


@pytest.fixture(scope="module")
def record(cycles) -> PulseRecord:
    return cycles.select(slice(0, 20))


@pytest.fixture(scope="module")
def fit(record):
    return ft.solve(ft.PulseProblem(record, mj.MetastableSwitches(), memory=np.inf))


@pytest.mark.slow
def test_true_parameters_come_back(fit, device):
    z = (fit.z - np.asarray(unconstrain(device, fit.free))) / fit.sigma_z
    assert set(fit.free) == set(TRUTH)
    assert np.max(np.abs(z)) < Z, dict(zip(fit.free, z, strict=True))


@pytest.mark.slow
def test_a_fit_draws_its_curve_over_the_cycles(fit, record):
    for cycles in (False, True):
        (ax,) = fit.plot(cycles=cycles).axes
        drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
        np.testing.assert_allclose(drawn["fit without noise"], 1e6 * fit.curve())
        assert f"measured, {len(record.g)} cycles" in drawn
        assert len(ax.collections) == cycles  # the band


@pytest.mark.slow
def test_standard_errors_are_in_the_parameters_units(fit):
    """Central differences of 1e-4 in the coordinates: an error of second order."""
    for k, name in enumerate(fit.free):
        ends = [constrain(fit.device, [name], jnp.asarray([fit.z[k] + h])) for h in (-1e-4, 1e-4)]
        slope = abs(float(get(ends[1], name) - get(ends[0], name))) / 2e-4
        assert fit.std[name] == pytest.approx(slope * fit.sigma_z[k], rel=1e-4)
    assert fit.undetermined == ()


@pytest.mark.slow
def test_true_randomness_comes_back(fit, noise):
    """z of the amplitudes' logarithms, where the data determine them, and of the slopes."""
    found, truth, std = values_of(fit.noise), values_of(noise), fit.randomness.std
    names = [n for n in truth if n in std and n not in fit.randomness.undetermined]
    assert {"jitter_set", "jitter_reset", "programming_set", "programming_reset", "read"} < {*names}
    for n in names:
        flat = n.startswith(("slope", "bend"))
        z = (
            (found[n] - truth[n]) / std[n]
            if flat
            else np.log(found[n] / truth[n]) * found[n] / std[n]
        )
        assert abs(z) < Z, (n, z)
    assert (
        "cycle.r_on" in fit.randomness.undetermined or found["cycle.r_on"] < 0.02
    )  # there is none


@pytest.mark.slow
def test_simulated_cycles_spread_as_the_fitted_ones(fit, record):
    """Standard deviations over 20 cycles of 80 pulses are known to 1/sqrt(2 n): z of 4, and 5 % for the fit."""
    model, data = step_spread(fit.simulate(100, seed=5)), step_spread(record)
    for word in ("set", "reset"):
        error = Z / np.sqrt(2 * 20 * 80) + 0.05
        assert model[word]["all"] == pytest.approx(data[word]["all"], rel=error)


def test_weights_follow_cycles_that_drift():
    assert cycle_weights(4, np.inf).tolist() == [0.25] * 4
    w = cycle_weights(4, 1.0)
    np.testing.assert_allclose(w[1:] / w[:-1], np.e)
    rng = np.random.default_rng(0)
    still = 1 + 0.01 * rng.normal(size=(10, 200))
    assert choose_memory(still) == np.inf
    assert choose_memory(still * np.linspace(1, 1.5, 10)[:, None]) == 1.5


@pytest.mark.slow
def test_what_cannot_be_fitted_is_refused(record, device):
    lone = PulseRecord(device="x", g=record.g, kinds=KINDS, cycles=record.cycles)
    with pytest.raises(DataError, match="not known"):
        ft.solve(ft.PulseProblem(lone, device))
    with pytest.raises(DataError, match="no recipe"):
        ft.solve(ft.PulseProblem(record, mj.JartVcm()))
    with pytest.raises(DataError, match="nothing is free"):
        ft.solve(ft.PulseProblem(record, device, free=["tau"], fix={"tau": 1e-5}))


@pytest.mark.study
def test_a_measured_device_is_predicted(shared_data):
    """Device 16: the next cycle within 5 %, and a fifth more than the mean of earlier ones; steps within 15 %."""
    records = read_records(shared_data / "clean" / "vcm_potentiation_depression.csv")
    (record,) = (r for r in records if r.device == "16")
    protocol = PulseProtocol(voltages=(2.5, -2.7), widths=(1.5e-6, 1e-5), read_voltage=0.2)
    fit = ft.solve(ft.PulseProblem(record.select(slice(0, 9)), mj.Yakopcic(), protocol=protocol))
    error = hold_out(fit, record.select(slice(9, 10)))
    assert error["next"] < min(0.05, 1.2 * error["next_mean"])
    assert median_error(fit.curve(), fit.weights @ fit.record.g) < 0.01
    model, data = step_spread(fit.simulate(50)), step_spread(record)
    for word in ("set", "reset"):
        assert model[word]["all"] == pytest.approx(data[word]["all"], rel=0.15)
        assert -0.5 < data[word]["autocorrelation"] < -0.35
        assert model[word]["autocorrelation"] == pytest.approx(
            data[word]["autocorrelation"], abs=0.1
        )


def _table(record: PulseRecord, path) -> None:
    rows = ["device,branch,cycle,pulse,g_S"]
    for name in ("a", "b"):
        for c, g in enumerate(record.g):
            rows += [f"{name},P,{c},{n},{x}" for n, x in enumerate(g[:81])]
            rows += [f"{name},D,{c},{n},{x}" for n, x in enumerate(g[80:])]
    path.write_text("\n".join(rows) + "\n")


@pytest.mark.slow
def test_the_command_line(cycles, tmp_path, capsys):
    path, out = tmp_path / "p.csv", tmp_path / "fit"
    _table(cycles, path)
    assert main(["read", str(path), "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert (about["kind"], about["devices"]) == ("conductance per pulse", ["a", "b"])
    words = ["fit", str(path), "--model", "mms", "--out", str(out)]
    assert main(words) == 2
    assert "choose one with --device" in capsys.readouterr().err
    assert main([*words, "--device", "c"]) == 2
    assert main([*words, "--device", "a", "--stochastic"]) == 2
    assert main([*words, "--device", "a", "--series-resistance", "10"]) == 2
    assert main([*words, "--device", "a", "--draws", "16"]) == 2
    assert main([*words, "--device", "a", "--hold-out", "21"]) == 2
    given = ["--device", "a", "--hold-out", "1", "--pulse-voltages", "2.5", "-2.7"]
    capsys.readouterr()
    assert main([*words, *given, "--pulse-widths", "1e-6", "2e-6"]) == 0
    said = capsys.readouterr()
    assert "read voltage not stated" in said.err
    content = json.loads((out / "fit.json").read_text())
    assert any("read voltage not stated" in text for text in content["warnings"])
    assert (content["schema_version"], content["model"], content["n_sweeps"]) == (1, "mms", 20)
    assert content["parameters"]["tau"]["free"]
    found = content["pulses"]
    assert len(found["curve_S"]) == 161
    assert len(found["hold_out"]["fit"]) == 1
    assert {"curve.png", "steps.png", "report.html", "measured.csv", "simulated.csv"} <= {
        p.name for p in out.iterdir()
    }
    drive = tmp_path / "s.csv"
    drive.write_text("t_s,v_V\n0,2.5\n1e-6,2.5\n2e-6,0.2\n")
    assert main(
        ["simulate", "mms", "--fit", str(out), "--stimulus", str(drive), "--deterministic",
         "--out", str(tmp_path / "o.csv")]
    ) == 0  # fmt: skip
    _learns(out, found, tmp_path)
    _again(out, path, content, tmp_path, capsys)


def _again(out, path, content, tmp_path, capsys):
    """The measured pulses with fresh randomness: a table that is read again, whatever the number of members."""
    made = tmp_path / "again.csv"
    words = [
        "simulate",
        "mms",
        "--fit",
        str(out),
        "--like",
        str(path),
        "--out",
        str(made),
        "--force",
    ]
    assert main([*words, "--members", "3", "--seed", "4"]) == 0
    many = read_records(made)
    assert [r.device for r in many] == ["0 a", "1 a", "2 a"]
    assert many[1].g.shape == (21, 161)
    pulsed, noise = load_pulse_fit(out, cycles=True)
    spread = {n: s["sigma_ln"] for n, s in (content["cycle_spread"] or {}).items()}
    assert {n: float(s) for n, s in noise.cycle.items()} == pytest.approx(spread)
    own = simulate_pulses(pulsed, noise, many[1].kinds, cycles=21, seed=4, member=1)
    np.testing.assert_allclose(many[1].g, own, rtol=1e-12)
    assert main([*words, "--seed", "4"]) == 0
    np.testing.assert_array_equal(read_records(made)[0].g, many[0].g)
    assert main([*words, "--deterministic"]) == 0
    first = read_records(made)[0].g[0]
    np.testing.assert_allclose(first, content["pulses"]["curve_S"], rtol=1e-9)
    capsys.readouterr()
    decay = tmp_path / "decay.csv"
    decay.write_text("t_s,r_ohm\n0,1e3\n1,1.1e3\n2,1.2e3\n")
    for more, message in (
        (["--members", "2", "--save-every", "1e-3"], "--save-every"),
        (["--out", str(tmp_path / "again.nc")], "again.nc"),
        (["--like", str(decay)], "no voltage and no pulses"),
    ):
        assert main([*words, *more]) == 2
        assert message in capsys.readouterr().err
    assert main(["simulate", "mms", "--params", str(out), "--like", str(path), *words[-3:]]) == 2
    assert "no --fit" in capsys.readouterr().err


_NET = """
duration = 0.02
dt = 1e-5
[groups.early]
kind = "spikes"
n = 2
file = "early.csv"
[groups.cells]
model = "threshold-switch-neuron"
n = 2
bias = 0.8
values = { "switch.tau" = 1e-4, "switch.w" = 0.02, "switch.r_on" = 1e5 }
spike = { signal = "node.v", level = 0.2, rearm = 0.22, sign = -1 }
[[projections]]
pre = "early"
post = "cells"
connect = { rule = "dense" }
tau = 1e-3
weight = { fit = "fit", scale = 100.0, set_window = 5e-3 }
"""


def _learns(out, found, tmp_path):
    """The fit as weights of a network: its curve, its noise, pulses, and a picture of the conductances."""
    (tmp_path / "net.toml").write_text(_NET)
    (tmp_path / "early.csv").write_text("source,time_s\n0,0.0005\n1,0.0105\n")
    weights = load_network(tmp_path / "net.toml").network.projections[0].weight
    curve = weights.pulsed.curve(jnp.asarray(found["kinds"]))[0]
    np.testing.assert_allclose(curve, found["curve_S"], rtol=1e-9)
    noise = {r["name"]: r["value"] for r in found["noise"] if not r["name"].startswith("cycle.")}
    kept = values_of(weights.noise)
    assert {n: kept[n] for n in noise} == pytest.approx(noise)
    assert main(["run", str(tmp_path / "net.toml"), "--out", str(tmp_path / "run")]) == 0
    both = load_recording(tmp_path / "run").conductances["early-cells"]
    assert np.any(both["end"] != both["start"])
    assert (tmp_path / "run" / "weights.png").exists()
    (tmp_path / "net.toml").write_text(_NET.replace('fit = "fit"', 'fit = "early.csv"'))
    assert main(["run", str(tmp_path / "net.toml"), "--out", str(tmp_path / "no")]) == 2


def test_the_command_line_on_a_wrong_file(tmp_path, capsys):
    path = tmp_path / "w.csv"
    path.write_text("device,branch,cycle,pulse,g_S\n0,P,0,0,1e-5\n0,P,0,2,1e-5\n")
    assert main(["fit", str(path), "--model", "mms", "--out", str(tmp_path / "x")]) == 2
    assert "count 0, 1, 2" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.study
def test_the_command_line_on_measured_files(shared_data, tmp_path):
    """One device of the table, and the JSON of another, which states its own pulses."""
    table = shared_data / "clean" / "vcm_potentiation_depression.csv"
    words = ["--model", "mms", "--hold-out", "1", "--out"]
    assert main(["fit", str(table), "--device", "16", *words, str(tmp_path / "a")]) == 0
    raw = next((shared_data / "raw" / "vcm_potentiation_depression").glob("*B9__C9.json"))
    assert main(["fit", str(raw), *words, str(tmp_path / "b")]) == 0
    a, b = (json.loads((tmp_path / n / "fit.json").read_text())["pulses"] for n in "ab")
    assert a["voltages_V"] == [1.0, -1.0]  # assumed, and said
    assert (b["voltages_V"], b["widths_s"]) == ([2.5, -2.7], [1.5e-6, 1e-5])
    for found in (a, b):
        assert found["hold_out"]["next"] < 0.05


@pytest.mark.slow
def test_other_cycles_are_weighed_as_those_of_the_fit(fit, record, cycles):
    own, again = fit.residuals(), fit.residuals(record)
    np.testing.assert_allclose(again.values, own.values, atol=1e-9)
    mean = fit.weights @ record.g
    np.testing.assert_allclose(own.values * own.sigma, np.log(fit.curve() / mean), atol=1e-9)
    last = cycles.select(slice(20, 21))
    left = fit.residuals(last)
    np.testing.assert_allclose(left.values * left.sigma, np.log(fit.curve() / last.g[0]), atol=1e-9)
    # Of a kind that says nothing of its rows, there is no likelihood, and nothing is held out.
    plain = AbstractFit.residuals(fit)
    np.testing.assert_allclose(plain.values, own.values)
    assert plain.no_likelihood
    assert plain.typical is None
    with pytest.raises(DataError, match="held-out data"):
        AbstractFit.residuals(fit, record)
