"""``memjax observe``: trends, pictures, tables, folders, endurance tests."""

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def cycling(tmp_path):
    """Sweeps of a device whose switching voltage rises by 5 mV a cycle."""

    def cycling(name="sweeps.csv", count=12, first=0.5):
        up = np.linspace(0, 1, 201)
        v = np.concatenate([up, up[-2::-1]])
        out = np.arange(401) <= 200
        rows = ["cycle,v_V,i_A"]
        for k in range(count):
            on = (v >= first + 0.005 * k - 1e-9) & out | (v > 0.1025) & ~out
            rows += [
                f"{k},{x:.4f},{y:.6e}" for x, y in zip(v, v / np.where(on, 1e4, 1e9), strict=True)
            ]
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(rows) + "\n")
        return path

    return cycling


@pytest.fixture
def endurance(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["device,cycle,R_HRS (ohm),R_LRS (ohm)"]
    for device in "abc":
        for k in range(40):
            high, low = (
                1e6 * 10 ** (-0.01 * k + 0.05 * rng.standard_normal()),
                5e3 + 10 * rng.standard_normal(),
            )
            rows.append(f"{device},{k},{high:.1f},{low:.1f}")
    path = tmp_path / "endurance.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_trends_are_printed_drawn_and_written(run, cycling, tmp_path):
    out, plot = tmp_path / "t.csv", tmp_path / "t.png"
    ended = run("observe", cycling(), "--out", out, "--plot", plot)
    assert ended.status == 0
    assert "V_th/V" in ended.out
    written = pd.read_csv(out)
    assert list(written) == ["polarity", "cycle", "v_th_V", "v_hold_V", "r_on_ohm", "r_off_ohm"]
    np.testing.assert_allclose(written["v_th_V"], 0.5 + 0.005 * np.arange(12))
    np.testing.assert_allclose(written["r_on_ohm"], 1e4, rtol=1e-5)
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.integration
def test_json_has_the_trends_beside_what_it_had(run, cycling):
    found = json.loads(run("observe", cycling(), "--json").out)
    assert {"sweeps", "summary", "trends"} == set(found)
    by_name = {t["quantity"]: t for t in found["trends"]}
    assert by_name["v_th"]["per_cycle"] == pytest.approx(0.005)
    assert by_name["v_th"]["differs"]
    assert not by_name["v_hold"]["differs"]


def test_files_of_a_folder_follow_one_another_by_number(run, cycling, tmp_path):
    for k in (2, 10, 1):
        cycling(f"day/run{k}.csv", count=4, first=0.3 + 0.02 * k)
    found = json.loads(run("observe", tmp_path / "day", "--json").out)
    names = list(dict.fromkeys(row["file"] for row in found["sweeps"]))
    assert [n.rsplit("run", 1)[1] for n in names] == ["1.csv", "2.csv", "10.csv"]
    (v_th,) = [t for t in found["trends"] if t["quantity"] == "v_th"]
    assert v_th["n"] == 12
    assert (v_th["first"], v_th["last"]) == pytest.approx((0.32, 0.515))


def test_endurance_tests_have_trends_device_by_device(run, endurance, tmp_path):
    out, plot = tmp_path / "e.csv", tmp_path / "e.svg"
    found = json.loads(run("observe", endurance, "--json", "--out", out, "--plot", plot).out)
    states = {(t["device"], t["quantity"]): t for t in found["trends"]}
    assert len(states) == 6
    for device in "abc":
        t = states[device, "hrs"]
        assert abs(t["per_cycle"] + 0.01) < 4 * t["per_cycle_error"]
        assert t["differs"]
    assert list(pd.read_csv(out)) == ["device", "cycle", "hrs_ohm", "lrs_ohm"]
    assert "<svg" in plot.read_text(encoding="utf-8")


def test_few_cycles_are_said(run, cycling):
    assert "no trends: fewer than 10 cycles" in run("observe", cycling(count=3)).out


def test_what_cannot_be_is_refused_and_nothing_is_written(
    run, refused, cycling, endurance, tmp_path
):
    path = cycling()
    before = set(tmp_path.iterdir())
    assert "suffix '.bmp'" in refused("observe", path, "--plot", tmp_path / "t.bmp")
    assert "suffix '.txt'" in refused("observe", path, "--out", tmp_path / "t.txt")
    assert "exists" in refused("observe", path, "--out", path.rename(tmp_path / "s.csv"))
    path = tmp_path / "s.csv"
    assert "sweeps and endurance at once" in refused("observe", path, endurance)
    for command in ("observe", "read"):
        assert "--sweeps of a file without sweeps" in refused(command, endurance, "--sweeps", "1-3")
        assert "--skip-forming of" in refused(command, endurance, "--skip-forming")
    (tmp_path / "none").mkdir()
    assert "a folder without files" in refused("observe", tmp_path / "none")
    assert set(tmp_path.iterdir()) - {tmp_path / "none", path} == before - {tmp_path / "sweeps.csv"}


def test_choices_of_sweeps_count_for_trends(run, cycling, tmp_path):
    (tmp_path / "bad.csv").write_text("3,contact lost\n")
    words = ("--skip-forming", "--exclude", tmp_path / "bad.csv", "--json")
    found = json.loads(run("observe", cycling(count=14), *words).out)
    (v_th,) = [t for t in found["trends"] if t["quantity"] == "v_th"]
    assert v_th["n"] == 12
