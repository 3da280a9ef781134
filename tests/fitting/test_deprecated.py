"""The old names of fits."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj


@pytest.mark.wrong_types
def test_old_names_forward_with_a_warning(monkeypatch):
    heard = {}

    def solve(problem, *, seed, progress):
        heard.update(problem=problem, seed=seed, progress=progress)
        return "fit"

    monkeypatch.setattr("fitting.sweeps.fit.solve_sweeps", solve)
    data = mj.Measurement(
        v=np.ones(3), i=np.ones(3), sweep=np.zeros(3, int), at_compliance=np.zeros(3, bool),
        reader="", source={},
    )  # fmt: skip
    with pytest.warns(DeprecationWarning, match=r"solve\(fitting\.SweepProblem"):
        assert ft.fit(data, mj.Vteam(), free=["v_on"], points=50, seed=7, tick=print) == "fit"
    problem = ft.SweepProblem(data, mj.Vteam(), free=["v_on"], points=50)
    assert (heard["problem"].free, heard["problem"].points) == (problem.free, problem.points)
    assert (heard["seed"], heard["progress"]) == (7, print)


def test_old_names_of_all_kinds_know_their_problems():
    for name, problem in (
        ("fit_pulses", ft.PulseProblem),
        ("fit_retention", ft.RetentionProblem),
        ("fit_transients", ft.TransientProblem),
        ("fit_targets", ft.TargetProblem),
        ("fit_spikes", ft.MomentProblem),
        ("fit_voltages", ft.TraceProblem),
        ("fit_jointly", ft.JointProblem),
        ("fit_batch", ft.BatchProblem),
    ):
        assert problem.__name__ in getattr(ft, name).__doc__
