"""Which backend is to compute: it is chosen by a name, and kernels that are not to be had are an error."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.summary import summarise_sweeps
from memjax.errors import PolicyError, UsageError
from memjax.lanes.cc import library
from memjax.lanes.choice import BACKEND, backend_in_use, chosen_backend
from tests.fits import measured_loops

with_compiler = pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")

DEVICE = mj.Vteam()
SWEEP = mj.triangle_sweep(0.5, 1.0, negative=0.5)
STEPS = mj.Fixed(dt=0.01, method=mj.solver.SemiImplicitEuler())


def _backend_of_steps() -> str:
    return mj.simulate(DEVICE, SWEEP, policy=STEPS, save=0.1).notes["backend"]


def test_the_innermost_choice_counts_and_ends_with_its_block(monkeypatch):
    monkeypatch.setenv(BACKEND, "cc")
    assert chosen_backend() == "cc"
    with mj.use_backend("xla"), mj.use_backend("auto"):
        assert chosen_backend() == "auto"
    assert chosen_backend() == "cc"


@pytest.mark.parametrize("by", ["environment", "block"])
def test_an_unknown_name_is_refused_with_those_that_there_are(by, monkeypatch):
    if by == "environment":
        monkeypatch.setenv(BACKEND, "gpu")
    with pytest.raises(UsageError, match=r"no backend 'gpu'.*allowed: auto, cc, xla"):
        _backend_of_steps() if by == "environment" else mj.use_backend("gpu").__enter__()


@with_compiler
def test_steps_are_those_of_the_backend_that_is_chosen(monkeypatch):
    """In turn: no program of one choice is taken for another one."""
    for name in ("auto", "xla", "cc"):
        with mj.use_backend(name):
            assert _backend_of_steps().startswith("xla" if name == "xla" else "cc")
    monkeypatch.setenv(BACKEND, "xla")
    assert backend_in_use() == f"xla (as {BACKEND} or memjax.use_backend says)"


@pytest.mark.parametrize(
    "policy", [mj.Stiff(), mj.Fixed(0.01, method=mj.solver.DriftImplicitEuler())], ids=str
)
def test_kernels_alone_are_an_error_where_there_is_none(policy):
    with mj.use_backend("cc"), pytest.raises(PolicyError, match=f"no kernel in C.*{BACKEND}=auto"):
        mj.simulate(DEVICE, SWEEP, policy=policy)


def test_kernels_alone_are_an_error_where_no_compiler_is_wanted(monkeypatch):
    monkeypatch.setenv("MEMJAX_CC", "none")
    other = mj.Fixed(dt=0.02, method=STEPS.method)  # of which no program is there yet
    with mj.use_backend("cc"), pytest.raises(PolicyError, match="no compiler of C"):
        mj.simulate(DEVICE, SWEEP, policy=other, save=0.1)


@with_compiler
def test_a_problem_keeps_its_backend():
    v = np.concatenate([np.arange(1, 21), np.arange(19, 0, -1)]) / 20
    waves = summarise_sweeps([measured_loops((v, 1e-4 * v))], point_time=1e-3, floor=1e-9)
    group = pack(waves, floor=1e-9, limit=None)
    with mj.use_backend("xla"):
        problem = Problem.of(DEVICE, ("r_on",), group, bench=mj.Bench())
    assert problem.backend.startswith("xla")
    assert problem.by_kernel() is None
    other = Problem.of(DEVICE, ("r_on",), group, bench=mj.Bench())
    assert other.backend.startswith("cc")
