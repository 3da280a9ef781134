"""Where first order does not hold, by chi squared at the ends of its intervals."""

from types import SimpleNamespace

import numpy as np
import pytest

from fitting.inference.curvature import curved

pytestmark = pytest.mark.wrong_types  # of a fit they have what is asked of it

NAMES = ("a", "b", "c")


def fit(bend, lost=(), fails=lambda z: np.zeros(len(z), bool)):
    """Three numbers, each measured by itself to one standard deviation, the second as a bent function of it."""

    def linearise(z):
        r = z.copy()
        r[:, 1] = z[:, 1] + bend * z[:, 1] ** 2
        jacobian = np.zeros((len(z), 3, 3))
        jacobian[:, [0, 1, 2], [0, 1, 2]] = 1.0
        jacobian[:, 1, 1] += 2 * bend * z[:, 1]
        return r, jacobian, ~fails(z)

    problem = SimpleNamespace(linearise=linearise, backend="xla")
    problem.for_many_calls = lambda: problem
    return SimpleNamespace(
        problem=problem,
        z=np.zeros(3),
        free=NAMES,
        covariance=np.eye(3),
        sigma_z=np.ones(3),
        undetermined=lost,
        reach=lambda level: 1.6,
    )


def test_only_what_is_bent_wants_a_profile():
    """With r = z (1 + k z) the rise at the ends is (1 +- 1.6 k)^2: 2 and 0.5 at k = 0.26 and 0.18."""
    assert curved(fit(0.0)) == ()
    assert curved(fit(0.1)) == ()
    assert curved(fit(0.2)) == ("b",)
    assert curved(fit(-0.3)) == ("b",)


def test_what_the_data_do_not_determine_is_not_asked_for():
    assert curved(fit(0.5, lost=("b",))) == ()
    assert curved(fit(0.5, lost=NAMES)) == ()


def test_an_end_that_cannot_be_solved_wants_a_profile():
    assert curved(fit(0.0, fails=lambda z: z[:, 2] > 1)) == ("c",)


def test_what_an_undetermined_parameter_takes_along_wants_a_profile():
    """b is measured less a share of c that only counts where c is below 0: at 0 first order knows of none."""

    def linearise(z):
        r = np.stack([z[:, 0], z[:, 1] + 5 * np.minimum(z[:, 2], 0.0)], axis=1)
        jacobian = np.zeros((len(z), 2, 3))
        jacobian[:, [0, 1], [0, 1]] = 1.0
        jacobian[:, 1, 2] = 5.0 * (z[:, 2] < 0)
        return r, jacobian, np.ones(len(z), bool)

    bent = fit(0.0, lost=("c",))
    bent.problem.linearise = linearise
    bent.covariance = np.diag([1.0, 1.0, 49.0])
    bent.sigma_z = np.array([1.0, 1.0, 7.0])
    assert curved(bent) == ("b",)
    bent.problem.linearise = lambda z: linearise(np.abs(z))
    assert curved(bent) == ()
