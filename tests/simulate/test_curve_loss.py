"""The loss of curves: its parts against numbers by hand, on traces that were not solved; real sweeps; wrong use."""

from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.core.watch import Crossing
from memjax.errors import BoundsError, DataError, StimulusError

DATA = Path(mj.__file__).parent / "data" / "examples" / "diffusive-sweeps.csv"
SWEEP = mj.triangle_sweep(0.5, 1.0)
ROWS = np.linspace(0.0, 1.0, 101)
ON, HELD = 0.3, 0.9
"""When the current rises and falls [s]."""


def _current(on=ON, held=HELD):
    """A switch of 1e-12 A and 1e-7 A, whatever the voltage."""
    return np.where((on < ROWS) & (held > ROWS), 1e-7, 1e-12)


def _crossing(t):
    there = np.isfinite(t)
    one = lambda x: jnp.full((1, 1, 1), x)  # noqa: E731
    never = one(False)
    return Crossing(
        one(t), one(0.0), one(0.0), {}, jnp.full((1, 1), int(there)), never, never, one(0.0)
    )


def _trace(on=ON, held=HELD, result=0):
    """What a simulation of the switch would give; the currents fall through both thresholds at once."""
    i = jnp.asarray(_current(on, held))[None]
    times = {"on/0": on, "release/0": held, "hold/0": held}
    return mj.Trace(
        t=jnp.asarray(ROWS), sweep=np.zeros(len(ROWS), int), v=jnp.zeros_like(i), i=i, state={},
        v_device=i, i_device=i, result=jnp.full((1, 1), result), units={}, notes={},
        events={n: _crossing(t if on < held else np.inf) for n, t in times.items()},
    )  # fmt: skip


@pytest.fixture(scope="module")
def loss():
    return mj.CurveLoss.of(_trace(), SWEEP)


def _events(loss, trace):
    return np.asarray(loss.residuals(trace))[len(ROWS) :]


@pytest.mark.slow
def test_it_is_zero_for_the_measured_device_wherever_between_two_rows_it_switches(loss):
    assert float(loss.compare(_trace())) == 0
    assert float(loss.compare(_trace(on=ON + 0.4e-2))) == 0


def test_an_event_counts_by_how_far_it_is_from_the_rows_between_which_it_was(loss):
    # Rows are 10 ms apart: switching was after row 30 and before row 31, now 2.5 rows later than that.
    late = _events(loss, _trace(on=0.335))
    np.testing.assert_allclose(late, [5 * np.arcsinh(2.5 / 5), 0, 0], atol=1e-9)
    early = _events(loss, _trace(held=0.86))  # measured between rows 89 and 90
    np.testing.assert_allclose(early, 5 * np.arcsinh(np.array([0, -3, -3]) / 5), atol=1e-9)


def test_an_event_that_is_missing_counts_by_time_and_by_decades(loss):
    never = _events(loss, _trace(on=2.0))
    # From row 31 to the end of the window at 0.5 s, and 4 decades of 0.1 from the threshold of 1e-8 A;
    # release and hold come before the peak, which was 4 and 1 decades too low.
    rows = np.array([19 + 40, (0.5 - 0.89) / 1e-2 - 40, (0.5 - 0.89) / 1e-2 - 10])
    np.testing.assert_allclose(never, 5 * np.arcsinh(rows / 5), atol=0.1)


def test_a_row_beside_a_steep_part_counts_less_and_one_far_off_levels_off(loss):
    residuals = np.asarray(loss.residuals(_trace(on=0.355)))[: len(ROWS)]
    # Row 31 is 5 decades off, and so steep in the data; rows 32 to 35 are as far off and not steep.
    assert abs(residuals[31]) < 1 < 8 < abs(residuals[33]) < 10
    # Row 36 is half a row from the simulated event, and right.
    np.testing.assert_allclose(residuals[36:89], 0, atol=1e-12)


@pytest.mark.wrong_types
def test_rows_at_the_limit_only_say_that_it_is_reached():
    measured = _trace()
    limited = mj.CurveLoss.of(measured, SWEEP, bench=mj.Bench(compliance=1e-7))
    above = eqx.tree_at(lambda t: t.i, measured, measured.i * jnp.where(measured.i > 1e-8, 30.0, 1))
    assert float(limited.compare(above)) == 0
    assert float(mj.CurveLoss.of(measured, SWEEP).compare(above)) > 1
    other = mj.Bench(
        compliance=1.0, compliance_negative=1e-7
    )  # at negative voltage, of which the sweep has none
    assert float(mj.CurveLoss.of(measured, SWEEP, bench=other).compare(above)) > 1


def test_a_solve_that_failed_has_no_loss(loss):
    assert np.isnan(loss.compare(_trace(result=1)))


@pytest.mark.study
def test_measured_sweeps_are_simulated_as_they_were_applied():
    measured = mj.read(DATA)
    two = measured.select(np.isin(measured.sweep, measured.labels[:2]))
    loss = mj.CurveLoss.of(two, point_time=0.01)
    # Another device than the measured one, which is simulated faster: it never switches at these voltages.
    trace = loss.simulate(mj.LinearIonDrift())
    np.testing.assert_allclose(trace.v[0], two.v, atol=1e-12)  # rounding of the rows that were read
    residuals = loss.residuals(trace)
    assert residuals.shape == (len(two.v) + 2 * len(loss.events[0]),)
    np.testing.assert_allclose(loss.compare(trace), np.mean(residuals**2))
    assert all(np.all(x.counts) for n, x in loss.measured_events.items() if n.startswith("on"))


def test_what_cannot_be_compared_is_refused():
    measured = mj.read(DATA)
    with pytest.raises(StimulusError, match="a sweep of the current"):
        mj.CurveLoss.of(replace(measured, driven="current"), point_time=0.01)
    with pytest.raises(StimulusError, match="no time column"):
        mj.CurveLoss.of(replace(measured, t=None))
    with pytest.raises(StimulusError, match="without its stimulus"):
        mj.CurveLoss.of(_trace())
    with pytest.raises(StimulusError, match="3 stimuli for 1 sweeps"):
        mj.CurveLoss.of(_trace(), [SWEEP] * 3)
    with pytest.raises(BoundsError, match="current_sigma = 0 decades"):
        mj.CurveLoss.of(_trace(), SWEEP, current_sigma=0.0)
    with pytest.raises(DataError, match="in place of data"):
        mj.CurveLoss.of(mj.DiffusiveMemristor(), SWEEP)
