"""Twenty kills each of a batch of fits, a network and a training, which go on and end as undisturbed ones do."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.test_run import NETWORK
from tests.fitting.batch.test_run import command as fit_batch, write_wafer

pytestmark = [pytest.mark.study, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[1]
KILLS = 20

COMMAND = """
import sys
from pathlib import Path
from memjax.cli import main
from memjax.network.folder_run import FolderSettings
FolderSettings.__init__.__kwdefaults__["save_interval"] = 0.2  # not ten seconds: runs are short here
Path("started").touch()
sys.exit(main())
"""

TRAINING = """
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from pathlib import Path
from memjax.learning import train
from tests.learning.test_training import bright_pixels, onto_devices
Path("started").touch()
model, training = onto_devices(epochs=4, noise=True)
samples = bright_pixels()
trained = train(model, samples, training, validation=samples, checkpoint="training.npz")
leaves = [np.asarray(x) for x in jax.tree.leaves(trained.parameters)]
history = [list(h.values()) for h in trained.history]
np.savez("trained.npz", *leaves, history=history, best=trained.best)
print("trained")
"""


def _begin(words: list[str], folder: Path) -> subprocess.Popen:
    """Start a process in a folder, with what it says in files there."""
    (folder / "started").unlink(missing_ok=True)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        return subprocess.Popen(
            [sys.executable, "-c", *words],
            cwd=folder,
            stdout=out,
            stderr=err,
            env={**os.environ, "PYTHONPATH": path},
        )


def _check_end(status: int, sent: int, had_started: bool, folder: Path, *, program: bool) -> None:
    """Assert the exit status of a process that a signal was sent to, and what it said."""
    said, ended = (folder / "stderr").read_text(), (folder / "stdout").read_text() != ""
    if sent == signal.SIGKILL or not program or not had_started or ended:
        # Python itself ends on the signal; 0 where all was done.
        assert status in (-sent, 0) or (not had_started and status == 1), (status, said)
        return
    assert status == 130, (sent, status, said)
    assert "Traceback" not in said, said
    assert said.splitlines()[-1].startswith("memjax: interrupted: "), said


def _temporaries(folder: Path) -> list[Path]:
    return list(folder.rglob(".*.part"))


def study(
    words: Callable[[Path], list[str]],
    compare: Callable[[Path, Path], None],
    tmp_path: Path,
    *,
    seed: int,
    program: bool = True,
) -> None:
    """Kill a process `KILLS` times at moments uniform over its duration, and compare what it leaves in the end.

    Parameters
    ----------
    words : callable
        Takes the folder; the words after ``python -c`` that begin there, or go on.
    compare : callable
        Takes the folder and that of an undisturbed process; asserts that the results are equal.
    tmp_path : Path
        Where folders are made.
    seed : int
        Of signals and moments.
    program : bool
        Whether it is the program ``memjax``, whose exit status is 130.
    """
    whole = tmp_path / "whole"
    for _ in range(2):  # the first one compiles
        whole = tmp_path / f"whole{time.monotonic_ns()}"
        whole.mkdir()
        began = time.monotonic()
        assert _begin(words(whole), whole).wait() == 0, (whole / "stderr").read_text()
        duration = time.monotonic() - began
    chance = random.Random(seed)
    signals = [signal.SIGKILL] * (KILLS - 12) + [signal.SIGTERM] * 6 + [signal.SIGINT] * 6
    chance.shuffle(signals)
    sent, early, left, delays = 0, 0, 0, []
    for number in itertools.count():
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        done = False
        while not done:
            moment = chance.uniform(0, duration) if sent < KILLS else None
            process = _begin(words(folder), folder)
            try:
                status, done = process.wait(moment), True
                assert status == 0, (folder / "stderr").read_text()
            except subprocess.TimeoutExpired:
                had_started = (folder / "started").exists()
                process.send_signal(signals[sent])
                began = time.monotonic()
                status = process.wait()
                delays.append(time.monotonic() - began)
                _check_end(status, signals[sent], had_started, folder, program=program)
                sent, early = sent + 1, early + (not had_started)
                left += bool(_temporaries(folder))
                done = status == 0
        assert not _temporaries(folder)
        compare(folder, whole)
        if sent == KILLS:
            break
    print(
        f"\n{duration:.1f} s undisturbed; {sent} kills in {number + 1} runs, {early} before the command began, "
        f"{left} left a temporary file; the longest delay was {max(delays):.1f} s"
    )


def _files(folder: Path, name: str) -> dict[str, bytes]:
    """Contents of a folder's files by their paths."""
    root = folder / name
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_batch_of_fits_leaves_the_same_bytes(tmp_path):
    wafer = tmp_path / "wafer"
    wafer.mkdir()
    write_wafer(wafer)

    def compare(folder: Path, whole: Path) -> None:
        one, other = _files(folder, "out"), _files(whole, "out")
        assert one.keys() == other.keys()
        assert [n for n in one if one[n] != other[n]] == []

    study(lambda folder: [COMMAND, *fit_batch(wafer, "out")], compare, tmp_path, seed=0)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Datasets of an HDF5 file by their names."""
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(lambda n, x: arrays.update({n: x[()]} if hasattr(x, "dtype") else {}))
    return arrays


def test_a_network_has_the_same_spikes(tmp_path):
    net = tmp_path / "net.toml"
    net.write_text(NETWORK.replace("duration = 1e-3", "duration = 0.5\nenergy = true"))

    def words(folder: Path) -> list[str]:
        resume = ["--resume"] if (folder / "out" / "run.json").exists() else []
        return [COMMAND, "run", str(net), "--out", "out", *resume]

    def compare(folder: Path, whole: Path) -> None:
        one, other = (_arrays(f / "out" / "recording.h5") for f in (folder, whole))
        assert one.keys() == other.keys()
        assert len(other["spikes/exc/step"]) > 1000
        assert [n for n in one if not np.array_equal(one[n], other[n], equal_nan=True)] == []
        one, other = (json.loads((f / "out" / "run.json").read_text()) for f in (folder, whole))
        assert (one | {"wall_s": 0}) == (other | {"wall_s": 0})
        one, other = _files(folder, "out"), _files(whole, "out")
        assert one.keys() == other.keys()
        assert [n for n in one if n.endswith(".png") and one[n] != other[n]] == []

    study(words, compare, tmp_path, seed=1)


def test_a_training_ends_with_the_same_weights(tmp_path):
    def compare(folder: Path, whole: Path) -> None:
        one, other = (dict(np.load(f / "trained.npz")) for f in (folder, whole))
        assert one.keys() == other.keys()
        assert [n for n in one if not np.array_equal(one[n], other[n])] == []

    study(lambda folder: [TRAINING], compare, tmp_path, seed=2, program=False)


def test_of_two_runs_at_once_one_is_refused(tmp_path):
    """The other one ends with the recording of a run alone, wherever the two met."""
    (tmp_path / "net.toml").write_text(NETWORK)
    names = [f"place{k}" for k in range(3)]
    for name in names:
        (tmp_path / name).mkdir()
    words = [COMMAND, "run", str(tmp_path / "net.toml"), "--out", str(tmp_path / "out")]
    assert _begin([*words[:-1], "alone"], tmp_path / names[0]).wait() == 0
    both = [_begin(words, tmp_path / n) for n in names[1:]]
    assert sorted(p.wait() for p in both) == [0, 2]
    (line,) = (
        next(tmp_path / n / "stderr" for p, n in zip(both, names[1:]) if p.returncode)
        .read_text()
        .splitlines()
    )
    assert line.startswith("memjax: error: ")
    assert "another run is writing to it" in line or "exists already" in line
    one, other = (
        _arrays(f / "recording.h5") for f in (tmp_path / names[0] / "alone", tmp_path / "out")
    )
    assert one.keys() == other.keys()
    assert [n for n in one if not np.array_equal(one[n], other[n], equal_nan=True)] == []


def test_of_two_batches_at_once_one_is_refused(tmp_path):
    wafer = tmp_path / "wafer"
    wafer.mkdir()
    write_wafer(wafer)
    places = [tmp_path / f"place{k}" for k in range(2)]
    for place in places:
        place.mkdir()
    both = [_begin([COMMAND, *fit_batch(wafer, tmp_path / "out")], p) for p in places]
    assert sorted(p.wait() for p in both) == [0, 2]
    said = (places[[p.returncode for p in both].index(2)] / "stderr").read_text()
    assert said.startswith("memjax: error: another run is writing to it")
    assert said.count("\n") == 1
    assert len((tmp_path / "out" / "devices.csv").read_text().splitlines()) == 10
