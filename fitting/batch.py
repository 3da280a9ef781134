"""Many devices in one run: searches side by side, one row per device, resumable at any moment."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import memjax as mj
from memjax.errors import MemjaxError, OutputError
from memjax.fields import parameter_specs, setting_specs, stored
from memjax.io.write import writing
from memjax.params import get
from memjax.policy import require_x64
from memjax.programs import outermost, signature

from .fit import ENDING, NOTHING, Prepared, deviations, prepare
from .least_squares import half_squares, levenberg_marquardt
from .problem import linearise
from .uncertainty import uncertainty

Source = Sequence[mj.Measurement] | Callable[[], Sequence[mj.Measurement]]

_UNKNOWN = "the derivatives at the best point are of no use"

_RUN, _CHUNK = "run.json", "chunk-{:05d}.json"
"""What was asked for, and the rows of a chunk of devices."""


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
    z, data_z, information, freedom, sweeps, cycle
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
    z: list[float] = field(default_factory=list)
    data_z: list[float] = field(default_factory=list)
    information: list[list[float]] = field(default_factory=list)
    freedom: float | None = None
    sweeps: int = 0
    cycle: list[list[float]] | None = None
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class _Search:
    """How each device is searched: starts screened, starts kept, seed."""

    screened: int
    starts: int
    seed: int


def fit_batch(
    devices: Mapping[str, Source],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    out: str | Path,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    bench: mj.Bench | None = None,
    env: mj.Environment | None = None,
    point_time: float | None = None,
    seed: int = 0,
    screened: int = 8,
    starts: int = 2,
    chunk: int = 16,
    tick: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Calibrate a model to each of many devices, chunk by chunk; what is done stays done.

    Parameters
    ----------
    devices : mapping of str to sequence of Measurement, or to callable
        The measurements of each device, or what reads them.
    device : AbstractDevice or Circuit
        The model, with values of what is not fitted.
    out : str or Path
        Folder of the run: a new one, or that of the same run, which then goes on.
    free, fix, bench, env, point_time
        As for `fit`.
    seed : int
        Seed of starts and resampling; a device's numbers do not depend on the others beside it but
        for rounding.
    screened, starts : int
        Starts evaluated for each device, and the best of them, which are improved.
    chunk : int
        Devices that advance together; all that an interrupt loses.
    tick : callable, optional
        Called with the numbers of devices done and in all, after each chunk.

    Returns
    -------
    list of Row
        In the order of `devices`; a device that cannot be read or solved has its reason in `failure`.

    Raises
    ------
    OutputError
        If the folder holds another run.
    PolicyError
        In float32.

    Notes
    -----
    Devices whose data have one shape (numbers of rows, of waveforms, of excursions) and one bench are
    solved by one program. Each search is that of `fit` without its second round.
    """
    require_x64()
    options = dict(bench=bench, env=env, point_time=point_time, free=free, fix=fix)
    search = _Search(screened=-(-screened // starts) * starts, starts=starts, seed=seed)
    made, rows, prints = _prepared(devices, device, options, search)
    chunks = _chunks(made, chunk)
    folder = _opened(Path(out), [prints, _said(device, options, search), [list(c) for c in chunks]])
    for k, names in enumerate(chunks):
        path = folder / _CHUNK.format(k)
        if not path.exists():
            found = _fitted({n: made[n] for n in names}, search, chunk)
            _write(path, [asdict(row) for row in found])
        for row in json.loads(path.read_text(encoding="utf-8")):
            rows[row["name"]] = Row(**row | {"undetermined": tuple(row["undetermined"])})
        if tick is not None:
            tick(len(rows), len(devices))
    return [rows[n] for n in devices]


def _prepared(
    devices: Mapping[str, Source], device: Any, options: Mapping[str, Any], search: _Search
) -> tuple[dict[str, Prepared], dict[str, Row], dict[str, str]]:
    """What each search needs, rows of devices that cannot be read, and a digest of the data of each."""
    made, rows, prints = {}, {}, {}
    for name, source in devices.items():
        try:
            measured = source() if callable(source) else source
            prints[name] = _print(measured)
            made[name] = prepare(
                measured, device, **options, seed=search.seed, screened=search.screened
            )
        except (MemjaxError, OSError) as error:
            rows[name] = Row(name=name, failure=str(error))
    return made, rows, prints


def _print(measured: Sequence[mj.Measurement]) -> str:
    """Digest of data."""
    digest = hashlib.sha256()
    for m in measured:
        for x in (m.t, m.v, m.i, m.sweep):
            digest.update(b"-" if x is None else np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()[:16]


def _said(device: Any, options: Mapping[str, Any], search: _Search) -> list[str]:
    """What was asked for, in words that last."""
    model = {n: stored(device, n) for n in (*parameter_specs(device), *setting_specs(device))}
    plain = {n: x if x is None or isinstance(x, str) else float(x) for n, x in model.items()}
    return [type(device).__name__, str(plain), str(dict(options)), str(search), jax.__version__]


def _chunks(made: Mapping[str, Prepared], size: int) -> list[tuple[str, ...]]:
    """Names of devices that are solved together."""
    groups: dict[str, list[str]] = {}
    for name, each in made.items():
        groups.setdefault(_shape(each.problem), []).append(name)
    return [tuple(g[k : k + size]) for g in groups.values() for k in range(0, len(g), size)]


def _shape(problem: Any) -> str:
    """What problems have in common that one program solves."""
    arrays, rest = eqx.partition(problem, eqx.is_array)
    return signature(jax.tree.leaves(arrays), rest)


def _opened(folder: Path, asked: list) -> Path:
    """The folder of a run, new or the same one."""
    path = folder / _RUN
    if path.exists() and path.read_text(encoding="utf-8") != _text(asked):
        raise OutputError(
            "the folder holds a run of other devices, options or versions",
            where=str(folder),
            allowed="a new folder, or that of the same run",
            fix="name another folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _write(path, asked)
    return folder


def _text(content: Any) -> str:
    """Strict JSON."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _write(path: Path, content: Any) -> None:
    """A file of JSON that is whole or not there."""
    with writing(path) as beside:
        beside.write_text(_text(content), encoding="utf-8")


@outermost
def _evaluate(problems: Any, z: Any):
    """Residuals, Jacobians and success of starts of each of stacked problems."""
    arrays, rest = eqx.partition(problems, eqx.is_array)

    def one(own, points):
        return jax.vmap(lambda x: linearise(eqx.combine(own, rest), x))(points)

    return jax.vmap(one)(arrays, z)


def _fitted(made: Mapping[str, Prepared], search: _Search, size: int) -> list[Row]:
    """Rows of a chunk."""
    every = list(made.values())
    every += every[-1:] * (size - len(every))  # one size, one program
    count, n = search.starts, len(every[0].problem.free)
    stacked = _stacked([e.problem for e in every])

    def evaluate(z):
        found = _evaluate(stacked, jnp.asarray(z.reshape(size, count, n)))
        r, jac, ok = (np.asarray(x).reshape(size * count, *x.shape[2:]) for x in found)
        return r, jac, ok

    begin = _screened(evaluate, np.stack([e.candidates for e in every]), count)
    done = levenberg_marquardt(evaluate, begin.reshape(-1, n), together=False)
    z, cost = done.z.reshape(size, count, n), done.cost.reshape(size, count)
    best = np.argmin(cost, axis=1)
    z, cost = (x[np.arange(size), best] for x in (z, cost))
    r, jac, _ = evaluate(np.repeat(z[:, None], count, axis=1))
    noise = [
        _noise(e, x, r[k * count], jac[k * count], search) for k, (e, x) in enumerate(zip(every, z))
    ]
    every = [
        replace(e, problem=replace(e.problem, noise=jnp.asarray(s))) for e, s in zip(every, noise)
    ]
    stacked = _stacked([e.problem for e in every])
    done = levenberg_marquardt(
        evaluate, np.repeat(z, count, axis=0), iterations=ENDING, together=False
    )
    z, cost = done.z[::count], done.cost[::count]
    r, jac, _ = evaluate(np.repeat(z[:, None], count, axis=1))
    rows = []
    for k, (name, each) in enumerate(zip(made, every)):
        rows.append(_row(name, each, z[k], float(cost[k]), r[k * count], jac[k * count], search))
    return rows


def _noise(made: Prepared, z, r, jac, search: _Search) -> float:
    """Noise of a device's data, against which the prior weighs; 1 where it cannot be said."""
    told = {"z": z, "residuals": r, "jacobian": jac, "seed": search.seed}
    try:
        noise = uncertainty(made.problem, made.waves, **told).noise
    except np.linalg.LinAlgError:
        return 1.0
    return noise if np.isfinite(noise) else 1.0


def _stacked(problems: Sequence[Any]) -> Any:
    """Problems of one shape as one, its arrays with a leading axis."""
    parts = [eqx.partition(p, eqx.is_array) for p in problems]
    arrays = jax.tree.map(lambda *x: jnp.stack(x), *(a for a, _ in parts))
    return eqx.combine(arrays, parts[0][1])


def _screened(evaluate: Callable, z: np.ndarray, count: int) -> np.ndarray:
    """The best starts of each device, its guess among them."""
    costs = []
    for k in range(0, z.shape[1], count):
        r, _, ok = evaluate(z[:, k : k + count])
        costs.append(half_squares(r, ok).reshape(len(z), count))
    order = np.argsort(np.concatenate(costs, axis=1), axis=1, kind="stable")[:, :count]
    without = ~np.any(order == 0, axis=1)
    order[without, -1] = 0
    return np.take_along_axis(z, order[:, :, None], axis=1)


def _row(name: str, made: Prepared, z, cost: float, r, jac, search: _Search) -> Row:
    """What was found for a device."""
    if not np.isfinite(cost):
        return Row(name=name, failure=NOTHING)
    problem = made.problem
    try:
        known = uncertainty(problem, made.waves, z=z, residuals=r, jacobian=jac, seed=search.seed)
    except np.linalg.LinAlgError as error:
        return Row(name=name, failure=f"{_UNKNOWN}: {error}")
    device = problem.at(jnp.asarray(z))
    std = deviations(problem, z, known.sigma_z)
    if not np.all(np.isfinite([*std.values(), known.reduced_chi2])):
        return Row(name=name, failure=_UNKNOWN)
    return Row(
        name=name,
        values={n: float(get(device, n)) for n in problem.free},
        std=std,
        undetermined=known.undetermined,
        loss=cost,
        reduced_chi2=known.reduced_chi2,
        z=z.tolist(),
        data_z=known.data_z.tolist(),
        information=known.information.tolist(),
        freedom=known.freedom,
        sweeps=known.sweeps,
        cycle=None if known.cycle is None else known.cycle.tolist(),
    )


__all__ = ["Row", "fit_batch"]
