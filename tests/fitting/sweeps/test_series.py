"""A resistance in series that nothing in the data shows is named, with how large it could be."""

from types import SimpleNamespace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.search import BATCH
from fitting.sweeps.series import HiddenSeries, hidden_series, with_note_on_series

SERIES = 400.0
PRESET = mj.presets.load("mms/knowm")[1]
R_ON = float(PRESET["r_on"])


@pytest.mark.wrong_types  # what stands for a fit is none
def test_nothing_is_asked_where_it_is_stated_free_a_current_switches_or_the_device_is_not_ohmic():
    def fit(model="mms", series=None, free=("r_on",), events=0.0):
        problem = SimpleNamespace(
            device=mj.model(model),
            bench=mj.Bench(series_resistance=series),
            free=free,
            group=SimpleNamespace(event_weight=np.array([events])),
        )
        return SimpleNamespace(problem=problem)

    assert hidden_series(fit(series=40.0)) is None
    assert hidden_series(fit(free=("r_on", "bench.series_resistance"))) is None
    assert hidden_series(fit(model="yakopcic")) is None
    assert hidden_series(fit(events=4.0)) is None


@pytest.mark.wrong_types
def test_a_fit_that_is_not_good_is_left_as_it_is():
    poor = SimpleNamespace(verdict=SimpleNamespace(word="poor"))
    assert with_note_on_series(poor) is poor


def test_the_note_says_how_large_it_could_be_and_what_would_move():
    text = str(HiddenSeries(400.0, {"r_on": (900.0, 500.0)}))
    assert "400 ohm describe them as well, with r_on 500 in place of 900" in text
    assert "--series-resistance" in text


@pytest.fixture(scope="module")
def fit():
    """A staircase of metastable switches behind a resistance that the fit is not told of, 3 % of noise."""
    device = mj.params.replace(mj.model("mms"), PRESET)
    v = 0.3 * np.sin(2 * np.pi * np.arange(1, 81) / 80)
    hold, cycles = 0.01 / len(v), 4
    rows = hold * np.arange(1, len(v) + 1)
    trace = mj.simulate(
        device,
        [mj.staircase(v, hold)] * cycles,
        save=[rows] * cycles,
        bench=mj.Bench(SERIES),
        deterministic=True,
        conditions=mj.Conditions(carry_state=False),
    ).check()
    i = np.asarray(trace.i[0]) * np.exp(
        0.03 * np.random.default_rng(0).normal(size=cycles * len(v))
    )
    data = mj.Measurement(
        t=np.tile(rows, cycles), v=np.tile(v, cycles), i=i, sweep=np.repeat(np.arange(cycles), len(v)),
        at_compliance=np.zeros(i.size, bool), reader="made here",
    )  # fmt: skip
    return ft.solve(ft.SweepProblem([data], mj.model("mms"), screened=4 * BATCH))


@pytest.mark.study
def test_a_good_fit_behind_an_untold_resistance_names_it(fit):
    assert fit.verdict.word == "good"
    series = hidden_series(fit)
    assert str(series) in fit.notes
    # The truth is one of those that the note allows.
    assert series.resistance > SERIES
    without, with_it = series.moves["r_on"]
    assert with_it < R_ON < fit.intervals()["r_on"][0] < without
