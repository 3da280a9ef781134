"""Networks that learn on the chip: responses to images, labels of neurons, receptive fields, and the score."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..errors import BoundsError
from ..network import Recording
from ..runtime.flags import check_flags

SILENT = -1
"""Label of a neuron that never fired, and of an image at which no neuron with a label did."""


def responses(
    recording: Recording, group: str, *, images: int, interval: float, pause: float = 0.0
) -> Int[np.ndarray, "images members"]:
    """Number of spikes of each neuron in the time of each image, and the pause after it.

    Parameters
    ----------
    recording : Recording
        What the network did.
    group : str
        The neurons.
    images : int
        How many images were shown.
    interval, pause : float
        How long each was shown, and the silence after it [s].

    Raises
    ------
    BoundsError
        If the recording has no such group, or does not hold the time of all images.
    """
    if group not in recording.sizes:
        allowed = ", ".join(recording.sizes)
        raise BoundsError(f"no group {group!r}", where="responses", allowed=allowed)
    period = interval + pause
    if not (np.isfinite(period) and interval > 0 and pause >= 0 and images >= 1):
        raise BoundsError(
            f"{images} images of {interval:g} s with pauses of {pause:g} s",
            where="responses",
            allowed="one or more, interval > 0 s, pause >= 0 s",
        )
    span = recording.duration - recording.start
    if recording.start > 0 or span < images * period - recording.dt:
        raise BoundsError(
            f"spikes from {recording.start:g} to {recording.duration:g} s",
            where="responses",
            allowed=f"a recording from 0 to {images * period:g} s or longer",
        )
    member, time = recording.spikes[group]
    # A spike is dated at the end of its step: that at the end of a pause is still the image's.
    image = np.floor((time - recording.dt / 2) / period).astype(int)
    counts = np.zeros((images, recording.sizes[group]), np.int64)
    inside = image < images
    np.add.at(counts, (image[inside], member[inside]), 1)
    return counts


@dataclass(frozen=True, eq=False)
class Assignment:
    """Labels of neurons: the class to whose images each responded most.

    Parameters
    ----------
    labels : Int[np.ndarray, "members"]
        Of each neuron; -1 where it never fired.
    classes : Int[np.ndarray, "classes"]
        That there are, ascending.
    """

    labels: Int[np.ndarray, " members"]
    classes: Int[np.ndarray, " classes"]

    def classify(self, counts: Int[np.ndarray, "images members"]) -> Int[np.ndarray, " images"]:
        """The class whose neurons fired most at each image, of equal ones the first; -1 where none of any class did."""
        by_class = (self.labels[:, None] == self.classes).astype(np.int64)
        votes = np.asarray(counts) @ by_class
        return np.where(votes.any(axis=1), self.classes[np.argmax(votes, axis=1)], SILENT)

    def accuracy(self, counts: Int[np.ndarray, "images members"], labels: np.ndarray) -> float:
        """Share of images that are classified as they are labelled; those at which nothing fired are errors."""
        _check_labels(counts, labels)
        return float(np.mean(self.classify(counts) == np.asarray(labels)))

    def confusion(
        self, counts: Int[np.ndarray, "images members"], labels: np.ndarray
    ) -> Int[np.ndarray, "classes columns"]:
        """How many images of each class (rows) were taken for which (columns); the last column are those at which
        nothing fired.
        """
        _check_labels(counts, labels)
        columns = np.append(self.classes, SILENT)
        predicted = self.classify(counts)
        rows = [
            np.sum(predicted[np.asarray(labels) == c, None] == columns, 0) for c in self.classes
        ]
        return np.stack(rows)


def _check_labels(counts: np.ndarray, labels: np.ndarray) -> None:
    """Refuse labels that are not one whole number >= 0 for each image."""
    x = np.asarray(labels)
    if (
        x.ndim != 1
        or len(x) != len(counts)
        or not np.issubdtype(x.dtype, np.integer)
        or x.min() < 0
    ):
        raise BoundsError(
            f"labels of shape {x.shape}, {x.dtype}, for {len(counts)} images",
            where="Assignment",
            allowed="one whole number >= 0 for each image",
        )


def assign_labels(counts: Int[np.ndarray, "images members"], labels: np.ndarray) -> Assignment:
    """Assign to each neuron the class to whose images it responded most, on average.

    Parameters
    ----------
    counts : Int[np.ndarray, "images members"]
        Spikes of each neuron at each training image, see `responses`, with weights that do not change.
    labels : Int[np.ndarray, "images"]
        Of these images, whole numbers >= 0. It is the only use of labels: the weights never met them.

    Returns
    -------
    Assignment

    Raises
    ------
    BoundsError
        For other labels.

    References
    ----------
    .. [1] P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9, 99 (2015), doi:10.3389/fncom.2015.00099 (the score)
    """
    _check_labels(counts, labels)
    counts, labels = np.asarray(counts), np.asarray(labels)
    classes = np.unique(labels)
    means = np.stack([counts[labels == c].mean(axis=0) for c in classes])
    active = counts.any(axis=0)
    return Assignment(np.where(active, classes[np.argmax(means, axis=0)], SILENT), classes)


def receptive_fields(
    conductances: Float[np.ndarray, " edges"], *, members: int, on_off: bool = False
) -> Float[np.ndarray, "members pixels"]:
    """Conductances of a dense projection from pixels, one row per neuron [S].

    Parameters
    ----------
    conductances : Float[np.ndarray, "edges"]
        By edge, as `Recording.conductances` and `Simulation.conductances` have them [S].
    members : int
        Neurons.
    on_off : bool
        Whether the first half of the sources are ON cells, the second OFF cells: the field is their difference.

    Raises
    ------
    BoundsError
        If there is not an equal number for each neuron.
    """
    check_flags({"on_off": on_off}, where="receptive_fields")
    g = np.asarray(conductances, float)
    if g.ndim != 1 or members < 1 or g.size % (members * (2 if on_off else 1)) or not g.size:
        raise BoundsError(
            f"conductances of shape {g.shape} for {members} neurons",
            where="receptive_fields",
            allowed="one for each pixel and neuron, of a dense projection",
        )
    fields = g.reshape(-1, members).T
    if not on_off:
        return fields
    on, off = np.split(fields, 2, axis=1)
    return on - off
