"""Retention: laws of decay and a device's own relaxation, fitted to resistance against time."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas
from jax import lax
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.params import get, replace as with_values, unconstrain
from memjax.core.scaling import Scaled
from memjax.data import DecayRecord
from memjax.errors import DataError
from memjax.simulate.policy import require_x64
from memjax.solver import rodas3_step

from ..problem import AbstractDifferentiable, begun, free_names, initial_states, inside, one_by_one
from ..residuals import Residuals, neighbour_correlation
from ..result import AbstractFit
from ..solve import AbstractFitProblem, Tick
from ..verdict import Verdict
from .laws import LawFit, compare
from .report import figure_of
from .verdict import judge_decay

_READ = 1e-2  # voltage at which a resistance is computed where the record does not say [V]
_SUBSTEPS = 4  # steps of the device's equations between two readings
_ITERATIONS = 80  # of the search from each start


@eqx.filter_jit
def relaxation(device, t, v, env, reads):
    """Resistance [ohm] at times [s] of a device that is held at a voltage `v`, read at `reads` [V], from its rest on.

    Its initial state is that at the first time.
    """
    scaled = Scaled(mj.BenchedDevice(device), env)
    rate = lambda _, y: scaled.drift(jnp.zeros(()), y, v)  # noqa: E731

    def step(z, h):
        z = scaled.project(rodas3_step(rate, jnp.zeros(()), z, h=h).y)
        return z, z

    begin = scaled.initial()
    # L-stable steps: readings that are spaced by decades do not excite what has long decayed.
    steps = jnp.repeat(jnp.diff(t) / _SUBSTEPS, _SUBSTEPS)
    after = lax.scan(step, begin, steps)[1][_SUBSTEPS - 1 :: _SUBSTEPS]
    path = jnp.concatenate([begin[None], after])
    current = lambda z: device.current(jnp.zeros(()), scaled.unpack(z), reads, env)  # noqa: E731
    return reads / jax.vmap(current)(path)


class RetentionResiduals(AbstractDifferentiable):
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
    def data_parameters(self) -> tuple[str, ...]:
        """See `AbstractProblem`: whatever switched the device on, the record does not show it."""
        return initial_states(self.device)

    def relaxed(self, z) -> Float[Array, " rows"]:
        """Resistance at the times of the readings [ohm]."""
        return relaxation(self.at(z), self.t, self.v, self.env, self.reads)

    def data_residuals(self, z):
        off = (jnp.log(jnp.maximum(self.relaxed(z), 1e-30)) - self.target) / self.sigma
        return off, jnp.all(jnp.isfinite(off))


def _drift(record: DecayRecord) -> list[dict[str, float]]:
    """A filament that is nearly whole, or has begun to dissolve, towards a resistance beyond the last."""
    first, last = float(np.median(record.r[:5])), float(np.median(record.r[-20:]))
    time, change = float(record.t[-1] - record.t[0]), max(abs(last / first - 1), 1e-3)
    starts = []
    for h in (0.9 * 15e-9, 0.5 * 15e-9):
        resistances = {"r_on": 0.5 * first, "r_off": 2.0 * max(first, last)}
        starts.append({"h0": h, **resistances, "beta": h * 1.061e-8 / time * change * 5})
    return starts


STARTS: dict[str, Callable[[DecayRecord], list[dict[str, float]]]] = {"drift": _drift}
"""Models whose relaxation is fitted without being told which parameters."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RetentionFit(AbstractFit):
    """Laws of decay, and a device, fitted to resistance against time.

    Parameters
    ----------
    device, problem, z, covariance, loss, search
        See `AbstractFit`; the device's state at rest is that of the first reading.
    record : DecayRecord
        The data.
    laws : tuple of LawFit
        The best by Akaike's criterion first.
    curve : Float[np.ndarray, "rows"]
        The device's resistance at the record's times [ohm].
    rms : float
        Root mean square of its relative residuals [1].
    voltage : float
        At which the device is held [V].
    """

    record: DecayRecord
    laws: tuple[LawFit, ...]
    device: mj.AbstractDevice
    problem: RetentionResiduals
    covariance: Float[np.ndarray, "free free"]
    curve: Float[np.ndarray, " rows"]
    rms: float
    voltage: float
    kind: ClassVar[str] = "resistance against time"

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [self.record.source]

    def moved(self, problem: RetentionResiduals, z, covariance) -> "RetentionFit":
        at = jnp.asarray(z)
        curve = np.asarray(problem.relaxed(at))
        rms = float(np.sqrt(np.mean((curve / self.record.r - 1) ** 2)))
        fields = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        return replace(self, device=problem.at(at), curve=curve, rms=rms, **fields)

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What the device's relaxation is worth as a description of the readings, and why."""
        return judge_decay(self.record.t, np.log10(self.record.r), np.log10(self.curve))

    def tables(self) -> dict[str, pandas.DataFrame]:
        """Readings, and the resistance of the device and of each law, by t_s."""
        laws = {law.name.replace(" ", "_") + "_ohm": law.curve for law in self.laws}
        columns = {"measured": {"r_ohm": self.record.r}, "simulated": {"r_ohm": self.curve} | laws}
        return {n: pandas.DataFrame({"t_s": self.record.t} | x) for n, x in columns.items()}

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: resistance against time."""
        return figure_of(f"{self.model}, {self.voltage:g} V", **self.tables())

    def residuals(self, data: DecayRecord | None = None) -> Residuals:
        """See `AbstractFit`; `data` are later readings of the same run."""
        problem, begin = self.problem, 0
        if data is not None:
            begin, t0 = len(self.record.t), self.record.t[0]
            t, r = (np.concatenate(x) for x in ((self.record.t, data.t), (self.record.r, data.r)))
            problem = replace(problem, t=jnp.asarray(t - t0), target=jnp.asarray(np.log(r)))
        values = problem.of_data(self.z)[begin:]
        sigma, alone = np.full(len(values), float(problem.sigma)), np.zeros(len(values), int)
        return Residuals(values=values, sigma=sigma, series=alone, unit="of ln R")


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
    early, late = (replace(record, t=record.t[m], r=record.r[m]) for m in (first, ~first))
    return early, late


@dataclass(frozen=True)
class RetentionProblem(AbstractFitProblem):
    """A resistance against time, to which laws of decay and a device's own relaxation are fitted.

    Parameters
    ----------
    data : DecayRecord
        One run.
    device : AbstractDevice
        Relaxes at the record's read voltage, or at zero bias where that is not known, from the state at
        rest that its parameters set.
    free : sequence of str, optional
        Parameters to fit; by default those of `fitting.retention.fit.STARTS`.
    fix, start
        See `AbstractFitProblem`.
    env : Environment, optional
        Temperature.

    Raises
    ------
    DataError
        When it is solved: for too few readings, or a model for which it is not known what to fit.
    FitError
        When it is solved: if no start could be solved.
    """

    data: DecayRecord
    _: dataclasses.KW_ONLY
    env: mj.Environment | None = None

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> RetentionFit:
        """See `fitting.solve`; nothing depends on the seed."""
        require_x64()
        record, fix, env = self.data, self.fix or {}, self.env or mj.Environment()
        laws = compare(record)
        device = with_values(self.device, fix, where="--fix")
        names, points = _begin(record, device, self.free, fix, self.start or {})
        problem = RetentionResiduals(
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
        search = one_by_one(
            problem, points, stage="relaxation", iterations=_ITERATIONS, tick=progress
        )
        z = search.z[search.best]
        r, jacobian, _ = problem.linearise(z[None])
        off = r[0][: len(record.r)]
        return RetentionFit(
            record=record,
            laws=laws,
            device=problem.at(jnp.asarray(z)),
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
        what = f"no relaxation known for the model {device.name!r}"
        advice = "name the parameters to fit with --free"
        raise DataError(what, where="a fit to a resistance", allowed=", ".join(STARTS), fix=advice)
    starts = [{}] if known_starts is None else known_starts(record)
    names = free_names(device, free or starts[0], fix)
    defaults = {n: float(get(begun(device, names, start), n)) for n in names}
    begins = [defaults | {n: s[n] for n in names if n in s} | start for s in starts]
    return names, np.stack([_coordinates(device, names, x) for x in begins])


def _coordinates(device, names: tuple[str, ...], values: dict[str, float]) -> np.ndarray:
    """Coordinates of values; those on a bound, which have none, a little inside."""
    on = lambda x: np.asarray(unconstrain(with_values(device, x), names))  # noqa: E731
    z = on(values)
    return np.where(np.isfinite(z), z, on(inside(device, values)))


def _covariance(off: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """Covariance of the coordinates: of correlated residuals, and the prior."""
    rho = neighbour_correlation(off)
    # Of residuals that follow each other by rho, n count as n (1 - rho) / (1 + rho) independent ones.
    more = np.mean(off**2) * (1 + rho) / (1 - rho)
    data, prior = jacobian[: len(off)], jacobian[len(off) :]
    return np.linalg.inv(data.T @ data / more + prior.T @ prior)
