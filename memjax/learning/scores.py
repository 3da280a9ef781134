"""How good an output is, how much a reservoir remembers, and what the same read-out does without it."""

import numpy as np
from jaxtyping import Float

from ..errors import BoundsError
from .readout import fit_ridge


def nrmse(output: Float[np.ndarray, " steps"], target: Float[np.ndarray, " steps"]) -> float:
    """Root of the mean squared error over the standard deviation of the target; 1 for its mean."""
    o, t = np.asarray(output, float).ravel(), np.asarray(target, float).ravel()
    if o.shape != t.shape or not np.std(t) > 0:
        raise BoundsError("a target that does not change, or another length", where="nrmse")
    return float(np.sqrt(np.mean((o - t) ** 2)) / np.std(t))


def delayed_inputs(
    inputs: Float[np.ndarray, " steps"], delays: int
) -> Float[np.ndarray, "steps delays"]:
    """The inputs now and up to so many steps ago; 0 before the first."""
    u = np.asarray(inputs, float)
    return np.stack([np.concatenate([np.zeros(d), u[: len(u) - d]]) for d in range(delays)], axis=1)


def control_states(
    inputs: Float[np.ndarray, " steps"], count: int, *, seed: int = 0
) -> Float[np.ndarray, "steps count"]:
    """States of a reservoir without memory: random nonlinear functions tanh(a u + b) of the present input."""
    return random_functions(np.repeat(np.asarray(inputs, float)[:, None], count, axis=1), seed)


def random_functions(
    x: Float[np.ndarray, "rows columns"], seed: int
) -> Float[np.ndarray, "rows columns"]:
    """Random nonlinear functions tanh(a x + b), one for each column."""
    rng, count = np.random.default_rng(seed), x.shape[1]
    slope, offset = 4 * rng.normal(size=count), 2 * rng.normal(size=count)
    return np.tanh(x * slope + offset)


def memory_capacity(
    states: Float[np.ndarray, "steps features"],
    inputs: Float[np.ndarray, " steps"],
    *,
    delays: int = 20,
    washout: int = 50,
) -> Float[np.ndarray, " delays"]:
    """How well inputs of the past can be read off the states: squared correlation for each delay from 1.

    Parameters
    ----------
    states : Float[np.ndarray, "steps features"]
        Under independent random inputs.
    inputs : Float[np.ndarray, "steps"]
        These inputs.
    delays : int
        Up to which delay.
    washout : int
        First steps, which do not count. Of the rest the second half is the test.

    Returns
    -------
    Float[np.ndarray, "delays"]
        Squared correlation [1] for each delay, from 1 step on.

    Notes
    -----
    H. Jaeger, GMD report 152 (2001): their sum is at most the number of independent states.
    """
    x, u = np.asarray(states), np.asarray(inputs, float)
    first = max(washout, delays)
    middle = first + (len(u) - first) // 2
    past = delayed_inputs(u, delays + 1)[:, 1:]
    readout = fit_ridge(x[first:middle], past[first:middle])
    output, target = readout(x[middle:]), past[middle:]
    covariance = np.mean((output - output.mean(0)) * (target - target.mean(0)), axis=0)
    spread = output.var(axis=0) * target.var(axis=0)
    return covariance**2 / np.where(spread > 0, spread, np.inf)
