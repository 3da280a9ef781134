"""Growth of small differences along a run, and the guard that refuses derivatives which it makes meaningless."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ...errors import GradientError


@dataclass(frozen=True, kw_only=True, eq=False)
class PathwiseGrowth:
    """How much small differences of states grow along a run.

    Parameters
    ----------
    time : Float[np.ndarray, "intervals"]
        Ends of exchange intervals [s].
    log_growth : dict of str to Float[np.ndarray, "intervals neurons"]
        Natural logarithm of the largest length in each interval of perturbations that were of length 1, by group.
    limit : float
        Growth above which derivatives are refused.
    """

    time: Float[np.ndarray, " intervals"]
    log_growth: dict[str, Float[np.ndarray, "intervals neurons"]]
    limit: float

    @property
    def largest(self) -> float:
        """Largest growth of all neurons [1]."""
        return float(np.exp(max(x.max() for x in self.log_growth.values())))

    @property
    def time_past_limit(self) -> float | None:
        """When the limit was passed for the first time [s]; None where it was not."""
        above_limit = [np.any(x > np.log(self.limit), axis=1) for x in self.log_growth.values()]
        intervals = np.flatnonzero(np.any(above_limit, axis=0))
        return float(self.time[intervals[0]]) if len(intervals) else None


def guard_growth(
    rates: Float[Array, " n"],
    log_size: Float[Array, "intervals n"],
    *,
    times: Float[np.ndarray, " intervals"],
    limit: float,
    name: str,
) -> Float[Array, " n"]:
    """Rates whose derivative is refused where a perturbation grows above a limit.

    Parameters
    ----------
    rates : Float[Array, "n"]
        Rates of neurons [1/s].
    log_size : Float[Array, "intervals n"]
        Logarithm of the size of a perturbation of each.
    times : Float[np.ndarray, "intervals"]
        When [s].
    limit : float
        Largest growth allowed.
    name : str
        Name of the group.

    Raises
    ------
    GradientError
        When differentiated with numbers at hand; under a trace the derivative is NaN.
    """

    @partial(jax.custom_jvp)
    def identity(rates, log_size):
        return rates

    @identity.defjvp
    def _(primals, tangents):
        rates, log_size = primals
        growth = log_size
        above_limit = jnp.any(~(growth <= np.log(limit)))
        if not isinstance(above_limit, jax.core.Tracer) and bool(above_limit):
            raise _refusal(np.asarray(growth), times, limit, name)
        return rates, tangents[0] * jnp.where(above_limit, jnp.nan, 1.0).astype(rates.dtype)

    return identity(rates, lax.stop_gradient(log_size))


def _refusal(growth: np.ndarray, times: np.ndarray, limit: float, name: str) -> GradientError:
    """The error for a derivative that is refused."""
    above_limit = ~(growth <= np.log(limit))
    first = int(np.argmax(np.any(above_limit, axis=1)))
    neuron = int(np.argmax(above_limit[first]))
    power = float(np.nanmax(growth)) / np.log(10)
    return GradientError(
        f"a derivative along the path of {name!r}: small differences grow by a factor of 1e{power:.0f}, that of neuron "
        f"{neuron} past {limit:g} at {times[first]:.4g} s",
        where="soft_rates",
        allowed=f"growth up to {limit:g} (limit)",
        fix="surrogate_rates to train, expected_rates for derivatives of mean rates with standard errors, or a run "
        f"that ends before {times[first]:.4g} s",
    )
