"""``memjax fit --batch``: what it leaves, what it refuses, and a run that is killed and goes on."""

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

import memjax as mj
from fitting.batch import run as batch_run
from fitting.batch.fit import Row
from fitting.batch.population import batch_population
from fitting.batch.shrinkage import SHRUNKEN
from memjax.cli import main
from memjax.network.toml import load_network
from memjax.runtime import cluster
from memjax.runtime.files import lock_folder
from tests.clusters import process_number, unused_address, workers

pytestmark = pytest.mark.slow

TIMES = np.linspace(0, 1.0, 61)
DRIVE = mj.Sampled(TIMES, 0.6 * np.sin(2 * np.pi * TIMES))
FREE = ["r_on", "r_off"]
SIDE, CHUNK = 3, 2
ASKED = ["--model", "mms", "--batch", "--free", *FREE, "--chunk", CHUNK]
ASKED += ["--fix", "tau=1e-4", "x0=0", "v_on=0.27", "v_off=0.27"]


def write_wafer(folder: Path) -> None:
    """Files of a wafer of three by three with 1 % of noise, of which one holds nothing."""
    rng = np.random.default_rng(0)
    values = {"r_on": 500.0, "r_off": 5e3}
    values = {n: x * np.exp(0.1 * rng.normal(size=(SIDE**2, 1))) for n, x in values.items()}
    options = dict(
        save=TIMES, members=SIDE**2, conditions=mj.Conditions(values=values), deterministic=True
    )
    i = np.asarray(mj.simulate(mj.MetastableSwitches(), DRIVE, **options).check().i)
    i = i * np.exp(0.01 * rng.normal(size=i.shape))
    for k in range(SIDE**2):
        table = np.stack([TIMES, DRIVE.values, i[k]], axis=1)
        path = folder / f"die_R{k // SIDE}_C{k % SIDE}.csv"
        np.savetxt(path, table, delimiter=",", header="t_s,v_V,i_A", comments="")
    (folder / "die_R1_C1.csv").write_text("t_s,v_V,i_A\nnothing\n")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wafer")
    write_wafer(folder)
    return folder


def command(files, out) -> list[str]:
    return [str(w) for w in ["fit", files, *ASKED, "--out", out]]


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    """The folder of a run without an interruption."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert main(command(files, out)) == 0
    return out


def _table(out) -> list[dict[str, str]]:
    with (out / "devices.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_has_a_row_and_failures_say_why(whole, files):
    rows = _table(whole)
    assert [r["name"] for r in rows] == sorted(p.stem for p in files.iterdir())
    (bad,) = [r for r in rows if r["status"] == "failed"]
    assert (bad["name"], bad["r_on [ohm]"]) == ("die_R1_C1", "")
    assert "no table of numbers" in bad["failure"]
    assert all(400 < float(r["r_on [ohm]"]) < 700 for r in rows if r is not bad)
    assert (rows[5]["x"], rows[5]["y"]) == ("2.0", "1.0")
    content = json.loads((whole / "batch.json").read_text())
    assert content["counts"] == {"devices": 9, "fitted": 8, "poor": 0, "failed": 1}
    known = [float(r["r_off [ohm]"]) for r in rows if r is not bad]
    assert content["population"]["r_off"]["median"] == pytest.approx(np.median(known))


def test_pictures_and_a_page_that_needs_nothing_beside_it(whole):
    for name in ("distributions.png", "wafer.png"):
        assert (whole / name).read_bytes().startswith(b"\x89PNG")
    page = (whole / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "Correlation from device to device" in page
    assert "no table of numbers" in page


def test_the_population_is_drawn_from_in_simulations_and_networks(whole, tmp_path):
    """8 devices that scatter by 10 %: the standard error of a spread is 2.7 %, and |z| < 4 of it."""
    content = json.loads((whole / "batch.json").read_text())["hierarchy"]
    assert (content["devices"], content["file"]) == (8, "population.json")
    spread = {p["name"]: p["device_sigma_ln"] for p in content["parameters"]}
    assert spread.keys() == set(FREE)
    assert all(abs(x - 0.1) < 4 * 0.027 for x in spread.values())
    population = mj.Population.load(whole)
    assert float(mj.params.get(population.base, "v_on")) == 0.27

    drive, out = tmp_path / "read.csv", tmp_path / "sim.csv"
    drive.write_text("t_s,v_V\n0,0\n1e-3,0.01\n")
    words = ["simulate", "mms", "--population", whole, "--stimulus", drive, "--deterministic"]
    assert main([str(w) for w in [*words, "--members", 3, "--save-every", 1e-3, "--out", out]]) == 0
    read = np.genfromtxt(out, delimiter=",", names=True)
    # At rest the collection starts with all switches off (x0 = 0).
    last = read["v_V"] > 0.005
    sample = population.sample(0, 3)
    np.testing.assert_allclose(read["v_V"][last] / read["i_A"][last], sample["r_off"], rtol=0.02)

    # A network names files of its own folder, or links there.
    (tmp_path / "wafer").symlink_to(whole)
    net = tmp_path / "net.toml"
    net.write_text("""
duration = 1e-3
dt = 1e-6
[groups.neurons]
model = "1m1t1r"
n = 500
spike = { signal = "gate.v", level = 0.2 }
spread = { "r_c.r" = 0.05 }
devices.memristor = { population = "wafer" }
""")
    found = load_network(net)
    (group,) = found.network.groups
    assert group.values.keys() == {"memristor.r_on", "memristor.r_off", "r_c.r"}
    for name, sigma in [*spread.items(), ("r_c.r", 0.05)]:
        drawn = np.log(group.values[name if "." in name else f"memristor.{name}"])
        assert abs(drawn.std() - sigma) < 4 * sigma / np.sqrt(1000)
    assert "wafer/population.json" in found.source


@pytest.mark.study
def test_the_population_as_prior_is_a_table_of_its_own_beside_the_same_devices(
    files, whole, tmp_path, capsys
):
    """The two parameters are known to 1 %, the spread is 10 %: the population moves them by few tenths of that."""
    shutil.copytree(whole, tmp_path / "out")
    capsys.readouterr()
    assert main([*command(files, tmp_path / "out"), "--shrink"]) == 0
    assert (tmp_path / "out" / "devices.csv").read_bytes() == (whole / "devices.csv").read_bytes()
    with (tmp_path / "out" / "shrunken.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    own = _table(whole)
    assert [r["name"] for r in rows] == [r["name"] for r in own]
    pairs = [(r, o) for r, o in zip(rows, own, strict=True) if r["status"] == "shrunken"]
    assert len(pairs) == 8
    for n in FREE:
        value, std = f"{n} [ohm]", f"{n} std [ohm]"
        shift = [(float(r[value]) - float(o[value])) / float(o[std]) for r, o in pairs]
        assert np.allclose(shift, [float(r[f"{n} shift [std]"]) for r, _ in pairs], atol=1e-6)
        assert 0 < np.max(np.abs(shift)) < 0.5
        assert np.median([float(r[std]) / float(o[std]) for r, o in pairs]) < 1.01
    # Own fits end within a tenth of a standard deviation: a hundredth of chi squared above their optimum.
    assert all(-0.02 < float(r["excess_chi2"]) < 0.5 for r, _ in pairs)
    (failed,) = [r for r in rows if r["status"] == "failed"]
    assert "no fit without the population" in failed["failure"]
    content = json.loads((tmp_path / "out" / "batch.json").read_text())["shrinkage"]
    assert (content["file"], content["shrunken"], content["outside"]) == ("shrunken.csv", 8, [])
    assert "population as their prior" in (tmp_path / "out" / "report.html").read_text()
    # Again: nothing is fitted, and the bytes are the same. Without the option the table goes.
    before = (tmp_path / "out" / "shrunken.csv").read_bytes()
    assert main([*command(files, tmp_path / "out"), "--shrink"]) == 0
    assert (tmp_path / "out" / "shrunken.csv").read_bytes() == before
    assert main(command(files, tmp_path / "out")) == 0
    assert not (tmp_path / "out" / "shrunken.csv").exists()


def test_what_devices_do_not_have_in_common_makes_no_population(whole, tmp_path):
    rows = [Row(**r) for r in json.loads((whole / "chunks" / "chunk-00000.json").read_text())]
    model = mj.MetastableSwitches()
    assert "1 devices" in batch_population(rows[:1], whole / "fits", model).note
    blind = [replace(r, undetermined=("r_off",)) for r in rows]
    drawn = batch_population(blind, whole / "fits", model)
    assert drawn.note.startswith("not determined by most devices: r_off")
    assert drawn.hierarchy.undetermined == ("r_off",)
    np.testing.assert_allclose(drawn.population.covariance, np.cov(np.array([r.z for r in rows]).T))
    fits = {r.name: json.loads((whole / "fits" / f"{r.name}.json").read_text()) for r in rows}
    fits[rows[0].name]["bench"]["reversed"] = True
    for name, fit in fits.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(fit))
    drawn = batch_population(rows, tmp_path, model)
    assert (drawn.hierarchy, drawn.population) == (None, None)
    assert "1 of 2 devices stand with their terminals swapped" in drawn.note


def test_each_device_is_simulated_from_its_own_fit(whole, files, tmp_path):
    like, out = files / "die_R0_C2.csv", tmp_path / "sim.csv"
    fit = whole / "fits" / "die_R0_C2.json"
    words = ["simulate", "mms", "--fit", fit, "--like", like, "--deterministic", "--out", out]
    assert main([str(w) for w in words]) == 0
    simulated, measured = (np.genfromtxt(p, delimiter=",", names=True) for p in (out, like))
    there = np.abs(measured["v_V"]) > 0.05
    off = simulated["i_A"][there] / measured["i_A"][there] - 1
    # The noise is 1 %; the rest is what 0.3 decades granted to the model leave open.
    assert np.max(np.abs(off)) < 0.1


@pytest.mark.study
def test_a_run_that_is_killed_goes_on_and_leaves_the_same_bytes(files, whole, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "memjax", *command(files, out)], stderr=subprocess.DEVNULL
    )
    first = out / "chunks" / "chunk-00000.json"
    try:
        for _ in range(12_000):
            if first.exists() or process.poll() is not None:
                break
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = {p.name: p.stat().st_mtime_ns for p in first.parent.glob("chunk-*.json")}
    assert 1 <= len(done) < -(-(SIDE**2) // CHUNK)
    assert not (out / "devices.csv").exists()
    assert main(command(files, out)) == 0
    assert all((first.parent / n).stat().st_mtime_ns == t for n, t in done.items())
    assert (out / "devices.csv").read_bytes() == (whole / "devices.csv").read_bytes()
    for fit in (out / "fits").iterdir():
        one, other = (json.loads((f / "fits" / fit.name).read_text()) for f in (out, whole))
        assert one["parameters"] == other["parameters"]


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(files, tmp_path, monkeypatch, capsys):
    def stop(self, done, total, fresh):
        self.done = done
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_run.Progress, "__call__", stop)
    assert main(command(files, tmp_path / "out")) == 130
    assert "2 of 9 devices are done; the same command goes on" in capsys.readouterr().err


def _same_as(whole, out):
    """Whether a batch left the table and the parameters of the whole one."""
    assert (out / "devices.csv").read_bytes() == (whole / "devices.csv").read_bytes()
    names = {f.name for f in (whole / "fits").iterdir()}
    assert names == {f.name for f in (out / "fits").iterdir()}
    for name in names:
        one, other = (json.loads((f / "fits" / name).read_text()) for f in (out, whole))
        differ = {k for k in one if one[k] != other[k]}
        assert differ <= {"command"}


def test_workers_of_a_scheduler_leave_the_same_bytes_an_interrupt_too(
    files, whole, tmp_path, monkeypatch, capsys
):
    """A worker in this process; the second half on this machine alone."""
    out, count = tmp_path / "out", batch_run.Progress.__call__

    def stop(self, done, total, fresh):
        count(self, done, total, fresh)
        if done >= 4:
            raise KeyboardInterrupt

    with workers(1) as address:
        monkeypatch.setattr(batch_run.Progress, "__call__", stop)
        assert main([*command(files, out), "--scheduler", address]) == 130
        assert "4 of 9 devices are done; the same command goes on" in capsys.readouterr().err
        assert len(list((out / "chunks").glob("chunk-*.json"))) == 2
        monkeypatch.undo()
        # On a cluster a later chunk may be done before an earlier one.
        (out / "chunks" / "chunk-00000.json").unlink()
        assert main([*command(files, out), "--scheduler", address]) == 0
    assert "progress: 9 of 9 devices" in capsys.readouterr().err
    _same_as(whole, out)


@pytest.mark.study
def test_of_two_workers_one_is_killed_and_the_table_is_the_same(files, whole, tmp_path):
    out = tmp_path / "out"
    with workers(2, processes=True) as address:
        with Client(address, set_as_default=False) as client:
            number = next(iter(client.run(process_number).values()))
        words = [*command(files, out), "--scheduler", address]
        process = subprocess.Popen([sys.executable, "-m", "memjax", *words])
        while not list((out / "chunks").glob("chunk-*.json")) and process.poll() is None:
            time.sleep(0.01)
        os.kill(number, signal.SIGKILL)
        assert process.wait() == 0
    _same_as(whole, out)


@pytest.mark.study
def test_workers_of_a_scheduler_shrink_a_batch_to_the_same_bytes(whole, files, tmp_path):
    """Added to a batch that is complete: only the second pass is done, here and on a worker."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for out in (alone, shared):
        shutil.copytree(whole, out)
    assert main([*command(files, alone), "--shrink"]) == 0
    with workers(1) as address:
        assert main([*command(files, shared), "--shrink", "--scheduler", address]) == 0
    _same_as(alone, shared)
    tables = [(out / SHRUNKEN).read_bytes() for out in (alone, shared)]
    assert tables[0] == tables[1]
    assert tables[0].count(b",shrunken,") >= 7


@pytest.mark.study
def test_of_two_workers_one_is_killed_while_they_shrink_and_the_tables_are_the_same(
    whole, files, tmp_path
):
    alone, out = tmp_path / "alone", tmp_path / "out"
    for folder in (alone, out):
        shutil.copytree(whole, folder)
    assert main([*command(files, alone), "--shrink"]) == 0
    with workers(2, processes=True) as address:
        with Client(address, set_as_default=False) as client:
            number = next(iter(client.run(process_number).values()))
        words = [*command(files, out), "--shrink", "--scheduler", address]
        process = subprocess.Popen([sys.executable, "-m", "memjax", *words])
        while not list((out / "chunks").glob("posterior-*.json")) and process.poll() is None:
            time.sleep(0.01)
        os.kill(number, signal.SIGKILL)
        assert process.wait() == 0
    _same_as(alone, out)
    assert (out / SHRUNKEN).read_bytes() == (alone / SHRUNKEN).read_bytes()


def test_a_scheduler_that_is_not_there_is_one_line_and_nothing_is_written(
    files, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(cluster, "TIMEOUT", 0.5)
    out = tmp_path / "out"
    assert main([*command(files, out), "--scheduler", unused_address()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "memjax: error: no scheduler answers within 0.5 s; in --scheduler tcp://"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--seed", "1"], "other devices, data, options or versions"),
        (["--free", "nope"], "unknown parameter 'nope'"),
        (["--stochastic"], "--stochastic: with --batch"),
        (["--wafer-map", "none.csv"], "no wafer map"),
        (["--model-sigma", "0"], "model-sigma"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_touched(whole, files, more, said, capsys):
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("*")}
    capsys.readouterr()
    assert main([*command(files, whole), *more]) == 2
    assert said in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in whole.rglob("*")} == before


def test_files_that_are_not_there_are_refused(tmp_path, capsys):
    assert main(command(tmp_path / "nowhere", tmp_path / "out")) == 2
    assert "no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_where_no_device_can_be_fitted_the_status_is_3_and_the_table_says_why(tmp_path, capsys):
    folder = tmp_path / "bad"
    folder.mkdir()
    for k in range(3):
        (folder / f"d{k}.csv").write_text("nothing\n")
    assert main(command(folder, tmp_path / "out")) == 3
    assert "none of 3 devices could be fitted" in capsys.readouterr().err
    assert [r["status"] for r in _table(tmp_path / "out")] == ["failed"] * 3


@pytest.fixture
def unreadable(tmp_path):
    """A folder of four files that hold nothing: a batch of them has rows, and nothing to be compiled."""
    folder = tmp_path / "bad"
    folder.mkdir()
    for k in range(4):
        (folder / f"d{k}.csv").write_text("nothing\n")
    return folder


def _line(capsys) -> str:
    """The one line of an error."""
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "progress" not in x]
    assert line.startswith("memjax: error: ")
    return line


def test_a_full_disk_keeps_what_is_done(unreadable, tmp_path, capsys):
    """No file may be longer than 5 kB, as no page is; what was written before serves the next run."""
    out, limits = tmp_path / "out", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
    try:
        assert main(command(unreadable, out)) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = _line(capsys)
    assert "cannot be written (File too large)" in line
    assert "report.html; what is done stays" in line
    assert not list(out.rglob("*.part"))
    done = {p: p.stat().st_mtime_ns for p in (out / "chunks").iterdir()}
    assert len(done) == 3
    assert main(command(unreadable, out)) == 3  # all four failed
    assert {p: p.stat().st_mtime_ns for p in (out / "chunks").iterdir()} == done
    assert (out / "report.html").exists()


def test_a_folder_that_vanishes(unreadable, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(batch_run.Progress, "__call__", lambda *_: shutil.rmtree(out))
    assert main(command(unreadable, out)) == 2
    assert "cannot be written (No such file or directory)" in _line(capsys)
    assert not out.exists()


def test_two_batches_at_once(unreadable, tmp_path, capsys):
    """The second is refused, with --force too; neither disturbs the first."""
    out = tmp_path / "out"
    main(command(unreadable, out))
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    capsys.readouterr()
    with lock_folder(out):
        for more in ([], ["--force"]):
            assert main([*command(unreadable, out), *more]) == 2
            assert "another run is writing to it" in _line(capsys)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_what_a_kill_leaves_is_removed(unreadable, tmp_path):
    """Of one that was killed as it began, as it wrote, and as it replaced another."""
    out, none = tmp_path / "out", 2**22 + 1  # no process has that number
    (out / "chunks").mkdir(parents=True)
    (out / "chunks" / f".run.json.{none}.part").touch()
    assert main(command(unreadable, out)) == 3
    for name in (f".devices.csv.{none}.part", f"fits/.d0.json.{none}.part"):
        (out / name).touch()
    (out / "fits" / f".d1.json.{os.getpid()}.part").touch()  # of one that lives
    for name in ("batch.json", "chunks/chunk-00000.json"):
        (out / name).unlink()
    assert main(command(unreadable, out)) == 3
    assert [p.name for p in out.rglob("*.part")] == [f".d1.json.{os.getpid()}.part"]
    assert main([*command(unreadable, out), "--force"]) == 3
    assert not list(out.rglob("*.part"))
    assert (out / "report.html").exists()
