"""Measured sweeps beside the model: where sliders begin, curves that follow them in time, cycles, fits."""

import base64
import json
import time

import numpy as np
import pytest

from fitting.app.config import parse_fit
from fitting.app.explore import measured
from fitting.app.explore.measured import of_file, of_fit
from fitting.fit_json import digest
from memjax.errors import DataError, MemjaxError, ModelError
from memjax.io.request import file_of
from memjax.simulate import simulate_like

NAME = "example:diffusive-sweeps"


@pytest.fixture(scope="module")
def subject():
    return of_file(parse_fit([NAME, "--model", "diffusive", "--out", "x"]))


@pytest.fixture(scope="module")
def setup(subject):
    return subject.setup()


def _values(setup):
    return {r["name"]: r["value"] for r in setup["parameters"] if r.get("own", True)}


def _numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


@pytest.mark.slow
def test_sliders_begin_at_what_the_sweeps_show(subject, setup):
    assert (setup["kind"], setup["model"], setup["can_fit"]) == ("sweeps", "diffusive", True)
    free = {r["name"] for r in setup["parameters"] if r["free"]}
    assert free == set(subject.prepared.problem.free) > {"mu", "r_on"}
    assert 0 < setup["measured"]["count"] == len(setup["events"])
    assert json.loads(json.dumps(setup)) == setup


@pytest.mark.slow
def test_the_curve_is_that_of_simulate(subject, setup):
    answer = subject.simulate({"values": _values(setup)})
    assert answer["solved"] == [True] * len(setup["waves"])
    problem, (m,) = subject.prepared.problem, subject.measurements
    trace = simulate_like(subject.device, m, bench=problem.bench, deterministic=True).check()
    label = subject.waves[0].labels[0]
    i, v = (
        np.asarray(trace.i)[0, trace.sweep == label],
        np.asarray(trace.v)[0, trace.sweep == label],
    )
    curve = answer["curves"][0]
    np.testing.assert_allclose(_numbers(curve["v"]), v, atol=1e-6)
    # Where the gap closes, an error of a step in time is one of decades: nine rows of ten.
    ratio = np.abs(np.log10(np.abs(_numbers(curve["i"])) + 1e-14) - np.log10(np.abs(i) + 1e-14))
    assert np.quantile(ratio, 0.9) < 0.01


@pytest.mark.slow
def test_a_slider_is_answered_within_100_ms_without_compiling_again(subject, setup):
    values, spent, thresholds = _values(setup), [], []
    for factor in (1.0, 1.1, 1.2, 1.3, 1.4):
        begin = time.perf_counter()
        answer = subject.simulate(
            {"values": values | {"mu": values["mu"] * factor, "sigma1": factor}}
        )
        spent.append(time.perf_counter() - begin)
        thresholds.append(answer["events"][0]["v_th"])
    assert min(spent[1:]) < 0.1  # others may load the machine
    assert abs(thresholds[-1]) < abs(thresholds[0])


@pytest.mark.slow
def test_cycles_want_noise_or_spread(subject, setup):
    with pytest.raises(DataError, match="all cycles are alike"):
        subject.simulate_cycles({"values": _values(setup)})
    with pytest.raises(ModelError, match="nonsense"):
        subject.simulate_cycles({"values": _values(setup), "spread": {"nonsense": 0.1}})


@pytest.mark.study
def test_waveforms_that_take_too_long_are_coarsened_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(measured, "BUDGET", 0.0)
    monkeypatch.setattr(measured, "COARSE", (40,))
    slow = of_file(parse_fit([NAME, "--model", "diffusive", "--out", "x"]))
    points = max(len(w.v) for w in slow.waves)
    setup = slow.setup()
    assert max(len(w.v) for w in slow.waves) <= 44 < points
    assert [n for n in setup["notes"] if "the page simulates averages, 40 of a sweep" in n]
    answer = slow.simulate({"values": _values(setup)})
    assert len(_numbers(answer["curves"][0]["i"])) == len(slow.waves[0].v)
    assert answer["solved"] == [True] * len(setup["waves"])


@pytest.mark.study
def test_cycles_scatter_as_the_spread_says(subject, setup):
    answer = subject.simulate_cycles({"values": _values(setup), "spread": {"mu": 0.1}})
    v_th = np.array(
        [e["v_th"] for e in answer["events"] if e["v_th"] is not None and e["v_th"] > 0]
    )
    # V_th is nearly inversely proportional to mu: 10 % of it, to 4 standard errors and half of its own size.
    assert 0.03 < np.std(np.log(v_th)) < 0.15


@pytest.mark.slow
def test_the_command_line_is_one_that_memjax_takes(subject, setup):
    about = {"values": _values(setup) | {"mu": 61.0}, "free": ["mu"], "bounds": {"mu": [1.0, 1e3]}}
    words = subject.fit_words(about)
    options = parse_fit([*words[1:], "--out", "x"])
    assert words[:2] == ["fit", NAME]
    assert (options.free, dict(options.start), dict(options.bounds)) == (
        ["mu"],
        {"mu": 61.0},
        {"mu": (1.0, 1e3)},
    )


def _fit_folder(folder, setup, *, sha256=None, **more):
    """A fit's folder as `memjax fit` makes it, as far as a page reads it."""
    folder.mkdir()
    rows = {
        r["name"]: {"value": r["value"], "std": 0.1 * r["value"] if r["free"] else None}
        for r in setup["parameters"]
    }
    rows["mu"]["value"] = 77.0
    content = {
        "schema_version": 1, "kind": "sweeps", "model": "diffusive", "parameters": rows, "bench": {}, "free": ["mu"],
        "loss": 3.0, "interrupted": False, "verdict": None, "cycle_spread": {"mu": {"sigma_ln": 0.05}},
        "data": [{"file": NAME, "sha256": sha256 or digest(file_of(NAME))}],
        "config": {"files": [NAME], "model": "diffusive", "free": ["mu"]},
    }  # fmt: skip
    (folder / "fit.json").write_text(json.dumps(content | more))
    return folder


@pytest.mark.slow
def test_a_fit_begins_at_its_values(setup, tmp_path):
    subject = of_fit(_fit_folder(tmp_path / "fit", setup))
    assert (subject.free, float(subject.device.mu)) == (("mu",), 77.0)
    assert subject.fit_summary["spread"] == {"mu": 0.05}
    assert subject.fit_summary["fitted"]["std"]["mu"] == pytest.approx(0.1 * _values(setup)["mu"])
    assert not [n for n in subject.notes if "has changed" in n]
    changed = of_fit(_fit_folder(tmp_path / "changed", setup, sha256="0" * 64) / "fit.json")
    assert [n for n in changed.notes if "its content has changed" in n]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"kind": "resistance against time"}, "a fit of resistance against time"),
        ({"config": {"files": ["missing.csv"], "model": "diffusive"}}, "is not there"),
        ({"config": {"python": ["data"]}}, "of a fit from Python"),
    ],
)
def test_what_is_no_fit_of_sweeps_is_refused(more, words, setup, tmp_path):
    with pytest.raises(MemjaxError) as caught:
        of_fit(_fit_folder(tmp_path / "fit", setup, **more))
    assert words in str(caught.value)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "decay.csv"
    np.savetxt(
        path,
        np.c_[np.arange(9.0), np.arange(9.0) + 5],
        delimiter=",",
        header="t_s,r_ohm",
        comments="",
    )
    with pytest.raises(MemjaxError, match="sweeps"):
        of_file(parse_fit([str(path), "--model", "vteam", "--out", "x"]))
