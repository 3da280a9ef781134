"""Trained densities on the command line: what is written, what is refused in one line."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fitting.amortised import options as cli
from fitting.amortised.store import save_amortised
from memjax.cli.program import main

from .conftest import BOUNDS, TIMES, VOLTS, of_passing


@pytest.fixture(scope="module")
def files(tmp_path_factory, currents):
    """Three devices of the protocol, one of another voltage, and one that nothing like was simulated of."""
    folder = tmp_path_factory.mktemp("wafer")
    rows = {f"d{k}": (VOLTS, i) for k, i in enumerate(currents[:3])}
    rows |= {"d3": (1.2 * VOLTS, currents[3]), "d4": (VOLTS, 30 * currents[4])}
    for name, (v, i) in rows.items():
        content = {"t_s": TIMES, "v_V": v, "i_A": i}
        pd.DataFrame(content).to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def density(untrained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("density")
    save_amortised(untrained, folder / "good")
    poor = replace(untrained, calibration=of_passing(BOUNDS, passed=False))
    save_amortised(poor, folder / "poor")
    return folder


@pytest.mark.slow
def test_posteriors_of_files_are_a_table_and_what_has_none_is_named(
    files, density, tmp_path, capsys
):
    out = tmp_path / "out"
    words = ["fit", str(files), "--model", "mms", "--amortised", str(density / "good")]
    assert main([*words, "--draws", "50", "--out", str(out)]) == 0
    output = capsys.readouterr()
    table = pd.read_csv(out / cli.TABLE)
    assert list(table["device"]) == ["d0", "d1", "d2", "d4"]
    assert table["r_on"].notna().tolist() == [True, True, True, False]
    assert np.all(table["v_on_low"][:3] < table["v_on_high"][:3])
    about = json.loads((out / cli.ABOUT).read_text())
    assert list(about["refused"]) == ["d3"]
    assert list(about["outside"]) == ["d4"]
    assert about["units"] == {"r_on": "ohm", "v_on": "V"}
    assert len(about["data"]) == 5
    draws = np.load(out / cli.NUMBERS)
    assert draws["r_on"].shape == (4, 50)
    assert draws["correlation"].shape == (4, 2, 2)
    assert "posteriors of 3 of 5 devices" in output.out
    assert (
        sum(line.startswith("memjax: warning: d3: a voltage") for line in output.err.splitlines())
        == 1
    )
    assert "memjax: warning: d4: outside of what was simulated" in output.err


@pytest.mark.slow
def test_nothing_inside_is_status_3_and_is_written(files, density, tmp_path, capsys):
    words = ["fit", str(files / "d4.csv"), "--model", "mms", "--amortised", str(density / "good")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 3
    assert "none of 1 devices is like those that were simulated" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "out" / cli.TABLE)["outside"].str.contains("outside").all()


@pytest.mark.slow
def test_nothing_usable_is_status_3(files, density, tmp_path, capsys):
    words = ["fit", str(files / "d3.csv"), "--model", "mms", "--amortised", str(density / "good")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 3
    assert "none of 1 files is of the protocol" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--amortised", "DENSITY/poor"], "the density is not calibrated: ranks of r_on"),
        (["--amortised", "DENSITY/none"], "no trained density"),
        (["--amortised", "DENSITY/good", "--amortise"], "--amortise and --amortised at once"),
        (["--amortised", "DENSITY/good", "--free", "r_on"], "--free: the density has it"),
        (["--amortised", "DENSITY/good", "--stochastic"], "--stochastic would be ignored"),
        (["--amortised", "DENSITY/good", "--uncertainty", "nuts"], "posteriors say it"),
        (["--amortised", "DENSITY/good", "--draws", "9"], "--draws 9"),
        (["--amortise"], "no bounds and no population"),
        (["--amortise", "--bounds", "nothing=1,2"], "nothing"),
        (["--amortise", "--bounds", "r_on=300,900", "--free", "v_on"], "no --bounds of v_on"),
        (
            ["--amortise", "--prior", "DENSITY/none", "--fix", "tau=1"],
            "the population has all values",
        ),
        (["--amortise", "--open", "--bounds", "r_on=300,900"], "there is no report"),
    ],
)
def test_wrong_words_are_one_line(files, density, tmp_path, capsys, words, message):
    words = [w.replace("DENSITY", str(density)) for w in words]
    noise = [] if "--amortised" in words else ["--read-noise", "0.05"]
    start = ["fit", str(files / "d0.csv"), "--model", "mms", "--out", str(tmp_path / "out")]
    assert main([*start, *words, *noise]) == 2
    lines = [x for x in capsys.readouterr().err.splitlines() if "error" in x]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_another_model_is_refused(files, density, tmp_path, capsys):
    words = ["fit", str(files), "--model", "drift", "--amortised", str(density / "good")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "a density of mms for --model drift" in capsys.readouterr().err


@pytest.mark.slow
def test_read_noise_of_one_sweep_has_to_be_said(files, tmp_path, capsys):
    words = [
        "fit",
        str(files / "d0.csv"),
        "--model",
        "mms",
        "--amortise",
        "--bounds",
        "r_on=300,900",
    ]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "--read-noise SIGMA" in capsys.readouterr().err


@pytest.mark.slow
def test_training_writes_a_folder_and_says_its_verdict(
    files, untrained, tmp_path, capsys, monkeypatch
):
    """What is trained is tested elsewhere."""
    calls = []

    def trained(device, protocol, **options):
        calls.append((device, protocol, options))
        return untrained

    monkeypatch.setattr("fitting.amortised.train.amortise", trained)
    words = ["fit", str(files / "d0.csv"), "--model", "mms", "--amortise", "--read-noise", "0.05"]
    words += [
        "--bounds",
        "r_on=300,900",
        "v_on=0.2,0.4",
        "--fix",
        "tau=1e-4",
        "--simulations",
        "600",
    ]
    assert main([*words, "--out", str(tmp_path / "density")]) == 0
    ((device, protocol, options),) = calls
    assert float(device.tau) == 1e-4
    assert protocol.relative == 0.05
    assert options["prior"].bounds == {n: tuple(b) for n, b in BOUNDS.items()}
    assert options["simulations"] == 600
    assert "calibrated, 256 devices" in capsys.readouterr().out
    names = {"amortised.json", "posterior.memjax", "calibration.png", "calibration.svg"}
    assert {p.name for p in (tmp_path / "density").iterdir()} == names
