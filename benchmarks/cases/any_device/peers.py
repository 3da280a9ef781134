"""Two peers of `hybrid`, written anew with as many parameters: a physics-informed network and a neural ODE.

`NeuralOde` follows the idea of [1]_: a network gives the rate of a hidden state, and the device is its solution.
`InformedNetwork` follows that of [2]_: a network gives the state at each time, a second one the conduction, and the
loss holds the state to an equation of physics whose constants are found beside the weights. Neither paper is about
loops of this kind: the first predicts transients of a transistor, the second takes the equation of a known device.
What stands here of sizes, activations, scales and training is ours: it makes both comparable with `hybrid`.

References
----------
.. [1] Gaurav et al., J. Mater. Chem. C (2025), doi:10.1039/d4tc03696d
.. [2] Lee et al., Micromachines 15, 253 (2024), doi:10.3390/mi15020253
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

import memjax as mj

NEAR_ZERO = 0.02
"""Share of the largest voltage below which a point says nothing of a conductance, as in fits of `hybrid`."""

STARTS, STEPS = 3, 2000
"""Networks that are trained side by side, of which the best counts, and steps of the training."""

RATE = 1e-2
"""First learning rate; it falls as a cosine."""

SUBSTEPS = 2
"""Steps of Heun's method between two points."""

PHYSICS, STEP = 1.0, 0.02
"""Weight of the equation of the state over that of the data, and what a state may miss a step of it by."""


@dataclass(frozen=True, kw_only=True)
class Sweeps:
    """Sweeps one after the other, in numbers of order one.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Voltage over the largest of the fitted sweeps.
    tau : Float[np.ndarray, "points"]
        Time over that of a sweep, on average.
    phase : Float[np.ndarray, "points"]
        Place of a point in its sweep, 0 to 1.
    target : Float[np.ndarray, "points"]
        log10 of the conductance in S.
    counts : Bool[np.ndarray, "points"]
        Points that say something of a conductance.
    """

    v: Float[np.ndarray, " points"]
    tau: Float[np.ndarray, " points"]
    phase: Float[np.ndarray, " points"]
    target: Float[np.ndarray, " points"]
    counts: Bool[np.ndarray, " points"]


def scale_of(data: Sequence[mj.Measurement]) -> tuple[float, float]:
    """The voltage that counts as 1 [V], and the points in a time of 1: the largest, and those of a sweep on average."""
    return max(float(np.max(np.abs(m.v))) for m in data), sum(len(m.v) for m in data) / sum(
        len(m.labels) for m in data
    )


def sweeps_of(data: Sequence[mj.Measurement], scale: tuple[float, float]) -> Sweeps:
    """All sweeps of measurements one after the other, all points as far apart; `scale` is that of the fitted ones."""
    top, points = scale
    parts = [m.select(m.sweep == x) for m in data for x in m.labels]
    v = np.concatenate([p.v for p in parts])
    i = np.concatenate([p.i for p in parts])
    size = np.abs(v)
    known = (size > NEAR_ZERO * top) & (np.abs(i) > 0)
    ratio = np.abs(i) / np.maximum(size, 1e-12)
    return Sweeps(
        v=v / top,
        tau=np.arange(len(v)) / points,
        phase=np.concatenate([np.linspace(0, 1, len(p.v)) for p in parts]),
        target=np.log10(np.where(known, ratio, 1.0)),
        counts=known & ~np.concatenate([p.at_compliance for p in parts]),
    )


def _network(width: int, key: Any) -> eqx.nn.MLP:
    """A network of two inputs, one hidden layer and one output."""
    return eqx.nn.MLP(2, "scalar", width, 1, jnp.tanh, key=key)


class NeuralOde(eqx.Module):
    """A hidden state whose rate is a network of it and of the voltage, and a conduction that is one as well.

    Parameters
    ----------
    rate, conduction : eqx.nn.MLP
        Networks of state and voltage.
    start : Float[Array, ""]
        State at the start.
    level, spread : float
        Mean and standard deviation of the targets [decades].
    """

    rate: eqx.nn.MLP
    conduction: eqx.nn.MLP
    start: Float[Array, ""]
    level: float = eqx.field(static=True)
    spread: float = eqx.field(static=True)

    @classmethod
    def drawn(cls, key: Any, level: float, spread: float) -> "NeuralOde":
        """One whose weights are drawn."""
        a, b = jax.random.split(key)
        return cls(_network(6, a), _network(5, b), jnp.zeros(()), level, spread)

    def predicted(
        self, v: Float[Array, " points"], tau: Float[Array, " points"]
    ) -> Float[Array, " points"]:
        """log10 of the conductance [S] at all points of a sequence."""
        x = self._states(v, tau)
        return self.level + self.spread * jax.vmap(self.conduction)(jnp.stack([x, v], axis=1))

    def loss(self, data: Sweeps) -> Float[Array, ""]:
        """Mean of the squared residuals over the spread of the targets."""
        return _misfit(
            self.predicted(jnp.asarray(data.v), jnp.asarray(data.tau)), data, self.spread
        )

    def _states(self, v, tau):
        """The hidden state at all points, by Heun's method."""
        rate = lambda x, u: self.rate(jnp.stack([x, u]))  # noqa: E731

        def next_state(x, row):
            before, after, h = row
            for k in range(SUBSTEPS):
                left, right = (before + (after - before) * j / SUBSTEPS for j in (k, k + 1))
                first = rate(x, left)
                second = rate(x + h / SUBSTEPS * first, right)
                x = x + h / SUBSTEPS * (first + second) / 2
            return x, x

        rows = (v[:-1], v[1:], jnp.diff(tau))
        _, later = jax.lax.scan(next_state, self.start, rows)
        return jnp.concatenate([self.start[None], later])


class InformedNetwork(eqx.Module):
    """A state that is a network of the place in its sweep and of the voltage, held to an equation of physics.

    Parameters
    ----------
    state, conduction : eqx.nn.MLP
        Networks of phase and voltage, and of state and voltage.
    constants : Float[Array, "4"]
        Logarithms of the rates at 0 V and of their slopes over the voltage, of set and of reset.
    start : Float[Array, ""]
        Logit of the state at the start.
    level, spread : float
        See `NeuralOde`.

    Notes
    -----
    The equation is that of ions which hop over barriers that the voltage lowers:
    dx/dtau = e^(a + bv) (1 - x) - e^(c - dv) x.
    """

    state: eqx.nn.MLP
    conduction: eqx.nn.MLP
    constants: Float[Array, "4"]
    start: Float[Array, ""]
    level: float = eqx.field(static=True)
    spread: float = eqx.field(static=True)

    @classmethod
    def drawn(cls, key: Any, level: float, spread: float) -> "InformedNetwork":
        """One whose weights are drawn."""
        a, b = jax.random.split(key)
        constants = jnp.array([-1.0, 1.0, -1.0, 1.0])  # of 1, and steep by e at the largest voltage
        return cls(_network(6, a), _network(4, b), constants, jnp.zeros(()), level, spread)

    def predicted(
        self, v: Float[Array, " points"], tau: Float[Array, " points"]
    ) -> Float[Array, " points"]:
        """log10 of the conductance [S] at all points of a sequence, whose state is the solution of the equation."""
        up, down = self._rates(v)
        step = jnp.diff(tau, prepend=tau[:1])

        def next_state(x, row):
            x = _stepped(x, *row)
            return x, x

        _, x = jax.lax.scan(next_state, jax.nn.sigmoid(self.start), (up, down, step))
        return self._conducting(x, v)

    def loss(self, data: Sweeps) -> Float[Array, ""]:
        """Squared residuals of the data, and of the equation: of each step to a point, over `STEP`."""
        v, tau, phase = (jnp.asarray(x) for x in (data.v, data.tau, data.phase))
        x = jax.nn.sigmoid(jax.vmap(self.state)(jnp.stack([phase, v], axis=1)))
        up, down = self._rates(v)
        before = jnp.concatenate([jax.nn.sigmoid(self.start)[None], x[:-1]])
        off = x - _stepped(before, up, down, jnp.diff(tau, prepend=tau[:1]))
        equation = jnp.mean((off / STEP) ** 2)
        return _misfit(self._conducting(x, v), data, self.spread) + PHYSICS * equation

    def _rates(self, v):
        """Rates of set and reset over the time of a sweep."""
        a, b, c, d = self.constants
        return tuple(jnp.exp(jnp.clip(x, -30.0, 15.0)) for x in (a + b * v, c - d * v))

    def _conducting(self, x, v):
        """log10 of the conductance [S]."""
        return self.level + self.spread * jax.vmap(self.conduction)(jnp.stack([x, v], axis=1))


PEERS: dict[str, Callable[..., Any]] = {
    "neural ODE": NeuralOde.drawn,
    "informed network": InformedNetwork.drawn,
}
"""Peers by what the case calls them."""


def parameters(peer: Any) -> int:
    """Number of parameters of a peer."""
    return sum(x.size for x in jax.tree.leaves(eqx.filter(peer, eqx.is_inexact_array)))


def trained(name: str, data: Sweeps, *, steps: int = STEPS, seed: int = 0) -> Any:
    """The best of several networks trained on a sequence by Adam."""
    known = data.target[data.counts]
    level, spread = float(np.mean(known)), float(np.std(known))
    keys = jax.random.split(jax.random.key(seed), STARTS)
    peers = eqx.filter_vmap(lambda key: PEERS[name](key, level, spread))(keys)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(RATE, steps))
    )

    @eqx.filter_jit
    @eqx.filter_vmap
    def improved(peer, memory):
        loss, slope = eqx.filter_value_and_grad(lambda p: p.loss(data))(peer)
        # Where a solution has left all bounds the step is left out.
        slope = jax.tree.map(lambda x: jnp.where(jnp.isfinite(x), x, 0.0), slope)
        update, memory = optimiser.update(slope, memory)
        return eqx.apply_updates(peer, update), memory, loss

    memory = eqx.filter_vmap(lambda p: optimiser.init(eqx.filter(p, eqx.is_inexact_array)))(peers)
    for _ in range(steps):
        peers, memory, _ = improved(peers, memory)
    losses = np.asarray(eqx.filter_vmap(lambda p: p.loss(data))(peers))
    best = int(np.nanargmin(np.where(np.isfinite(losses), losses, np.inf)))
    return jax.tree.map(lambda x: x[best] if eqx.is_array(x) else x, peers)


def residuals_of(peer: Any, data: Sweeps) -> Float[np.ndarray, " points"]:
    """What a trained peer leaves of the points of a sequence that count [decades]."""
    y = np.asarray(peer.predicted(jnp.asarray(data.v), jnp.asarray(data.tau)))
    return (y - data.target)[data.counts]


def _stepped(x: Any, up: Any, down: Any, h: Any) -> Any:
    """State after a step under rates of set and of reset, by the implicit Euler method."""
    return (x + h * up) / (1 + h * (up + down))


def _misfit(y: Float[Array, " points"], data: Sweeps, spread: float) -> Float[Array, ""]:
    """Mean square of the residuals that count, over the spread."""
    counts = jnp.asarray(data.counts)
    off = jnp.where(counts, (y - jnp.asarray(data.target)) / spread, 0.0)
    return jnp.sum(off**2) / np.count_nonzero(data.counts)
