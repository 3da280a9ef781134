"""``memjax simulate``. One shape of sweeps (24 points) and one model keep what is compiled small."""

import json
import sys

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import memjax as mj
from memjax.core.result import Trace
from memjax.errors import ModelError
from memjax.io.fit import load_fit
from memjax.io.pulse_fit import load_pulse_fit

LIKE = ("--point-time", "0.01", "--compliance", "1e-6")


@pytest.fixture
def go(run, tmp_path):
    """Simulate into a file; returns the table and what was said."""

    def go(*words, name="out.csv", model="diffusive"):
        out = tmp_path / name
        ended = run("simulate", model, *words, "--out", out)
        assert (ended.status, ended.out) == (0, ""), ended.err
        return pd.read_csv(out), ended.err

    return go


@pytest.mark.integration
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--params", "{params}", "--stimulus", "{none}"), "no such file"),
        (("--population", "{none}", "--stimulus", "{stimulus}"), "no population can be read"),
        (("--population", "{ecm}", "--stimulus", "{stimulus}"), "of the model 'ecm'; "),
        (("--params", "{none}", "--stimulus", "{stimulus}"), "parameters cannot be read"),
        (("--params", "{unknown}", "--stimulus", "{stimulus}"), "unknown parameter 'speed'"),
        (("--params", "{negative}", "--stimulus", "{stimulus}"), "r_on = -5"),
        (("--preset", "diffusive/none", "--stimulus", "{stimulus}"), "wang2024-pulse"),
        (("--params", "{params}", "--like", "{measured}"), "say --point-time S"),
        (("--params", "{params}", "--like", "{measured}", "--save-every", "1"), "--stimulus"),
        (("--params", "{params}", "--stimulus", "{stimulus}", "--save-every", "9"), "rows every 9"),
        (("--params", "{params}", "--stimulus", "{stimulus}", "--save-every", "1e-12"), "5e+07 rows"),
        (("--params", "{params}", "--stimulus", "{current}", "--compliance", "1"), "current source"),
        (("--params", "{params}", "--stimulus", "{two}"), "columns t_s, v_V, i_A"),
        (("--params", "{params}", "--stimulus", "{back}"), "t_s = 1; in {back}, line 4"),
        (("--params", "{params}", "--stimulus", "{nan}"), "two finite numbers"),
        (("--params", "{params}", "--stimulus", "{single}"), "1 rows"),
        (("--params", "{params}", "--stimulus", "{empty}"), "empty file"),
        (("--params", "{params}", "--stimulus", "{binary}"), "cannot be read"),
    ],
)  # fmt: skip
def test_wrong_input_is_refused(refused, tmp_path, params, stimulus, measured, words, says):
    files = {
        "ecm": '{"schema_version": 1, "model": "ecm"}',
        "unknown": "speed = 1.0\n",
        "negative": "r_on = -5.0\n",
        "current": "t_s,i_A\n0,0\n1,1e-6\n",
        "two": "t_s,v_V,i_A\n0,0,0\n1,1,1\n",
        "back": "t_s,v_V\n0,0\n1,1\n1,2\n",
        "nan": "t_s,v_V\n0,0\n1,nan\n",
        "single": "t_s,v_V\n0,0\n",
        "empty": "",
        "binary": "\udcff\udcfe\x00",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    paths = {name: tmp_path / name for name in [*files, "none"]}
    paths |= {"params": params, "stimulus": stimulus, "measured": measured}
    before = set(tmp_path.iterdir())
    words = [w.format(**paths) for w in words]
    line = refused("simulate", "diffusive", *words, "--out", tmp_path / "out.csv")
    assert says.format(**paths) in line
    assert set(tmp_path.iterdir()) == before


@pytest.mark.integration
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema_version": 99}, "schema_version 99"),
        ({"model": "drift"}, "parameters of the model 'drift'"),
        ({"parameters": {"mu": 3}}, "mu has no value"),
        ({"parameters": {"mu": {"value": "fast"}}}, "value of mu = 'fast'"),
        ({"parameters": {"mu": {"value": -1.0}}}, "mu = -1"),
        ({"parameters": {"speed": {"value": 1.0}}}, "unknown parameter 'speed'"),
        ({"cycle_spread": {"speed": {"sigma_ln": 1.0}}}, "unknown parameter 'speed'"),
        ({"cycle_spread": {"mu": {"sigma_ln": -1.0}}}, "sigma_ln of mu = -1"),
        ({"cycle_correlation": [["mu", "theta", 0.5]]}, "cycle_correlation ['mu', 'theta', 0.5]"),
        ({"cycle_correlation": [["mu", "mu", 2]]}, "cycle_correlation ['mu', 'mu', 2]"),
        ({"bench": {"compliance": -1.0}}, "compliance = -1 A"),
        ({"bench": 3}, "bench is no table"),
        ({"read_noise": {"relative": "loud"}}, "read_noise relative = 'loud'"),
    ],
)
def test_wrong_fit_is_refused(refused, tmp_path, fit, measured, changes, says):
    path = fit(**changes)
    words = ("--fit", path, "--like", measured, "--out", tmp_path / "out.csv")
    assert says in refused("simulate", "diffusive", *words)
    path.write_text("{")
    assert "cannot be read as a fit" in refused("simulate", "diffusive", *words)
    path.write_text("[1]")
    assert "no fit" in refused("simulate", "diffusive", *words)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("out.xls", "suffix '.xls'"),
        ("out", "no suffix"),
        ("none/out.csv", "no such folder"),
        ("params.toml/out.csv", "no such folder"),
        ("/proc/out.csv", "cannot be written"),
        ("measured.csv", "exists already"),
    ],
)
def test_output_is_checked_before_anything_runs(refused, tmp_path, params, measured, out, says):
    content = measured.read_bytes()
    words = ("--params", params, "--like", measured, *LIKE, "--out", tmp_path / out)
    assert says in refused("simulate", "diffusive", *words)
    assert measured.read_bytes() == content


@pytest.mark.slow
def test_like_writes_one_row_per_measured_point(go, params, measured, sweeps, run, tmp_path):
    table, said = go("--params", params, "--like", measured, *LIKE, "--deterministic")
    names = "member sweep t_s v_V i_A f r s v_device_V i_device_A"
    assert (list(table), said) == (names.split(), "")
    assert table["sweep"].tolist() == np.repeat(list(sweeps), 24).tolist()
    assert table["v_V"].to_numpy() == pytest.approx(np.concatenate(list(sweeps.values())), abs=0)
    assert table["t_s"].to_numpy() == pytest.approx(np.tile(0.01 * np.arange(1, 25), 3), rel=1e-14)
    assert np.all(table["i_A"] * table["v_V"] >= 0)
    assert table["i_A"].abs().max() == pytest.approx(1e-6, rel=1e-3)  # switches, up to compliance
    # A volatile device starts each sweep from rest: equal sweeps are equal to the last bit.
    assert (
        table[:24]
        .drop(columns="sweep")
        .equals(table[48:].drop(columns="sweep").reset_index(drop=True))
    )
    # What was written can be observed, and used as a waveform (now with its time) again.
    found = json.loads(run("observe", tmp_path / "out.csv", "--json").out)
    assert [s["switched"] for s in found["sweeps"]] == [True, True, True]


@pytest.mark.study
def test_carry_state_starts_a_sweep_where_the_one_before_ended(go, params, measured):
    words = ("--params", params, "--like", measured, *LIKE, "--deterministic")
    kept, _ = go(*words, "--carry-state", "yes", name="yes.csv")
    fresh, _ = go(*words, "--carry-state", "no", name="no.csv")
    columns = ["f", "r", "s"]
    np.testing.assert_allclose(kept[columns][:24], fresh[columns][:24], rtol=1e-4)
    assert kept["r"][24] > fresh["r"][24] + 1e-3


@pytest.mark.study
def test_members_do_not_depend_on_how_many_there_are(go, measured):
    """Of a model of one noisy state, whose program is compiled in a third of the time."""
    words = ("--preset", "langevin/reconstruction", "--like", measured, *LIKE, "--seed", "3")
    two, _ = go(*words, "--members", "2", name="two.csv", model="langevin")
    three, _ = go(*words, "--members", "3", name="three.csv", model="langevin")
    assert sorted(set(three["member"])) == [0, 1, 2]
    pd.testing.assert_frame_equal(two, three[three["member"] < 2], check_exact=True)
    # Neither members nor equal sweeps share noise, and another seed is another noise.
    x = three["x"].to_numpy().reshape(3, 3, 24)
    assert not np.any(x[0, :, 2:12] == x[1, :, 2:12])
    assert not np.any(x[:, 0, 2:12] == x[:, 2, 2:12])
    other, _ = go(*words[:-1], "4", "--members", "2", name="four.csv", model="langevin")
    assert not np.any(other["x"].to_numpy()[2:12] == two["x"].to_numpy()[2:12])


@pytest.mark.slow
def test_fit_brings_bench_read_noise_and_spread(go, fit, measured):
    words = ("--like", measured, "--members", "2")
    noisy, _ = go("--fit", fit(), *words, name="a.csv")
    silent = fit("silent.json", read_noise=None, cycle_spread=None)
    plain, _ = go("--fit", silent, *words, name="c.csv")
    bare, _ = go("--fit", fit(), *words, "--deterministic", name="d.csv")
    pd.testing.assert_frame_equal(plain, bare, check_exact=True)
    assert not plain["f"].equals(noisy["f"])  # the spread of mu
    assert plain["f"][:72].tolist() == plain["f"][72:].tolist()
    # Read noise is on the instrument's current, not on the device's, and not at compliance.
    true, seen = noisy["i_device_A"].to_numpy(), noisy["i_A"].to_numpy()
    at_limit = np.abs(true) >= 0.99e-6
    assert 5 < at_limit.sum() < 100
    assert np.array_equal(seen[at_limit], true[at_limit])
    below = ~at_limit & (np.abs(true) > 1e-11)
    z = np.log(seen[below] / true[below]) / 0.05
    # 60 or so standard normals: mean within 4 / sqrt(n), standard deviation within 40 %.
    assert len(z) > 50
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.6 < z.std() < 1.4


def test_fit_brings_the_correlations_of_its_spread(fit):
    spread = {n: {"sigma_ln": 0.1} for n in ("mu", "theta", "gamma1")}
    pairs = [["mu", "theta", 0.5], ["theta", "gamma1", -0.2]]
    read = load_fit(fit(cycle_spread=spread, cycle_correlation=pairs))
    np.testing.assert_array_equal(read.correlation(["theta", "mu"]), [[1, 0.5], [0.5, 1]])
    whole = read.correlation(["mu", "theta", "gamma1"])
    np.testing.assert_array_equal(whole, [[1, 0.5, 0], [0.5, 1, -0.2], [0, -0.2, 1]])
    assert load_fit(fit(cycle_spread=spread)).correlation(["mu"]) is None


def test_fit_brings_the_orientation_of_the_device(fit):
    assert load_fit(fit(bench={"reversed": True})).bench["reversed"] is True
    with pytest.raises(ModelError, match=r"bench reversed = 1.*true or false"):
        load_fit(fit(bench={"reversed": 1}))


@pytest.mark.slow
def test_fit_brings_settings(run, refused, fit, stimulus, tmp_path):
    changes = dict(model="linear-drift", parameters={}, cycle_spread=None, read_noise=None)
    path = fit(**changes, bench={}, settings={"window": "biolek", "p": 4})
    assert load_fit(path).values == {"window": "biolek", "p": 4}
    words = ("simulate", "linear-drift", "--stimulus", stimulus, "--save-every", "0.5")
    ends = []
    for name, options in {"a": ("--fit", path), "b": ("--params", tmp_path / "p.toml")}.items():
        (tmp_path / "p.toml").write_text('window = "biolek"\np = 4\n')
        out = tmp_path / f"{name}.csv"
        assert run(*words, *options, "--out", out).status == 0
        ends.append(pd.read_csv(out)["x"].iloc[-1])
    assert ends[0] == ends[1] != 0.1
    wrong = fit("wrong.json", **changes, bench={}, settings={"window": "hann"})
    says = refused(*words, "--fit", wrong, "--out", tmp_path / "c.csv")
    assert "window = 'hann'" in says


@pytest.mark.slow
def test_option_overrides_the_fits_bench(go, fit, measured):
    words = ("--fit", fit(), "--like", measured, "--deterministic", "--point-time", "0.02")
    table, _ = go(*words, "--compliance", "1e-7")
    assert table["t_s"][0] == 0.02
    assert table["i_A"].abs().max() == pytest.approx(1e-7, rel=1e-3)


@pytest.mark.study
def test_save_every_gives_even_rows_of_every_member(go, params, stimulus):
    words = ("--params", params, "--stimulus", stimulus, "--save-every", "0.05")
    table, said = go(*words, "--deterministic", "--members", "2")
    assert list(table) == ["member", "sweep", "t_s", "v_V", "i_A", "f", "r", "s"]
    assert said == ""
    assert table["t_s"].to_numpy() == pytest.approx(np.tile(0.05 * np.arange(21), 2))
    assert table["v_V"][:21].to_numpy() == pytest.approx(
        np.interp(table["t_s"][:21], [0, 0.5, 1], [0, 0.5, 0])
    )
    assert set(table["sweep"]) == {0}


@pytest.mark.study
def test_rows_between_those_of_a_stimulus_tell_the_curve(go, params, stimulus):
    words = ("--params", params, "--stimulus", stimulus, "--deterministic", "--compliance", "1e-6")
    table, _ = go(*words, "--members", "2")
    one = table[table["member"] == 0]
    assert {0.0, 0.5, 1.0} <= set(one["t_s"])
    assert 20 < len(one) < 1000
    assert one["t_s"].tolist() == table[table["member"] == 1]["t_s"].tolist()
    # An even grid of 10 us, which the rows were not chosen by, is within 1e-3 of each range.
    fine, _ = go(*words, "--save-every", "1e-5", name="fine.csv")
    for name in ("v_V", "i_A", "f", "r", "s", "v_device_V", "i_device_A"):
        lines = np.interp(fine["t_s"], one["t_s"], one[name])
        assert np.max(np.abs(lines - fine[name])) <= 1e-3 * np.ptp(fine[name]), name


@pytest.mark.slow
def test_netcdf_has_units_and_a_series_resistance_assumes_nothing(run, params, stimulus, tmp_path):
    xr = pytest.importorskip("xarray")
    out = tmp_path / "out.nc"
    words = ("--params", params, "--stimulus", stimulus, "--save-every", "0.05", "--deterministic")
    ended = run("simulate", "diffusive", *words, "--series-resistance", "1e6", "--out", out)
    assert ended.status == 0
    assert ended.err == ""
    with xr.open_dataset(out, engine="h5netcdf") as data:
        assert (data["i"].attrs["units"], data["v_device"].attrs["units"]) == ("A", "V")
        assert "v_node" not in data
        assert data.sizes["row"] == 21
        assert data.attrs["series_resistance"] == "1000000.0"
        drop = data["v"].values - data["v_device"].values
        np.testing.assert_allclose(drop, 1e6 * data["i"].values, rtol=1e-9, atol=1e-15)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.slow
def test_preset_says_its_bench_and_overrides_nothing(go, measured):
    words = ("--preset", "diffusive/wang2024-dc-symmetric", "--like", measured, "--deterministic")
    _, said = go(*words, *LIKE)
    assert said == ""


@pytest.fixture
def spoil(monkeypatch):
    """Let the solves of some members fail."""

    def spoil(failed):
        real = mj.simulate

        def simulate(*a, **k):
            trace = real(*a, **k)
            codes = np.array(trace.result)
            codes[failed] = 2
            return Trace(
                **{n: getattr(trace, n) for n in Trace.__annotations__}
                | {"result": jnp.asarray(codes)}
            )

        monkeypatch.setattr(sys.modules["memjax.simulate"], "simulate", simulate)

    return spoil


@pytest.mark.slow
def test_failed_members_are_left_out_and_counted(go, run, spoil, params, stimulus, tmp_path):
    words = ("--params", params, "--stimulus", stimulus, "--save-every", "0.05", "--deterministic")
    spoil([1])
    table, said = go(*words, "--members", "3")
    assert sorted(set(table["member"])) == [0, 2]  # numbers stay
    assert said.startswith("memjax: warning: 1 of 3 solves failed (not_finite 1x); 1 of 3 members")
    spoil([0, 1, 2])
    words = ("simulate", "diffusive", *words, "--members", "3", "--out", tmp_path / "none.csv")
    ended = run(*words)
    assert ended.status == 3
    assert ended.err.startswith("memjax: error: 3 of 3 solves failed")
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.study
@pytest.mark.parametrize(
    ("rows", "more"),
    [
        (((0, 0), (1e-15, 0.5), (2e-15, 0)), ()),
        (((0, 0), (0.5, 0), (1, 0)), ()),
        (((0, 0), (1e7, 0), (1e8, 0)), ()),
        (((0, 0), (0.5, 0.5), (1, 0)), ("--compliance", 1e-12)),
    ],
    ids=["a femtosecond", "no drive", "three years", "a compliance below the leakage"],
)
def test_extremes_have_the_right_answer(go, params, tmp_path, rows, more):
    """A state moves by less than its rate times a femtosecond; without a drive no current flows; a limit holds."""
    path = tmp_path / "extreme.csv"
    path.write_text("\n".join(["t_s,v_V", *(f"{t},{v}" for t, v in rows)]) + "\n")
    table, said = go("--params", params, "--stimulus", path, "--deterministic", *more)
    assert said == ""
    assert np.all(np.isfinite(table))
    assert table.t_s.iloc[-1] == rows[-1][0]
    if not any(v for _, v in rows):
        assert np.all(table.i_A == 0)
        assert np.ptp(table.f) < 1e-6  # at rest it stays there
    elif rows[-1][0] < 1e-14:
        assert np.ptp(table.f) < 1e-9
        g = table.i_A.iloc[1:-1] / table.v_V.iloc[1:-1]
        assert np.ptp(g) < 1e-6 * g.mean()  # a resistor meanwhile
    else:
        assert table.i_A.abs().max() == pytest.approx(1e-12, rel=1e-6)


def test_two_rows_at_one_time_are_refused(refused, params, tmp_path):
    path = tmp_path / "step.csv"
    path.write_text("t_s,v_V\n0,0\n0.5,0\n0.5,0.5\n1,0.5\n")
    out = tmp_path / "out.csv"
    said = refused("simulate", "diffusive", "--params", params, "--stimulus", path, "--out", out)
    assert "t_s = 0.5" in said
    assert not out.exists()


def test_a_folder_that_holds_fits_is_no_fit_and_its_fits_are_named(tmp_path):
    for name in ("choice/mms/fit.json", "choice/vteam/fit.json", "batch/fits/die_1.json", "none/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    for folder, fix in (
        ("choice", r"name a fit in it: \S*choice/mms, \S*choice/vteam$"),
        ("batch", r"name a fit in it: \S*batch/fits/die_1.json$"),
        ("none", "check the path"),
    ):
        with pytest.raises(ModelError, match=f"no fit.json in the folder; .*{fix}"):
            load_fit(tmp_path / folder)
    with pytest.raises(ModelError, match=r"^no fit; in .*allowed: the fit.json of a 'memjax fit'"):
        load_fit(tmp_path / "choice/mms")


def test_a_fit_of_sweeps_is_no_fit_of_pulses(tmp_path):
    path = tmp_path / "fit.json"
    path.write_text('{"schema_version": 1, "model": "mms", "parameters": {}, "kind": "sweeps"}')
    with pytest.raises(
        ModelError, match=r"^a fit of sweeps; .*allowed: .*per pulse; name the folder"
    ):
        load_pulse_fit(path)
