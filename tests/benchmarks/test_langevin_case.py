"""The recipes of the Langevin circuit: fixed points, spikes, statistical errors, records, and short runs."""

import dataclasses
import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize_scalar

import memjax as mj
from benchmarks.cases.langevin import (
    branches,
    coherence,
    ensembles,
    figures,
    heat,
    model,
    periods,
    pictures,
    ramps,
    regimes,
    spikes,
)
from benchmarks.cases.langevin.case import CASE
from benchmarks.records import Recorder, read
from tests.helpers import z_score


def _slope(x):
    """-U' of the recipes' potential, written out here."""
    wall = 120 * (1.2 * x + 0.168) ** 99
    return 0.1 / (x + 1) ** 3 - 1 / (x + 1) ** 2 - 0.5 / (x - 1) ** 2 - wall


def _ratio(x, r_ext):
    return 1 + r_ext / math.cosh(x / 0.13)


def _rates(y, u, r_ext, tau):
    """The canonical equations, in the form tau dV/dt = V_ext - (1 + R_ext / R) V."""
    x, v = y
    return [_slope(x) + 0.68 * v, (u - _ratio(x, r_ext) * v) / tau]


@pytest.mark.integration
@pytest.mark.parametrize("r_ext", [64.0, 128.0])
def test_the_folds_are_those_of_the_formula(r_ext):
    v_ext = lambda x: -_slope(x) / 0.68 * _ratio(x, r_ext)  # noqa: E731
    high = minimize_scalar(lambda x: -v_ext(x), bounds=(-0.88, -0.8), method="bounded")
    low = minimize_scalar(v_ext, bounds=(-0.72, -0.5), method="bounded")
    assert branches.saddle_node(r_ext) == pytest.approx(-high.fun, rel=1e-6)
    assert branches.fold_of_low(r_ext) == pytest.approx(low.fun, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("r_ext", "tau"), [(64.0, 1.0), (128.0, 0.8)])
def test_the_hopf_voltage_is_where_the_trace_changes_sign(r_ext, tau):
    bend = lambda x: (_slope(x + 1e-5) - _slope(x - 1e-5)) / 2e-5  # noqa: E731
    x = brentq(lambda x: bend(x) - _ratio(x, r_ext) / tau, -0.55, -0.3)
    expected = -_slope(x) / 0.68 * _ratio(x, r_ext)
    assert branches.hopf(r_ext, tau) == pytest.approx(expected, rel=1e-5)


def test_a_spike_needs_the_particle_to_have_been_back():
    t = np.arange(9.0)
    x = np.array([-0.9, -0.6, -0.4, -0.75, -0.3, -0.81, -0.79, -0.2, -0.2])
    np.testing.assert_allclose(spikes.spike_times(t, x), [1.5, 6 + 0.29 / 0.59])
    assert spikes.spike_times(t, x[::-1] * 0 - 0.9).size == 0


def _renewals(rng, members, length, *, shape):
    """Trains whose intervals are of mean 1 and CV 1 / sqrt(shape), stationary after a while."""
    lengths = rng.gamma(shape, 1 / shape, (members, int(length * 2 + 40)))
    return [s[s < length] for s in np.cumsum(lengths, axis=1)]


def test_intervals_that_begin_in_a_window_are_not_biased_by_it():
    rng = np.random.default_rng(0)
    trains = _renewals(rng, 2000, 20.0, shape=2.0)
    found = spikes.intervals(trains, 5.0, 8.0)
    cv = 1 / math.sqrt(2)
    assert abs(found.mean - 1) < 4 * found.mean_se
    assert abs(found.cv - cv) < 4 * found.cv_se
    assert found.mean_se == pytest.approx(cv / math.sqrt(found.count), rel=0.2)
    assert found.unfinished == 0
    inside = np.concatenate([np.diff(s[spikes.begun(s, 5.0, 8.0)]) for s in trains])
    assert z_score(inside, 1.0) < -10  # those that lie within it are


def test_no_spikes_give_no_figure():
    found = spikes.intervals([np.zeros(0), np.zeros(0)], 0.0, 5.0)
    assert (found.count, found.unfinished) == (0, 0)
    assert math.isnan(found.mean)


@pytest.mark.integration
def test_an_interval_whose_end_was_not_seen_is_counted():
    trains = [np.array([1.0, 2.0, 4.0]), np.array([0.5, 3.0, 4.5])]
    found = spikes.intervals(trains, 0.9, 5.0)
    assert (found.count, found.unfinished) == (3, 2)
    assert found.mean == pytest.approx(1.5)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(1).normal(size=50)
    left_out = (x.sum() - x) / 49
    assert spikes.jackknife(left_out) == pytest.approx(x.std(ddof=1) / math.sqrt(50), rel=1e-10)


def _recorder(tmp_path):
    return Recorder(
        path=tmp_path / "r.jsonl", run_id="r", case="langevin", size="smoke", baseline="-"
    )


@pytest.mark.integration
@pytest.mark.parametrize(("value", "status"), [(2.3, "ok"), (2.6, "failed"), (math.nan, "failed")])
def test_a_figure_beyond_four_standard_errors_has_failed(tmp_path, value, status):
    errors = {"se": 0.06, "reference_se": 0.08, "half_digit": 0.0}
    figure = figures.Figure(name="R", value=value, reference=2.0, **errors)
    if status == "ok":
        assert figure.z == pytest.approx(3.0)
    record = _recorder(tmp_path)
    figure.tell(record, 1.0)
    (row,) = read(record.path)
    assert (row["status"], row["extra"]["recipe"]) == (status, 2.0)


def test_the_errors_of_one_path_are_those_of_so_many_independent_intervals():
    rng = np.random.default_rng(2)
    n, cv = 1500, 0.2
    lengths = rng.normal(2.0, 2.0 * cv, (4000, n))
    means, sds = lengths.mean(axis=1), lengths.std(axis=1)
    mean_se, cv_se = ensembles.recipe_errors(2.0, cv)
    assert mean_se == pytest.approx(means.std(), rel=0.05)  # its own error: 1.1 %
    assert cv_se == pytest.approx((sds / means).std(), rel=0.05)


def test_regimes_are_told_apart():
    t = np.linspace(0, 40, 2001)
    beat = np.where(np.sin(2 * np.pi * t / 5) > 0.9, -0.2, -0.9)
    once = np.where(t > 5, -0.35, -0.9)
    late = np.where(t < 5, beat, 0.67)
    found = [regimes.regime(t, x) for x in (beat, once, late, np.full_like(t, -0.86))]
    assert found == [regimes.TONIC, regimes.LOW, regimes.WALL, regimes.QUIET]


def test_a_map_is_held_against_each_sentence():
    maps = regimes.Map(
        r_ext=64.0,
        taus=(0.8, 2.0),
        v_ext=np.array([25.0, 30.0, 36.0]),
        regimes=[
            [regimes.QUIET, regimes.LOW, regimes.TONIC],
            [regimes.LOW, regimes.LOW, regimes.LOW],
        ],
        saddle=26.16,
        hopf=[23.8, 33.2],
    )
    assert list(regimes.contradictions(maps).values()) == [1, 1, 1]


@pytest.mark.integration
def test_a_ramp_switches_at_its_first_rise_and_returns_after_its_last():
    v = np.array([0.0, 10, 20, 30, 40, 30, 20, 10, 0])
    x = np.array([-0.9, -0.9, -0.9, -0.4, -0.3, -0.4, -0.6, -0.9, -0.9])
    np.testing.assert_allclose(ramps.edges(v, x), (28.0, 20 - 10 * 2 / 3))
    spiking = np.array([-0.9, -0.4, -0.9, -0.4, -0.3, -0.9, -0.4, -0.9, -0.9])
    np.testing.assert_allclose(ramps.edges(v, spiking), (8.0, 12.0))
    assert np.isnan(ramps.edges(v, np.full_like(v, -0.9))).all()
    assert np.isnan(ramps.edges(v, np.full_like(v, -0.4))).all()  # never back


def test_the_noise_of_least_cv_is_the_vertex():
    cv = lambda d: 0.16 + 0.05 * math.log(d / 0.035) ** 2  # noqa: E731
    found = {
        d: SimpleNamespace(intervals=SimpleNamespace(cv=cv(d), cv_se=0.01)) for d in coherence.TABLE
    }
    assert coherence.lowest(found) == pytest.approx(0.035)


@pytest.mark.integration
def test_temperatures_of_the_recipes_are_in_units_of_the_ambient_one():
    own = model.device(0.01, heat_capacity=3.0)
    state, v, env = {"x": -0.3, "temperature": 450.0}, jnp.asarray(2.0), mj.Environment()
    state = {k: jnp.asarray(x) for k, x in state.items()}
    rate = float(own.drift(0.0, state, v, env)["temperature"])
    joule = 4.0 / math.cosh(0.3 / 0.13)
    assert rate / 300 == pytest.approx(joule / 3 - 0.5)
    amplitude = float(own.noise(0.0, state, v, env)["thermal"]["x"])
    assert amplitude == pytest.approx(math.sqrt(2 * 0.01 * 1.5))


@pytest.fixture(scope="module")
def cycle():
    """Behind 128 at 34, tau = 0.8, from rest: fixed steps."""
    trace = mj.simulate(
        model.device(),
        model.held(34.0, 24.0),
        bench=model.bench(128.0, 0.8),
        policy=model.steps(),
        deterministic=True,
        save=0.005,
    ).check()
    t, x, v = (np.asarray(a) for a in (trace.t, trace.state["x"][0], trace.v_device[0]))
    return periods.Cycle(t=t, x=x, v=v, period=periods.period(t, x))


@pytest.mark.slow
def test_the_period_is_that_of_another_integrator(cycle):
    run = solve_ivp(
        lambda _, y: _rates(y, 34.0, 128.0, 0.8), (0, 24), [-0.9, 0.0], "LSODA", cycle.t, rtol=1e-9
    )
    assert cycle.period == pytest.approx(periods.period(run.t, run.y[0]), rel=1e-3)
    reference = periods.PERIODS[128.0, 0.8][34.0]
    assert abs(cycle.period - reference) < periods.TAMING * reference + 0.005


@pytest.fixture(scope="module")
def noisy():
    """The ensemble at D = 0.03, short."""
    window = ensembles.Window(burn=3.0, begin=6.0, follow=6.0, members=48, batches=2)
    return coherence.at(0.03, window, model.steps())


@pytest.mark.slow
def test_an_ensemble_gives_the_figures_of_the_recipe(noisy):
    assert noisy.intervals.count > 200
    assert noisy.intervals.unfinished == 0
    for figure in coherence.pair("R4.3", noisy, *coherence.TABLE[0.03], n=96):
        assert abs(figure.z) < figures.Z
    assert noisy.temperature == pytest.approx(1.0)
    assert noisy.lengths.mean() == pytest.approx(noisy.intervals.mean, rel=0.05)


@pytest.mark.slow
def test_another_noise_is_not_within_four_standard_errors(noisy):
    mean, _ = coherence.pair("R4.3", noisy, *coherence.TABLE[0.05], n=96)
    assert abs(mean.z) > figures.Z


@pytest.mark.slow
def test_the_page_shows_what_was_found(tmp_path, cycle, noisy):
    states = [[regimes.QUIET, regimes.TONIC], [regimes.LOW, regimes.WALL]]
    map64 = regimes.Map(
        r_ext=64.0,
        taus=(1.0, 2.0),
        v_ext=np.array([24.0, 30.0]),
        regimes=states,
        saddle=26.16,
        hopf=[25.6, None],
    )
    loop = ramps.Loop(
        on=np.array([25.0]), off=np.array([20.0]), v_ext=np.array([0.0, 40.0]), x=np.zeros(2)
    )
    found = pictures.Found(
        maps=[map64, dataclasses.replace(map64, r_ext=128.0)],
        cycles={(128.0, 0.8): {31.0: cycle, 34.0: cycle}},
        noises={0.03: noisy, 0.05: noisy},
        loops={(0.005, 50.0): loop},
        heats={1.0: noisy},
    )
    picture = pictures.write(tmp_path / "r.jsonl", found)
    assert picture.name == "langevin.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    titles = [ax.get_title() for ax in pictures.draw(found).axes]
    assert [sum(f"R4.{k}" in t for t in titles) for k in range(1, 6)] == [2, 1, 2, 1, 1]


def test_the_case_is_registered_and_covers_all_recipes():
    assert (CASE.name, CASE.suites) == ("langevin", ("langevin",))
    assert (len(periods.PERIODS[128.0, 0.8]), len(coherence.TABLE), len(heat.TABLE)) == (6, 8, 4)
