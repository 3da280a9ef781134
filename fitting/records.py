"""Files of records, a record per device or run: which one is fitted, or all of them into a folder each."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
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

from .command import run, start_of, write_fit
from .config import READING, Request
from .constants import MARKER
from .kinds import Kind
from .progress import Session

Record = PulseRecord | DecayRecord

_SHOWN = 12  # labels that a message names


def label_of(record: Record) -> str:
    """Label of a device or run."""
    return record.device if isinstance(record, PulseRecord) else record.label


def _named(records: Sequence[Record]) -> str:
    """The first labels, in words."""
    return ", ".join(map(label_of, records[:_SHOWN])) + ", ..." * (len(records) > _SHOWN)


def records_in(request: Any, name: str) -> Sequence[Any] | None:
    """Return the records of a file; None where it holds none."""
    path = file_of(name)
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return _read(path, request.reader, stamp)


@functools.lru_cache(maxsize=16)
def _read(path: Path, reader: str | None, stamp: int) -> Sequence[Any] | None:
    """See `records_in`; kept while the file does not change, since all kinds ask."""
    return read_records(path, reader=reader) if has_records(path, reader=reader) else None


def records_of(request: Any) -> list[Record]:
    """Records of all files, or the one that ``--device`` names.

    Raises
    ------
    DataError, UsageError
        For records that are not fitted, and a device that is not there.
    """
    every: list[Any] = []
    for name in request.files:
        records = records_in(request, name)
        # Of a file that holds none the reader says what it is.
        every += read_records(file_of(name), reader=request.reader) if records is None else records
    where = ", ".join(request.files)
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
    if request.device is None:
        return every
    chosen = [r for r in every if label_of(r) == request.device]
    if not chosen:
        raise DataError(f"no device {request.device!r}", where="--device", allowed=_named(every))
    return chosen[:1]


def one_record(request: Any) -> Record:
    """The record that is fitted: the only one, or that of ``--device``."""
    records = records_of(request)
    if len(records) > 1:
        what = f"{len(records)} devices or runs in one file"
        fix = "choose one with --device LABEL, or say --batch"
        raise DataError(what, where="memjax fit", allowed=_named(records), fix=fix)
    return records[0]


def of_pulsed_curves(request: Any, name: str) -> bool:
    """Whether ``--delays`` is said and a file holds curves whose voltage jumps between levels."""
    if not request.delays or records_in(request, name) is not None:
        return False
    known = request.known
    key = ("pulsed", name, *(str(getattr(request, n, None)) for n in READING))
    if key not in known:
        known[key] = is_pulsed(measurement_from(name, request).v)
    return known[key]


def run_records(kind: Kind, request: Request, session: Session) -> int:
    """Fit the record that is meant, or with ``--batch`` each; the exit status.

    Of a batch each record has a folder, and ``table.csv`` a row, which holds the reason where the fit failed.
    """
    if not request.batch:
        return run(kind, request, session)
    import pandas

    fit: Any = kind.fit
    device, labels = start_of(request), [label_of(r) for r in records_of(request)]
    out = prepare_output(request.out, force=request.force, folder=True, marker=None)
    out.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    for label in labels:
        entries = {n: x for n, x in request.entries.items() if n != "batch"}
        labelled = request.replace(device=label, entries=entries | {"device": label})
        place = out / re.sub(r"[^\w.+-]+", "_", label)
        folder = prepare_output(place, force=request.force, folder=True, marker=MARKER)
        try:
            fitted = fit(kind.config(labelled), device, session)
            content = write_fit(fitted, labelled, folder, session)
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
