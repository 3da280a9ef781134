"""Populations: draws of stated median and covariance, whatever the number drawn; kept in files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.params import unconstrain
from memjax.errors import ModelError

NAMES = ("mu", "gamma1", "alpha")
COVARIANCE = np.array([[0.04, 0.03, 0.0], [0.03, 0.09, -0.01], [0.0, -0.01, 0.01]])
CYCLES = np.diag([0.01, 0.0, 0.0])
BASE = mj.DiffusiveMemristor()


def population(**more) -> mj.Population:
    center = np.asarray(unconstrain(BASE, NAMES))
    return mj.Population.of(BASE, NAMES, center=center, covariance=COVARIANCE, **more)


def coordinates(values) -> np.ndarray:
    """Of a table of values, one row a device."""
    one = lambda v: unconstrain(mj.params.replace(BASE, v, check=False), NAMES)  # noqa: E731
    return np.asarray(jax.vmap(one)(values))


@pytest.mark.integration
def test_median_and_covariance_of_the_draws_are_those_asked_for():
    n, own = 20_000, population()
    z = coordinates(own.sample(3, n)) - np.asarray(own.center)
    sigma = np.sqrt(np.diag(COVARIANCE))
    assert np.all(np.abs(z.mean(axis=0)) < 4 * sigma / np.sqrt(n))
    variance = COVARIANCE**2 + np.outer(sigma, sigma) ** 2  # of a product of two normal numbers
    assert np.all(np.abs(np.cov(z.T) - COVARIANCE) < 4 * np.sqrt(variance / n))
    assert float(own.median()["mu"]) == pytest.approx(60.0)


@pytest.mark.slow
def test_a_device_draws_the_same_whatever_the_number_of_devices_and_the_chunk():
    own = population()
    many, few = own.sample(7, 50), own.sample(jax.random.key(7), 10, first=20)
    for n in NAMES:
        np.testing.assert_array_equal(many[n][20:30], few[n])
    cycles = population(cycle_covariance=CYCLES)
    every, some = (cycles.sample(7, k, sweeps=5, first=f) for k, f in ((53, 0), (9, 21)))
    for n in NAMES:
        np.testing.assert_array_equal(every[n][21:30], some[n])
        np.testing.assert_array_equal(own.sample(7, 53)[n][21:30], own.sample(7, 9, first=21)[n])
    assert not np.any(np.asarray(many["mu"]) == np.asarray(own.sample(8, 50)["mu"]))


@pytest.mark.slow
def test_cycles_scatter_about_their_device():
    own = population(cycle_covariance=CYCLES)
    devices, cycles = own.sample(1, 400), own.sample(1, 400, sweeps=25)
    assert cycles["mu"].shape == (400, 25)
    away = np.log(np.asarray(cycles["mu"]) / np.asarray(devices["mu"])[:, None])
    assert np.std(away) == pytest.approx(0.1, abs=4 * 0.1 / np.sqrt(2 * away.size))
    assert np.abs(np.mean(away)) < 4 * 0.1 / np.sqrt(away.size)
    np.testing.assert_allclose(
        cycles["gamma1"], np.asarray(devices["gamma1"])[:, None] * np.ones(25)
    )
    # with alike cycles, each is the device itself
    alike = population().sample(1, 3, sweeps=2)["mu"]
    np.testing.assert_array_equal(alike, np.asarray(devices["mu"])[:3, None] * np.ones(2))


@pytest.mark.study
def test_draws_are_values_of_a_simulation_and_make_a_batch_of_devices():
    own = population(cycle_covariance=CYCLES)
    drive = mj.triangle_sweep(0.4, rate=1.0)
    values = own.sample(0, 3, sweeps=2)
    trace = mj.simulate(
        BASE, [drive] * 2, members=3, conditions=mj.Conditions(values=values), save=0.1
    ).check()
    assert np.unique(np.asarray(trace.i[:, 4])).size == 3
    batched, axes = own.devices(0, 3)
    state = {"f": jnp.array(0.2), "r": jnp.array(0.1), "s": jnp.array(1.0)}
    rate = lambda d: d.drift(jnp.asarray(0.0), state, jnp.asarray(0.3), mj.Environment())["f"]  # noqa: E731
    assert jax.vmap(rate, in_axes=(axes,))(batched).shape == (3,)


@pytest.mark.integration
def test_a_file_brings_back_the_same_draws(tmp_path):
    own = population(cycle_covariance=CYCLES)
    own.save(tmp_path / "p.json")
    again = mj.Population.load(tmp_path / "p.json")
    assert again.base.name == "diffusive"
    for n, x in own.sample(5, 4, sweeps=3).items():
        np.testing.assert_array_equal(again.sample(5, 4, sweeps=3)[n], x)
    (tmp_path / "torn.json").write_text("{ torn")
    with pytest.raises(ModelError, match=r"no population can be read.*torn\.json"):
        mj.Population.load(tmp_path / "torn.json")


def test_a_circuit_of_ones_own_comes_back_with_its_base(tmp_path):
    base = mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("m", mj.DiffusiveMemristor(), "in", "node"),
            ("r", mj.Resistor(1e5), "node", "0"),
            ("c", mj.Capacitor(1e-9), "node", "0"),
        ]
    )
    names = ["m.mu", "r.r"]
    center = np.asarray(unconstrain(base, names))
    own = mj.Population.of(base, names, center=center, covariance=0.01 * np.eye(2))
    own.save(tmp_path / "p.json")
    again = mj.Population.load(tmp_path / "p.json", base=base)
    np.testing.assert_array_equal(again.sample(0, 3)["r.r"], own.sample(0, 3)["r.r"])
    with pytest.raises(ModelError, match="give its circuit as base="):
        mj.Population.load(tmp_path / "p.json")


def test_a_table_of_values_makes_a_population():
    values = {n: np.asarray(x) for n, x in population().sample(2, 500).items()}
    again = mj.Population.from_values(BASE, values)
    np.testing.assert_allclose(again.covariance, np.cov(coordinates(values).T), rtol=1e-9)


def test_what_is_no_covariance_is_refused():
    with pytest.raises(ModelError, match="symmetric, 1 by 1, no negative variance"):
        mj.Population.of(BASE, ["mu"], center=np.zeros(1), covariance=np.array([[-1.0]]))
    with pytest.raises(ModelError, match="unknown parameter 'nu'"):
        mj.Population.of(BASE, ["nu"], center=np.zeros(1), covariance=np.eye(1))
    with pytest.raises(ModelError, match="1 finite coordinates: mu"):
        mj.Population.of(BASE, ["mu"], center=np.zeros(2), covariance=np.eye(1))
