"""Retention: laws of decay and a device's own relaxation, fitted to resistance against time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

import memjax as mj
from memjax.data import DecayRecord
from memjax.errors import DataError, FitError
from memjax.params import get, known, replace as with_values, unconstrain
from memjax.policy import require_x64
from memjax.scaling import Scaled
from memjax.solver import rodas3_step

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from ..problem import AbstractDifferentiable, begun, initial_states, inside
from ..residuals import Residuals
from ..result import AbstractFit

_READ = 1e-2
"""Voltage at which a resistance is computed where the record does not say [V]."""

_SUBSTEPS = 4
"""Steps of the device's equations between two readings."""

_LONGEST = 50.0
"""How far beyond the record a time constant may lie."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of decay.

    Parameters
    ----------
    name : str
        Its name.
    units : dict of str to str
        Parameters and their units.
    value : callable
        ``value(t, p)``: resistance over the scale [1] at times over the duration [1].
    starts : callable
        ``starts(first, last)``: starts of the search.
    low, high : tuple of float
        Bounds.
    """

    name: str
    units: dict[str, str]
    value: Callable
    starts: Callable
    low: tuple[float, ...]
    high: tuple[float, ...]


def _stretched(t, p):
    """r_inf + (r0 - r_inf) exp(-(t/tau)^beta)."""
    return p[1] + (p[0] - p[1]) * np.exp(-((t / np.exp(p[2])) ** p[3]))


def _log_time(t, p):
    """r0 + a ln(1 + t/t0)."""
    return p[0] + p[1] * np.log1p(t / np.exp(p[2]))


def _power(t, p):
    """r0 (1 + t/t0)^nu."""
    return p[0] * np.exp(p[1] * np.log1p(t / np.exp(p[2])))


_FAST, _SLOW = np.log(1e-4), np.log(_LONGEST)

LAWS: tuple[Law, ...] = (
    Law(
        name="stretched exponential",
        units={"r0": "ohm", "r_inf": "ohm", "tau": "s", "beta": "1"},
        value=_stretched,
        starts=lambda a, b: [
            (a, b + share * (b - a), np.log(tau), beta)
            for share, tau, beta in ((0.1, 0.3, 0.7), (1.0, 1.0, 0.5), (0.0, 0.05, 1.0))
        ],
        low=(0.0, 0.0, _FAST, 0.1),
        high=(10.0, 10.0, _SLOW, 2.0),
    ),
    Law(
        name="logarithm of time",
        units={"r0": "ohm", "a": "ohm", "t0": "s"},
        value=_log_time,
        starts=lambda a, b: [
            (a, (b - a) / np.log1p(1 / t0), np.log(t0)) for t0 in (0.001, 0.03, 0.5)
        ],
        low=(0.0, -10.0, _FAST),
        high=(10.0, 10.0, _SLOW),
    ),
    Law(
        name="power of time",
        units={"r0": "ohm", "nu": "1", "t0": "s"},
        value=_power,
        starts=lambda a, b: [
            (a, np.log(b / a) / np.log1p(1 / t0), np.log(t0)) for t0 in (0.001, 0.03, 0.5)
        ],
        low=(0.0, -10.0, _FAST),
        high=(10.0, 10.0, _SLOW),
    ),
)
"""What is compared."""


@dataclass(frozen=True, kw_only=True)
class LawFit:
    """One law, fitted.

    Parameters
    ----------
    name : str
        Its name.
    values, std, units : dict
        Parameters, their standard errors, their units; an error is None where the least squares end
        at a bound or the parameters are not told apart.
    rms : float
        Root mean square of the relative residuals [1].
    correlation : float
        Autocorrelation of the residuals from one reading to the next; the errors allow for it.
    aic : float
        Akaike's criterion, of the number of independent readings that this correlation leaves.
    ahead : float or None
        Median relative error of the second half of the time where only the first is fitted [1].
    curve : Float[np.ndarray, "rows"]
        Resistance at the record's times [ohm].
    """

    name: str
    values: dict[str, float]
    std: dict[str, float | None]
    units: dict[str, str]
    rms: float
    correlation: float
    aic: float
    ahead: float | None
    curve: Float[np.ndarray, " rows"]


def _least(law: Law, t: np.ndarray, y: np.ndarray) -> Any:
    """Best of the least squares from the law's starts."""
    from scipy.optimize import least_squares

    few = max(len(y) // 50, 1)
    low, high = np.asarray(law.low), np.asarray(law.high)
    found = []
    for start in law.starts(float(np.median(y[:few])), float(np.median(y[-5 * few :]))):
        x0 = np.clip(start, low + 1e-6, high - 1e-6)
        found.append(
            least_squares(
                lambda p: law.value(t, p) - y, x0, bounds=(low, high), x_scale="jac", max_nfev=200
            )
        )
    return min(found, key=lambda f: f.cost)


def fit_law(law: Law, t: Float[np.ndarray, " rows"], r: Float[np.ndarray, " rows"]) -> LawFit:
    """Fit a law of decay to resistance against time.

    Parameters
    ----------
    law : Law
        One of `LAWS`.
    t : Float[np.ndarray, "rows"]
        Times [s], at least 8.
    r : Float[np.ndarray, "rows"]
        Resistances [ohm].

    Returns
    -------
    LawFit

    Raises
    ------
    DataError
        For fewer than 8 readings.
    """
    if len(t) < 8:
        raise DataError(f"{len(t)} readings", where="retention", allowed="at least 8")
    since, scale = t - t[0], float(np.median(r))
    time = float(since[-1])
    found = _least(law, since / time, r / scale)
    off = found.fun
    rho = float(np.clip(np.sum(off[1:] * off[:-1]) / max(np.sum(off**2), 1e-300), 0.0, 0.99))
    free = max(len(t) * (1 - rho) / (1 + rho), len(found.x) + 1)
    half = since <= time / 2
    ahead = None
    if half.sum() >= 8 and (~half).any():
        early = _least(law, since[half] / time, r[half] / scale)
        late = scale * law.value(since[~half] / time, early.x)
        ahead = float(np.median(np.abs(late - r[~half]) / r[~half]))
    values, std = _in_units(law, found, scale, time, free)
    return LawFit(
        name=law.name,
        values=values,
        std=std,
        units=law.units,
        rms=float(np.sqrt(np.mean(off**2))),
        correlation=rho,
        aic=float("nan"),
        ahead=ahead,
        curve=scale * (r / scale + off),
    )


def compare(record: DecayRecord) -> tuple[LawFit, ...]:
    """All laws fitted to a run, the best by Akaike's criterion first.

    Notes
    -----
    The criterion counts as many independent readings as the residuals' correlation under the law of
    least residuals leaves, the same number for all.
    """
    found = [fit_law(law, record.t, record.r) for law in LAWS]
    rho = min(found, key=lambda f: f.rms).correlation
    n = len(record.t) * (1 - rho) / (1 + rho)
    aic = lambda f: float(2 * n * np.log(max(f.rms, 1e-300)) + 2 * len(f.values))  # noqa: E731
    return tuple(sorted((replace(f, aic=aic(f)) for f in found), key=lambda f: f.aic))


def _in_units(law: Law, found: Any, scale: float, time: float, free: float):
    """Values and standard errors in the law's units."""
    jtj = found.jac.T @ found.jac
    size = np.sqrt(np.diag(jtj))
    sound = np.all(size > 0) and np.linalg.cond(jtj / np.outer(size, size)) < 1e12
    variance = 2 * found.cost / max(len(found.fun) - len(found.x), 1) * len(found.fun) / free
    sigma = np.sqrt(np.diag(np.linalg.inv(jtj)) * variance) if sound else np.full(len(size), np.nan)
    values: dict[str, float] = {}
    std: dict[str, float | None] = {}
    for k, (name, unit) in enumerate(law.units.items()):
        x = float(found.x[k])
        value = scale * x if unit == "ohm" else time * np.exp(x) if unit == "s" else x
        slope = {"ohm": scale, "s": value}.get(unit, 1.0)
        inside = min(x - law.low[k], law.high[k] - x) > 1e-3 and np.isfinite(sigma[k])
        values[name], std[name] = float(value), float(slope * sigma[k]) if inside else None
    return values, std


@eqx.filter_jit
def relaxation(device, t, v, env, reads):
    """Resistance of a device that is held at a voltage, from its state at rest on.

    Parameters
    ----------
    device : AbstractDevice
        The device; its initial state is that at the first time.
    t : Float[Array, "rows"]
        Times [s].
    v, reads : Float[Array, ""]
        At which it is held, and read [V].
    env : Environment
        Temperature.

    Returns
    -------
    Float[Array, "rows"]
        Resistance [ohm].
    """
    scaled = Scaled(mj.BenchedDevice(device), env)
    rate = lambda _, y: scaled.drift(jnp.zeros(()), y, v)  # noqa: E731

    def step(z, h):
        z = scaled.project(rodas3_step(rate, jnp.zeros(()), z, h=h).y)
        return z, z

    begin = scaled.initial()
    steps = jnp.repeat(jnp.diff(t) / _SUBSTEPS, _SUBSTEPS)
    path = jnp.concatenate(
        [begin[None], lax.scan(step, begin, steps)[1][_SUBSTEPS - 1 :: _SUBSTEPS]]
    )
    current = lambda z: device.current(jnp.zeros(()), scaled.unpack(z), reads, env)  # noqa: E731
    return reads / jax.vmap(current)(path)


class RetentionProblem(AbstractDifferentiable):
    """A device's own relaxation against a resistance that was read.

    Parameters
    ----------
    device, free, center, noise, ties
        See `fitting.problem.AbstractProblem`.
    t : Float[Array, "rows"]
        Times since the first reading [s].
    v, reads : Float[Array, ""]
        At which the device is held, and read [V].
    env : Environment
        Temperature.
    target : Float[Array, "rows"]
        Logarithm of the resistance.
    sigma : Float[Array, ""]
        Its standard deviation.
    """

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    t: Float[Array, " rows"]
    v: Float[Array, ""]
    reads: Float[Array, ""]
    env: mj.Environment
    target: Float[Array, " rows"]
    sigma: Float[Array, ""]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))

    @property
    def own(self) -> tuple[str, ...]:
        """See `AbstractProblem`: whatever switched the device on, the record does not show it."""
        return initial_states(self.device)

    def relaxed(self, z) -> Float[Array, " rows"]:
        """Resistance at the times of the readings [ohm]."""
        return relaxation(self.at(z), self.t, self.v, self.env, self.reads)

    def data_residuals(self, z):
        """See `AbstractDifferentiable`."""
        off = (jnp.log(jnp.maximum(self.relaxed(z), 1e-30)) - self.target) / self.sigma
        return off, jnp.all(jnp.isfinite(off))


def _drift(record: DecayRecord) -> list[dict[str, float]]:
    """A filament that is nearly whole, or has begun to dissolve, towards a resistance beyond the last."""
    first, last = float(np.median(record.r[:5])), float(np.median(record.r[-20:]))
    time, found = float(record.t[-1] - record.t[0]), []
    for share in (0.9, 0.5):
        h = share * 15e-9
        found.append(
            {
                "h0": h,
                "r_on": 0.5 * first,
                "r_off": 2.0 * max(first, last),
                "beta": h * 1.061e-8 / time * max(abs(last / first - 1), 1e-3) * 5,
            }
        )
    return found


STARTS: dict[str, Callable[[DecayRecord], list[dict[str, float]]]] = {"drift": _drift}
"""Models whose relaxation is fitted without being told which parameters."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RetentionFit(AbstractFit):
    """Laws of decay, and a device, fitted to resistance against time.

    Parameters
    ----------
    record : DecayRecord
        The data.
    laws : tuple of LawFit
        The best by Akaike's criterion first.
    device : AbstractDevice
        With the best parameters; its state at rest is that of the first reading.
    model : str
        Its name.
    problem : RetentionProblem
        What was minimised.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates.
    covariance : Float[np.ndarray, "free free"]
        Of these, from the residuals and their correlation.
    curve : Float[np.ndarray, "rows"]
        The device's resistance at the record's times [ohm].
    rms : float
        Root mean square of its relative residuals [1].
    loss : float
        Half the sum of squared residuals.
    voltage : float
        At which the device is held [V].
    search : Progress
        Iterations, evaluations, cost of each start.
    """

    record: DecayRecord
    laws: tuple[LawFit, ...]
    device: mj.AbstractDevice
    model: str
    problem: RetentionProblem
    z: Float[np.ndarray, " free"]
    covariance: Float[np.ndarray, "free free"]
    curve: Float[np.ndarray, " rows"]
    rms: float
    loss: float
    voltage: float
    search: Progress
    profiles: tuple[Any, ...] = ()
    sample: Any = None

    def moved(self, problem: RetentionProblem, z, covariance) -> "RetentionFit":
        """See `AbstractFit`."""
        at = jnp.asarray(z)
        curve = np.asarray(problem.relaxed(at))
        about = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        rms = float(np.sqrt(np.mean((curve / self.record.r - 1) ** 2)))
        return replace(self, device=problem.at(at), curve=curve, rms=rms, **about)

    def residuals(self, data: DecayRecord | None = None) -> Residuals:
        """See `AbstractFit`; `data` are later readings of the same run."""
        problem, begin = self.problem, 0
        if data is not None:
            begin, t0 = len(self.record.t), self.record.t[0]
            t, r = (np.concatenate(x) for x in ((self.record.t, data.t), (self.record.r, data.r)))
            problem = replace(problem, t=jnp.asarray(t - t0), target=jnp.asarray(np.log(r)))
        values = problem.of_data(self.z)[begin:]
        about: dict[str, Any] = dict(series=np.zeros(len(values), int), unit="of ln R")
        return Residuals(values=values, sigma=np.full(len(values), float(problem.sigma)), **about)


def halves(record: DecayRecord) -> tuple[DecayRecord, DecayRecord]:
    """The first half of the time of a run, and the second: neighbours are too much alike to stand for what is to come.

    Raises
    ------
    DataError
        For fewer than 8 readings in either.
    """
    first = record.t - record.t[0] <= (record.t[-1] - record.t[0]) / 2
    if min(first.sum(), (~first).sum()) < 8:
        raise DataError(
            f"{first.sum()} readings in the first half of the time, {(~first).sum()} in the second: none is held out",
            where=record.label, allowed="at least 8 in each",
        )  # fmt: skip
    seen, held = (replace(record, t=record.t[m], r=record.r[m]) for m in (first, ~first))
    return seen, held


def fit_retention(
    record: DecayRecord,
    device: mj.AbstractDevice,
    *,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    env: mj.Environment | None = None,
    tick: Callable[[str, Progress], None] | None = None,
) -> RetentionFit:
    """Compare laws of decay, and a device's own relaxation, on resistance against time.

    Parameters
    ----------
    record : DecayRecord
        One run.
    device : AbstractDevice
        Relaxes at the record's read voltage, or at zero bias where that is not known, from the state at
        rest that its parameters set.
    free : sequence of str, optional
        Parameters to fit; by default those of `STARTS`.
    fix : Mapping, optional
        Values to keep [SI].
    start : mapping of str to float, optional
        Values at which the search and the prior of free parameters begin [SI], in place of those that the data show;
        bounds are those of the device, see `memjax.params.bounded`.
    env : Environment, optional
        Temperature.
    tick : callable, optional
        Called with the stage and the progress after each iteration.

    Returns
    -------
    RetentionFit

    Raises
    ------
    DataError
        For too few readings, or a model for which it is not known what to fit.
    FitError
        If no start could be solved.
    """
    require_x64()
    laws = compare(record)
    device, env = with_values(device, fix or {}, where="--fix"), env or mj.Environment()
    names, points = _begin(record, device, free, fix or {}, start or {})
    problem = RetentionProblem(
        device=device,
        free=names,
        center=jnp.asarray(points[0]),
        t=jnp.asarray(record.t - record.t[0]),
        v=jnp.asarray(record.read_voltage or 0.0, float),
        reads=jnp.asarray(record.read_voltage or _READ, float),
        env=env,
        target=jnp.asarray(np.log(record.r)),
        sigma=jnp.asarray(max(laws[0].rms, 1e-6), float),
    )
    show = None if tick is None else lambda p: tick("relaxation", p)
    options: dict[str, Any] = {"iterations": 80, "tick": show}
    found = [levenberg_marquardt(problem.linearise, z[None], **options) for z in points]
    search = min(found, key=lambda p: float(p.cost[p.best]))
    if not np.isfinite(search.cost).any():
        raise FitError("no start could be solved", where=f"a fit of {device.name}")
    z = search.z[search.best]
    r, jacobian, _ = problem.linearise(z[None])
    off = r[0][: len(record.r)]
    return RetentionFit(
        record=record,
        laws=laws,
        device=problem.at(jnp.asarray(z)),
        model=device.name,
        problem=problem,
        z=z,
        covariance=_covariance(off, jacobian[0]),
        curve=np.asarray(problem.relaxed(jnp.asarray(z))),
        rms=float(np.sqrt(np.mean(np.expm1(off * float(problem.sigma)) ** 2))),
        loss=float(search.cost[search.best]),
        voltage=float(problem.v),
        search=search,
    )


def _begin(record: DecayRecord, device: mj.AbstractDevice, free, fix: Mapping[str, float], start):
    """Names of the free parameters, and coordinates of the starts."""
    known_starts = STARTS.get(device.name)
    if free is None and known_starts is None:
        raise DataError(
            f"no relaxation known for the model {device.name!r}", where="a fit to a resistance",
            allowed=", ".join(STARTS), fix="name the parameters to fit with --free",
        )  # fmt: skip
    starts = [{}] if known_starts is None else known_starts(record)
    names = tuple(n for n in known(device, free or starts[0], where="--free") if n not in fix)
    if not names:
        raise DataError("nothing is free", where="--fix", allowed="one free parameter at least")
    own = {n: float(get(begun(device, names, start), n)) for n in names}
    begins = [own | {n: s[n] for n in names if n in s} | start for s in starts]
    return names, np.stack([_coordinates(device, names, x) for x in begins])


def _coordinates(device, names: tuple[str, ...], values: dict[str, float]) -> np.ndarray:
    """Coordinates of values; those on a bound, which have none, a little inside."""
    on = lambda x: np.asarray(unconstrain(with_values(device, x), names))  # noqa: E731
    z = on(values)
    return np.where(np.isfinite(z), z, on(inside(device, values)))


def _covariance(off: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Covariance of the coordinates: of correlated residuals, and the prior."""
    rho = float(np.clip(np.sum(off[1:] * off[:-1]) / np.sum(off**2), 0.0, 0.99))
    more = np.mean(off**2) * (1 + rho) / (1 - rho)
    data, prior = jacobian[: len(off)], jacobian[len(off) :]
    return np.linalg.inv(data.T @ data / more + prior.T @ prior)
