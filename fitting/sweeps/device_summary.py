"""What measurements of one device show without its model: waveforms, thresholds, limits of the current."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.circuit import limited_bench
from memjax.errors import DataError
from memjax.observables import Thresholds, find_thresholds

from .limits import limits_of, share_limits
from .summary import (
    Waveform,
    far_sweeps,
    noise_of_lowest,
    spread_waves,
    summarise_sweeps,
    without_strays,
)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What measurements of one device show, without its model.

    Parameters
    ----------
    waves, strays : list of Waveform
        Waveforms that count, and those of too few sweeps beside them.
    floor : float
        Noise of the instrument [A].
    quiet : float
        Noise of readings that are nothing but noise [A]; 0 where hardly any is such.
    levels : Thresholds
        Currents that mean on and off.
    bench : Bench
        With the limits of the data where none is named.
    limits : Float[np.ndarray, "waves 2"] or None
        Limits of each waveform that are simulated [A].
    named : (float, float) or None
        Limits that the bench named [A].
    notes : tuple of str
        Decisions in words.
    """

    waves: list[Waveform]
    strays: list[Waveform]
    floor: float
    quiet: float
    levels: Thresholds
    bench: mj.Bench
    limits: Float[np.ndarray, "waves 2"] | None
    named: tuple[float, float] | None
    notes: tuple[str, ...]


def summarise(
    measurements: Sequence[mj.Measurement],
    device: mj.AbstractDevice | mj.Circuit,
    bench: mj.Bench,
    point_time: float | None,
    thresholds: tuple[float | None, float | None],
) -> Summary:
    """What measurements of one device show; the device says only whether the limits of waveforms can be simulated."""
    noise = [noise_of_lowest(m.response[None], m.sweep) for m in measurements]
    floor, quiet = (float(np.median(x)) for x in zip(*noise, strict=True))
    measured, named = share_limits(measurements, bench), limits_of(bench)
    levels = thresholds_of(measurements, *thresholds)
    waves = summarise_sweeps(measured, point_time=point_time, floor=floor, thresholds=levels)
    chosen = any(m.source.get("chosen") for m in measurements)
    waves, strays = without_strays(waves, chosen=chosen)
    waves, fewer = spread_waves(waves, chosen=chosen)
    bench, limits, notes = limited_bench_of(bench, waves, device)
    return Summary(
        waves=waves,
        strays=strays,
        floor=floor,
        quiet=quiet,
        levels=levels,
        bench=bench,
        limits=limits,
        named=named,
        notes=(*fewer, *notes, *lost_voltages(measured), *far_sweeps(waves, floor)),
    )


def notes_on(levels: Thresholds) -> list[str]:
    """Thresholds in words, where they are not the published ones."""
    return [f"{levels}"] * (levels != Thresholds())


def lost_voltages(measurements: Sequence[mj.Measurement]) -> list[str]:
    """A note where files hold the voltage that a limited source left, in place of the one that was applied."""
    driven = [m for m in measurements if m.driven == "voltage"]
    lost = np.concatenate([np.zeros(0), *(m.applied[m.applied != m.v] for m in driven)])
    text = "hold the voltage that was left, which is compared; the ramps before and after are taken as applied"
    top = float(np.max(np.abs(lost), initial=0.0))
    return [f"{lost.size} points at the current limit {text}, to {top:.3g} V"] * bool(lost.size)


def thresholds_of(
    measurements: Sequence[mj.Measurement], on: float | None = None, hold: float | None = None
) -> Thresholds:
    """Currents that mean on and off [A]: the arguments, or what `find_thresholds` makes of the data."""
    for name, x in (("on", on), ("hold", hold)):
        if x is not None and not 0 < x < np.inf:
            raise DataError(f"{name}-threshold = {x}", allowed="> 0 A")
    return with_chosen(find_thresholds(*measurements), on, hold)


def with_chosen(levels: Thresholds, on: float | None, hold: float | None) -> Thresholds:
    """Thresholds with those that were chosen [A] in the place of what the data say."""
    chosen = {k: x for k, x in (("on", on), ("hold", hold)) if x is not None}
    return replace(levels, **chosen, why="given") if chosen else levels


def limited_bench_of(
    bench: mj.Bench, waves: Sequence[Waveform], device: mj.AbstractDevice | mj.Circuit
) -> tuple[mj.Bench, np.ndarray | None, list[str]]:
    """The bench, with the limits of the data where a device's names none; those of each waveform where they differ.

    What was decided comes as a note.
    """
    limits = np.array([w.limits for w in waves])
    levels = np.unique(limits[np.isfinite(limits)])
    if bench.compliance is not None or not levels.size:
        return bench, None, []
    words = [f"{x:g}" for x in levels]
    if not isinstance(device, mj.AbstractDevice):
        text = f"points at {', '.join(words)} A count only where the circuit stays below it"
        return bench, None, [text]
    addition = ", each sweep and polarity its own" * (len(levels) > 1)
    note = f"compliance {' and '.join(words)} A taken from the data{addition}"
    bench, values = limited_bench(bench, limits)
    if not values:
        return bench, None, [note]
    sides = (values.get(n, values["compliance"])[0] for n in ("compliance", "compliance_negative"))
    return bench, np.stack([*sides], axis=1), [note]
