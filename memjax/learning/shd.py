"""Spiking Heidelberg Digits: the loader of the published HDF5 layout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..errors import BoundsError, ReaderError
from ..runtime.copies import copy_arrays
from .samples import Samples

LAYOUT = "spikes/times, spikes/units (an array a sample), labels, extra/speaker, extra/keys"
UNITS = 700
"""Channels of the published sets."""


@dataclass(frozen=True, kw_only=True)
class SpikeSamples:
    """Spoken digits as spikes of channels.

    Parameters
    ----------
    times : tuple of Float[np.ndarray, "spikes"]
        Times of each sample's spikes [s].
    units : tuple of Int[np.ndarray, "spikes"]
        Their channels.
    labels : Int[np.ndarray, "samples"]
        Classes.
    speakers : Int[np.ndarray, "samples"] or None
        Who speaks, where the file says so.
    keys : tuple of str
        Names of the classes, where the file has them.
    """

    times: tuple[Float[np.ndarray, " _"], ...]
    units: tuple[Int[np.ndarray, " _"], ...]
    labels: Int[np.ndarray, " samples"]
    speakers: Int[np.ndarray, " samples"] | None = None
    keys: tuple[str, ...] = ()

    def __post_init__(self):
        copy_arrays(self, "times", "units", "labels", "speakers")

    def counts(
        self, interval: float, duration: float, *, units: int = UNITS
    ) -> Int[np.ndarray, "samples steps units"]:
        """Spikes of each channel in equal intervals [s]; those at or after `duration` [s] are left out.

        Raises
        ------
        BoundsError
            If the interval is no positive time within the duration, or a channel lies beyond `units`.
        """
        if not (0 < interval <= duration < np.inf):
            raise BoundsError(
                f"interval = {interval!r} s, duration = {duration!r} s",
                where="counts",
                allowed="0 < interval <= duration",
            )
        steps = int(np.ceil(duration / interval * (1 - 1e-12)))
        out = np.zeros((len(self.labels), steps, units), np.int32)
        for k, (t, u) in enumerate(zip(self.times, self.units)):
            if len(u) and u.max() >= units:
                raise BoundsError(
                    f"channel {u.max()}", where=f"sample {k}", allowed=f"below {units}"
                )
            inside = t < duration
            np.add.at(
                out[k], (np.minimum((t[inside] / interval).astype(int), steps - 1), u[inside]), 1
            )
        return out

    def samples(self, duration: float, *, units: int = UNITS) -> Samples:
        """The same for a `SpikingNetwork`; spikes at or after `duration` [s] are left out."""
        number = np.repeat(np.arange(len(self.times)), [len(t) for t in self.times])
        time = np.concatenate([np.zeros(0), *self.times])
        source = np.concatenate([np.zeros(0, int), *self.units]).astype(int)
        keep = time < duration
        return Samples(
            source=source[keep],
            time=time[keep],
            sample=number[keep],
            labels=np.asarray(self.labels),
            sources=units,
            duration=duration,
        )


def load_shd(path: str | Path) -> SpikeSamples:
    """Read a file of the Spiking Heidelberg Digits, or any of their layout.

    Parameters
    ----------
    path : str or Path
        HDF5, such as ``shd_train.h5``.

    Raises
    ------
    ReaderError
        If it cannot be read, lacks a part, or parts do not fit together: it names the sample.
    """
    import h5py

    where = str(path)
    try:
        with h5py.File(path, "r") as opened:
            file: Any = opened  # to pyright an entry may be anything
            content = {n: file[n][()] for n in ("spikes/times", "spikes/units", "labels")}
            extra = {n: file[f"extra/{n}"][()] for n in ("speaker", "keys") if f"extra/{n}" in file}
    except (OSError, KeyError, RuntimeError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ReaderError(f"cannot be read: {reason}", where=where, allowed=LAYOUT) from error
    labels = np.asarray(content["labels"])
    times, units = content["spikes/times"], content["spikes/units"]
    sizes = {len(x) for x in (labels, times, units, extra.get("speaker", labels))}
    if len(sizes) != 1 or not np.issubdtype(labels.dtype, np.integer) or np.any(labels < 0):
        description = f"{len(times)} samples of times, {len(units)} of units, {len(labels)} labels of {labels.dtype}"
        raise ReaderError(
            description, where=where, allowed="equally many, labels whole numbers >= 0"
        )
    samples = [_sample(t, u, f"{where}, sample {k}") for k, (t, u) in enumerate(zip(times, units))]
    speakers = np.asarray(extra["speaker"], int) if "speaker" in extra else None
    return SpikeSamples(
        times=tuple(t for t, _ in samples), units=tuple(u for _, u in samples), labels=labels.astype(int),
        speakers=speakers, keys=tuple(_text(x) for x in extra.get("keys", ())),
    )  # fmt: skip


def _sample(times: Any, units: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Times [s], also of half precision as the published ones, and channels of a sample, in the order of time."""
    t, u = np.asarray(times), np.asarray(units)
    real = np.issubdtype(t.dtype, np.floating) and np.issubdtype(u.dtype, np.integer)
    if not real or t.ndim != 1 or t.shape != u.shape:
        description = f"times {t.dtype}{list(t.shape)}, units {u.dtype}{list(u.shape)}"
        raise ReaderError(description, where=where, allowed="as many times as whole units")
    if not np.all(np.isfinite(t)) or np.any(t < 0) or np.any(u < 0):
        raise ReaderError(
            "a time that is negative or no number, or a negative channel",
            where=where,
            allowed=">= 0",
        )
    order = np.argsort(t, kind="stable")
    return t[order].astype(float), u[order].astype(int)


def _text(x: Any) -> str:
    """A name, stored as bytes or as text."""
    return x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x)
