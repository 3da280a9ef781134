"""Which backend is to compute: it is chosen by a name, and kernels that are not to be had are an error."""

from pathlib import Path

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.solve import AbstractFitProblem
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.summary import summarise_sweeps
from memjax.errors import PolicyError, UsageError
from memjax.lanes.cc import library
from memjax.lanes.choice import BACKEND, backend_in_use, chosen_backend
from memjax.network import Network, run
from memjax.network.folder_run import run_network
from tests.fits import measured_loops
from tests.network.conftest import neurons

with_compiler = pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")

DEVICE = mj.Vteam()
SWEEP = mj.triangle_sweep(0.5, 1.0, negative=0.5)
STEPS = mj.Fixed(dt=0.01, method=mj.solver.SemiImplicitEuler())


class _Backend(AbstractFitProblem):
    """A problem whose fit is the backend that was in use."""

    def solve(self, *, seed=0, progress=None):
        del seed, progress
        return chosen_backend()


def _network() -> Network:
    return Network(groups=[neurons(2)], projections=[], dt=1e-6)


def _backend_of_steps() -> str:
    return mj.simulate(DEVICE, SWEEP, policy=STEPS, save=0.1).notes["backend"]


def test_the_innermost_choice_counts_and_ends_with_its_block(monkeypatch):
    monkeypatch.setenv(BACKEND, "cc")
    assert chosen_backend() == "cc"
    with mj.use_backend("xla"), mj.use_backend("auto"):
        assert chosen_backend() == "auto"
    assert chosen_backend() == "cc"


CALLS = {
    "block": mj.use_backend,
    "simulate": lambda name: mj.simulate(DEVICE, SWEEP, output=mj.Output(backend=name)),
    "run": lambda name: run(_network(), 1e-5, backend=name),
    "run_network": lambda name: run_network(_network(), 1e-5, Path("nowhere"), backend=name),
    "solve": lambda name: ft.solve(_Backend(None, DEVICE), backend=name),
}


@pytest.mark.parametrize("by", ["environment", *CALLS])
def test_an_unknown_name_is_refused_with_those_that_there_are(by, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if by == "environment":
        monkeypatch.setenv(BACKEND, "gpu")
    with pytest.raises(UsageError, match=r"no backend 'gpu'.*allowed: auto, cc, xla"):
        _backend_of_steps() if by == "environment" else CALLS[by]("gpu")
    assert not list(tmp_path.iterdir())


@with_compiler
def test_a_call_names_its_backend_and_its_result_says_so():
    """Against the choice of the block around it, which holds again afterwards."""
    with mj.use_backend("xla"):
        with pytest.warns(DeprecationWarning, match=r"say output=Output\(backend=\.\.\.\)"):
            trace = mj.simulate(DEVICE, SWEEP, policy=STEPS, save=0.1, backend="cc")
        recording = run(_network(), 1e-4, backend="cc")
        assert ft.solve(_Backend(None, DEVICE), backend="cc") == "cc"
        assert ft.solve(_Backend(None, DEVICE)) == chosen_backend() == "xla"
        assert _backend_of_steps().startswith("xla")
    assert trace.notes["backend"].startswith("cc")
    assert recording.backend.startswith("cc")


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
    other = Problem.of(DEVICE, ("r_on",), group, bench=mj.Bench())
    assert other.backend.startswith("cc")
