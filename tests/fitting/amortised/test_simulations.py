"""Simulated devices: the same whatever they are simulated with, and read with errors that are known."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.amortised.prior import Prior
from memjax.core.fields import parameter_specs
from memjax.core.transforms import from_spec
from memjax.errors import DataError, FitError
from memjax.noise import cycle_factors

from .conftest import MODEL


@pytest.mark.slow
def test_a_device_depends_on_its_number_alone(simulator):
    every = simulator.run(0, 300, replicates=2)
    some = simulator.run(290, 10, replicates=2)
    np.testing.assert_array_equal(every.u[290:], some.u)
    np.testing.assert_allclose(every.statistics[:, 290:], some.statistics, rtol=1e-12)
    assert every.failed == 0
    assert every.statistics.shape[:2] == (2, 300)
    # Replicates are the same currents under other errors.
    away = every.statistics[0] - every.statistics[1]
    assert 0 < np.abs(away).max() < 0.2


@pytest.mark.slow
def test_it_is_the_device_that_simulate_gives(simulator, protocol):
    u = simulator.coordinates(7, 1)
    i, good = simulator.currents(7, np.repeat(u, 256, axis=0))
    values = {n: float(x[0]) for n, x in simulator.prior.values(u).items()}
    exact = mj.simulate(
        mj.params.replace(MODEL, values), protocol.stimuli[0], save=protocol.rows[0], deterministic=True
    ).check()  # fmt: skip
    assert good.all()
    np.testing.assert_allclose(i[0], exact.i[0], rtol=1e-3, atol=1e-9)


def test_readings_scatter_as_the_protocol_says(simulator):
    i = np.full((200, 41), 1e-4)
    i[:, 20:] = 0.0
    logs = np.log(simulator.read(i, 0)[:, :20] / 1e-4)
    # Of 4,000 normal numbers, to four standard errors of a standard deviation.
    assert abs(logs.std() / 0.05 - 1) < 4 / np.sqrt(2 * logs.size)
    low = simulator.read(i, 0)[:, 20:]
    assert abs(low.std() / 1e-9 - 1) < 4 / np.sqrt(2 * low.size)


def test_a_resolution_and_a_limit_are_the_instruments(simulator):
    fine = replace(simulator.protocol, resolution=1e-6)
    read = replace(simulator, protocol=fine).read(np.full((3, 41), 1e-4), 0)
    np.testing.assert_allclose(read, 1e-6 * np.round(read / 1e-6), rtol=1e-12)
    limited = replace(simulator.protocol, bench=mj.Bench(compliance=1e-4))
    np.testing.assert_array_equal(
        replace(simulator, protocol=limited).read(np.full((3, 41), 1e-4), 0), 1e-4
    )


@pytest.mark.integration
def test_parameters_spread_from_cycle_to_cycle(simulator):
    protocol = replace(simulator.protocol, order=(0,) * 5)
    prior = Prior.of_bounds(MODEL, {"r_on": (300, 900), "sigma_ln(v_on)": (0.01, 0.5)})
    spread = replace(simulator, protocol=protocol, prior=prior, cycle_spread={"r_on": 0.1})
    u = spread.coordinates(4, 6)
    drawn, values = prior.values(u), spread._values(4, u)
    factors = cycle_factors(3, {"r_on": 1.0, "v_on": 1.0}, members=6, sweeps=5, first=4)
    exact = drawn["r_on"][:, None] * np.asarray(factors["r_on"]) ** 0.1
    np.testing.assert_allclose(values["r_on"], exact)
    exact = float(MODEL.v_on) * np.asarray(factors["v_on"]) ** drawn["sigma_ln(v_on)"][:, None]
    np.testing.assert_allclose(values["v_on"], exact)
    with pytest.raises(DataError, match="which is free"):
        replace(spread, cycle_spread={"v_on": 0.1})


@pytest.mark.integration
def test_cycles_of_a_population_are_drawn_about_the_device(simulator):
    z = mj.params.unconstrain(MODEL, ["r_on"])
    about = dict(center=z, covariance=[[0.04]], cycle_covariance=[[0.0025]])
    prior = Prior.of_population(mj.Population.of(MODEL, ["r_on"], **about))
    many = replace(simulator, protocol=replace(simulator.protocol, order=(0,) * 400), prior=prior)
    values = many._values(0, many.coordinates(0, 3))["r_on"]
    scatter = from_spec(parameter_specs(MODEL)["r_on"]).forward(values).std(axis=1, ddof=1)
    assert np.all(np.abs(scatter / 0.05 - 1) < 4 / np.sqrt(2 * 400))


@pytest.mark.wrong_types
def test_steps_are_fixed_where_noise_acts(simulator):
    assert isinstance(simulator.solver(), mj.Auto)
    noisy = replace(simulator, device=mj.DiffusiveMemristor(sigma_ion=1.0), deterministic=False)
    noisy = replace(noisy, prior=Prior.of_bounds(noisy.device, {"mu": (30, 120)}))
    assert isinstance(noisy.solver(), mj.Fixed)
    assert replace(noisy, policy=mj.Stiff()).solver() == mj.Stiff()


@pytest.mark.slow
def test_devices_that_fail_are_left_out_and_counted(simulator, monkeypatch):
    solve = type(simulator).currents

    def some_fail(self, first, u, policy=None):
        i, good = solve(self, first, u, policy)
        bad = np.arange(len(u)) % 4 == 0
        return np.where(bad[:, None], np.nan, i), good & ~bad

    monkeypatch.setattr(type(simulator), "currents", some_fail)
    run = simulator.run(0, 100)
    assert run.failed == 25
    assert len(run.u) == run.statistics.shape[1] == 75
    assert np.isfinite(run.statistics).all()
    monkeypatch.setattr(
        type(simulator), "currents", lambda s, f, u, p=None: (u[:, :1] * np.ones(41), u[:, 0] > 9)
    )
    with pytest.raises(FitError, match="100 of 100 simulated devices failed"):
        simulator.run(0, 100)
