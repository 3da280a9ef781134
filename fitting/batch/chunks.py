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
from memjax.core.fields import with_values
from memjax.core.params import constrain
from memjax.errors import MemjaxError
from memjax.runtime.cluster import Cluster
from memjax.runtime.jax_setup import prepare_jax
from memjax.runtime.saved import from_bytes, to_bytes

from ..problem import shape_of
from ..sweeps.covariance import uncertainty_of_each
from ..sweeps.ending import SETTLED, WEIGHINGS
from ..sweeps.fit import NOTHING
from ..sweeps.noise_estimate import noise_of_each
from ..sweeps.prepare import Prepared
from ..sweeps.result import FitResult, fit_at
from ..sweeps.simulated import simulated_response_of_each
from ..sweeps.thinning import thin
from .each_search import SHARES, switches
from .population_prior import PopulationPrior
from .preparation import prepare_each
from .rows import UNKNOWN, Posterior, Row
from .search import Search, find_optima, reweigh

Source = Sequence[mj.Measurement] | Callable[[], Sequence[mj.Measurement]]
Results = dict[str, Any]
"""By device: a `FitResult`, a `Posterior` where there is a prior, or why there is none."""

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
    plain_request = replace(request, options=request.options | {"points": 0})

    def jobs() -> Iterator[tuple[int, bytes]]:
        for k, devices in chunks:
            measured = {n: _measured(x, request.options) for n, x in devices.items()}
            starts = {n: request.first[n] for n in devices if n in request.first}
            yield (
                k,
                to_bytes({"devices": measured, "request": replace(plain_request, first=starts)}),
            )

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
    halt, pool = threading.Event() if halt is None else halt, ThreadPoolExecutor(SHARES)
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
    shares = [{n: devices[n] for n in names[j::SHARES]} for j in range(SHARES)]
    parts = pool.map(partial(_fits_of, request=request, halt=halt), shares)
    return {n: x for share in parts for n, x in share.items()}


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
    seed, point_time = request.search.seed, request.options["point_time"]
    for members in groups:
        search = _search_alone if request.prior is None else _search_with_prior
        ended = search(members, request, halt)
        fits = _results(ended, seed=seed, point_time=point_time)
        for (name, _, measured), fit in zip(members, fits, strict=True):
            if isinstance(fit, str):
                results[name] = fit
            elif request.prior is None:
                results[name] = replace(fit, measurements=measured)
            else:
                results[name] = _posterior(request.first[name], request.prior, fit)
    return results


def _by_shape(
    devices: Mapping[str, Source | str], request: Request
) -> tuple[list[list[Member]], Results]:
    """Devices whose problems have one shape and are searched in one way; and why others have none."""
    options, results, groups = request.options, Results(), dict[Any, list[Member]]()
    arguments: dict[str, Any] = {k: x for k, x in options.items() if k != "points"}
    arguments |= {"seed": request.search.seed, "screened": request.search.screened}
    arguments |= {"env": options["env"] or mj.Environment()}
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
    for name, prepared in prepare_each(known, request.device, **arguments).items():
        if isinstance(prepared, str):
            results[name] = prepared
        else:
            member = name, prepared, known[name]
            key = shape_of(prepared.problem), switches(prepared)
            groups.setdefault(key, []).append(member)
    return list(groups.values()), results


def _search_alone(
    members: Sequence[Member], request: Request, halt: threading.Event
) -> list[tuple]:
    """Problems, with the noise that there is, and optima of devices, found in turn until the noise stays."""
    every, search = [prepared for _, prepared, _ in members], request.search
    optima = find_optima(every, search, halt)
    noise = _noise_of_each(every, optima, search.seed)
    ended = reweigh(every, optima, noise.tolist(), search, halt)
    restless = np.arange(len(ended))
    for _ in range(WEIGHINGS - 1):
        less = _noise_of_each(
            [ended[k][0] for k in restless], [ended[k][1:] for k in restless], search.seed
        )
        fell = less < SETTLED * noise[restless]
        restless, less = restless[fell], less[fell]
        if not len(restless):
            break
        noise[restless] = less
        problems, points = [ended[k][0] for k in restless], [ended[k][1:] for k in restless]
        again = reweigh(problems, points, less.tolist(), search, halt)
        for k, end in zip(restless, again, strict=True):
            ended[k] = end
    return ended


def _search_with_prior(
    members: Sequence[Member], request: Request, halt: threading.Event
) -> list[tuple]:
    """Problems and modes of the posteriors of devices, from their own optima and from where these are drawn to.

    What the data alone say at a mode is worked out as for the device's own fit, with the weak prior of that.
    """
    prior, every = cast(PopulationPrior, request.prior), []
    for name, prepared, _ in members:
        row = request.first[name]
        noise = np.asarray(1.0 if row.noise is None else row.noise)
        prior_values = {"center": prior.center, "prior_root": prior.root, "noise": noise}
        starts = np.stack([prior.near(row), np.asarray(row.z)])
        problem = with_values(prepared.problem, prior_values)
        every.append(replace(prepared, problem=problem, candidates=starts))
    modes = find_optima(every, replace(request.search, starts=1), halt)
    return [_weakly(p, m, *mode) for (_, p, _), m, mode in zip(members, every, modes, strict=True)]


def _weakly(
    prepared: Prepared, leaning: Prepared, z: np.ndarray, r: np.ndarray, jacobian: np.ndarray
) -> tuple:
    """A point of a problem with the population as its prior, as one of the device's own problem with its noise."""
    n, noise = len(z), leaning.problem.noise
    problem = with_values(prepared.problem, {"noise": noise})
    weight = float(problem.prior_weight)
    off = (z - np.asarray(problem.center)) * weight
    r = np.concatenate([r[:-n], off])
    jacobian = np.concatenate([jacobian[:-n], weight * np.eye(n)])
    return replace(prepared, problem=problem), z, r, jacobian


def _posterior(row: Row, prior: PopulationPrior, fit: FitResult) -> Posterior:
    """A device at the mode of its posterior, from what its own problem says there."""
    noise, center = float(fit.problem.noise), np.asarray(fit.problem.center)
    weight = float(fit.problem.prior_weight)

    def of_data(loss: float, z) -> float:
        """A loss without the share of the device's own weak prior."""
        return loss - 0.5 * weight**2 * float(np.sum((z - center) ** 2))

    covariance = np.linalg.inv(fit.uncertainty.information + prior.precision)
    fit = replace(fit, uncertainty=replace(fit.uncertainty, covariance=covariance))
    values = {name: float(x) for name, x in fit.values.items()}
    loss, before = of_data(fit.loss, fit.z), of_data(row.loss or 0.0, np.asarray(row.z))
    return Posterior(
        values=values,
        std=fit.std,
        shift={name: (x - row.values[name]) / row.std[name] for name, x in values.items()},
        z=fit.z.tolist(),
        loss=loss,
        excess=2 * (loss - before) / noise**2,
        distance=prior.distance[row.name],
        p_value=prior.p_value[row.name],
        verdict=fit.verdict.word,
        reason=fit.verdict.reason,
    )


def _noise_of_each(every: Sequence[Prepared], optima: Sequence[tuple], seed: int) -> np.ndarray:
    """Standard deviations of the residuals at optima [sigma]; 1, that is what was granted, where it is unknown."""
    noise = np.ones(len(every))
    sound = [
        k for k, (_, r, j) in enumerate(optima) if np.isfinite(r).all() and np.isfinite(j).all()
    ]
    if sound:
        _, r, jacobian = (np.stack(x) for x in zip(*[optima[k] for k in sound], strict=True))
        problems, waves = zip(*[(every[k].problem, every[k].waves) for k in sound], strict=True)
        estimates = noise_of_each(problems, waves, residuals=r, jacobian=jacobian, seed=seed)
        noise[sound] = np.where(np.isfinite(estimates), estimates, 1.0)
    return noise


def _results(ended: Sequence[tuple], *, seed: int, point_time: float | None) -> list[Any]:
    """Fits of devices at their optima; or why there is none: no optimum, or errors that are no numbers."""
    out: list[Any] = [NOTHING] * len(ended)
    sound = [k for k, (_, _, r, _) in enumerate(ended) if np.isfinite(np.sum(r**2))]
    if not sound:
        return out
    every, *arrays = zip(*[ended[k] for k in sound], strict=True)
    z, r, jacobian = (np.stack(x) for x in arrays)
    problems, waves = [p.problem for p in every], [p.waves for p in every]
    known = uncertainty_of_each(problems, waves, z=z, residuals=r, jacobian=jacobian, seed=seed)
    drawn = simulated_response_of_each([p.group for p in problems], r)
    for k, p, estimate, simulated, *at in zip(sound, every, known, drawn, *arrays, strict=True):
        if isinstance(estimate, Exception):
            out[k] = f"{UNKNOWN}: {estimate}"
        elif not np.all(np.isfinite([*estimate.sigma_z, estimate.reduced_chi2])):
            out[k] = UNKNOWN
        else:
            out[k] = fit_at(
                p,
                p.problem,
                *at,
                simulated=simulated,
                seed=seed,
                point_time=point_time,
                uncertainty=estimate,
                device=constrain(p.problem.device, p.problem.free, at[0], numpy=True),
            )
    return out
