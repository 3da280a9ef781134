"""``--bounds`` and ``--start`` mean the same for every kind of data, from Python and on the command line."""

import json

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.problem import NotFreeError, begun
from fitting.sweeps.prepare import prepare
from memjax.cli.program import main
from memjax.core.params import get, with_bounds
from memjax.data import DecayRecord
from memjax.errors import BoundsError

MMS = mj.MetastableSwitches()
T = np.linspace(0.0, 1.5, 40)
_NOISE = 1 + 0.01 * np.random.default_rng(0).normal(size=T.shape)
DECAY = DecayRecord(label="d", t=T, r=_NOISE * (400.0 + 200.0 * (1 - np.exp(-T / 0.3))))
"""From 400 to 600 ohm, with 1 % of noise: resistances of a device whose switches relax."""


def decay(device=MMS, **more):
    """A fit of the resistances on and off and of what lies between."""
    return ft.solve(
        ft.RetentionProblem(
            DECAY, device, free=["r_on", "tau", "x0"], fix={"r_off": 1500.0}, **more
        )
    )


def test_a_search_begins_where_it_is_told_and_else_inside_the_bounds():
    device = with_bounds(MMS, {"tau": (1e-3, 1e-2)})
    assert float(get(begun(device, ["tau", "r_on"], {"r_on": 7.0}), "r_on")) == 7.0
    assert 1e-3 < float(get(begun(device, ["tau"]), "tau")) < 1e-2
    with pytest.raises(NotFreeError, match=r"tau not free.*allowed: r_on, v_on"):
        begun(device, ["r_on", "v_on"])
    with pytest.raises(NotFreeError, match="v_off not free"):
        begun(MMS, ["r_on"], {"v_off": 0.2})
    with pytest.raises(
        BoundsError, match=r"tau = 0.1 s; in --start; allowed: between 0.001 and 0.01"
    ):
        begun(device, ["tau"], {"tau": 0.1})


@pytest.mark.slow
def test_bounds_of_one_fit_are_not_those_of_another():
    """In one process: the bounds that exclude the optimum, those that hold it, and none."""
    free = decay()
    best = free.values["r_on"]
    low, high = 1.4 * best, 2.0 * best  # nor does it hold the value of the model
    above = decay(with_bounds(MMS, {"r_on": (low, high)}), start={"x0": 0.8})
    around = decay(with_bounds(MMS, {"r_on": (best / 2, best * 2)}))
    again = decay()
    assert "r_on" in above.at_bound
    assert low <= above.values["r_on"] < low + 0.01 * (high - low)
    assert above.problem.moved == ("r_on",)
    assert above.problem.at(above.problem.center).x0 == pytest.approx(0.8)
    assert above.loss > free.loss
    assert "r_on" not in around.at_bound
    # Priors of another width move an optimum by what they weigh: a tenth of a standard deviation.
    assert around.values["r_on"] == pytest.approx(best, abs=0.1 * free.std["r_on"])
    assert again.values == free.values
    (row,) = [r for r in above.table() if r["name"] == "r_on"]
    assert row["bounds"] == [low, high]
    ends = above.intervals()["r_on"]
    assert low <= ends[0] < ends[1] <= high


def test_starts_of_sweeps_lie_about_the_one_that_is_given_and_inside_the_bounds(example):
    device = with_bounds(mj.DiffusiveMemristor(), {"r_on": (1.0, 10.0), "lam": (0.1, 0.4)})
    about = dict(bench=None, env=None, point_time=0.01, free=None, fix=None, seed=0, screened=64)
    made = prepare([example], device, start={"mu": 5.0}, **about)
    first = made.problem.at(made.candidates[0])
    assert float(get(first, "mu")) == pytest.approx(5.0)
    assert {"r_on"} <= set(made.problem.moved) <= {"r_on", "lam"}
    free = made.problem.free
    values = [made.problem.at(z) for z in made.candidates]
    mu = [float(get(d, "mu")) for d in values]
    assert np.median(mu[:32]) == pytest.approx(5.0, rel=0.5)
    # The others lie about what the data say, as those of a fit without a start do.
    free_start = prepare([example], device, **about)
    other = [float(get(free_start.problem.at(z), "mu")) for z in free_start.candidates[:32]]
    np.testing.assert_allclose(mu[32:], other, rtol=1e-12)
    for name, low, high in (("r_on", 1.0, 10.0), ("lam", 0.1, 0.4)):
        found = np.array([float(get(d, name)) for d in values])
        assert name in free
        assert ((low <= found) & (found <= high)).all()
    with pytest.raises(NotFreeError, match="f0"):
        prepare([example], mj.DiffusiveMemristor(), start={"f0": 0.1}, **about)


def test_circuits_and_targets_refuse_what_is_not_free():
    circuit = with_bounds(mj.model("threshold-switch-neuron"), {"r_in.r": (1e4, 1e6)})
    rows, drive = np.linspace(0, 1e-3, 5), mj.Sampled(np.array([0.0, 1e-3]), np.ones(2), "linear")
    about = dict(node="node", sigma=1e-3)
    with pytest.raises(NotFreeError, match=r"r_in.r not free.*allowed: switch.v_th"):
        ft.solve(
            ft.TraceProblem(
                (rows, np.zeros(5)), circuit, stimulus=drive, free=["switch.v_th"], **about
            )
        )
    device = mj.model("diffusive")
    with pytest.raises(NotFreeError, match=r"theta not free.*allowed: mu"):
        ft.solve(
            ft.TargetProblem(["v_th=0.5"], with_bounds(device, {"theta": (1.0, 2.0)}), free=["mu"])
        )
    with pytest.raises(NotFreeError, match="theta not free"):
        ft.solve(ft.TargetProblem(["v_th=0.5"], device, free=["mu"], start={"theta": 2.0}))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The decay as a file."""
    path = tmp_path_factory.mktemp("bounds") / "decay.csv"
    table = np.c_[DECAY.t, DECAY.r]
    np.savetxt(path, table, delimiter=",", header="t_s,r_ohm", comments="")
    return str(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bounds", "tau=1"], "allowed: NAME=LOW,HIGH"),
        (["--bounds", "tau=2,1"], "allowed: LOW < HIGH, both from 1e-12 to 1000 s"),
        (["--bounds", "speed=1,2"], "unknown parameter 'speed'; in --bounds"),
        (["--bounds", "v_on=0.1,0.2"], "v_on not free"),
        (["--start", "tau"], "allowed: NAME=VALUE"),
        (["--start", "v_on=0.2"], "allowed: r_on, tau, x0"),
        (["--start", "tau=1e4"], "allowed: 1e-12 to 1000 s"),
        (["--start", "tau=1", "--bounds", "tau=0.01,0.1"], "allowed: between 0.01 and 0.1"),
        (["--start", "tau=1", "--fix", "tau=1"], "tau not free"),
    ],
)
def test_wrong_bounds_and_starts_are_answered_by_one_line(file, tmp_path, capsys, words, said):
    free = ["--free", "r_on", "tau", "x0"]
    assert main(["fit", file, "--model", "mms", *free, *words, "--out", str(tmp_path / "o")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("memjax: error: ")
    assert said in line


@pytest.mark.slow
def test_a_folder_says_what_lies_at_a_bound_and_what_was_moved(file, tmp_path, capsys):
    words = ["--free", "r_on", "tau", "x0", "--fix", "r_off=1500", "--bounds", "r_on=550,900"]
    out = tmp_path / "fit"
    assert main(["fit", file, "--model", "mms", *words, "--out", str(out)]) == 0
    content = json.loads((out / "fit.json").read_text())
    assert content["parameters"]["r_on"]["bounds"] == [550.0, 900.0]
    assert content["moved_inside"] == ["r_on"]
    assert "r_on" in content["at_bound"]
    said = capsys.readouterr().err
    assert "at a bound: r_on" in said
    assert "a little inside their bounds" in said
    assert "inside their bounds" in (out / "report.html").read_text()
