"""Tolerances, orders of convergence and z-scores that the tests share."""

import numpy as np

import memjax as mj


def tols(dtype) -> dict[str, float]:
    """``rtol`` and ``atol`` for ``np.testing.assert_allclose`` on order-one numbers of `dtype`."""
    tolerance = {"float32": 5e-4, "float64": 5e-7}[np.dtype(dtype).name]
    return {"rtol": tolerance, "atol": tolerance}


def fitted_order(hs, errors) -> float:
    """Slope of log(error) over log(step): the order of convergence that was seen."""
    hs, errors = np.asarray(hs, float), np.asarray(errors, float)
    if hs.size < 3 or np.any(errors <= 0) or not np.all(np.isfinite(errors)):
        raise ValueError(
            f"an order needs three or more positive errors, got {errors} at steps {hs}"
        )
    return float(np.polyfit(np.log(hs), np.log(errors), 1)[0])


def z_score(samples, expected, *, expected_sd: float | None = None) -> float:
    """Distance of the samples' mean from `expected`, in standard errors.

    The standard deviation is the samples' own unless the exact one is given: few samples of a
    skewed distribution underestimate it.
    """
    samples = np.asarray(samples, float).ravel()
    sd = samples.std(ddof=1) if expected_sd is None else expected_sd
    return float((samples.mean() - expected) / (sd / np.sqrt(samples.size)))


def crossings(t, y, level) -> np.ndarray:
    """Times at which a curve crosses a level."""
    k = np.flatnonzero((y[:-1] < level) != (y[1:] < level))
    return t[k] + (level - y[k]) / (y[k + 1] - y[k]) * (t[k + 1] - t[k])


def pulsed_curves(delays, relaxations, scale: float = 1.0) -> mj.Measurement:
    """Curves at 0.5 V for 4 ms, read at 20 mV, on between delay and relaxation; all times by a factor."""
    t = np.arange(800) * 25e-6
    v = np.where((t > 3e-3) & (t < 7e-3), 0.5, 0.02)
    i = [
        np.where((t > 3e-3 + d) & (t < 7e-3 + r), 8e-6, 1e-9)
        for d, r in zip(delays, relaxations, strict=True)
    ]
    n = len(i)
    return mj.Measurement(
        v=np.tile(v, n), i=np.concatenate(i), t=np.tile(scale * t, n), reader="made here",
        sweep=np.repeat(np.arange(n), len(t)), at_compliance=np.zeros(n * len(t), bool),
    )  # fmt: skip
