"""Replicates of an estimate along its valley."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.stochastic.exploration import explore
from fitting.stochastic.two_sample import Sample, Target
from fitting.stochastic.valleys import Goal, ends_of, linear
from memjax.errors import BoundsError

SCATTER, SIZE = 0.3, 11
"""Noise of simulated features; points of a batch."""


def _goal(prior, seed=0) -> Goal:
    values = np.random.default_rng(5).normal(size=(80, 1))
    target = Target(Sample(label="", names=("x",), unit="V", values=values), seed=0, draws=128)
    n = len(prior)
    return Goal(
        targets=[target],
        centre=np.zeros(n),
        prior=np.asarray(prior, float),
        acting=[np.ones(n, bool)],
        seed=seed,
    )


def _simulated(goal: Goal, features):
    """Simulations whose features scatter, each batch with random numbers of its own."""

    def simulate(z, batch):
        noise = np.random.default_rng([7, batch]).normal(size=(len(z), len(goal.measured)))
        return [goal.measured + features(z) + SCATTER * noise], np.ones(len(z), bool)

    return simulate


def _optimum(n: int):
    return [(np.zeros(n), 0.04 * np.eye(n))]


@pytest.mark.slow
def test_replicates_of_a_linear_problem_scatter_as_its_sandwich_says():
    goal = _goal([2.0, 2.0, 0.3])
    jacobian = np.random.default_rng(1).normal(size=(len(goal.measured), 3))
    jacobian[:, 2] *= 0.1  # hardly seen: left to its prior
    found = explore(goal, _simulated(goal, lambda z: z @ jacobian.T), _optimum(3), size=SIZE)
    precision, shifts = np.diag(goal.prior**-2), goal.targets[0].shifts()
    inverse = np.linalg.inv(jacobian.T @ jacobian + precision)
    exact = inverse @ (jacobian.T @ np.cov(shifts, rowvar=False) @ jacobian + precision) @ inverse
    # A standard deviation of 200 replicates is known to 5 %: four standard errors; and the surface's own scatter.
    sd = np.sqrt(np.diag(exact))
    np.testing.assert_allclose(found.replicates.std(axis=0), sd, rtol=0.25)
    assert np.all(np.abs(found.z) < 1.0 * sd)
    # Profiles know a wide prior only, and that a surface is far better known than by one simulation, whose noise is in
    # the inflated errors; a surface through features with noise is not quite the plane.
    information = goal.targets[0].inflation * jacobian.T @ jacobian
    wide = np.linalg.inv(information + np.diag(np.maximum(goal.prior, 2.0) ** -2))
    for k in range(2):
        low, high = ends_of(found.grid[k], found.rise[k], 0.9)
        np.testing.assert_allclose((high - low) / 2, 1.645 * np.sqrt(wide[k, k]), rtol=0.15)
    first = linear(
        goal, np.zeros(3), np.concatenate([jacobian, np.diag(1 / goal.prior)]), interrupted=True
    )
    np.testing.assert_allclose(first.replicates.std(axis=0), sd, rtol=0.2)
    assert first.interrupted


@pytest.mark.slow
def test_replicates_follow_a_valley_that_bends():
    goal = _goal([0.5, 3.0])
    rows = np.linspace(1.0, 2.0, len(goal.measured))
    # Only z1 + z0^2 is seen: along the parabola the data say nothing, and z0 has the freedom of its prior.
    found = explore(
        goal,
        _simulated(goal, lambda z: 5 * (z[:, 1:] + z[:, :1] ** 2) * rows),
        _optimum(2),
        size=SIZE,
    )
    seen = found.replicates[:, 1] + found.replicates[:, 0] ** 2
    assert found.replicates[:, 0].std() > 0.35
    assert seen.std() < 0.1
    assert abs(found.z[1] + found.z[0] ** 2) < 3 * seen.std()
    # So the profile of z0 does not rise by what 90 % takes within two standard deviations of its prior.
    low, high = ends_of(found.grid[0], found.rise[0], 0.9)
    assert low < -1.0
    assert high > 1.0
    for x, rise in zip(
        found.grid, found.rise, strict=True
    ):  # the estimate's valley is inside, however narrow
        assert np.min(rise) == 0
        assert np.all(np.diff(x) >= 0)


@pytest.mark.integration
def test_an_interrupt_keeps_what_there_is():
    goal, calls = _goal([1.0, 1.0]), []
    simulate = _simulated(goal, lambda z: 3 * z @ np.ones((2, len(goal.measured))))

    def stopped(z, batch):
        calls.append(batch)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return simulate(z, batch)

    found = explore(goal, stopped, _optimum(2), size=SIZE)
    assert found.interrupted
    assert found.rounds == 1
    assert found.replicates.shape == (len(goal.targets[0].shifts()), 2)


@pytest.mark.slow
def test_what_is_found_comes_back_with_the_seed_and_is_told():
    goal, told = _goal([1.0, 1.0]), []
    simulate = _simulated(goal, lambda z: z @ np.ones((2, len(goal.measured))))
    runs = [
        explore(goal, simulate, _optimum(2), size=SIZE, tick=lambda p: told.append(p.iterations))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].replicates, runs[1].replicates)
    assert told[0] == 1
    other = explore(replace(goal, seed=1), simulate, _optimum(2), size=SIZE)
    assert np.any(other.replicates != runs[0].replicates)
    with pytest.raises(AttributeError):
        other.z = other.z  # pyright: ignore[reportAttributeAccessIssue]  # frozen


def test_without_simulations_nothing_is_estimated():
    goal = _goal([1.0, 1.0])
    simulate = _simulated(goal, lambda z: z @ np.ones((2, len(goal.measured))))

    def failing(z, batch):
        return simulate(z, batch)[0], np.zeros(len(z), bool)

    found = explore(goal, failing, _optimum(2), size=SIZE)
    assert found.rounds == 0
    assert not found.settled
    assert not found.interrupted


@pytest.mark.slow
@pytest.mark.parametrize("failing", [0, 9])
def test_a_round_that_fails_leaves_what_was_reached(failing):
    """The first batch, before anything is estimated, or one of a later round."""
    goal = _goal([2.0, 2.0])
    jacobian = np.random.default_rng(1).normal(size=(len(goal.measured), 2))
    simulate = _simulated(goal, lambda z: z @ jacobian.T)

    def fails(z, batch):
        if batch == failing:
            raise BoundsError(f"mu = {np.full(200, 1e12)}")
        return simulate(z, batch)

    valley = explore(goal, fails, _optimum(2), size=SIZE)
    assert valley.failure.startswith("mu = [1.e+12")
    assert len(valley.failure) < 210
    assert not valley.settled
    assert not valley.interrupted
    assert (valley.rounds > 0) == (failing > 0)
    whole = explore(goal, simulate, _optimum(2), size=SIZE)
    assert whole.failure == ""
    assert np.all(np.abs(valley.z - whole.z) < 3 * whole.replicates.std(axis=0) + 1e-12)
