"""Standard errors of fitted parameters, what the data do not determine, and the table of a device's parameters."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from memjax.fields import parameter_specs, stored
from memjax.params import get
from memjax.transforms import from_spec

from .fit import _sits_at_bound

_WIDE = 100.0
"""Range of the bounds [unit] from which on an error is compared with the value, below with the range."""

_SHARE = 0.25
"""Share of a shorter range above which an error says nothing."""


def standard_errors(
    device: Any,
    free: Sequence[str],
    z: Float[np.ndarray, " free"],
    covariance: Float[np.ndarray, "free free"],
) -> dict[str, float]:
    """Standard errors to first order [unit of the parameter].

    Parameters
    ----------
    device : AbstractDevice
        Declares the parameters.
    free : sequence of str
        What was fitted.
    z, covariance
        Unconstrained coordinates, and their covariance.
    """
    sigma = np.sqrt(np.diag(covariance))
    return {n: float(x) for n, x in zip(free, slopes(device, free, z) * sigma, strict=True)}


def slopes(
    device: Any, free: Sequence[str], z: Float[np.ndarray, " free"]
) -> Float[np.ndarray, " free"]:
    """How much parameters change [unit] per change of their unconstrained coordinates."""
    specs = parameter_specs(device)
    found = [
        abs(float(jax.grad(from_spec(specs[n]).inverse)(jnp.asarray(x))))
        for n, x in zip(free, z, strict=True)
    ]
    return np.array(found)


def loose(device: Any, std: dict[str, float]) -> tuple[str, ...]:
    """Parameters whose error exceeds their value, or a quarter of a range of bounds below 100 units."""
    specs, found = parameter_specs(device), []
    for name, error in std.items():
        lower, upper = specs[name].bounds
        short = 1e-3 < upper - lower < _WIDE
        if error > (_SHARE * (upper - lower) if short else abs(float(get(device, name)))):
            found.append(name)
    return tuple(found)


def rows(device: Any, free: Sequence[str], std: dict[str, float]) -> dict[str, dict]:
    """The table of ``fit.json``: value, unit, std, bounds, free, at_bound, determined, by name."""
    out, undetermined = {}, loose(device, std)
    for name, spec in parameter_specs(device).items():
        value = stored(device, name)
        number = 0.0 if value is None and spec.noise else value
        out[name] = {
            "value": None if number is None else float(number),
            "unit": spec.unit,
            "std": std.get(name),
            "bounds": list(spec.bounds),
            "free": name in free,
            "at_bound": name in free and _sits_at_bound(device, name),
            "determined": name not in undetermined,
            "doc": spec.doc,
            "follows": spec.follows if value is None else None,
        }
    return out
