"""A thousand neurons with a spread from device to device: adaptive against fixed steps."""

import numpy as np

import memjax as mj
from benchmarks.cases.neuron.model import GATE, SIGMA, fixed, neuron, pulses, spikes

SPREAD = 0.05
"""Standard deviation of the logarithm of mu, gamma1 and R_c from device to device."""

END = 0.1
COUNT = {"smoke": 20, "full": 1000}
ADAPTIVE, FIXED = "adaptive", "fixed"


def values(count: int) -> dict[str, np.ndarray]:
    """Parameters of every neuron [SI]."""
    rng, circuit = np.random.default_rng(5), neuron(100e6)
    names = ("memristor.mu", "memristor.gamma1", "r_c.r")
    spread = np.exp(SPREAD * rng.normal(size=(len(names), count)))
    return {n: float(mj.params.get(circuit, n)) * s[:, None] for n, s in zip(names, spread)}


def trains(policy, count: int, seed: int) -> list[np.ndarray]:
    """Spikes of each neuron [s] under 1.4 V, 1 ms every 2 ms."""
    trace = mj.simulate(
        neuron(100e6, sigma1=SIGMA),
        pulses(1.4, 1e-3, 1e-3, round(END / 2e-3)),
        members=count,
        seed=seed,
        conditions=mj.Conditions(values=values(count)),
        save=1e-4,
        policy=policy,
    ).check()
    return [spikes(trace.t, g) for g in np.asarray(trace.state[GATE])]


def policies() -> dict:
    """Both ways."""
    return {ADAPTIVE: mj.Stiff(max_steps=200_000), FIXED: fixed(0.5e-6)}


def compare(found: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Z of the difference in rate and in CV of the intervals, neuron by neuron."""
    rate = {k: np.array([len(s) / END for s in f]) for k, f in found.items()}
    cv = {k: np.array([_cv(s) for s in f]) for k, f in found.items()}
    z = {}
    for name, each in (("rate", rate), ("cv", cv)):
        d = each[ADAPTIVE] - each[FIXED]
        d = d[np.isfinite(d)]
        z[f"z_{name}"] = float(d.mean() / (d.std(ddof=1) / np.sqrt(len(d))))
        z[f"{name}_adaptive"] = float(np.nanmean(each[ADAPTIVE]))
        z[f"{name}_fixed"] = float(np.nanmean(each[FIXED]))
    return z


def _cv(s: np.ndarray) -> float:
    """Coefficient of variation of the intervals; not a number of less than two."""
    d = np.diff(s)
    return float(d.std() / d.mean()) if len(d) > 1 else np.nan
