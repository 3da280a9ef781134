"""Problems of many devices: what those that were measured alike have in common is worked out once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

import memjax as mj
from memjax.core.fields import with_values
from memjax.errors import MemjaxError
from memjax.observables.excursion import lasting
from memjax.observables.polarity import branches_of
from memjax.observables.switching import NO_HOLD
from memjax.observables.thresholds import Thresholds, find_thresholds_of_each

from ..sweeps.device_summary import Summary, notes_on, summarise, with_chosen
from ..sweeps.group import EVENT_SIGMA, Group, sigma_log
from ..sweeps.initial_guess import hints_of, needs_loops
from ..sweeps.loops import slopes
from ..sweeps.prepare import Choices, Prepared, assemble, check_model_sigma
from ..sweeps.quiet_rows import Noise, raised_by_noise
from ..sweeps.summary import SUDDEN, Waveform, jumps, noise_of_lowest, opposed_rows

Measured = Sequence[mj.Measurement]


def prepare_each(
    devices: Mapping[str, Measured],
    model: mj.AbstractDevice | mj.Circuit,
    *,
    bench: mj.Bench | None,
    point_time: float | None,
    thresholds: tuple[float | None, float | None] = (None, None),
    **arguments: Any,
) -> dict[str, Prepared | str]:
    """What `fitting.sweeps.prepare.prepare` makes of each of many devices, or why it makes nothing; with its options.

    Notes
    -----
    Devices of one sweep each, of the same voltages at the same times and without a current limit, have all but their
    currents in common: what is read off these is worked out for all of them at once. Where starting values do not
    depend on the data either, they are those of the first one.
    """
    options = model, bench or mj.Bench(), point_time, thresholds
    results: dict[str, Prepared | str] = {}
    for names, noise in _alike_measured(devices):
        try:
            check_model_sigma(arguments.get("model_sigma"))
            first = summarise(devices[names[0]], *options)
            problem = assemble(first, model, Choices(**arguments), numpy=True)
        except (MemjaxError, OSError) as error:
            results[names[0]] = str(error)
            results |= {n: _alone(devices[n], options, arguments) for n in names[1:]}
            continue
        results[names[0]] = problem
        if len(names) > 1:
            measured = [devices[n][0] for n in names[1:]]
            lowest = Noise(*(x[1:] for x in noise))
            others = _alike(first, problem, measured, lowest, model, thresholds, arguments)
            results |= zip(names[1:], others, strict=True)
    return {n: results[n] for n in devices}


def _alone(measured: Measured, options: tuple, arguments: Mapping[str, Any]) -> Prepared | str:
    """The problem of one device, or why there is none."""
    try:
        return assemble(summarise(measured, *options), options[0], Choices(**arguments), numpy=True)
    except (MemjaxError, OSError) as error:
        return str(error)


def _alike_measured(devices: Mapping[str, Measured]) -> Iterator[tuple[list[str], Noise]]:
    """Names of devices that were measured alike, and their noise; of one that may be like no other none."""
    columns: dict[Any, list[str]] = {}
    for name, measured in devices.items():
        columns.setdefault(_columns(measured) or name, []).append(name)
    for key, names in columns.items():
        if isinstance(key, str):
            yield names, Noise(np.zeros(0), np.zeros(0))
            continue
        readings = np.array([devices[n][0].i for n in names], float)
        noise = noise_of_lowest(readings, devices[names[0]][0].sweep)
        # Responses of devices that read nothing at many rows have another program, see `Group`.
        quiet = noise.quiet > 0
        for mask in (quiet, ~quiet):
            if mask.any():
                chosen = [names[k] for k in np.flatnonzero(mask)]
                yield chosen, Noise(noise.floor[mask], noise.quiet[mask])


def _columns(measured: Measured) -> tuple | None:
    """What devices that were measured alike have in common; None where one may be like no other."""
    m = measured[0]
    limited = m.limit is not None or m.compliance is not None or np.any(m.at_compliance)
    single = len(measured) == 1 and np.all(m.sweep == m.sweep[0])
    if limited or not single or m.driven != "voltage" or not np.all(np.isfinite(m.i)):
        return None
    columns = (m.v, m.sweep, *(() if m.t is None else (m.t,)))
    return tuple((x.dtype.str, np.ascontiguousarray(x).tobytes()) for x in columns)


def _alike(
    first: Summary,
    prepared: Prepared,
    measured: Measured,
    noise: Noise,
    model: Any,
    thresholds: tuple[float | None, float | None],
    arguments: Mapping[str, Any],
) -> list[Prepared | str]:
    """Problems of devices that were measured as one was, of which summary and problem are known."""
    wave, group = first.waves[0], prepared.problem.group
    size, floors = np.abs(np.array([m.i for m in measured], float)), noise.floor
    levels = [with_chosen(x, *thresholds) for x in find_thresholds_of_each(measured)]
    logs = np.log10(size + floors[:, None])
    events = _events(wave, size, levels)
    sudden = np.nan_to_num(jumps(logs, events, wave.v)) > SUDDEN
    counted = np.where(sudden, events, np.nan)
    # Rows beside an event of a device are described by this, not by the response.
    at, rows = counted.reshape(len(counted), -1, 1), np.arange(size.shape[1])
    used = ~np.any((rows >= np.floor(at)) & (rows <= np.ceil(at)), axis=1)
    currents = [np.asarray(m.i)[None] for m in measured]
    opposed = [opposed_rows(wave.v, x, f) for x, f in zip(currents, floors.tolist(), strict=True)]
    waves = [
        replace(wave, log_response=x[None], used=u, events=e[None], thresholds=t, opposed=o)
        for x, u, e, t, o in zip(logs, used, events, levels, opposed, strict=True)
    ]
    groups = _groups(group, wave, (logs, used, counted), (floors, noise.quiet), levels, model)
    if needs_loops(model, arguments["free"]):
        summaries = [
            replace(first, waves=[w], floor=float(f), levels=t)
            for w, f, t in zip(waves, floors, levels, strict=True)
        ]
        return [_assembled(s, g, model, arguments) for s, g in zip(summaries, groups, strict=True)]
    v, i = wave.sizes(first.floor)
    hints = len(hints_of(model, slopes(v, i[None])[0]))
    more_notes = prepared.notes[hints + len(first.notes) + len(notes_on(first.levels)) :]
    steep = slopes(np.abs(wave.v), 10**logs - floors[:, None]).tolist()
    notes = [
        (*hints_of(model, s), *first.notes, *notes_on(t), *more_notes)
        for s, t in zip(steep, levels, strict=True)
    ]
    problems = [with_values(prepared.problem, {"group": g}) for g in groups]
    members = zip(problems, waves, floors.tolist(), notes, strict=True)
    return [replace(prepared, problem=p, waves=[w], floor=f, notes=n) for p, w, f, n in members]


def _assembled(
    summary: Summary, group: Group, model: Any, arguments: Mapping[str, Any]
) -> Prepared | str:
    try:
        return assemble(summary, model, Choices(**arguments), group=group, numpy=True)
    except MemjaxError as error:
        return str(error)


def _events(
    wave: Waveform, size: Float[np.ndarray, "devices points"], levels: Sequence[Thresholds]
) -> Float[np.ndarray, "devices legs 3"]:
    """Rows of `fitting.sweeps.summary.EVENTS` of each device, minus one half; NaN where there is none."""
    on, hold = (np.array([getattr(t, n) for t in levels])[:, None] for n in ("on", "hold"))
    events = np.full((len(size), len(wave.legs), 3), np.nan)
    for k, (a, peak, b) in enumerate(wave.legs):
        turn, amps = peak - a, size[:, a:b]
        back = branches_of(np.abs(wave.v[a:b]), begins=a == 0, ends=True) == "back"
        is_on, is_released, is_off = (lasting(x, turn) for x in (amps > on, amps < on, amps < hold))
        rise = _first(is_on[:, : turn + 1] & (not back))
        fall = _first(is_off[:, turn:] & (hold > NO_HOLD))
        release = np.where(np.isfinite(rise), _first(is_released[:, turn:]), np.nan)
        events[:, k] = np.stack([rise + a, release + peak, fall + peak], axis=1) - 0.5
    return events


def _first(mask: Bool[np.ndarray, "devices points"]) -> Float[np.ndarray, " devices"]:
    """Number of the first point of each device that counts; NaN where none does."""
    return np.where(mask.any(axis=1), np.argmax(mask, axis=1), np.nan)


def _groups(
    group: Group,
    wave: Waveform,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
    noise: tuple[np.ndarray, np.ndarray],
    levels: Sequence[Thresholds],
    model: Any,
) -> list[Group]:
    """The waveforms packed, as `fitting.sweeps.group.pack`: all but what currents say as in a known one.

    `noise` are the floors of the devices, and the noise of readings that are nothing else.
    """
    logs, used, events = data
    weight = used / sigma_log(wave, float(group.model_sigma))
    counts = np.isfinite(events) & bool(model.volatile) & (np.nan_to_num(events) >= 0)
    rows = np.where(counts, events, 0.0)
    # Of one sweep: without scatter between sweeps, see `sigma_events`.
    certainty = np.where(counts, 1 / np.sqrt(1 / 12 + EVENT_SIGMA**2), 0.0)
    limits = np.log10([[t.on, t.hold] for t in levels])
    columns = dict(target=logs, weight=weight, event_rows=rows, event_weight=certainty)
    floors, quiet = (np.asarray(x, float) for x in noise)
    rows_of = [{n: x[k][None] for n, x in columns.items()} for k in range(len(logs))]
    ends = [{"floor": floors[k, ...], "thresholds": limits[k]} for k in range(len(logs))]
    if group.quiet is not None:
        for k, x in enumerate(ends):
            x |= {"quiet": quiet[k, ...], "raised": raised_by_noise(floors[k] / quiet[k], 1)[None]}
    return [with_values(group, a | b) for a, b in zip(rows_of, ends, strict=True)]
