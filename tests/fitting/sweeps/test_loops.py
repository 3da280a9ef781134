"""Starts of models of which nothing special is known."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.initial_guess import guess
from fitting.sweeps.loops import (
    STRAIGHT,
    Loops,
    _dimensions,
    draw_values,
    free_of,
    loops,
    polarity_of,
    sinh_branches,
    sizes,
    slopes,
)
from fitting.sweeps.summary import summarise_sweeps
from memjax.core.fields import parameter_specs
from memjax.simulate import simulate
from tests.fits import measured_loops

TRUE = {"k_off": 20.0, "k_on": 40.0, "v_off": 0.2, "v_on": -0.3, "r_on": 5e3, "r_off": 4e5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sets_at"),
    [
        ("vteam", -1),
        ("mms", 1),
        ("yakopcic", 1),
        ("stanford-pku", 1),
        ("jart-vcm", -1),
        ("linear-drift", 1),
        ("threshold-switch", 0),
        ("diffusive", 0),
    ],
)
def test_the_polarity_at_which_a_model_sets(name, sets_at):
    assert polarity_of(mj.device_class(name)(), 1.5) == sets_at


@pytest.mark.parametrize(
    ("unit", "powers"),
    [
        ("1/(V s)", {"V": -1, "s": -1}),
        ("ohm", {"ohm": 1}),
        ("1", {}),
        ("Hz", {"Hz": 1}),
        ("m/s^0.5", None),
        ("1/m^3", None),
    ],
)
def test_units_are_taken_apart(unit, powers):
    assert _dimensions(unit) == powers


def _loop(bench):
    """Two sweeps of a VTEAM device, 0 -> +1 -> -1 -> 0 V in 4 s, as a measurement."""
    t = np.linspace(0.0, 4.0, 161)
    v = np.interp(t, [0, 1, 3, 4], [0, 1, -1, 0])
    device = mj.params.replace(mj.Vteam(), TRUE)
    trace = simulate(device, mj.Sampled(t, v), bench=bench, save=t[1:]).check()
    columns = {"v": v[1:], "i": np.asarray(trace.i).ravel(), "t": t[1:]}
    twice = {name: np.concatenate([x, x]) for name, x in columns.items()}
    sweep = np.repeat([0, 1], len(t) - 1)
    return mj.Measurement(**twice, sweep=sweep, at_compliance=sweep < 0, reader="test")


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("swapped", [False, True])
def test_loops_say_resistances_and_polarity(swapped):
    data = _loop(mj.Bench(reversed=swapped))
    found = guess(
        summarise_sweeps([data], point_time=None, floor=1e-12), floor=1e-12, device=mj.Vteam()
    )
    assert found.reversed is swapped
    assert float(found.device.r_on) == pytest.approx(TRUE["r_on"], rel=0.2)
    assert float(found.device.r_off) == pytest.approx(TRUE["r_off"], rel=0.2)
    assert found.free == ("k_off", "k_on", "v_off", "v_on", "a_off", "a_on", "r_on", "r_off", "x0")


def test_noise_of_a_line_that_does_not_open_says_nothing_of_a_polarity():
    """Of 200 lines those beyond 3 sigma seem to open, 3 in a thousand; 4 standard errors more are allowed."""
    t = np.arange(1, 102) / 101
    v = np.sin(2 * np.pi * t)
    never, rng = np.zeros(len(t), bool), np.random.default_rng(0)
    seen = 0
    for _ in range(200):
        i = v / 1e3 * np.exp(0.2 * rng.normal(size=len(t)))
        data = mj.Measurement(
            v=v, i=i, t=t, sweep=0 * np.arange(101), at_compliance=never, reader="test"
        )
        waves = summarise_sweeps([data], point_time=None, floor=1e-9)
        seen += loops(waves, 1e-9).sets_at != 0
    assert seen <= 0.0027 * 200 + 4 * np.sqrt(0.0027 * 200)


@pytest.mark.parametrize("sets_at", [1, -1])
def test_a_device_that_sets_early_and_reads_nothing_when_off_sets_where_its_loop_is_open(sets_at):
    """Over most of each excursion both ways are in one state: their typical distance is noise."""
    v = np.concatenate(
        [np.linspace(0, 1, 41), np.linspace(0.975, -1, 79), np.linspace(-0.975, 0, 40)]
    )
    on = (np.arange(160) < 80) & ((np.arange(160) > 40) | (v > 0.3))
    noise = 1e-13
    for seed in range(20):
        i = sets_at * v * 1e-4 * on + noise * np.random.default_rng(seed).normal(size=160)
        data = mj.Measurement(
            v=sets_at * v, i=i, t=np.arange(160.0), sweep=np.zeros(160, int), reader="test",
            at_compliance=np.zeros(160, bool),
        )  # fmt: skip
        waves = summarise_sweeps([data], point_time=None, floor=noise)
        assert loops(waves, noise).sets_at == sets_at


@pytest.mark.parametrize("sets_at", [1, -1, 0])
def test_a_pulse_sets_where_its_current_rises(sets_at):
    t = np.linspace(0.0, 1.0, 90)
    pulse = np.where(t < 0.4, 2.0, 0.01) * (
        1 + 1e-5 * np.sin(300 * t)
    )  # its largest row is anywhere
    data = mj.Measurement(
        v=pulse, i=pulse / 1e3 * (1 + 0.5 * sets_at * t), t=t, sweep=np.zeros(90, int), reader="test",
        at_compliance=np.zeros(90, bool),
    )  # fmt: skip
    assert loops(summarise_sweeps([data], point_time=None, floor=1e-12), 1e-12).sets_at == sets_at


def test_scattered_starts_lie_inside_their_bounds_and_differ():
    device, rng = mj.Yakopcic(), np.random.default_rng(0)
    levels = {"v": 2.0, "r_on": 1e3, "r_off": 1e6, "i_low": 1e-7, "i_high": 1e-3}
    found = Loops(**levels, duration=10.0, sets_at=1, slope=1e3)
    names = free_of(device)
    assert "a_off" not in names
    assert "x0" in names
    draws = [draw_values(sizes(device, names, found), rng) for _ in range(200)]
    specs = parameter_specs(device)
    inside = [specs[n].bounds[0] <= d[n] <= specs[n].bounds[1] for d in draws for n in names]
    assert np.mean(inside) > 0.99  # `guess` moves the rest inside
    assert all(np.std([np.log(d[n]) for d in draws]) > 0.1 for n in names)


@pytest.mark.study
def test_a_device_mounted_the_other_way_round_is_found():
    data = _loop(mj.Bench(reversed=True))
    result = ft.solve(ft.SweepProblem([data], mj.Vteam(), screened=16))
    assert result.problem.bench.reversed
    assert any("reversed" in note for note in result.notes)
    trace = mj.simulate_like(
        result.device,
        data,
        bench=result.problem.bench,
        conditions=mj.Conditions(env=result.problem.env),
        deterministic=True,
    ).check()
    error = np.abs(np.log10(np.abs(np.asarray(trace.i).ravel() / data.i)))
    assert np.median(error) < 0.3 / np.sqrt(len(data.i) / 4)  # the scatter granted to the model


def test_only_a_line_has_a_slope_that_may_stand_in_series():
    """Of a line the slope; of two branches, of a current limit and of what is steeper than a line from 0 V none."""
    v = np.linspace(0.02, 1.0, 50)
    line, limit = 1e-3 * (v - 0.2), np.minimum(1e-3 * v, 5e-4)
    branches = np.where(np.arange(50) % 2, 1e-3 * v, 6e-4 * v)
    steep = 1e-3 * np.minimum(v, 0.1 + 0.1 * v)
    found = slopes(v, np.stack([np.maximum(line, 0.0), limit, branches, steep]))
    assert found[0] == pytest.approx(1e3)
    assert np.isnan(found[1:]).all()


def _summarised_loop(current):
    """A sweep to 0.5 V and back whose return has three times the current."""
    v = np.concatenate([np.arange(1, 51), np.arange(49, 0, -1)]) / 100
    i = current(v) * np.where(np.arange(v.size) < 50, 1.0, 3.0)
    return summarise_sweeps([measured_loops((v, i))], point_time=1e-3, floor=1e-14)


def test_branches_of_a_sinh_give_its_factors():
    found = sinh_branches(_summarised_loop(lambda v: 2e-6 * np.sinh(8.0 * v)))
    for on, factor in ((False, 2e-6), (True, 6e-6)):
        assert found[1, on] == pytest.approx((factor, 8.0), rel=1e-3)


def test_a_line_gives_its_slope_and_no_factor_at_a_bound():
    """A sinh whose argument ends at STRAIGHT is a line to STRAIGHT^2/6; the last of ten levels is 0.45 V."""
    found = sinh_branches(_summarised_loop(lambda v: 1e-4 * v))
    for on, slope in ((False, 1e-4), (True, 3e-4)):
        a, b = found[1, on]
        assert b == pytest.approx(STRAIGHT / 0.45)
        assert a * b == pytest.approx(slope, rel=STRAIGHT**2 / 3)
