"""Strength of the prior of each learned function, as the data have it: that of the largest marginal likelihood."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from .instrument import device_of
from .learned import PRIORS, learned_functions, prior_precision, prior_root
from .problem import Problem

WEAKEST = 1e-2
"""Least strength: ten times as free as at a strength of 1. The largest is that of the function, see `PRIORS`."""

SETTLED = 0.3
"""Change of the logarithm of a strength below which it counts as settled: bands then move by a sixth."""


def strength_at(
    problem: Problem,
    z: Float[np.ndarray, " free"],
    jacobian: Float[np.ndarray, "data free"],
    noise: float,
) -> Float[np.ndarray, " functions"] | None:
    """Strengths after one update of Fellner and Schall at an optimum; None without learned functions.

    Parameters
    ----------
    problem : Problem
        The problem that was minimised, with its present strengths.
    z, jacobian
        The optimum, and the Jacobian of the data there [sigma].
    noise : float
        Standard deviation of a residual of the data [sigma].

    Notes
    -----
    With P the precision of the prior, S the part that a strength multiplies, H = J'J / noise^2 + P and d the distance
    from the centre of the prior, the strength times (tr(P^-1 S) - tr(H^-1 S)) / (d' S d) is one at which Laplace's
    marginal likelihood is no smaller [1]_. Where nothing calls for a function d vanishes and the strength grows.

    References
    ----------
    .. [1] S. N. Wood, M. Fasiolo, Biometrics 73, 1071 (2017), doi:10.1111/biom.12666
    """
    device = device_of(problem.device)
    precision = prior_precision(device, problem.free)
    if precision is None or problem.strength is None:
        return None
    strength = np.asarray(problem.strength)
    prior = precision.at(strength)
    posterior = jacobian.T @ jacobian / noise**2 + prior
    free = np.linalg.inv(prior) - np.linalg.inv(posterior)
    distance = z - np.asarray(problem.center)
    known = np.einsum("ij,kji->k", free, precision.scaled)
    bent = np.einsum("i,kij,j->k", distance, precision.scaled, distance)
    # What rounding leaves of a difference of traces is none.
    ratio = np.maximum(known, 1e-12) / np.maximum(bent, 1e-12)
    strongest = [PRIORS[f].strongest for f in learned_functions(device)]
    return np.clip(strength * ratio, WEAKEST, strongest)


def has_moved(problem: Problem, strength: Float[np.ndarray, " functions"] | None) -> bool:
    """Whether strengths are others than those of a problem."""
    if strength is None:
        return False
    return bool(np.any(np.abs(np.log(strength / np.asarray(problem.strength))) > SETTLED))


def with_strength(problem: Problem, strength: Float[np.ndarray, " functions"] | None) -> Problem:
    """The problem with other strengths; as it is with None."""
    if strength is None:
        return problem
    root = prior_root(device_of(problem.device), problem.free, strength)
    return replace(problem, strength=strength, prior_root=root)
