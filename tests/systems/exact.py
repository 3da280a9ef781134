"""Devices and systems whose solution, its moments or its gradient are known exactly."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from equinox import AbstractClassVar
from jaxtyping import Array, Float
from scipy.integrate import dblquad
from scipy.linalg import eigh_tridiagonal, expm

import memjax as mj
from memjax.core.system import AbstractSystem, Additive, Diagonal, General, Jump, NoNoise
from memjax.device import AbstractDevice, AbstractOhmicDevice


class OrnsteinUhlenbeck(AbstractOhmicDevice):
    """dx = -k (x - g V) dt + sigma dW; an ohmic resistor beside it makes it a device."""

    k: Float[Array, ""] | None = mj.param(
        3.0, unit="1/s", bounds=(1e-3, 1e9), doc="Rate of return."
    )
    g: Float[Array, ""] | None = mj.param(
        1.0, unit="1/V", bounds=(-1e3, 1e3), doc="Pull of the voltage."
    )
    sigma: Float[Array, ""] | None = mj.param(
        0.5, unit="s^-0.5", bounds=(0.0, 1e3), noise=True, doc="Noise."
    )
    x0: Float[Array, ""] | None = mj.param(1.0, unit="1", bounds=(-1e3, 1e3), doc="Start.")
    ohms: Float[Array, ""] | None = mj.param(1e3, unit="ohm", bounds=(1.0, 1e12), doc="Resistance.")

    name: ClassVar[str] = "ornstein-uhlenbeck"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar[type] = Additive
    references: ClassVar[tuple[str, ...]] = ("closed form",)
    states: ClassVar = (
        mj.state("x", unit="1", scale=2.0, bounds=(-np.inf, np.inf), doc="Position."),
    )

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, v, env):
        return {"x": -self.k * (state["x"] - self.g * v)}

    def noise(self, t, state, v, env):
        return {"w": {"x": jnp.zeros_like(v) if self.sigma is None else self.sigma}}

    def resistance(self, state, v, env):
        return self.ohms

    def current(self, t, state, v, env):
        return v / self.ohms

    def mean(self, t, v):
        """Mean at time t under a constant voltage."""
        return self.g * v + (self.x0 - self.g * v) * jnp.exp(-self.k * t)

    def variance(self, t):
        """Variance at time t."""
        return self.sigma**2 * (1 - jnp.exp(-2 * self.k * t)) / (2 * self.k)


class Geometric(AbstractDevice):
    """dy = a y dt + b y dW: y = exp((a - b^2/2) t + b W) in the sense of Ito."""

    a: Float[Array, ""] | None = mj.param(-1.0, unit="1/s", bounds=(-1e9, 1e9), doc="Growth rate.")
    b: Float[Array, ""] | None = mj.param(
        1.0, unit="s^-0.5", bounds=(0.0, 1e3), noise=True, doc="Noise."
    )

    name: ClassVar[str] = "geometric"
    volatile: ClassVar[bool] = False
    noise_structure: ClassVar[type] = Diagonal
    references: ClassVar[tuple[str, ...]] = ("closed form",)
    states: ClassVar = (mj.state("y", unit="1", scale=1.0, bounds=(0.0, np.inf), doc="Size."),)

    def initial(self, env):
        return {"y": jnp.ones_like(self.a)}

    def drift(self, t, state, v, env):
        return {"y": self.a * state["y"]}

    def noise(self, t, state, v, env):
        return {"w": {"y": (0.0 if self.b is None else self.b) * state["y"]}}

    def current(self, t, state, v, env):
        return 1e-3 * v * state["y"]


class LinearDrift(AbstractOhmicDevice):
    """dw/dt = k i, R = r_off - (r_off - r_on) w: R^2 = R0^2 - 2 (r_off - r_on) k flux."""

    r_on: Float[Array, ""] | None = mj.param(
        1e2, unit="ohm", bounds=(1.0, 1e9), doc="Least resistance."
    )
    r_off: Float[Array, ""] | None = mj.param(
        1.6e4, unit="ohm", bounds=(1.0, 1e9), doc="Largest resistance."
    )
    k: Float[Array, ""] | None = mj.param(
        1e4, unit="1/C", bounds=(0.0, 1e9), doc="Drift per charge."
    )
    w0: Float[Array, ""] | None = mj.param(0.1, unit="1", bounds=(0.0, 1.0), doc="Start.")

    name: ClassVar[str] = "linear-drift"
    volatile: ClassVar[bool] = False
    noise_structure: ClassVar[type] = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1038/nature06932",)
    states: ClassVar = (mj.state("w", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Doped part."),)

    def initial(self, env):
        return {"w": self.w0}

    def drift(self, t, state, v, env):
        return {"w": self.k * v / self.resistance(state, v, env)}

    def noise(self, t, state, v, env):
        return {}

    def resistance(self, state, v, env):
        return self.r_off - (self.r_off - self.r_on) * state["w"]

    def current(self, t, state, v, env):
        return v / self.resistance(state, v, env)

    def exact(self, flux):
        """State w after a flux [V s]."""
        span = self.r_off - self.r_on
        r0 = self.r_off - span * self.w0
        return (self.r_off - jnp.sqrt(r0**2 - 2 * span * self.k * flux)) / span


class Resistor(AbstractOhmicDevice):
    """A resistor, with a state that does nothing."""

    ohms: Float[Array, ""] | None = mj.param(1e3, unit="ohm", bounds=(1.0, 1e12), doc="Resistance.")

    name: ClassVar[str] = "resistor"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar[type] = NoNoise
    references: ClassVar[tuple[str, ...]] = ("Ohm",)
    states: ClassVar = (mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Idle."),)

    def initial(self, env):
        return {"x": jnp.zeros_like(self.ohms)}

    def drift(self, t, state, v, env):
        return {"x": jnp.zeros_like(v)}

    def noise(self, t, state, v, env):
        return {}

    def resistance(self, state, v, env):
        return self.ohms

    def current(self, t, state, v, env):
        return v / self.ohms


class Cubic(AbstractDevice):
    """A conductor whose current is no multiple of its voltage: i = g v + c v^3."""

    g: Float[Array, ""] | None = mj.param(1e-3, unit="S", bounds=(0.0, 1e3), doc="Conductance.")
    c: Float[Array, ""] | None = mj.param(2e-3, unit="A/V^3", bounds=(0.0, 1e3), doc="Cubic part.")

    name: ClassVar[str] = "cubic"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar[type] = NoNoise
    references: ClassVar[tuple[str, ...]] = ("closed form",)
    states: ClassVar = (mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Idle."),)

    def initial(self, env):
        return {"x": jnp.zeros_like(self.g)}

    def drift(self, t, state, v, env):
        return {"x": -state["x"]}

    def noise(self, t, state, v, env):
        return {}

    def current(self, t, state, v, env):
        return self.g * v + self.c * v**3


def number(default):
    """A parameter of a system that nobody reads from a file."""
    return eqx.field(default=default, converter=jnp.asarray)


class AbstractFree(AbstractSystem):
    """States without bounds on no bench; seen are the drive and no current."""

    states: AbstractClassVar[tuple]
    structure: AbstractClassVar[type]

    @property
    def specs(self):
        return self.states

    @property
    def noise_structure(self):
        return self.structure

    def noise(self, t, state, u, env):
        return {}

    def outputs(self, t, state, u, env):
        zero = jnp.zeros_like(u)
        return {"v": u, "i": zero, "v_device": u, "i_device": zero}

    def project(self, state):
        return state

    def confine(self, state, before, u):
        return state


def free(name: str, *, scale: float = 1.0, linear: bool = False):
    """A state without unit and bounds."""
    inf = float("inf")
    return mj.state(name, unit="1", scale=scale, bounds=(-inf, inf), doc="Free.", linear=linear)


class Entangled(AbstractFree):
    """dX = A X dt + B1 X dW1 + B2 X dW2 in the plane, whose channels do not commute."""

    a: Float[Array, "2 2"] = number(((-1.0, 0.3), (0.2, -1.5)))
    b1: Float[Array, "2 2"] = number(((0.2, 0.9), (-0.1, 0.0)))
    b2: Float[Array, "2 2"] = number(((0.0, -0.2), (0.8, 0.3)))

    states: ClassVar = (free("x"), free("y"))
    structure: ClassVar[type] = General

    def initial(self, env):
        return {"x": jnp.asarray(1.0), "y": jnp.asarray(-0.5)}

    def drift(self, t, state, u, env):
        return self._times(self.a, state)

    def noise(self, t, state, u, env):
        return {"w1": self._times(self.b1, state), "w2": self._times(self.b2, state)}

    def _times(self, matrix, state):
        x, y = matrix @ jnp.stack([state["x"], state["y"]])
        return {"x": x, "y": y}

    def moments(self, t):
        """Means (2,) and second moments (2, 2) at time t, by the exponentials of their own equations."""
        a, b1, b2, y0, eye = (
            np.asarray(m) for m in (self.a, self.b1, self.b2, (1.0, -0.5), np.eye(2))
        )
        both = np.kron(a, eye) + np.kron(eye, a) + np.kron(b1, b1) + np.kron(b2, b2)
        return expm(a * t) @ y0, (expm(both * t) @ np.kron(y0, y0)).reshape(2, 2)


class LogVerhulst(AbstractFree):
    """dX = (a - b e^X) dt + s(t) dW with s(t) = s0 (1 + s1 sin(w t)): logarithm of a logistic population."""

    a: Float[Array, ""] = number(1.0)
    b: Float[Array, ""] = number(1.0)
    s0: Float[Array, ""] = number(0.5)
    s1: Float[Array, ""] = number(0.8)
    w: Float[Array, ""] = number(5.0)
    x0: Float[Array, ""] = number(0.5)

    states: ClassVar = (free("x"),)
    structure: ClassVar[type] = Additive

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, u, env):
        return {"x": self.a - self.b * jnp.exp(state["x"])}

    def noise(self, t, state, u, env):
        return {"w": {"x": self.s0 * (1 + self.s1 * jnp.sin(self.w * t))}}

    def path(self, t, w, area):
        """X at the times (n + 1) of a grid, for increments and space-time areas (paths, n) of a driver.

        X = x0 + a t + M - ln(1 + b int exp(x0 + a u + M_u) du), M = int s dW: the amplitude is taken
        as straight within a step, and the exponent as the path that is likely given its ends and its
        area, which leaves an error of order 3/2.
        """
        t = np.asarray(t, float)
        a, b, s0, s1, f, x0 = (
            float(p) for p in (self.a, self.b, self.s0, self.s1, self.w, self.x0)
        )
        h, middle = np.diff(t), 0.5 * (t[1:] + t[:-1])
        s, slope = s0 * (1 + s1 * np.sin(f * middle)), s0 * s1 * f * np.cos(f * middle)
        gain = s * w - slope * h * area
        m = np.concatenate([np.zeros((len(w), 1)), np.cumsum(gain, axis=1)], axis=1)
        y = x0 + a * t + m
        # Mean of exp(y): over the chord and the parabola of the area, with the spread h / 15 around them.
        middle = 0.5 * (y[:, 1:] + y[:, :-1]) + s * area + s**2 * h / 30
        spread = (y[:, 1:] - y[:, :-1]) ** 2 / 24 + (s * area) ** 2 / 10
        growth = np.cumsum(h * np.exp(middle) * (1 + spread), axis=1)
        inside = np.concatenate([np.zeros((len(w), 1)), growth], axis=1)
        return y - np.log1p(b * inside)


class Breathing(AbstractFree):
    """dx = -k (x - u) dt + s(t) dW with s(t) = s0 (1 + s1 sin(w t)): Ornstein-Uhlenbeck, breathing."""

    k: Float[Array, ""] = number(3.0)
    s0: Float[Array, ""] = number(0.5)
    s1: Float[Array, ""] = number(0.8)
    w: Float[Array, ""] = number(5.0)
    x0: Float[Array, ""] = number(1.0)

    states: ClassVar = (free("x"),)
    structure: ClassVar[type] = Additive

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, u, env):
        return {"x": -self.k * (state["x"] - u)}

    def noise(self, t, state, u, env):
        return {"w": {"x": self.s0 * (1 + self.s1 * jnp.sin(self.w * t))}}

    def mean(self, t, u):
        """Mean at time t under a constant drive."""
        return u + (self.x0 - u) * jnp.exp(-self.k * t)

    def variance(self, t):
        """Variance at time t: the integral of exp(-2 k (t - s)) s(s)^2, term by term."""
        rate = 2 * self.k

        def wave(w):
            """Integral of exp(-rate (t - s)) exp(i w s) over s from 0 to t."""
            return (jnp.exp(1j * w * t) - jnp.exp(-rate * t + 0j)) / (rate + 1j * w)

        flat, once, twice = (wave(n * self.w) for n in (0, 1, 2))
        even = flat.real * (1 + 0.5 * self.s1**2) - 0.5 * self.s1**2 * twice.real
        return self.s0**2 * (even + 2 * self.s1 * once.imag)


class KramersWell(AbstractFree):
    """dx = (x - x^3) dt + sqrt(2 d) dW from the bottom of the left of two wells at -1 and 1."""

    d: Float[Array, ""] = number(0.08)

    states: ClassVar = (free("x"),)
    structure: ClassVar[type] = Additive

    def initial(self, env):
        return {"x": -jnp.ones_like(self.d)}

    def drift(self, t, state, u, env):
        return {"x": state["x"] - state["x"] ** 3}

    def noise(self, t, state, u, env):
        return {"w": {"x": jnp.sqrt(2 * self.d)}}

    def passage_time(self, end, start=-1.0):
        """Mean time until `end` is first passed, from `start` below: an integral of exp(U/d) over one of exp(-U/d)."""
        d, well = float(self.d), lambda x: x**4 / 4 - x**2 / 2
        both = lambda z, y: np.exp((well(y) - well(z)) / d) / d  # noqa: E731
        return dblquad(both, start, end, -3.0, lambda y: y, epsabs=1e-10, epsrel=1e-10)[0]

    def right(self, t, n=2000):
        """Probability of x > 0 at time t: the Fokker-Planck equation between -2.5 and 2.5.

        Hops between n cells whose rates keep the stationary distribution exactly; the error is of
        second order in the cell.
        """
        edges = np.linspace(-2.5, 2.5, n + 1)
        x, step, d = 0.5 * (edges[1:] + edges[:-1]), 5.0 / n, float(self.d)
        well = (x**4 / 4 - x**2 / 2) / d
        # Symmetric form: off the diagonal d / step^2, on it what leaves a cell.
        up = d / step**2 * np.exp(0.5 * (well[:-1] - well[1:]))
        down = d / step**2 * np.exp(0.5 * (well[1:] - well[:-1]))
        leave = np.append(up, 0.0) + np.append(0.0, down)
        rates, modes = eigh_tridiagonal(
            -leave, np.full(n - 1, d / step**2), select="v", select_range=(-60.0 / t, 1e-6)
        )
        root = np.exp(-0.5 * (well - well.min()))
        # The start -1 lies between two cells or in one; a hat function has the right mean.
        hat = np.maximum(1 - np.abs(x + 1) / step, 0.0)
        weights = modes.T @ (hat / hat.sum() / root)
        right = (x > 0).astype(float)
        return float((right * root) @ (modes @ (np.exp(rates * t) * weights)))


class Telegraph(AbstractFree):
    """A switch that goes from 0 to 1 at rate `up` and back at rate `down`."""

    up: Float[Array, ""] = number(3.0)
    down: Float[Array, ""] = number(1.0)

    states: ClassVar = (free("x"),)
    structure: ClassVar[type] = NoNoise

    def initial(self, env):
        return {"x": jnp.zeros_like(self.up)}

    def drift(self, t, state, u, env):
        return {"x": jnp.zeros_like(state["x"])}

    def jumps(self, t, state, u, env):
        x = state["x"]
        return {
            "up": Jump(self.up * (1 - x), self.up, {"x": jnp.ones_like(x)}),
            "down": Jump(self.down * x, self.down, {"x": jnp.zeros_like(x)}),
        }

    def mean(self, t):
        """Probability of being at 1 at time t; as x^2 = x, the second moment too."""
        total = self.up + self.down
        return self.up / total * -jnp.expm1(-total * t)


class PoissonDecay(AbstractFree):
    """df = -g f dt, and f to (1 - eta) f at rate kappa; or at rate kappa f^2 where `bound` is not the rate."""

    g: Float[Array, ""] = number(1.0)
    kappa: Float[Array, ""] = number(4.0)
    eta: Float[Array, ""] = number(0.3)
    thinned: bool = eqx.field(static=True, default=False)

    states: ClassVar = (free("f"),)
    structure: ClassVar[type] = NoNoise

    def initial(self, env):
        return {"f": jnp.ones_like(self.g)}

    def drift(self, t, state, u, env):
        return {"f": -self.g * state["f"]}

    def jumps(self, t, state, u, env):
        f = state["f"]
        rate = self.kappa * f**2 if self.thinned else self.kappa * jnp.ones_like(f)
        return {"loss": Jump(rate, self.kappa, {"f": (1 - self.eta) * f})}

    def moment(self, power, t, most=60):
        """Mean of f^power at time t.

        After n jumps f is (1 - eta)^n exp(-g t), and the rate of the next one kappa, or kappa f^2 =
        kappa (1 - eta)^(2 n) exp(-2 g t): a pure birth process, in the time (1 - exp(-2 g t)) / (2 g).
        """
        g, kappa, eta = (float(x) for x in (self.g, self.kappa, self.eta))
        n = np.arange(most)
        rates = kappa * (1 - eta) ** (2 * n) if self.thinned else np.full(most, kappa)
        clock = -np.expm1(-2 * g * t) / (2 * g) if self.thinned else t
        births = np.diag(-rates) + np.diag(rates[:-1], -1)
        return float((1 - eta) ** (power * n) @ expm(births * clock)[:, 0] * np.exp(-power * g * t))
