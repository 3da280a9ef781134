"""``memjax models`` and the published sets."""

import json

import pytest

import memjax as mj
from memjax import presets
from memjax.errors import ModelError


def test_list_for_people_and_programs(run):
    rows = json.loads(run("models", "--json").out)["models"]
    assert [r["name"] for r in rows] == mj.model_names()
    row = rows[0]
    assert (row["name"], row["states"], row["volatile"]) == ("diffusive", ["f", "r", "s"], True)
    assert row["summary"] in run("models").out


def test_one_model_as_json_names_every_parameter(run):
    about = json.loads(run("models", "diffusive", "--json").out)
    table = {p["name"]: p for p in about["parameters"]}
    assert list(table) == [r["name"] for r in mj.describe(mj.DiffusiveMemristor)]
    assert (table["mu"]["unit"], table["mu"]["default"]) == ("1/(V s)", 60.0)
    assert table["alpha"]["bounds"] == [1e-4, 1.0]
    assert (table["mu_neg"]["default"], table["mu_neg"]["follows"]) == (None, "mu")
    # JSON has no infinity.
    assert {s["name"]: s["bounds"] for s in about["states"]}["s"] == [1.0, None]
    assert about["references"] == ["doi:10.1109/TCASAI.2024.3484370"]
    assert [p["name"] for p in about["presets"]] == presets.names("diffusive")


def test_one_model_for_people_shows_what_is_in_json(run):
    out = run("models", "diffusive").out
    for word in ("mu_neg", "= mu", "1/(V s)", "0.0001 .. 1", "doi:10.1109", "--compliance 1e-06"):
        assert word in out
    assert "noise: none\n" in run("models", "vteam").out


# The published script parameters, transcribed from the authors' repository (physics.md 2.3).
PUBLISHED = {
    "dc-symmetric": dict(mu=60, gamma1=60, r_off=1e11, lam=0.8, sigma1=8, sigma2=5, t_ref=1e-3),
    "dc-asymmetric": dict(mu=100, gamma3=5, r_on=8e4, r_off=1e9, mu_neg=0, theta_neg=0),
    "pulse": dict(gamma1=800, gamma2=10, theta=10, beta=80, sigma3=10, r0=0.4, t_ref=1e-5),
    "lif": dict(mu=150, gamma1=5000, gamma2=0.1, r_on=5e3, r0=0.9, t_ref=1e-6),
    "oscillator": dict(mu=300, gamma1=200, lam=1, r_off=1e8, sigma1=30, sigma2=10),
}


def test_published_sets_hold_the_published_numbers_and_make_devices():
    published = {n for n in presets.names("diffusive") if not presets.info(n).verdict}
    assert published == {f"diffusive/wang2024-{n}" for n in PUBLISHED}
    for name, numbers in PUBLISHED.items():
        model, values, info = presets.load(f"diffusive/wang2024-{name}")
        assert {k: values[k] for k in numbers} == numbers
        device = mj.params.replace(mj.device_class(model)(), values)
        assert mj.params.to_dict(device).items() >= values.items()
        assert info.doi == "10.1109/TCASAI.2024.3484370"
        assert info.not_claimed
    assert "+0.04 V" in " ".join(presets.load("diffusive/wang2024-dc-symmetric")[2].not_claimed)
    assert presets.load("diffusive/wang2024-lif")[2].bench == {
        "series_resistance": 4.7e4,
        "parallel_capacitance": 4.7e-9,
    }


def test_unknown_set_is_named_with_those_that_exist():
    with pytest.raises(ModelError, match=r"unknown preset 'x'.*wang2024-pulse"):
        presets.load("x")
    assert presets.names("another") == []


def test_measured_devices_are_listed_with_verdict_source_and_bands(run):
    rows = json.loads(run("models", "--measured", "--json").out)["measured"]
    assert [r["name"] for r in rows] == [i.name for i in presets.measured()]
    assert all(r["verdict"] in ("good", "usable") and r["source"] for r in rows)
    row = next(r for r in rows if r["name"] == "hybrid/nb-sto")
    assert row["bands"]["off3"] == list(presets.bands("hybrid/nb-sto")["off3"])
    out = run("models", "--measured").out
    for r in rows:
        assert f"{r['name']}: {r['source']}" in out
        assert r["not_claimed"][0] in out
    assert presets.bands("diffusive/wang2024-lif") == {}


def test_measured_devices_of_one_model(run, refused):
    out = run("models", "hybrid", "--measured").out
    assert "hybrid/nb-sto" in out
    assert "threshold-switch" not in out
    assert json.loads(run("models", "vteam", "--measured", "--json").out) == {"measured": []}
    assert "unknown model 'tea'" in refused("models", "tea", "--measured")
