"""From a model, a protocol and a prior to posteriors that are calibrated, and what is refused before."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.amortised.density import TrainingSettings
from memjax.errors import DataError, ModelError

from .conftest import BOUNDS, MODEL, SMALL

OPTIONS = dict(
    prior=ft.DevicePrior(bounds=BOUNDS),
    simulation=ft.SimulationSettings(deterministic=True, points=10),
    density=SMALL,
    simulations=2000,
    training=TrainingSettings(epochs=150, rate=5e-3, networks=1, decay=0.01),
)


@pytest.fixture(scope="module")
def trained(protocol):
    return ft.amortise(MODEL, protocol, seed=3, **OPTIONS)


@pytest.mark.study
def test_its_calibration_is_of_devices_that_it_never_saw(trained):
    check = trained.calibration
    assert check.ranks.shape == (1000, 2)
    assert check.names == ("r_on", "v_on")
    assert trained.simulations == 3000
    assert trained.failed == 0
    assert min(check.contraction) > 0.6  # stretches of four readings tell little of a voltage
    assert trained.settings["noise"] == "left out"
    assert trained.settings["solver"].startswith("Auto")


@pytest.mark.slow
def test_it_finds_devices(trained, simulator):
    i, _ = simulator.currents(50_000, (u := simulator.coordinates(50_000, 256)))
    result = trained.posterior(simulator.read(i, 50_000), uncalibrated=True, warn=False)
    known = np.array([not w for w in result.outside])
    assert known.mean() > 0.95
    for name, x in simulator.prior.values(u).items():
        low, high = result.interval(0.9)[name][known].T
        share = np.mean((low <= x[known]) & (x[known] <= high))
        # Calibrated or not is told by a thousand devices; of 256 the error of a share is 0.02.
        assert 0.75 < share <= 1
        spread = np.log(BOUNDS[name][1] / BOUNDS[name][0]) / np.sqrt(12)
        error = np.log(result.median()[name][known] / x[known])
        assert np.sqrt(np.mean(error**2)) < 0.65 * spread


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"prior": None}, DataError, "no bounds and no population"),
        ({"simulations": 10}, DataError, "10 simulations"),
        (
            {"prior": ft.DevicePrior(bounds=BOUNDS, cycle_spread={"nothing": 0.1})},
            ModelError,
            "nothing",
        ),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_simulated(
    protocol, changes, error, message
):
    with pytest.raises(error, match=message):
        ft.amortise(MODEL, protocol, **(OPTIONS | changes))


@pytest.mark.wrong_types
def test_a_protocol_and_a_prior_of_the_model_are_needed(protocol):
    with pytest.raises(DataError, match="in place of a protocol"):
        ft.amortise(MODEL, "sweep", **OPTIONS)
    z = mj.params.unconstrain(mj.DriftMemristor(), ["beta"])
    other = mj.Population.of(mj.DriftMemristor(), ["beta"], center=z, covariance=[[0.01]])
    with pytest.raises(ModelError, match="a population of drift for mms"):
        ft.amortise(MODEL, protocol, **(OPTIONS | {"prior": ft.DevicePrior(population=other)}))
    prior = ft.DevicePrior(bounds=BOUNDS, population=other)
    with pytest.raises(DataError, match="bounds and a population"):
        ft.amortise(MODEL, protocol, **(OPTIONS | {"prior": prior}))


@pytest.mark.study
def test_devices_of_a_population_are_drawn_from_it_and_kept_in_the_folder(protocol, tmp_path):
    names = list(BOUNDS)
    z, covariance = mj.params.unconstrain(MODEL, names), np.diag([0.04, 0.01])
    population = mj.Population.of(MODEL, names, center=z, covariance=covariance)
    options = OPTIONS | {"prior": ft.DevicePrior(population=population)}
    trained = ft.amortise(MODEL, protocol, seed=3, **options)
    ft.save_amortised(trained, tmp_path / "density")
    again = ft.load_amortised(tmp_path / "density")
    assert again.prior.as_json()["r_on"]["law"] == "population"
    u = np.random.default_rng(0).normal(size=(40, 2))
    trace = mj.simulate(
        MODEL, protocol.stimuli[0], save=protocol.rows[0], members=40, deterministic=True,
        conditions=mj.Conditions(values={n: x[:, None] for n, x in trained.prior.values(u).items()}),
    ).check()  # fmt: skip
    result = again.posterior(np.asarray(trace.i), uncalibrated=True, extrapolate=True, warn=False)
    # Without errors of reading the logarithm of the resistance is found to a fraction of its spread.
    away = np.log(result.median()["r_on"] / trained.prior.values(u)["r_on"])
    assert away.std() < 0.5 * np.log(trained.prior.values(u)["r_on"]).std()
