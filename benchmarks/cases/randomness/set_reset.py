"""Spread from cycle to cycle of devices that keep their state: truth that comes back, and how well.

``python -m benchmarks.cases.randomness.set_reset COUNT`` prints the scores of so many devices.
"""

import sys

import numpy as np

import fitting as ft
import memjax as mj
from fitting.sweeps.randomness import calibrate
from memjax.core.params import scale
from memjax.data import Measurement
from memjax.noise import cycle_factors

_VALUES = {"k_off": 200.0, "k_on": 200.0, "v_off": 0.6, "v_on": -0.6, "r_on": 1e3, "r_off": 1e5}
DEVICE = mj.params.replace(mj.Vteam(), _VALUES)
"""A device that sets at negative and resets at positive voltage."""

TRUTH = {"v_on": 0.08, "v_off": 0.05, "r_on": 0.1, "r_off": 0.3}
"""Standard deviations of the logarithms of its parameters from cycle to cycle."""

CORRELATION = np.array([[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, -0.4], [0, 0, -0.4, 1]])
"""Of these logarithms, in their order."""

CYCLES = 40
"""Cycles of a device."""

_READ = 0.03  # standard deviation of the logarithm of a reading


def measured(
    device: mj.AbstractDevice,
    sigma: dict[str, float],
    *,
    cycles: int,
    seed: int,
    correlation: np.ndarray | None = None,
) -> Measurement:
    """Triangles to 1.5 V and back to -1.5 V in 6.4 s, each with parameters of its own and 3 % of read noise."""
    up = np.linspace(0, 1.5, 41)
    half = np.concatenate([up, up[-2::-1]])
    v = np.concatenate([half, -half[1:]])
    t = 0.02 * np.arange(len(v))
    count = cycles + 1  # the first one brings the device to where cycles are alike
    factors = cycle_factors(seed, sigma, members=1, sweeps=count, correlation=correlation)
    waves, rows, values = [mj.Sampled(t, v)] * count, [t] * count, scale(device, factors)
    trace = mj.simulate(device, waves, save=rows, conditions=mj.Conditions(values=values)).check()
    i = np.asarray(trace.i)[0].reshape(count, -1)[1:]
    i = i * np.exp(_READ * np.random.default_rng(seed).normal(size=i.shape))
    return Measurement(
        t=np.tile(t, cycles),
        v=np.tile(v, cycles),
        i=i.ravel(),
        sweep=np.repeat(np.arange(cycles), len(t)),
        at_compliance=np.zeros(i.size, bool),
        reader="simulated",
        source={},
    )


def scores(seed: int) -> dict[str, float]:
    """Deviations of estimates from the truth of one device [standard deviations], NaN of what was not chosen."""
    data = measured(DEVICE, TRUTH, cycles=CYCLES, seed=seed, correlation=CORRELATION)
    random = calibrate(
        ft.solve(ft.SweepProblem(data, DEVICE, free=[*TRUTH, "x0"]), seed=seed)
    ).stochastic
    table: dict[str, float] = {}
    values, std = ({}, {}) if random is None else (random.values, random.std)
    for name, sigma in TRUTH.items():
        median = float(getattr(DEVICE, name))
        for key, truth in ((name, median), (f"sigma_ln({name})", sigma)):
            value, error = values.get(key, np.nan), std.get(key, np.nan)
            table[key] = float(np.log(value / truth) * abs(value) / error)
    if random is not None and random.correlation is not None:
        names, error = [*random.cycle_spread], 1 / np.sqrt(CYCLES - 1)
        for a, b, r in (("v_on", "v_off", 0.5), ("r_on", "r_off", -0.4)):
            if a in names and b in names:
                drawn = random.correlation[names.index(a), names.index(b)]
                table[f"correlation of {a}, {b}"] = float((drawn - r) / (error * (1 - r**2)))
    return table


def main() -> None:
    """Print the scores of so many devices, their root mean square, and how many lie within 1.645."""
    rows = []
    for seed in range(int(sys.argv[1])):
        rows.append(scores(seed))
        print(seed, {n: round(z, 2) for n, z in rows[-1].items()}, flush=True)
    for name in rows[0]:
        z = np.array([r.get(name, np.nan) for r in rows])
        z = z[np.isfinite(z)]
        inside = np.mean(np.abs(z) < 1.645)
        print(f"{name}: rms {np.sqrt(np.mean(z**2)):.2f}, within 90 % {inside:.2f} of {len(z)}")


if __name__ == "__main__":
    import jax

    jax.config.update("jax_enable_x64", True)
    main()
