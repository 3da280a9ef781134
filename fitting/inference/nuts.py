"""Draws from posteriors by the No-U-Turn sampler of blackjax, in several chains, as `arviz.InferenceData`.

Notes
-----
The sampler needs gradients. Through the adaptive stiff solve they are taken in forward mode: a derivative by a
handful of parameters costs little more than the solve itself, while reverse mode has to keep every step. A density
therefore comes with its forward-mode gradient, and looks to `jax.grad` like one that is linear about its
argument.

References
----------
.. [1] M. D. Hoffman, A. Gelman, J. Mach. Learn. Res. 15, 1593 (2014) (No-U-Turn sampler)
.. [2] S. N. Wood, Nature 466, 1102 (2010), doi:10.1038/nature09319 (synthetic likelihood)
.. [3] M. Ribatet, D. Cooley, A. C. Davison, Stat. Sin. 22, 813 (2012) (a quasi-likelihood's magnitude)
.. [4] A. Vehtari et al., Bayesian Anal. 16, 667 (2021), doi:10.1214/20-BA1221 (R-hat, effective sample size)
"""

import abc
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

import memjax as mj
from memjax.compile_cache import jit_with_options
from memjax.errors import DataError
from memjax.fields import parameter_specs
from memjax.params import known
from memjax.policy import require_x64
from memjax.transforms import from_spec

from ..problem import PRIOR_SIGMA, TOGETHER, AbstractDifferentiable
from ..result import AbstractFit

CHAINS, WARMUP, DRAWS = 4, 300, 500
"""Chains from the posterior of a fit, and draws of each before and after its steps are tuned."""

R_HAT = 1.01
"""R-hat above which chains are said not to have mixed."""

_NOWHERE = -1e15
"""Logarithm of the density where no solve ends: a proposal there is a divergence, and is refused."""


class AbstractTarget(eqx.Module):
    """A posterior density over unconstrained coordinates."""

    @abc.abstractmethod
    def log_density(self, z: Float[Array, " free"]) -> Float[Array, ""]:
        """Logarithm of the density but for a constant; differentiable in forward mode."""


def forward(f: Callable, z: Float[Array, " free"]) -> Float[Array, ""]:
    """A function's value, whose reverse-mode derivative is that of forward mode; both finite or refused."""
    here = lax.stop_gradient(z)
    twice = lambda p: (value := f(p), value)  # noqa: E731
    slope, value = jax.jacfwd(twice, has_aux=True)(here)
    fine = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
    slope = lax.stop_gradient(jnp.where(fine, slope, 0.0))
    value = lax.stop_gradient(jnp.where(fine, value, _NOWHERE))
    return value + jnp.sum((z - here) * slope)


class LeastSquares(AbstractTarget):
    """Normal errors of the data, and a normal prior of the coordinates.

    Parameters
    ----------
    problem : Any
        With `data_residuals`, or `residuals`, at coordinates: residuals [sigma] and success.
    center : Float[Array, "free"]
        Centre of the prior.
    width : Float[Array, ""]
        Its standard deviation; infinite without a prior.
    variance : Float[Array, ""]
        Variance of the residuals [sigma^2].
    """

    problem: Any
    center: Float[Array, " free"]
    width: Float[Array, ""]
    variance: Float[Array, ""]

    def log_density(self, z):
        """See `AbstractTarget`."""
        of = getattr(self.problem, "data_residuals", None) or self.problem.residuals
        r, ok = of(z)
        away = (z - self.center) / self.width
        value = -0.5 * (jnp.sum(r**2) / self.variance + jnp.sum(away**2))
        return jnp.where(ok, value, -jnp.inf)


class SyntheticLikelihood(AbstractTarget):
    """Features of noisy data as normal numbers, whose mean and covariance are those of simulations.

    Parameters
    ----------
    features : callable
        ``features(z) -> Float[Array, "simulations features"]`` of one simulation a row, at unconstrained
        coordinates. Its random numbers are the same at each call, and it is differentiable along its
        paths; many more simulations than features, and than measured rows.
    measured : Float[Array, "rows features"]
        The same of each measured cycle, device or train.
    center : Float[Array, "free"]
        Centre of the prior.
    width : Float[Array, ""]
        Its standard deviation.

    Notes
    -----
    A finite number m of simulations leaves an error of the mean, which adds a share n/m of the n
    measured rows' to its variance: the covariance of their mean is C (1/n + 1/m) [2]_.
    """

    features: Callable
    measured: Float[Array, "rows features"]
    center: Float[Array, " free"]
    width: Float[Array, ""]

    def log_density(self, z):
        """See `AbstractTarget`."""
        found = self.features(z)
        (m, _), n = found.shape, self.measured.shape[0]
        mean, seen = jnp.mean(found, axis=0), jnp.mean(self.measured, axis=0)
        away = found - mean[None]
        covariance = away.T @ away / (m - 1)
        root = jnp.linalg.cholesky(covariance)
        half = lambda x: jax.scipy.linalg.solve_triangular(root, x.T, lower=True)  # noqa: E731
        within = jnp.sum(half(self.measured - seen[None]) ** 2)
        between = jnp.sum(half((seen - mean)[None]) ** 2) / (1 / n + 1 / m)
        value = -0.5 * (within + between) - n * jnp.sum(jnp.log(jnp.diag(root)))
        return value - 0.5 * jnp.sum(((z - self.center) / self.width) ** 2)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Draws from a posterior.

    Parameters
    ----------
    data : arviz.InferenceData
        `posterior` in the parameters' units by name, `sample_stats`; `to_netcdf` keeps it.
    r_hat, ess : dict of str to float
        Rank-normalised split R-hat and bulk effective sample size of each parameter.
    divergences : int
        Draws whose path left the region in which it could be followed.
    notes : tuple of str
        What speaks against the draws, in words; empty if nothing does.
    """

    data: Any
    r_hat: dict[str, float]
    ess: dict[str, float]
    divergences: int
    notes: tuple[str, ...]

    @property
    def mixed(self) -> bool:
        """Whether nothing speaks against the draws."""
        return not self.notes

    def intervals(self, level: float = 0.9) -> dict[str, tuple[float, float]]:
        """Intervals of equal tails [unit]."""
        ends = [(1 - level) / 2, (1 + level) / 2]
        posterior = self.data.posterior
        pairs = {str(n): np.quantile(posterior[n].values, ends) for n in posterior.data_vars}
        return {n: (float(a), float(b)) for n, (a, b) in pairs.items()}


def _chain(target: AbstractTarget, key, z0, root, warmup: int, draws: int) -> Any:
    """One chain: window adaptation, then draws; coordinates and what the sampler says of them."""
    blackjax: Any = import_module("blackjax")  # an optional library

    density = lambda x: forward(target.log_density, z0 + root @ x)  # noqa: E731
    first, adapt, later = jax.random.split(key, 3)
    start = jax.random.normal(first, z0.shape, z0.dtype)
    tuner = blackjax.window_adaptation(blackjax.nuts, density, adaptation_info_fn=lambda *_: None)
    (state, tuned), _ = tuner.run(adapt, start, warmup)
    kernel = blackjax.nuts(density, **tuned).step

    def step(state, key):
        state, info = kernel(key, state)
        told = (info.is_divergent, info.acceptance_rate, info.num_integration_steps)
        return state, (z0 + root @ state.position, state.logdensity, *told)

    return lax.scan(step, state, jax.random.split(later, draws))[1]


@jit_with_options
def _chains(target, keys, z0, root, warmup, draws):
    """Chains of one target, side by side."""
    return jax.vmap(lambda k: _chain(target, k, z0, root, warmup, draws))(keys)


@jit_with_options
def _each(targets, keys, z0, root, warmup, draws):
    """One chain of each of stacked targets."""
    arrays, rest = eqx.partition(targets, eqx.is_array)

    def one(own, key, z, r):
        return _chain(eqx.combine(own, rest), key, z, r, warmup, draws)

    return jax.vmap(one)(arrays, keys, z0, root)


def _relaxed(run: Callable, *args):
    """A run of the sampler, which promotes types and ranks as it likes."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.tree.map(np.asarray, run(*args))


def draw_each(
    targets: AbstractTarget,
    z: Float[np.ndarray, "targets free"],
    covariance: Float[np.ndarray, "targets free free"],
    *,
    seed: int,
    warmup: int,
    draws: int,
) -> tuple[Float[np.ndarray, "targets draws free"], Float[np.ndarray, "targets draws"]]:
    """One chain of each of stacked targets (see `fitting.stacked`), and whether each draw diverged.

    For studies of many data sets; `draw` says how well chains of one have mixed.
    """
    keys = jax.random.split(jax.random.key(seed), len(z))
    root = jnp.asarray(np.linalg.cholesky(covariance))
    found = _relaxed(_each, targets, keys, jnp.asarray(z), root, warmup, draws)
    return found[0], found[2]


def draw(
    target: AbstractTarget,
    device: mj.AbstractDevice | mj.Circuit,
    names: Sequence[str],
    *,
    z: Float[np.ndarray, " free"],
    covariance: Float[np.ndarray, "free free"],
    chains: int = 4,
    warmup: int = 500,
    draws: int = 1000,
    seed: int = 0,
) -> Sample:
    """Draw from a posterior.

    Parameters
    ----------
    target : AbstractTarget
        Its density.
    device : AbstractDevice or Circuit
        Declares the parameters.
    names : sequence of str
        Parameters, in the order of the coordinates.
    z, covariance
        Where chains start and how widely they scatter: the best point and a covariance that is about
        right; the sampler sees coordinates in which it is the identity.
    chains, warmup, draws : int
        Chains, steps of adaptation and draws of each.
    seed : int
        Seed; equal ones give equal draws.

    Raises
    ------
    DataError
        For fewer than two chains or numbers of steps that leave nothing to judge by.
    PolicyError
        In float32.
    """
    require_x64()
    names = known(device, names)
    if chains < 2 or warmup < 50 or draws < 50:
        raise DataError(
            f"chains = {chains}, warmup = {warmup}, draws = {draws}",
            where="draw",
            allowed="at least 2, 50 and 50",
        )
    keys = jax.random.split(jax.random.key(seed), chains)
    root = jnp.asarray(np.linalg.cholesky(covariance))
    found = _relaxed(_chains, target, keys, jnp.asarray(z, float), root, warmup, draws)
    specs = parameter_specs(device)
    columns = {n: from_spec(specs[n]).inverse(found[0][..., k]) for k, n in enumerate(names)}
    stats = dict(zip(("lp", "diverging", "acceptance_rate", "n_steps"), found[1:], strict=True))
    about = {"sampler": f"blackjax {version('blackjax')} NUTS", "seed": seed, "warmup": warmup}
    return _judged({n: np.asarray(x) for n, x in columns.items()}, stats, specs, about)


def _arviz() -> Any:
    """arviz, without what it says of its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return import_module("arviz")


def _judged(columns: dict, stats: dict, specs: Any, about: dict) -> Sample:
    """Draws with what speaks against them."""
    arviz = _arviz()
    data = arviz.from_dict(posterior=columns, sample_stats=stats, attrs=about)
    for n in columns:
        data.posterior[n].attrs |= {"units": specs[n].unit, "long_name": specs[n].doc}
    r_hat = {n: float(arviz.rhat(x)) for n, x in columns.items()}
    ess = {n: float(arviz.ess(x)) for n, x in columns.items()}
    lost = int(np.sum(stats["diverging"]))
    apart = [f"{n} {x:.3f}" for n, x in r_hat.items() if not x <= R_HAT]
    notes = []
    if apart:
        notes.append(f"chains have not mixed, R-hat above {R_HAT}: {', '.join(apart)}; draw more")
    few = [
        f"{n} {x:.0f}" for n, x in ess.items() if not x >= 100 * len(next(iter(columns.values())))
    ]
    if few:
        notes.append(f"fewer than 100 independent draws per chain: {', '.join(few)}")
    if lost:
        notes.append(f"{lost} draws diverged: regions of strong curvature may be missing")
    return Sample(data=data, r_hat=r_hat, ess=ess, divergences=lost, notes=tuple(notes))


def draw_fit(
    result: AbstractFit,
    *,
    chains: int = CHAINS,
    warmup: int = WARMUP,
    draws: int = DRAWS,
    seed: int = 0,
) -> Sample:
    """Draw from the posterior of a fit.

    Parameters
    ----------
    result : AbstractFit
        The fit.
    chains, warmup, draws, seed
        As for `draw`.

    Notes
    -----
    The residuals count as normal with the variance that their covariance S, behind the fit's covariance, makes
    of them on average over the parameters, tr(H cov) over their number [3]_: for sweeps that were
    repeated it holds the spread from cycle to cycle, for single ones that of the residuals.
    """
    problem, covariance, n = result.problem, result.covariance, len(result.z)
    if not isinstance(problem, AbstractDifferentiable):
        raise DataError(
            "a problem whose derivatives are secants", where="draws from the posterior",
            allowed="problems that JAX differentiates", fix="take profiles",
        )  # fmt: skip
    _, jac, _ = problem.linearise(np.repeat(result.z[None], TOGETHER, axis=0))
    j = np.asarray(jac[0])
    variance = float(np.trace(j.T @ j @ covariance)) / n
    width = PRIOR_SIGMA if float(problem.noise) > 0 else np.inf
    target = LeastSquares(problem, problem.center, jnp.asarray(width), jnp.asarray(variance))
    options: dict[str, int] = dict(chains=chains, warmup=warmup, draws=draws, seed=seed)
    about = (problem.device, problem.free)
    return draw(target, *about, z=result.z, covariance=covariance, **options)


__all__ = [
    "LeastSquares",
    "Sample",
    "SyntheticLikelihood",
    "draw",
    "draw_each",
    "draw_fit",
    "forward",
]
