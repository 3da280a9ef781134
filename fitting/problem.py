"""A calibration problem: free parameters, their coordinates, and the residuals that data of any kind leave."""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import constrain, get, known, replace
from memjax.core.transforms import edges, from_spec, within
from memjax.errors import BoundsError, DataError, FitError
from memjax.runtime.compile_cache import cached_jit, is_array, jit_with_options

from .optimize.levenberg_marquardt import Progress, levenberg_marquardt

PRIOR_SIGMA = 2.0
"""Standard deviation of the log-normal prior around the start [natural log units]: a factor of 7."""

WEAK_SIGMA = 7.0
"""The same where a search ends, a factor of 1,100: what the data say anything of, it moves by little."""

TOGETHER = 8
"""Points that are evaluated together, where nothing else decides: one size, one program."""

Linearised = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Residuals, their Jacobian, and success, of each of several points."""

Outcome = tuple[Float[Array, " residuals"], Bool[Array, ""]]
"""Residuals of one point in a traced program, and whether every solve ended well."""


class AbstractProblem(eqx.Module):
    """Residuals of the free parameters of a device or circuit, whatever the kind of the data.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        Fixed parameters, and the start of the free ones.
    free : tuple of str
        Names of the free parameters.
    center : Float[Array, "free"]
        Centre of the log-normal prior, in unconstrained coordinates.
    noise : Float[Array, ""]
        Standard deviation of the residuals of the data [sigma]: the prior weighs against these; 0 for no prior.
    ties : tuple of (str, str)
        Parameters that follow a free one.
    """

    device: eqx.AbstractVar[mj.AbstractDevice | mj.Circuit]
    free: eqx.AbstractVar[tuple[str, ...]]
    center: eqx.AbstractVar[Float[Array, " free"]]
    noise: eqx.AbstractVar[Float[Array, ""]]
    ties: eqx.AbstractVar[tuple[tuple[str, str], ...]]

    @abc.abstractmethod
    def linearise(self, z: Float[np.ndarray, "points free"]) -> Linearised:
        """Residuals [sigma], the prior's last, their Jacobian, and success of each of a batch of points."""

    def for_many_calls(self) -> Any:
        """What has its `linearise`, made once for many calls; itself, where a call makes nothing."""
        return self

    @property
    def data_parameters(self) -> tuple[str, ...]:
        """Parameters of the data rather than of the device: the state at their start, where the device keeps it."""
        return () if getattr(self.device, "volatile", False) else initial_states(self.device)

    @property
    def differentiable(self) -> "AbstractDifferentiable | None":
        """The same as a problem that JAX differentiates; None where its derivatives are secants."""
        return None

    @property
    def prior_weight(self) -> Float[Array | np.ndarray, ""]:
        """Residuals of the prior [sigma] per distance of a coordinate from its centre."""
        return self.noise / PRIOR_SIGMA

    @property
    def prior_precision(self) -> Float[np.ndarray, "free free"]:
        """Precision of the prior of the coordinates where a search begins, as a joint fit takes it over."""
        return np.eye(len(self.free)) / PRIOR_SIGMA**2

    @property
    def backend(self) -> str:
        """What solves it, see `memjax.lanes.backend`."""
        return "xla"

    @property
    def moved(self) -> tuple[str, ...]:
        """Free parameters whose start was moved inside narrower bounds, see `memjax.params.with_bounds`."""
        specs = parameter_specs(self.device)
        pairs = zip(self.free, np.asarray(self.center), strict=False)
        begin = {n: from_spec(specs[n]).inverse(z) for n, z in pairs if specs[n].narrowed}
        return moved_inside(self.device, begin, tuple(begin))

    def loss(self, z: Float[np.ndarray, " free"]) -> float:
        """Half the sum of squared residuals at unconstrained coordinates."""
        return 0.5 * float(np.sum(self.linearise(np.repeat(z[None], TOGETHER, axis=0))[0][0] ** 2))

    def of_data(self, z: Float[np.ndarray, " free"]) -> Float[np.ndarray, " data"]:
        """Residuals of the data [sigma] at unconstrained coordinates; a `FitError` where these cannot be solved."""
        r, _, ok = self.linearise(np.repeat(z[None], TOGETHER, axis=0))
        if not ok[0]:
            raise FitError("the data cannot be solved with the fitted values")
        return r[0][: -len(self.free)]

    def at(self, z: Float[Array | np.ndarray, " free"] | Sequence[Float[Array, ""]]) -> Any:
        """The device or circuit at unconstrained coordinates."""
        device = constrain(self.device, self.free, z)
        tied = {a: get(device, b) for a, b in self.ties}
        return replace(device, tied, check=False) if tied else device

    def by_secants(
        self, off: Float[np.ndarray, "points moves data"], z: Float[np.ndarray, "points free"], step: float
    ) -> tuple[Float[np.ndarray, "points residuals"], Float[np.ndarray, "points residuals free"]]:  # fmt: skip
        """All residuals, and their Jacobian by secants, from those of the data at `secant_points`."""
        weight = float(self.prior_weight)
        with np.errstate(invalid="ignore"):  # where neither end has a value
            slopes = np.moveaxis(off[:, 1:] - off[:, :1], 1, 2) / step
        prior = np.broadcast_to(np.eye(z.shape[1]) * weight, (len(z), z.shape[1], z.shape[1]))
        r = np.concatenate([off[:, 0], (z - np.asarray(self.center)) * weight], axis=1)
        return r, np.concatenate([slopes, prior], axis=1)

    def with_prior(
        self, data: Float[Array, " data"], z: Float[Array, " free"]
    ) -> Float[Array, " residuals"]:
        """Residuals of the data, then those of the prior [sigma]."""
        return jnp.concatenate([data, (z - self.center) * self.prior_weight])


def shift_by_prior(
    r: Float[np.ndarray, " residuals"], jacobian: Float[np.ndarray, "residuals free"]
) -> Float[np.ndarray, " free"]:
    """By how much the prior moves an estimate, to first order, from residuals and their Jacobian, the prior's last.

    Along directions of which the prior says more than the data it counts as no shift: there is nothing to move.
    """
    n = jacobian.shape[1]
    of_data, of_prior = jacobian[:-n], jacobian[-n:]
    size, axes = np.linalg.eigh(of_data.T @ of_data)
    known = size > np.max(np.diag(of_prior.T @ of_prior))
    gradient = axes.T @ (of_prior.T @ r[-n:])
    return -axes @ np.divide(gradient, size, out=np.zeros(n), where=known)


def initial_states(device: eqx.Module) -> tuple[str, ...]:
    """Parameters that set the state at the start: of a state ``x`` the parameter ``x0``."""
    named = [f"{s.name}0" for s in getattr(device, "states", ())]
    return tuple(n for n in named if n in parameter_specs(device))


def inside(device: mj.AbstractDevice | mj.Circuit, values: Mapping[str, float]) -> dict[str, float]:
    """Values kept a little within their bounds, on which no coordinate is finite."""
    specs, out = parameter_specs(device), {}
    for name, value in values.items():
        lower, upper = specs[name].bounds
        if specs[name].narrowed:
            out[name] = within(specs[name], value)
            continue
        # On a bound a logarithm or logit is infinite; a hundredth away its slope still moves a search.
        if lower > 0 or upper >= 100:
            low, high = max(lower * 1.01, 1e-30) if lower >= 0 else lower, upper * 0.99
        else:
            low, high = lower + 0.005 * (upper - lower), upper - 0.005 * (upper - lower)
        out[name] = float(np.clip(value, low, high))
    return out


def secant_points(
    z: Float[np.ndarray, "points free"], step: float
) -> Float[np.ndarray, "points moves free"]:
    """Each of the points, and its neighbours along each coordinate."""
    n = z.shape[1]
    return z[:, None] + np.concatenate([np.zeros((1, n)), step * np.eye(n)])


class NotFreeError(DataError):
    """Bounds or starts of parameters that are not free.

    Parameters
    ----------
    names : sequence of str
        These parameters.
    free : sequence of str
        Those that are free.
    """

    def __init__(self, names: Sequence[str], free: Sequence[str]):
        super().__init__(
            f"{', '.join(names)} not free", where="bounds and starts of a fit", allowed=", ".join(free),
            fix="name what is free with --free",
        )  # fmt: skip
        self.names = tuple(names)


def free_names(
    device: Any, free: Iterable[str], fix: Mapping[str, float], *, where: str = "--free"
) -> tuple[str, ...]:
    """Names of the free parameters, of those that are named and not fixed.

    Raises
    ------
    DataError, ModelError
        Where none is left, and for unknown names.
    """
    names = tuple(n for n in known(device, free, where=where) if n not in fix)
    if not names:
        raise DataError("nothing is free", where="--fix", allowed="one free parameter at least")
    return names


def one_by_one(
    problem: Any, starts: Iterable[np.ndarray], *, stage: str, iterations: int, tick: Any = None
) -> Progress:  # fmt: skip
    """The best of searches from several starts, one after the other; ``tick(stage, progress)`` follows them.

    Raises
    ------
    FitError
        If no start could be solved.
    """
    show = None if tick is None else partial(tick, stage)
    begins, searches = [z[None] for z in starts], []
    for k, z in enumerate(begins, 1):
        later = iterations * (len(begins) - k)
        search = Progress(z, np.full(1, np.inf), later=later, problem=problem)
        options: dict[str, Any] = dict(iterations=iterations, progress=search, tick=show)
        searches.append(levenberg_marquardt(problem.linearise, z, **options))
    search = min(searches, key=lambda p: float(p.cost[p.best]))
    if not np.isfinite(search.cost).any():
        raise FitError("no start could be solved", where=f"a fit of {problem.device.name}")
    return search


def begun(device: Any, free: Sequence[str], start: Mapping[str, float] | None = None) -> Any:
    """The device at which a search begins: starts as they are given, other free values moved inside narrower bounds.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the values that data or models say; perhaps with narrower bounds, see `memjax.params.with_bounds`.
    free : sequence of str
        Names of the free parameters.
    start : mapping of str to float, optional
        Values that are given [SI].

    Raises
    ------
    NotFreeError, ModelError, BoundsError
        For bounds or starts of parameters that are not free, unknown names, and starts that are not inside the bounds.
    """
    specs, start = parameter_specs(device), dict(start or {})
    named = [n for n, s in specs.items() if s.narrowed] + known(device, start, where="--start")
    if lost := [n for n in dict.fromkeys(named) if n not in free]:
        raise NotFreeError(lost, free)
    for name, value in start.items():
        low, high = specs[name].bounds
        if not low < value < high:
            what = f"{name} = {value:g} {specs[name].unit}"
            raise BoundsError(what, where="--start", allowed=f"between {low:g} and {high:g}")
    values = {n: within(specs[n], float(get(device, n))) for n in free if specs[n].narrowed}
    return replace(device, values | start)


def moved_inside(device: Any, values: Mapping[str, float], names: Iterable[str]) -> tuple[str, ...]:
    """Which of the values of these names lie where what is outside of narrower bounds is moved."""
    specs = parameter_specs(device)
    at = lambda n: np.isclose(values[n], edges(specs[n]), rtol=1e-9, atol=0).any()  # noqa: E731
    return tuple(n for n in names if specs[n].narrowed and at(n))


class AbstractDifferentiable(AbstractProblem):
    """A problem whose residuals JAX differentiates."""

    @property
    def differentiable(self) -> "AbstractDifferentiable":
        """Itself."""
        return self

    @property
    def in_program(self) -> Any:
        """What a sampler evaluates inside of its own program; it may know its derivatives, as ``data_linearised``."""
        return self

    @abc.abstractmethod
    def data_residuals(self, z: Float[Array, " free"]) -> Outcome:
        """Residuals of the data [sigma] at unconstrained coordinates, and whether every solve ended well."""

    def residuals(self, z: Float[Array, " free"]) -> Outcome:
        """All residuals [sigma]: data, then prior."""
        data, ok = self.data_residuals(z)
        return self.with_prior(data, z), ok

    def linearise(self, z: Float[np.ndarray, "points free"]) -> Linearised:
        """See `AbstractProblem`; derivatives are those of forward mode."""
        r, jacobian, ok = (np.asarray(x) for x in evaluate(self, jnp.asarray(z)))
        return r, jacobian, ok


def linearise(problem: Any, z: Float[Array, " free"]):
    """Residuals, Jacobian (forward mode) and success at one point; see `evaluate`."""

    def twice(p):
        r, ok = problem.residuals(p)
        return r, (r, ok)

    jacobian, (r, ok) = jax.jacfwd(twice, has_aux=True)(z)
    return r, jacobian, ok & jnp.all(jnp.isfinite(r)) & jnp.all(jnp.isfinite(jacobian))


@cached_jit
def evaluate(problem: Any, z: Float[Array, "starts free"]):
    """Residuals, Jacobian (forward mode) and success at a batch of points.

    Parameters
    ----------
    problem : AbstractProblem, or another module with its `residuals`
        The problem.
    z : Float[Array, "starts free"]
        Unconstrained coordinates.

    Returns
    -------
    residuals : Float[Array, "starts residuals"]
    jacobian : Float[Array, "starts residuals free"]
    ok : Bool[Array, "starts"]
    """
    return jax.vmap(lambda x: linearise(problem, x))(z)


def shape_of(problem: Any) -> tuple:
    """What problems that can be `stacked` have in common: structure, shapes of arrays, and what is none."""
    leaves, structure = jax.tree.flatten(problem)
    return structure, *((x.shape, x.dtype) if is_array(x) else x for x in leaves)


def stacked(problems: Sequence[Any]) -> Any:
    """Problems of one shape as one, its arrays with a leading axis."""
    columns = zip(*map(jax.tree.leaves, problems), strict=True)
    leaves = [np.stack(x) if is_array(x[0]) else x[0] for x in columns]
    arrays = iter(jax.device_put([x for x in leaves if is_array(x)]))
    leaves = [next(arrays) if is_array(x) else x for x in leaves]
    return jax.tree.unflatten(jax.tree.structure(problems[0]), leaves)


@jit_with_options
def evaluate_each(problems: Any, z: Float[Array, "problems free"]):
    """Residuals, Jacobian and success of problems that are stacked (see `stacked`), each at its own point."""
    arrays, static = eqx.partition(problems, eqx.is_array)
    return jax.vmap(lambda leaves, x: linearise(eqx.combine(leaves, static), x))(arrays, z)


def of_some(
    evaluate: Callable[..., tuple], z: Float[np.ndarray, "lanes free"]
) -> Callable[..., tuple]:
    """``evaluate(points, which)`` of some lanes, by one that takes all of them: the others stay where they were."""
    last = np.array(z)

    def some(points: np.ndarray, which: np.ndarray) -> tuple:
        last[which] = points
        return tuple(np.asarray(x)[which] for x in evaluate(last))

    return some
