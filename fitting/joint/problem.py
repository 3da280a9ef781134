"""Problems of several files that share the parameters of one device, as one problem."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

import memjax as mj
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import get, replace, unconstrain

from ..problem import (
    PRIOR_SIGMA,
    TOGETHER,
    AbstractDifferentiable,
    AbstractProblem,
    Linearised,
    Outcome,
)
from ..result import AbstractFit

PRECISION = PRIOR_SIGMA**-2
"""Of the prior of a coordinate that none other holds."""

# Standard deviations of starts about the middle; variance of a coordinate at the least.
_WIDER, _LEAST = 3.0, 1e-8
_FARTHEST = 80.0  # logarithms of a weight among which it is sought


class JointResiduals(AbstractProblem):
    """Residuals of several files, each weighed by the errors that its own fit states.

    Parameters
    ----------
    device, free, noise, ties
        See `fitting.problem.AbstractProblem`; `free` are the parameters that the files share.
    center : Float[Array, "all"]
        Centre of the prior, of the shared coordinates and then of those of each file's own.
    parts : tuple of AbstractProblem
        One of each file, or group of files: the shared parameters are free, then its own.
    weights : Float[Array, "parts"]
        Of the residuals of each; one of 0 is left out.
    root : Float[Array, "all all"]
        What the distance from the centre is multiplied with in the prior's residuals.
    """

    device: mj.AbstractDevice | mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " all"]
    parts: tuple[AbstractProblem, ...]
    weights: Float[Array, " parts"]
    root: Float[Array, "all all"]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.ones((), float))

    @property
    def backend(self) -> str:
        """See `AbstractProblem`; of all parts."""
        return " and ".join(dict.fromkeys(p.backend for p in self.parts))

    def place(self, part: int) -> list[int]:
        """Where the coordinates of a part are among all."""
        counts = [len(p.free) - len(self.free) for p in self.parts]
        begin = len(self.free) + sum(counts[:part])
        return [*range(len(self.free)), *range(begin, begin + counts[part])]

    def linearise(self, z: Float[np.ndarray, "points all"]) -> Linearised:
        rows, slopes, good = [], [], np.ones(len(z), bool)
        for k, (part, weight) in enumerate(zip(self.parts, np.asarray(self.weights), strict=True)):
            if weight == 0:
                continue
            at = self.place(k)
            r, jacobian, ok = data_of(part, z[:, at])
            whole = np.zeros((*r.shape, z.shape[1]))
            whole[..., at] = jacobian
            rows.append(weight * r)
            slopes.append(weight * whole)
            good &= ok
        root = float(self.noise) * np.asarray(self.root)
        rows.append((z - np.asarray(self.center)) @ root.T)
        slopes.append(np.broadcast_to(root, (len(z), *root.shape)))
        return np.concatenate(rows, axis=1), np.concatenate(slopes, axis=1), good

    @property
    def differentiable(self) -> "AbstractDifferentiable | None":
        """See `AbstractProblem`; in one program, the prior being data."""
        which = np.flatnonzero(self.weights).tolist()
        parts = tuple(p for k in which if (p := self.parts[k].differentiable) is not None)
        if len(parts) < len(which):
            return None
        fields = {n: getattr(self, n) for n in ("device", "free", "center", "root", "ties")}
        places = tuple(tuple(self.place(k)) for k in which)
        weights = self.weights[jnp.asarray(which)]
        return DifferentiableJoint(parts=parts, places=places, weights=weights, **fields)

    def after(
        self, which: Sequence[int], center: Float[np.ndarray, " all"], root: np.ndarray
    ) -> "JointResiduals":
        """The problem of some parts, whose prior is a normal distribution of all coordinates, with such a `root`."""
        weights = np.where(np.isin(np.arange(len(self.parts)), which), self.weights, 0.0)
        arrays = {"weights": weights, "root": root, "center": center}
        return dataclasses.replace(self, **{n: jnp.asarray(x) for n, x in arrays.items()})


class DifferentiableJoint(AbstractDifferentiable):
    """Residuals of a `JointResiduals` and of its prior as one program; `places` are those of the parts' coordinates."""

    device: mj.AbstractDevice | mj.Circuit
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " all"]
    parts: tuple[AbstractDifferentiable, ...]
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    weights: Float[Array, " parts"]
    root: Float[Array, "all all"]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    noise: Float[Array, ""] = eqx.field(default_factory=lambda: jnp.zeros((), float))

    def data_residuals(self, z: Float[Array, " all"]) -> Outcome:
        pairs = zip(self.parts, self.places, strict=True)
        residuals = [p.data_residuals(z[jnp.asarray(at)]) for p, at in pairs]
        rows = [w * r for w, (r, _) in zip(self.weights, residuals, strict=True)]
        ok = jnp.all(jnp.stack([x for _, x in residuals]))
        return jnp.concatenate([*rows, self.root @ (z - self.center)]), ok


def data_of(problem: AbstractProblem, z: Float[np.ndarray, "points free"]) -> Linearised:
    """Residuals of the data alone, their Jacobian, and success; so many points at once as in fits of single files."""
    count, last = len(z), len(problem.free)
    whole = np.resize(z, (-(-count // TOGETHER) * TOGETHER, last))
    parts = [problem.linearise(x) for x in whole.reshape(-1, TOGETHER, last)]
    r, jacobian, ok = (np.concatenate(x)[:count] for x in zip(*parts, strict=True))
    return r[:, :-last], jacobian[:, :-last], ok


def posterior_root(
    jacobian: Float[np.ndarray, "rows all"], root: Float[np.ndarray, "all all"]
) -> Float[np.ndarray, "all all"]:
    """A root of the posterior's precision, as `root` is one of the prior's, from weighed residuals of data.

    Of the derivatives themselves: where the curve of a device stands on an edge these are 1e11, and beside their
    squares the information of other directions, and the prior, would be rounding.
    """
    return np.linalg.qr(np.concatenate([jacobian, root])).R


def weight_of(fit: AbstractFit) -> float:
    """Weight of the residuals of a fit, by which they leave the errors that it states.

    Notes
    -----
    Errors of fits come from the scatter of cycles, or from residuals and their correlation: a hundred rows that err
    together say what one says. With A = J'J, the prior's precision P and the stated covariance C, the weight w solves
    tr(A C) = tr(A (w^2 A + P)^-1), whose right side falls with w: the sum of s / (w^2 s + 1) over the eigenvalues s of
    A where P is one.
    """
    _, jacobian, _ = data_of(fit.problem, fit.z[None])
    root = np.linalg.cholesky(fit.problem.prior_precision).T
    # In coordinates in which the prior is alike in all: J R^-1, and C goes with R C R'.
    scaled = np.linalg.solve(root.T, jacobian[0].T).T
    size, axes = np.linalg.eigh(scaled.T @ scaled)
    size = np.maximum(size, 0.0)  # rounding makes flat directions negative
    covariance = root @ fit.covariance @ root.T
    stated = float(np.sum(size * np.einsum("ij,ik,kj->j", axes, covariance, axes)))

    def excess(log: float) -> float:
        return float(np.sum(size / (np.exp(log) * size + 1))) - stated

    ends = -_FARTHEST, _FARTHEST
    if not (excess(ends[0]) > 0 > excess(ends[1])):  # it says nothing, or states no error
        return 1.0
    return float(np.exp(0.5 * float(brentq(excess, *ends))))  # pyright: ignore[reportArgumentType]


def joined(
    device: mj.AbstractDevice | mj.Circuit, fits: Sequence[AbstractFit]
) -> tuple[JointResiduals, Float[np.ndarray, "starts all"]]:
    """The problem that fits of single files make together, and starts: what each of them found first, then all.

    `device` is that from which each fit began.

    Notes
    -----
    What is free in one file is free in all. A value that is free in none is that of the first fit that changed it.
    A state at the start is each file's own where the device keeps it.
    """
    states_of = lambda p: tuple(n for n in p.free if n in p.data_parameters)  # noqa: E731
    names_of_files = [states_of(f.problem) for f in fits]
    pairs = list(zip(fits, names_of_files, strict=True))
    shared = tuple(dict.fromkeys(n for f, mine in pairs for n in f.free if n not in mine))
    every = {*shared, *(n for mine in names_of_files for n in mine)}
    base = replace(device, _changed(device, fits, every))
    ties = tuple(dict.fromkeys(t for f in fits for t in f.problem.ties if t[0] not in shared))
    parts = []
    for fit, mine in pairs:
        states = {n: float(get(fit.device, n)) for n in (*mine, *fit.problem.data_parameters)}
        own_base = replace(base, states, check=False)
        names = (*shared, *mine)
        changes = dict(device=own_base, free=names, ties=ties, noise=jnp.ones((), float))
        changes["center"] = unconstrain(own_base, names)
        parts.append(dataclasses.replace(fit.problem, **changes))
    starts = _starts(base, fits, shared, names_of_files)
    problem = JointResiduals(
        device=base,
        free=shared,
        center=jnp.asarray(starts[len(fits)]),
        parts=tuple(parts),
        weights=jnp.asarray([weight_of(f) for f in fits]),
        root=jnp.asarray(_prior_root(fits, shared, starts.shape[1])),
        ties=ties,
    )
    return problem, starts


def _prior_root(
    fits: Sequence[AbstractFit], shared: tuple[str, ...], count: int
) -> Float[np.ndarray, "all all"]:
    """R where R'R is the precision of the prior of all coordinates, those that the files share first.

    Parameters whose priors hold each other, as those of a function that is smooth, have the prior of the first file
    that has them all: of it their strength is known.
    """
    precision = PRECISION * np.eye(count)
    for fit in fits:
        names, known = fit.problem.free, fit.problem.prior_precision
        at = [k for k, n in enumerate(names) if n in shared]
        if np.count_nonzero(known - np.diag(np.diag(known))):
            to = [shared.index(names[k]) for k in at]
            precision[np.ix_(to, to)] = known[np.ix_(at, at)]
            break
    return np.linalg.cholesky(precision).T


def _changed(device, fits: Sequence[AbstractFit], free: set[str]) -> dict[str, float]:
    """Values that fits took from their data without fitting them, the first one's of each."""
    changed: dict[str, float] = {}
    for name, spec in parameter_specs(device).items():
        if name in free or spec.noise:
            continue
        for fit in fits:
            value = stored(fit.device, name)
            tied = name in dict(fit.problem.ties) or name in fit.problem.data_parameters
            if value is not None and not tied and value != stored(device, name):
                changed.setdefault(name, float(value))
    return changed


def _starts(
    base, fits: Sequence[AbstractFit], shared: tuple[str, ...], names_of_files
) -> np.ndarray:
    """Where each file's values count first, and draws about where to first order all of them are met.

    Notes
    -----
    To first order a file says that its information times the distance from its own values is nothing: the sum of
    these, with the prior about the start, has a least place and a covariance. Valleys bend, hence the draws.
    """
    z, n = np.asarray(unconstrain(base, shared)), len(shared)
    known = [dict(zip(f.problem.free, f.z, strict=True)) for f in fits]
    mine = [x[m] for x, names in zip(known, names_of_files, strict=True) for m in names]
    starts = []
    for first in known:
        order = [first, *known]
        starts.append([next((x[m] for x in order if m in x), z[k]) for k, m in enumerate(shared)])
    whole, pull = PRECISION * np.eye(n), PRECISION * z
    for fit in fits:
        at = [k for k, m in enumerate(fit.problem.free) if m in shared]
        to = [shared.index(fit.problem.free[k]) for k in at]
        sure = np.linalg.inv(fit.covariance[np.ix_(at, at)] + _LEAST * np.eye(len(at)))
        whole[np.ix_(to, to)] += sure
        pull[to] += sure @ fit.z[at]
    middle, root = np.linalg.solve(whole, pull), np.linalg.cholesky(np.linalg.inv(whole))
    count = max(TOGETHER - len(starts), 1)
    drawn = middle + _WIDER * np.random.default_rng(0).normal(size=(count, n)) @ root.T
    drawn[0] = middle
    return np.array([[*x, *mine] for x in (*starts, *drawn)])
