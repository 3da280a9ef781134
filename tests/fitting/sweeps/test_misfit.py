"""The share of residuals that functions on nodes miss."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.misfit import _SIZES, LENGTH, NONE, _log_likelihood, _whitened, misfit_of
from fitting.sweeps.noise_estimate import along_process

pytestmark = pytest.mark.wrong_types  # of a problem what the misfit asks of it

POINTS, FREE = 60, 4
V = np.stack([np.sin(np.linspace(0, 2 * np.pi, POINTS)), np.linspace(-1, 1, POINTS) ** 3])
STEPS = np.exp(-np.abs(np.diff(4 * V, axis=1)) / LENGTH)  # 8 distances of nodes from -1 to 1 V
PRIOR = np.diag([1.0, 0.5, 2.0, 1.0])
KNOWN = np.abs(V) > 0.1


def correlation() -> np.ndarray:
    """Of misfit at all points of both waveforms, from the voltages that lie between two."""
    whole = np.zeros((2 * POINTS, 2 * POINTS))
    for k, v in enumerate(V):
        path = np.append(0.0, np.cumsum(np.abs(np.diff(4 * v))))
        part = slice(k * POINTS, (k + 1) * POINTS)
        whole[part, part] = np.exp(-np.abs(path[:, None] - path) / LENGTH)
    return whole


def slopes() -> np.ndarray:
    rows = np.stack([np.ones_like(V), V, V**2, np.cos(9 * V)], axis=-1)
    return np.where(KNOWN[..., None], rows, 0.0)


def problem() -> Any:
    """What the misfit asks of a problem."""
    device = mj.params.replace(mj.HybridDevice(), {"v_low": -1.0, "v_high": 1.0})
    group = SimpleNamespace(stimuli=SimpleNamespace(values=V, quantity="voltage"))
    return SimpleNamespace(
        device=device, bench=mj.Bench(), group=group, prior_precision=PRIOR, center=np.zeros(FREE)
    )


def test_scores_along_a_process_have_its_correlation():
    root = along_process(np.eye(POINTS), STEPS[1])
    np.testing.assert_allclose(root.T @ root, correlation()[POINTS:, POINTS:], atol=1e-12)


def test_the_likelihood_is_that_of_a_normal_vector_of_this_covariance():
    rng, known, j = np.random.default_rng(0), KNOWN.ravel(), slopes()
    r, distance = rng.normal(size=V.shape), rng.normal(size=FREE)
    columns = np.where(KNOWN[..., None], np.concatenate([r[..., None], j], axis=-1), 0.0)
    shares = np.array([0.0, 0.3, 0.9])
    white, logs = _whitened(columns, KNOWN, STEPS, shares)
    rows = j.reshape(-1, FREE)[known]
    # The data about the centre of the prior: what is left, and what the coordinates explain.
    data = rows @ distance - r.ravel()[known]
    expected, got = [], []
    for k, w in enumerate(shares):
        here = _log_likelihood(white[k][:, 0], white[k][:, 1:], PRIOR, distance)
        got.append(here - logs[k] - 0.5 * known.sum() * np.log(_SIZES))
        noise = w * correlation()[np.ix_(known, known)] + (1 - w) * np.eye(known.sum())
        for s in _SIZES:
            whole = s * noise + rows @ np.linalg.solve(PRIOR, rows.T)
            square = data @ np.linalg.solve(whole, data)
            expected.append(-0.5 * (np.linalg.slogdet(whole)[1] + square))
    np.testing.assert_allclose(np.ravel(got), expected, rtol=1e-9)


@pytest.mark.slow
def test_the_share_is_that_of_the_data_in_the_mean_over_its_prior():
    """A mean of a posterior is without bias over draws of the prior; z = 4."""
    rng, j = np.random.default_rng(1), slopes()
    root = np.linalg.cholesky(correlation())
    known, rows, off = KNOWN.ravel(), j.reshape(-1, FREE), []
    for _ in range(150):
        w = 0.0 if rng.random() < NONE else rng.beta(0.5, 0.5)
        noise = np.sqrt(w) * root @ rng.normal(size=len(root))
        noise += np.sqrt(1 - w) * rng.normal(size=len(root))
        truth = rng.normal(size=FREE) / np.sqrt(np.diag(PRIOR))
        data = np.where(known, rows @ truth + noise, 0.0)
        z = np.linalg.solve(rows.T @ rows + PRIOR, rows.T @ data)
        r = np.where(KNOWN, (rows @ z - data).reshape(V.shape), 0.0)
        missed = misfit_of(problem(), z, r, j, np.where(KNOWN, 1.0, 0.0))
        off.append(missed.share - w)
    assert abs(np.mean(off)) < 4 * np.std(off) / np.sqrt(len(off))
    assert np.std(off) < 0.25  # the data say much: the prior's own deviation is 0.35


def test_misfit_is_correlated_by_the_voltage_and_not_by_the_row():
    missed = misfit_of(
        problem(), np.zeros(FREE), np.where(KNOWN, 1.0, 0.0), slopes(), np.ones_like(V)
    )
    np.testing.assert_allclose(missed.steps, STEPS, rtol=1e-12)
    scores = np.random.default_rng(2).normal(size=(*V.shape, FREE))
    root = missed.root(scores)
    flat = scores.reshape(-1, FREE)
    expected = missed.share * missed.size * flat.T @ correlation() @ flat
    np.testing.assert_allclose(root.T @ root, expected, rtol=1e-9)
