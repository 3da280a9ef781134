"""The search for the spread from cycle to cycle, on a device whose features are known functions of its parameters."""

import numpy as np
import pytest

import memjax as mj
from fitting.stochastic.moments import WIDEST, WIDEST_RATE, Choice, Moments
from fitting.sweeps.cycle_search import CycleSearch, Point, moved, run
from memjax.core.params import get
from memjax.errors import FitError

pytestmark = pytest.mark.wrong_types  # what stands for a simulation is none

NAMES = ("r_on", "r_off", "v_on")
SLOPES = np.array([[1.0, 0.0, 0.3], [0.1, 1.0, 0.0], [0.0, 0.4, 1.0]])


class Toy:
    """Cycles whose features are powers of the parameters; it stands for a simulation and for its reading."""

    shape, members = (64, 2), 64
    names = ("v_set", "v_reset", "r_on")

    def __init__(self, fails=False, step=0.0):
        self.fails, self.step = fails, step

    def __call__(self, *given):
        if len(given) == 1:  # as a reading
            return given[0]
        device, factors = given
        logs = [
            np.log(abs(float(get(device, n))) * np.broadcast_to(factors[n], self.shape))
            for n in NAMES
        ]
        shown = np.einsum("fn,nmc->mcf", SLOPES, np.stack(logs))
        values = np.exp(np.floor(shown / self.step) * self.step if self.step else shown)
        return np.full_like(values, np.nan) if self.fails else values

    def counted(self, values):
        return values


DEVICE = mj.model("vteam")
LOGS = SLOPES @ np.log([abs(float(get(DEVICE, n))) for n in NAMES])


def search(target, **toy):
    simulation = Toy(**toy)
    about = dict(reading=simulation, simulation=simulation)
    return CycleSearch(DEVICE, NAMES, **about, target=target, seed=0)


def target_of(root, move):
    covariance = SLOPES @ root @ root.T @ SLOPES.T
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    return Moments(center=LOGS + SLOPES @ move, sd=sd, correlation=correlation, cycles=30)


def test_slopes_are_those_of_the_logarithms():
    np.testing.assert_allclose(
        search(target_of(np.eye(3), np.zeros(3))).slopes(), SLOPES, atol=1e-9
    )


def test_slopes_of_readings_in_steps_are_those_over_as_much_as_they_scatter():
    """Features scatter by 0.5 and come in steps of 0.3, which a move of 0.2 may not pass."""
    target = target_of(0.5 * np.eye(3), np.zeros(3))
    slopes = search(target, step=0.3).slopes()
    # A secant over a move m of a reading in steps s is off by s / 2m at the most; m is 0.8 here.
    assert np.max(np.abs(slopes - SLOPES)) < 0.3 / 1.6
    assert (
        np.max(np.abs(search(target_of(0.01 * np.eye(3), np.zeros(3)), step=0.3).slopes() - SLOPES))
        > 0.3 / 1.6
    )


def test_a_search_is_centred_on_the_measured_medians_by_what_is_least_known():
    move = np.array([0.3, -0.4, 0.2])
    covariance = np.diag([1.0, 1.0, 1.0])
    centered = search(target_of(0.02 * np.eye(3), move)).centered(covariance)
    moves = [np.log(float(get(centered.device, n)) / float(get(DEVICE, n))) for n in NAMES]
    # The features determine the three parameters to their errors, against which the prior hardly weighs.
    np.testing.assert_allclose(moves, move, atol=0.02)
    assert search(target_of(np.eye(3), np.zeros(3))).centered(covariance).device is DEVICE


def test_rates_may_scatter_more_than_sizes():
    simulation = Toy()
    about = dict(reading=simulation, simulation=simulation, seed=0)
    target = target_of(np.eye(3), np.zeros(3))
    widest = CycleSearch(DEVICE, ("k_on", "r_on", "a_on"), **about, target=target).widest
    assert widest.tolist() == [WIDEST_RATE, WIDEST, WIDEST]


def test_medians_spreads_and_correlations_come_back():
    root = np.array([[0.1, 0, 0], [0.05, 0.2, 0], [-0.02, 0.03, 0.05]])
    move = np.array([0.2, -0.3, 0.1])
    point, interrupted = run([search(target_of(root, move))], None)
    assert not interrupted
    assert point.met
    order = [point.choice.names.index(n) for n in NAMES]
    covariance = (point.root @ point.root.T)[np.ix_(order, order)]
    # Moments agree to a tenth of the errors of 30 cycles; whitened draws have no scatter of their own.
    wanted, got = np.sqrt(np.diag(root @ root.T)), np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(np.log(got / wanted), 0, atol=0.3 / np.sqrt(58))
    for n, x in zip(NAMES, move, strict=True):
        assert float(get(point.device, n)) == pytest.approx(
            float(get(DEVICE, n)) * np.exp(x), rel=0.05
        )
    correlation = covariance / np.outer(got, got)
    assert correlation[0, 1] == pytest.approx(0.05 / np.hypot(0.05, 0.2), abs=0.1)


def test_whitened_draws_have_no_mean_and_no_correlation_and_others_have():
    s = search(target_of(np.eye(3), np.zeros(3)))
    white, plain = (s.draws(NAMES, 0, whitened=w).reshape(-1, 3) for w in (True, False))
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(3), atol=1e-12)
    assert np.abs(plain.mean(axis=0)).max() > 1e-3


def test_a_parameter_is_moved_no_farther_than_its_bound():
    device = moved(DEVICE, ("a_on",), [10.0])
    assert float(device.a_on) == mj.fields.parameter_specs(DEVICE)["a_on"].bounds[1]


def test_cycles_that_cannot_be_simulated_are_said_to_be_none():
    slopes = search(target_of(0.1 * np.eye(3), np.zeros(3)))
    slopes.slopes = lambda: SLOPES
    slopes.simulation = slopes.reading = Toy(fails=True)
    with pytest.raises(FitError, match="no cycles could be simulated"):
        run([slopes], None)


def test_an_interrupt_leaves_the_best_so_far():
    calls = []

    def stop(progress):
        calls.append(progress.iterations)
        raise KeyboardInterrupt

    point, interrupted = run([search(target_of(0.1 * np.eye(3), np.full(3, 0.4)))], stop)
    assert interrupted
    assert calls == [1]
    assert isinstance(point, Point)
    assert isinstance(point.choice, Choice)
