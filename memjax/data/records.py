"""Files that hold conductances per pulse, resistances against time, endurance, or spike times."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .base import AbstractFormat, AbstractRecordReader, Source
from .endurance_record import UNITS, EnduranceRecord
from .plausibility import odd_conductances, resistance_remarks, time_remarks
from .pulse_record import DecayRecord, PulseRecord
from .registry import find_reader, for_records, named, recognise
from .spike_record import SpikeRecord
from .text import load

Records = (
    tuple[PulseRecord, ...]
    | tuple[DecayRecord, ...]
    | tuple[SpikeRecord, ...]
    | tuple[EnduranceRecord, ...]
)


def has_records(path: str | Path | Source, *, reader: str | None = None) -> bool:
    """Whether a file holds conductances per pulse, resistances against time, endurance, or spike times.

    Parameters
    ----------
    path : str or Path or Source
        File.
    reader : str, optional
        The reader that the user asked for.

    Raises
    ------
    ReaderError
        If there is no such file, or it cannot be opened.
    """
    if reader is not None:
        return isinstance(named(reader), AbstractRecordReader)
    choice = recognise(load(path), AbstractFormat)
    return choice is not None and isinstance(choice.reader, AbstractRecordReader)


def read_records(path: str | Path | Source, *, reader: str | None = None) -> Records:
    """Records of a file: of devices that were pulsed, of runs that were watched, of endurance, or of spike trains.

    Parameters
    ----------
    path : str or Path or Source
        File of a format without voltage and current, see `reader_names`.
    reader : str, optional
        Name of the reader; by default the file's looks decide.

    Returns
    -------
    tuple of PulseRecord, of DecayRecord, of EnduranceRecord, or of SpikeRecord
        One per device, run or train, in SI units.

    Raises
    ------
    ReaderError
        If the file is none of these.
    """
    source = load(path)
    choice = find_reader(reader, source, AbstractRecordReader)
    known = {"recognised": choice.to_json()}
    return tuple(
        replace(
            r, source=r.source | known, warnings=(*source.warnings, *r.warnings, *_odd_readings(r))
        )
        for r in choice.reader.records(for_records(source))
    )  # type: ignore[return-value]


def _odd_readings(record: object) -> list[str]:
    """Describe readings of a record that do not go with those around, or are no device's."""
    if isinstance(record, PulseRecord):
        return [*odd_conductances(record.g), *resistance_remarks(1 / record.g.ravel())]
    if isinstance(record, DecayRecord):
        return [*resistance_remarks(record.r), *time_remarks(record.t)]
    if isinstance(record, EnduranceRecord) and record.quantity != "i":
        states = np.concatenate([record.hrs, record.lrs])
        return resistance_remarks(states if record.quantity == "r" else 1 / states)
    return time_remarks(record.times) if isinstance(record, SpikeRecord) else []


def records_summary(records: Records) -> dict:
    """Return what ``memjax read --json`` prints of such a file.

    Parameters
    ----------
    records : tuple of PulseRecord, DecayRecord, EnduranceRecord or SpikeRecord
        See `read_records`.

    Returns
    -------
    dict
        Reader, kind, counts, ranges in the units of `units`, pulses, warnings; JSON as it is.
    """
    warnings = list(dict.fromkeys(w for r in records for w in r.warnings))
    summary: dict = {"reader": records[0].reader, "warnings": warnings}
    summary["recognised"] = records[0].source.get("recognised")
    if isinstance(records[0], PulseRecord):
        return summary | _about_pulses([r for r in records if isinstance(r, PulseRecord)])
    if isinstance(records[0], SpikeRecord):
        return summary | _about_spikes([r for r in records if isinstance(r, SpikeRecord)])
    if isinstance(records[0], EnduranceRecord):
        return summary | _about_endurance([r for r in records if isinstance(r, EnduranceRecord)])
    return summary | _about_decays([r for r in records if isinstance(r, DecayRecord)])


def _about_pulses(records: Sequence[PulseRecord]) -> dict:
    """Counts and ranges of devices that were pulsed."""
    known = [r.protocol for r in records if r.protocol is not None]
    pulses = [
        {
            "v_set_V": p.voltages[0],
            "v_reset_V": p.voltages[1],
            "w_set_s": p.widths[0],
            "w_reset_s": p.widths[1],
            "period_s": p.period,
            "read_V": p.read_voltage,
        }
        for p in known
    ]
    return {
        "kind": "conductance per pulse",
        "points": int(sum(r.g.size for r in records)),
        "devices": [r.device for r in records],
        "cycles": [len(r.cycles) for r in records],
        "set_pulses": [len(r.branch(0)) for r in records],
        "reset_pulses": [len(r.branch(1)) for r in records],
        "g_min": float(min(r.g.min() for r in records)),
        "g_max": float(max(r.g.max() for r in records)),
        "units": {"g": "S"},
        "pulses": pulses or None,
    }


def _about_decays(records: Sequence[DecayRecord]) -> dict:
    """Counts and ranges of runs that were watched."""
    return {
        "kind": "resistance against time",
        "points": int(sum(len(r.t) for r in records)),
        "runs": [r.label for r in records],
        "t_max": float(max(r.t[-1] - r.t[0] for r in records)),
        "r_min": float(min(np.min(r.r) for r in records)),
        "r_max": float(max(np.max(r.r) for r in records)),
        "units": {"t": "s", "r": "ohm"},
    }


def _about_endurance(records: Sequence[EnduranceRecord]) -> dict:
    """Counts, medians and ranges of the two states."""
    states = {n: np.concatenate([getattr(r, n) for r in records]) for n in ("hrs", "lrs")}
    window = np.concatenate([r.window for r in records])
    quantity = records[0].quantity
    summary = {
        "kind": "endurance",
        "points": int(sum(len(r.cycles) for r in records)),
        "devices": [r.device for r in records],
        "cycles": [len(r.cycles) for r in records],
        "last_cycle": float(max(r.cycles[-1] for r in records)),
        "quantity": quantity,
        "window_median": float(np.nanmedian(window)),
        "closed": int(np.sum(window <= 1)),
        "units": dict.fromkeys(states, UNITS[quantity]),
    }
    for name, x in states.items():
        for word, of in (("min", np.nanmin), ("median", np.nanmedian), ("max", np.nanmax)):
            summary[f"{name}_{word}"] = float(of(x))
    return summary


def _about_spikes(records: Sequence[SpikeRecord]) -> dict:
    """Counts, and the intervals of all trains together."""
    isi = np.concatenate([np.diff(r.times) for r in records])
    return {
        "kind": "spike times",
        "points": sum(len(r.times) for r in records),
        "trains": [r.label for r in records],
        "spikes": [len(r.times) for r in records],
        "t_min": float(min(r.times[0] for r in records)),
        "t_max": float(max(r.times[-1] for r in records)),
        "isi_mean": float(np.mean(isi)) if isi.size else None,
        "isi_cv": float(np.std(isi) / np.mean(isi)) if isi.size else None,
        "units": {"t": "s"},
    }
