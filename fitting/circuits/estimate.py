"""What an information matrix of the logarithms of parameters of a circuit says of them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.transforms import from_spec

LIMIT = 0.5
"""Relative standard deviation above which a parameter counts as undetermined."""


def values_at(circuit: mj.Circuit, free: Sequence[str], z: np.ndarray) -> dict[str, float]:
    """Values [SI] at coordinates."""
    specs = parameter_specs(circuit)
    pairs = zip(free, z, strict=True)
    return {n: float(from_spec(specs[n]).inverse(jnp.asarray(x))) for n, x in pairs}


def lifted_inverse(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of an information matrix of logarithms, and each parameter's share in its null directions.

    Information below that of ten times the limit is lifted to it.
    """
    # A parameter that is known to no better than a factor of 150 adds no information worth inverting.
    size, axes = np.linalg.eigh(information)
    least = (10 * LIMIT) ** -2
    null = np.sqrt(np.sum(axes[:, size <= least] ** 2, axis=1))
    return (axes / np.maximum(size, least)) @ axes.T, null


def unsettled(free: Sequence[str], information: np.ndarray, sure: np.ndarray) -> tuple[str, ...]:
    """Parameters that the data leave open, by the information matrix of the logarithms and by what of it is sure.

    Their relative standard deviations exceed `LIMIT`, or they are part of a direction in which the data say next to
    nothing; then these deviations have no meaning beyond being large.
    """
    covariance, _ = lifted_inverse(information)
    strict, null = lifted_inverse(sure)
    wide = np.sqrt(np.maximum(np.diag(strict), np.diag(covariance))) > LIMIT
    return tuple(n for n, loose in zip(free, wide | (null > 0.1), strict=True) if loose)
