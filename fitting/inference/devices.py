"""Information in the data of each device about its parameters, and the spread from cycle to cycle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from memjax.errors import DataError, FitError

from .restricted_likelihood import BLIND, AxisEstimates, Prior, maximum

# Standard deviation of the half-normal prior of a spread from cycle to cycle [natural log units].
_CYCLES = 0.1
# Cycles at the most by which parameters that differ from cycle to cycle are chosen.
_MOST_CYCLES = 1_000
_SHARP = 1e-4  # standard deviation of a median that is known
# Degrees of freedom from which a device's own covariance is not pooled with those of the others.
_MANY = 30.0


@dataclass(frozen=True, kw_only=True)
class Devices:
    """Information in the data of each device about its parameters, priors left out.

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
        """Out of estimates `z`, unconstrained coordinates, and the covariance of their errors.

        `prior` is centre and standard deviation of a normal prior that acted in each fit, to be taken off; the
        covariance is then that of the posterior.

        Raises
        ------
        DataError
            If shapes do not fit or numbers are not finite.
        """
        z, covariance = np.asarray(z, float), np.asarray(covariance, float)
        n = len(names)
        fits = z.ndim == 2 and z.shape[1] == n and covariance.shape == (len(z), n, n)
        if not (fits and np.isfinite(z).all() and np.isfinite(covariance).all()):
            what = f"coordinates of shape {z.shape}, covariances of shape {covariance.shape}"
            allowed = f"finite, (devices, {n}) and (devices, {n}, {n})"
            raise DataError(what, where="Devices.of", allowed=allowed)
        information = np.linalg.inv(covariance)
        score = np.einsum("dij,dj->di", information, z)
        if prior is not None:
            # Normal laws multiply: their information and their scores add, and are taken off alike.
            center, sigma = prior
            score = score - np.asarray(center) / sigma**2
            information = information - np.eye(n) / sigma**2
        labels = tuple(labels or map(str, range(len(z))))
        return cls(names=tuple(names), labels=labels, information=information, score=score)

    @classmethod
    def from_fits(cls, fits: Iterable[Any]) -> "Devices":
        """Out of `FitResult` objects or rows of `BatchProblem`, each of one device; failed rows are left out.

        Where each was fitted to several cycles, the covariance from cycle to cycle is that of all
        cycles of all devices about their device, by the same restricted likelihood: read noise is not part of it.

        Raises
        ------
        DataError
            If the devices have different free parameters, or there are fewer than two.
        """
        estimates = [_estimates(k, f) for k, f in enumerate(fits) if not getattr(f, "failure", "")]
        free = {t["names"] for t in estimates}
        if len(free) != 1 or len(estimates) < 2:
            what = f"{len(estimates)} devices with free parameters {sorted(free)}"
            allowed = "at least two, of the same parameters"
            raise DataError(what, where="Devices.from_fits", allowed=allowed)
        information, z, sweeps, freedom = (
            np.array([t[k] for t in estimates])
            for k in ("information", "data_z", "sweeps", "freedom")
        )
        within = None
        if all(t["cycle_score"] is not None for t in estimates):
            within = _within(estimates)
            if freedom.min() < _MANY:
                # Covariances of few cycles scatter, and 1/F of a small one weighs too much: one for all, over sweeps.
                error = np.linalg.pinv(information, rcond=BLIND, hermitian=True)
                one = np.einsum("d,dij->ij", freedom * sweeps, error) / freedom.sum()
                information = np.stack([_restated(f, one / n) for f, n in zip(information, sweeps)])
        return cls(
            names=free.pop(),
            labels=tuple(t["label"] for t in estimates),
            information=information,
            score=np.einsum("dij,dj->di", information, z),
            within=within,
            cycles=int(freedom.sum()) if within is not None else 0,
        )


def _estimates(k: int, fit: Any) -> dict[str, Any]:
    """Estimate, information and cycles of a fit or a row."""
    u, names, label = fit, tuple(fit.values), getattr(fit, "name", str(k))
    if hasattr(fit, "uncertainty"):
        u, names = fit.uncertainty, tuple(fit.problem.free)
    keys = ("data_z", "information", "sweeps", "freedom", "cycle_information", "cycle_score")
    return {"names": names, "label": label} | {n: getattr(u, n) for n in keys}


def _within(estimates: Sequence[dict[str, Any]]) -> np.ndarray:
    """Covariance from cycle to cycle, of as few parameters as explain it.

    Notes
    -----
    A cycle says little of a dozen parameters, and what it leaves open another device leaves open along other
    directions: a covariance of all would have spread along those. Parameters are added one by one, each time the one
    that makes the cycles most likely, as long as the logarithm of the likelihood gains more than half the logarithm of
    the number of cycles for each new element of the covariance [1]_.

    References
    ----------
    .. [1] G. Schwarz, Ann. Statist. 6, 461 (1978), doi:10.1214/aos/1176344136
    """
    score = np.concatenate([np.array(t["cycle_score"]) for t in estimates])
    counts = [len(t["cycle_score"]) for t in estimates]
    information = np.repeat([t["cycle_information"] for t in estimates], counts, axis=0)
    # The choice takes many fits: an even sample of many cycles is enough for it.
    some = slice(None, None, max(len(score) // _MOST_CYCLES, 1))
    few = information[some], score[some]
    chosen, gain, n = [], 0.0, score.shape[1]
    while len(chosen) < n:
        more = {k: _gain(*few, [*chosen, k]) for k in range(n) if k not in chosen}
        best = max(more, key=more.__getitem__)
        # A further parameter brings a row of the covariance: one element more than there were parameters.
        if not more[best] - gain > 0.5 * (len(chosen) + 1) * np.log(len(few[1])):
            break
        chosen, gain = [*chosen, best], more[best]
    sigma = np.zeros((n, n))
    if chosen:
        sigma[np.ix_(chosen, chosen)] = _of_cycles(information, score, chosen)
    return sigma


def _of_cycles(information: np.ndarray, score: np.ndarray, chosen: list[int]) -> np.ndarray:
    """Covariance of some parameters from cycle to cycle, the others being alike; the median is known."""
    information, score = information[:, chosen][:, :, chosen], score[:, chosen]
    prior = Prior(median=_SHARP, spread=_CYCLES)
    return maximum(AxisEstimates.of(information, score, np.zeros(len(chosen)), prior))


def _gain(information: np.ndarray, score: np.ndarray, chosen: list[int]) -> float:
    """By how much cycles become more likely where some parameters scatter; minus infinity where none converges."""
    try:
        sigma = _of_cycles(information, score, chosen)
    except FitError:
        return -np.inf
    # The likelihood of scores h ~ N(0, F + F S F) against N(0, F), by the Woodbury identity.
    scale = np.eye(len(chosen)) + information[:, chosen][:, :, chosen] @ sigma
    score = score[:, chosen]
    explained = np.einsum(
        "di,ij,dj->", score, sigma, np.linalg.solve(scale, score[..., None])[..., 0]
    )
    return 0.5 * float(explained - np.linalg.slogdet(scale)[1].sum())


def _restated(information: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Inverse of another covariance of errors, in the directions in which there was information."""
    size, axes = np.linalg.eigh(information)
    axes = axes[:, size > BLIND * max(size[-1], 0.0)]
    return axes @ np.linalg.inv(axes.T @ error @ axes) @ axes.T
