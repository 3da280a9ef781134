"""``memjax fit --batch``: files to devices, progress, and the folder of a batch."""

import argparse
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from memjax.cli.command import say
from memjax.cli.options import EXAMPLE, bench_from, file_of, measurement_from
from memjax.data import data_files
from memjax.errors import DataError, FitError, OutputError
from memjax.fields import parameter_specs
from memjax.files import prepare_output, write_json
from memjax.population import POPULATION

from ..sweeps.content import to_json
from ..sweeps.result import FitResult
from . import wafer
from .fit import RUN, File, Row, checked, fit_batch
from .population import drawn_from
from .report import write_report

_CHUNKS, _FITS, _MARKER = "chunks", "fits", "batch.json"

# Endings of the files of a folder that count as measured.
_TABLES = (".csv", ".txt", ".tsv", ".dat", ".lvm", ".xls", ".xlsx")
_EVERY = 10.0  # seconds between two lines of progress


def devices_of(arguments: Sequence[str]) -> dict[str, str]:
    """Files, folders (the tables in them), patterns or example:NAME as files by the names of their devices.

    The name is the file's without its ending; with its folders where another has the same.

    Raises
    ------
    DataError
        If there is no such file, or one is named twice.
    """
    files = expanded(arguments)
    stems = [Path(file_of(f)).stem for f in files]
    if len(set(stems)) < len(stems):
        paths = [Path(os.path.abspath(file_of(f))) for f in files]
        root = Path(os.path.commonpath([p.parent for p in paths]))
        stems = ["-".join(p.relative_to(root).with_suffix("").parts) for p in paths]
    named: dict[str, str] = {}
    for stem, file in zip(stems, files, strict=True):
        if stem in named:
            raise DataError(
                f"{named[stem]} and {file} are one device",
                where="--batch",
                allowed="each file once, of a name of its own",
            )
        named[stem] = file
    return named


def expanded(arguments: Sequence[str]) -> list[str]:
    """The files that files, folders, patterns and example:NAME stand for, see `devices_of`."""
    return [f for a in arguments for f in _expanded(a)]


def _expanded(argument: str) -> list[str]:
    """The files that an argument names."""
    if argument.startswith(EXAMPLE):
        return [argument]
    found = data_files(argument, suffixes=_TABLES)
    if not Path(found[0]).exists():
        raise DataError(
            "no such file", where=argument, allowed="files, folders of tables, patterns"
        )
    return found


class Progress:
    """Devices done, their rate and the time left, on standard error."""

    def __init__(self):
        self.begin, self.said, self.done, self.earlier = time.monotonic(), 0.0, 0, 0

    def __call__(self, done: int, total: int, fresh: bool) -> None:
        """Say how far the run is, now and then; what an earlier run did is no measure of speed."""
        now = time.monotonic()
        self.earlier += 0 if fresh else done - self.done
        self.done = done
        if done < total and now - self.said < _EVERY:
            return
        self.said, new = now, done - self.earlier
        rate = 60 * new / max(now - self.begin, 1e-9)
        speed = f", {rate:.3g} per minute" if new else ""
        left = f", {_minutes((total - done) / rate)} left" if new and done < total else ""
        say("progress", f"{done} of {total} devices{speed}{left}")


def _minutes(x: float) -> str:
    """A time for reading."""
    return f"{60 * x:.0f} s" if x < 2 else f"{x:.0f} min" if x < 120 else f"{x / 60:.1f} h"


def run_batch(options: argparse.Namespace, device: Any) -> int:
    """Run ``memjax fit --batch`` of the device or circuit to start from; the exit status."""
    named = devices_of(options.files)
    places, why = _positions(options, list(named))
    checked(device, options.free, dict(options.fix), dict(options.start))
    folder = _folder(options)
    bench, env, point_time = bench_from(options)
    command = "memjax " + shlex.join(sys.argv[1:])
    fits = folder / _FITS

    def keep(name: str, result: FitResult) -> None:
        result = replace(result, model=options.model)
        content = to_json(result, [file_of(named[name])], truth=None, command=command)
        write_json(fits / f"{name}.json", content)

    def read(file: str):
        return [measurement_from(file, options)]

    how = str([getattr(options, n, None) for n in ("reader", "columns", "shunt", "sign")])
    sources = {n: File(file_of(f), partial(read, f), how) for n, f in named.items()}
    progress = Progress()
    asked: dict[str, Any] = dict(
        bench=bench, env=env, point_time=point_time, model_sigma=options.model_sigma
    )
    asked["thresholds"] = (options.on_threshold, options.hold_threshold)
    asked["points"] = options.points
    asked |= dict(
        start=dict(options.start), free=options.free, fix=dict(options.fix), seed=options.seed
    )
    try:
        fits.mkdir(exist_ok=True)
        rows = fit_batch(
            sources,
            device,
            out=folder / _CHUNKS,
            chunk=options.chunk,
            each=keep,
            tick=progress,
            **asked,
        )
    except KeyboardInterrupt:
        done = f"{progress.done} of {len(named)} devices are done"
        raise KeyboardInterrupt(f"{done}; the same command goes on") from None
    about = {
        "model": options.model,
        "command": command,
        "seed": options.seed,
        "options": {
            "preset": options.preset,
            "fix": dict(options.fix),
            "model_sigma": options.model_sigma,
            "chunk": options.chunk,
        },
    }
    specs = parameter_specs(device)
    units = {n: specs[n].unit for r in rows for n in r.values}
    drawn = drawn_from(rows, fits, device)
    if drawn.population is None:
        (folder / POPULATION).unlink(missing_ok=True)
    else:
        drawn.population.save(folder / POPULATION, name=options.model)
    remarks = [x for x in (why, drawn.note) if x]
    content = write_report(
        rows,
        units=units,
        files=named,
        positions=places,
        notes=remarks,
        about={**about, "hierarchy": drawn.as_json()},
        folder=folder,
    )
    return _ended(rows, content["counts"], remarks, folder)


def _positions(options: argparse.Namespace, names: list[str]) -> tuple[wafer.Positions, str]:
    """Places on the wafer, and why there are none."""
    if options.wafer_map is not None:
        return wafer.from_table(options.wafer_map, names)
    return wafer.from_names(names)


def _folder(options: argparse.Namespace) -> Path:
    """The folder of the batch: a new one, that of a batch that goes on, or emptied where that is asked for."""
    out = Path(os.path.abspath(options.out))
    begun = (out / _CHUNKS / RUN).exists()
    if begun and not options.force:
        return out
    if options.force and begun:
        shutil.rmtree(out)
    folder = prepare_output(out, force=options.force, folder=True, marker=_MARKER)
    if folder.exists() and any(folder.iterdir()):
        raise OutputError("it exists already", where=str(out), fix="choose another --out")
    folder.mkdir(exist_ok=True)
    return folder


def _ended(
    rows: Sequence[Row], counts: dict[str, int], remarks: Sequence[str], folder: Path
) -> int:
    """Say how a batch ended."""
    print(
        f"{folder}: {counts['devices']} devices, {counts['fitted']} fitted, {counts['poor']} poor, "
        f"{counts['failed']} failed, report in {folder / 'report.html'}"
    )
    for remark in remarks:
        say("note", remark)
    if counts["failed"] == len(rows):
        raise FitError(
            f"none of {len(rows)} devices could be fitted: {rows[0].failure}",
            where=str(folder / "devices.csv"),
        )
    if counts["failed"]:
        say("warning", f"not fitted: {counts['failed']} of {len(rows)} devices, see devices.csv")
    if counts["poor"]:
        text = f"the model does not describe the data of {counts['poor']} of {len(rows)} devices"
        say("warning", f"{text}, see devices.csv")
    return 0
