"""Randomness per pulse and per cycle: maximum likelihood of what tells cycles apart, by a Kalman filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int
from scipy.linalg import helmert
from scipy.optimize import minimize

from memjax.core.params import get, replace
from memjax.synapse import Pulsed, PulseNoise
from memjax.synapse.pulsed import MEMORIES

FEWEST = 3
"""Cycles below which nothing is said about randomness."""

# Standard deviation of the prior of a logarithm about the start: it only keeps flat directions finite.
_PRIOR = 3.0
# Standard deviation of a logarithm above which an amplitude is not determined: it may as well be 0.
_LOOSE = 1.0
_STEP = 1e-3  # difference of coordinates for the curvature
# What is told apart after set and reset pulses.
_PAIRS = ("jitter", "programming", "flicker", "slope", "bend")


class Gains(eqx.Module):
    """How small deviations of state and of logarithms of parameters act along the mean cycle.

    Parameters
    ----------
    retention : Float[Array, "pulses"]
        Derivative of the state after a pulse by that before.
    push : Float[Array, "pulses rates"]
        That by the logarithms of the parameters.
    response : Float[Array, "points"]
        Derivative of the conductance by the state [S].
    shift : Float[Array, "points rates"]
        That by the logarithms [S].
    g : Float[Array, "points"]
        Conductance of the mean cycle [S].
    kinds : Int[Array, "pulses"]
        Kind of each pulse.
    """

    retention: Float[Array, " pulses"]
    push: Float[Array, "pulses rates"]
    response: Float[Array, " points"]
    shift: Float[Array, "points rates"]
    g: Float[Array, " points"]
    kinds: Int[Array, " pulses"]


@eqx.filter_jit
def gains(pulsed: Pulsed, kinds: Int[Array, " pulses"], rates: tuple[str, ...]) -> Gains:
    """Linearise a pulsed device about its noise-free cycle; of several states the first one counts."""
    g, path = pulsed.curve(kinds)
    nominal = jnp.stack([get(pulsed.device, n) for n in rates]) if rates else jnp.zeros(0)

    def moved(logs):
        values = dict(zip(rates, nominal * jnp.exp(logs), strict=True))
        device = replace(pulsed.device, values, check=False) if rates else pulsed.device
        return eqx.tree_at(lambda p: p.device, pulsed, device)

    zero = jnp.zeros_like(nominal)
    step = lambda z, logs, k: moved(logs).after(z, k)[0]  # noqa: E731
    look = lambda z, logs: moved(logs).conductance(z)  # noqa: E731
    steps = jax.vmap(jax.jacfwd(step, (0, 1)), (0, None, 0))(path[:-1], zero, kinds)
    looks = jax.vmap(jax.jacfwd(look, (0, 1)), (0, None))(path, zero)
    return Gains(steps[0][:, 0], steps[1], looks[0][:, 0], looks[1], g, kinds)


@dataclass(frozen=True, kw_only=True)
class NoiseFit:
    """Randomness of a pulsed device, and how well it is known.

    Parameters
    ----------
    noise : PulseNoise
        Amplitudes [S], and spreads of parameters.
    std : dict of str to float
        Standard errors, by the names of `NoiseFit.table`.
    undetermined : tuple of str
        Amplitudes that the data do not tell from 0 within a factor of e.
    log_likelihood : float
        At the optimum.
    cycles : int
        How many entered.
    """

    noise: PulseNoise
    std: dict[str, float]
    undetermined: tuple[str, ...]
    log_likelihood: float
    cycles: int

    def table(self) -> list[dict]:
        """One row per amplitude: name, value, unit, std, determined, doc."""
        rows = []
        for name, value in values_of(self.noise).items():
            kind = name.split(".")[0].removesuffix("_set").removesuffix("_reset")
            known = {"std": self.std.get(name), "determined": name not in self.undetermined}
            unit = "1" if kind in _RATIOS else "S"
            rows.append({"name": name, "value": value, "unit": unit, **known, "doc": _DOCS[kind]})
        return rows


_RATIOS = ("slope", "flicker", "cycle", "bend")
_DOCS = {
    "jitter": "Redrawn by each pulse: standard deviation at the middle of the range.",
    "programming": "Added to the state by each pulse, it accumulates: the same.",
    "slope": "Change of the logarithm of the amplitudes over the range of the conductance.",
    "bend": "Curvature of that logarithm.",
    "flicker": "1/f part over pulses: its standard deviation over that of the jitter.",
    "read": "Read noise: of readings with no pulse between them.",
    "cycle": "Standard deviation of the logarithm of a parameter drawn in each cycle.",
}


def values_of(noise: PulseNoise) -> dict[str, float]:
    """All amplitudes by name."""
    out: dict[str, float] = {}
    for name in _PAIRS:
        pair = np.asarray(getattr(noise, name))
        out |= {f"{name}_set": float(pair[0]), f"{name}_reset": float(pair[1])}
    out["read"] = float(noise.read)
    return out | {f"cycle.{n}": float(x) for n, x in noise.cycle.items()}


def _names(rates: Sequence[str]) -> list[str]:
    """What the coordinates of the likelihood stand for; the last amplitude is that of the first reading."""
    pairs = [f"{n}_{k}" for n in _PAIRS for k in ("set", "reset")]
    return [*pairs, *(f"cycle.{n}" for n in rates), "start"]


def _noise(p: Float[Array, " coordinates"], scale, g_mid, g_span, rates) -> PulseNoise:
    """Amplitudes [S] at coordinates."""
    e = jnp.exp
    return PulseNoise(
        jitter=scale * e(p[0:2]),
        programming=scale * e(p[2:4]),
        flicker=e(p[4:6]),
        slope=p[6:8],
        bend=p[8:10],
        read=jnp.zeros(()),
        g_mid=g_mid,
        g_span=g_span,
        cycle={n: e(p[10 + k]) for k, n in enumerate(rates)},
    )


@eqx.filter_jit
def _loss(p, start, y: Float[Array, "contrasts points"], along: Gains, scale, rates):
    """Minus the logarithm of likelihood and prior, and its gradient."""

    def loss(p):
        g_mid, g_span = (jnp.max(along.g) + jnp.min(along.g)) / 2, jnp.ptp(along.g)
        noise = _noise(p, scale, g_mid, g_span, rates)
        prior = jnp.sum(((p - start) / _PRIOR) ** 2) / 2
        return _filtered(noise, scale * jnp.exp(p[-1]), y, along) + prior

    return jax.value_and_grad(loss)(p)


def _filtered(noise: PulseNoise, start, y: Float[Array, "contrasts points"], along: Gains):
    """Minus the log-likelihood by a Kalman filter; all contrasts have the same covariance."""
    spreads = jnp.stack(list(noise.cycle.values())) if noise.cycle else jnp.zeros(0)
    kinds = jnp.concatenate([along.kinds[-1:], along.kinds])  # the last pulse of the cycle before
    size = noise.size(along.g, kinds)
    jitter = noise.jitter[kinds] * size
    # 1/f noise as a sum of Ornstein-Uhlenbeck parts of equal variance, their memories evenly spaced in decades.
    part = noise.flicker[kinds] * jitter / len(MEMORIES) ** 0.5
    kick = noise.programming[along.kinds] * size[1:] / along.response[1:]
    phi, parts = jnp.exp(-1 / jnp.asarray(MEMORIES)), len(MEMORIES)
    n, dim = along.response.shape[0], 1 + parts + spreads.shape[0]
    begin = [start[None] / along.response[0], jnp.full((parts,), part[0]), spreads]
    cov = jnp.diag(jnp.concatenate(begin) ** 2)
    h = jnp.concatenate([along.response[:, None], jnp.ones((n, parts)), along.shift], axis=1)
    same = jnp.concatenate([jnp.ones(1), phi, jnp.ones_like(spreads)])
    f = jnp.broadcast_to(jnp.diag(same), (n - 1, dim, dim))
    f = f.at[:, 0, 0].set(along.retention).at[:, 0, 1 + parts :].set(along.push)
    q = jnp.zeros((n - 1, dim)).at[:, 0].set(kick**2)
    # A stationary part forgets 1 - phi^2 of its variance with each pulse, and gets as much anew.
    q = q.at[:, 1 : 1 + parts].set((1 - phi**2)[None] * part[1:, None] ** 2)

    def look(mean, cov, h, r, y):
        gain = cov @ h
        s = h @ gain + r
        off = y - h @ mean
        loss = 0.5 * jnp.sum(off**2 / s + jnp.log(2 * jnp.pi * s))
        return mean + gain[:, None] * (off / s)[None], cov - jnp.outer(gain, gain) / s, loss

    def step(carry, now):
        mean, cov, total = carry
        f, q, h, r, y = now
        mean, cov = f @ mean, f @ cov @ f.T + jnp.diag(q)
        mean, cov, loss = look(mean, cov, h, r, y)
        return (mean, cov, total + loss), None

    mean, cov, first = look(jnp.zeros((dim, y.shape[0])), cov, h[0], jitter[0] ** 2, y[:, 0])
    later_rows = (f, q, h[1:], jitter[1:] ** 2, y[:, 1:].T)
    return lax.scan(step, (mean, cov, first), later_rows)[0][2]


def estimate_noise(
    pulsed: Pulsed,
    g: Float[np.ndarray, "cycles points"],
    kinds: Int[np.ndarray, " pulses"],
    *,
    rates: Sequence[str] = (),
) -> NoiseFit:
    """Randomness per pulse and per cycle of measured conductances [S], of three cycles at least.

    The fitted device says how deviations decay from pulse to pulse; `rates` are parameters that may differ from cycle
    to cycle.

    Notes
    -----
    The likelihood is that of the orthonormal contrasts between cycles (Helmert), in which the mean
    curve, and with it what the model misses of it, drops out. Deviations follow the model that
    `PulseNoise` states, linear about the noise-free cycle, by a Kalman filter. Standard errors
    come from the curvature. Read noise is that of the last reading of a cycle against the first one of
    the next, where no pulse lies between: where their difference is smaller than the jitter.
    """
    along = gains(pulsed, jnp.asarray(kinds), tuple(rates))
    scale = float(np.std(np.diff(g, axis=1) - np.mean(np.diff(g, axis=1), axis=0)))
    contrasts = jnp.asarray(helmert(len(g)) @ g)
    amplitude = np.log([0.6, 0.6, 0.2, 0.2, 0.8, 0.8, *[1.0] * 4, *[0.03] * len(rates), 1.0])
    names, start = _names(rates), jnp.asarray(amplitude)
    args: Any = (start, contrasts, along, jnp.asarray(scale), tuple(rates))
    value = lambda p: [np.asarray(x, float) for x in _loss(jnp.asarray(p), *args)]  # noqa: E731
    optimum = minimize(value, np.asarray(start), jac=True, method="L-BFGS-B")
    steps = np.eye(len(names)) * _STEP
    rows = [(value(optimum.x + s)[1] - value(optimum.x - s)[1]) / (2 * _STEP) for s in steps]
    curvature = (np.stack(rows) + np.stack(rows).T) / 2
    curvatures, directions = np.linalg.eigh(curvature)
    # The prior alone has so much: where a likelihood that bends the other way leaves less, it says nothing.
    sigma = np.sqrt(np.sum(directions**2 / np.maximum(curvatures, _PRIOR**-2), axis=1))
    mid, span = (np.max(along.g) + np.min(along.g)) / 2, np.ptp(np.asarray(along.g))
    noise = _noise(jnp.asarray(optimum.x), scale, jnp.asarray(mid), jnp.asarray(span), tuple(rates))
    noise, read_std = _with_read_noise(noise, g, along)
    std, undetermined = {}, []
    for name, s in zip(names, sigma, strict=True):
        if name in (known := values_of(noise)):
            std[name] = float(s * (1.0 if name.startswith(_PAIRS[3:]) else known[name]))
            undetermined += [name] if s > _LOOSE else []
    return NoiseFit(
        noise=noise,
        std=std | read_std,
        undetermined=tuple(undetermined),
        log_likelihood=-float(optimum.fun),
        cycles=len(g),
    )


def _with_read_noise(
    noise: PulseNoise, g: np.ndarray, along: Gains
) -> tuple[PulseNoise, dict[str, float]]:
    """The noise with what repeated readings tell, taken from the jitter, and its standard error."""
    repeats = g[1:, 0] - g[:-1, -1]
    spread = float(np.std(repeats, ddof=1) / np.sqrt(2)) if len(repeats) > 1 else np.inf
    last = along.kinds[-1]
    if not spread < float(noise.jitter[last] * noise.size(along.g[-1], last)):
        return noise, {}
    left = jnp.sqrt(jnp.maximum(noise.jitter**2 - spread**2, (0.05 * noise.jitter) ** 2))
    noise = eqx.tree_at(lambda n: (n.jitter, n.read), noise, (left, jnp.asarray(spread)))
    return noise, {"read": spread / np.sqrt(2 * (len(repeats) - 1))}
