"""Models against ngspice traces of the published netlists, through the command line alone."""

import numpy as np
import pytest

from memjax.cli import main
from tests.conftest import ROOT
from tests.helpers import crossings

FOLDER = ROOT.parent / "shared" / "oracles"
BENCH = [
    "--series-resistance",
    "50",
    "--parallel-resistance",
    "1e7",
    "--parallel-capacitance",
    "1e-6",
]
DIFFUSIVE = dict(
    alpha=0.1, lam=0.1, r_on=17e3, r_off=1e10, mu=16, gamma1=50, gamma2=0.42, kappa=0.0
)
DRIFT = dict(n=3, m=5, h0=0, h_max=15e-9, h1=1e-9, h2=5e-9, h_lambda=1e-8, s0=1e-16) | dict(
    alpha=1.329e-11, beta=2.659e-13, sigma=1.061e-8, eta=1.25e-16, theta=0.32
)
DRIFT |= dict(r_on=470, r_off=1700, i_max=1e-2)


def _pulses(level, starts, on, edge, end, base=0.0):
    """Rows of a train of trapezoidal pulses; a level for each, or one for all."""
    rows = [(0.0, base)]
    for a, v in zip(starts, np.broadcast_to(level, len(starts))):
        rows += [(a, base), (a + edge, v), (a + edge + on, v), (a + 2 * edge + on, base)]
    return [row for row in rows if row[0] < end] + [(end, rows[-1][1] if rows[-1][0] < end else v)]


CASES = {
    "voltage_step_1V0": (0.35, "v_V", _pulses(1.0, [1e-3], 9.0, 1e-5, 12.0)),
    "voltage_pulses_0V8": (0.2, "v_V", _pulses(0.8, 1e-3 + 1.1 * np.arange(12), 0.8, 1e-5, 14.0)),
    "current_step_0u1": (0.35, "i_A", _pulses(1e-7, [1e-3], 99.0, 1e-5, 25.0)),
    "current_pulses_0u2": (0.2, "i_A", _pulses(2e-7, 1e-3 + np.arange(12), 0.9, 1e-5, 12.0)),
}


def _run(folder, model, values, unit, rows, *bench):
    """Simulate by the command line and read what it wrote."""
    params, stimulus, out = (folder / n for n in ("p.toml", "s.csv", "out.csv"))
    params.write_text("".join(f"{k} = {v}\n" for k, v in values.items()))
    stimulus.write_text(f"t_s,{unit}\n" + "".join(f"{float(t)!r},{float(x)!r}\n" for t, x in rows))
    command = ["simulate", model, "--params", params, "--stimulus", stimulus, "--deterministic"]
    assert main([str(x) for x in [*command, *bench, "--out", out]]) == 0
    return np.genfromtxt(out, delimiter=",", names=True)


def _oracle(name):
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no oracle at {path}")
    return np.genfromtxt(path, delimiter=",", names=True)


def _deviation(out, ref, ours, theirs):
    """Root mean square over time of a column's deviation, as a share of its range."""
    t = np.linspace(ref["t_s"][0], ref["t_s"][-1], 200_001)
    off = np.interp(t, out["t_s"], out[ours]) - np.interp(t, ref["t_s"], ref[theirs])
    return np.sqrt(np.mean(off**2)) / np.ptp(ref[theirs])


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.study] * ("step" in n)) for n in CASES]
)
def test_the_diffusive_memristor_follows_ngspice(tmp_path, name):
    ref = _oracle(f"wang2024_spice/{name}.csv")
    beta, unit, rows = CASES[name]
    out = _run(tmp_path, "diffusive-spice", DIFFUSIVE | {"beta": beta}, unit, rows, *BENCH)
    for column in "fr":
        assert _deviation(out, ref, column, column) < 0.01
    level = 0.5 * (ref["f"] + ref["r"]).max()
    theirs = crossings(ref["t_s"], ref["f"] + ref["r"], level)
    ours = crossings(out["t_s"], out["f"] + out["r"], level)
    np.testing.assert_allclose(ours, theirs, rtol=0.01)


@pytest.mark.slow
def test_the_drift_memristor_follows_ngspice(tmp_path):
    ref = _oracle("zhuo2022_drift_spice/bipolar_pulses.csv")
    starts = np.array([100e-6, 252e-6, 600e-6, 752e-6])
    rows = _pulses([2.0, -2.0, 2.0, -2.0], starts, 50e-6, 1e-6, 1e-3, base=0.1)
    out = _run(tmp_path, "drift", DRIFT, "v_V", rows)
    assert _deviation(out, ref, "h", "h_m") < 0.01
    assert _deviation(out, ref, "s", "s_m2") < 0.01
    theirs = crossings(ref["t_s"], ref["h_m"], 7.5e-9)
    np.testing.assert_allclose(crossings(out["t_s"], out["h"], 7.5e-9), theirs, rtol=0.01)
