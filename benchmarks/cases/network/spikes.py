"""What spikes of independent blocks of neurons say: rate, CV and correlation of each block."""

from collections.abc import Mapping

import numpy as np

BIN = 5e-3
"""Width of the bins in which spikes are counted [s]."""

CHOSEN = 60
"""Neurons of a block among which correlations are taken."""

Spikes = tuple[np.ndarray, np.ndarray]


def statistics(spikes: Spikes, *, n: int, blocks: int, window: tuple[float, float]) -> dict:
    """Mean rate [1/s], mean CV of intervals and mean correlation of counts of each block of a group.

    Parameters
    ----------
    spikes : tuple of two arrays
        Number of the neuron, and time [s].
    n, blocks : int
        Neurons of the group, and how many blocks of equal size they are.
    window : tuple of two floats
        What is looked at [s].
    """
    number, time = spikes
    some = (time >= window[0]) & (time < window[1])
    number, time = number[some], time[some]
    order = np.lexsort((time, number))
    number, time = number[order], time[order]
    rate = np.bincount(number, minlength=n) / (window[1] - window[0])
    return {
        "rate": rate.reshape(blocks, -1).mean(axis=1),
        "cv": np.nanmean(_cv(number, time, n).reshape(blocks, -1), axis=1),
        "correlation": _correlation(number, time, n, blocks, window),
    }


def _cv(number: np.ndarray, time: np.ndarray, n: int) -> np.ndarray:
    """CV of the intervals of each neuron that has three or more; not a number for others."""
    own = number[1:] == number[:-1]
    gap, of = np.diff(time)[own], number[1:][own]
    count = np.bincount(of, minlength=n)
    total, squares = (np.bincount(of, gap**k, minlength=n) for k in (1, 2))
    mean = total / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0))
    return np.where(count >= 3, spread / np.where(mean > 0, mean, 1.0), np.nan)


def _correlation(number, time, n: int, blocks: int, window: tuple[float, float]) -> np.ndarray:
    """Mean correlation between the counts of the first neurons of each block that fire at all."""
    bins = round((window[1] - window[0]) / BIN)
    at = np.minimum(((time - window[0]) / BIN).astype(int), bins - 1)
    counts = np.bincount(number * bins + at, minlength=n * bins).reshape(blocks, -1, bins)
    found = []
    for some in counts[:, :CHOSEN]:
        active = some[some.std(axis=1) > 0]
        pairs = np.triu_indices(len(active), 1)
        found.append(np.corrcoef(active)[pairs].mean() if len(active) > 1 else np.nan)
    return np.array(found)


def paired_z(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> dict[str, dict]:
    """Mean difference of blocks of equal connections over its standard error, by name."""
    found = {}
    for name, x in a.items():
        gap = (x - b[name])[np.isfinite(x - b[name])]
        if len(gap) < 2:  # too short a run to say anything
            continue
        error = float(gap.std(ddof=1) / np.sqrt(len(gap)))
        found[name] = {
            "ours": float(np.nanmean(x)),
            "theirs": float(np.nanmean(b[name])),
            "difference": float(gap.mean()),
            "standard_error": error,
            "z": float(gap.mean() / max(error, 1e-9)),
        }
    return found
