"""Many devices in one run: searches side by side, one row per device, resumable at any moment."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

import memjax as mj
from memjax.cluster import Cluster
from memjax.errors import MemjaxError, OutputError
from memjax.fields import parameter_specs, setting_specs, stored
from memjax.files import strict_json, write_json
from memjax.params import get, replace
from memjax.policy import require_x64

from ..constants import CHUNK
from ..problem import begun
from ..sweeps.prepare import choose_free
from ..sweeps.result import FitResult
from .chunks import THREADS, UNKNOWN, Lost, Request, Source, fit_here, fit_on_cluster
from .search import Search

_AGAIN = "the same command tries it again"

RUN, _CHUNK = "run.json", "chunk-{:05d}.json"
"""What was asked for, and the rows of a chunk of devices."""


@dataclass(frozen=True)
class File:
    """Measurements in a file, read when their chunk is due.

    Parameters
    ----------
    path : Path
        The file.
    read : callable
        Makes measurements of it.
    how : str
        How it is read, in words: another way makes another run.
    """

    path: Path
    read: Callable[[], Sequence[mj.Measurement]]
    how: str = ""

    def __call__(self) -> Sequence[mj.Measurement]:
        """The measurements."""
        return self.read()

    def digest(self) -> str:
        """SHA-256 of the file, and how it is read."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() + self.how


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found for one device.

    Parameters
    ----------
    name : str
        Its name.
    values, std : dict of str to float
        Free parameters and their standard deviations to first order [unit]; empty after a failure.
    undetermined : tuple of str
        Parameters that its data do not determine.
    loss, reduced_chi2 : float or None
        Half the sum of squared residuals; their sum of squares per degree of freedom.
    verdict, reason : str
        Whether the fit describes the data, and what decided, see `fitting.sweeps.verdict`; empty after a failure.
    z, data_z, information, freedom, sweeps, cycle_information, cycle_score
        Unconstrained coordinates in the order of `values`, and what `Uncertainty` says of them: what
        `fitting.fit_population` takes.
    failure : str
        Why there is no result; empty where there is one.
    """

    name: str
    values: dict[str, float] = field(default_factory=dict)
    std: dict[str, float] = field(default_factory=dict)
    undetermined: tuple[str, ...] = ()
    loss: float | None = None
    reduced_chi2: float | None = None
    verdict: str = ""
    reason: str = ""
    z: list[float] = field(default_factory=list)
    data_z: list[float] = field(default_factory=list)
    information: list[list[float]] = field(default_factory=list)
    freedom: float | None = None
    sweeps: int = 0
    cycle_information: list[list[float]] | None = None
    cycle_score: list[list[float]] | None = None
    failure: str = ""


def fit_batch(
    devices: Mapping[str, Source],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    out: str | Path,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    bench: mj.Bench | None = None,
    env: mj.Environment | None = None,
    point_time: float | None = None,
    model_sigma: float | None = None,
    thresholds: tuple[float | None, float | None] = (None, None),
    points: int | None = None,
    seed: int = 0,
    screened: int = 8,
    starts: int = 2,
    chunk: int = CHUNK,
    grids: bool = True,
    each: Callable[[str, FitResult], None] | None = None,
    tick: Callable[[int, int, bool], None] | None = None,
    cluster: Cluster | None = None,
) -> list[Row]:
    """Calibrate a model to each of many devices, chunk by chunk; what is done stays done.

    Parameters
    ----------
    devices : mapping of str to sequence of Measurement, or to callable
        The measurements of each device, or what reads them when its chunk is due, as a `File`.
    device : AbstractDevice or Circuit
        The model, with values of what is not fitted.
    out : str or Path
        Folder of the run: a new one, or that of the same run, which then goes on.
    free, fix, start, bench, env, point_time, model_sigma, thresholds, points
        As for `fit`.
    seed, screened, starts : int
        Of starts and resampling: a device's numbers do not depend on the others but for rounding; starts evaluated
        for each device, and how many are improved.
    chunk : int
        Devices that advance together; all that an interrupt loses.
    grids : bool
        Whether to search on grids of steps first, and not by the adaptive solver alone.
    each : callable, optional
        Called with name and `FitResult` of each fitted device, before its chunk counts as done.
    tick : callable, optional
        Called after each chunk with the numbers of devices done and in all, and whether it is new.
    cluster : Cluster, optional
        Workers that fit the chunks in place of this process. Of a chunk of which one after another died, rows say so.

    Returns
    -------
    list of Row
        In the order of `devices`; a device that cannot be read or solved has its reason in `failure`.

    Raises
    ------
    ModelError, BoundsError, DataError
        For parameters that the model does not have or that cannot be fitted.
    OutputError
        If the folder holds another run.
    PolicyError
        In float32.
    ClusterError
        If the scheduler of the cluster goes away; what was done stays.

    Notes
    -----
    Devices of a chunk whose data have one shape are searched by one program, see `fitting.batch.search`.
    """
    require_x64()
    check_request(device, free, fix, start)
    options = dict(bench=bench, env=env, point_time=point_time, model_sigma=model_sigma)
    options |= dict(free=free, fix=fix, start=start, thresholds=thresholds, points=points)
    about: dict[str, Any] = dict(starts=starts, seed=seed, grids=grids)
    search = Search(chunk=-(-chunk // THREADS), screened=-(-screened // starts) * starts, **about)
    prints = {n: _print(source) for n, source in devices.items()}
    folder = _open_run(Path(out), [prints, _run_signature(device, options, search)])
    find = fit_here if cluster is None else partial(fit_on_cluster, cluster=cluster)
    find = partial(find, request=Request(device=device, options=options, search=search))
    return _advance(devices, folder, chunk, find, each, tick)


def _advance(
    devices: Mapping[str, Source], folder: Path, chunk: int, find: Callable, each: Any, tick: Any
) -> list[Row]:
    """Rows of all devices, by chunks: read where a file has them, else fitted and written."""
    names, done, lost = list(devices), 0, dict[int, list[Row]]()
    chunks = [names[k : k + chunk] for k in range(0, len(names), chunk)]
    paths = [folder / _CHUNK.format(k) for k in range(len(chunks))]
    left = [k for k, path in enumerate(paths) if not path.exists()]

    def count(k: int, fresh: bool) -> None:
        nonlocal done
        done += len(chunks[k])
        if tick is not None:
            tick(done, len(names), fresh)

    for k in sorted(set(range(len(chunks))) - set(left)):
        count(k, False)
    todo = ((k, {n: devices[n] for n in chunks[k]}) for k in left)
    with contextlib.closing(find(todo)) as ended:
        for k, results in ended:
            if isinstance(results, Lost):
                # Not written: the same command fits them.
                lost[k] = [Row(name=n, failure=f"{results.reason}; {_AGAIN}") for n in chunks[k]]
                count(k, True)
                continue
            for name, result in results.items():
                if each is not None and isinstance(result, FitResult):
                    each(name, result)
            write_json(paths[k], [asdict(_row(n, results[n])) for n in chunks[k]])
            count(k, True)
    return [row for k, path in enumerate(paths) for row in lost.get(k) or _rows(path)]


def _rows(path: Path) -> list[Row]:
    """The rows of a chunk out of its file."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**row | {"undetermined": tuple(row["undetermined"])}) for row in rows]


def check_request(
    device: Any,
    free: Sequence[str] | None,
    fix: Mapping[str, float] | None,
    start: Mapping[str, float] | None = None,
) -> None:
    """Refuse names and values that no device of the batch could take."""
    names = choose_free(free or (), device, free, fix or {})
    replace(device, fix or {}, where="--fix")
    if free:
        begun(device, names, start)


def _print(source: Source) -> str:
    try:
        if isinstance(source, File):
            return source.digest()
        measured = source() if callable(source) else source
    except (MemjaxError, OSError):
        return ""
    digest = hashlib.sha256()
    for m in measured:
        for x in (m.t, m.v, m.i, m.sweep):
            digest.update(b"-" if x is None else np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()


def _run_signature(device: Any, options: Mapping[str, Any], search: Search) -> list[str]:
    """Model, options and versions in words that are the same in each process: a run goes on only with the same."""
    model = {n: stored(device, n) for n in (*parameter_specs(device), *setting_specs(device))}
    plain = {n: x if x is None or isinstance(x, str) else float(x) for n, x in model.items()}
    words = [type(device).__name__, str(plain), str(dict(options)), str(search)]
    return [*words, jax.__version__, version("memjax")]


def _open_run(folder: Path, request: list) -> Path:
    path = folder / RUN
    if path.exists() and path.read_text(encoding="utf-8") != strict_json(request):
        raise OutputError(
            "the folder holds a run of other devices, data, options or versions",
            where=str(folder),
            allowed="a new folder, or that of the same run",
            fix="name another folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_json(path, request)
    return folder


def _row(name: str, result: FitResult | str) -> Row:
    if isinstance(result, str):
        return Row(name=name, failure=result)
    known, std = result.uncertainty, result.std
    if not np.all(np.isfinite([*std.values()])):
        return Row(name=name, failure=UNKNOWN)
    arrays = {
        n: getattr(known, n) for n in ("data_z", "information", "cycle_information", "cycle_score")
    }
    lists: dict[str, Any] = {n: None if x is None else x.tolist() for n, x in arrays.items()}
    return Row(
        name=name,
        values={n: float(get(result.device, n)) for n in result.free},
        std=std,
        undetermined=result.undetermined,
        loss=result.loss,
        reduced_chi2=known.reduced_chi2,
        verdict=result.verdict.word,
        reason=result.verdict.reason,
        z=result.z.tolist(),
        freedom=known.freedom,
        sweeps=known.sweeps,
        **lists,
    )
