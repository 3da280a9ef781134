r"""A conditional density of coordinates given statistics: a normal one with a flow of splines about it.

Notes
-----
A network maps statistics s to features h, and these to a mean m and a triangular root L. What is left,
:math:`x = L^{-1}(u - m)`, has the density of a coupling flow of rational-quadratic splines under the condition h
[2]_, by flowjax. The loss is the mean of :math:`-\ln q(u|s)` over simulated devices, whose minimum over all densities
is the posterior [1]_. All is in float32: the statistics are standardised, the coordinates of order one.

References
----------
.. [1] G. Papamakarios, I. Murray, Adv. Neural Inf. Process. Syst. 29 (2016), arXiv:1605.06376
.. [2] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios, Adv. Neural Inf. Process. Syst. 32 (2019), arXiv:1906.04032
"""

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from memjax.errors import ModelError

_INTERVAL = 4.0  # standard deviations within which splines bend the normal density
_MANY = 256  # devices that are drawn for together: one size, one program
_ALIKE = 1e-5  # relative standard deviation up to which a statistic never differs
_REACH = (
    8.0  # standard deviations to which statistics are cut: beyond, no network has learnt anything
)


@dataclass(frozen=True, kw_only=True)
class DensitySettings:
    """Sizes of the networks.

    Parameters
    ----------
    width, depth : int
        Of the network of the statistics.
    features : int
        Numbers that it makes of them.
    layers, flow_width, knots : int
        Coupling layers of the flow, width of their networks, and knots of their splines.
    """

    width: int = 128
    depth: int = 3
    features: int = 16
    layers: int = 3
    flow_width: int = 48
    knots: int = 8


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a density is trained.

    Parameters
    ----------
    epochs : int
        Passes over all devices.
    batch : int
        Devices of a step.
    rate : float
        Step of Adam at its highest; it begins and ends with none.
    patience : int
        Passes without a lower loss of the devices that are held out after which it ends.
    decay : float
        Of the weights, at each step times its size: networks that know the simulated devices by heart are too sure.
    networks : int
        Networks that are trained, each from another start; draws come from all of them alike. Of what they have not
        learnt each knows something else, and together they are less sure of it.
    """

    epochs: int = 150
    batch: int = 256
    rate: float = 2e-3
    patience: int = 40
    decay: float = 0.1
    networks: int = 2


@contextmanager
def _relaxed() -> Iterator[None]:
    """Single precision, and types and ranks as flowjax has them."""
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


class _Network(eqx.Module):
    """Features, mean, root and flow."""

    features: eqx.nn.MLP
    head: eqx.nn.Linear
    flow: Any

    def _affine(self, s: Array, free: int) -> tuple[Array, Array, Array]:
        """Features, mean and triangular root at standardised statistics."""
        h = self.features(s)
        out = self.head(h)
        mean, size, rest = jnp.split(out, [free, 2 * free])
        root = jnp.diag(jnp.exp(size))
        return h, mean, root.at[jnp.tril_indices(free, -1)].set(rest)

    def normal(self, u: Array, s: Array) -> tuple[Array, Array]:
        """Standard normal numbers that coordinates stand for, and the logarithm of their change by them."""
        h, mean, root = self._affine(s, u.shape[0])
        x = jax.scipy.linalg.solve_triangular(root, u - mean, lower=True)
        y, change = self.flow.inverse_and_log_det(x, h)
        return y, change - jnp.sum(jnp.log(jnp.diag(root)))

    def at(self, normal: Array, s: Array) -> Array:
        """Coordinates (draws, free) of standard normal numbers."""
        h, mean, root = self._affine(s, normal.shape[1])
        x = jax.vmap(lambda y: self.flow.transform(y, h))(normal)
        return mean + x @ root.T


def require_flows() -> None:
    """Raise where flowjax is not installed.

    Raises
    ------
    ModelError
        It says how to install it.
    """
    if find_spec("flowjax") is None:
        raise ModelError(
            "amortised posteriors need the package flowjax", fix="pip install 'memjax[amortised]'"
        )


def _network(settings: DensitySettings, free: int, statistics: int, key) -> _Network:
    """An untrained network; not within a program, since flowjax keeps arrays in closures."""
    flows, bijections, distributions = (
        import_module(f"flowjax.{n}") for n in ("flows", "bijections", "distributions")
    )
    a, b, c = jax.random.split(key, 3)
    flow = flows.coupling_flow(
        a,
        base_dist=distributions.Normal(jnp.zeros(free)),
        transformer=bijections.RationalQuadraticSpline(knots=settings.knots, interval=_INTERVAL),
        cond_dim=settings.features,
        flow_layers=settings.layers,
        nn_width=settings.flow_width,
        nn_activation=jax.nn.silu,
        invert=False,
    )
    features = eqx.nn.MLP(
        statistics,
        settings.features,
        settings.width,
        settings.depth,
        activation=jax.nn.silu,
        key=b,
    )
    head = eqx.nn.Linear(settings.features, 2 * free + free * (free - 1) // 2, key=c)
    return _Network(features, head, flow.bijection)


@functools.lru_cache(maxsize=8)
def _form(settings: DensitySettings, free: int, statistics: int) -> tuple[Any, Any]:
    """Structure of a network's arrays, and all that is no array."""
    require_flows()
    with _relaxed():
        network = _network(settings, free, statistics, jax.random.key(0))
    arrays, rest = eqx.partition(network, eqx.is_array)
    return jax.tree.structure(arrays), rest


def _leaves(network: _Network) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(eqx.filter(network, eqx.is_array))]


@dataclass(frozen=True, kw_only=True)
class Density:
    """A trained density of coordinates given statistics.

    Parameters
    ----------
    settings : DensitySettings
        Sizes of the networks.
    center, scale : Float[np.ndarray, "statistics"]
        By which statistics are standardised; a scale of 0 is that of one which never differs and is left out.
    leaves : list of list of np.ndarray
        Arrays of each of the networks.
    scales : list of Float[np.ndarray, "free"]
        Standard deviations of the normal numbers that each network draws from.
    free : int
        Number of coordinates.
    losses : list of Float[np.ndarray, "passes 2"]
        Of each network, mean of -ln q of the devices that were trained on, and of those held out.
    """

    settings: DensitySettings
    center: Float[np.ndarray, " statistics"]
    scale: Float[np.ndarray, " statistics"]
    leaves: list[list[np.ndarray]]
    scales: list[Float[np.ndarray, " free"]]
    free: int
    losses: list[Float[np.ndarray, "passes 2"]]

    def standardised(
        self, statistics: Float[np.ndarray, "devices statistics"]
    ) -> Float[np.ndarray, "devices some"]:
        """What the networks see."""
        return _standardised(statistics, self.center, self.scale)

    def _networks(self) -> list[_Network]:
        structure, rest = _form(self.settings, self.free, int(np.sum(self.scale > 0)))
        return [eqx.combine(jax.tree.unflatten(structure, x), rest) for x in self.leaves]

    def draw(
        self, statistics: Float[np.ndarray, "devices statistics"], draws: int, *, seed: int
    ) -> Float[np.ndarray, "devices draws free"]:
        """Coordinates drawn for each device; those of device k depend on seed, k and `draws` only."""
        s, networks = self.standardised(statistics), self._networks()
        each = -(-draws // len(networks))
        parts = [self._draw_by(x, k, s, each, seed) for k, x in enumerate(networks)]
        # Of one network after the other: whatever part of the draws is taken has some of all.
        order = np.random.default_rng(seed).permutation(len(networks) * each)[:draws]
        return np.concatenate(parts, axis=1)[:, order].astype(float)

    def _draw_by(
        self, network: _Network, number: int, s: np.ndarray, draws: int, seed: int
    ) -> np.ndarray:
        """Coordinates that one of the networks draws."""
        parts, key = [], jax.random.fold_in(jax.random.key(seed), number)
        with _relaxed():
            for a in range(0, len(s), _MANY):
                some = s[a : a + _MANY]
                filled = np.concatenate(
                    [some, np.zeros((_MANY - len(some), s.shape[1]), some.dtype)]
                )
                numbers = np.arange(a, a + _MANY)
                u = _draw(network, key, numbers, filled, draws, self.scales[number])
                parts.append(np.asarray(u)[: len(some)])
        return np.concatenate(parts)

    def log_density(
        self,
        u: Float[np.ndarray, "devices free"],
        statistics: Float[np.ndarray, "devices statistics"],
    ) -> Float[np.ndarray, " devices"]:
        """Logarithm of the density at coordinates, one for each device."""
        with _relaxed():
            u32, s = jnp.asarray(u, jnp.float32), self.standardised(statistics)
            pairs = zip(self._networks(), self.scales, strict=True)
            each = [_log_density(*map(np.asarray, _normal(x, u32, s)), c) for x, c in pairs]
        return np.logaddexp.reduce(each, axis=0) - np.log(len(each))


def _standardised(statistics: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    some = scale > 0
    s = (statistics[..., some] - center[some]) / scale[some]
    return np.clip(s, -_REACH, _REACH).astype(np.float32)


@eqx.filter_jit
def _draw(network: _Network, key, numbers, s, draws: int, scale) -> Array:
    paramax = import_module("paramax")
    network = paramax.unwrap(network)

    def one(number, s):
        own = jax.random.fold_in(key, number)
        return network.at(scale * jax.random.normal(own, (draws, len(scale))), s)

    return jax.vmap(one)(numbers, s)


@eqx.filter_jit
def _normal(network: _Network, u, s) -> tuple[Array, Array]:
    paramax = import_module("paramax")
    return jax.vmap(paramax.unwrap(network).normal)(u, s)


def _log_density(y: Any, change: Any, scale: Any = 1.0) -> Any:
    """Of coordinates that stand for normal numbers of these standard deviations; `y` (devices, free)."""
    terms = (y / scale) ** 2 + 2 * np.log(scale) + math.log(2 * math.pi)
    return change - 0.5 * terms.sum(axis=1)


def _loss(network: _Network, u, s) -> Array:
    return -jnp.mean(_log_density(*_normal(network, u, s)))


def train(
    u: Float[np.ndarray, "devices free"],
    statistics: Float[np.ndarray, "replicates devices statistics"],
    *,
    held: int,
    seed: int,
    settings: DensitySettings | None = None,
    training: TrainingSettings | None = None,
    tick: Callable[[int, int, float, float], None] | None = None,
) -> Density:
    """Train a density on simulated devices.

    Parameters
    ----------
    u : Float[np.ndarray, "devices free"]
        Their coordinates.
    statistics : Float[np.ndarray, "replicates devices statistics"]
        Their statistics; each pass over the devices takes one of the replicates of each.
    held : int
        The last so many devices are held out: they decide which networks are kept, and how sure these may be.
    seed : int
        Of the networks and of the order of the devices.
    settings, training
        See `DensitySettings` and `TrainingSettings`.
    tick : callable, optional
        Called after each pass with the number of the network, that of the pass, and both losses.
    """
    settings, training = settings or DensitySettings(), training or TrainingSettings()
    require_flows()
    first = statistics[0, :-held]
    center, scale = first.mean(axis=0), first.std(axis=0)
    scale = np.where(scale > _ALIKE * np.maximum(np.abs(center), _ALIKE), scale, 0.0)
    s = _standardised(statistics, center, scale)
    u32, leaves, scales, losses = np.asarray(u, np.float32), [], [], []
    # flowjax makes new functions for each network: those of one form share their compiled programs.
    rest = _form(settings, u.shape[1], s.shape[-1])[1]
    for k in range(training.networks):
        own = None if tick is None else functools.partial(tick, k + 1)
        with _relaxed():
            key = jax.random.fold_in(jax.random.key(seed), k)
            network = _network(settings, u.shape[1], s.shape[-1], key)
            network = eqx.combine(eqx.filter(network, eqx.is_array), rest)
            network, loss = _descend(network, u32, s, held, (seed, k), training, own)
            y = np.asarray(_normal(network, u32[-held:], s[0, -held:])[0])
        # Held-out devices are likeliest with their own variance: 1 where the network is not too sure.
        scales.append(np.sqrt(np.mean(y**2, axis=0)))
        leaves.append(_leaves(network))
        losses.append(np.array(loss))
    return Density(
        settings=settings,
        center=center,
        scale=scale,
        leaves=leaves,
        scales=scales,
        free=u.shape[1],
        losses=losses,
    )


def _descend(network, u, s, held: int, seed: tuple[int, int], training: TrainingSettings, tick):
    """The networks with the lowest loss of the held-out devices, and losses of each pass."""
    rng, count = np.random.default_rng(seed), len(u) - held
    size = min(training.batch, count)
    steps = count // size
    optimizer = _adam(training.rate, training.decay, steps, training.epochs)
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    best, least, since, losses = network, math.inf, 0, []
    for epoch in range(training.epochs):
        order = rng.permutation(count)[: steps * size]
        which = rng.integers(len(s), size=len(order))
        batches = (x.reshape(steps, size, -1) for x in (u[order], s[which, order]))
        network, state, loss = _epoch(network, state, optimizer, *batches)
        now = float(_loss(network, u[count:], s[0, count:]))
        losses.append((float(loss), now))
        if tick is not None:
            tick(epoch + 1, *losses[-1])
        if now < least:
            best, least, since = network, now, 0
        elif (since := since + 1) >= training.patience:
            break
    return best, losses


@functools.lru_cache(maxsize=8)
def _adam(rate: float, decay: float, steps: int, epochs: int) -> optax.GradientTransformation:
    """Adam with a rate that rises over some steps and falls to nothing over all of them."""
    over = optax.warmup_cosine_decay_schedule(0.0, rate, min(steps, 100), steps * epochs)
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(over, weight_decay=decay))


@eqx.filter_jit
def _epoch(network: _Network, state, optimizer, u, s):
    """Steps over all batches; networks, state of Adam, mean loss."""
    arrays, rest = eqx.partition(network, eqx.is_inexact_array)

    def step(carry, batch):
        arrays, state = carry
        loss, slope = jax.value_and_grad(lambda a: _loss(eqx.combine(a, rest), *batch))(arrays)
        # A step that is no number would end the training: it is left out.
        slope = jax.tree.map(lambda x: jnp.where(jnp.isfinite(loss), jnp.nan_to_num(x), 0.0), slope)
        moves, state = optimizer.update(slope, state, arrays)
        return (eqx.apply_updates(arrays, moves), state), loss

    (arrays, state), losses = jax.lax.scan(step, (arrays, state), (u, s))
    return eqx.combine(arrays, rest), state, jnp.nanmean(losses)
