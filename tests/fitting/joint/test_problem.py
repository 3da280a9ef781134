"""Joint problems: what is exact for linear ones."""

from dataclasses import dataclass, fields, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.inference.nuts import draw_fit
from fitting.inference.profile_likelihood import profiles
from fitting.joint.fit import fit_jointly
from fitting.joint.problem import PRECISION, joined, weight_of
from fitting.optimize.levenberg_marquardt import levenberg_marquardt
from fitting.problem import TOGETHER, AbstractDifferentiable
from fitting.result import AbstractFit
from memjax.errors import DataError
from memjax.params import unconstrain

pytestmark = pytest.mark.fast

NAMES = ("r_on", "r_off", "tau", "x0")


class _Linear(AbstractDifferentiable):
    """Residuals that are linear in the coordinates of all of `NAMES`, whichever are free."""

    device: Any
    free: tuple[str, ...] = eqx.field(static=True)
    center: Any
    slopes: Any
    data: Any
    noise: Any = eqx.field(default_factory=lambda: jnp.ones((), float))
    ties: tuple = eqx.field(static=True, default=())

    def data_residuals(self, z):
        every = unconstrain(self.at(z), NAMES)
        return self.slopes @ every - self.data, jnp.bool_(True)


@dataclass(frozen=True, kw_only=True)
class _Fit(AbstractFit):
    device: Any
    model: str
    problem: Any
    z: Any
    loss: float
    search: Any
    covariance: Any
    freedom: float = np.inf

    def moved(self, problem, z, covariance):
        about = dict(problem=problem, z=z, covariance=covariance, loss=problem.loss(z))
        return _Fit(model=self.model, device=problem.at(z), search=self.search, **about)


START = mj.params.replace(mj.model("mms"), {"x0": 0.5})
TRUTH = np.asarray(unconstrain(mj.params.replace(START, {"r_on": 700.0, "tau": 3e-4}), NAMES))


def _fitted(free, *, rows, seed, scale=1.0, off=0.0) -> _Fit:
    """A fit of random rows to the truth, whose noise is so much larger than its residuals say."""
    rng = np.random.default_rng(seed)
    slopes = 5 * rng.normal(size=(rows, len(NAMES)))
    slopes[:, [n not in free for n in NAMES]] = 0.0
    data = slopes @ (TRUTH + off) + scale * rng.normal(size=rows)
    device = mj.params.replace(START, {"x0": 0.5})
    center = unconstrain(device, free)
    problem = _Linear(device, free, center, jnp.asarray(slopes), jnp.asarray(data))
    done = levenberg_marquardt(problem.linearise, np.asarray(center)[None], iterations=50)
    z = done.z[0]
    j = problem.linearise(z[None])[1][0][:rows]
    inverse = np.linalg.inv(j.T @ j / scale**2 + PRECISION * np.eye(len(free)))
    about = dict(problem=problem, z=z, loss=problem.loss(z), search=done, covariance=inverse)
    return _Fit(device=problem.at(jnp.asarray(z)), model="mms", **about)


def test_a_weight_is_one_over_the_noise_that_a_fit_states_whatever_the_rows():
    for rows, scale in ((20, 1.0), (20, 7.0), (200, 0.1)):
        fit = _fitted(("r_on", "tau"), rows=rows, seed=1, scale=scale)
        np.testing.assert_allclose(weight_of(fit), 1 / scale, rtol=1e-6)


def test_files_add_their_information_and_shares_are_parts_of_it():
    fits = [
        _fitted(("r_on", "r_off"), rows=15, seed=1),
        _fitted(("r_on", "tau"), rows=30, seed=2, scale=3.0),
    ]
    found = fit_jointly(fits, START)
    assert found.free == ("r_on", "r_off", "tau")
    whole = PRECISION * np.eye(3)
    for fit, at in zip(fits, ([0, 1], [0, 2]), strict=True):
        whole[np.ix_(at, at)] += np.linalg.inv(fit.covariance) - PRECISION * np.eye(2)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(whole), rtol=1e-5)
    # Shares are of the precision: all of what the prior does not hold.
    prior = PRECISION * np.sum(found.covariance**2, axis=0) / np.diag(found.covariance)
    for k, name in enumerate(found.free):
        assert sum(p.shares[name] for p in found.parts) == pytest.approx(1 - prior[k], rel=1e-6)
    assert found.parts[1].shares["r_off"] == pytest.approx(0, abs=0.2)
    assert not any(p.contradicts for p in found.parts)
    assert not found.warnings
    assert all(abs(z) < 4 for z in found.z_scores({"r_on": 700.0, "tau": 3e-4}).values())


def test_intervals_rest_on_the_degrees_of_freedom_of_the_files():
    names = ("r_on", "tau")
    fits = [_fitted(names, rows=40, seed=k) for k in range(2)]
    assert fit_jointly(fits, START).freedom == np.inf
    found = fit_jointly([replace(f, freedom=5.0) for f in fits], START)
    # Two files of about the same share know as much as one of twice the degrees of freedom; one alone, its own.
    shares = [p.shares[n] for p in found.parts for n in names]
    assert 5 / max(shares) ** 2 > found.freedom > 5
    narrow, wide = (f.intervals()["tau"] for f in (fit_jointly(fits, START), found))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_file_of_another_device_is_said_to_contradict():
    names = ("r_on", "r_off", "tau")
    fits = [_fitted(names, rows=30, seed=k, off=0.3 * (k == 2)) for k in range(3)]
    found = fit_jointly(fits, START, labels=["a", "b", "c"])
    assert min(found.parts, key=lambda p: p.p).label == "c"
    assert any(w.startswith("c contradicts the other files") for w in found.warnings)


def test_the_state_at_the_start_is_each_files_own():
    fits = [_fitted(NAMES, rows=30, seed=k) for k in range(2)]
    problem, starts = joined(START, fits)
    assert problem.free == NAMES[:3]
    assert problem.place(0) == [0, 1, 2, 3]
    assert problem.place(1) == [0, 1, 2, 4]
    assert starts.shape == (TOGETHER, 5)
    np.testing.assert_allclose(starts[0, [3, 4]], [fits[0].z[3], fits[1].z[3]])
    found = fit_jointly(fits, START)
    assert "x0" not in found.values
    assert [n.partition(" is its own")[0] for n in found.notes] == ["x0 of file 1", "x0 of file 2"]


def test_a_problem_agrees_with_its_secants():
    problem, starts = joined(START, [_fitted(NAMES, rows=9, seed=k) for k in range(2)])
    z, step = starts[-1], 1e-5
    _, jacobian, _ = problem.linearise(z[None])
    moved = z + step * np.concatenate([np.eye(len(z)), -np.eye(len(z))])
    r, _, _ = problem.linearise(moved)
    secant = (r[: len(z)] - r[len(z) :]).T / (2 * step)
    np.testing.assert_allclose(jacobian[0], secant, atol=1e-5 * np.abs(secant).max())


def test_fewer_than_two_fits_are_refused():
    fit = _fitted(NAMES, rows=9, seed=0)
    with pytest.raises(DataError, match="two or more"):
        fit_jointly([fit], START)


def _own_states() -> list[_Fit]:
    """Two files, each with a state of its own at the start."""
    return [_fitted(NAMES, rows=30, seed=k) for k in range(2)]


def test_the_order_of_linear_files_does_not_matter():
    """What is known is then normal: both ways round end at the joint fit, to the tolerance of the searches."""
    fits = _own_states()
    found = fit_jointly(fits, START)
    assert found.stages == ()
    for order in ([[0], [1]], [[1], [0]]):
        one = fit_jointly(fits, START, labels=["a", "b"], order=order)
        np.testing.assert_allclose(one.covariance, found.covariance, rtol=1e-5)
        assert np.max(np.abs(one.z - found.z) / found.sigma_z) < 1e-3
        assert [s.label for s in one.stages] == ["ab"[k] for (k,) in order]
        first, last = one.stages
        assert all(last.std[n] < first.std[n] for n in found.free)
        assert last.values == pytest.approx(one.values)
        assert sum(p.shares["tau"] for p in one.parts) == pytest.approx(
            sum(p.shares["tau"] for p in found.parts), rel=1e-4
        )


def test_one_program_has_the_residuals_of_all_parts_and_of_the_prior():
    fits = _own_states()
    problem, starts = joined(START, fits)
    for one in (problem, problem.after([1], starts[0], np.diag(np.arange(1.0, 6.0)))):
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
    found = fit_jointly(_own_states(), START)
    first = found.intervals()
    sigma = found.std
    for p in profiles(found):
        assert p.low == pytest.approx(first[p.name][0], abs=0.02 * sigma[p.name])
        assert p.high == pytest.approx(first[p.name][1], abs=0.02 * sigma[p.name])
    assert [p.name for p in profiles(found, names=["tau"])] == ["tau"]


@pytest.mark.slow
def test_draws_of_linear_files_have_the_spread_to_first_order():
    """Medians to 5 standard errors of so many draws."""
    found = fit_jointly(_own_states(), START)
    sigma = found.std
    sample = draw_fit(found, chains=2, warmup=100, draws=200)
    assert list(sample.data.posterior.data_vars) == list(found.free)
    for name, x in found.values.items():
        draws = sample.data.posterior[name].values.ravel()
        error = sigma[name] / np.sqrt(min(sample.ess[name], draws.size))
        assert abs(np.median(draws) - x) < 5 * 1.26 * error
        assert 0.7 < np.std(draws) / sigma[name] < 1.3


def test_draws_need_parts_that_are_differentiable():
    found = fit_jointly(_own_states(), START)

    class Secants(type(found.problem)):
        differentiable = None

    parts = found.problem.parts
    vague = Secants(**{f.name: getattr(found.problem, f.name) for f in fields(found.problem)})
    with pytest.raises(DataError, match="derivatives are secants"):
        draw_fit(replace(found, problem=replace(found.problem, parts=(vague, *parts[1:]))))


def test_fits_with_bounds_of_their_own_are_refused():
    narrow = mj.params.bounded(START, {"tau": (1e-5, 1e-3)})
    with pytest.raises(DataError, match="bounds of their own"):
        fit_jointly(_own_states(), narrow)
