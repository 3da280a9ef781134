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
.. [3] G. Schwarz, Ann. Statist. 6, 461 (1978), doi:10.1214/aos/1176344136
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

import memjax as mj
from memjax.errors import DataError, FitError
from memjax.params import known

from ..result import spanned
from .identifiability import log_slopes

_BEGINNING = 50  # steps of expectation and maximisation before those of quasi-Newton
# Least eigenvalue of the correlation from which quasi-Newton steps start: none ends there for want of a slope.
_NARROWEST = 1e-4
_BLIND = 1e-9  # share of a device's largest information below which it says nothing along an axis
# Standard deviation of the half-normal prior of a spread from cycle to cycle [natural log units].
_CYCLES = 0.1
# Cycles at the most by which parameters that differ from cycle to cycle are chosen.
_MOST_CYCLES = 1_000
_SHARP = 1e-4  # standard deviation of a median that is known
# Derivative of the log-likelihood by a relative change of a root's element below which it has converged.
_FLAT = 1e-3
# Degrees of freedom from which a device's own covariance is not pooled with those of the others.
_MANY = 30.0


@dataclass(frozen=True, kw_only=True)
class Devices:
    """What the data of each device say of its parameters, priors left out.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    labels : tuple of str
        Names of the devices.
    information : Float[np.ndarray, "devices free free"]
        Inverse covariance of each device's estimate.
    score : Float[np.ndarray, "devices free"]
        Information times estimate.
    within : Float[np.ndarray, "free free"] or None
        Covariance from cycle to cycle of one device; None where cycles were not told apart.
    cycles : int
        Cycles that `within` is taken from, less devices.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    information: Float[np.ndarray, "devices free free"]
    score: Float[np.ndarray, "devices free"]
    within: Float[np.ndarray, "free free"] | None = None
    cycles: int = 0

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        z: Float[np.ndarray, "devices free"],
        covariance: Float[np.ndarray, "devices free free"],
        *,
        labels: Sequence[str] | None = None,
        prior: tuple[Float[np.ndarray, "#devices free"], float] | None = None,
    ) -> "Devices":
        """Out of estimates and the covariance of their errors.

        Parameters
        ----------
        names : sequence of str
            Parameters.
        z, covariance
            Unconstrained coordinates of each device, and covariance of their errors.
        labels : sequence of str, optional
            Names of the devices.
        prior : tuple, optional
            Centre and standard deviation of a normal prior that acted in each fit, to be taken
            off; the covariance is then that of the posterior.

        Raises
        ------
        DataError
            If shapes do not fit or numbers are not finite.
        """
        z, covariance = np.asarray(z, float), np.asarray(covariance, float)
        n = len(names)
        fits = z.ndim == 2 and z.shape[1] == n and covariance.shape == (len(z), n, n)
        if not (fits and np.isfinite(z).all() and np.isfinite(covariance).all()):
            raise DataError(
                f"coordinates of shape {z.shape}, covariances of shape {covariance.shape}",
                where="Devices.of",
                allowed=f"finite, (devices, {n}) and (devices, {n}, {n})",
            )
        information = np.linalg.inv(covariance)
        score = np.einsum("dij,dj->di", information, z)
        if prior is not None:
            center, sigma = prior
            score = score - np.asarray(center) / sigma**2
            information = information - np.eye(n) / sigma**2
        return cls(
            names=tuple(names),
            labels=tuple(labels or map(str, range(len(z)))),
            information=information,
            score=score,
        )

    @classmethod
    def from_fits(cls, fits: Iterable[Any]) -> "Devices":
        """Out of `FitResult` objects or rows of `fit_batch`, each of one device; failed rows are left out.

        Where each was fitted to several cycles, the covariance from cycle to cycle is that of all
        cycles of all devices about their device, by the same restricted likelihood: read noise is not part of it.

        Raises
        ------
        DataError
            If the devices have different free parameters, or there are fewer than two.
        """
        told = [_told(k, f) for k, f in enumerate(fits) if not getattr(f, "failure", "")]
        free = {t["names"] for t in told}
        if len(free) != 1 or len(told) < 2:
            raise DataError(
                f"{len(told)} devices with free parameters {sorted(free)}",
                where="Devices.from_fits",
                allowed="at least two, of the same parameters",
            )
        information = np.array([t["information"] for t in told])
        z, sweeps = np.array([t["data_z"] for t in told]), np.array([t["sweeps"] for t in told])
        freedom = np.array([t["freedom"] for t in told])
        within = None
        if all(t["cycle_score"] is not None for t in told):
            within = _within(told)
            if freedom.min() < _MANY:
                error = np.linalg.pinv(information, rcond=_BLIND, hermitian=True)
                one = np.einsum("d,dij->ij", freedom * sweeps, error) / freedom.sum()
                information = np.stack([_seen(f, one / n) for f, n in zip(information, sweeps)])
        return cls(
            names=free.pop(),
            labels=tuple(t["label"] for t in told),
            information=information,
            score=np.einsum("dij,dj->di", information, z),
            within=within,
            cycles=int(freedom.sum()) if within is not None else 0,
        )


def _told(k: int, fit: Any) -> dict[str, Any]:
    """What a fit or a row says of its device."""
    if hasattr(fit, "uncertainty"):
        u, names, label = fit.uncertainty, tuple(fit.problem.free), str(k)
    else:
        u, names, label = fit, tuple(fit.values), fit.name
    keys = ("data_z", "information", "sweeps", "freedom", "cycle_information", "cycle_score")
    return {"names": names, "label": label} | {n: getattr(u, n) for n in keys}


def _within(told: Sequence[dict[str, Any]]) -> np.ndarray:
    """Covariance from cycle to cycle, of as few parameters as explain it.

    Notes
    -----
    A cycle says little of a dozen parameters, and what it leaves open another device leaves open along other
    directions: a covariance of all would have spread along those. Parameters are added one by one, each time the one
    that makes the cycles most likely, as long as the logarithm of the likelihood gains more than half the logarithm of
    the number of cycles for each new element of the covariance [3]_.
    """
    score = np.concatenate([np.array(t["cycle_score"]) for t in told])
    each = [len(t["cycle_score"]) for t in told]
    cycles = Devices(
        names=told[0]["names"],
        labels=(),
        information=np.repeat([t["cycle_information"] for t in told], each, axis=0),
        score=score,
    )
    some = slice(None, None, max(len(score) // _MOST_CYCLES, 1))
    few = replace(cycles, information=cycles.information[some], score=score[some])
    kept, gain, n = [], 0.0, len(cycles.names)
    while len(kept) < n:
        more = {k: _gain(few, [*kept, k]) for k in range(n) if k not in kept}
        best = max(more, key=more.__getitem__)
        if not more[best] - gain > 0.5 * (len(kept) + 1) * np.log(len(few.score)):
            break
        kept, gain = [*kept, best], more[best]
    sigma = np.zeros((n, n))
    if kept:
        sigma[np.ix_(kept, kept)] = _of_cycles(cycles, kept)
    return sigma


def _of_cycles(cycles: Devices, kept: list[int]) -> np.ndarray:
    """Covariance of some parameters from cycle to cycle, the others being alike; the median is known."""
    told = replace(
        cycles,
        names=tuple(cycles.names[k] for k in kept),
        information=cycles.information[:, kept][:, :, kept],
        score=cycles.score[:, kept],
    )
    prior = _Prior(median=_SHARP, spread=_CYCLES)
    return _maximum(_Seen.of(told, np.zeros(len(kept)), prior))


def _gain(cycles: Devices, kept: list[int]) -> float:
    """By how much cycles become more likely where some parameters scatter; nothing where no covariance is found."""
    try:
        sigma = _of_cycles(cycles, kept)
    except FitError:
        return -np.inf
    own = np.eye(len(kept)) + cycles.information[:, kept][:, :, kept] @ sigma
    score = cycles.score[:, kept]
    explained = np.einsum(
        "di,ij,dj->", score, sigma, np.linalg.solve(own, score[..., None])[..., 0]
    )
    return 0.5 * float(explained - np.linalg.slogdet(own)[1].sum())


def _seen(information: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Inverse of another covariance of errors, in the directions in which there was information."""
    size, axes = np.linalg.eigh(information)
    axes = axes[:, size > _BLIND * max(size[-1], 0.0)]
    return axes @ np.linalg.inv(axes.T @ error @ axes) @ axes.T


@dataclass(frozen=True, kw_only=True)
class _Prior:
    r"""What is known before: standard deviation of the medians about 0, and of the half-normal law of a spread."""

    median: float = np.inf
    spread: float = np.inf


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
        cls, told: Devices, z: Float[np.ndarray, "devices free"], undetermined: Sequence[str] = ()
    ) -> "Hierarchy":
        """Mean and covariance of the devices' own estimates, whose errors count as spread."""
        covariance = np.atleast_2d(np.cov(z, rowvar=False))
        size = np.diag(covariance)
        return cls(
            names=told.names,
            center=z.mean(axis=0),
            center_covariance=covariance / len(z),
            covariance=covariance,
            covariance_error=np.sqrt((covariance**2 + np.outer(size, size)) / (len(z) - 1)),
            within=told.within,
            cycles=told.cycles,
            labels=told.labels,
            shrunken=z,
            undetermined=tuple(undetermined),
        )

    @property
    def correlation(self) -> Float[np.ndarray, "free free"]:
        """From device to device."""
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
        """One row per parameter, in units.

        Parameters
        ----------
        base : AbstractDevice or Circuit
            Declares them.

        Returns
        -------
        list of dict
            `name`, `unit`, `median` and its standard error; `device_sigma_ln`, `cycle_sigma_ln`
            (standard deviations of the logarithm, to first order) and their errors;
            `device_range_90`, `cycle_range_90`: where nine of ten devices, or cycles of the median
            device, lie [unit]; `determined`. Of a parameter that is not all but its name and unit are None.
        """
        from memjax.fields import parameter_specs

        specs, names = parameter_specs(base), known(base, self.names)
        slope = np.abs(log_slopes(base, names, self.center))
        device, cycle = (_deviation(c) for c in (self.covariance, self.within))
        medians = spanned(base, names, self.center)
        rows = []
        ranges = {
            key: spanned(base, names, self.center - 1.645 * s, self.center + 1.645 * s)
            for key, s in (("device", device), ("cycle", cycle))
            if s is not None
        }
        for k, n in enumerate(names):
            known_well = n not in self.undetermined
            size = abs(medians[n][0]) or 1.0
            error = size * slope[k] * float(np.sqrt(self.center_covariance[k, k]))
            row = {"name": n, "unit": specs[n].unit, "median": medians[n][0], "error": error}
            row["device_sigma_ln"] = float(slope[k] * device[k])
            half = 2 * max(float(device[k]), 1e-300)
            row["device_sigma_ln_error"] = float(slope[k] * self.covariance_error[k, k] / half)
            row["cycle_sigma_ln"] = None if cycle is None else float(slope[k] * cycle[k])
            row["cycle_sigma_ln_error"] = (
                None if cycle is None else float(slope[k] * cycle[k] / np.sqrt(2 * self.cycles))
            )
            for key in ("device", "cycle"):
                row[f"{key}_range_90"] = list(ranges[key][n]) if key in ranges else None
            if not known_well:
                row |= dict.fromkeys(x for x in row if x not in ("name", "unit"))
            rows.append(row | {"determined": known_well})
        return rows


def _deviation(covariance: np.ndarray | None) -> Any:
    """Standard deviations, None of None."""
    return None if covariance is None else np.sqrt(np.maximum(np.diag(covariance), 0.0))


@dataclass(frozen=True)
class _Seen:
    """What each device shows: its estimate along axes with independent errors, 0 along those that it does not show."""

    axes: Float[np.ndarray, "devices free free"]
    z: Float[np.ndarray, "devices free"]
    error: Float[np.ndarray, "devices free"]
    prior: _Prior = _Prior()

    @classmethod
    def of(
        cls, told: Devices, near: Float[np.ndarray, " free"], prior: _Prior | None = None
    ) -> "_Seen":
        """Out of information and score, less a point that is near."""
        size, axes = np.linalg.eigh(told.information)
        shown = size > _BLIND * np.maximum(size[:, -1:], 0.0)
        axes = axes * shown[:, None, :]
        score = np.einsum("dji,dj->di", axes, told.score - told.information @ near)
        error = np.where(shown, 1 / np.where(shown, size, 1.0), 1.0)
        return cls(axes, score * error * shown, error, prior or _Prior())

    def at(self, sigma: np.ndarray):
        """W_d, covariance of the centre, the centre, W_d times each device's distance, that distance, log det V_d."""
        across = np.swapaxes(self.axes, 1, 2)
        own = across @ sigma @ self.axes + self.error[:, :, None] * np.eye(len(sigma))
        inverse = np.linalg.inv(own)
        weight = self.axes @ inverse @ across
        pulled = np.einsum("dij,djk,dk->di", self.axes, inverse, self.z)
        precision = self.prior.median**-2
        of_center = np.linalg.inv(weight.sum(axis=0) + precision * np.eye(len(sigma)))
        center = of_center @ pulled.sum(axis=0)
        away = self.z - across @ center
        pull = np.einsum("dij,djk,dk->di", self.axes, inverse, away)
        square = np.einsum("di,dij,dj->", away, inverse, away)
        square += precision * np.sum(center**2)
        return weight, of_center, center, pull, square + np.linalg.slogdet(own)[1].sum()


def _maximum(told: _Seen) -> Float[np.ndarray, "free free"]:
    """Covariance of largest restricted likelihood."""
    begin = np.einsum("dij,dj->i", told.axes**2, told.z**2) / len(told.z) + 1e-12
    sigma = np.diag(np.minimum(begin, (3 * told.prior.spread) ** 2))
    for _ in range(_BEGINNING):
        weight, of_center, _, pull, _ = told.at(sigma)
        left = (weight - weight @ of_center @ weight).mean(axis=0)
        value, axes = np.linalg.eigh(sigma + sigma @ (pull.T @ pull / len(weight) - left) @ sigma)
        sigma = (axes * np.maximum(value, 0.0)) @ axes.T  # rounding makes variances negative
    size = np.sqrt(np.maximum(np.diag(sigma), 1e-24))
    places = np.tril_indices(len(size))

    def root(x):
        out = np.zeros((len(size), len(size)))
        out[places] = x
        return size[:, None] * out

    def cost(x):
        own = root(x)
        value, slope = _minus_log_likelihood(told, own @ own.T)
        return value, (size[:, None] * (2 * slope @ own))[places]

    value, axes = np.linalg.eigh(sigma / np.outer(size, size))
    begin = np.linalg.cholesky((axes * np.maximum(value, _NARROWEST)) @ axes.T)[places]
    found = minimize(cost, begin, jac=True, method="BFGS", options={"gtol": 1e-6})
    if not np.max(np.abs(found.jac)) < _FLAT:
        raise FitError(
            f"the spread has not converged: {found.message}",
            where="fit_population",
            fix="fix parameters that the devices' data hardly determine",
        )
    return root(found.x) @ root(found.x).T


def _minus_log_likelihood(told: _Seen, sigma: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the logarithm of the restricted likelihood but for a constant, and its derivative by the covariance."""
    weight, of_center, _, pull, value = told.at(sigma)
    slope = weight.sum(axis=0) - (weight @ of_center @ weight).sum(axis=0) - pull.T @ pull
    value -= np.linalg.slogdet(of_center)[1]
    narrow = told.prior.spread**-2
    slope += narrow * np.eye(len(sigma))
    value += narrow * np.trace(sigma)
    return 0.5 * float(value), 0.5 * (slope + slope.T) / 2


def fit_population(devices: Devices | Iterable[Any]) -> Hierarchy:
    """Population of devices, by restricted maximum likelihood: the spread is unbiased for few devices.

    Parameters
    ----------
    devices : Devices, or sequence of FitResult, or of rows of `fit_batch`
        What the data of each device say.

    Raises
    ------
    DataError
        For fewer than two devices, or devices of different parameters.
    FitError
        If no device's data say anything in some direction, or the spread does not converge.
    """
    told = devices if isinstance(devices, Devices) else Devices.from_fits(devices)
    count, n = told.score.shape
    if count < 2:
        raise DataError(f"{count} device", where="fit_population", allowed="at least two")
    total = told.information.sum(axis=0)
    if np.linalg.matrix_rank(total, hermitian=True, rtol=1e-12) < n:
        raise FitError(
            "the devices' data leave a direction open",
            where="fit_population",
            allowed=f"data that determine {', '.join(told.names)}",
            fix="fix a parameter in the devices' fits",
        )
    near = np.linalg.solve(total, told.score.sum(axis=0))
    seen = _Seen.of(told, near)
    sigma = _maximum(seen)
    weight, of_center, center, pull, _ = seen.at(sigma)
    center = near + center
    return Hierarchy(
        names=told.names,
        center=center,
        center_covariance=of_center,
        covariance=sigma,
        covariance_error=_errors(weight, of_center),
        within=told.within,
        cycles=told.cycles,
        labels=told.labels,
        shrunken=center + pull @ sigma,
    )


def _errors(weight: np.ndarray, of_center: np.ndarray) -> Float[np.ndarray, "free free"]:
    """Standard deviations of the elements of a covariance, from the restricted Fisher information.

    Notes
    -----
    Of elements a and b it is 1/2 tr(P E_a P E_b), where P = W - W X (X'WX)^-1 X'W over all devices.
    """
    n = weight.shape[1]
    pairs = [(i, k) for i in range(n) for k in range(i + 1)]
    basis = np.zeros((len(pairs), n, n))
    for a, (i, k) in enumerate(pairs):
        basis[a, i, k] = basis[a, k, i] = 1.0
    own = np.einsum("dij,ajk->daik", weight, basis)
    mean = np.einsum("daij,djk->aik", own, weight)  # sum of W E W
    cross = np.einsum("daij,djk,kl->dail", own, weight, of_center)
    information = 0.5 * np.einsum("daij,dbji->ab", own, own)
    information -= np.einsum("daij,dbji->ab", cross, own)
    both = np.einsum("aij,jk->aik", mean, of_center)
    information += 0.5 * np.einsum("aij,bji->ab", both, both)
    variance = np.diag(np.linalg.pinv(information, hermitian=True))
    out = np.zeros((n, n))
    for (i, k), x in zip(pairs, variance, strict=True):
        out[i, k] = out[k, i] = np.sqrt(max(x, 0.0))
    return out
