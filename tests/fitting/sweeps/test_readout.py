"""Rows of events read off a solve, and of currents that mean on and off in data, simulation and samples."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.problem import AbstractDifferentiable
from fitting.sweeps import readout
from fitting.sweeps.ensemble import of_sweeps
from fitting.sweeps.group import lengthen
from fitting.sweeps.prepare import prepare
from fitting.sweeps.problem import _observe_all, responses
from fitting.sweeps.readout import find_steps
from memjax.errors import DataError
from memjax.lanes.cc import library
from memjax.observables import NEVER, Thresholds
from memjax.runtime.compile_cache import signature

POINT = 0.01
UP = np.arange(41) / 40
VOLTS = np.concatenate([UP, UP[-2::-1]])
OPTIONS = dict(bench=None, env=None, point_time=POINT, free=["v_th"], fix={"tau": 1e-4, "w": 1e-3})
DEVICE = mj.params.replace(
    mj.model("threshold-switch"),
    {"v_th": 0.61, "v_hold": 0.29, "r_on": 1e3, "r_off": 1e5, "tau": 1e-4, "w": 1e-3},
)


@pytest.fixture(scope="module")
def measured() -> mj.Measurement:
    """Four sweeps of a switch that leaks 10 uA at 1 V, far more than 1e-8 A."""
    rows = POINT * (1 + np.arange(81))
    trace = mj.simulate(DEVICE, mj.staircase(VOLTS, POINT), save=rows, deterministic=True).check()
    i, about = np.tile(np.asarray(trace.i[0]), 4), dict(reader="made here")
    return mj.Measurement(
        v=np.tile(VOLTS, 4), i=i, sweep=np.repeat(np.arange(4), 81), at_compliance=np.zeros(324, bool), **about
    )  # fmt: skip


def _made(measured, **given):
    return prepare([measured], DEVICE, **OPTIONS, **given, seed=0, screened=2)


@pytest.mark.study
def test_events_are_those_of_the_jumps_and_the_simulation_has_them_where_the_data_do(measured):
    made = _made(measured)
    (wave,), group = made.waves, made.problem.group
    # 0.625 V is the first row above 0.61 V, 0.275 V the first below 0.29 V on the way back.
    rise, release, fall = 25, 69, 69
    np.testing.assert_array_equal(wave.median_events(), [[rise - 0.5, release - 0.5, fall - 0.5]])
    assert np.all(group.event_weight > 0)
    assert 0.6e-5 < wave.thresholds.hold < 0.6e-3
    np.testing.assert_allclose(10**group.thresholds, [wave.thresholds.on, wave.thresholds.hold])
    device = made.problem.at(jnp.asarray(_truth(made)))
    found = np.asarray(_observe_all(made.problem, device)[1])[0]
    assert np.all(
        np.abs(found - group.event_rows[0]) <= 0.5
    )  # within the row in which it was row_logs
    assert any(note.startswith("on-threshold") for note in made.notes)


def _truth(made) -> np.ndarray:
    """Coordinates of the device that gave the data."""
    return np.asarray(mj.params.unconstrain(DEVICE, made.problem.free))


@pytest.mark.study
@pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C")
def test_a_kernel_gives_the_residuals_and_derivatives_of_xla(measured):
    """At the truth, where every event happens, and at a threshold that is never reached."""
    problem = _made(measured).problem
    z = np.array([0.0, 0.6]) + np.log(0.61 / mj.params.get(problem.device, "v_th"))
    z = np.asarray(problem.center) + z[:, None]
    assert problem.backend.startswith("cc")
    ours, theirs = problem.linearise(z), AbstractDifferentiable.linearise(problem, z)
    assert ours[2].all()
    assert theirs[2].all()
    # rtol 1e-5 of a solve, in units of 0.3 decades and of a quarter of a row.
    np.testing.assert_allclose(ours[0], theirs[0], atol=5e-3)
    np.testing.assert_allclose(ours[1], theirs[1], atol=0.02 * np.max(np.abs(theirs[1])))
    off, ok, logs = problem.observe(z)
    assert ok.all()
    np.testing.assert_allclose(off, ours[0], atol=1e-12)
    assert np.max(logs[0]) > np.max(logs[1])
    np.testing.assert_array_equal(responses(problem, z[0]), logs[0])


@pytest.mark.slow
def test_data_of_another_length_share_the_programs_of_a_fit(measured):
    """With every second row of each sweep left out: rows that do not count fill either up to 128 and 64."""
    shorter = measured.select(np.arange(len(measured.v)) % 81 % 2 == 0)
    even = measured.select(np.arange(len(measured.v)) % 81 < 79)
    problems = [_made(m).problem for m in (measured, even, shorter)]
    longer = [lengthen(p.group)[0] for p in problems]
    assert [g.rows.shape for g in longer] == [(1, 128), (1, 128), (1, 64)]
    assert signature(longer[0]) == signature(longer[1]) != signature(longer[2])
    group, own = lengthen(problems[0].group)
    np.testing.assert_array_equal(own, [*range(81), 128, 129, 130])
    assert np.all(group.weight[:, 81:] == 0)
    assert np.all(np.diff(group.stimuli.times) > 0)
    assert np.all(group.rows[:, 81:] == group.rows[:, 80:81])


@pytest.mark.slow
def test_what_is_sampled_for_randomness_is_read_by_them_too(measured):
    waves = _made(measured).waves
    sample = of_sweeps(waves, floor=0.0, seed=0).readings[0].sample
    assert sample.names == ("v_th", "v_release", "v_hold")
    assert np.all((sample.values[:, 0] > 0.6 - 1e-12) & (sample.values[:, 0] <= 0.625))
    never = [replace(w, thresholds=Thresholds(on=w.thresholds.on, hold=NEVER[1])) for w in waves]
    assert of_sweeps(never, floor=0.0, seed=0).readings[0].sample.names == ("v_th", "v_release")


@pytest.mark.slow
def test_given_thresholds_are_taken(measured):
    made = _made(measured, thresholds=(1e-8, 1e-11))
    np.testing.assert_array_equal(made.problem.group.thresholds, [-8.0, -11.0])
    assert made.waves[0].median_events()[0, 0] == 0.5  # its first point that is not 0 V
    assert _made(measured, thresholds=(None, 2e-6)).waves[0].thresholds.hold == 2e-6
    with pytest.raises(DataError, match="on-threshold = -1"):
        _made(measured, thresholds=(-1.0, None))


@pytest.mark.slow
@pytest.mark.wrong_types
@pytest.mark.parametrize("block", [2, 5, 256])
def test_what_is_over_before_the_next_row_is_no_event(monkeypatch, block):
    """A current above the threshold between two rows alone, and later one that the rows show.

    However many steps are read at once; behind the last one currents mean nothing.
    """
    monkeypatch.setattr(readout, "log_current", lambda scaled, y, stimulus, t: y[0])
    monkeypatch.setattr(readout, "_BLOCK", block)
    rows, t = jnp.arange(1.0, 7.0), jnp.append(jnp.arange(0.5, 6.5, 0.5), jnp.full(9, jnp.inf))
    current = jnp.where(jnp.isclose(t, 1.5) | (t > 4.2), 1.0, -1.0)
    span, levels = jnp.array([[0.5, 6.0, 6.0]]), jnp.array([0.0, -2.0])
    row_logs = jnp.where(rows > 4.2, 1.0, -1.0)
    stimulus = mj.Sampled(np.asarray(rows), np.zeros(6))
    at = None, stimulus, rows, span, levels, t, current[:, None]
    steps = find_steps(*at, row_logs=row_logs)
    assert bool(steps.hits[0, 0])
    assert float(steps.t0[0, 0]) == 4.0
    # Where no row shows it, what happens between rows is all there is.
    assert float(find_steps(*at, row_logs=-jnp.ones(6)).t0[0, 0]) == 1.0
