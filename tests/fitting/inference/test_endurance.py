"""A population from an endurance test: two levels of scatter that come apart."""

import numpy as np
import pytest

import memjax as mj
from fitting.inference.endurance import fit_endurance
from memjax.core.fields import parameter_specs
from memjax.core.transforms import from_spec
from memjax.data import EnduranceRecord
from memjax.errors import DataError, ModelError

DEVICES = np.array([[0.04, 0.03], [0.03, 0.25]])
CYCLES = np.array([[0.01, -0.01], [-0.01, 0.36]])


def records(devices=30, cycles=50, seed=0, quantity="r"):
    rng = np.random.default_rng(seed)
    found = []
    for d in range(devices):
        own = np.log([5e3, 1e5]) + rng.multivariate_normal([0, 0], DEVICES)
        low, high = np.exp(rng.multivariate_normal(own, CYCLES, size=cycles)).T
        if quantity == "g":
            low, high = 1 / low, 1 / high
        about = {"device": str(d), "cycles": np.arange(float(cycles)), "quantity": quantity}
        found.append(EnduranceRecord(hrs=high, lrs=low, **about))
    return found


def test_both_levels_of_scatter_come_back():
    found = fit_endurance(records(), mj.Vteam())
    assert found.names == ("r_on", "r_off")
    # Coordinates follow the logarithms by a slope, which hardly changes over the scatter.
    specs, h = parameter_specs(mj.Vteam()), 1e-3
    slope = np.array(
        [
            float(np.diff(np.asarray(from_spec(specs[n]).forward(x * np.exp([-h, h]))))[0])
            / (2 * h)
            for n, x in (("r_on", 5e3), ("r_off", 1e5))
        ]
    )
    scale = np.outer(slope, slope)
    # Elements of a Wishart matrix of n degrees of freedom: var(S_ik) = (S_ik^2 + S_ii S_kk) / n; four errors.
    for got, wanted, n in (
        (found.covariance / scale, DEVICES + CYCLES / 50, 29),
        (found.within / scale, CYCLES, 30 * 49),
    ):
        size = np.diag(wanted)
        error = np.sqrt((wanted**2 + np.outer(size, size)) / n)
        assert np.all(np.abs(got - wanted) < 4 * error)
    assert found.cycles == 30 * 49
    drawn = found.population(mj.Vteam()).sample(0, 4, sweeps=3)
    assert drawn["r_off"].shape == (4, 3)


def test_conductances_are_the_same_devices():
    ohm, siemens = (fit_endurance(records(5, 10, quantity=q), mj.Vteam()) for q in "rg")
    np.testing.assert_allclose(siemens.center, ohm.center, rtol=1e-6)
    np.testing.assert_allclose(siemens.within, ohm.within, rtol=1e-6)


def test_cycles_that_are_not_whole_are_left_out():
    whole = records(4, 10)
    longer = [
        EnduranceRecord(
            device=r.device,
            cycles=np.arange(11.0),
            hrs=np.append(r.hrs, np.nan),
            lrs=np.append(r.lrs, 1.0),
        )
        for r in whole
    ]
    np.testing.assert_array_equal(
        fit_endurance(longer, mj.Vteam()).center, fit_endurance(whole, mj.Vteam()).center
    )


def test_what_is_no_endurance_test_of_resistances_is_refused():
    with pytest.raises(DataError, match="1 devices with 3 cycles"):
        fit_endurance(records(1), mj.Vteam())
    few = records(2, 5)
    with pytest.raises(ModelError, match="speed"):
        fit_endurance(few, mj.Vteam(), on="speed")
    negative = EnduranceRecord(device="a", cycles=np.arange(3.0), hrs=-np.ones(3), lrs=np.ones(3))
    with pytest.raises(DataError, match="3 cycles whose states are not positive"):
        fit_endurance([*few, negative], mj.Vteam())
    current = EnduranceRecord(
        device="b", cycles=np.arange(3.0), hrs=np.ones(3), lrs=np.ones(3), quantity="i"
    )
    with pytest.raises(DataError, match="currents in the place of resistances"):
        fit_endurance([*few, current], mj.Vteam())


def test_a_measured_array_has_two_levels_of_scatter(shared_data):
    records = mj.data.read_records(shared_data / "clean" / "rram_1t1r_cycling.csv")
    found = fit_endurance(records, mj.Vteam())
    assert len(found.labels) == 38
    population = found.population(mj.Vteam())
    median = population.median()
    states = [np.concatenate([getattr(r, n) for r in records]) for n in ("lrs", "hrs")]
    # Medians over devices and over all cycles differ by less than the scatter of the devices.
    for name, x, size in zip(("r_on", "r_off"), states, np.diag(found.covariance), strict=True):
        away = np.log(float(median[name]) / np.nanmedian(x))
        assert abs(away) < 2 * np.sqrt(size + 0.01)
