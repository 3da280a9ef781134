"""Samples for spiking networks: spikes that go in, and what each sample is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..errors import NetworkError
from ..network.groups import bright_pixels
from ..runtime.copies import copy_arrays


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Spikes that go into a network, one train per source and sample, and what each sample is.

    Parameters
    ----------
    source : Int[np.ndarray, "spikes"]
        Number of the source that fires.
    time : Float[np.ndarray, "spikes"]
        When, from the beginning of its sample [s].
    sample : Int[np.ndarray, "spikes"]
        In which sample.
    labels : Int[np.ndarray, "samples"]
        Class of each sample, from 0.
    sources : int
        Number of sources.
    duration : float
        Of a sample [s].
    """

    source: Int[np.ndarray, " spikes"]
    time: Float[np.ndarray, " spikes"]
    sample: Int[np.ndarray, " spikes"]
    labels: Int[np.ndarray, " samples"]
    sources: int
    duration: float

    def __post_init__(self):
        copy_arrays(self, "labels")
        n, labels = len(self.source), np.asarray(self.labels)
        ends = (("source", self.source, self.sources), ("sample", self.sample, len(labels)))
        for name, x, size in ends:
            if len(x) != n or (n and not (np.min(x) >= 0 and np.max(x) < size)):
                raise NetworkError(
                    f"a {name} out of range", where="Samples", allowed=f"0 to {size - 1}"
                )
        if n and not (np.min(self.time) >= 0 and np.max(self.time) <= self.duration):
            raise NetworkError(
                f"spikes up to {np.max(self.time):g} s",
                where="Samples",
                allowed=f"0 to {self.duration:g} s",
            )
        if (
            labels.ndim != 1
            or not np.issubdtype(labels.dtype, np.integer)
            or np.min(labels, initial=0) < 0
        ):
            raise NetworkError(
                "labels", where="Samples", allowed="one whole number >= 0 for each sample"
            )
        # In the order of samples, so that those of a batch are found without a look at all.
        order = np.argsort(self.sample, kind="stable")
        for name in ("source", "time", "sample"):
            object.__setattr__(self, name, np.asarray(getattr(self, name))[order])

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.labels)

    def select(
        self, members: Int[np.ndarray, " batch"]
    ) -> tuple[Int[np.ndarray, " some"], Int[np.ndarray, " some"], Float[np.ndarray, " some"]]:
        """Spikes of some samples: place among these, source, and time [s]."""
        first, end = (np.searchsorted(self.sample, members, side) for side in ("left", "right"))
        position = np.repeat(np.arange(len(members)), end - first)
        ranges = [np.arange(a, b) for a, b in zip(first, end)]
        at = np.concatenate([np.zeros(0, int), *ranges])
        return position, self.source[at], self.time[at]

    def spikes(
        self, members: Int[np.ndarray, " batch"], dt: float
    ) -> tuple[Float[np.ndarray, "steps batch sources"], Float[np.ndarray, "steps batch sources"]]:
        """Number of spikes in each step of some samples, and their mean time from the beginning of the step [s]."""
        position, source, when = self.select(members)
        steps = round(self.duration / dt)
        counts = np.zeros((steps, len(members), self.sources), np.float32)
        time = np.zeros_like(counts)
        step = np.minimum((when / dt).astype(int), steps - 1)
        np.add.at(counts, (step, position, source), 1.0)
        np.add.at(time, (step, position, source), when - step * dt)
        return counts, time / np.maximum(counts, 1.0)


def latency_samples(
    images: Float[np.ndarray, "images ..."], labels: Int[np.ndarray, " images"], *, interval: float, duration: float,
    darkest: float = 0.05, clock: float | None = None, clocks: int = 1,
) -> Samples:  # fmt: skip
    """Images as one spike per pixel, the brighter the earlier, as `memjax.network.image_latencies` has them.

    With a clock, further sources fire in every sample at one time. A common push after the pixels lets a neuron fire
    that its image hardly drives, so that its first spike has a time, and this time a bounded derivative.

    Parameters
    ----------
    images : Float[np.ndarray, "images ..."]
        Brightness, from 0 to 1.
    labels : Int[np.ndarray, "images"]
        Their classes.
    interval : float
        Within which pixels fire [s].
    duration : float
        Of a sample, the time for an answer included [s].
    darkest : float
        Brightness below which a pixel does not fire.
    clock : float, optional
        When the clock fires [s]; there is none by default.
    clocks : int
        Number of its sources, which come after the pixels.
    """
    sample, source, brightness = bright_pixels(images, darkest)
    pixels, n = int(np.prod(np.shape(images)[1:])), len(images)
    clocks = 0 if clock is None else clocks
    ticks = np.full(n * clocks, 0.0 if clock is None else clock)
    return Samples(
        source=np.concatenate([source, np.tile(pixels + np.arange(clocks), n)]),
        time=np.concatenate([(1 - brightness) * interval, ticks]),
        sample=np.concatenate([sample, np.repeat(np.arange(n), clocks)]),
        labels=np.asarray(labels), sources=pixels + clocks, duration=duration,
    )  # fmt: skip


def check_decision(by: str) -> None:
    """Raise a `NetworkError` where `by` names nothing by which `winners` decides."""
    if by not in ("first-spike", "rate", "membrane"):
        raise NetworkError(f"by = {by!r}", where="winners", allowed="first-spike, rate, membrane")


def winners(
    counts: Float[np.ndarray, "samples neurons"],
    first: Float[np.ndarray, "samples neurons"],
    filament: Float[np.ndarray, "samples neurons"],
    duration: float,
    *,
    by: str,
) -> Int[np.ndarray, " samples"]:
    """The output that decides.

    Parameters
    ----------
    counts, first, filament : Float[np.ndarray, "samples neurons"]
        Numbers of spikes, times of the first [s], and means of the filament over the sample.
    duration : float
        Of a sample [s].
    by : {"first-spike", "rate", "membrane"}
        The output that fired first; that fired most, of equals first; or whose filament was largest.

    Returns
    -------
    Int[np.ndarray, "samples"]
        Its number; -1 where spikes decide and there is none.

    Raises
    ------
    NetworkError
        For another `by`.
    """
    check_decision(by)
    if by == "membrane":
        return np.argmax(filament, axis=1)
    score = -first if by == "first-spike" else counts - 0.5 * first / duration
    return np.where(counts.sum(axis=1) > 0, np.argmax(score, axis=1), -1)
