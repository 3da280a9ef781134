"""``memjax read`` and ``memjax observe``."""

import json

import numpy as np
import pytest

from memjax.data import bundled, read

WRONG = {
    "prose": b"It was a dark night.\nThe wind howled.\n",
    "empty": b"",
    "one_column": b"v_V\n1\n2\n3\n",
    "only_nan": b"v_V,i_A\nnan,nan\nnan,nan\n",
    "binary": b"\x7fELF\x00\x01\x02\x00\xff",
}


@pytest.mark.integration
@pytest.mark.parametrize("kind", [*WRONG, "missing"])
@pytest.mark.parametrize("command", ["read", "observe", "simulate"])
def test_what_is_no_measurement_is_refused(refused, tmp_path, kind, command):
    path = tmp_path / f"{kind}.csv"
    if kind != "missing":
        path.write_bytes(WRONG[kind])
    before = set(tmp_path.iterdir())
    out = ["--out", tmp_path / "out.csv"] if command != "observe" else []
    more = ["diffusive", "--preset", "diffusive/wang2024-dc-symmetric", "--point-time", 1, "--like"]
    line = refused(command, *(more if command == "simulate" else []), path, *out)
    assert str(path) in line
    assert set(tmp_path.iterdir()) == before


def test_json_has_the_keys_of_the_contract(run, measured):
    about = json.loads(run("read", measured, "--json").out)
    assert {"reader", "points", "sweeps", "compliance_A", "units", "warnings"} <= set(about)
    assert (about["points"], about["sweeps"], about["reader"]) == (72, 3, "tidy")
    assert (about["v_min"], about["v_max"]) == (-0.5, 0.5)
    assert (about["i_min"], about["i_max"]) == (-5e-7, 5e-7)


def test_summary_for_people_says_what_was_guessed(run, tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text("Voltage Current\n0 0\n0.5 1e-3\n1 2e-3\n0.5 1e-3\n0 0\n")
    out = run("read", path).out
    assert "5 points in 1 sweep\n" in out
    assert "no units stated, taken as SI" in out


def test_columns_and_sign(run, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text('"a, first",b_V,c\n0,1,2\n1,3,4\n')
    words = ("read", path, "--columns", "v=b_V,i=a, first,t=c", "--sign", "-1", "--json")
    about = json.loads(run(*words).out)
    assert (about["v_max"], about["i_min"], about["t_max"]) == (3.0, -1.0, 4.0)


def test_tidy_output_reads_as_the_same(run, refused, measured, tmp_path):
    out = tmp_path / "tidy.csv"
    assert run("read", measured, "--out", out).status == 0
    a, b = read(measured), read(out)
    assert np.array_equal(a.v, b.v)
    assert np.array_equal(a.i, b.i)
    assert np.array_equal(a.sweep, b.sweep)
    content = out.read_bytes()
    assert "exists already" in refused("read", measured, "--out", out)
    assert out.read_bytes() == content
    assert run("read", measured, "--out", out, "--force").status == 0
    assert "allowed: .csv" in refused("read", measured, "--out", tmp_path / "x.txt")


def test_example_is_read_by_name(run, refused, monkeypatch, measured):
    monkeypatch.setattr(bundled, "FOLDER", measured.parent)
    assert len(read("example:measured").v) == 72
    assert json.loads(run("read", "example:measured", "--json").out)["points"] == 72
    assert "allowed: example:measured" in refused("read", "example:none")


def _switch(path, peaks, *, on=1e-6, off=1e-12, hold=0.1):
    """Sweeps of a device that switches at 0.25 V and returns at `hold`, or at none of the two."""
    rows = ["cycle,v_V,i_A"]
    for k, peak in enumerate(peaks):
        up = np.linspace(0, peak, 11)
        is_on = np.concatenate([np.abs(up) > 0.25, np.abs(up[::-1]) > hold])
        rows += [
            f"{k},{v:.6g},{(-1 if peak < 0 else 1) * (on if c else off)}"
            for v, c in zip([*up, *up[::-1]], is_on)
        ]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_observe_reads_thresholds_and_counts(run, tmp_path):
    first = _switch(tmp_path / "a.csv", [0.5, -0.5, 0.2])
    second = _switch(tmp_path / "b.csv", [0.5], hold=-1.0)
    found = json.loads(run("observe", first, second, "--json").out)
    rows = found["sweeps"]
    assert [(r["file"], r["sweep"], r["polarity"]) for r in rows] == [
        (str(first), 0, 1),
        (str(first), 1, -1),
        (str(first), 2, 1),
        (str(second), 0, 1),
    ]
    assert [r["switched"] for r in rows] == [True, True, False, True]
    assert [r["v_th_V"] for r in rows] == [0.3, 0.3, None, 0.3]
    assert [r["v_hold_V"] for r in rows] == pytest.approx([0.1, 0.1, 0.2, None])
    positive = found["summary"]["positive"]
    assert (positive["excursions"], positive["never_switched"]) == (3, 1)
    assert positive["never_returned"] == 1
    assert positive["v_hold_V"]["n"] == 1  # of the sweeps that had switched
    out = run("observe", first, second).out
    assert "NEVER SWITCHED" in out
    assert "0.3" in out


def test_observe_takes_other_thresholds(run, tmp_path):
    path = _switch(tmp_path / "a.csv", [0.5])
    words = ("observe", path, "--json", "--on-threshold", "1e-5", "--hold-threshold", "1e-13")
    found = json.loads(run(*words).out)
    assert [(r["switched"], r["returned"]) for r in found["sweeps"]] == [(False, False)]
    assert found["summary"]["on_threshold_A"] == 1e-5


def test_area_in_any_unit_makes_currents_of_densities(run, refused, tmp_path):
    path = tmp_path / "density.csv"
    path.write_text("V (V),J (A/cm2)\n0,0\n0.5,50\n1,100\n")
    assert "--area 100um^2" in refused("read", path)
    for area in ("100um^2", "1e-10", "1e-6 cm^2"):
        about = json.loads(run("read", path, "--area", area, "--json").out)
        assert about["i_max"] == pytest.approx(1e-4)
    for area in ("100um", "much", "-1um^2", "0", "100"):
        assert "area" in refused("read", path, "--area", area)


def test_limits_are_given_for_each_polarity_and_kept_in_a_tidy_table(
    run, refused, measured, tmp_path
):
    out = tmp_path / "limited.csv"
    words = ("read", measured, "--compliance", "+1e-6,-2e-7", "--out", out, "--json")
    about = json.loads(run(*words).out)
    assert about["compliances_A"] == [2e-7, 1e-6]
    assert about["compliance_A"] == 1e-6
    kept = read(out)
    assert kept.compliances == [2e-7, 1e-6]
    assert "2e-07 and 1e-06 A" in run("read", out).out
    for wrong in ("1e-6,1e-6,1e-6", "-1,", "much", "0"):
        assert "allowed: " in refused("read", measured, f"--compliance={wrong}")


def _halves(folder, *, column="cycle"):
    """Files of set and reset sweeps, three cycles each, whose states go on from file to file."""
    up, paths = [0, 0.1, 0.2, 0.5, 1.0, 0.5, 0.2, 0.1, 0], []
    low, high = [1e-4, 3e-4, 2e-4], [1e-6, 4e-6, 2e-6, 8e-6]
    for name, side, first, last in (("set", -1, high, low), ("reset", 1, low, high[1:])):
        rows = [
            f"{n + 1},{side * v},{side * v * (first[n] if k < 5 else last[n])}"
            for n in range(3) for k, v in enumerate(up)
        ]  # fmt: skip
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(f"{column},v_V,i_A\n" + "\n".join(rows) + "\n")
    return paths


def test_set_and_reset_files_are_shown_as_one_device(run, tmp_path):
    sets, resets = _halves(tmp_path)
    lines = run("read", resets, sets).out.split("\n")
    assert lines[0] == f"{resets} and {sets}: 54 points in 3 sweeps"
    assert any("set.csv comes first in each" in line for line in lines)
    about = json.loads(run("read", tmp_path, "--json").out)
    assert [f["sweeps"] for f in about["files"]] == [3]


def test_interleave_joins_what_does_not_say_so(run, tmp_path):
    sets, resets = _halves(tmp_path, column="device")
    apart = json.loads(run("read", sets, resets, "--json").out)
    assert [f["sweeps"] for f in apart["files"]] == [3, 3]
    out = tmp_path / "one" / "tidy.csv"
    out.parent.mkdir()
    about = json.loads(run("read", sets, resets, "--interleave", "--out", out, "--json").out)
    assert (about["sweeps"], about["points"]) == (3, 54)
    assert read(out).labels.tolist() == [1, 2, 3]


def test_interleave_wants_two_files_of_the_same_cycles(refused, tmp_path):
    sets, resets = _halves(tmp_path)
    assert "1 files; in --interleave; allowed: two files" in refused("read", sets, "--interleave")
    resets.write_text("cycle,v_V,i_A\n7,0,0\n7,1,1e-3\n7,0,0\n")
    assert "cycles 1-3 and 7 do not match" in refused("read", sets, resets, "--interleave")


def test_features_and_the_models_that_can_describe_them(run, measured, tmp_path):
    path = tmp_path / "switch.csv"
    up = np.linspace(0, 0.5, 26)
    size = np.concatenate([up, up[-2::-1]])
    on = np.where(np.arange(51) <= 25, size > 0.3, size > 0.1)
    rows = [
        f"{k},{s * v},{s * v * (1e-5 if o else 1e-8)}"
        for k, s in enumerate((1, -1))
        for v, o in zip(size, on)
    ]
    path.write_text("\n".join(["sweep,v_V,i_A", *rows]) + "\n")
    about = json.loads(run("read", path, "--json").out)
    assert about["features"]["volatile"] is True
    assert about["features"]["sets_at"] == [1, -1]
    assert {"diffusive", "threshold-switch"} <= set(about["models"])
    assert about["objections"]["vteam"] == ["it keeps its state, which the data forget"]
    lines = run("read", path).out.splitlines()
    (features,) = (x for x in lines if x.startswith("  features    "))
    assert features.split(maxsplit=1)[1] == about["features"]["text"]
    (models,) = (x for x in lines if x.startswith("  models      "))
    count = len(about["models"])
    assert models.endswith(f"can ({count} of {count + len(about['objections'])})")
    # A resistor opens no loop; a ramp up alone shows nothing.
    assert "  models      no loop tells them apart\n" in run("read", measured).out
    path.write_text("v_V,i_A\n" + "\n".join(f"{v},{v / 1e6}" for v in up) + "\n")
    assert json.loads(run("read", path, "--json").out)["features"] is None
    out = run("read", path).out
    assert "  features    none: no sweep was measured both ways" in out
    assert "  models      none is judged without sweeps\n" in out
