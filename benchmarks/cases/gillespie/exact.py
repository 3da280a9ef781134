"""What is known exactly of independent switches, and of their Langevin equation: laws, moments, first passages."""

import numpy as np

from benchmarks.cases.gillespie.switches import FAST, ROWS, SLOW, STEP, chance


def moments(n: int, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and fourth central moment of how many are on: a binomial law."""
    p = chance(t)
    variance = n * p * (1 - p)
    return n * p, variance, variance * (1 + (3 * n - 6) * p * (1 - p))


def distribution(n: int, t: float) -> np.ndarray:
    """Probability that k = 0 ... n are on at `t`."""
    from scipy.stats import binom

    return binom.pmf(np.arange(n + 1), n, chance(np.asarray(t)))


def _generator(n: int, up: float, down: float):
    """Rates of change of the probabilities of k = 0 ... n: the master equation."""
    from scipy.sparse import diags_array

    k = np.arange(n + 1)
    more, less = up * (n - k), down * k
    parts, places = [more[:-1], -(more + less), less[1:]], (-1, 0, 1)
    # scipy's annotation knows a single diagonal only.
    return diags_array(parts, offsets=places, format="csr")  # pyright: ignore[reportArgumentType]


def passage(n: int, threshold: int) -> np.ndarray:
    """Probability that n(t) is first seen at or above a threshold at each row of the step; the rest never is.

    It is looked at in rows only, as the simulations are.
    """
    from scipy.sparse.linalg import expm_multiply

    rows = ROWS[ROWS > STEP]
    law, matrix, found = distribution(n, STEP), _generator(n, FAST, SLOW), []
    for gap in np.diff(rows, prepend=STEP):
        law = expm_multiply(matrix * gap, law)
        found.append(law[threshold:].sum())
        law[threshold:] = 0.0
    return np.array(found)


def time_by_events(n: int, start: int, threshold: int) -> float:
    """Log of the mean time [s] in which switches at rest first reach a threshold, from the master equation.

    Notes
    -----
    Sum over m from start to threshold - 1 of [sum over j <= m of pi_j] / (lambda_m pi_m), with the
    stationary probabilities pi and the rates lambda up.
    """
    from scipy.special import logsumexp
    from scipy.stats import binom

    k = np.arange(threshold)
    stationary = binom.logpmf(k, n, SLOW / (SLOW + FAST))
    below = np.logaddexp.accumulate(stationary)
    terms = below - np.log(SLOW * (n - k)) - stationary
    return np.asarray(logsumexp(terms[start:])).item()


def time_by_langevin(n: int, start: int, threshold: int, points: int = 200_001) -> float:
    """The same of the Langevin equation, reflected at 0.

    Notes
    -----
    Integral over y from start to threshold of exp(-Psi(y)) times the integral over z < y of
    exp(Psi(z)) 2 / s(z), with Psi' = 2 m / s, drift m and squared noise s; trapezoids in logarithms.
    """
    from scipy.special import logsumexp

    y = np.linspace(0.0, threshold, points)
    h = y[1] - y[0]
    drift, square = SLOW * (n - y) - FAST * y, SLOW * (n - y) + FAST * y
    slope = 2 * drift / square
    psi = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2) * h])
    inner = psi + np.log(2 / square)
    pieces = np.logaddexp(inner[1:], inner[:-1]) + np.log(h / 2)
    below = np.concatenate([[-np.inf], np.logaddexp.accumulate(pieces)])
    outer = (below - psi)[y >= start]
    return np.asarray(logsumexp(np.logaddexp(outer[1:], outer[:-1])) + np.log(h / 2)).item()
