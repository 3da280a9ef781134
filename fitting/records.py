"""Files of records, a record per device or run: which one is fitted, or all of them into a folder each."""

import argparse
import re
from collections.abc import Sequence
from copy import copy
from typing import Any

from memjax.data import (
    DecayRecord,
    EnduranceRecord,
    PulseRecord,
    SpikeRecord,
    has_records,
    is_pulsed,
    read_records,
)
from memjax.errors import DataError, MemjaxError, UsageError
from memjax.io.request import file_of, measurement_from
from memjax.runtime.console import say
from memjax.runtime.files import prepare_output

from .command import MARKER, run, start_of, write_fit
from .kinds import READING, Kind

Record = PulseRecord | DecayRecord

_SHOWN = 12  # labels that a message names


def label_of(record: Record) -> str:
    """Label of a device or run."""
    return record.device if isinstance(record, PulseRecord) else record.label


def _named(records: Sequence[Record]) -> str:
    """The first labels, in words."""
    return ", ".join(map(label_of, records[:_SHOWN])) + ", ..." * (len(records) > _SHOWN)


def records_in(options: argparse.Namespace, name: str) -> Sequence[Any] | None:
    """Records of a file, None where it holds none; kept in the options, since each kind asks."""
    known = vars(options).setdefault("records_read", {})
    key = (name, options.reader)
    if key not in known:
        path = file_of(name)
        held = has_records(path, reader=options.reader)
        known[key] = read_records(path, reader=options.reader) if held else None
    return known[key]


def records_of(options: argparse.Namespace) -> list[Record]:
    """Records of all files, or the one that ``--device`` names.

    Raises
    ------
    DataError, UsageError
        For records that are not fitted, and a device that is not there.
    """
    every: list[Any] = []
    for name in options.files:
        records = records_in(options, name)
        # Of a file that holds none the reader says what it is.
        every += read_records(file_of(name), reader=options.reader) if records is None else records
    where = ", ".join(options.files)
    if any(isinstance(r, EnduranceRecord) for r in every):
        what = "high and low states cycle by cycle (endurance), which no model is fitted to"
        fix = "fit the sweeps or pulses that cycled the device; 'memjax read' shows medians and ranges"
        raise DataError(what, where=where, allowed="sweeps, pulses, decays", fix=fix)
    if any(isinstance(r, SpikeRecord) for r in every):
        fix = "say --spikes SIGNAL --level V --stimulus S.csv"
        allowed = "with --spikes SIGNAL"
        raise UsageError("spike times", where="memjax fit", allowed=allowed, fix=fix)
    if len({type(r) for r in every}) > 1:
        what = "conductances per pulse and decays in one file"
        raise DataError(what, where=where, allowed="one kind in a file")
    if options.device is None:
        return every
    chosen = [r for r in every if label_of(r) == options.device]
    if not chosen:
        raise DataError(f"no device {options.device!r}", where="--device", allowed=_named(every))
    return chosen[:1]


def one_record(options: argparse.Namespace) -> Record:
    """The record that is fitted: the only one, or that of ``--device``."""
    records = records_of(options)
    if len(records) > 1:
        what, fix = (
            f"{len(records)} devices or runs in one file",
            "choose one with --device LABEL, or say --batch",
        )
        raise DataError(what, where="memjax fit", allowed=_named(records), fix=fix)
    return records[0]


def of_pulsed_curves(options: argparse.Namespace, name: str) -> bool:
    """Whether ``--delays`` is said and a file holds curves whose voltage jumps between levels."""
    if not options.delays or records_in(options, name) is not None:
        return False
    known = vars(options).setdefault("pulsed", {})
    key = (name, *(str(getattr(options, n, None)) for n in READING))
    if key not in known:
        known[key] = is_pulsed(measurement_from(name, options).v)
    return known[key]


def run_records(kind: Kind, options: argparse.Namespace) -> int:
    """Fit the record that is meant, or with ``--batch`` each; the exit status.

    Of a batch each record has a folder, and ``table.csv`` a row, which holds the reason where the fit failed.
    """
    if not options.batch:
        return run(kind, options)
    import pandas

    fit: Any = kind.fit
    device, labels = start_of(options), [label_of(r) for r in records_of(options)]
    out = prepare_output(options.out, force=options.force, folder=True, marker=None)
    out.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    for label in labels:
        own = copy(options)
        own.device = label
        place = out / re.sub(r"[^\w.+-]+", "_", label)
        folder = prepare_output(place, force=options.force, folder=True, marker=MARKER)
        try:
            content = write_fit(kind, fit(own, device), own, folder)
            rows.append({"device": label} | row_of(content, kind))
        except MemjaxError as error:
            say("warning", f"{label}: {error}")
            rows.append({"device": label, "error": str(error)})
        pandas.DataFrame(rows).to_csv(out / "table.csv", index=False)
    failed = sum("error" in r for r in rows)
    print(f"{out / 'table.csv'}: {len(rows)} devices or runs, {failed} failed")
    return 3 if failed == len(rows) else 0


def row_of(content: dict, kind: Kind) -> dict[str, Any]:
    """Values of the free parameters [unit], the loss, the verdict, and what the kind says of one fit, by column."""
    free = {n: p["value"] for n, p in content["parameters"].items() if p["free"]}
    worth = {"verdict": v["word"], "reason": v["reason"]} if (v := content.get("verdict")) else {}
    return free | {"loss": content["loss"]} | worth | (kind.row(content) if kind.row else {})
