"""Time series that benchmark reservoirs: generated, and never fetched."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..errors import BoundsError
from ..runtime.copies import copy_arrays


@dataclass(frozen=True, kw_only=True)
class Series:
    """An input and what is to be made of it.

    Parameters
    ----------
    name : str
        Name of the task.
    inputs : Float[np.ndarray, "steps"]
        Input at each step, scaled to 0 .. 1.
    targets : Float[np.ndarray, "steps"]
        Wanted output at each step.
    """

    name: str
    inputs: Float[np.ndarray, " steps"]
    targets: Float[np.ndarray, " steps"]

    def __post_init__(self):
        copy_arrays(self, "inputs", "targets")


def _to_unit(x: np.ndarray) -> np.ndarray:
    """Scaled to 0 .. 1."""
    return (x - x.min()) / (x.max() - x.min())


def _check(steps: int) -> None:
    if steps < 2:
        raise BoundsError(f"{steps} steps", where="a series", allowed=">= 2")


def henon(steps: int, *, a: float = 1.4, b: float = 0.3, washout: int = 100) -> Series:
    """One step ahead in the Henon map, x' = 1 - a x^2 + y, y' = b x.

    Notes
    -----
    M. Henon, Commun. Math. Phys. 50, 69 (1976), doi:10.1007/BF01608556. Input x(k), target x(k + 1), which needs
    x(k - 1): a memory of one step and its square.
    """
    _check(steps)
    x = np.zeros(washout + steps + 1)
    x[1] = 0.1
    for k in range(1, len(x) - 1):
        x[k + 1] = 1 - a * x[k] ** 2 + b * x[k - 1]
    x = x[washout:]
    return Series(name="henon", inputs=_to_unit(x[:-1]), targets=_to_unit(x)[1:])


def mackey_glass(
    steps: int,
    *,
    delay: float = 17.0,
    interval: float = 1.0,
    ahead: int = 1,
    washout: int = 300,
    fine: int = 100,
) -> Series:
    """Some steps ahead in the Mackey-Glass equation, dx/dt = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x.

    Parameters
    ----------
    steps : int
        How many.
    delay : float
        17 for weak chaos, in units of time of the equation.
    interval : float
        Time between two steps.
    ahead : int
        How many steps ahead the target lies.
    washout : int
        Steps before the first.
    fine : int
        Steps of the integration in a unit of time.

    Notes
    -----
    M. C. Mackey, L. Glass, Science 197, 287 (1977), doi:10.1126/science.267326. Integrated by the fourth-order
    Runge-Kutta method, with the delayed value taken linearly between steps.
    """
    _check(steps)
    h = 1.0 / fine
    lag = round(delay * fine)
    if lag < 1:
        raise BoundsError(f"delay = {delay:g}", where="mackey_glass", allowed=f">= {h:g}")
    x = np.full(lag + round((washout + steps + ahead) * interval * fine) + 2, 1.2)
    slope = lambda now, past: 0.2 * past / (1 + past**10) - 0.1 * now  # noqa: E731
    for k in range(lag, len(x) - 1):
        start, end = x[k - lag], x[k - lag + 1]
        middle = (start + end) / 2
        k1 = slope(x[k], start)
        k2 = slope(x[k] + h / 2 * k1, middle)
        k3 = slope(x[k] + h / 2 * k2, middle)
        k4 = slope(x[k] + h * k3, end)
        x[k + 1] = x[k] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    at = lag + np.round((washout + np.arange(steps + ahead)) * interval * fine).astype(int)
    x = _to_unit(x[at])
    return Series(name="mackey-glass", inputs=x[:steps], targets=x[ahead : ahead + steps])


def narma10(steps: int, *, seed: int = 0, washout: int = 50) -> Series:
    """The nonlinear moving average of order 10 of uniform noise.

    Notes
    -----
    y(k + 1) = 0.3 y(k) + 0.05 y(k) sum_{i=0..9} y(k - i) + 1.5 u(k - 9) u(k) + 0.1, u uniform in 0 .. 0.5.
    A. F. Atiya, A. G. Parlos, IEEE Trans. Neural Netw. 11, 697 (2000), doi:10.1109/72.846741. Some inputs make the
    series diverge; such are drawn anew.
    """
    _check(steps)
    rng = np.random.default_rng(seed)
    while True:
        u = rng.uniform(0.0, 0.5, washout + steps)
        y = np.zeros(len(u) + 1)
        for k in range(9, len(u)):
            y[k + 1] = (
                0.3 * y[k] + 0.05 * y[k] * y[k - 9 : k + 1].sum() + 1.5 * u[k - 9] * u[k] + 0.1
            )
        if np.all(np.isfinite(y)) and np.max(y) < 1:
            return Series(name="narma10", inputs=2 * u[washout:], targets=y[washout + 1 :])


def waveforms(steps: int, *, seed: int = 0, points: int = 8) -> Series:
    """Sine or square wave? Periods of both in random order; the target is 0 in a sine and 1 in a square wave.

    Parameters
    ----------
    steps : int
        How many.
    seed : int
        Of the order.
    points : int
        Steps in a period.

    Notes
    -----
    A task that has been used for volatile memristors since C. Du et al., Nat. Commun. 8, 2204 (2017),
    doi:10.1038/s41467-017-02337-y. Values of both waves at one step overlap, so that it takes memory.
    """
    _check(steps)
    periods = -(-steps // points)
    square = np.random.default_rng(seed).integers(0, 2, periods).astype(bool)
    phase = 2 * np.pi * (np.arange(points) + 0.5) / points
    sine, steep = 0.5 + 0.5 * np.sin(phase), np.where(np.sin(phase) > 0, 1.0, 0.0)
    inputs = np.where(square[:, None], steep, sine).ravel()[:steps]
    return Series(
        name="waveforms", inputs=inputs, targets=np.repeat(square, points)[:steps].astype(float)
    )
