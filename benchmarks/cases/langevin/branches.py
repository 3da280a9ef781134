"""Fixed points of the circuit, where they fold and where they lose their stability: no integration."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from benchmarks.cases.langevin import model
from memjax.circuit.bench import NODE
from memjax.core.constants import ROOM_TEMPERATURE

_POINTS = 40_001
_HIGH, _LOW = (-0.95, -0.75), (-0.75, -0.05)
"""Where the recipes look for the fold of the high-resistance state, and for the low-resistance branch."""


def fixed_points(
    r_ext: float, x: Float[np.ndarray, " points"]
) -> tuple[Float[Array, " points"], Float[Array, " points"]]:
    """Source voltage and device voltage at which the particle rests at `x`: V_ext = V (1 + R_ext / R)."""
    own, at = model.device(), jnp.asarray(x)
    v = -jax.vmap(own.force)(at) / own.q
    state = {"x": at, "temperature": jnp.full_like(at, ROOM_TEMPERATURE)}
    return v * (1 + r_ext / own.resistance(state, v, mj.Environment())), v


def _vertex(x, y, k: int) -> float:
    """Extreme value of the parabola through three samples."""
    a, b, c = y[k - 1], y[k], y[k + 1]
    return float(b - (c - a) ** 2 / (8 * (a - 2 * b + c)))


def saddle_node(r_ext: float) -> float:
    """Source voltage at which the high-resistance state ends."""
    x = np.linspace(*_HIGH, _POINTS)
    v = np.asarray(fixed_points(r_ext, x)[0])
    turns = np.flatnonzero((v[1:-1] > v[:-2]) & (v[1:-1] > v[2:])) + 1
    return _vertex(x, v, int(turns[0]))


def fold_of_low(r_ext: float) -> float:
    """Source voltage at which the low-resistance branch ends."""
    x = np.linspace(*_LOW, _POINTS)
    v = np.asarray(fixed_points(r_ext, x)[0])
    return _vertex(x, v, int(np.argmin(v)))


def _jacobians(r_ext: float, tau: float, x) -> Float[Array, "points 2 2"]:
    """Of particle and node at the fixed points, from the drift that `mj.simulate` integrates."""
    system = mj.BenchedDevice(model.device(), model.bench(r_ext, tau))
    warm, env = jnp.asarray(ROOM_TEMPERATURE), mj.Environment()

    def rates(z, u):
        state = {"x": z[0], "temperature": warm, NODE: z[1]}
        drift = system.drift(jnp.zeros(()), state, u, env)
        return jnp.stack([drift["x"], drift[NODE]])

    v_ext, v = fixed_points(r_ext, x)
    return jax.vmap(jax.jacfwd(rates))(jnp.stack([jnp.asarray(x), v], axis=1), v_ext)


def hopf(r_ext: float, tau: float) -> float | None:
    """Source voltage at which the low-resistance branch loses its stability to oscillation, if it does."""
    x = np.linspace(*_LOW, _POINTS)
    j = np.asarray(_jacobians(r_ext, tau, x))
    trace, determinant = np.trace(j, axis1=1, axis2=2), np.linalg.det(j)
    change = np.flatnonzero((trace[:-1] > 0) & (trace[1:] <= 0) & (determinant[1:] > 0))
    if not change.size:
        return None
    k = int(change[-1])
    at = np.interp(0.0, -trace[k : k + 2], x[k : k + 2])
    return float(fixed_points(r_ext, np.array([at]))[0][0])
