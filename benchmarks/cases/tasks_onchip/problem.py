"""The digits of scikit-learn as files, and the network files at either size."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

HERE = Path(__file__).parent

INTERVAL, SCORE_INTERVAL, PAUSE = 20e-3, 40e-3, 10e-3
"""How long an image is shown in the training, and for the score, and the pause after it [s], as the files have them."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    seeds : int
        Of order, first conductances and spikes.
    trained, tested : int
        Digits of the training, and held-out ones.
    classes : int
        The digits from 0.
    members : int
        Neurons.
    """

    seeds: int
    trained: int
    tested: int
    classes: int
    members: int


SIZES = {
    "smoke": Size(seeds=1, trained=120, tested=80, classes=4, members=16),
    "full": Size(seeds=3, trained=1200, tested=597, classes=10, members=50),
}


def write_files(
    folder: Path, size: Size, seed: int, images: np.ndarray, labels: np.ndarray
) -> Int[np.ndarray, " images"]:
    """Write the network files and their images, drawn at random; the labels of all that are shown for the score, those
    of the training first.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    selection = order[labels[order] < size.classes][: size.trained + size.tested]
    np.save(folder / "train.npy", images[selection[: size.trained]])
    np.save(folder / "all.npy", images[selection])
    for name, place in (("learn", "end"), ("frozen", "end"), ("control", "start")):
        text = (HERE / f"{'learn' if name == 'learn' else 'frozen'}.toml").read_text("utf8")
        text = text.replace("n = 50", f"n = {size.members}")
        text = text.replace("n = 6400", f"n = {128 * size.members}")
        text = text.replace('at = "end"', f'at = "{place}"')
        (folder / f"{name}.toml").write_text(text, encoding="utf8")
    return labels[selection]
