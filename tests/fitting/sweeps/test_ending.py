"""How a search of sweeps ends, and begins again from where another one ended."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import memjax as mj
from fitting.residuals import MAD
from fitting.sweeps import ending
from fitting.sweeps.group import saturated
from fitting.sweeps.prepare import prepare
from fitting.sweeps.problem import Problem
from fitting.sweeps.search import BATCH, Search

pytestmark = pytest.mark.slow  # the fit of the example


def test_a_search_that_knows_its_noise_runs_the_program_that_it_has(result, monkeypatch):
    """Of the same types: one that is weak would be compiled anew, for as long as all else takes."""
    searches = []
    monkeypatch.setattr(
        ending, "levenberg_marquardt", lambda search, *a, **k: searches.append(search)
    )
    before = Search(result.problem, 0, None, result.search, result.z)
    before.ends.append((result.search.z, result.search.cost))
    ending.end_search(before, 0.5)
    assert float(searches[0].problem.noise) == 0.5
    problem = result.problem
    fresh = Problem.of(problem.device, problem.free, problem.group, bench=problem.bench)
    types = [[jax.typeof(x) for x in jax.tree.leaves(p)] for p in (searches[0].problem, fresh)]
    assert types[0] == types[1]


def test_data_that_are_described_to_their_noise_are_solved_precisely(result, monkeypatch):
    """Else a loss jumps between points beside each other by more than the thresholds of what is known best."""
    monkeypatch.setattr(ending, "known_to_a_row", lambda problem, waves: problem.group)
    monkeypatch.setattr(ending, "weighed", lambda search, waves: search)
    before = Search(result.problem, 0, None, result.search, result.z)
    after = ending.ended_by_sampling(before, result.waves)
    assert after.problem.policy.rtol == pytest.approx(0.1 * before.problem.policy.rtol)
    np.testing.assert_array_equal(after.best_z, before.best_z)


def test_a_search_that_ended_also_ends_from_where_a_start_led(result, monkeypatch):
    """It keeps its own optimum, takes a lower one, and still knows where it ended before."""
    begun = []

    def improve(search, starts, *, progress, **options):
        begun.append(starts)
        search(starts)
        progress.z, progress.cost = starts, np.full(len(starts), 5.0)
        progress.converged = np.ones(len(starts), bool)

    monkeypatch.setattr(ending, "levenberg_marquardt", improve)
    far, done = result.z + 0.4, replace(result.search, z=result.z[None], cost=np.array([1.0]))
    done.converged = np.zeros(1, bool)
    search = Search(result.problem, 0, None, done)
    search(np.repeat(far[None], BATCH, axis=0))
    ends = [(np.stack([result.z, far]), np.array([1.0, 2.0]))]
    ended = ending.ended_from(search, ends)
    np.testing.assert_array_equal(begun[0][0], result.z)
    assert ended.best_cost == pytest.approx(result.loss)
    assert ended.progress.cost.tolist() == [1.0, *[5.0] * BATCH]
    assert ended.progress.converged.tolist() == [False, *[True] * BATCH]


@pytest.mark.parametrize("model_sigma", [None, 0.04])
def test_learned_functions_are_granted_what_they_miss_unless_a_user_grants(
    monkeypatch, model_sigma
):
    v = np.concatenate([np.linspace(0, 1, 9), np.linspace(1, 0, 9)[1:]])
    same: dict[str, Any] = dict(t=None, reader="", source={})
    same |= {"sweep": np.zeros(len(v), int), "at_compliance": np.zeros(len(v), bool)}
    data = mj.Measurement(v=v, i=1e-6 * v, **same)
    options: dict[str, Any] = dict(bench=None, env=None, free=["off5"], fix=None, point_time=0.02)
    options |= {"seed": 0, "screened": 1, "model_sigma": model_sigma}
    search = Search(prepare([data], mj.HybridDevice(), **options).problem, 0, None)

    def optimum(self):
        missed = 0.01 * (-1.0) ** np.arange(self.problem.group.weight.size)  # decades
        return np.zeros(1), saturated(missed * np.ravel(self.problem.group.weight)), None

    monkeypatch.setattr(Search, "optimum", optimum)
    monkeypatch.setattr(ending, "weighed", lambda search, waves: search)
    group = ending.granted_as_missed(search, []).problem.group
    granted = MAD * 0.01 if model_sigma is None else model_sigma
    assert float(group.model_sigma) == pytest.approx(granted)
    counted = group.weight > 0  # one sweep has no scatter of its own
    np.testing.assert_allclose(group.weight[counted], 1 / granted)
