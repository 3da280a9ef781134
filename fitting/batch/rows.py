"""What a batch finds for one device, and with the population as its prior."""

import math
from dataclasses import dataclass, field
from typing import Any

from memjax.core.params import get

from ..sweeps.result import FitResult

UNKNOWN = "the derivatives at the best point are of no use"


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """A device with the population of its batch as its prior, see `fitting.batch.population_prior`.

    Parameters
    ----------
    values, std : dict of str to float
        Mode of the posterior and standard deviations to first order [unit]; empty after a failure.
    shift : dict of str to float
        By how much the prior moved each value [standard deviations of the device's own fit].
    z : list of float
        Unconstrained coordinates in the order of `values`.
    loss : float or None
        Half the sum of squared residuals of the data alone.
    excess : float or None
        By how much chi squared of the data is larger than at the device's own optimum, over the variance of the noise.
    distance, p_value : float or None
        Squared Mahalanobis distance of the device's own estimate from the population, errors of both included, and the
        probability of a larger one within the population.
    outside : bool
        Whether the device lies outside the population, which says nothing of it then: it is as in its own fit, and
        `loss` and `excess` are None.
    verdict, reason : str
        Whether the values describe the data, see `fitting.sweeps.verdict`.
    failure : str
        Why there is no result; empty where there is one.
    """

    values: dict[str, float] = field(default_factory=dict)
    std: dict[str, float] = field(default_factory=dict)
    shift: dict[str, float] = field(default_factory=dict)
    z: list[float] = field(default_factory=list)
    loss: float | None = None
    excess: float | None = None
    distance: float | None = None
    p_value: float | None = None
    outside: bool = False
    verdict: str = ""
    reason: str = ""
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found for one device.

    Parameters
    ----------
    name : str
        Its name.
    values, std : dict of str to float
        Free parameters and their standard deviations to first order [unit]; empty after a failure.
    undetermined : tuple of str
        Parameters that its data do not determine.
    loss, reduced_chi2 : float or None
        Half the sum of squared residuals; their sum of squares per degree of freedom.
    verdict, reason : str
        Whether the fit describes the data, and what decided, see `fitting.sweeps.verdict`; empty after a failure.
    z, data_z, information, freedom, noise, sweeps, cycle_information, cycle_score
        Unconstrained coordinates in the order of `values`, and what `Uncertainty` says of them: what
        `fitting.fit_population` takes.
    posterior : Posterior or None
        The device with the population as its prior; None where that was not asked for.
    failure : str
        Why there is no result; empty where there is one.
    """

    name: str
    values: dict[str, float] = field(default_factory=dict)
    std: dict[str, float] = field(default_factory=dict)
    undetermined: tuple[str, ...] = ()
    loss: float | None = None
    reduced_chi2: float | None = None
    verdict: str = ""
    reason: str = ""
    z: list[float] = field(default_factory=list)
    data_z: list[float] = field(default_factory=list)
    information: list[list[float]] = field(default_factory=list)
    freedom: float | None = None
    noise: float | None = None
    sweeps: int = 0
    cycle_information: list[list[float]] | None = None
    cycle_score: list[list[float]] | None = None
    posterior: Posterior | None = None
    failure: str = ""


def row_of(name: str, result: FitResult | str) -> Row:
    """The row of a fit, or of the reason why there is none."""
    if isinstance(result, str):
        return Row(name=name, failure=result)
    known, std = result.uncertainty, result.std
    if not all(map(math.isfinite, std.values())):
        return Row(name=name, failure=UNKNOWN)
    arrays = {
        n: getattr(known, n) for n in ("data_z", "information", "cycle_information", "cycle_score")
    }
    lists: dict[str, Any] = {n: None if x is None else x.tolist() for n, x in arrays.items()}
    return Row(
        name=name,
        values={n: float(get(result.device, n)) for n in result.free},
        std=std,
        undetermined=tuple(result.reasons_by(std)),
        loss=result.loss,
        reduced_chi2=known.reduced_chi2,
        verdict=result.verdict.word,
        reason=result.verdict.reason,
        z=result.z.tolist(),
        freedom=known.freedom,
        noise=known.noise,
        sweeps=known.sweeps,
        **lists,
    )
