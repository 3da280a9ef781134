"""``memjax fit --batch``: files to devices, progress, and the folder of a batch."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from memjax.core.fields import parameter_specs
from memjax.errors import FitError, OutputError
from memjax.io.request import file_of, measurement_from
from memjax.population import POPULATION
from memjax.runtime.cluster import Cluster
from memjax.runtime.console import say
from memjax.runtime.files import (
    LOCK,
    holds_no_result,
    lock_folder,
    prepare_output,
    remove_temporaries,
    write_json,
)

from ..config import Request
from ..devices import devices_of
from ..kinds import Origin
from ..progress import Session, duration
from ..report import with_origin
from ..sweeps.content import to_json
from ..sweeps.kind import KIND as SWEEPS, sweep_options
from ..sweeps.result import FitResult
from . import wafer
from .fit import RUN, BatchProblem, File, Row, check_request
from .population import batch_population
from .report import write_report
from .shrinkage import SHRUNKEN, remarks_on, shrinkage, write_shrunken

_CHUNKS, _FITS, _MARKER = "chunks", "fits", "batch.json"

_EVERY = 10.0  # seconds between two lines of progress


class Progress:
    """Devices done, their rate and the time left, on standard error."""

    def __init__(self):
        self.begin, self.last, self.done, self.earlier = time.monotonic(), 0.0, 0, 0

    def __call__(self, done: int, total: int, fresh: bool) -> None:
        """Say how far the run is, now and then; what an earlier run did is no measure of speed."""
        now = time.monotonic()
        if done < self.done:  # the devices once more, with the population as their prior
            self.begin, self.done, self.earlier = self.last, 0, 0
        self.earlier += 0 if fresh else done - self.done
        self.done = done
        if done < total and now - self.last < _EVERY:
            return
        self.last, new = now, done - self.earlier
        rate = 60 * new / max(now - self.begin, 1e-9)
        speed = f", {rate:.3g} per minute" if new else ""
        left = f", {duration(60 * (total - done) / rate)} left" if new and done < total else ""
        say("progress", f"{done} of {total} devices{speed}{left}")


def run_batch(request: Request, device: Any, session: Session) -> int:
    """Run ``memjax fit --batch`` of the device or circuit to start from; the exit status."""
    named = devices_of(request.files)
    if request.wafer_map is not None:
        places, why = wafer.from_table(request.wafer_map, list(named))
    else:
        places, why = wafer.from_names(list(named))
    check_request(device, request.free, dict(request.fix), dict(request.start))
    progress = Progress()
    done = lambda: f"{progress.done} of {len(named)} devices are done; the same command goes on"  # noqa: E731
    if session.reached is not None:
        session.reached.save = done
    try:
        with _cluster_of(request) as cluster:
            folder = _folder(request)
            with lock_folder(folder):
                _prepare(folder, request.force)
                return _fit_all(request, device, folder, named, (places, why), progress, cluster)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(done()) from None
    except OutputError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        fix = "what is done stays: mend it (space, folder), and the same command goes on"
        raise OutputError(error.what, where=error.where, fix=fix) from error


def _cluster_of(request: Request) -> AbstractContextManager[Cluster | None]:
    """The cluster that ``--scheduler`` names, where it does."""
    if request.scheduler is None:
        return nullcontext()
    return Cluster(request.scheduler, note=partial(say, "note"))


def _fit_all(
    request: Request,
    device: Any,
    folder: Path,
    named: dict[str, str],
    wafer_map: tuple[wafer.Positions, str],
    progress: Progress,
    cluster: Cluster | None,
) -> int:
    """Fit the devices into a locked folder, and write what they have in common; the exit status."""
    places, why = wafer_map
    fits, command = folder / _FITS, request.command

    def keep(name: str, result: FitResult) -> None:
        config = SWEEPS.entries(request, files=[named[name]])
        kelvin = float(result.problem.env.temperature)
        origin = Origin(
            files=(file_of(named[name]),), command=command, temperature=kelvin, config=config
        )
        write_json(fits / f"{name}.json", with_origin(to_json(result), origin))

    def read(file: str):
        return [measurement_from(file, request)]

    how = str([getattr(request, n, None) for n in ("reader", "columns", "shunt", "sign")])
    sources = {n: File(file_of(f), partial(read, f), how) for n, f in named.items()}
    arguments: dict[str, Any] = {"chunk": request.chunk, "on_fit": keep, "cluster": cluster}
    arguments |= {"shrink": request.shrink, "free": request.free, "points": request.points}
    arguments |= sweep_options(request) | {"out": folder / _CHUNKS}
    problem = BatchProblem(sources, device, **arguments)
    rows = problem.solve(seed=request.seed, progress=progress)
    drawn = batch_population(rows, fits, device)
    if drawn.population is None:
        (folder / POPULATION).unlink(missing_ok=True)
    else:
        drawn.population.save(folder / POPULATION, name=request.model)
    specs, remarks = parameter_specs(device), [x for x in (why, drawn.note) if x]
    units = {n: specs[n].unit for r in rows for n in r.values}
    more: dict[str, Any] = {}
    (folder / SHRUNKEN).unlink(missing_ok=True)
    if request.shrink:
        write_shrunken(rows, units, folder / SHRUNKEN)
        more, remarks = {"shrinkage": shrinkage(rows)}, [*remarks, *remarks_on(rows)]
    stated = {n: getattr(request, n) for n in ("preset", "fix", "model_sigma", "chunk")}
    entries = {"model": request.model, "command": command, "seed": request.seed, **more}
    entries |= {"options": stated | {"fix": dict(request.fix)}, "hierarchy": drawn.as_json()}
    around: dict[str, Any] = dict(units=units, files=named, positions=places, notes=remarks)
    content = write_report(rows, **around, request=entries, folder=folder)
    return _ended(rows, content["counts"], remarks, folder)


def _folder(request: Request) -> Path:
    """The folder of the batch: a new one, that of a batch that goes on, or with ``--force`` one to be emptied."""
    out = Path(os.path.abspath(request.out))
    if (out / _CHUNKS / RUN).exists():
        return out
    folder = prepare_output(out, force=request.force, folder=True, marker=_MARKER)
    if folder.exists() and not holds_no_result(folder):
        raise OutputError("it exists already", where=str(out), fix="choose another --out")
    folder.mkdir(exist_ok=True)
    return folder


def _prepare(folder: Path, force: bool) -> None:
    """Empty a locked folder with ``--force``, and remove what a process that was killed was writing."""
    chunks, fits = folder / _CHUNKS, folder / _FITS
    if force and (chunks / RUN).exists():
        # It may be killed here too: chunks first, which stand for fits, and last what tells that this is a batch.
        others = [p for p in folder.iterdir() if p != chunks and p.name != LOCK]
        for path in [*(p for p in chunks.iterdir() if p.name != RUN), *others, chunks]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    fits.mkdir(exist_ok=True)
    for place in (folder, chunks, fits):
        remove_temporaries(place)


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
    of = f"of {len(rows)} devices"
    if counts["failed"] == len(rows):
        what = f"none {of} could be fitted: {rows[0].failure}"
        raise FitError(what, where=str(folder / "devices.csv"))
    for count, text in (
        (counts["failed"], f"not fitted: {counts['failed']} {of}"),
        (counts["poor"], f"the model does not describe the data of {counts['poor']} {of}"),
    ):
        if count:
            say("warning", f"{text}, see devices.csv")
    return 0
