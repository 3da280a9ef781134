"""Joint problems: what is exact for linear ones."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.inference.nuts import draw_fit
from fitting.inference.profile_likelihood import profiles
from fitting.joint.problem import PRECISION, _prior_root, joined, posterior_root, weight_of
from fitting.problem import TOGETHER
from memjax.errors import DataError
from tests.fits import LINE_NAMES, LINE_START, LinearFit, fitted_line


@pytest.mark.integration
def test_a_weight_is_one_over_the_noise_that_a_fit_states_whatever_the_rows():
    for rows, scale in ((20, 1.0), (20, 7.0), (200, 0.1)):
        fit = fitted_line(("r_on", "tau"), rows=rows, seed=1, scale=scale)
        np.testing.assert_allclose(weight_of(fit), 1 / scale, rtol=1e-6)


@pytest.mark.integration
def test_the_state_at_the_start_is_each_files_own():
    fits = [fitted_line(LINE_NAMES, rows=30, seed=k) for k in range(2)]
    problem, starts = joined(LINE_START, fits)
    assert problem.free == LINE_NAMES[:3]
    assert problem.place(0) == [0, 1, 2, 3]
    assert problem.place(1) == [0, 1, 2, 4]
    assert starts.shape == (TOGETHER, 5)
    np.testing.assert_allclose(starts[0, [3, 4]], [fits[0].z[3], fits[1].z[3]])
    found = ft.solve(ft.JointProblem(fits, LINE_START))
    assert "x0" not in found.values
    assert [n.partition(" is its own")[0] for n in found.notes] == ["x0 of file 1", "x0 of file 2"]


def test_an_edge_in_one_direction_leaves_what_is_known_of_the_others():
    """A row of 1e11 is a constraint: the exact variances are those in its null space, to the square of 1e-11."""
    rng = np.random.default_rng(0)
    rows, root = rng.normal(size=(9, 6)), np.diag(np.sqrt(np.arange(1.0, 7.0)))
    edge = rng.normal(size=(1, 6))
    back = np.linalg.inv(posterior_root(np.concatenate([rows, 1e11 * edge]), root))
    left = np.linalg.svd(edge)[2][1:].T
    exact = left @ np.linalg.inv(left.T @ (rows.T @ rows + root.T @ root) @ left) @ left.T
    # Rounding of derivatives of 1e11 is 1e-5 beside those of 1.
    np.testing.assert_allclose(np.sum(back**2, axis=1), np.diag(exact), rtol=1e-4)


def test_a_problem_agrees_with_its_secants():
    problem, starts = joined(
        LINE_START, [fitted_line(LINE_NAMES, rows=9, seed=k) for k in range(2)]
    )
    z, step = starts[-1], 1e-5
    _, jacobian, _ = problem.linearise(z[None])
    moved = z + step * np.concatenate([np.eye(len(z)), -np.eye(len(z))])
    r, _, _ = problem.linearise(moved)
    secant = (r[: len(z)] - r[len(z) :]).T / (2 * step)
    np.testing.assert_allclose(jacobian[0], secant, atol=1e-5 * np.abs(secant).max())


def _own_states() -> list[LinearFit]:
    """Two files, each with a state of its own at the start."""
    return [fitted_line(LINE_NAMES, rows=30, seed=k) for k in range(2)]


def test_the_order_of_linear_files_does_not_matter():
    """What is known is then normal: both ways round end at the joint fit, to the tolerance of the searches."""
    fits = _own_states()
    found = ft.solve(ft.JointProblem(fits, LINE_START))
    assert found.stages == ()
    for order in ([[0], [1]], [[1], [0]]):
        one = ft.solve(ft.JointProblem(fits, LINE_START, labels=["a", "b"], order=order))
        np.testing.assert_allclose(one.covariance, found.covariance, rtol=1e-5)
        assert np.max(np.abs(one.z - found.z) / found.sigma_z) < 1e-3
        assert [s.label for s in one.stages] == ["ab"[k] for (k,) in order]
        first, last = one.stages
        assert all(last.std[n] < first.std[n] for n in found.free)
        assert last.values == pytest.approx(one.values)
        assert sum(p.shares["tau"] for p in one.parts) == pytest.approx(
            sum(p.shares["tau"] for p in found.parts), rel=1e-4
        )


@pytest.mark.integration
def test_one_program_has_the_residuals_of_all_parts_and_of_the_prior():
    fits = _own_states()
    problem, starts = joined(LINE_START, fits)
    for one in (problem, problem.after([1], starts[0], np.diag(np.sqrt(np.arange(1.0, 6.0))))):
        known = one.linearise(starts)
        whole = one.differentiable.linearise(starts)
        assert whole[2].all()
        for k in range(len(starts)):
            a, b = known[0][k], whole[0][k]
            np.testing.assert_allclose(b @ b, a @ a, rtol=1e-9)
            a, b = known[1][k], whole[1][k]
            np.testing.assert_allclose(b.T @ b, a.T @ a, rtol=1e-8, atol=1e-9)


def test_profiles_of_linear_files_are_the_intervals_to_first_order():
    """Coordinates are normal: to a fiftieth of a standard deviation."""
    found = ft.solve(ft.JointProblem(_own_states(), LINE_START))
    first = found.intervals()
    sigma = found.std
    for p in profiles(found):
        assert p.low == pytest.approx(first[p.name][0], abs=0.02 * sigma[p.name])
        assert p.high == pytest.approx(first[p.name][1], abs=0.02 * sigma[p.name])
    assert [p.name for p in profiles(found, names=["tau"])] == ["tau"]


@pytest.mark.slow
def test_draws_of_linear_files_have_the_spread_to_first_order():
    """Medians to 5 standard errors of so many draws."""
    found = ft.solve(ft.JointProblem(_own_states(), LINE_START))
    sigma = found.std
    sample = draw_fit(found, chains=2, warmup=100, draws=200)
    assert list(sample.data.posterior.data_vars) == list(found.free)
    for name, x in found.values.items():
        draws = sample.data.posterior[name].values.ravel()
        error = sigma[name] / np.sqrt(min(sample.ess[name], draws.size))
        assert abs(np.median(draws) - x) < 5 * 1.26 * error
        assert 0.7 < np.std(draws) / sigma[name] < 1.3


def test_draws_need_parts_that_are_differentiable():
    found = ft.solve(ft.JointProblem(_own_states(), LINE_START))

    class Secants(type(found.problem)):
        differentiable = None

    parts = found.problem.parts
    vague = Secants(**{f.name: getattr(found.problem, f.name) for f in fields(found.problem)})
    with pytest.raises(DataError, match="derivatives are secants"):
        draw_fit(replace(found, problem=replace(found.problem, parts=(vague, *parts[1:]))))


def test_fits_with_bounds_of_their_own_are_refused():
    narrow = mj.params.with_bounds(LINE_START, {"tau": (1e-5, 1e-3)})
    with pytest.raises(DataError, match="bounds of their own"):
        ft.solve(ft.JointProblem(_own_states(), narrow))


@pytest.mark.wrong_types  # of a fit it has what is asked of it
def test_a_prior_that_holds_parameters_together_is_that_of_all_files():
    """Of a function that is smooth: whatever their order among the shared ones, and beside the files' own."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    smooth = SimpleNamespace(free=("b", "x0", "a"), prior_precision=root.T @ root)
    plain = SimpleNamespace(free=("c", "a"), prior_precision=PRECISION * np.eye(2))
    fits = [SimpleNamespace(problem=p) for p in (plain, smooth)]
    r = _prior_root(fits, ("a", "b", "c"), 4)
    want = PRECISION * np.eye(4)
    want[np.ix_([1, 0], [1, 0])] = smooth.prior_precision[np.ix_([0, 2], [0, 2])]
    np.testing.assert_allclose(r.T @ r, want, atol=1e-14)
    alone = _prior_root(fits[:1], ("c", "a"), 2)
    np.testing.assert_allclose(alone.T @ alone, PRECISION * np.eye(2))


@pytest.mark.wrong_types  # of a fit it has what is asked of it
def test_a_weight_is_one_over_the_noise_whatever_prior_holds_the_parameters_together():
    rng, scale = np.random.default_rng(1), 3.0
    j, root = rng.normal(size=(30, 3)), rng.normal(size=(3, 3))
    prior = root.T @ root

    def linearise(z):
        whole = np.concatenate([j, root])
        return z @ whole.T, np.broadcast_to(whole, (len(z), *whole.shape)), np.ones(len(z), bool)

    problem = SimpleNamespace(free=("a", "b", "c"), linearise=linearise, prior_precision=prior)
    stated = np.linalg.inv(j.T @ j / scale**2 + prior)
    fit = SimpleNamespace(problem=problem, z=np.zeros(3), covariance=stated)
    np.testing.assert_allclose(weight_of(fit), 1 / scale, rtol=1e-6)
