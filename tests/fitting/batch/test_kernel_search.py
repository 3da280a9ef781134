"""Searches of single devices of a batch by the kernel of adaptive solves."""

import threading
from dataclasses import replace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.batch.kernel_search import KernelSearch, find_alone, is_alone, outlying
from fitting.problem import TOGETHER
from fitting.sweeps.prepare import prepare
from memjax.compiled import library

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
]
OPTIONS = {"point_time": 0.01, "bench": mj.Bench(compliance=1e-6), "model_sigma": 0.013}


@pytest.fixture(scope="module")
def sweep():
    """A sweep of a diffusive device that switches."""
    v = 0.8 * (1 - np.abs(np.linspace(-1, 1, 101)))
    about = dict(v=v, sweep=np.zeros(101, int), reader="", source={})
    bare = mj.Measurement(i=np.ones(101), at_compliance=np.zeros(101, bool), **about)
    options = dict(point_time=0.01, bench=OPTIONS["bench"], deterministic=True)
    trace = mj.simulate_like(mj.DiffusiveMemristor(), bare, **options).check()
    i = np.abs(np.asarray(trace.i[0])) * np.exp(0.03 * np.random.default_rng(0).normal(size=101))
    return mj.Measurement(i=i, at_compliance=i > 0.93e-6, **about)


@pytest.fixture(scope="module")
def made(sweep):
    about = dict(env=None, free=None, fix=None, seed=0, screened=8, **OPTIONS)
    return prepare([sweep], mj.DiffusiveMemristor(), **about)


def test_what_switches_is_searched_alone_and_what_does_not_is_not(made):
    assert is_alone(made)
    group = made.problem.group
    calm = replace(group, event_weight=np.zeros_like(np.asarray(group.event_weight)))
    assert not is_alone(replace(made, problem=replace(made.problem, group=calm)))
    # A hundredth of the decades from row to row: grids follow what is slow.
    slow = replace(group, target=0.01 * np.asarray(group.target))
    assert not is_alone(replace(made, problem=replace(made.problem, group=slow)))


def test_a_few_points_are_those_of_many(made):
    z, search = made.candidates[:TOGETHER], KernelSearch(made.problem, threading.Event())
    for few, many in zip(search.linearise(z[:3]), made.problem.linearise(z), strict=True):
        np.testing.assert_array_equal(few, many[:3])
    points = np.where(np.arange(TOGETHER)[:, None] % 2, z, np.nan)
    assert made.problem.linearise(points)[2].tolist() == [False, True] * 4


def test_a_halted_search_ends(made):
    halt = threading.Event()
    halt.set()
    with pytest.raises(KeyboardInterrupt):
        find_alone(made, made.candidates, 2, halt)


def test_the_batch_ends_where_the_single_fit_does(sweep, tmp_path):
    """Within a thousandth: both end at kinks, from which they begin again until that much is gained no more."""
    single = ft.fit(sweep, mj.DiffusiveMemristor(), screened=8, **OPTIONS)
    about = {"out": tmp_path / "run", "chunk": 1, "starts": 2, "screened": 8, **OPTIONS}
    (row,) = ft.fit_batch({"d": [sweep]}, mj.DiffusiveMemristor(), **about)
    np.testing.assert_allclose(row.loss, single.loss, rtol=1e-3)


def test_devices_far_worse_than_the_others_are_found():
    assert outlying(np.array([1.0, 1.2, 0.9, 6.0])).tolist() == [False, False, False, True]
    assert not outlying(np.array([9.0, 9.0, 8.0, 10.0])).any()  # the model, and not the search
    assert outlying(np.array([1.0, np.inf, 1.0, 1.0])).tolist() == [False, True, False, False]
    assert outlying(np.array([5.1])).all()  # nothing to compare with
