"""Draws from posteriors by the No-U-Turn sampler of blackjax, in several chains, as `arviz.InferenceData`.

Notes
-----
Chains run side by side in threads, a block of steps at a time, and not as lanes of one program: of lanes each step
waits for the longest path, and each gradient for the slowest of the adaptive solves (four lanes of the diffusive model
cost six times as much each as one alone). All chains sample coordinates in which the covariance of the fit is the
identity; twice during the warm-up the pooled draws of all chains set them anew.

References
----------
.. [1] M. D. Hoffman, A. Gelman, J. Mach. Learn. Res. 15, 1593 (2014) (No-U-Turn sampler, dual averaging)
.. [2] M. Ribatet, D. Cooley, A. C. Davison, Stat. Sin. 22, 813 (2012) (a quasi-likelihood's magnitude)
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import known
from memjax.core.transforms import from_spec
from memjax.errors import DataError
from memjax.runtime.arguments import as_seed
from memjax.runtime.compile_cache import jit_with_options
from memjax.runtime.cores import usable_cores
from memjax.simulate.policy import require_x64

from ..problem import TOGETHER
from ..result import AbstractFit
from .posterior import NOWHERE, AbstractTarget, LeastSquares, forward
from .sample import Sample, judge

CHAINS, WARMUP, DRAWS = 4, 300, 500
"""Chains from the posterior of a fit, and draws of each before and after its steps are tuned."""

_BLOCK = 10  # steps of a chain in one call: after each of them progress is told and an interrupt is heard
_ACCEPTANCE = 0.8  # mean probability of acceptance that dual averaging tunes the step for [1]_
_DOUBLINGS = 6  # of a path at the most: 63 gradients
_HALVINGS = 12  # tries to begin a chain, each at half the distance from the fit
_SILENCE = 30.0  # time without a line of progress [s]
# Shares of the warm-up at which draws begin to count for the covariance, and at which it is set anew.
_WINDOWS = (0.15, 0.4, 0.85)


class _Steps(NamedTuple):
    """What chains did in a block: coordinates, log density, divergence, acceptance, gradients; a row a chain."""

    z: np.ndarray
    log_density: np.ndarray
    diverging: np.ndarray
    acceptance: np.ndarray
    gradients: np.ndarray


def _block(target: AbstractTarget, key, begin, z, tuning, averaging, center, root) -> Any:
    """A block of steps of one chain from `z`, counted from `begin`; its last state, that of the tuner, its steps."""
    blackjax: Any = import_module("blackjax")  # an optional library

    density = lambda x: forward(target.with_slope, center + root @ x)  # noqa: E731
    kernel, unit = blackjax.nuts.build_kernel(), jnp.ones_like(z)

    # A chain begins where the density is not far below that at the fit, as draws from a normal one are not (it falls by
    # d/2 +- sqrt(d/2)): beyond, valleys are lost in which the covariance does not hold, and paths take all their steps.
    x = jax.scipy.linalg.solve_triangular(root, z - center, lower=True)

    def attempt(carry):
        tries, _, at_fit = carry
        state = blackjax.nuts.init(jnp.where(tries < 0, 0.0, 0.5**tries) * x, density)
        return tries + 1, state, jnp.where(tries < 0, state.logdensity, at_fit)

    def low(carry):
        tries, state, at_fit = carry
        least = jnp.where(begin == 0, at_fit - 2 * z.size, NOWHERE)
        return (tries < 1) | ((tries < _HALVINGS) & (state.logdensity <= least))

    # A chain that begins looks at the fit first, with whose density the others are compared.
    first = jnp.where(begin == 0, -1, 0)
    unknown = jax.tree.map(jnp.zeros_like, jax.eval_shape(attempt, (first, None, x[0])))
    state = lax.while_loop(low, attempt, (first, *unknown[1:]))[1]

    def step(carry, k):
        state, tuned = carry
        size = jnp.exp(jnp.where(averaging, tuned.log_step_size, tuned.log_step_size_avg))
        # By the number of the step: the length of blocks changes no draw.
        step_key = jax.random.fold_in(key, begin + k)
        state, info = kernel(step_key, state, density, size, unit, _DOUBLINGS)
        updated = _dual_averaging()[1](tuned, info.acceptance_rate)
        tuned = jax.tree.map(lambda a, b: jnp.where(averaging, a, b), updated, tuned)
        return (state, tuned), (
            center + root @ state.position,
            state.logdensity,
            info.is_divergent,
            info.acceptance_rate,
            info.num_integration_steps,
        )

    (_, tuned), steps = lax.scan(step, (state, tuning), jnp.arange(_BLOCK))
    return tuned, steps


def _dual_averaging() -> tuple[Callable, Callable, Callable]:
    """Tuner of the step size: start, update, final."""
    return import_module("blackjax.adaptation.step_size").dual_averaging_adaptation(_ACCEPTANCE)


_one = jit_with_options(_block)


@jit_with_options
def _each(targets, keys, begin, z, tuning, averaging, center, root):
    arrays, static = eqx.partition(targets, eqx.is_array)

    def one(member, key, z, tuning, center, root):
        return _block(eqx.combine(member, static), key, begin, z, tuning, averaging, center, root)

    return jax.vmap(one)(arrays, keys, z, tuning, center, root)


def _relaxed(run: Callable, *args) -> Any:
    """A run of the sampler, which promotes types and ranks as it likes."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.tree.map(np.asarray, run(*args))


def _in_threads(target: AbstractTarget, pool: ThreadPoolExecutor) -> Callable:
    """Blocks of several chains of one target, each in a thread; the first alone, which compiles for all."""

    def run(keys, begin, z, tuning, averaging, center, root):
        def chain(k: int):
            mine = jax.tree.map(lambda x: x[k], tuning)
            return _relaxed(_one, target, keys[k], begin, z[k], mine, averaging, center[k], root[k])

        first = [chain(0)] if int(begin) == 0 else []
        blocks = [*first, *pool.map(chain, range(len(first), len(z)))]
        return jax.tree.map(lambda *x: np.stack(x), *blocks)

    return run


def _metric(z: np.ndarray, root: np.ndarray, *, pooled: bool) -> np.ndarray:
    """Roots of the covariance of draws (chains, draws, free), shrunk to what it was by as many draws as it has rows."""
    deviations = z - z.mean(axis=1, keepdims=True)
    if pooled:
        deviations = np.repeat(deviations.reshape(1, -1, z.shape[2]), len(z), axis=0)
    n, d = deviations.shape[1:]
    drawn = np.einsum("cni,cnj->cij", deviations, deviations)
    return np.linalg.cholesky((drawn + d * root @ root.transpose(0, 2, 1)) / (n + d))


def _sample(
    run: Callable,
    keys,
    z: np.ndarray,
    covariance: np.ndarray,
    *,
    warmup: int,
    draws: int,
    pooled: bool,
    tick: Callable[[int, bool, _Steps], None] | None = None,
    limit: float = np.inf,
) -> tuple[_Steps, int]:
    """Warm-up and draws of chains, and the steps of the warm-up; `tick` hears how many are done, and the last.

    An interrupt, or the limit [s], ends it with what has been drawn; half of the limit is the warm-up's.
    """
    begin, start, center = time.monotonic(), _dual_averaging()[0], z
    root = np.linalg.cholesky(covariance)
    normal = np.stack([np.asarray(jax.random.normal(k, z.shape[1:], float)) for k in keys])
    now = z + np.einsum("cij,cj->ci", root, normal)
    fresh = lambda sizes: _relaxed(jax.vmap(start), jnp.asarray(sizes))  # noqa: E731
    tuning, steps, drawn, done = fresh(np.full(len(z), 0.5)), [], [], 0
    counted, *ends = (_BLOCK * round(w * warmup / _BLOCK) for w in _WINDOWS)
    spent = lambda: time.monotonic() - begin  # noqa: E731
    try:
        while not drawn or (len(drawn) * _BLOCK < draws and spent() < limit):
            averaging = done < warmup and spent() < limit / 2
            warmup = warmup if averaging else min(warmup, done)
            tuning, block = run(
                keys, jnp.asarray(done), now, tuning, jnp.asarray(averaging), center, root
            )
            block = _Steps(*block)
            now, done = block.z[:, -1], done + _BLOCK
            (steps if averaging else drawn).append(block)
            if averaging and done in ends:
                recent = np.concatenate([b.z for b in steps[counted // _BLOCK :]], axis=1)
                root, counted = _metric(recent, root, pooled=pooled), done
                # What the tuner remembers is of the coordinates before: only its step is kept.
                tuning = fresh(np.exp(tuning.log_step_size_avg))
            if tick is not None:
                tick(done, bool(drawn), _joined(drawn or [block]))
    except KeyboardInterrupt:
        if not drawn:
            raise
    return _Steps(*(x[:, :draws] for x in _joined(drawn))), warmup


def _joined(blocks: Sequence[_Steps]) -> _Steps:
    return _Steps(*(np.concatenate(x, axis=1) for x in zip(*blocks, strict=True)))


def draw_each(
    targets: AbstractTarget,
    z: Float[np.ndarray, "targets free"],
    covariance: Float[np.ndarray, "targets free free"],
    *,
    seed: int,
    warmup: int,
    draws: int,
) -> tuple[Float[np.ndarray, "targets draws free"], Float[np.ndarray, "targets draws"]]:
    """One chain of each of stacked targets (see `fitting.problem.stacked`), and whether each draw diverged.

    For studies of many data sets; `draw` says how well chains of one have mixed.
    """
    keys = jax.random.split(jax.random.key(seed), len(z))
    run = lambda *args: _relaxed(_each, targets, *args)  # noqa: E731
    steps, _ = _sample(run, keys, z, covariance, warmup=warmup, draws=draws, pooled=False)
    return steps.z, steps.diverging


@dataclass(frozen=True)
class Sampling:
    """How much is drawn from a posterior.

    Parameters
    ----------
    chains, warmup, draws : int
        Chains, steps of adaptation and draws of each.
    seed : int
        Seed; equal ones give equal draws.
    limit : float
        Time after which no further block begins [s], half of it for the warm-up; a note says what was left out.
    """

    chains: int = CHAINS
    warmup: int = WARMUP
    draws: int = DRAWS
    seed: int = 0
    limit: float = np.inf

    def __post_init__(self):
        as_seed(self.seed, where="draw", lowest=0)
        if self.chains < 2 or self.warmup < 50 or self.draws < 50:
            what = f"chains = {self.chains}, warmup = {self.warmup}, draws = {self.draws}"
            raise DataError(what, where="draw", allowed="at least 2, 50 and 50")


def draw(
    target: AbstractTarget,
    device: mj.AbstractDevice | mj.Circuit,
    names: Sequence[str],
    *,
    z: Float[np.ndarray, " free"],
    covariance: Float[np.ndarray, "free free"],
    sampling: Sampling | None = None,
    tick: Callable[[str], None] | None = None,
) -> Sample:
    """Draw from a posterior; the draws with what speaks against them.

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
    sampling : Sampling, optional
        How much is drawn.
    tick : callable, optional
        Called with a line of progress after each tenth of the steps.

    Raises
    ------
    PolicyError
        In float32.
    """
    sampling = sampling or Sampling()
    chains, warmup, draws, seed = sampling.chains, sampling.warmup, sampling.draws, sampling.seed
    require_x64()
    names, specs = known(device, names), parameter_specs(device)

    def natural(z: np.ndarray) -> dict[str, np.ndarray]:
        laws = {n: from_spec(specs[n]) for n in names}
        return {n: np.asarray(law.inverse(z[..., k])) for k, (n, law) in enumerate(laws.items())}

    keys = jax.random.split(jax.random.key(seed), chains)
    everywhere = np.repeat(np.asarray(z, float)[None], chains, axis=0)
    wide = np.repeat(covariance[None], chains, axis=0)
    progress = None if tick is None else _Progress(tick, warmup, draws, natural)
    numbers: dict[str, Any] = dict(warmup=warmup, draws=draws)
    with ThreadPoolExecutor(min(chains, usable_cores())) as pool:
        run, options = (
            _in_threads(target, pool),
            numbers | {"tick": progress, "limit": sampling.limit},
        )
        steps, warmed = _sample(run, keys, everywhere, wide, pooled=True, **options)
    attributes = {"sampler": f"blackjax {version('blackjax')} NUTS", "seed": seed, "warmup": warmed}
    stats = dict(lp=steps.log_density, diverging=steps.diverging, n_steps=steps.gradients)
    stats["acceptance_rate"] = steps.acceptance
    return judge(natural(steps.z), stats, specs, attributes, _left_out(warmed, steps, **numbers))


def _left_out(warmed: int, steps: _Steps, *, warmup: int, draws: int) -> list[str]:
    """What an interrupt or the limit left out, and paths that the sampler did not follow to their turn."""
    drawn, longest = steps.z.shape[1], int(np.sum(steps.gradients >= 2**_DOUBLINGS - 1))
    notes = []
    if warmed < warmup:
        notes.append(f"the warm-up ended after {warmed} of {warmup} steps")
    if drawn < draws:
        notes.append(f"ended after {drawn} of {draws} draws of each chain")
    if longest:
        notes.append(f"{longest} paths ended at {2**_DOUBLINGS - 1} gradients, before they turned")
    return notes


class _Progress:
    """Lines of progress for `tick`: one for each tenth of all steps, and one where half a minute has passed without.

    `natural` gives parameters by name of coordinates.
    """

    def __init__(self, tick: Callable[[str], None], warmup: int, draws: int, natural: Callable):
        self.tick, self.all, self.natural = tick, warmup + draws, natural
        self.begin = self.last = time.monotonic()
        self.tenths = 0

    def __call__(self, done: int, drawn: bool, steps: _Steps) -> None:
        """Say how far chains have come, how many draws diverged, and how far apart chains are."""
        now, tenths = time.monotonic(), done * 10 // self.all
        if tenths == self.tenths and now - self.last < _SILENCE:
            return
        self.tenths, self.last, spent = tenths, now, now - self.begin
        text = f"warm-up, {np.mean(steps.gradients):.0f} gradients a step"
        if drawn:
            r_hat = judge(self.natural(steps.z), {"diverging": steps.diverging}).r_hat
            worst = max(r_hat, key=r_hat.__getitem__)
            lost = int(np.sum(steps.diverging))
            text = f"{steps.z.shape[1]} draws a chain, {lost} diverged, R-hat up to {r_hat[worst]:.3f} ({worst})"
        left = spent * max(self.all - done, 0) / done
        share = f"draws from the posterior, {min(done / self.all, 1):.0%}"
        self.tick(f"{share}: {text}; {spent:.0f} s, about {left:.0f} s to go at this pace")


def draw_fit(
    result: AbstractFit, *, tick: Callable[[str], None] | None = None, **numbers: Any
) -> Sample:
    """Draw from the posterior of a fit; the draws with what speaks against them.

    Parameters
    ----------
    result : AbstractFit
        The fit.
    tick : callable, optional
        See `draw`.
    **numbers
        `chains`, `warmup`, `draws`, `seed` and `limit` of `Sampling`.

    Raises
    ------
    DataError
        For a problem whose derivatives are secants.

    Notes
    -----
    The residuals count as normal with the variance that their covariance S, behind the fit's covariance, makes
    of them on average over the parameters, tr(H cov) over their number (Ribatet 2012): for sweeps that were
    repeated it holds the spread from cycle to cycle, for single ones that of the residuals.
    """
    result = result.complete
    problem, covariance, z = result.problem.differentiable, result.covariance, result.z
    if problem is None:
        raise DataError(
            "a problem whose derivatives are secants", where="draws from the posterior",
            allowed="problems that JAX differentiates", fix="take profiles",
        )  # fmt: skip
    j = np.asarray(problem.linearise(np.repeat(z[None], TOGETHER, axis=0))[1][0])
    variance = float(np.trace(j.T @ j @ covariance)) / len(z)
    # A residual of the prior is the distance times noise over its deviation: the latter is wanted here.
    width = float(problem.noise / problem.prior_weight) if float(problem.noise) > 0 else np.inf
    target = LeastSquares(
        problem.in_program, problem.center, jnp.asarray(width), jnp.asarray(variance)
    )
    sampling, names = Sampling(**numbers), problem.free
    return draw(target, problem.device, names, z=z, covariance=covariance, sampling=sampling, tick=tick)  # fmt: skip
