r"""Hierarchical fits: median and spread of parameters over devices, apart from the spread from cycle to cycle.

Notes
-----
Device d has unconstrained coordinates :math:`\theta_d \sim N(m, \Sigma)`, and its data say of them
:math:`-\tfrac12\theta^TF_d\theta + h_d^T\theta` to second order: information :math:`F_d` and score :math:`h_d`,
without the prior of its own fit, which would else be counted once per device. With :math:`W_d = F_d(1 +
\Sigma F_d)^{-1}`, which is there where the data of a device determine nothing in some direction,

.. math::

    \hat m = \Big(\sum_d W_d\Big)^{-1}\sum_d(1 + F_d\Sigma)^{-1}h_d, \qquad b_d = \Sigma\,[(1 +
    F_d\Sigma)^{-1}h_d - W_d\hat m]

and :math:`m + b_d` are the devices' values shrunken towards the median. :math:`\Sigma` maximises the restricted
likelihood [1]_, whose variances are not low for few devices as those of the likelihood are: steps of expectation and
maximisation [2]_ bring a root of it near, quasi-Newton steps to the end.

Cycles are devices of a population whose median is known. A half-normal prior of width s adds
:math:`\mathrm{tr}\,\Sigma/2s^2` to minus the logarithm of their likelihood, which makes the spread of K cycles
smaller by :math:`\sigma^2/2Ks^2` of itself.

References
----------
.. [1] D. A. Harville, J. Am. Stat. Assoc. 72, 320 (1977), doi:10.1080/01621459.1977.10480998
.. [2] A. P. Dempster, N. M. Laird, D. B. Rubin, J. R. Stat. Soc. B 39, 1 (1977), doi:10.1111/j.2517-6161.1977.tb01600.x
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import known
from memjax.errors import DataError, FitError

from ..parameters import to_parameter_units
from .devices import Devices
from .identifiability import log_slopes
from .restricted_likelihood import AxisEstimates, element_errors, maximum


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """A fitted population.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    center : Float[np.ndarray, "free"]
        Medians, in unconstrained coordinates.
    center_covariance : Float[np.ndarray, "free free"]
        Of their errors.
    covariance : Float[np.ndarray, "free free"]
        From device to device.
    covariance_error : Float[np.ndarray, "free free"]
        Standard deviations of its elements.
    within : Float[np.ndarray, "free free"] or None
        Covariance from cycle to cycle of one device; None where cycles were not told apart.
    cycles : int
        Degrees of freedom of `within`.
    labels : tuple of str
        Names of the devices.
    shrunken : Float[np.ndarray, "devices free"]
        Coordinates of each device, drawn towards the medians as its own data leave open.
    undetermined : tuple of str
        Parameters that too few devices determine: their medians are hardly more than where the fits began.
    """

    names: tuple[str, ...]
    center: Float[np.ndarray, " free"]
    center_covariance: Float[np.ndarray, "free free"]
    covariance: Float[np.ndarray, "free free"]
    covariance_error: Float[np.ndarray, "free free"]
    within: Float[np.ndarray, "free free"] | None
    cycles: int
    labels: tuple[str, ...]
    shrunken: Float[np.ndarray, "devices free"]
    undetermined: tuple[str, ...] = ()

    @classmethod
    def of_estimates(
        cls,
        devices: Devices,
        z: Float[np.ndarray, "devices free"],
        undetermined: Sequence[str] = (),
    ) -> "Hierarchy":
        """Mean and covariance of the devices' own estimates, whose errors count as spread."""
        covariance = np.atleast_2d(np.cov(z, rowvar=False))
        size = np.diag(covariance)
        # Of a Wishart law with n - 1 degrees of freedom: var(S_ik) = (S_ik^2 + S_ii S_kk) / (n - 1).
        error = np.sqrt((covariance**2 + np.outer(size, size)) / (len(z) - 1))
        return cls(
            **_shared(devices),
            center=z.mean(axis=0),
            center_covariance=covariance / len(z),
            covariance=covariance,
            covariance_error=error,
            shrunken=z,
            undetermined=tuple(undetermined),
        )

    @property
    def correlation(self) -> Float[np.ndarray, "free free"]:
        """From device to device."""
        # A parameter without spread has a row of zeros, and is divided by no zero.
        sigma = np.sqrt(np.maximum(np.diag(self.covariance), 1e-300))
        return self.covariance / np.outer(sigma, sigma)

    def population(self, base: mj.AbstractDevice | mj.Circuit) -> mj.Population:
        """The population of devices like `base`, to draw from."""
        return mj.Population.of(
            base,
            self.names,
            center=self.center,
            covariance=self.covariance,
            cycle_covariance=self.within,
        )

    def table(self, base: mj.AbstractDevice | mj.Circuit) -> list[dict[str, Any]]:
        """One row per parameter that `base` declares, in units.

        `name`, `unit`, `median` and its standard error; `device_sigma_ln`, `cycle_sigma_ln` (standard deviations of the
        logarithm, to first order) and their errors; `device_range_90`, `cycle_range_90`: where nine of ten devices, or
        cycles of the median device, lie [unit]; `determined`. Of a parameter that is not all but its name and unit are
        None.
        """
        specs, names = parameter_specs(base), known(base, self.names)
        slope = np.abs(log_slopes(base, names, self.center))
        medians = to_parameter_units(base, names, self.center)
        device = _deviations(self.covariance)
        # d sigma = d(sigma^2) / 2 sigma; of K cycles a standard deviation is known to 1/sqrt(2K) of itself.
        spreads = {
            "device": (device, np.diag(self.covariance_error) / np.maximum(2 * device, 2e-300))
        }
        if self.within is not None:
            cycle = _deviations(self.within)
            spreads["cycle"] = cycle, cycle / np.sqrt(2 * self.cycles)
        ranges = {
            # 1.645 standard deviations to either side hold 90 % of a normal law.
            key: to_parameter_units(base, names, self.center - 1.645 * s, self.center + 1.645 * s)
            for key, (s, _) in spreads.items()
        }
        rows = []
        for k, n in enumerate(names):
            (median,), determined = medians[n], n not in self.undetermined
            error = (abs(median) or 1.0) * slope[k] * float(np.sqrt(self.center_covariance[k, k]))
            row: dict[str, Any] = {"median": median, "error": error}
            for key in ("device", "cycle"):
                columns = zip((f"{key}_sigma_ln", f"{key}_sigma_ln_error"), spreads.get(key, ()))
                row |= dict.fromkeys((f"{key}_sigma_ln", f"{key}_sigma_ln_error"))
                row |= {name: float(slope[k] * x[k]) for name, x in columns}
            for key in ("device", "cycle"):
                row[f"{key}_range_90"] = list(ranges[key][n]) if key in ranges else None
            row = row if determined else dict.fromkeys(row)
            rows.append({"name": n, "unit": specs[n].unit} | row | {"determined": determined})
        return rows


def _deviations(covariance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(np.diag(covariance), 0.0))


def _shared(devices: Devices) -> dict[str, Any]:
    """What a population has from its devices as it is."""
    return {n: getattr(devices, n) for n in ("names", "labels", "within", "cycles")}


def fit_population(devices: Devices | Iterable[Any]) -> Hierarchy:
    """Population of devices, by restricted maximum likelihood: the spread is unbiased for few devices.

    Parameters
    ----------
    devices : Devices, or sequence of FitResult, or of rows of `BatchProblem`
        What the data of each device say.

    Raises
    ------
    DataError
        For fewer than two devices, or devices of different parameters.
    FitError
        If no device's data say anything in some direction, or the spread does not converge.
    """
    if not isinstance(devices, Devices):
        devices = Devices.from_fits(devices)
    count, n = devices.score.shape
    if count < 2:
        raise DataError(f"{count} device", where="fit_population", allowed="at least two")
    total = devices.information.sum(axis=0)
    # Below this share of the largest eigenvalue the sum is rounding: no device says anything of that direction.
    if np.linalg.matrix_rank(total, hermitian=True, rtol=1e-12) < n:
        raise FitError(
            "the devices' data leave a direction open",
            where="fit_population",
            allowed=f"data that determine {', '.join(devices.names)}",
            fix="fix a parameter in the devices' fits",
        )
    # Estimates are taken from a point that is near: medians of large size would cost digits of their spread.
    near = np.linalg.solve(total, devices.score.sum(axis=0))
    estimates = AxisEstimates.of(devices.information, devices.score, near)
    # Spreads first: given them the medians are means, weighted by the inverse variances.
    sigma = maximum(estimates)
    weight, of_center, center, pull, _ = estimates.at(sigma)
    return Hierarchy(
        **_shared(devices),
        center=near + center,
        center_covariance=of_center,
        covariance=sigma,
        covariance_error=element_errors(weight, of_center),
        shrunken=near + center + pull @ sigma,
    )
