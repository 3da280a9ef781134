"""Sweeps of what drives a circuit: a fit finds in it what it finds in a device on a bench; by command as well."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.summary import summarise_sweeps
from memjax.cli import main
from memjax.errors import DataError, StimulusError

pytestmark = pytest.mark.slow

BENCH = mj.Bench(1e3, None, 1e-9)
TIMES = np.linspace(0, 1.0, 201)
DRIVE = mj.Sampled(TIMES, 1.5 * np.sin(2 * np.pi * TIMES))
START = {"m.r_on": 150.0, "m.r_off": 1e4}


def in_circuit(device):
    """The bench as a circuit."""
    lines = [
        ("drive", mj.VoltageSource(), "in", "0"),
        ("r", mj.Resistor(1e3), "in", "top"),
        ("m", device, "top", "0"),
        ("c", mj.Capacitor(1e-9), "top", "0"),
    ]
    return mj.Circuit(lines)


@pytest.fixture(scope="module")
def measured():
    """Two sweeps of the circuit with 1 % of noise."""
    trace = mj.simulate(in_circuit(mj.LinearIonDrift()), DRIVE, save=TIMES[1:]).check()
    i = np.tile(np.asarray(trace.i[0]), 2)
    i = i * np.exp(0.01 * np.random.default_rng(0).normal(size=i.size))
    sweep = np.repeat([0, 1], len(TIMES) - 1)
    v, t = (np.tile(x, 2) for x in (np.asarray(DRIVE.values)[1:], TIMES[1:]))
    limited = np.zeros(i.size, bool)
    return mj.Measurement(t=t, v=v, i=i, sweep=sweep, at_compliance=limited, reader="", source={})


@pytest.mark.study
def test_residuals_and_their_slopes_are_those_of_the_device_on_its_bench(measured):
    waves = summarise_sweeps([measured], point_time=None, floor=1e-12)
    group = pack(waves, floor=1e-12, limit=None, events=False)
    device = mj.params.replace(mj.LinearIonDrift(), {n[2:]: x for n, x in START.items()})
    policy = mj.Stiff(rtol=1e-8, atol=1e-10)
    sides = [(in_circuit(device), tuple(START), mj.Bench()), (device, ("r_on", "r_off"), BENCH)]
    found = []
    for model, free, bench in sides:
        problem = Problem.of(model, free, group, bench=bench)
        run = lambda z, p=problem: _at(p, policy).residuals(z)[0]  # noqa: E731
        z = jnp.asarray(problem.center) + 0.1
        found.append(jax.jit(lambda z, run=run: jax.jvp(run, (z,), (jnp.array([1.0, -0.5]),)))(z))
    (ours, slopes), (theirs, their_slopes) = found
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(slopes, their_slopes, atol=1e-4 * float(np.abs(their_slopes).max()))


def _at(problem, policy):
    """The problem solved to other tolerances."""
    values = {f: getattr(problem, f) for f in problem.__dataclass_fields__}
    return Problem(**(values | {"policy": policy}))


@pytest.mark.study
def test_a_fit_of_a_circuit_finds_the_truth_within_three_sigma(measured):
    start = mj.params.replace(in_circuit(mj.LinearIonDrift()), START)
    result = ft.solve(
        ft.SweepProblem([measured], start, free=[*START, "r.r"], fix={"c.c": 1e-9}, screened=8)
    )
    truth = {"m.r_on": 100.0, "m.r_off": 1.6e4, "r.r": 1e3}
    rows = {r["name"]: r for r in result.table() if r["free"]}
    assert set(rows) == set(truth)
    away = {n: (rows[n]["value"] - x) / rows[n]["std"] for n, x in truth.items()}
    assert max(map(abs, away.values())) < 3, away
    assert result.model == "circuit"
    assert rows["m.r_off"]["determined"]


def test_what_is_free_by_default_belongs_to_the_devices(measured):
    from fitting.sweeps.initial_guess import guess

    waves = summarise_sweeps([measured], point_time=None, floor=1e-12)
    found = guess(waves, floor=1e-12, device=in_circuit(mj.LinearIonDrift()))
    assert set(found.free) == {"m.mobility", "m.d", "m.r_on", "m.r_off", "m.x0"}


def test_a_bench_around_a_circuit_is_refused(measured):
    with pytest.raises(StimulusError, match="a bench around a Circuit"):
        ft.solve(
            ft.SweepProblem(
                [measured], in_circuit(mj.LinearIonDrift()), bench=BENCH, free=["r.r"], screened=8
            )
        )
    with pytest.raises(DataError, match=r"m\.sigma1 cannot be fitted"):
        ft.solve(
            ft.SweepProblem([measured], in_circuit(mj.DiffusiveMemristor()), free=["m.sigma1"])
        )


@pytest.mark.study
def test_the_command_fits_a_ready_circuit_and_simulate_takes_the_result(tmp_path, capsys):
    """Half a sweep below the threshold: what flows charges the node and leaks through 1 Mohm and the switch."""
    stimulus, data, folder = (str(tmp_path / n) for n in ("s.csv", "data.csv", "fitted"))
    (tmp_path / "s.csv").write_text("t_s,v_V\n0,0\n0.01,0.25\n0.02,0\n")
    name = "threshold-switch-neuron"
    words = ["--preset", f"{name}/illustration", "--stimulus", stimulus, "--save-every", "1e-4"]
    assert main(["simulate", name, *words, "--out", data]) == 0
    words = ["--model", name, "--preset", f"{name}/illustration", "--free", "r_in.r", "c.c"]
    assert main(["fit", data, *words, "--out", folder]) == 0
    found = json.loads((tmp_path / "fitted" / "fit.json").read_text())
    assert found["model"] == name
    for parameter, truth in (("r_in.r", 1e6), ("c.c", 1e-9)):
        row = found["parameters"][parameter]
        assert abs(row["value"] - truth) < 3 * row["std"]
    again = str(tmp_path / "again.csv")
    words = ["--deterministic", "--out", again]
    assert main(["simulate", name, "--fit", folder, "--like", data, *words]) == 0
    one, two = (np.genfromtxt(p, delimiter=",", names=True)["i_A"] for p in (data, again))
    assert np.median(np.abs(one - two)) < 0.05 * np.median(np.abs(one))
    assert main(["fit", data, "--model", name, "--free", "nothing.r", "--out", folder + "2"]) == 2
    assert "unknown parameter 'nothing.r'" in capsys.readouterr().err
