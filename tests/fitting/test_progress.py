"""How far a fit has come, and the bar that follows it."""

import numpy as np
import pytest

from fitting import ProgressBar
from fitting.optimize.levenberg_marquardt import Progress, levenberg_marquardt
from fitting.progress import Forecast, Stages, Usual, duration


def test_a_bar_shows_stage_iterations_and_the_best_loss(capsys):
    def line(z):
        return z - 3.0, np.broadcast_to(np.eye(1), (len(z), 1, 1)), np.ones(len(z), bool)

    with ProgressBar() as bar:
        done = levenberg_marquardt(line, np.zeros((2, 1)), tick=lambda p: bar("medians", p))
        bar("spread")
    shown = capsys.readouterr().err
    assert f"medians: {done.iterations} iterations" in shown
    assert f"loss {min(done.cost):.4g}" in shown
    assert "spread:" in shown


class _Clock:
    """A clock that is set."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def _run(forecast, clock, stage, times, most=None):
    """Iterations of a stage that take so long each."""
    forecast.step(stage)
    for k, x in enumerate(times, 1):
        clock.now += x
        forecast.step(stage, 1, None if most is None else most - k)


def test_the_time_left_is_that_of_the_iterations_that_stages_usually_take():
    clock = _Clock()
    forecast = Forecast({"search": Usual(10), "weigh": Usual(5, 2.0)}, clock=clock)
    assert str(forecast) == ""
    # The first iteration has compiled a program; the others took 2 s each.
    _run(forecast, clock, "search", [30.0, 2.0, 2.0])
    assert forecast.seconds == pytest.approx(2 * 7 + 5 * 4)
    assert str(forecast) == "50% done, about 34 s left"
    forecast.step("weigh")  # sooner than usual
    assert forecast.seconds == pytest.approx(5 * 4)
    _run(forecast, clock, "weigh", [9.0, 3.0, 3.0])
    assert forecast.seconds == pytest.approx(2 * 3)


def test_a_bound_is_called_one():
    clock = _Clock()
    forecast = Forecast(clock=clock)
    _run(forecast, clock, "search", [9.0, 1.0], most=60)
    assert str(forecast) == "15% done, at most 58 s left"
    whole = Forecast({"search": None, "more": None}, clock=clock)
    _run(whole, clock, "search", [9.0, 1.0], most=60)
    assert str(whole) == "this stage takes at most 58 s more"


def test_a_stage_that_takes_longer_than_usual_goes_on_no_longer_than_it_can():
    clock = _Clock()
    forecast = Forecast({"search": Usual(10)}, clock=clock)
    _run(forecast, clock, "search", [1.0] * 40, most=60)
    assert forecast.seconds == pytest.approx(10.0)
    _run(forecast, clock, "search", [1.0] * 19, most=20)
    assert forecast.seconds == pytest.approx(1.0)


def test_the_share_never_falls():
    clock, shares = _Clock(), []
    forecast = Forecast({"a": Usual(5), "b": Usual(5)}, clock=clock)
    for stage in ("a", "b"):
        for x in (8.0, 1.0, 9.0, 9.0, 1.0, 1.0, 1.0):
            _run(forecast, clock, stage, [x])
            shares.append(forecast.share)
    assert shares == sorted(shares)
    assert 0 < shares[2] < shares[-1] <= 1


def test_a_search_says_how_many_iterations_it_can_still_make():
    def line(z):
        return z - 3.0, np.broadcast_to(np.eye(1), (len(z), 1, 1)), np.ones(len(z), bool)

    left = []
    search = Progress(np.zeros((1, 1)), np.full(1, np.inf), later=20)
    about = {"progress": search, "iterations": 7}
    levenberg_marquardt(line, np.zeros((1, 1)), tick=lambda p: left.append(p.left), **about)
    assert left == [26 - k for k in range(len(left))]
    assert len(left) > 2


def test_lines_hold_the_time_left(capsys, monkeypatch):
    clock = _Clock()
    monkeypatch.setattr("time.monotonic", clock)
    with Stages({"search": Usual(3), "weigh": Usual(2)}) as stages:
        stages.forecast.clock, stages.forecast.begin, stages.forecast.last = clock, 0.0, 0.0
        search = Progress(np.zeros((1, 1)), np.ones(1))
        for _ in range(3):
            stages("search", search)
            clock.now += 1.0
            search.counted(1, 0)
        stages("weigh", search)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "memjax: progress: stage 1 of 2: search"
    assert lines[1].endswith("weigh (iteration 3, loss 1, 3 s, 75% done, about 1 s left)")


def test_times_are_said_in_words():
    assert [duration(x) for x in (0.2, 42.4, 130.0, 9000.0)] == ["1 s", "42 s", "2 min", "2.5 h"]
