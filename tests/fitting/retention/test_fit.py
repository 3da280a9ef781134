"""Retention: the laws' truth comes back, and the device's; delays and relaxations of synthetic curves."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.retention.fit import LAWS, compare, fit_law, fit_retention, halves
from fitting.transients.fit import features, fit_transients
from memjax.cli import main
from memjax.data import DecayRecord
from memjax.errors import DataError
from memjax.params import get
from tests.helpers import pulsed_curves

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


def test_the_command_line(tmp_path, capsys):
    path, out = tmp_path / "d.csv", tmp_path / "fit"
    r = _law("stretched exponential", T[::8])
    rows = [f"{x},{y}" for x, y in zip(T[::8], r, strict=True)]
    path.write_text("\n".join(["t_s,r_ohm", *rows]) + "\n")
    assert main(["read", str(path)]) == 0
    assert "resistance against time" in capsys.readouterr().out
    assert main(["fit", str(path), "--model", "vteam", "--out", str(out)]) == 2
    assert "allowed: drift" in capsys.readouterr().err
    assert main(["fit", str(path), "--model", "drift", "--out", str(out)]) == 0
    content = json.loads((out / "fit.json").read_text())
    assert content["retention"]["laws"][0]["name"] == "stretched exponential"
    (out / "retention.png").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "retention.png").exists()


def test_features_are_what_the_curves_were_made_of():
    """To a row and a half of 25 us, half of it the onset's, and a level that is the same everywhere."""
    rng = np.random.default_rng(4)
    d, r = rng.uniform(0.5e-3, 2e-3, 30), rng.uniform(2e-3, 5e-3, 30)
    seen = features(pulsed_curves(d, r))
    np.testing.assert_allclose(seen.delay, d, rtol=0, atol=37.5e-6)
    np.testing.assert_allclose(seen.relaxation, r, rtol=0, atol=37.5e-6)
    np.testing.assert_allclose(seen.levels, 8e-6, rtol=1e-6)
    with pytest.raises(DataError, match="at least 6"):
        features(pulsed_curves(d[:5], r[:5]))
    with pytest.raises(DataError, match="diffusive"):
        fit_transients(pulsed_curves(d, r), mj.Vteam())


@pytest.mark.study
def test_measured_delays_and_relaxations(shared_data):
    """195 curves: medians within 2 standard errors, distributions as near as two halves of the measured ones."""
    m = mj.read(shared_data / "clean" / "umass_diffusive_relaxation_layer1.csv")
    start = {"lam": 0.1, "beta": 80.0, "gamma1": 800.0, "gamma2": 10.0, "r0": 0.3, "r_off": 1e9}
    fit = fit_transients(m, mj.params.replace(mj.DiffusiveMemristor(), start))
    assert float(get(fit.device, "mu")) > 0
    for name in ("delay", "relaxation"):
        assert fit.w1[name]["value"] < 1.5 * fit.w1[name]["floor"]
    assert set(fit.cycle_spread) == {"r0", "gamma3"}


def test_a_fit_to_the_first_half_is_compared_with_the_second():
    """The same device at all readings, whether these are handed over or were its own."""
    device = mj.params.replace(
        mj.DriftMemristor(), {"h0": 8e-9, "beta": 2e-22, "r_on": 5e3, "r_off": 4e4}
    )
    rng = np.random.default_rng(5)
    clean = fit_curve(device)
    record = DecayRecord(label="x", t=T[::8], r=clean * (1 + 1e-3 * rng.normal(size=clean.size)))
    seen, held = halves(record)
    assert (seen.t[-1], held.t[0]) == (record.t[24], record.t[25])
    found = fit_retention(seen, mj.DriftMemristor())
    own, ahead = found.residuals(), found.residuals(held)
    np.testing.assert_allclose(own.values * own.sigma, np.log(found.curve / seen.r), atol=1e-12)
    whole = found.problem.at(jnp.asarray(found.z))
    predicted = fit_curve(whole)[25:]
    # To a thousandth of a reading's noise: another solver.
    np.testing.assert_allclose(ahead.values * ahead.sigma, np.log(predicted / held.r), atol=1e-6)
    with pytest.raises(DataError, match="none is held out"):
        halves(DecayRecord(label="x", t=T[:9], r=clean[:9]))
