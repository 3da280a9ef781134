"""memjax reservoir: what it writes and says, and what it refuses."""

import json

import numpy as np
import pytest

import memjax as mj
from memjax.learning import Reservoir
from memjax.learning.reservoir import draw_cycles

PRESET = ("--preset", "diffusive/wang2024-dc-symmetric")
SMALL = ("--devices", "6", "--nodes", "2", "--steps", "200", "--seeds", "2", "--hold", "5e-3")
FIT = {
    "schema_version": 1,
    "kind": "sweeps",
    "model": "diffusive",
    "parameters": {"mu": {"value": 60.0}, "sigma1": {"value": 0.0}, "sigma2": {"value": 0.0}},
    "bench": {"compliance": 1e-6, "temperature": 310.0, "point_time": 0.01},
    "read_noise": {"relative": 0.02, "floor_A": 1e-13},
    "cycle_spread": {"mu": {"sigma_ln": 0.05}},
}


@pytest.mark.slow
def test_a_fit_becomes_a_folder_with_scores_and_pictures(run, tmp_path):
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "fit.json").write_text(json.dumps(FIT))
    out = tmp_path / "out"
    words = ("reservoir", "henon", "--fit", tmp_path / "fit", "--out", out, *SMALL)
    done = run(*words, "--tune", "3", "--spread", "mu=0.1")
    assert done.status == 0, done.err
    assert "drawn anew in each cycle" in done.err
    report = json.loads((out / "reservoir.json").read_text())
    settings = report["reservoir"]
    assert settings["read_noise"] == {"relative": 0.02, "floor_A": 1e-13}
    assert settings["cycle_spread"] == {"mu": 0.05}
    assert settings["device_spread"] == {"mu": 0.1}
    assert np.shape(settings["mask"]) == (6, 2)
    assert report["design"]["hold"] == settings["hold_s"] == 5e-3  # given, so not tuned
    assert report["provenance"]["temperature_K"] == "310.0"
    assert len(report["nrmse"]["seeds"]) == 2
    assert report["nrmse"]["mean"] == pytest.approx(np.mean(report["nrmse"]["seeds"]))
    for name in report["files"]:
        assert (out / name).exists()
    assert set(report["files"]) == {"reservoir.json", "prediction.png", "memory.png", "noise.png"}
    assert (out / "noise.png").read_bytes()[:4] == b"\x89PNG"
    # The same design again, without a search: the same numbers to the last digit.
    again = run(*words[:-len(SMALL) - 1], tmp_path / "two", *SMALL, "--design", out, "--spread", "mu=0.1",
                "--no-pictures", "--json")  # fmt: skip
    assert again.status == 0, again.err
    assert json.loads(again.out)["nrmse"] == report["nrmse"]
    assert [p.name for p in (tmp_path / "two").iterdir()] == ["reservoir.json"]


@pytest.mark.study
def test_without_read_noise_it_warns(run, tmp_path):
    words = ("--tune", "0", "--no-pictures", "--out", tmp_path / "o")
    done = run("reservoir", "waveforms", *PRESET, *SMALL, *words)
    assert done.status == 0, done.err
    assert "memjax: warning: no read noise" in done.err
    assert done.out.startswith("waveforms ")


@pytest.fixture
def population(tmp_path) -> mj.Population:
    """Devices with another mu each, and in each cycle; `population.json` in the folder."""
    device = mj.params.replace(mj.DiffusiveMemristor(), mj.presets.load(PRESET[1])[1])
    out = mj.Population.of(
        device, ["mu"], center=[np.log(70.0)], covariance=[[0.2**2]], cycle_covariance=[[0.05**2]]
    )
    out.save(tmp_path / "population.json")
    return out


@pytest.mark.study
def test_each_device_of_a_reservoir_is_one_of_a_population(run, tmp_path, population):
    out, words = tmp_path / "out", ("--tune", "0", "--no-pictures")
    done = run("reservoir", "henon", "--population", tmp_path, *SMALL, *words, "--out", out)
    assert done.status == 0, done.err
    assert "mu: drawn anew in each cycle" in done.err
    report = json.loads((out / "reservoir.json").read_text())
    assert report["provenance"]["population"] == str(tmp_path)
    said = report["reservoir"]["population"]
    assert said["median"]["mu"] == pytest.approx(70.0, rel=1e-5)
    assert said["deviation_of_devices"]["mu"] == pytest.approx(0.2, rel=1e-5)
    # The median device has no noise source of its own; devices and cycles do.
    sources = report["nrmse_by_source"]
    assert sources["devices"]["mean"] != sources["none"]["mean"]
    assert sources["cycles"]["mean"] > sources["none"]["mean"]
    refused = run(
        "reservoir",
        "henon",
        "--population",
        tmp_path,
        "--spread",
        "mu=0.1",
        "--out",
        tmp_path / "o",
    )
    assert refused.status == 2
    assert "the population says how devices differ" in refused.err


@pytest.mark.slow
def test_devices_and_cycles_of_a_reservoir_have_the_spread_of_their_population(population):
    reservoir = Reservoir(
        population.base, np.ones((2000, 1)), 0.1, hold=1e-3, population=population
    )
    drawn = reservoir.draw_devices({}, members=2, seed=3)
    mu = np.log(np.asarray(drawn.values["mu"]))
    assert mu.shape == (2, 2000)
    # Four standard errors of mean and deviation of 4,000 draws.
    assert abs(mu.mean() - np.log(70.0)) < 4 * 0.2 / np.sqrt(4000)
    assert abs(mu.std() / 0.2 - 1) < 4 / np.sqrt(2 * 4000)
    cycles = draw_cycles(drawn, drawn.values, members=2, lanes=2000, seed=5)
    change = np.log(np.asarray(cycles["mu"])) - mu
    assert abs(change.mean()) < 4 * 0.05 / np.sqrt(4000)
    assert abs(change.std() / 0.05 - 1) < 4 / np.sqrt(2 * 4000)
    assert abs(np.corrcoef(change.ravel(), mu.ravel())[0, 1]) < 4 / np.sqrt(4000)
    assert (
        draw_cycles(drawn.scale_noise(cycles=0.0), drawn.values, members=2, lanes=2000, seed=5)[
            "mu"
        ]
        is drawn.values["mu"]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("henon", "--preset", "drift/none"), "drift/none"),
        (("henon", "--params", "p.toml"), "add --model M"),
        (("tides", *PRESET), "invalid choice: 'tides'"),
        (("henon", *PRESET, "--spread", "nu=0.1"), "nu"),
        (("henon", *PRESET, "--spread", "mu"), "NAME=SIGMA"),
        (("henon", *PRESET, "--falling", "2"), "allowed: 0 to 1"),
        (("henon", *PRESET, "--reading", "charge"), "invalid choice: 'charge'"),
        (("digits", *PRESET, "--steps", "200"), "images have no steps"),
        (("digits", *PRESET, "--session", "10"), "an image is a cycle"),
        (("henon", *PRESET, "--design", "nowhere"), "no design can be read"),
        (("henon", "--population", "nowhere"), "no population can be read"),
        (("henon", *PRESET, "--population", "nowhere"), "not allowed with"),
    ],
)
def test_wrong_words_are_refused_and_nothing_is_written(run, tmp_path, words, text):
    ended = run("reservoir", *words, "--out", tmp_path / "out")
    assert (ended.status, ended.out) == (2, "")
    error = ended.err.splitlines()[-1]  # notes on the preset and the noise may stand before it
    assert error.startswith("memjax: error: ")
    assert text in error
    assert not (tmp_path / "out").exists()


def test_what_exists_stays_without_force(refused, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("")
    assert "add --force" in refused("reservoir", "henon", *PRESET, "--out", tmp_path / "out")


def test_a_device_that_does_not_forget_is_refused(refused, tmp_path):
    (tmp_path / "p.toml").write_text("")
    words = ("--params", tmp_path / "p.toml", "--model", "vteam", "--out", tmp_path / "out")
    assert "vteam does not forget" in refused("reservoir", "henon", *words)
