"""Runs in folders: killed, interrupted, refused by the disk, resumed; the recording is that of an undisturbed run."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from memjax import network as nw
from memjax.errors import NetworkError, OutputError, SolveError
from memjax.network.folder_run import FolderSettings, run_network
from memjax.network.run_store import load_recording, read_description
from memjax.runtime.files import lock_folder
from tests.network.conftest import same, spiking

WATCH = {"cells": [0, 39]}
SCRIPT = Path(__file__).parent / "in_a_folder.py"


@pytest.fixture(scope="module")
def undisturbed() -> nw.Recording:
    """In memory, in one go."""
    return nw.run(spiking(), 0.05, watch=WATCH)


def _equal(a: nw.Recording, b: nw.Recording) -> bool:
    """Spikes, traces and statistics to the last bit."""
    traces = all(np.array_equal(x, b.traces["cells"][k]) for k, x in a.traces["cells"].items())
    pairs = [(x, b.statistics[g][k]) for g, s in a.statistics.items() for k, x in s.items()]
    return same(a, b) and traces and all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)


@pytest.mark.slow
def test_a_run_in_parts_is_the_run_in_memory(tmp_path, undisturbed):
    """Parts, checkpoint and recording; and a longer duration goes on where the run ended."""
    folder = run_network(
        spiking(), 0.02, tmp_path / "run", watch=WATCH, folder=FolderSettings(save_interval=0.0)
    )
    assert read_description(folder)["status"] == "done"
    assert load_recording(folder).duration == pytest.approx(0.02)
    run_network(
        spiking(), 0.05, folder, watch=WATCH, folder=FolderSettings(resume=True, save_interval=0.0)
    )
    assert _equal(load_recording(folder), undisturbed)
    assert not list((folder / "parts").iterdir())


@pytest.mark.wrong_types
def test_of_many_spikes_the_last_are_read(tmp_path):
    """Those from a time on, about as many as were asked for; statistics are of the whole run."""
    folder = run_network(
        spiking(), 0.05, tmp_path / "run", watch=WATCH, folder=FolderSettings(save_interval=0.0)
    )
    whole = load_recording(folder)
    total = sum(len(x[0]) for x in whole.spikes.values())
    late = load_recording(folder, most=total // 3)
    assert whole.start == 0.0
    assert 0.02 < late.start < 0.045
    for name, (number, when) in whole.spikes.items():
        kept = when > late.start
        np.testing.assert_array_equal(late.spikes[name][0], number[kept])
        np.testing.assert_array_equal(late.spikes[name][1], when[kept])
        assert late.rates(name).sum() == pytest.approx(np.sum(kept) / (0.05 - late.start), rel=1e-3)
    np.testing.assert_array_equal(
        late.statistics["cells"]["count"], whole.statistics["cells"]["count"]
    )
    assert late.trains("cells")[0].start == late.start


@pytest.mark.slow
def test_ctrl_c_leaves_what_was_simulated(tmp_path, monkeypatch, undisturbed):
    """The first Ctrl-C ends after a stretch; the run goes on from there."""
    folder, count = tmp_path / "run", 0
    sync = os.fsync

    def interrupt(descriptor):  # while a part is written
        nonlocal count
        count += 1
        sync(descriptor)
        if count == 6:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_network(spiking(), 2.0, folder, watch=WATCH, folder=FolderSettings(save_interval=0.0))
    monkeypatch.setattr(os, "fsync", sync)
    about = read_description(folder)
    assert about["status"] == "interrupted"
    assert about["backend"] == nw.Simulation(spiking()).backend
    assert (folder / "recording.h5").exists()
    part = load_recording(folder)
    assert part.backend == about["backend"]
    assert 0 < part.duration < 2.0
    assert part.duration == pytest.approx(about["simulated_s"])
    longer = max(0.05, part.duration)
    run_network(spiking(), longer, folder, watch=WATCH, folder=FolderSettings(resume=True))
    assert _equal(load_recording(folder), nw.run(spiking(), longer, watch=WATCH))


@pytest.mark.wrong_types
def test_a_full_disk_and_a_vanished_folder(tmp_path, monkeypatch, undisturbed):
    """What was written stays, the error says how to go on, and it does."""
    folder, count = tmp_path / "run", 0
    sync = os.fsync

    def full(descriptor):
        nonlocal count
        count += 1
        if count == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left.*--resume"):
        run_network(spiking(), 0.05, folder, watch=WATCH, folder=FolderSettings(save_interval=0.0))
    monkeypatch.setattr(os, "fsync", sync)
    run_network(spiking(), 0.05, folder, watch=WATCH, folder=FolderSettings(resume=True))
    assert _equal(load_recording(folder), undisturbed)

    def vanished(descriptor):
        shutil.rmtree(folder, ignore_errors=True)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", vanished)
    with pytest.raises(OutputError, match=r"No such file.*--resume"):
        run_network(spiking(), 0.01, folder, folder=FolderSettings(force=True))


@pytest.mark.slow
def test_a_run_that_fails_before_anything_is_written_leaves_no_folder(tmp_path):
    fast = nw.Neurons(**{**vars(spiking(40).groups[0]), "bias": 1.2})
    coarse = nw.Network(groups=[fast], dt=1e-3, exchange_steps=5)
    with pytest.raises(SolveError, match="dt times the largest rate"):
        run_network(coarse, 0.5, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.wrong_types
def test_a_run_killed_between_recording_and_tidying(tmp_path, monkeypatch, undisturbed):
    """Parts that the recording holds already do not count twice."""
    folder = tmp_path / "run"

    def killed(path, *, missing_ok=False):
        if path.suffix == ".h5" and path.parent.name == "parts":
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        run_network(spiking(), 0.02, folder, watch=WATCH, folder=FolderSettings(save_interval=0.0))
    monkeypatch.setattr(Path, "unlink", unlink)
    assert list((folder / "parts").iterdir())
    assert _equal(load_recording(folder), nw.run(spiking(), 0.02, watch=WATCH))
    run_network(spiking(), 0.05, folder, watch=WATCH, folder=FolderSettings(resume=True))
    assert _equal(load_recording(folder), undisturbed)


@pytest.mark.slow
def test_a_second_run_on_the_folder_is_refused(tmp_path):
    """While one writes, and afterwards without force; the first one's data stay."""
    folder = run_network(spiking(), 0.01, tmp_path / "run")
    before = (folder / "recording.h5").read_bytes()
    with lock_folder(folder), pytest.raises(OutputError, match="another run"):
        run_network(spiking(), 0.02, folder, folder=FolderSettings(resume=True))
    with lock_folder(folder), pytest.raises(OutputError, match="another run"):
        run_network(spiking(), 0.02, folder, folder=FolderSettings(force=True))
    with pytest.raises(OutputError, match="exists already"):
        run_network(spiking(), 0.01, folder)
    assert (folder / "recording.h5").read_bytes() == before


@pytest.mark.wrong_types
def test_a_run_killed_as_it_began_is_no_run(tmp_path):
    """Neither its folders nor what it was writing stand in the way of the next one; other files do."""
    folder = tmp_path / "run"
    (folder / "parts").mkdir(parents=True)
    none = 2**22 + 1  # above the largest number that Linux gives a process
    for name in (".lock", f".run.json.{none}.part", f"parts/.0.h5.{none}.part"):
        (folder / name).touch()
    with pytest.raises(OutputError, match="no run to be read"):
        run_network(spiking(), 0.01, folder, folder=FolderSettings(resume=True))
    run_network(spiking(), 0.01, folder)
    assert not list(folder.rglob("*.part"))
    with pytest.raises(OutputError, match="exists already"):
        run_network(spiking(), 0.01, folder)


@pytest.mark.wrong_types
def test_a_run_killed_as_it_replaced_another_is_resumed(tmp_path, undisturbed):
    """The recording of the other one does not count, nor are its parts needed."""
    folder = run_network(spiking(), 0.02, tmp_path / "run", watch=WATCH)
    (folder / "checkpoint.npz").unlink()
    (folder / "parts").rmdir()
    run_network(spiking(), 0.05, folder, watch=WATCH, folder=FolderSettings(resume=True))
    assert _equal(load_recording(folder), undisturbed)


@pytest.mark.wrong_types
def test_another_network_is_not_resumed(tmp_path):
    """A changed weight or seed is another network."""
    folder = run_network(spiking(), 0.01, tmp_path / "run")
    other = nw.Network(**{**vars(spiking()), "seed": 5})
    with pytest.raises(NetworkError, match="not the one that was run"):
        run_network(other, 0.02, folder, folder=FolderSettings(resume=True))
    with pytest.raises(OutputError, match="no run to be read"):
        run_network(other, 0.02, tmp_path / "none", folder=FolderSettings(resume=True))


def _killed(folder: Path, kills: int, seed: int) -> nw.Recording:
    """A run that is killed at random moments, then left alone."""
    chance = random.Random(seed)
    words = [sys.executable, str(SCRIPT), str(folder)]
    for _ in range(kills):
        process = subprocess.Popen(words)
        while process.poll() is None and not (folder / "run.json").exists():
            time.sleep(0.01)
        try:
            process.wait(timeout=chance.uniform(0.0, 4.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run(words, check=True)
    return load_recording(folder)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_spikes(tmp_path):
    """SIGKILL at two random moments; the study takes twenty."""
    expected = nw.run(spiking(), 0.5, watch=WATCH)
    found = _killed(tmp_path / "run", 2, seed=0)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"
    assert _equal(found, expected)


@pytest.mark.study
@pytest.mark.timeout(1200)
def test_a_run_killed_twenty_times(tmp_path):
    """SIGKILL at twenty random moments."""
    found = _killed(tmp_path / "run", 20, seed=1)
    assert _equal(found, nw.run(spiking(), 0.5, watch=WATCH))
