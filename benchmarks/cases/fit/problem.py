"""The calibration problem that memjax and its peers are given; numpy and scipy only.

A filament-residue-area memristor under a voltage staircase, as its continuous-time equations stand.
The solver is the one that the peers use: scipy's solve_ivp, one phase of the equations at a time,
restarted at every step of the staircase, where the drift jumps.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

# Set "DC symmetric" of yanglab2021/DiffusiveMemristor (MIT), without its noise.
TRUTH = {"mu": 60.0, "gamma1": 60.0, "alpha": 0.01, "r_on": 1.7e5, "r_off": 1e11}
FIXED = {"gamma2": 40.0, "beta": 40.0, "gamma3": 10.0, "theta": 100.0, "lam": 0.8}
NAMES = tuple(TRUTH)
COMPLIANCE = 1e-6  # [A]
HOLD = 1e-2  # time that each point of the staircase is held [s]
SIGMA = 0.01  # standard deviation of the logarithm of the current
VOLTAGE = np.concatenate([np.linspace(0.0, 0.5, 51), np.linspace(0.49, 0.0, 50)])  # [V]
# The filament counts as bridging, and as parted, this far beyond and before f + r = 1: a state that
# hardly leaves the boundary then still takes a step, where rounding would bring it back at once.
EDGE = 1e-10
SEEN = VOLTAGE > 0  # no current, and no logarithm of it, at 0 V


@dataclass(frozen=True)
class Model:
    """The device with given parameters; states f and r (filament, residue) and S (area), all 1."""

    mu: float
    gamma1: float
    alpha: float
    r_on: float
    r_off: float

    def resistance(self, x: float, area: float) -> float:
        """Resistance of the device [ohm] at f + r = x."""
        lam = FIXED["lam"]
        gap = math.expm1((1 - x) / lam) / math.expm1(1 / lam)
        return self.r_on * x / area**2 + self.r_off * gap

    def voltage(self, v_in: float, x: float, area: float) -> float:
        """Voltage that the compliance leaves to the device [V]."""
        return min(v_in, COMPLIANCE * self.resistance(x, area))

    def growth(self, v_in: float, x: float) -> float:
        """Rate at which the filament would grow [1/s]."""
        return self.voltage(v_in, x, 1.0) * self.mu / (self.alpha + 1 - x)

    def free(self, t, y, v_in):
        """Drift of (f, r, S) while the filament does not bridge, f + r < 1."""
        f, r, _ = y
        beta = FIXED["beta"]
        grown = self.growth(v_in, min(f + r, 1.0))
        return (grown - (self.gamma1 + beta) * f, beta * f - FIXED["gamma2"] * r, 0.0)

    def sliding(self, t, y, v_in):
        """Drift while it bridges with S = 1: growth replaces what decays, residue fills up."""
        moved = FIXED["gamma2"] * y[1] - FIXED["beta"] * y[0]
        return (moved, -moved, 0.0)

    def locked(self, t, y, v_in):
        """Drift while it bridges with S > 1: only the area moves."""
        area = y[2]
        v = self.voltage(v_in, 1.0, area)
        rate = FIXED["theta"] * v * math.exp(1 - area) - FIXED["gamma3"] * math.exp(area - 1)
        return (0.0, 0.0, rate)

    def phase(self, y, v_in):
        """The drift that holds from a state on, and the function whose fall to zero ends it."""
        f, r, area = y
        if f + r < 1 - EDGE:
            return self.free, self._parted
        if area > 1 or FIXED["theta"] * self.voltage(v_in, 1.0, 1.0) > FIXED["gamma3"]:
            return self.locked, self._raised
        if self._surplus(0.0, y, v_in) < 1e-6:  # [1/s]; an event's root is not exactly zero
            return self.free, self._parted
        return self.sliding, self._surplus

    @staticmethod
    def _raised(t, y, v_in) -> float:
        return y[2] - 1

    @staticmethod
    def _parted(t, y, v_in) -> float:
        return 1 + EDGE - y[0] - y[1]

    def _surplus(self, t, y, v_in) -> float:
        return self.growth(v_in, 1.0) - self.gamma1 * y[0] - FIXED["gamma2"] * y[1]


def hold(model: Model, y: np.ndarray, v_in: float, options: dict) -> np.ndarray:
    """The state after one step of the staircase."""
    t = 0.0
    while t < HOLD:
        drift, end = model.phase(y, v_in)
        run = solve_ivp(drift, (t, HOLD), y, args=(v_in,), events=_falling(end), **options)
        if not run.success:
            raise ArithmeticError(run.message)
        t, y = run.t[-1], run.y[:, -1]
        if run.status == 1:  # an event: put the state on the boundary that it found
            y = _on_boundary(y, free=drift == model.free)
    return y


def _falling(end):
    """The event for solve_ivp; a bound method takes no attributes."""

    def event(t, y, v_in):
        return end(t, y, v_in)

    event.terminal, event.direction = True, -1
    return event


def _on_boundary(y: np.ndarray, *, free: bool) -> np.ndarray:
    f, r, area = y
    return np.array((1 - r, r, area) if free else (f, 1 - f, 1.0))


def current(log_parameters, **options) -> np.ndarray:
    """Current at the end of each step of the staircase [A].

    Parameters
    ----------
    log_parameters : sequence of float
        Logarithms of the parameters in the order of `NAMES`.
    **options
        For scipy's solve_ivp: method, rtol, atol.
    """
    model = Model(*(math.exp(q) for q in log_parameters))
    y, out = np.array((0.0, 0.0, 1.0)), []
    for v_in in VOLTAGE:
        y = hold(model, y, float(v_in), options)
        out.append(min(v_in / model.resistance(min(y[0] + y[1], 1.0), y[2]), COMPLIANCE))
    return np.array(out)


def log_truth() -> np.ndarray:
    """Logarithms of the true parameters."""
    return np.log([TRUTH[name] for name in NAMES])


def exact() -> np.ndarray:
    """Current of the true device, solved far more tightly than the noise [A]."""
    return current(log_truth(), method="Radau", rtol=1e-9, atol=1e-12)


def data(seed: int = 0) -> np.ndarray:
    """The measured current: the exact one with 1 % log-normal noise [A]."""
    noise = np.random.default_rng(seed).normal(size=VOLTAGE.size)
    return exact() * np.exp(SIGMA * noise)


def starts(n: int, *, spread: float = 1.3, seed: int = 1) -> np.ndarray:
    """Logarithms of n starting points, each parameter off by a factor of at most `spread`."""
    off = np.random.default_rng(seed).uniform(-1, 1, (n, len(NAMES)))
    return log_truth() + np.log(spread) * off


def residuals(log_parameters, measured: np.ndarray, **options) -> np.ndarray:
    """Distance of the logarithm of the current from the measured, in standard deviations."""
    seen = np.log(current(log_parameters, **options)[SEEN])
    return (seen - np.log(measured[SEEN])) / SIGMA


def distance(log_parameters, **options) -> float:
    """Root mean square distance of the logarithm of the current from that of the true device."""
    seen = np.log(current(log_parameters, **options)[SEEN])
    return float(np.sqrt(np.mean((seen - np.log(exact()[SEEN])) ** 2)))
