"""Laws of decay of a resistance, and arrays after a time by such a law."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import BoundsError
from ..noise import increments, words_of_devices
from ..runtime.arguments import NumberSpec, as_seed, shown
from .array import Crossbar
from .checks import guard_conductances
from .motion import conductances_of, states_at

_WHERE = "Retention"


def stretched_exponential(t: Any, r0: Any, r_inf: Any, tau: Any, beta: Any) -> Any:
    """r_inf + (r0 - r_inf) exp(-(t/tau)^beta)."""
    return r_inf + (r0 - r_inf) * np.exp(-((t / tau) ** beta))


def logarithm_of_time(t: Any, r0: Any, a: Any, t0: Any) -> Any:
    """r0 + a ln(1 + t/t0)."""
    return r0 + a * np.log1p(t / t0)


def power_of_time(t: Any, r0: Any, nu: Any, t0: Any) -> Any:
    """r0 (1 + t/t0)^nu."""
    return r0 * np.exp(nu * np.log1p(t / t0))


LAWS: Mapping[str, Callable] = {
    "stretched exponential": stretched_exponential,
    "logarithm of time": logarithm_of_time,
    "power of time": power_of_time,
}
"""Resistance [ohm] at times [s] of parameters, by the names that a fit of resistance against time gives the laws."""


class Retention(eqx.Module):
    r"""Change of conductances with time, by a law of a resistance that was fitted.

    Parameters
    ----------
    law : str
        Its name, see `LAWS`.
    values : mapping of str to float
        Its parameters, as ``fit.laws[0].values`` has them.
    spread : float
        Standard deviation from cell to cell of the logarithm of the change, over that logarithm [1]: of a power of time
        that of the exponent over its mean.

    Notes
    -----
    Each conductance goes by the same share, :math:`G(t) = G(0)\,[R(0)/R(t)]^{1 + \sigma N}`, with a normal number of
    each cell: a law of one device in one state is taken for those of all cells.
    """

    law: str = eqx.field(static=True)
    values: dict[str, float]
    spread: float

    def __init__(self, law: str, values: Mapping[str, float], *, spread: float = 0.0):
        if law not in LAWS:
            raise BoundsError(f"law = {shown(law)}", where=_WHERE, allowed=", ".join(LAWS))
        names = list(signature(LAWS[law]).parameters)[1:]
        if set(values) != set(names):
            raise BoundsError(
                f"values of {', '.join(values)}",
                where=_WHERE,
                allowed=f"{', '.join(names)} for a {law}",
            )
        self.law, self.values = law, {n: float(values[n]) for n in names}
        spec = NumberSpec("1", where=_WHERE, sign=">=")
        spec.check_single("spread", spread)
        self.spread = spec.as_static("spread", spread)

    def share(self, t: float) -> float:
        """Conductance at a time [s] over that at 0.

        Raises
        ------
        BoundsError
            For a time below 0, or one at which the law gives no resistance.
        """
        spec = NumberSpec("s", where=_WHERE, sign=">=")
        spec.check_single("t", t)
        law = LAWS[self.law]
        before, after = (float(law(x, **self.values)) for x in (0.0, spec.as_static("t", t)))
        if not (before > 0 and after > 0 and np.isfinite(before / after)):
            raise BoundsError(
                f"{after:g} ohm after {t:g} s", where=_WHERE, allowed="resistances > 0 ohm",
                fix="the law holds for shorter times",
            )  # fmt: skip
        return before / after

    def after(
        self, array: Crossbar, t: float, *, seed: int = 0, read_voltage: float = 0.1
    ) -> Crossbar:
        """An array that was written a time ago [s].

        Parameters
        ----------
        array : Crossbar
            Conductances, or devices, whose first states move so that their conductances follow.
        t : float
            Time since [s].
        seed : int
            Of the spread, which depends on the place of a cell besides: all times see the same cells.
        read_voltage : float
            At which conductances of devices count [V].
        """
        rows, columns = array.shape
        keys = words_of_devices(as_seed(seed, where=_WHERE), jnp.arange(rows), jnp.arange(columns))
        zero = jnp.zeros((), int)
        draw = jax.vmap(jax.vmap(lambda *key: increments(key, zero, channels=1, dtype=array.dtype)))
        power = 1 + self.spread * draw(*keys)[..., 0]
        g = conductances_of(array, read_voltage) * self.share(t) ** power
        if array.conductances is None:
            return states_at(array, g, read_voltage)
        return eqx.tree_at(lambda a: a.conductances, array, guard_conductances(g))
