"""Profiles and draws of a problem that is linear in its coordinates: both are what textbooks say."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from scipy import stats

import memjax as mj
from fitting.inference.refine import refine
from fitting.parameters import to_parameter_units
from fitting.problem import AbstractDifferentiable, AbstractProblem
from fitting.result import AbstractFit
from memjax.errors import DataError

NAMES = ("r_on", "r_off")
DESIGN = np.random.default_rng(0).normal(size=(12, 2))


class Linear(AbstractDifferentiable):
    """Rows that are sums of the coordinates, each with one sigma of noise."""

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    noise: Float[Array, ""]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    def data_residuals(self, z):
        """Distance of the rows from those of the centre."""
        return jnp.asarray(DESIGN) @ (z - self.center), jnp.isfinite(z).all()


class Secants(AbstractProblem):
    """A problem without derivatives of its own."""

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    noise: Float[Array, ""]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    def linearise(self, z):
        """Its rows are those of `Linear`, the last ones those of a prior that weighs nothing."""
        rows = np.concatenate([DESIGN, np.zeros((len(NAMES), len(NAMES)))])
        r = (z - np.asarray(self.center)) @ rows.T
        return r, np.broadcast_to(rows, (len(z), *rows.shape)), np.isfinite(z).all(axis=1)


@dataclass(frozen=True, kw_only=True)
class Fit(AbstractFit):
    """Its fit."""

    device: Any
    problem: Any
    z: np.ndarray
    covariance: np.ndarray
    freedom: float = float("inf")
    model: str = "mms"
    loss: float = 0.0
    search: Any = None


def fit(kind: type = Linear) -> Fit:
    device = mj.MetastableSwitches()
    center = mj.params.unconstrain(device, NAMES)
    problem = kind(device=device, free=NAMES, center=center, noise=jnp.zeros((), float))
    covariance = np.linalg.inv(DESIGN.T @ DESIGN)
    return Fit(device=device, problem=problem, z=np.asarray(center), covariance=covariance)


def told() -> tuple[list, Any]:
    said: list[tuple[str, str]] = []
    return said, lambda *words: said.append(words)


@pytest.mark.integration
@pytest.mark.parametrize("kind", [Linear, Secants])
def test_profiles_of_a_linear_problem_end_where_its_normal_intervals_do(kind):
    """An end counts as met within 2 % of the root of the threshold."""
    found = refine(fit(kind), "profile", say=told()[1])
    reach = stats.norm.ppf(0.95) * found.sigma_z
    for share in (0.98, 1.02):
        ends = to_parameter_units(
            found.device, NAMES, found.z - share * reach, found.z + share * reach
        )
        for p in found.profiles:
            low, high = ends[p.name]
            assert (p.low > low) == (p.high < high) == (share > 1), p


@pytest.mark.slow
def test_draws_of_a_linear_problem_are_normal():
    """Quantiles of 2,000 draws, of which a quarter at least are independent: z of 4 of their errors in probability."""
    said, say = told()
    found = refine(fit(), "nuts", seed=1, say=say)
    assert found.sample.mixed
    assert "the fit is written already" in said[0][1]
    error = 4 * np.sqrt(0.05 * 0.95 / 500)
    for name, sigma, z in zip(NAMES, found.sigma_z, found.z, strict=True):
        draws = np.asarray(found.sample.data.posterior[name]).ravel()
        ends = to_parameter_units(
            found.device, [name], np.array([z - 1.645 * sigma]), np.array([z + 1.645 * sigma])
        )
        low, high = ends[name]
        assert np.mean(draws < low) == pytest.approx(0.05, abs=error)
        assert np.mean(draws > high) == pytest.approx(0.05, abs=error)


def test_draws_want_derivatives():
    with pytest.raises(DataError, match=r"secants.*take profiles"):
        refine(fit(Secants), "nuts", say=told()[1])


def test_to_first_order_nothing_is_done():
    plain = fit()
    assert refine(plain, "laplace", say=told()[1]) is plain
