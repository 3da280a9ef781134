"""Hidden quantities of the bench: a fit without them names them, one with them gives them back."""

from typing import NamedTuple

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.basins import AGREED, speaks_of_optima
from fitting.sweeps.search import BATCH
from fitting.sweeps.suggest import suggest

pytestmark = pytest.mark.slow

NOISE, Z = 0.003, 4.0
"""Relative noise of the readings, and standard deviations within which a value comes back."""


class Hidden(NamedTuple):
    """A device on a bench that the fit is not told of, its sweeps, and the word for it."""

    word: str
    bench: mj.Bench
    device: mj.AbstractDevice
    peak: float
    periods: tuple[float, ...] = (1.0,)


SWITCHES = mj.params.replace(mj.model("mms"), mj.presets.load("mms/knowm")[1])
DRIFT = {"r_on": 500.0, "r_off": 8000.0, "x0": 0.1}
FAST, SLOW = (
    mj.params.replace(mj.model("linear-drift"), DRIFT | {"mobility": m}) for m in (2e-14, 2e-15)
)

CASES = {
    "series": Hidden("series_resistance", mj.Bench(400.0), SWITCHES, 0.3),
    "offset": Hidden("offset_current", mj.Bench(offset_current=2e-5), SWITCHES, 0.3),
    "capacitance": Hidden(
        "parallel_capacitance", mj.Bench(parallel_capacitance=1e-6), SLOW, 1.0, (1.0, 0.25)
    ),
    "shunt": Hidden("shunt", mj.Bench(parallel_resistance=2e3), FAST, 1.0, (1.0, 0.5)),
}


def measured(case: Hidden) -> mj.Measurement:
    """Sine sweeps that a device gives, with noise."""
    stimuli, rows = [], []
    for period in case.periods:
        t = np.linspace(0, period, 161)
        stimuli.append(mj.Sampled(t, case.peak * np.sin(2 * np.pi * t / period)))
        rows.append(t[1:])
    how = dict(bench=case.bench, deterministic=True, conditions=mj.Conditions(carry_state=False))
    trace = mj.simulate(case.device, stimuli, save=rows, **how).check()
    i, rng = np.asarray(trace.i[0]), np.random.default_rng(0)
    i = i * (1 + NOISE * rng.normal(size=i.size)) + 1e-4 * NOISE * np.max(i) * rng.normal(
        size=i.size
    )
    about = dict(sweep=np.asarray(trace.sweep), at_compliance=np.zeros(i.size, bool))
    return mj.Measurement(
        t=np.asarray(trace.t), v=np.asarray(trace.v[0]), i=i, **about, reader="made here"
    )


def fitted(case: Hidden, free_bench: tuple[str, ...] = ()):
    model = mj.model(case.device.name)
    return ft.solve(
        ft.SweepProblem([measured(case)], model, free_bench=free_bench, screened=4 * BATCH)
    )


@pytest.mark.few(1)
@pytest.mark.parametrize("name", CASES)
def test_a_hidden_quantity_is_named_and_the_fit_without_it_is_not_good(name):
    fit = fitted(CASES[name])
    assert fit.suggestion.quantity == CASES[name].word
    assert fit.verdict.word != "good"
    assert str(fit.suggestion) in fit.notes


@pytest.mark.study
@pytest.mark.parametrize("name", CASES)
def test_a_hidden_quantity_that_is_free_comes_back(name):
    case = CASES[name]
    fit = fitted(case, (case.word,))
    (free,) = [n for n in fit.free if n.startswith("bench.")]
    truth = getattr(case.bench, free.removeprefix("bench."))
    assert abs(fit.values[free] - truth) < Z * fit.std[free], fit
    assert getattr(fit.bench, free.removeprefix("bench.")) == pytest.approx(fit.values[free])


@pytest.fixture(scope="module")
def right():
    """A fit of the right bench."""
    return fitted(Hidden("", mj.Bench(), SWITCHES, 0.3))


def test_a_fit_of_the_right_bench_suggests_nothing(right):
    assert right.suggestion is None
    assert right.verdict.word == "good"


def test_a_fit_beside_its_optimum_is_moved_there_and_gets_no_quantity_of_the_bench(right):
    """A search with one more quantity leaves a place that is no optimum: what it gains is not of that quantity."""
    z = right.z.copy()
    z[right.free.index("v_on")] += 0.3
    beside = right.moved(right.problem, z, right.covariance)
    suggestion, lower = suggest(beside)
    assert suggestion is None
    assert right.problem.loss(lower) < (1 + AGREED) * right.loss
    moved = beside.at_optimum(lower)
    assert moved.verdict.word == "good"
    (note,) = [n for n in moved.notes if speaks_of_optima(n)]
    assert f"a loss {beside.loss / moved.loss - 1:.1%} above" in note
