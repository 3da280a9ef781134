"""Many devices in one run: searches side by side, one row per device, resumable at any moment."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace as changed
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

import memjax as mj
from memjax.core.fields import parameter_specs, setting_specs, stored, with_values
from memjax.core.params import replace
from memjax.errors import DataError, FitError, MemjaxError, OutputError
from memjax.runtime.cluster import Cluster
from memjax.runtime.files import strict_json, write_json
from memjax.runtime.flags import check_flags
from memjax.simulate.policy import require_x64

from ..constants import CHUNK
from ..problem import begun
from ..sweeps.prepare import AbstractSweepProblem, as_jax, choose_free
from ..sweeps.result import FitResult
from .chunks import Lost, Request, Source, fit_here, fit_on_cluster
from .population_prior import PopulationPrior, population_prior
from .rows import Posterior, Row as Row, row_of
from .search import Search

_AGAIN = "the same command tries it again"

RUN, _CHUNK = "run.json", "chunk-{:05d}.json"
"""What was asked for, and the rows of a chunk of devices."""
PRIOR, _POSTERIOR = "prior.json", "posterior-{:05d}.json"
"""The population as a prior, and the rows of a chunk with it."""


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


@dataclass(frozen=True)
class BatchProblem(AbstractSweepProblem):
    """Sweeps of many devices, to each of which one model is calibrated, chunk by chunk; what is done stays done.

    Parameters
    ----------
    data : mapping of str to sequence of Measurement, or to callable
        The measurements of each device, or what reads them when its chunk is due, as a `fitting.batch.fit.File`.
    device : AbstractDevice or Circuit
        The model, with values of what is not fitted.
    free, fix, start, bench, env, point_time, model_sigma, thresholds, points
        As `fitting.SweepProblem` has them, alike for each device.
    out : str or Path
        Folder of the run: a new one, or that of the same run, which then goes on.
    screened, starts : int
        Starts of each device that are evaluated, and how many are improved.
    chunk : int
        Devices that advance together; all that an interrupt loses.
    shrink : bool
        Whether each device is fitted again with the population as its prior, see `fitting.batch.population_prior`.
    on_fit : callable, optional
        Called with name and `FitResult` of each fitted device, before its chunk counts as done.
    cluster : Cluster, optional
        Workers that fit the chunks in place of this process. Of a chunk of which one after another died, rows say so.

    Raises
    ------
    ModelError, BoundsError, DataError
        When it is solved: for parameters that the model does not have or that cannot be fitted.
    OutputError, PolicyError
        When it is solved: if the folder holds another run; in float32.
    ClusterError
        When it is solved: if the scheduler of the cluster goes away; what was done stays.
    """

    data: Mapping[str, Source]
    _: dataclasses.KW_ONLY
    out: str | Path
    screened: int = 8
    starts: int = 2
    chunk: int = CHUNK
    shrink: bool = False
    on_fit: Callable[[str, Any], None] | None = None
    cluster: Cluster | None = None

    def __post_init__(self):
        check_flags({"shrink": self.shrink}, where="BatchProblem")

    def solve(
        self, *, seed: int = 0, progress: Callable[[int, int, bool], None] | None = None
    ) -> list[Row]:
        """Rows in the order of the devices; one that cannot be read or solved has its reason in `failure`.

        Parameters
        ----------
        seed : int
            Of starts and resampling, alike for each device.
        progress : callable, optional
            Called after each chunk, of each pass, with the numbers of devices done and in all, and whether it is new.
        """
        require_x64()
        device, devices = self.device, self.data
        check_request(device, self.free, self.fix, self.start)
        options = self.options | {"points": self.points}
        screened = -(-self.screened // self.starts) * self.starts
        search = Search(screened=screened, starts=self.starts, seed=seed)
        prints = {n: _print(source) for n, source in devices.items()}
        folder = _open_run(Path(self.out), [prints, _run_signature(device, options, search)])
        cluster = self.cluster
        find = fit_here if cluster is None else partial(fit_on_cluster, cluster=cluster)
        request = Request(device=device, options=options, search=search)
        run = partial(_advance, devices, folder, self.chunk, tick=progress)
        rows = _alone(request, find, run, self.on_fit)
        return _shrunken(rows, folder, request, find, run) if self.shrink else rows


def _alone(request: Request, find: Callable, run: Callable, on_fit: Callable | None) -> list[Row]:
    """Rows of devices, each fitted by itself."""

    def row(name: str, result: Any) -> Row:
        if on_fit is not None and isinstance(result, FitResult):
            # Models of a fit for others have arrays of JAX, as those of a single fit.
            problem = with_values(result.problem, {"device": as_jax(result.problem.device)})
            on_fit(name, changed(result, device=as_jax(result.device), problem=problem))
        return row_of(name, result)

    def read(content: dict[str, Any]) -> Row:
        fields: dict[str, Any] = content | {"undetermined": tuple(content["undetermined"])}
        return Row(**fields)

    lost = lambda name, why: Row(name=name, failure=why)  # noqa: E731
    return run(_CHUNK, partial(find, request=request), row, lost, read)


def _shrunken(
    rows: list[Row], folder: Path, request: Request, find: Callable, run: Callable
) -> list[Row]:
    """Rows of devices that are fitted again, with the population of them all as their prior."""
    try:
        prior = population_prior(rows)
    except (DataError, FitError, np.linalg.LinAlgError) as error:
        none = Posterior(failure=f"no population to lean on: {error}")
        return [changed(r, posterior=none) for r in rows]
    _keep_prior(folder, prior)
    # A population that a device does not belong to says nothing of it.
    first = {r.name: r for r in rows if not r.failure and r.name not in prior.outside}
    find = partial(find, request=changed(request, prior=prior, first=first))
    lost = lambda _, why: Posterior(failure=why)  # noqa: E731
    row = lambda _, x: Posterior(failure=x) if isinstance(x, str) else x  # noqa: E731
    posteriors = run(_POSTERIOR, find, row, lost, lambda content: Posterior(**content))
    alone = {r.name: prior.outlier(r) for r in rows if r.name in prior.outside}
    pairs = zip(rows, posteriors, strict=True)
    return [changed(r, posterior=alone.get(r.name, p)) for r, p in pairs]


def _keep_prior(folder: Path, prior: PopulationPrior) -> None:
    """Write the population down; what was fitted with another one is removed."""
    content = {"names": prior.names, "devices": prior.devices, "outside": prior.outside}
    content |= {n: getattr(prior, n).tolist() for n in ("center", "covariance")}
    path = folder / PRIOR
    if not path.exists() or path.read_text(encoding="utf-8") != strict_json(content):
        for stale in folder.glob("posterior-*.json"):
            stale.unlink()
        write_json(path, content)


def _advance(
    devices: Mapping[str, Source],
    folder: Path,
    chunk: int,
    pattern: str,
    find: Callable,
    row: Callable[[str, Any], Any],
    lost_row: Callable[[str, str], Any],
    read: Callable[[dict], Any],
    *,
    tick: Any,
) -> list[Any]:
    """Rows of all devices, by chunks: read where a file of that pattern has them, else fitted and written."""
    names, done, lost = list(devices), 0, dict[int, list]()
    chunks = [names[k : k + chunk] for k in range(0, len(names), chunk)]
    paths = [folder / pattern.format(k) for k in range(len(chunks))]
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
                lost[k] = [lost_row(n, f"{results.reason}; {_AGAIN}") for n in chunks[k]]
            else:
                write_json(paths[k], [vars(row(n, results[n])) for n in chunks[k]])
            count(k, True)

    def rows(path: Path) -> list:
        return [read(x) for x in json.loads(path.read_text(encoding="utf-8"))]

    return [x for k, path in enumerate(paths) for x in lost.get(k) or rows(path)]


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
        what = "the folder holds a run of other devices, data, options or versions"
        allowed = "a new folder, or that of the same run"
        raise OutputError(what, where=str(folder), allowed=allowed, fix="name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_json(path, request)
    return folder
