"""Numbers read off simulated counts: moments with their z, distances of distributions, first passages."""

import numpy as np

from benchmarks.cases.gillespie import exact
from benchmarks.cases.gillespie.switches import ROWS, SHOWN, STEP


def z_of_moments(counts: np.ndarray, n: int) -> dict[str, list[float]]:
    """Z of mean and variance at the rows shown, against the binomial law and with its spread.

    Parameters
    ----------
    counts : Float[np.ndarray, "members rows"]
        How many switches are on.
    n : int
        Number of switches.
    """
    x = counts[:, SHOWN]
    mean, variance, fourth = exact.moments(n, ROWS[SHOWN])
    root = len(x) ** 0.5
    z_mean = (x.mean(axis=0) - mean) / np.sqrt(variance) * root
    z_var = (((x - mean) ** 2).mean(axis=0) - variance) / np.sqrt(fourth - variance**2) * root
    return {"mean": z_mean.tolist(), "variance": z_var.tolist()}


def z_between(a: np.ndarray, b: np.ndarray) -> dict[str, list[float]]:
    """Z of the difference of means and of variances of two samples at the rows shown."""
    x, y = a[:, SHOWN], b[:, SHOWN]
    squares = [(s - s.mean(axis=0)) ** 2 for s in (x, y)]

    def z(u, v):
        error = u.var(axis=0) / len(u) + v.var(axis=0) / len(v)
        return ((u.mean(axis=0) - v.mean(axis=0)) / np.sqrt(error)).tolist()

    return {"mean": z(x, y), "variance": z(*squares)}


def curves(counts: np.ndarray) -> dict[str, list[float]]:
    """Mean and variance at every row."""
    return {"mean": counts.mean(axis=0).tolist(), "variance": counts.var(axis=0).tolist()}


def distance(counts: np.ndarray, n: int, row: int) -> dict:
    """How far a sample, rounded to whole switches, is from the binomial law.

    Returns
    -------
    dict
        `ks`: largest difference of the distribution functions; `w1`: area between them over the standard
        deviation; `skewness` and `none` (share with all off), with the exact ones; `histogram`.
    """
    law = exact.distribution(n, ROWS[row])
    whole = np.clip(np.round(counts[:, row]), 0, n).astype(int)
    seen = np.bincount(whole, minlength=n + 1) / len(whole)
    gap = np.abs(np.cumsum(seen) - np.cumsum(law))
    mean, variance, _ = (float(x) for x in exact.moments(n, ROWS[row]))
    x = (counts[:, row] - counts[:, row].mean()) / counts[:, row].std()
    low, high = (int(np.clip(mean + s * 4.5 * variance**0.5, 0, n)) for s in (-1, 1))
    return {
        "ks": float(gap.max()),
        "w1": float(gap.sum() / variance**0.5),
        "skewness": float((x**3).mean()),
        "skewness_exact": float((1 - 2 * mean / n) / variance**0.5),
        "none": float(seen[0]),
        "none_exact": float(law[0]),
        "histogram": {"first": low, "seen": seen[low : high + 1].tolist()},
    }


def first_passage(counts: np.ndarray, n: int) -> dict[str, float]:
    """When half of the switches is first seen on after the step, against the master equation.

    Returns
    -------
    dict
        Mean and standard deviation of the time from the step [s], of those who got there, and of the
        exact law; z of the mean.
    """
    rows, threshold = ROWS > STEP, n // 2
    above = counts[:, rows] >= threshold - 1e-6
    got = above.any(axis=1)
    t = (ROWS[rows] - STEP)[above.argmax(axis=1)][got]
    law, times = exact.passage(n, threshold), ROWS[rows] - STEP
    mean = float(law @ times / law.sum())
    sd = float(np.sqrt(law @ (times - mean) ** 2 / law.sum()))
    z = float((t.mean() - mean) / sd * len(t) ** 0.5)
    found = {"mean": float(t.mean()), "sd": float(t.std()), "missed": float(1 - got.mean())}
    return found | {
        "mean_exact": mean,
        "sd_exact": sd,
        "missed_exact": 1 - float(law.sum()),
        "z": z,
    }
