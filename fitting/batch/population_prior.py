r"""The population of a batch as the prior of each of its devices (empirical Bayes).

Notes
-----
Devices have coordinates :math:`\theta_d \sim N(m, \Sigma)`: logarithms or logits of parameters, so that the
population is log-normal where bounds are wide. Median and covariance are those of `fitting.fit_population`, from which
the errors of the devices' own fits are taken off. The error of the median counts as spread, and each variance is
larger by its standard error: few devices may have a spread that is estimated as 0 by chance, which would pin them all.
The mode of

.. math::

    -\tfrac{1}{2s_d^2}\,|r_d(\theta)|^2 - \tfrac12(\theta - m)^T\Sigma^{-1}(\theta - m)

with the residuals :math:`r_d` of the data and their noise :math:`s_d` is found anew by solving, not by the quadratic of
the first fit: along a curved valley that is far off. Errors are those of :math:`(F_d + \Sigma^{-1})^{-1}`, where
:math:`F_d` is the information in the data at the mode. Values are biased towards the median, the more the less the data
say of them, and have the smaller mean square error for that [1]_.

A device is outside where its own estimate is farther from the population than any of so many devices is by chance
with a probability of 95 %: by Hotelling's law of the squared distance, from the population of the others where these
are few. The population is that of the devices inside.

References
----------
.. [1] B. Efron, C. Morris, J. Am. Stat. Assoc. 70, 311 (1975), doi:10.1080/01621459.1975.10479864
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.stats import f as fisher

from memjax.errors import FitError

from ..inference.devices import Devices
from ..inference.hierarchy import Hierarchy, fit_population
from ..inference.restricted_likelihood import BLIND
from .rows import Posterior, Row

_RARE = 0.05  # probability that some device of the population counts as outside
_FEW = 40  # devices up to which each is compared with the population of the others alone


@dataclass(frozen=True, kw_only=True)
class PopulationPrior:
    """A normal law of unconstrained coordinates.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    center : Float[np.ndarray, "free"]
        Medians.
    covariance : Float[np.ndarray, "free free"]
        From device to device, and of the error of the medians.
    devices : int
        Devices that it was taken from.
    distance, p_value : dict of str to float
        Of each fitted device, see `fitting.batch.rows.Posterior`.
    outside : tuple of str
        Devices that lie outside.
    """

    names: tuple[str, ...]
    center: Float[np.ndarray, " free"]
    covariance: Float[np.ndarray, "free free"]
    devices: int
    distance: dict[str, float]
    p_value: dict[str, float]
    outside: tuple[str, ...] = ()

    @cached_property
    def precision(self) -> Float[np.ndarray, "free free"]:
        """Inverse of the covariance."""
        return self.root.T @ self.root

    @cached_property
    def root(self) -> Float[np.ndarray, "free free"]:
        """A root R of the precision R'R."""
        return np.linalg.inv(np.linalg.cholesky(self.covariance))

    def outlier(self, row: Row) -> Posterior:
        """A device outside the population: its own fit."""
        return Posterior(
            values=row.values,
            std=row.std,
            shift=dict.fromkeys(row.values, 0.0),
            z=row.z,
            distance=self.distance[row.name],
            p_value=self.p_value[row.name],
            outside=True,
            verdict=row.verdict,
            reason=row.reason,
        )

    def near(self, row: Row) -> Float[np.ndarray, " free"]:
        """The mode of a device's posterior to second order about its own fit."""
        information = np.asarray(row.information)
        score = information @ np.asarray(row.data_z) + self.precision @ self.center
        return np.linalg.solve(information + self.precision, score)


def population_prior(rows: Sequence[Row]) -> PopulationPrior:
    """The prior that the devices of a batch make.

    Raises
    ------
    DataError
        If the devices have different free parameters.
    FitError
        For too few devices, or where the spread is not determined.
    """
    devices = Devices.from_fits(rows)
    count, n = devices.score.shape
    if count < n + 2:
        what = f"{count} fitted devices are too few for a population of {n} parameters"
        raise FitError(what, where="the population as prior", allowed=f"at least {n + 2}")
    inside = np.ones(count, bool)
    for _ in range(2):  # those outside widen the population that they are compared with
        population = fit_population(_some(devices, inside))
        distance, p_value = _distances(devices, population, inside)
        outside = p_value * count < _RARE
        if np.array_equal(inside, ~outside) or np.count_nonzero(~outside) < n + 2:
            break
        inside = ~outside
    population = fit_population(_some(devices, inside))
    return PopulationPrior(
        names=devices.names,
        center=population.center,
        covariance=_widened(population),
        devices=int(inside.sum()),
        distance=dict(zip(devices.labels, distance.tolist(), strict=True)),
        p_value=dict(zip(devices.labels, p_value.tolist(), strict=True)),
        outside=tuple(np.array(devices.labels, dtype=object)[~inside]),
    )


def _widened(population: Hierarchy) -> np.ndarray:
    """Covariance from device to device, and what is not known of it and of the median."""
    error = np.diag(np.diag(population.covariance_error))
    return population.covariance + population.center_covariance + error


def _some(devices: Devices, which: np.ndarray) -> Devices:
    labels = tuple(n for n, keep in zip(devices.labels, which, strict=True) if keep)
    information, score = devices.information[which], devices.score[which]
    return replace(devices, labels=labels, information=information, score=score)


def _distances(
    devices: Devices, population: Hierarchy, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance of each device from the population, and the probability of a larger one."""
    count, n = devices.score.shape
    alone = np.count_nonzero(inside) <= max(_FEW, n + 2) and np.count_nonzero(inside) > n + 2
    pairs = []
    for k in range(count):
        others = population
        if alone and inside[k]:
            others = fit_population(_some(devices, inside & (np.arange(count) != k)))
        pairs.append(_distance(devices.information[k], devices.score[k], others))
    return np.array(pairs).T[0], np.array(pairs).T[1]


def _distance(information: np.ndarray, score: np.ndarray, others: Hierarchy) -> tuple[float, float]:
    """Squared distance along the axes of which a device's data say something, and the probability of a larger one."""
    size, axes = np.linalg.eigh(information)
    known = size > BLIND * max(size[-1], 0.0)
    size, axes = size[known], axes[:, known]
    difference = axes.T @ score / size - axes.T @ others.center
    spread = _widened(others)
    spread = axes.T @ spread @ axes + np.diag(1 / size)
    square = float(difference @ np.linalg.solve(spread, difference))
    n, freedom = len(size), len(others.labels) - 1
    # Hotelling: (f - n + 1) / (n f) times the square is Fisher's, of a covariance with f degrees of freedom.
    share = max(freedom - n + 1, 1)
    return square, float(fisher.sf(square * share / (n * freedom), n, share))
