"""Problems of one shape that are solved together, by a kernel and by XLA."""

from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest

from fitting.batch.stacked_problems import KernelProblems, XlaProblems, problems_of
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
    together = KernelProblems(problems, threads=1)
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


def test_waveforms_that_end_at_other_times_are_solved_apart(switching):
    group = switching.problem.group
    stimuli = eqx.tree_at(lambda x: x.times, group.stimuli, replace_fn=lambda t: 0.5 * t)
    faster = replace(
        switching.problem, group=replace(group, stimuli=stimuli, rows=0.5 * np.asarray(group.rows))
    )
    problems, z = [switching.problem, faster], switching.candidates[:3]
    which = np.array([1, 0, 1])
    r, ok = KernelProblems(problems, threads=2).observe(z, which)
    assert ok.all()
    for j, k in enumerate(which):
        filled = np.where(np.arange(TOGETHER)[:, None] == 0, z[j], np.nan)
        np.testing.assert_allclose(r[j], problems[k].observe(filled)[0][0], rtol=1e-9, atol=1e-9)


@pytest.mark.study
def test_xla_gives_what_the_kernel_gives(switching, three):
    """Within the tolerance of the solves; points that are no numbers are no success of either."""
    z = switching.candidates[:4].copy()
    z[1] = np.nan
    which = np.array([2, 1, 0, 1])
    both = [problems_of(three, threads=1), XlaProblems(three)]
    assert isinstance(both[0], KernelProblems)
    (r, jacobian, ok), (other, slopes, well) = (p.linearise(z, which) for p in both)
    assert ok.tolist() == well.tolist() == [True, False, True, True]
    # A row beside a switching may move by the step in which it happens: of others a thousandth of what is granted.
    near = np.abs(r - other)[ok] < 0.05
    assert np.mean(near) > 0.97
    for p in both:
        seen, fine = p.observe(z, which)
        assert fine.tolist() == ok.tolist()
        np.testing.assert_allclose(
            seen[ok], (r if p is both[0] else other)[ok], rtol=1e-6, atol=1e-6
        )
    scale = np.max(np.abs(jacobian[ok]))
    assert np.mean(np.abs(slopes - jacobian)[ok] < 0.02 * scale) > 0.97
