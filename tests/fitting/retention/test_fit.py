"""Retention: the laws' truth comes back, and the device's; delays and relaxations of synthetic curves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.retention.fit import fit_retention
from fitting.retention.laws import LAWS, compare, fit_law
from memjax.data import DecayRecord
from memjax.errors import DataError

T = np.linspace(0.0, 3e4, 400)
TRUTH = {
    "stretched exponential": {"r0": 1e4, "r_inf": 1.2e4, "tau": 4e3, "beta": 0.6},
    "logarithm of time": {"r0": 1e4, "a": 300.0, "t0": 200.0},
    "power of time": {"r0": 1e4, "nu": 0.1, "t0": 300.0},
}
SIGMA = 15.0
Z = 4.0


def _law(name: str, t: np.ndarray) -> np.ndarray:
    p = TRUTH[name]
    if "tau" in p:
        return p["r_inf"] + (p["r0"] - p["r_inf"]) * np.exp(-((t / p["tau"]) ** p["beta"]))
    if "a" in p:
        return p["r0"] + p["a"] * np.log1p(t / p["t0"])
    return p["r0"] * (1 + t / p["t0"]) ** p["nu"]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_comes_back_and_is_preferred(law):
    """z of 4 for each of up to 4 parameters."""
    r = _law(law.name, T) + SIGMA * np.random.default_rng(1).normal(size=T.size)
    found = fit_law(law, T, r)
    for name, true in TRUTH[law.name].items():
        std = found.std[name]
        assert std is not None
        assert abs(found.values[name] - true) < Z * std, name
    best = compare(DecayRecord(label="x", t=T, r=r))[0]
    # A logarithm and a small power are hardly told apart.
    assert best.name == law.name or {best.name, law.name} <= {*list(TRUTH)[1:]}
    assert found.ahead is not None
    assert found.ahead < 5e-3


def test_correlated_readings_make_errors_larger():
    """Of residuals with a correlation of 0.8 the errors grow by about sqrt(1.8 / 0.2) = 3."""
    law, rng = LAWS[1], np.random.default_rng(2)
    white = SIGMA * rng.normal(size=T.size)
    red = np.zeros_like(white)
    for k in range(1, T.size):
        red[k] = 0.8 * red[k - 1] + 0.6 * white[k]
    few, many = (fit_law(law, T, _law(law.name, T) + x).std["a"] for x in (white, red))
    assert few is not None
    assert many is not None
    assert 2.0 < many / few < 4.0


def test_a_device_relaxes_as_it_was_made():
    """A drift memristor that loses a tenth of its length: the curve within the noise of the readings, z < 4."""
    device = mj.params.replace(
        mj.DriftMemristor(), {"h0": 8e-9, "beta": 2e-22, "r_on": 5e3, "r_off": 4e4}
    )
    clean = fit_curve(device)
    rng = np.random.default_rng(3)
    record = DecayRecord(label="x", t=T[::8], r=clean * (1 + 1e-3 * rng.normal(size=clean.size)))
    found = fit_retention(record, mj.DriftMemristor())
    assert np.max(np.abs(found.curve / clean - 1)) < Z * 1e-3
    assert found.rms < 1.5e-3
    with pytest.raises(DataError, match="no relaxation known"):
        fit_retention(record, mj.Vteam())


def fit_curve(device: mj.AbstractDevice) -> np.ndarray:
    """Resistance of a device at 0 V, by the adaptive solver."""
    rest = mj.Sampled(np.array([0.0, T[-1]]), np.zeros(2), "linear", "voltage")
    trace = mj.simulate(device, rest, save=T[::8], deterministic=True).check()
    v, env = jnp.asarray(0.01), mj.Environment()
    look = jax.vmap(lambda s: v / device.current(jnp.zeros(()), s, v, env))
    return np.asarray(look({k: x[0] for k, x in trace.state.items()}))
