"""Simulated cycles of an experiment: their random numbers, and what is read off them."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.ensemble import Coordinate, Ensemble, of_sweeps
from memjax.core.fields import parameter_specs
from memjax.core.params import replace as with_values
from memjax.solver import SemiImplicitEuler
from tests.fits import NOISE_TRUTH

POLICY = mj.Fixed(1e-3, method=SemiImplicitEuler(damped=True))

SILENT = {"relative": 0.0, "floor_A": 0.0}


def _ensemble(device, waves, coordinates, **changes):
    options = dict(bench=mj.Bench(compliance=1e-6), env=None, policy=POLICY, draws=16, seed=3)
    experiment = of_sweeps(waves, floor=0.0, seed=0)
    return Ensemble(device, coordinates, experiment, read_noise=SILENT, **options | changes)


@pytest.mark.study
def test_points_share_their_random_numbers_and_draws_do_not(noisy_device, start, monkeypatch):
    coordinates = [Coordinate("sigma_ion"), Coordinate("mu", spread=True)]
    ensemble = _ensemble(noisy_device, start.waves, coordinates)
    z = ensemble.start()
    (events,), good = ensemble(np.stack([z, z, z + 0.5]))
    monkeypatch.setattr("fitting.sweeps.ensemble._threads", lambda lanes: 2)
    for _ in range(2):  # one after the other at first, then at once
        (shared,), _ = ensemble(np.stack([z, z, z + 0.5]))
        np.testing.assert_array_equal(shared, events)
    assert good.all()
    np.testing.assert_array_equal(events[0], events[1])
    assert np.std(events[0, :, 0]) > 0
    assert np.any(events[2] != events[0])
    assert np.corrcoef(events[2, :, 0], events[0, :, 0])[0, 1] > 0.5  # common numbers


@pytest.mark.study
def test_members_that_are_numbered_have_the_noise_of_their_number(noisy_device, start):
    w = start.waves[0]
    options = dict(save=[w.rows], bench=mj.Bench(compliance=1e-6), policy=POLICY, seed=2)
    whole = mj.simulate(noisy_device, [w.stimulus], members=16, **options)
    some = mj.simulate(
        noisy_device, [w.stimulus], members=np.array([15, 3, 3, *range(13)]), **options
    )
    for place, number in ((0, 15), (1, 3), (2, 3)):
        np.testing.assert_allclose(some.i[place], whole.i[number], rtol=1e-12)


@pytest.mark.study
def test_noise_given_by_value_acts_as_noise_of_the_device(start):
    w, quiet = start.waves[0], with_values(start.device, {"sigma_ion": 0.0})
    options = dict(save=[w.rows], bench=mj.Bench(compliance=1e-6), members=16, seed=2)
    options |= dict(policy=POLICY)
    ours = mj.simulate(with_values(quiet, NOISE_TRUTH), [w.stimulus], **options)
    values = {"sigma_ion": np.full((16, 1), NOISE_TRUTH["sigma_ion"])}
    np.testing.assert_allclose(
        mj.simulate(quiet, [w.stimulus], conditions=mj.Conditions(values=values), **options).i,
        ours.i,
        rtol=1e-9,
    )
    mixed = mj.simulate(
        quiet,
        [w.stimulus],
        conditions=mj.Conditions(values={"sigma_ion": values["sigma_ion"] * 0}),
        **options,
    )
    assert np.ptp(np.asarray(mixed.i), axis=0).max() == 0


@pytest.mark.slow
def test_draws_stay_within_the_bounds_of_their_parameters(noisy_device, start):
    """A spread of e^15 either way, and medians beyond the bounds on either side."""
    coordinates = [Coordinate("sigma_ion"), Coordinate("mu"), Coordinate("mu", spread=True)]
    ensemble = _ensemble(noisy_device, start.waves, coordinates)
    for far in (-60.0, 0.0, 60.0):
        z = ensemble.start() + np.array([far, far, 5.0])
        values = ensemble.values(z[None])
        for name, spec in parameter_specs(noisy_device).items():
            if name in values:
                low, high = spec.bounds
                assert np.all((values[name] >= low) & (values[name] <= high)), name
        medians = {c.name: ensemble.value(c, x) for c, x in zip(coordinates[:2], z)}
        with_values(
            noisy_device, medians
        )  # as the end of a search does, which compares with bounds


@pytest.mark.slow
def test_a_parameter_at_its_bound_has_a_coordinate(noisy_device, start):
    ensemble = _ensemble(noisy_device, start.waves, [Coordinate("alpha")])
    low, high = parameter_specs(noisy_device)["alpha"].bounds
    assert np.all(np.isfinite([ensemble.coordinate(Coordinate("alpha"), x) for x in (low, high)]))
