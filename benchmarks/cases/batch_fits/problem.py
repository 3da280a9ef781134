"""A Langevin particle with Joule heat behind a resistor, noise-free: in scipy's words, and as a device of memjax."""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import memjax as mj
from memjax.core.fields import param, state
from memjax.core.system import NoNoise

NAMES = ("a", "b", "lam", "r_ext", "tau")
MIDDLE = np.log([2.0, 1.5, 0.12, 5.0, 0.2])
"""Logarithms of the middle of the population, where every search starts."""

HEAT, COOLING, AMBIENT = 5.0, 8.0, 0.3
AMPLITUDE, PERIOD, END = 4.0, 10.0, 20.0
TIMES = np.linspace(0.0, END, 401)
SPREAD, SIGMA = 1.3, 0.01
"""Largest factor between a device's parameter and the middle; standard deviation of ln(current)."""

_AROUND = (1e-3, 1e3)


def drive(t):
    """Two triangles of the source [V]."""
    return AMPLITUDE * (1 - np.abs(2 * ((t / PERIOD) % 1.0) - 1))


def _rhs(t, y, a, b, lam, r_ext, tau):
    x, temperature, v = y
    i = v / np.cosh(x / lam)
    return [
        v - b - a * (x**3 - x),
        HEAT * v * i - COOLING * (temperature - AMBIENT),
        ((drive(t) - v) / r_ext - i) / tau,
    ]


def current(q: np.ndarray, rtol: float) -> np.ndarray:
    """Current at the times after the start, by LSODA, of log parameters; 1e3 where the solve fails."""
    p = np.exp(q)
    start = [-1.0, AMBIENT, 0.0]
    options: dict[str, Any] = {"rtol": rtol, "atol": 1e-2 * rtol, "max_step": 0.5}
    found = solve_ivp(
        _rhs, (0, END), start, method="LSODA", t_eval=TIMES[1:], args=tuple(p), **options
    )
    if not found.success or found.y.shape[1] != len(TIMES) - 1:
        return np.full(len(TIMES) - 1, 1e3)
    return found.y[2] / np.cosh(found.y[0] / p[2])


def truths(count: int) -> np.ndarray:
    """Log parameters of the devices."""
    return MIDDLE + np.log(SPREAD) * np.random.default_rng(0).uniform(-1, 1, (count, len(NAMES)))


def measured(q: np.ndarray, seed: int) -> np.ndarray:
    """Current of a device with noise."""
    noise = np.random.default_rng([1, seed]).normal(size=len(TIMES) - 1)
    return current(q, 1e-9) * np.exp(SIGMA * noise)


def residuals(q: np.ndarray, data: np.ndarray, rtol: float) -> np.ndarray:
    """Distance of the logarithm of the current from the data [sigma]."""
    return (np.log(np.abs(current(q, rtol)) + 1e-30) - np.log(data)) / SIGMA


def by_scipy(data: np.ndarray) -> np.ndarray:
    """Trust-region least squares with finite differences, from the middle of the population."""
    far = np.log(4.0)
    fit = least_squares(
        lambda q: residuals(q, data, 1e-6),
        MIDDLE,
        bounds=(MIDDLE - far, MIDDLE + far),
        diff_step=1e-4,
        max_nfev=60,
    )
    return fit.x


def _parameter(default: float, symbol: str, doc: str):
    return param(default, unit="1", bounds=_AROUND, symbol=symbol, doc=doc)


class LangevinHeatRC(mj.AbstractDevice):
    r"""The same equations as a user writes them; in units of their own.

    Notes
    -----
    .. math::

        \dot x = V - b - a(x^3 - x), \quad \dot T = 5 V I - 8 (T - 0.3), \quad \tau\dot V = (v -
        V)/R_{ext} - I, \quad I = V/\cosh(x/\lambda)
    """

    a: Float[Array, ""] = _parameter(2.0, "a", "Height of the barrier.")
    b: Float[Array, ""] = _parameter(1.5, "b", "Tilt of the potential.")
    lam: Float[Array, ""] = _parameter(0.12, r"\lambda", "Decay length of tunnelling.")
    r_ext: Float[Array, ""] = _parameter(5.0, "R_{ext}", "Resistance before the node.")
    tau: Float[Array, ""] = _parameter(0.2, r"\tau", "Capacitance of the node.")

    name: ClassVar[str] = "langevin-heat-rc"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ()
    states: ClassVar = tuple(
        state(n, unit="1", scale=1.0, bounds=(-math.inf, math.inf))
        for n in ("x", "temperature", "node")
    )

    def initial(self, env):
        one = jnp.ones_like(self.a)
        return {"x": -one, "temperature": AMBIENT * one, "node": 0.0 * one}

    def current(self, t, state, v, env):
        return state["node"] / jnp.cosh(state["x"] / self.lam)

    def drift(self, t, state, v, env):
        x, node = state["x"], state["node"]
        i = self.current(t, state, v, env)
        warm = HEAT * node * i - COOLING * (state["temperature"] - AMBIENT)
        charged = ((v - node) / self.r_ext - i) / self.tau
        return {"x": node - self.b - self.a * (x**3 - x), "temperature": warm, "node": charged}


def measurement(data: np.ndarray) -> list[mj.Measurement]:
    """Data as a file of a laboratory gives them, with the start of the sweep."""
    rows = len(TIMES)
    return [
        mj.Measurement(
            t=TIMES,
            v=drive(TIMES),
            i=np.concatenate([[0.0], data]),
            sweep=np.zeros(rows, int),
            at_compliance=np.zeros(rows, bool),
            reader="",
            source={},
        )
    ]
