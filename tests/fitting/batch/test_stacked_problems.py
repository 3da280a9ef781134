"""Problems of one shape that are solved together."""

from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest

from fitting.batch.stacked_problems import StackedProblems
from fitting.problem import TOGETHER
from memjax.lanes.cc import library

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
]


@pytest.mark.study
def test_points_of_several_problems_are_those_of_each(switching, three):
    """To rounding: whether a program takes one problem or several is another order of operations."""
    problems, z = three, switching.candidates[:TOGETHER]
    together = StackedProblems(problems, threads=1)
    which = np.array([2, 1, 0] * 6 + [1])
    points = z[np.arange(len(which)) % len(z)]
    r, jacobian, ok = together.linearise(points, which)
    observed = together.observe(points, which)
    assert ok.all()
    assert observed[1].all()
    for k, problem in enumerate(problems):
        own = np.flatnonzero(which == k)
        for j in own:
            filled = np.where(np.arange(TOGETHER)[:, None] == 0, points[j], np.nan)
            one = problem.linearise(filled)
            np.testing.assert_allclose(r[j], one[0][0], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(observed[0][j], one[0][0], rtol=1e-9, atol=1e-9)
            scale = np.max(np.abs(one[1][0]))
            np.testing.assert_allclose(jacobian[j], one[1][0], rtol=1e-7, atol=1e-9 * scale)


@pytest.mark.study
def test_waveforms_that_end_at_other_times_are_solved_apart(switching):
    group = switching.problem.group
    stimuli = eqx.tree_at(lambda x: x.times, group.stimuli, replace_fn=lambda t: 0.5 * t)
    faster = replace(
        switching.problem, group=replace(group, stimuli=stimuli, rows=0.5 * np.asarray(group.rows))
    )
    problems, z = [switching.problem, faster], switching.candidates[:3]
    which = np.array([1, 0, 1])
    r, ok = StackedProblems(problems, threads=2).observe(z, which)
    assert ok.all()
    for j, k in enumerate(which):
        filled = np.where(np.arange(TOGETHER)[:, None] == 0, z[j], np.nan)
        np.testing.assert_allclose(r[j], problems[k].observe(filled)[0][0], rtol=1e-9, atol=1e-9)


@pytest.mark.study  # of all models, `tests/lanes/test_adaptive.py` compares the steps
def test_xla_gives_what_kernels_give(three, switching):
    """The same steps until rounding decides on one; points that are no numbers are no success of either."""
    z = switching.candidates[:4].copy()
    z[1] = np.nan
    which = np.array([2, 1, 0, 1])
    both = []
    for backend in ("cc", "xla"):
        problems = [replace(p, chosen=backend) for p in three]
        assert problems[0].backend.startswith(backend)
        stacked = StackedProblems(problems, threads=1)
        both.append((*stacked.linearise(z, which), *stacked.roughly(1e-3).observe(z, which)))
    ours, theirs = both
    for k in (2, 4):
        assert ours[k].tolist() == theirs[k].tolist() == [True, False, True, True]
    ok = ours[2]
    np.testing.assert_allclose(ours[0][ok], theirs[0][ok], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours[3][ok], theirs[3][ok], rtol=1e-9, atol=1e-9)
    scale = np.max(np.abs(ours[1][ok]))
    # Steps that rounding decides on leave derivatives within the tolerance of the solve.
    tolerance = three[0].policy.rtol
    np.testing.assert_allclose(ours[1][ok], theirs[1][ok], atol=tolerance * scale)
