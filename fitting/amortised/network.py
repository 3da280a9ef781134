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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from memjax.errors import ModelError

_INTERVAL = 4.0  # standard deviations within which splines bend the normal density


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


@contextmanager
def single_precision() -> Iterator[None]:
    """Single precision, and types and ranks as flowjax has them."""
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


class Network(eqx.Module):
    """Features, mean, root and flow."""

    features: eqx.nn.MLP
    head: eqx.nn.Linear
    flow: Any

    def _affine(self, s: Array, free: int) -> tuple[Array, Array, Array]:
        """Features, mean and triangular root at standardised statistics."""
        h = self.features(s)
        out = self.head(h)
        mean, size, lower = jnp.split(out, [free, 2 * free])
        root = jnp.diag(jnp.exp(size))
        return h, mean, root.at[jnp.tril_indices(free, -1)].set(lower)

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
        what = "amortised posteriors need the package flowjax"
        raise ModelError(what, fix="pip install 'memjax[amortised]'")


def new_network(settings: DensitySettings, free: int, statistics: int, key) -> Network:
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
    return Network(features, head, flow.bijection)


@functools.lru_cache(maxsize=8)
def form_of(settings: DensitySettings, free: int, statistics: int) -> tuple[Any, Any]:
    """Structure of a network's arrays, and all that is no array."""
    require_flows()
    with single_precision():
        network = new_network(settings, free, statistics, jax.random.key(0))
    arrays, static = eqx.partition(network, eqx.is_array)
    return jax.tree.structure(arrays), static


def leaves_of(network: Network) -> list[np.ndarray]:
    """Arrays of a network."""
    return [np.asarray(x) for x in jax.tree.leaves(eqx.filter(network, eqx.is_array))]


@eqx.filter_jit
def normal_of(network: Network, u, s) -> tuple[Array, Array]:
    """Normal numbers (devices, free) that coordinates stand for, and the logarithm of their change."""
    paramax = import_module("paramax")
    return jax.vmap(paramax.unwrap(network).normal)(u, s)


def log_density_of(y: Any, change: Any, scale: Any = 1.0) -> Any:
    """Of coordinates that stand for normal numbers of these standard deviations; `y` (devices, free)."""
    terms = (y / scale) ** 2 + 2 * np.log(scale) + math.log(2 * math.pi)
    return change - 0.5 * terms.sum(axis=1)


@eqx.filter_jit
def draw_from(network: Network, key, numbers, s, draws: int, scale) -> Array:
    """Coordinates (devices, draws, free) of normal numbers of these standard deviations, by the devices' numbers."""
    paramax = import_module("paramax")
    network = paramax.unwrap(network)

    def one(number, s):
        device_key = jax.random.fold_in(key, number)
        return network.at(scale * jax.random.normal(device_key, (draws, len(scale))), s)

    return jax.vmap(one)(numbers, s)
