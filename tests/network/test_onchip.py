"""Synapses of a diffusive and a drift memristor learn images: the files of `benchmarks/cases/tasks_onchip`, smaller."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memjax import network as nw
from memjax.errors import NetworkError
from memjax.network import folder_run
from memjax.network.folder_run import FolderSettings, run_network
from memjax.network.run_store import load_recording
from memjax.network.toml import load_network

CASE = Path(__file__).parents[2] / "benchmarks/cases/tasks_onchip"
MEMBERS, PIXELS, IMAGES = 4, 9, 24
IMAGE = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 1]], float)


def _small(name: str, **changes: str) -> str:
    """A file of the case with four neurons, images of nine pixels, and other changes."""
    text = (CASE / name).read_text(encoding="utf-8")
    # As many spikes from nine pixels as from 64.
    changes = {
        "n = 50": f"n = {MEMBERS}",
        "n = 6400": f"n = {2 * PIXELS * MEMBERS}",
        "scale = 1.": "scale = 11.",
        "conductances = 3.0": "conductances = 60e-3",
    } | changes
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files: one image, again and again."""
    path = tmp_path_factory.mktemp("onchip")
    images = np.repeat(IMAGE[None], IMAGES, axis=0)
    np.save(path / "train.npy", images)
    np.save(path / "all.npy", images)
    (path / "learn.toml").write_text(_small("learn.toml"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def learned(folder) -> nw.Recording:
    """The run of all images, in one go."""
    file = load_network(folder / "learn.toml")
    run_network(
        file.network,
        IMAGES * 30e-3,
        folder / "learned",
        conductances_every=file.conductances_every,
    )
    return load_recording(folder / "learned")


@pytest.mark.slow
def test_neurons_that_fire_learn_the_image_and_others_do_not_move(learned):
    """Bright inputs of a neuron that fired end high, dark ones low; no rule is written in."""
    g = learned.conductances["input-neurons"]
    before, after = (g[k].reshape(2 * PIXELS, MEMBERS) for k in ("start", "end"))
    bright = np.concatenate([IMAGE.ravel(), 1 - IMAGE.ravel()]) > 0.5
    fired = np.bincount(learned.spikes["neurons"][0], minlength=MEMBERS)
    assert fired.max() >= 5
    moved = np.any(before != after, axis=0)
    assert np.all(moved <= (fired > 0))  # below rounding pulses of the input alone do nothing
    most = int(np.argmax(fired))
    share = (after[:, most] - 1e-6) / 4e-6  # of switches that are on
    assert share[bright].mean() > 0.5
    assert share[~bright].mean() < 0.5 * (before[~bright, most].mean() - 1e-6) / 4e-6
    assert share[bright].min() > share[~bright].max()


@pytest.mark.slow
def test_conductances_are_recorded_on_the_way(learned):
    g = learned.conductances["input-neurons"]
    np.testing.assert_allclose(learned.conductance_times, np.arange(1, 13) * 60e-3)
    assert g["series"].shape == (12, 2 * PIXELS * MEMBERS)
    np.testing.assert_array_equal(g["series"][-1], g["end"])
    distance = np.abs(g["series"] - g["start"]).mean(axis=1)
    assert 0 < distance[0] < distance[-1]
    data = learned.to_xarray()["input-neurons.conductance_series"]
    assert data.dims == ("conductance_time", "input-neurons.edge")


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_conductances(folder, learned, monkeypatch):
    """Killed before anything was merged: there are parts and a checkpoint, and no recording."""
    file = load_network(folder / "learn.toml")
    every: dict[str, Any] = {"conductances_every": file.conductances_every}

    def kill(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(folder_run, "merge_parts", kill)
        with pytest.raises(SystemExit):
            run_network(
                file.network,
                0.1,
                folder / "twice",
                folder=FolderSettings(save_interval=0.0),
                **every,
            )
    so_far = load_recording(folder / "twice").conductances["input-neurons"]
    np.testing.assert_array_equal(
        so_far["series"], learned.conductances["input-neurons"]["series"][:1]
    )
    run_network(
        file.network, IMAGES * 30e-3, folder / "twice", folder=FolderSettings(resume=True), **every
    )
    again = load_recording(folder / "twice")
    for key, g in learned.conductances["input-neurons"].items():
        np.testing.assert_array_equal(again.conductances["input-neurons"][key], g)
    np.testing.assert_array_equal(again.spikes["neurons"][1], learned.spikes["neurons"][1])
    with pytest.raises(NetworkError, match="not the one that was run"):
        run_network(file.network, 0.4, folder / "twice", folder=FolderSettings(resume=True))


@pytest.mark.slow
def test_frozen_weights_are_those_of_the_run_and_stay(folder, learned):
    text = _small("frozen.toml")
    (folder / "frozen.toml").write_text(text, encoding="utf-8")
    network = load_network(folder / "frozen.toml").network
    (p,) = (p for p in network.projections if p.name == "input-neurons")
    scale = float(text.split("scale = ")[1].split(",")[0])
    end = learned.conductances["input-neurons"]["end"].astype(float)
    np.testing.assert_allclose(p.weight, scale * (end - 1e-6), rtol=1e-6)
    assert nw.Simulation(network).conductances() == {}


_ERRORS = {
    "allowed: start, end": ("frozen.toml", 'at = "end"', 'at = "middle"'),
    "no conductances of 'no'.*allowed: input-neurons": (
        "frozen.toml",
        'run = "learned", projection = "input-neurons"',
        'run = "learned", projection = "no"',
    ),
    "no weight is a device": ("frozen.toml", "dt = 1e-4", "dt = 1e-4\nrecord.conductances = 1.0"),
    "a multiple of the exchange": ("learn.toml", "conductances = 60e-3", "conductances = 1.5e-4"),
    "'neurons', which is post": ("learn.toml", 'end = "pre"', 'end = "post"'),
    "allowed: input-neurons": (
        "learn.toml",
        'projection = "input-neurons", end = "pre"',
        'projection = "later", end = "pre"',
    ),
    "a simple fraction": ("learn.toml", "pause = 10e-3", "pause = 0.01234567"),
}
"""What is said, by what is written into which file in the place of what."""


@pytest.mark.slow
@pytest.mark.parametrize("match", _ERRORS)
def test_what_is_wrong_is_said(folder, learned, match):
    path, (file, old, new) = folder / "wrong.toml", _ERRORS[match]
    text = _small(file)
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(NetworkError, match=match):
        load_network(path)


def test_images_have_on_and_off_cells_and_pauses():
    images = np.array([[[0.0, 0.25], [1.0, 0.5]]])
    pixels = nw.on_off(images)
    np.testing.assert_array_equal(pixels, [[0, 0.25, 1, 0.5, 1, 0.75, 0, 0.5]])
    rows, interval = nw.with_pauses(nw.image_rates(pixels, high=100.0), interval=0.02, pause=0.01)
    assert interval == pytest.approx(0.01)
    np.testing.assert_array_equal(rows, 100 * np.array([pixels[0], pixels[0], 0 * pixels[0]]))
    rows, interval = nw.with_pauses(pixels, interval=0.02, pause=0.0)
    assert (interval, len(rows)) == (0.02, 1)
