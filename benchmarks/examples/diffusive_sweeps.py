"""Make ``example:diffusive-sweeps``: synthetic sweeps of a diffusive memristor whose parameters are known.

Run ``python -m benchmarks.examples.diffusive_sweeps`` to write the data set and its truth into the
package.
"""

import json
from pathlib import Path

import jax
import numpy as np

import memjax as mj
from memjax.noise import device_key
from memjax.simulate import simulate

TRUTH = {
    "alpha": 0.06,
    "lam": 0.9,
    "r_on": 1.8e5,
    "beta": 60.0,
    "mu": 80.0,
    "gamma1": 60.0,
    "gamma2": 70.0,
    "theta": 500.0,
    "gamma3": 40.0,
    "r_off": 4e10,
    "mu_neg": 95.0,
    "gamma1_neg": 90.0,
    "gamma2_neg": 80.0,
    "theta_neg": 300.0,
    "gamma3_neg": 60.0,
    "r_off_neg": 3e10,
}
"""True parameters [SI]; the rest are the model's defaults."""

SPREAD = {"mu": 0.04, "mu_neg": 0.04, "theta": 0.06, "theta_neg": 0.06}
"""Standard deviation of the logarithm from sweep to sweep."""

READ_NOISE, FLOOR, LIMIT = 0.03, 3e-13, 1e-6
"""Relative read noise, additive read noise [A], compliance [A]."""

SWEEPS, POINTS, PEAK, STEP_TIME, PAUSE = 8, 121, 0.45, 0.01, 0.5
"""Sweeps per polarity, points per sweep, largest voltage [V], time per point [s], pause between sweeps [s]."""

EXACT = mj.Stiff(rtol=1e-8, atol=1e-10, max_steps=1_000_000)
"""Currents to 4e-5 on the steepest flanks: the same six digits, or all but the last, on any processor."""

FOLDER = Path(mj.__file__).parent / "data" / "examples"

_HEAD = """"\tSYNTHETIC DATA made by memjax","\tformat of Keithley KickStart",,
"\t..Source Settings","\t",,
"\t...Mode","\tDC",,
"\t...Function","\tVoltage Sweep",,
"\t...Type","\tLinear",,
"\t...Dual Sweep","\tEnabled",,
"\t...Limit","\t1E-06",,
,,,
Index,SMU-1 Time (s),SMU-1 Voltage (V),SMU-1 Current (A)
"""


def sweeps(seed: int = 7) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Times [s], voltages [V] and currents [A] of all sweeps, positive ones first."""
    v = np.round(PEAK * (1 - np.abs(np.linspace(-1, 1, POINTS))), 6)
    t = np.arange(POINTS) * STEP_TIME
    device = mj.params.replace(mj.DiffusiveMemristor(), TRUTH)
    stimuli = [mj.Sampled(t, sign * v) for sign in (1.0, -1.0) for _ in range(SWEEPS)]
    rng = np.random.default_rng(seed)
    values = {n: TRUTH[n] * np.exp(s * rng.normal(size=(1, 2 * SWEEPS))) for n, s in SPREAD.items()}
    trace = simulate(
        device,
        stimuli,
        save=[t] * len(stimuli),
        bench=mj.Bench(compliance=LIMIT),
        conditions=mj.Conditions(values=values),
        deterministic=True,
        policy=EXACT,
    ).check()
    clean = np.asarray(trace.i[0]).reshape(2 * SWEEPS, POINTS)
    key = device_key(seed, member=0, sweep=0, purpose="read")
    n1, n2 = np.asarray(jax.random.normal(key, (2, *clean.shape)))
    noisy = clean * np.exp(READ_NOISE * n1) + FLOOR * n2
    current = np.where(np.abs(clean) > 0.98 * LIMIT, clean, np.clip(noisy, -LIMIT, LIMIT))
    starts = np.arange(2 * SWEEPS) * (t[-1] + PAUSE)
    return [t + s for s in starts], [np.asarray(s.values) for s in stimuli], list(current)


def render() -> str:
    """The data set as text in KickStart's format."""
    rows = zip(*(np.concatenate(x) for x in sweeps()), strict=True)
    lines = [f"{k + 1},{t:.3f},{v:.6g},{i:.6g}" for k, (t, v, i) in enumerate(rows)]
    return _HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Write the data set and its truth."""
    jax.config.update("jax_enable_x64", True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "diffusive-sweeps.csv").write_text(render(), encoding="utf-8")
    truth = {
        "synthetic": True,
        "made_by": "benchmarks/examples/diffusive_sweeps.py",
        "model": "diffusive",
    }
    truth |= {"parameters": TRUTH, "spread_ln": SPREAD, "read_noise": READ_NOISE, "floor_A": FLOOR}
    (FOLDER / "diffusive-sweeps.truth.json").write_text(
        json.dumps(truth, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
