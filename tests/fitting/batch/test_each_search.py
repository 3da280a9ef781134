"""Searches of single devices of a batch, which share their solves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.batch.each_search import EachSearch, Gathering, find_each, outlying, switches
from fitting.batch.stacked_problems import StackedProblems
from memjax.lanes.cc import library

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
]


def test_a_device_switches_where_its_current_jumps_between_two_rows(switching):
    assert switches(switching)
    group = switching.problem.group
    calm = replace(group, event_weight=np.zeros_like(np.asarray(group.event_weight)))
    assert not switches(replace(switching, problem=replace(switching.problem, group=calm)))
    # A hundredth of the decades from row to row.
    slow = replace(group, target=0.01 * np.asarray(group.target))
    assert not switches(replace(switching, problem=replace(switching.problem, group=slow)))


@pytest.mark.study
def test_searches_that_leave_and_points_without_numbers_keep_nobody_waiting(switching, three):
    gathering = Gathering(StackedProblems(three, threads=1), 3, threading.Event())
    z = switching.candidates[:2]

    def ask(number):
        try:
            search = EachSearch(gathering, number)
            rounds = [search.linearise(z) for _ in range(number + 1)]
            none = search.linearise(np.full_like(z, np.nan))[2]
            half = search.observe(np.where([[True], [False]], z, np.nan))[2]
            return rounds, none.tolist(), half.tolist()
        finally:
            gathering.leave()

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(ask, range(3)))
    for rounds, none, half in answers:
        assert none == [False, False]
        assert half == [True, False]
        for other in rounds[1:]:
            for x, y in zip(rounds[0], other, strict=True):
                np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(answers[0][0][0][0], answers[2][0][0][0])  # one problem, twice


def test_a_halted_search_ends(switching):
    halt = threading.Event()
    halt.set()
    with pytest.raises(KeyboardInterrupt):
        find_each([switching, switching, switching], 2, halt)


@pytest.mark.study
def test_the_batch_ends_where_the_single_fit_does(sweep, sweep_options, tmp_path):
    """Within a thousandth: both end at kinks, from which they begin again until that much is gained no more."""
    single = ft.solve(ft.SweepProblem(sweep, mj.DiffusiveMemristor(), screened=8, **sweep_options))
    about = {"out": tmp_path / "run", "chunk": 1, "starts": 2, "screened": 8, **sweep_options}
    (row,) = ft.solve(ft.BatchProblem({"d": [sweep]}, mj.DiffusiveMemristor(), **about))
    np.testing.assert_allclose(row.loss, single.loss, rtol=1e-3)


def test_devices_far_worse_than_the_others_are_found():
    assert outlying(np.array([1.0, 1.2, 0.9, 6.0])).tolist() == [False, False, False, True]
    assert not outlying(np.array([9.0, 9.0, 8.0, 10.0])).any()  # the model, and not the search
    assert outlying(np.array([1.0, np.inf, 1.0, 1.0])).tolist() == [False, True, False, False]
    assert outlying(np.array([5.1])).all()  # nothing to compare with
