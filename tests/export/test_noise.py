"""Noise of an exported device in ngspice: mean and spread of the threshold, whatever the interval of its samples."""

import numpy as np
import pytest

import memjax as mj
from memjax.core import params
from memjax.core.system import Environment
from memjax.export import NGSPICE, assemble, netlist
from tests.export.test_ngspice import run_deck
from tests.spice import needs_ngspice, pwl

pytestmark = [needs_ngspice, pytest.mark.slow, pytest.mark.study]

DURATION, AMPLITUDE, ON = 2e-3, 0.5, 3e-4
DECKS, TOGETHER = 10, 20
"""Ten runs of twenty devices: 200 sweeps."""


def _thresholds(i: np.ndarray, t: np.ndarray) -> np.ndarray:
    """First sampled voltage with a current above the threshold, of each row."""
    on = i > ON
    assert on.any(axis=1).all()
    return AMPLITUDE * t[on.argmax(axis=1)] / DURATION


def _in_ngspice(folder, device, t, intervals: int) -> np.ndarray:
    """Thresholds of 200 sweeps."""
    whole = assemble(
        device, name="mms", noise=True, fast=1e-6 * DURATION, interval=DURATION / intervals, env=Environment()
    )  # fmt: skip
    ramp = mj.Sampled(np.array([0.0, DURATION]), np.array([0.0, AMPLITUDE]))
    each = [x for k in range(TOGETHER) for x in (f"V{k} in p{k} 0", f"X{k} p{k} 0 mms")]
    found = []
    for seed in range(1, DECKS + 1):
        columns = run_deck(folder, [
            netlist(whole, NGSPICE), f"Vs in 0 {pwl(ramp)}", *each, ".options method=gear reltol=1e-3 abstol=1e-14",
            ".control", "set wr_singlescale", "set wr_vecnames", f"setseed {seed}",
            f"tran {DURATION / 1000!r} {0.85 * DURATION!r} 0 {DURATION / 1000!r}",
            "wrdata out.txt " + " ".join(f"i(v{k})" for k in range(TOGETHER)), ".endc",
        ])  # fmt: skip
        found.append(_thresholds(np.stack([np.interp(t, columns[0], x) for x in columns[1:]]), t))
    return np.concatenate(found)


@pytest.mark.parametrize("intervals", [250, 500])
def test_mean_and_spread_of_the_threshold_do_not_depend_on_the_interval(tmp_path, intervals):
    device = params.replace(mj.model("mms"), {"n": 20.0})
    t = np.linspace(0.0, DURATION, 1001)
    ramp = mj.Sampled(np.array([0.0, DURATION]), np.array([0.0, AMPLITUDE]))
    policy = mj.Fixed(dt=DURATION / 4000)
    trace = mj.simulate(device, ramp, save=t, members=400, seed=3, policy=policy).check()
    ours = _thresholds(np.asarray(trace.i), t)
    theirs = _in_ngspice(tmp_path, device, t, intervals)
    mean = np.hypot(ours.std() / len(ours) ** 0.5, theirs.std() / len(theirs) ** 0.5)
    spread = np.hypot(ours.std() / (2 * len(ours)) ** 0.5, theirs.std() / (2 * len(theirs)) ** 0.5)
    assert abs(theirs.mean() - ours.mean()) < 4 * mean
    assert abs(theirs.std(ddof=1) - ours.std(ddof=1)) < 4 * spread
