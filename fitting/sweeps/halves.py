"""Every second sweep, to test a fit on data that took no part in it."""

from collections.abc import Sequence

import numpy as np

import memjax as mj
from memjax.errors import DataError
from memjax.simulate import waveform

from .summary import same_waveform


def halves(
    measurements: Sequence[mj.Measurement], *, point_time: float | None = None
) -> tuple[list[mj.Measurement], list[mj.Measurement]]:
    """Every second sweep, from the first on, and the others.

    Parameters
    ----------
    measurements : sequence of Measurement
        All of one device.
    point_time : float, optional
        Time for which each point was held [s], where files have no time.

    Returns
    -------
    seen, held : list of Measurement

    Raises
    ------
    DataError
        Where nothing can be held out: one sweep, or one to each polarity.

    Notes
    -----
    Sweeps of one waveform are counted among themselves: a file may alternate between two of them.
    Of waveforms that are applied once, those of the same polarities are.
    """
    groups: list[tuple[mj.Sampled, list]] = []
    for k, m in enumerate(measurements):
        stimuli, _, labels = waveform(m, point_time)
        for stimulus, label in zip(stimuli, labels, strict=True):
            known = (members for s, members in groups if same_waveform(s, stimulus))
            members = next(known, None)
            if members is None:
                groups.append((stimulus, members := []))
            members.append((k, int(label)))
    alone: dict[tuple[bool, bool], list] = {}
    for stimulus, members in groups:
        if len(members) == 1:
            v = np.asarray(stimulus.values)
            alone.setdefault((bool(np.any(v > 0)), bool(np.any(v < 0))), []).extend(members)
    together = [members for _, members in groups if len(members) > 1]
    held_out = {x for members in (*together, *alone.values()) for x in members[1::2]}
    if not held_out:
        raise DataError("no two sweeps to the same polarity: none is held out", where="the files")
    parts: tuple[list[mj.Measurement], list[mj.Measurement]] = ([], [])
    for k, m in enumerate(measurements):
        mask = np.isin(m.sweep, [label for half, label in held_out if half == k])
        for part, chosen in zip(parts, (~mask, mask), strict=True):
            if chosen.any():
                part.append(m.select(chosen))
    return parts
