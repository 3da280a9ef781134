"""Chunks of a batch: measured, and fitted by threads of this process or by the workers of a cluster."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np

import memjax as mj
from memjax.cli.cache import prepare_jax
from memjax.cluster import Cluster
from memjax.errors import FitError, MemjaxError
from memjax.fields import with_values
from memjax.params import constrain
from memjax.saved import from_bytes, to_bytes

from ..problem import PRIOR_SIGMA, shape_of
from ..sweeps.covariance import noise_of
from ..sweeps.fit import NOTHING
from ..sweeps.prepare import Prepared
from ..sweeps.result import FitResult, fit_at
from ..sweeps.thinning import thin
from .population_prior import PopulationPrior
from .preparation import prepare_each
from .rows import UNKNOWN, Posterior, Row
from .search import Search, find_optima, reweigh

Source = Sequence[mj.Measurement] | Callable[[], Sequence[mj.Measurement]]
Results = dict[str, Any]
"""By device: a `FitResult`, a `Posterior` where there is a prior, or why there is none."""

THREADS = 2  # shares of a chunk that are fitted at the same time

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
    prior : PopulationPrior, optional
        What is known of the population.
    first : dict of str to Row
        With a prior: what the fits without it gave.
    """

    device: Any
    options: dict[str, Any]
    search: Search
    prior: PopulationPrior | None = None
    first: dict[str, Row] = field(default_factory=dict)


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
            own = {n: request.first[n] for n in devices if n in request.first}
            yield k, to_bytes({"devices": measured, "request": replace(asked, first=own)})

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


Member = tuple[str, Prepared, Sequence[mj.Measurement]]
"""Name of a device, its problem, and its data."""


def _fits_of(
    devices: Mapping[str, Source | str], *, request: Request, halt: threading.Event
) -> Results:
    """Results of devices, those of one shape searched together; or why there is none."""
    groups, results = _by_shape(devices, request)
    for members in groups:
        search = _search_alone if request.prior is None else _search_with_prior
        for (name, prepared, measured), optimum in zip(members, search(members, request, halt)):
            about = {"seed": request.search.seed, "point_time": request.options["point_time"]}
            about["measurements"] = measured
            try:
                if request.prior is None:
                    results[name] = _result(*optimum, **about)
                else:
                    row = request.first[name]
                    results[name] = _posterior(row, request.prior, prepared, optimum, **about)
            except FitError as error:
                results[name] = error.what
    return results


def _by_shape(
    devices: Mapping[str, Source | str], request: Request
) -> tuple[list[list[Member]], Results]:
    """Devices whose problems have one shape, and so one compiled program; and why others have none."""
    options, results, groups = request.options, Results(), dict[Any, list[Member]]()
    about: dict[str, Any] = {k: x for k, x in options.items() if k != "points"}
    about |= {"seed": request.search.seed, "screened": request.search.screened}
    about |= {"env": options["env"] or mj.Environment()}
    known: dict[str, Sequence[mj.Measurement]] = {}
    for name, source in devices.items():
        if request.prior is not None and name not in request.first:
            results[name] = "there is no fit without the population"
            continue
        measured = _measured(source, options)
        if isinstance(measured, str):
            results[name] = measured
        else:
            known[name] = measured
    for name, prepared in prepare_each(known, request.device, **about).items():
        if isinstance(prepared, str):
            results[name] = prepared
        else:
            member = name, prepared, known[name]
            groups.setdefault(shape_of(prepared.problem), []).append(member)
    return list(groups.values()), results


def _search_alone(
    members: Sequence[Member], request: Request, halt: threading.Event
) -> list[tuple]:
    """Problems, with the noise that there is, and optima of devices."""
    every, search = [prepared for _, prepared, _ in members], request.search
    optima = find_optima(every, search, halt)
    noise = [_noise(p, optimum, search.seed) for p, optimum in zip(every, optima, strict=True)]
    return reweigh(every, optima, noise, search, halt)


def _search_with_prior(
    members: Sequence[Member], request: Request, halt: threading.Event
) -> list[tuple]:
    """Modes of the posteriors of devices, from their own optima and from where these are drawn to."""
    prior, every = cast(PopulationPrior, request.prior), []
    for name, prepared, _ in members:
        row = request.first[name]
        own = {"center": prior.center, "prior_root": prior.root, "noise": _noise_in(row)}
        starts = np.stack([prior.near(row), np.asarray(row.z)])
        problem = with_values(prepared.problem, own)
        every.append(replace(prepared, problem=problem, candidates=starts))
    return find_optima(every, replace(request.search, starts=1), halt)


def _noise_in(row: Row) -> np.ndarray:
    """Standard deviation of a data residual of a device's own fit [sigma]."""
    return np.asarray(1.0 if row.noise is None else row.noise)


def _posterior(
    row: Row, prior: PopulationPrior, prepared: Prepared, optimum: tuple, **about: Any
) -> Posterior:
    """A device at the mode of its posterior; a `FitError` where there is none, or its errors are no numbers."""
    (z, r, jacobian), noise = optimum, _noise_in(row)
    n, weight = len(z), float(noise) / PRIOR_SIGMA
    # What the data alone say there is worked out as for the device's own fit, with the weak prior of that.
    problem = with_values(prepared.problem, {"noise": noise})
    off = (z - np.asarray(problem.center)) * weight
    r = np.concatenate([r[:-n], off])
    jacobian = np.concatenate([jacobian[:-n], weight * np.eye(n)])
    fit = _result(replace(prepared, problem=problem), z, r, jacobian, **about)
    covariance = np.linalg.inv(fit.uncertainty.information + prior.precision)
    fit = replace(fit, uncertainty=replace(fit.uncertainty, covariance=covariance))
    values = {name: float(x) for name, x in fit.values.items()}
    loss = 0.5 * float(np.sum(r[:-n] ** 2))
    before = (row.loss or 0.0) - 0.5 * weight**2 * np.sum((np.asarray(row.z) - problem.center) ** 2)
    return Posterior(
        values=values,
        std=fit.std,
        shift={name: (x - row.values[name]) / row.std[name] for name, x in values.items()},
        z=z.tolist(),
        loss=loss,
        excess=float(2 * (loss - before) / noise**2),
        distance=prior.distance[row.name],
        p_value=prior.p_value[row.name],
        verdict=fit.verdict.word,
        reason=fit.verdict.reason,
    )


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
    problem = prepared.problem
    about["device"] = constrain(problem.device, problem.free, z, numpy=True)
    try:
        fit = fit_at(prepared, problem, z, r, jacobian, **about)
    except np.linalg.LinAlgError as error:
        raise FitError(f"{UNKNOWN}: {error}") from error
    if not np.all(np.isfinite([*fit.uncertainty.sigma_z, fit.uncertainty.reduced_chi2])):
        raise FitError(UNKNOWN)
    return fit
