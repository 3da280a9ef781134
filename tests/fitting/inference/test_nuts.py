"""The sampler against posteriors that are known, and what it says where chains do not mix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from scipy import stats

import memjax as mj
from fitting.inference.nuts import Sampling, draw, draw_each
from fitting.inference.posterior import LeastSquares
from fitting.problem import stacked
from memjax.errors import DataError

DEVICE = mj.DiffusiveMemristor()
NAMES = ["mu", "gamma1"]
DRAWS = Sampling(chains=4, warmup=200, draws=1000)


class Line(eqx.Module):
    """Residuals A z - y, which no reverse mode gets through."""

    a: Float[Array, "rows free"]
    y: Float[Array, " rows"]

    def residuals(self, z):
        """Residuals and success."""
        ends = jax.lax.while_loop(lambda x: x[0] < 1, lambda x: (x[0] + 1, x[1]), (0, self.a @ z))
        return ends[1] - self.y, jnp.array(True)


def line(rng, truth, rows=12):
    """A problem with errors of 1, and the mean and covariance of its posterior with a prior of width 2."""
    a = rng.normal(size=(rows, 2)) @ np.array([[3.0, 0.0], [2.9, 1.0]])
    y = a @ truth + rng.normal(size=rows)
    covariance = np.linalg.inv(a.T @ a + np.eye(2) / 4)
    target = LeastSquares(
        Line(jnp.asarray(a), jnp.asarray(y)), jnp.zeros(2), jnp.asarray(2.0), jnp.asarray(1.0)
    )
    return target, covariance @ (a.T @ y), covariance


@pytest.fixture(scope="module")
def drawn():
    target, mean, covariance = line(np.random.default_rng(0), np.array([4.0, 3.5]))
    # told a covariance that is twice too wide, and without its correlation
    wide = 4 * np.diag(np.diag(covariance))
    return (
        draw(target, DEVICE, NAMES, z=mean + 0.3, covariance=wide, sampling=DRAWS),
        mean,
        covariance,
    )


@pytest.mark.slow
def test_draws_have_the_mean_and_covariance_of_the_posterior(drawn):
    found, mean, covariance = drawn
    assert found.mixed, found.notes
    z = np.log(np.stack([found.data.posterior[n].values.ravel() for n in NAMES]))
    sigma = np.sqrt(np.diag(covariance))
    n = np.array([found.ess[m] for m in NAMES])
    assert np.all(np.abs(z.mean(axis=1) - mean) < 4 * sigma / np.sqrt(n))
    assert np.all(np.abs(z.std(axis=1) / sigma - 1) < 4 / np.sqrt(2 * n))
    exact = covariance[0, 1] / sigma.prod()
    assert abs(np.corrcoef(z)[0, 1] - exact) < 4 * (1 - exact**2) / np.sqrt(n.min())


@pytest.mark.slow
def test_they_are_named_in_units_and_go_to_a_file(drawn, tmp_path):
    found, mean, covariance = drawn
    assert found.data.posterior["mu"].attrs["units"] == "1/(V s)"
    assert set(found.data.sample_stats) == {"lp", "diverging", "acceptance_rate", "n_steps"}
    low, high = found.intervals(0.9)["mu"]
    reach = 1.645 * np.sqrt(covariance[0, 0])
    np.testing.assert_allclose(
        np.log([low, high]), mean[0] + np.array([-reach, reach]), atol=0.15 * reach
    )
    found.data.to_netcdf(str(tmp_path / "posterior.nc"))
    import xarray

    with xarray.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf") as again:
        assert again["posterior"]["mu"].shape == (4, 1000)


@pytest.mark.study
def test_ranks_of_truths_from_the_prior_are_uniform():
    """Simulation-based calibration: 160 data sets, chi squared of 8 bins, z of 3.3."""
    rng = np.random.default_rng(1)
    truths = 2 * rng.normal(size=(160, 2))
    made = [line(rng, t) for t in truths]
    z, covariance = (np.stack([m[k] for m in made]) for k in (1, 2))
    found, _ = draw_each(
        stacked([m[0] for m in made]), z, covariance, seed=2, warmup=100, draws=200
    )
    ranks = np.mean(found[:, ::5] < truths[:, None], axis=1)
    for k in range(2):
        counts = np.histogram(ranks[:, k], bins=8, range=(0, 1 + 1e-9))[0]
        assert stats.chisquare(counts).pvalue > 1e-3, counts
    inside = np.mean(np.abs(ranks - 0.5) < 0.45)
    assert abs(inside - 0.9) < 4 * np.sqrt(0.09 / 160)


def test_too_few_draws_are_refused():
    target, mean, covariance = line(np.random.default_rng(0), np.zeros(2))
    with pytest.raises(DataError, match="at least 2, 50 and 50"):
        draw(target, DEVICE, NAMES, z=mean, covariance=covariance, sampling=Sampling(chains=1))


def short(tick=None, **more):
    """A few draws of the line's posterior."""
    target, mean, covariance = line(np.random.default_rng(0), np.array([4.0, 3.5]))
    sampling = Sampling(**({"chains": 4, "warmup": 60, "draws": 100} | more))
    return draw(target, DEVICE, NAMES, z=mean, covariance=covariance, tick=tick, sampling=sampling)


def test_draws_do_not_depend_on_the_number_of_threads(monkeypatch):
    several = short().data.posterior["mu"].values
    monkeypatch.setattr("fitting.inference.nuts.usable_cores", lambda: 1)
    np.testing.assert_array_equal(several, short().data.posterior["mu"].values)


def test_progress_names_the_stage_the_divergences_and_how_far_apart_chains_are():
    lines: list[str] = []
    short(tick=lines.append)
    assert "warm-up" in lines[0]
    assert "100 draws a chain, 0 diverged, R-hat up to 1.0" in lines[-1]
    assert len(lines) <= 11


def test_an_interrupt_keeps_what_has_been_drawn_and_says_so():
    def interrupt(text: str) -> None:
        if "draws a chain" in text:
            raise KeyboardInterrupt

    some, whole = short(tick=interrupt), short()
    drawn = some.data.posterior["mu"].values
    assert 10 <= drawn.shape[1] < 100
    assert f"ended after {drawn.shape[1]} of 100 draws" in some.notes[0]
    np.testing.assert_array_equal(drawn, whole.data.posterior["mu"].values[:, : drawn.shape[1]])


@pytest.mark.slow
def test_a_limit_of_time_ends_the_warm_up_then_the_draws(monkeypatch):
    """A clock that moves on by a second at each look: 30 are up within the 60 + 100 steps."""
    times = iter(range(10_000))
    monkeypatch.setattr("fitting.inference.nuts.time.monotonic", lambda: float(next(times)))
    cut = short(limit=8.0)
    assert cut.notes[0].startswith("the warm-up ended after ")
    assert "of 100 draws of each chain" in cut.notes[1]
    assert short(limit=0.0).data.posterior["mu"].shape == (4, 10)


class Half(eqx.Module):
    """A normal residual that no solve gives beyond the point at 0.2."""

    def residuals(self, z):
        """Residuals and success."""
        return z - 0.1, jnp.all(jnp.abs(z) < 0.2)


@pytest.mark.integration
def test_a_chain_that_would_start_where_no_solve_ends_begins_nearer_to_the_fit():
    target = LeastSquares(Half(), jnp.zeros(2), jnp.asarray(2.0), jnp.asarray(1.0))
    sample = draw(
        target,
        DEVICE,
        NAMES,
        z=np.zeros(2),
        covariance=np.eye(2),
        sampling=Sampling(warmup=60, draws=100, seed=3),
    )
    z = np.log(np.stack([sample.data.posterior[n].values for n in NAMES]))
    assert np.all(np.abs(z) < 0.2)
    assert np.all(z.std(axis=-1) > 0.02)
