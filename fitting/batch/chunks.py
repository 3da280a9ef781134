"""Chunks of a batch: measured, and fitted by threads of this process or by the workers of a cluster."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import memjax as mj
from memjax.cli.cache import prepare_jax
from memjax.cluster import Cluster
from memjax.errors import FitError, MemjaxError
from memjax.saved import from_bytes, to_bytes

from ..problem import shape_of
from ..sweeps.covariance import noise_of
from ..sweeps.fit import NOTHING
from ..sweeps.prepare import Prepared, prepare
from ..sweeps.result import FitResult, fit_at
from ..sweeps.thinning import thin
from .search import Search, find_optima, reweigh

Source = Sequence[mj.Measurement] | Callable[[], Sequence[mj.Measurement]]
Results = dict[str, FitResult | str]

THREADS = 2  # shares of a chunk that are fitted at the same time

UNKNOWN = "the derivatives at the best point are of no use"

_JOB = "a chunk of a batch"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be fitted to the devices of each chunk.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        The model.
    options : dict
        Of `fitting.sweeps.prepare.prepare`, and `points`.
    search : Search
        How.
    """

    device: Any
    options: dict[str, Any]
    search: Search


@dataclass(frozen=True)
class Lost:
    """A chunk of which one worker after another died.

    Parameters
    ----------
    reason : str
        What is known of it.
    """

    reason: str


def fit_here(
    chunks: Iterable[tuple[int, Mapping[str, Source]]], request: Request
) -> Iterator[tuple[int, Results]]:
    """Results of the devices of chunks, one chunk after the other, by threads of this process."""
    with _threads() as (pool, halt):
        for k, devices in chunks:
            yield k, _fit_chunk(devices, request, pool, halt)


def fit_on_cluster(
    chunks: Iterable[tuple[int, Mapping[str, Source]]], request: Request, cluster: Cluster
) -> Iterator[tuple[int, Results | Lost]]:
    """Results of the devices of chunks in the order in which they end, by the workers of a cluster.

    Devices are read here, and what was read is sent: workers need no files. A device keeps its place among the others
    of its chunk, whether it could be read or not: so its numbers are those of a fit in this process.
    """
    asked = replace(request, options=request.options | {"points": 0})

    def jobs() -> Iterator[tuple[int, bytes]]:
        for k, devices in chunks:
            measured = {n: _measured(x, request.options) for n, x in devices.items()}
            yield k, to_bytes({"devices": measured, "request": asked})

    with contextlib.closing(cluster.map(work, jobs())) as answers:
        for k, answer in answers:
            yield k, Lost(answer) if isinstance(answer, str) else from_bytes(answer, _JOB)


def work(job: bytes, halt: threading.Event) -> bytes:
    """What a worker does: fits of the devices of a chunk, in the saved form of memjax, which holds no code."""
    prepare_jax()
    wanted = from_bytes(job, _JOB)
    with _threads(halt) as (pool, halt):
        return to_bytes(_fit_chunk(wanted["devices"], wanted["request"], pool, halt))


@contextlib.contextmanager
def _threads(
    halt: threading.Event | None = None,
) -> Iterator[tuple[ThreadPoolExecutor, threading.Event]]:
    """Threads for the shares of a chunk, and what halts them: set where the block is left."""
    halt, pool = threading.Event() if halt is None else halt, ThreadPoolExecutor(THREADS)
    try:
        yield pool, halt
    finally:
        halt.set()
        # After an interrupt it would wait for the threads.
        pool.shutdown(wait=False)


def _fit_chunk(
    devices: Mapping[str, Source | str],
    request: Request,
    pool: ThreadPoolExecutor,
    halt: threading.Event,
) -> Results:
    """Results of the devices of a chunk, a share in each thread: Python of one while XLA computes for another."""
    names = list(devices)
    shares = [{n: devices[n] for n in names[j::THREADS]} for j in range(THREADS)]
    found = pool.map(partial(_fits_of, request=request, halt=halt), shares)
    return {n: x for share in found for n, x in share.items()}


def _measured(source: Source | str, options: Mapping[str, Any]) -> Sequence[mj.Measurement] | str:
    """The measurements of a device, thinned; or why there are none."""
    if isinstance(source, str):
        return source
    try:
        measured = source() if callable(source) else source
        return [thin(m, options["points"], point_time=options["point_time"]) for m in measured]
    except (MemjaxError, OSError) as error:
        return str(error)


def _fits_of(
    devices: Mapping[str, Source | str], *, request: Request, halt: threading.Event
) -> Results:
    """Results of devices, those of one shape searched together; or why there is none."""
    options, search = request.options, request.search
    arguments = {k: x for k, x in options.items() if k != "points"}
    arguments |= {"bench": options["bench"] or mj.Bench(), "env": options["env"] or mj.Environment()}
    time, seed, results = options["point_time"], search.seed, Results()
    groups: dict[Any, dict[str, tuple[Prepared, Sequence[mj.Measurement]]]] = {}
    for name, source in devices.items():
        measured = _measured(source, options)
        if isinstance(measured, str):
            results[name] = measured
            continue
        about: dict[str, Any] = arguments | {"seed": seed, "screened": search.screened}
        try:
            prepared = prepare(measured, request.device, **about)
        except (MemjaxError, OSError) as error:
            results[name] = str(error)
            continue
        # Problems of one shape are solved by one compiled program.
        groups.setdefault(shape_of(prepared.problem), {})[name] = prepared, measured
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
        raise FitError(f"{UNKNOWN}: {error}") from error
    if not np.all(np.isfinite([*fit.uncertainty.sigma_z, fit.uncertainty.reduced_chi2])):
        raise FitError(UNKNOWN)
    return fit
