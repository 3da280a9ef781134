"""Sweeps that act on the state of a device and count for nothing else: those by which its fit is tested."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool

import memjax as mj
from memjax.core.fields import with_values
from memjax.errors import DataError

from .learned import SEQUENCE, is_in_sequence
from .prepare import Prepared, prepare
from .summary import Waveform


def prepare_counted(
    measurements: Sequence[mj.Measurement],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    hold_out: Sequence[int] = (),
    **options: Any,
) -> Prepared:
    """What `prepare` gives of measurements of which the sweeps with some labels do not count.

    The voltages of such sweeps act on the state of a device whose sweeps are fitted one after the other; their currents
    count for nothing, not for the start of a search either. In other fits each sweep begins at rest: they are left out.
    """
    prepared = prepare(counted_sweeps(measurements, hold_out), device, **options)
    if not len(hold_out):
        return prepared
    if not is_in_sequence(device) or any(len(m.labels) > SEQUENCE for m in measurements):
        return prepared
    every = prepare(measurements, device, **options)
    if len(every.waves) != len(measurements):  # recordings of one waveform are summarised
        return prepared
    counted = [~np.isin(m.sweep, hold_out) for m in measurements]
    waves = [_counted(w, c) for w, c in zip(every.waves, counted, strict=True)]
    group, points = every.problem.group, np.shape(every.problem.group.weight)[1]
    mask = np.stack([np.pad(c, (0, points - len(c))) for c in counted])
    weight = np.where(mask, np.asarray(group.weight), 0.0)
    limited = np.asarray(group.censored) & mask
    group = with_values(group, {"weight": weight, "censored": limited})
    problem = replace(prepared.problem, group=group)
    return replace(prepared, problem=problem, waves=waves)


def counted_sweeps(
    measurements: Sequence[mj.Measurement], hold_out: Sequence[int]
) -> list[mj.Measurement]:
    """The sweeps that count, of recordings that have some.

    Raises
    ------
    DataError
        If a label is that of no sweep, or no sweep counts.
    """
    known = sorted({int(x) for m in measurements for x in m.labels})
    if unknown := sorted(set(map(int, hold_out)) - set(known)):
        what = f"no sweep {', '.join(map(str, unknown))} to hold out"
        raise DataError(what, where="hold_out", allowed=f"labels of sweeps, of {known}")
    masks = [~np.isin(m.sweep, hold_out) for m in measurements]
    counted = [m.select(c) for m, c in zip(measurements, masks, strict=True) if c.any()]
    if not counted:
        raise DataError("all sweeps are held out", where="hold_out", allowed="some that count")
    return counted


def _counted(wave: Waveform, counted: Bool[np.ndarray, " points"]) -> Waveform:
    """A waveform of which some rows count."""
    return replace(wave, used=wave.used & counted, censored=wave.censored & counted)
