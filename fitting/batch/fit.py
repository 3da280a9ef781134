"""Many devices in one run: searches side by side, one row per device, resumable at any moment."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

import memjax as mj
from memjax.compile_cache import signature
from memjax.errors import FitError, MemjaxError, OutputError
from memjax.fields import parameter_specs, setting_specs, stored
from memjax.files import strict_json, write_json
from memjax.params import get, replace
from memjax.policy import require_x64

from ..problem import begun
from ..sweeps.covariance import noise_of
from ..sweeps.fit import NOTHING
from ..sweeps.prepare import Prepared, choose_free, prepare
from ..sweeps.result import FitResult, fit_at
from ..sweeps.thinning import thin
from .search import Search, find_optima, reweigh

Source = Sequence[mj.Measurement] | Callable[[], Sequence[mj.Measurement]]

CHUNK = 128
"""Devices that advance together unless said otherwise."""

_THREADS = 2  # shares of a chunk that are fitted at the same time

_UNKNOWN = "the derivatives at the best point are of no use"

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

    Notes
    -----
    Devices of a chunk whose data have one shape are searched by one program, see `fitting.batch.search`.
    """
    require_x64()
    check_request(device, free, fix, start)
    options = dict(bench=bench, env=env, point_time=point_time, model_sigma=model_sigma)
    options |= dict(free=free, fix=fix, start=start, thresholds=thresholds, points=points)
    about: dict[str, Any] = dict(starts=starts, seed=seed, grids=grids)
    search = Search(chunk=-(-chunk // _THREADS), screened=-(-screened // starts) * starts, **about)
    prints = {n: _print(source) for n, source in devices.items()}
    folder = _open_run(Path(out), [prints, _run_signature(device, options, search)])
    halt = threading.Event()
    find = partial(_fits_of, device=device, options=options, search=search, halt=halt)
    try:
        return _advance(devices, folder, chunk, find, each, tick)
    finally:
        halt.set()


def _advance(
    devices: Mapping[str, Source], folder: Path, chunk: int, find: Callable, each: Any, tick: Any
) -> list[Row]:
    """Rows of all devices, chunk by chunk: read where a file has them, else fitted and written."""
    names, rows = list(devices), list[Row]()
    # No `with`: after an interrupt it would wait for the threads, which the caller has yet to halt.
    pool = ThreadPoolExecutor(_THREADS)
    for k in range(0, len(names), chunk):
        path, some = folder / _CHUNK.format(k // chunk), names[k : k + chunk]
        if fresh := not path.exists():
            # A share of the devices in each thread: Python of one while XLA computes for another.
            shares = [{n: devices[n] for n in some[j::_THREADS]} for j in range(_THREADS)]
            results = {n: x for share in pool.map(find, shares) for n, x in share.items()}
            for name, result in results.items():
                if each is not None and isinstance(result, FitResult):
                    each(name, result)
            write_json(path, [asdict(_row(n, results[n])) for n in some])
        for row in json.loads(path.read_text(encoding="utf-8")):
            rows.append(Row(**row | {"undetermined": tuple(row["undetermined"])}))
        if tick is not None:
            tick(len(rows), len(names), fresh)
    pool.shutdown()
    return rows


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


def _fits_of(
    devices: Mapping[str, Source],
    *,
    device: Any,
    options: Mapping[str, Any],
    search: Search,
    halt: threading.Event,
) -> dict[str, FitResult | str]:
    """Results of devices, those of one shape searched together; or why there is none."""
    results: dict[str, FitResult | str] = {}
    arguments = {k: x for k, x in options.items() if k != "points"}
    time, seed = options["point_time"], search.seed
    groups: dict[str, dict[str, tuple[Prepared, list[mj.Measurement]]]] = {}
    for name, source in devices.items():
        try:
            measured = source() if callable(source) else source
            measured = [thin(m, options["points"], point_time=time) for m in measured]
            prepared = prepare(measured, device, **arguments, seed=seed, screened=search.screened)
        except (MemjaxError, OSError) as error:
            results[name] = str(error)
            continue
        # Problems of one signature are solved by one compiled program.
        groups.setdefault(signature(prepared.problem), {})[name] = prepared, measured
    for group in groups.values():
        every = [prepared for prepared, _ in group.values()]
        optima = find_optima(every, search, halt)
        noise = [_noise(p, optimum, seed) for p, optimum in zip(every, optima, strict=True)]
        ended = reweigh(every, optima, noise, search, halt)
        for (name, (_, measured)), optimum in zip(group.items(), ended, strict=True):
            about = {"seed": seed, "point_time": time, "measurements": measured}
            try:
                results[name] = _result(*optimum, **about)
            except FitError as error:
                results[name] = error.what
    return results


def _noise(prepared: Prepared, optimum: tuple, seed: int) -> float:
    """Standard deviation of the residuals at an optimum [sigma]; 1, that is what was granted, where it is unknown."""
    _, r, jacobian = optimum
    noise = np.nan
    if np.all(np.isfinite(r)) and np.all(np.isfinite(jacobian)):
        with contextlib.suppress(np.linalg.LinAlgError):
            noise = noise_of(
                prepared.problem, prepared.waves, residuals=r, jacobian=jacobian, seed=seed
            )
    return noise if np.isfinite(noise) else 1.0


def _result(
    prepared: Prepared, z: np.ndarray, r: np.ndarray, jacobian: np.ndarray, **about: Any
) -> FitResult:
    """The fit of a device at its optimum; a `FitError` where there is none, or its errors are no numbers."""
    if not np.isfinite(np.sum(r**2)):
        raise FitError(NOTHING)
    try:
        fit = fit_at(prepared, prepared.problem, z, r, jacobian, **about)
    except np.linalg.LinAlgError as error:
        raise FitError(f"{_UNKNOWN}: {error}") from error
    if not np.all(np.isfinite([*fit.uncertainty.sigma_z, fit.uncertainty.reduced_chi2])):
        raise FitError(_UNKNOWN)
    return fit


def _row(name: str, result: FitResult | str) -> Row:
    if isinstance(result, str):
        return Row(name=name, failure=result)
    known, std = result.uncertainty, result.std
    if not np.all(np.isfinite([*std.values()])):
        return Row(name=name, failure=_UNKNOWN)
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
