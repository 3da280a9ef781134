"""Fits of a model with corrections begin where the model alone ends, and say what it needed."""

import dataclasses

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.content import to_json
from fitting.sweeps.correction_words import corrections_of
from fitting.sweeps.learned import PRIORS
from fitting.sweeps.physics_first import begun_at_physics
from fitting.sweeps.prepare import prepare
from fitting.sweeps.search import Search
from memjax.device.hybrid import node_names

STEP = 0.02


def loops(device: mj.AbstractDevice) -> mj.Measurement:
    """Two loops of other amplitudes, one after the other, with a reading noise of a percent."""
    quarter = np.linspace(0, 1, 16)
    loop = np.concatenate([quarter, quarter[-2::-1], -quarter[1:], -quarter[-2::-1]])
    v, t = np.concatenate([0.6 * loop, 0.8 * loop]), STEP * np.arange(1.0, 2 * len(loop) + 1)
    i = np.ravel(mj.simulate(device, mj.stimulus.staircase(v, STEP), save=t).check().i)
    i = i * np.exp(0.01 * np.random.default_rng(0).normal(size=len(v)))
    sweep, limited = np.repeat([0, 1], len(loop)), np.zeros(len(v), bool)
    return mj.Measurement(
        v=v, i=i, t=None, sweep=sweep, at_compliance=limited, reader="", source={}
    )


def truth() -> mj.AbstractDevice:
    """A device of `vteam` that conducts 2.5 times as well as its law from 0.5 V on, and as it says below."""
    nodes = {n: float(np.log(2.5)) * (k > 7) for k, n in enumerate(node_names("level"))}
    base = mj.Vteam(k_off=200.0, k_on=200.0, r_on=1e3, r_off=3e4)
    return mj.params.replace(mj.with_corrections(base), nodes | {"v_low": -0.8, "v_high": 0.8})


def prepared():
    """A problem of corrections."""
    common = dict(env=None, free=None, fix=None, seed=0, screened=4, bench=None)
    return prepare([loops(mj.Vteam())], mj.model("vteam+hybrid"), point_time=STEP, **common)


@pytest.mark.slow
def test_a_search_begins_at_ends_of_that_of_the_model_alone():
    problem = prepared()
    assert problem.physics is not None
    names = problem.physics.problem.free
    assert names == problem.problem.free[: len(names)]
    z = np.arange(2.0 * len(names)).reshape(2, -1)
    search = Search(problem.physics.problem, 0, None)
    assert begun_at_physics(problem, search, seed=0) is problem  # nothing could be solved
    search.best_z, search.best_cost = np.full(len(names), 0.5), 0.5
    interrupted = begun_at_physics(problem, search, seed=0)
    np.testing.assert_array_equal(interrupted.problem.center[: len(names)], search.best_z)
    assert len(interrupted.candidates) == 2
    # Of its ends the best point counts once, and one that could not be solved never.
    ends = np.concatenate([search.best_z[None], z])
    search.ends = [(ends, np.array([0.5, 2.0, 1.0])), (z, np.full(2, np.inf))]
    begun = begun_at_physics(problem, search, seed=0)
    best, first, second, *moved = begun.candidates
    # The best point is first, and the centre of the prior; corrections are none, and then small.
    np.testing.assert_array_equal(best[: len(names)], search.best_z)
    np.testing.assert_array_equal(first[: len(names)], z[1])
    np.testing.assert_array_equal(second[: len(names)], z[0])
    np.testing.assert_array_equal(begun.problem.center, best)
    assert not best[len(names) :].any()
    assert len(moved) == 3
    np.testing.assert_array_equal(moved[0][: len(names)], search.best_z)
    assert np.all(moved[0][len(names) :] != 0)


def content_of(fit: ft.FitResult) -> dict:
    return to_json(fit, [], truth=None, command="")


@pytest.mark.study
def test_a_fit_says_where_a_model_needed_its_corrections():
    data = loops(truth())
    problem = ft.SweepProblem(data, mj.model("vteam+hybrid"), point_time=STEP, screened=8)
    fit = ft.solve(problem)
    assert fit.verdict.word == "good"
    words = corrections_of(fit)
    # At positive voltage this device is off but for its reset.
    (above,) = (c for c in words if c.what.startswith("the current of the less"))
    assert (above.low, above.high) == (pytest.approx(0.6), np.inf)
    assert 1 < above.least < 2.5 < above.most
    # What nothing calls for is held at none, as it is in the truth.
    assert content_of(fit)["strengths"]["contrast"] == PRIORS["contrast"].strongest
    assert set(map(str, words)) <= set(fit.notes)
    content = content_of(fit)
    assert content["corrections"] == [str(c) for c in words]
    assert set(content["strengths"]) == {"level", "contrast", "pace"}
    assert content["model"] == "vteam+hybrid"
    plain = dataclasses.replace(fit.problem, device=mj.Vteam())
    assert corrections_of(dataclasses.replace(fit, problem=plain)) == ()
