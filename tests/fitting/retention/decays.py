"""Decays after laws that are known."""

import numpy as np

T = np.linspace(0.0, 3e4, 400)

TRUTH = {
    "stretched exponential": {"r0": 1e4, "r_inf": 1.2e4, "tau": 4e3, "beta": 0.6},
    "logarithm of time": {"r0": 1e4, "a": 300.0, "t0": 200.0},
    "power of time": {"r0": 1e4, "nu": 0.1, "t0": 300.0},
}


def decay(name: str, t: np.ndarray) -> np.ndarray:
    """Resistance [ohm] at times [s] after the law of that name."""
    p = TRUTH[name]
    if "tau" in p:
        return p["r_inf"] + (p["r0"] - p["r_inf"]) * np.exp(-((t / p["tau"]) ** p["beta"]))
    if "a" in p:
        return p["r0"] + p["a"] * np.log1p(t / p["t0"])
    return p["r0"] * (1 + t / p["t0"]) ** p["nu"]
