"""Random models, benches, circuits, drives and policies: the kernel in C and XLA give the same states and failures."""

import numpy as np
import pytest

from memjax.compiled import library
from memjax.simulate import batch, ensemble_kernel
from tests.simulate.random_cases import random_case

pytestmark = pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")

_ULPS, _FACTOR = 32, 100
"""Roundings by which a drive is moved to see how much a path lets errors grow; that growth times those of a step."""


def both(case, monkeypatch) -> tuple:
    """Traces by C and by XLA, another by XLA under a drive that is moved by some roundings, and why there is no C."""
    ways, solve = ["takes none"], ensemble_kernel.solve_by_kernel

    def spy(*args):
        solution = solve(*args)
        ways.append(solution if isinstance(solution, str) else "C")
        return solution

    monkeypatch.setattr(batch, "solve_by_kernel", spy)
    ours = case.run()
    monkeypatch.setattr(batch, "takes_kernel", lambda *args: False)
    return ours, case.run(), case.run(1 + _ULPS * np.finfo(float).eps), ways[-1]


def check(case, monkeypatch) -> str:
    """Compare the backends; how the case was solved by the first one."""
    ours, theirs, moved, way = both(case, monkeypatch)
    np.testing.assert_array_equal(ours.result, theirs.result, err_msg=case.text)
    well = np.all(np.asarray(theirs.result) == 0, axis=1)
    for name, x in theirs.state.items():
        x, y, z = (np.asarray(t.state[name])[well] for t in (theirs, ours, moved))
        grown = np.max(np.abs(z - x), initial=0.0)
        scale = np.max(np.abs(x), initial=0.0)
        bound = _FACTOR * grown + 1e4 * np.finfo(float).eps * scale
        away = np.max(np.abs(y - x), initial=0.0)
        assert away <= bound, f"{name} is {away:.3g} away, {bound:.3g} allowed; {case.text}"
    return way


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_backends_agree(seed, monkeypatch):
    check(random_case(seed), monkeypatch)


@pytest.mark.study
def test_backends_agree_on_many(monkeypatch):
    """300 cases; most of them have a kernel, and some fail."""
    for seed in range(30, 330):
        with monkeypatch.context() as patch:
            check(random_case(seed), patch)
