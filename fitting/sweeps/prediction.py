"""Responses that a fit predicts, with bands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

import memjax as mj

from ..parameters import reach
from ..problem import TOGETHER
from .group import SATURATION, unsaturated
from .instrument import device_of, parameter_names
from .learned import learned_functions
from .prepare import prepare
from .problem import Problem

DRAWS = 128
"""Draws from the posterior whose responses widen bands where these are not of first order."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Responses of a fitted device to waveforms, and how surely they are known.

    Rows are those of the waveforms as a fit takes them: sweeps of a device with learned functions follow one another.

    Parameters
    ----------
    applied : Float[np.ndarray, "waves points"]
        What was applied [V or A].
    target, log_response : Float[np.ndarray, "waves points"]
        log10 of the moduli that were measured and are predicted, of both with the floor of the data [decades of A or
        V].
    sigma : Float[np.ndarray, "waves points"]
        Standard deviation of the prediction about the response without noise [decades]: of the parameters, to first
        order, and of what learned functions miss between their nodes.
    counted : Bool[np.ndarray, "waves points"]
        Points whose response says something: of the others the measured one is predicted, and `sigma` is 0.
    beyond : Bool[np.ndarray, "waves points"]
        Points beyond the voltages that learned functions were fitted to: there bands are those of straight lines, and
        nothing was measured.
    freedom : float
        Degrees of freedom behind `sigma`.
    draws : Float[np.ndarray, "draws waves points"]
        As `log_response`, of draws from the posterior (multivariate Student's t about the estimate) that could be
        solved, with what learned functions miss [decades].
    failed : int
        Draws that could not be solved. They are in no band.
    """

    applied: Float[np.ndarray, "waves points"]
    target: Float[np.ndarray, "waves points"]
    log_response: Float[np.ndarray, "waves points"]
    sigma: Float[np.ndarray, "waves points"]
    counted: Bool[np.ndarray, "waves points"]
    beyond: Bool[np.ndarray, "waves points"]
    freedom: float
    draws: Float[np.ndarray, "draws waves points"]
    failed: int

    def band(self, level: float = 0.9) -> Float[np.ndarray, "ends waves points"]:
        """Ends of the bands of a level [decades of A or V].

        A band holds what Student's t says to first order and the quantiles of the draws. First order misses events that
        move (a set that ends earlier) and states that are left; draws alone miss the tails of few of them.
        """
        half = reach(level, self.freedom) * self.sigma
        low, high = self.log_response - half, self.log_response + half
        if len(self.draws):
            least, most = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
            low, high = np.minimum(low, least), np.maximum(high, most)
        return np.stack([low, high])

    def __str__(self) -> str:
        """How many points are predicted, how surely, and how many of them without any data."""
        count, lost = int(np.sum(self.counted)), int(np.sum(self.beyond & self.counted))
        words = f"{count} points, known to {np.median(self.sigma[self.counted]):.2g} decades in the median"
        words += f"; {lost} of them beyond the voltages of the fit" * bool(lost)
        total = len(self.draws) + self.failed
        return words + f"; {self.failed} of {total} draws could not be solved" * bool(self.failed)


def problem_of(
    fitted: Problem, data: Sequence[mj.Measurement], point_time: float | None, *, seed: int
) -> Problem:
    """The problem of other measurements of a fitted device."""
    group, bench = fitted.group, fitted.bench
    if group.limits is not None:  # those of other sweeps say themselves what limited them
        bench = replace(bench, compliance=None, compliance_negative=None)
    explicit = float(group.small_sigma) == float(group.model_sigma)
    model_sigma = float(group.model_sigma) if explicit else None
    other = prepare(
        data, device_of(fitted.device), bench=bench, env=fitted.env, point_time=point_time,
        free=parameter_names(fitted.free), fix=None, model_sigma=model_sigma,
        seed=seed, screened=1,
    ).problem  # fmt: skip
    bench = replace(other.bench, reversed=fitted.bench.reversed)
    return replace(fitted, group=other.group, bench=bench)


def prediction_at(
    problem: Problem,
    z: Float[np.ndarray, " free"],
    covariance: Float[np.ndarray, "free free"],
    *,
    misfit: float,
    freedom: float,
    seed: int = 0,
) -> Prediction:
    """Responses to the waveforms of a problem at an optimum of covariance `covariance`; `misfit` in decades.

    Draws from the posterior follow from `seed`.
    """
    r, jacobian, _ = problem.linearise(np.repeat(z[None], TOGETHER, axis=0))
    group, weight = problem.group, np.asarray(problem.group.weight)
    plain = unsaturated(r[0][: weight.size])
    # Derivatives of residuals before they saturate, see `saturated`.
    rows = jacobian[0][: weight.size] * (1 + (plain / SATURATION) ** 2)[:, None] ** 1.5
    counted = (weight > 0) & ~np.asarray(group.censored)
    safe = np.where(counted, weight, np.inf)
    variance = np.einsum("pi,ij,pj->p", rows, covariance, rows).reshape(weight.shape)
    applied, target = np.asarray(group.stimuli.values), np.asarray(group.target)
    rng = np.random.default_rng(seed)
    logs = _responses_of_draws(problem, z, covariance, freedom, rng)
    missed = misfit * rng.normal(size=logs.shape)
    return Prediction(
        applied=applied,
        target=target,
        log_response=target + plain.reshape(weight.shape) / safe,
        sigma=np.sqrt(variance / safe**2 + np.where(counted, misfit**2, 0.0)),
        counted=counted,
        beyond=_beyond(problem, applied),
        freedom=freedom,
        draws=np.where(counted, logs + missed, target),
        failed=DRAWS - len(logs),
    )


def _responses_of_draws(
    problem: Problem,
    z: np.ndarray,
    covariance: np.ndarray,
    freedom: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "draws waves points"]:
    """Logarithms of the responses at draws of a multivariate Student's t, of those that could be solved [decades]."""
    values, vectors = np.linalg.eigh(covariance)
    normal = rng.normal(size=(DRAWS, len(z))) * np.sqrt(np.maximum(values, 0))
    wider = np.sqrt(freedom / rng.chisquare(freedom, size=DRAWS))
    points = z + wider[:, None] * (normal @ vectors.T)
    # In blocks of the size that the fit has compiled.
    parts = [problem.observe(x)[1:] for x in np.split(points, DRAWS // TOGETHER)]
    ok, logs = (np.concatenate(x) for x in zip(*parts, strict=True))
    return logs[ok]


def _beyond(problem: Problem, applied: np.ndarray) -> np.ndarray:
    """Points whose voltage lies beyond the nodes of learned functions; none without these."""
    device = device_of(problem.device)
    if not learned_functions(device) or problem.group.stimuli.quantity != "voltage":
        return np.zeros(applied.shape, bool)
    v = -applied if problem.bench.reversed else applied
    least = 1e-6 * (float(device.v_high) - float(device.v_low))  # rounding is no voltage
    return (v < float(device.v_low) - least) | (v > float(device.v_high) + least)
