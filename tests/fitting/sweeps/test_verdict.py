"""Verdicts on curves made by hand: what is compared is the shape of the loop, whatever was granted to the model."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.group import misfit, pack
from fitting.sweeps.result import FitResult
from fitting.sweeps.simulated import simulated_response
from fitting.sweeps.summary import summarise_sweeps
from fitting.sweeps.verdict import judge

UP = np.linspace(0, 1, 51)
VOLTS = np.concatenate([UP, UP[-2::-1]])
BACK = np.arange(101) > 50
NONE = np.full((1, 1, 3), np.nan)


def loop(opening: float, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """log10 of a current whose way back is higher by so many decades in the middle."""
    bulge = opening * np.sin(np.pi * VOLTS) * BACK
    return (
        -6 + np.log10(VOLTS + 0.01) + bulge + noise * np.random.default_rng(seed).normal(size=101)
    )


def compared(measured: np.ndarray, simulated: np.ndarray, *, granted: float = 0.3, events=NONE):
    """Data, group and residuals of a simulated curve."""
    m = mj.Measurement(
        v=VOLTS, i=10**measured, sweep=np.zeros(101, int), reader="made here",
        at_compliance=np.zeros(101, bool),
    )  # fmt: skip
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-16)
    group = pack(waves, floor=1e-16, limit=None, events=False, model_sigma=granted)
    rows = jnp.zeros(group.event_rows.shape)
    return waves, group, np.asarray(misfit(group, jnp.asarray(simulated)[None], events=rows))


def verdict(measured, simulated, **more):
    return judge(*compared(measured, simulated, **more))


@pytest.mark.integration
@pytest.mark.parametrize("granted", [0.004, 0.3])
def test_the_simulation_comes_back_from_its_residuals(granted):
    measured, simulated = loop(0.5), loop(0.5) + 0.4 * np.sin(7 * VOLTS)
    waves, group, r = compared(measured, simulated, granted=granted)
    used = waves[0].used
    np.testing.assert_allclose(simulated_response(group, r)[0][used], simulated[used], atol=1e-6)


def test_rows_that_do_not_count_are_those_of_the_simulation_where_it_is_known():
    """A loop closes within rows that events describe: what lies between their neighbours would open it again."""
    measured, simulated = (
        loop(0.5),
        loop(0.5) * ~(BACK & (VOLTS > 0.3)) + loop(0.0) * (BACK & (VOLTS > 0.3)),
    )
    waves, _, _ = compared(measured, simulated)
    away = BACK & (VOLTS > 0.25)
    waves = [replace(waves[0], used=waves[0].used & ~away)]
    group = pack(waves, floor=1e-16, limit=None, events=False)
    rows = jnp.zeros(group.event_rows.shape)
    r = np.asarray(misfit(group, jnp.asarray(simulated)[None], events=rows))
    areas = [np.trapezoid(10**x, VOLTS) for x in (measured, simulated)]
    found = judge(waves, group, r, simulated[None]).area_ratio
    assert found == pytest.approx(areas[1] / areas[0], rel=1e-6)
    assert judge(waves, group, r).area_ratio > 2 * found


@pytest.mark.parametrize(
    ("share", "decades", "word"),
    [(0.05, 2.0, "good"), (0.2, 0.25, "good"), (0.2, 0.35, "usable"), (0.4, 0.5, "usable"), (0.4, 0.7, "poor")],
)  # fmt: skip
def test_rows_that_are_missed_count_however_few_the_others_miss(share, decades, word):
    """The loop keeps its area: a tenth of the rows decides whether a fit is good, a quarter whether it is usable."""
    low = np.abs(VOLTS) <= share  # at least so many rows, where currents make no area
    # A simulated current that fell with a rising voltage would count by itself: the measured one is off.
    result = verdict(loop(2.0) - decades * low * (np.arange(101) % 2 * 2 - 1), loop(2.0))
    assert result.word == word
    if word != "good":
        # Less the scatter that is taken from the bends of the measured curve.
        said = float(result.reason.partition("off by ")[2].split()[0])
        assert said == pytest.approx(decades, abs=0.02)


def test_the_data_themselves_are_good_and_so_is_another_noise():
    same = verdict(loop(0.5), loop(0.5))
    assert (same.word, same.correlation) == ("good", 0.0)
    assert same.area_ratio == pytest.approx(1)
    assert same.gain == pytest.approx(1)
    other = verdict(loop(0.5, noise=0.05), loop(0.5))
    assert other.word == "good"
    assert abs(other.correlation) < 4 / np.sqrt(101)  # of independent numbers


@pytest.mark.parametrize(
    ("largest", "word", "share"), [(0.0, "poor", 0), (9.0, "usable", 2 / 3), (1e3, "good", None)]
)
def test_data_that_are_noise_show_no_device_however_well_a_curve_describes_them(
    largest, word, share
):
    """A resistor whose largest current is so many times the noise, and a fit by its true current."""
    noise, current = 1e-10, largest * 1e-10 * VOLTS
    read = current + noise * np.random.default_rng(1).normal(size=(64, 101))
    m = mj.Measurement(
        v=np.tile(VOLTS, 64), i=read.ravel(), sweep=np.repeat(np.arange(64), 101), reader="made here",
        at_compliance=np.zeros(64 * 101, bool),
    )  # fmt: skip
    waves = summarise_sweeps([m], point_time=1e-3, floor=noise)
    group = pack(waves, floor=noise, quiet=noise, limit=None, events=False)
    simulated = waves[0].median_log() if largest < 10 else np.log10(current + noise)
    r = misfit(group, jnp.asarray(simulated)[None], events=jnp.zeros(group.event_rows.shape))
    result = judge(waves, group, np.asarray(r), simulated[None])
    assert result.word == word
    if share is not None:
        assert result.reason.startswith("the data hardly show a device")
        said = float(result.reason.rpartition(" % exceed")[0].split()[-1]) / 100
        # The median of 64 readings, with the floor beside it, exceeds a limit one step earlier or later.
        assert said == pytest.approx(share, abs=0.15)


def test_an_area_that_noise_at_high_currents_has_made_is_granted():
    """A loop at low currents, whose ways meet from 0.4 V on, where 3 % of noise make areas of some 0.3 of its own."""
    true = -9 + 8 * np.minimum(VOLTS, 0.6) + 1.0 * BACK * (VOLTS < 0.4)
    results = [
        verdict(true + 0.013 * np.random.default_rng(k).normal(size=101), true) for k in range(20)
    ]
    assert [r.word for r in results] == ["good"] * 20
    assert max(abs(r.area_ratio - 1) for r in results) > 0.5
    assert verdict(true, true - 1.0 * BACK * (VOLTS < 0.4)).word == "poor"


@pytest.mark.parametrize("granted", [0.02, 0.3, 3.0])
def test_a_curve_without_memory_is_poor_whatever_was_granted(granted):
    middle = 0.5 * (loop(0.5) + loop(0.5)[::-1])
    found = verdict(loop(0.5), middle, granted=granted)
    assert found.word == "poor"
    assert "area" in found.reason
    assert found.area_ratio == pytest.approx(0, abs=1e-3)  # interpolated where no row counts
    assert found.simulated_branch_ratio == pytest.approx(1)
    assert found.gain == pytest.approx(0, abs=0.05)  # levels lie between the rows


def test_a_loop_of_no_more_than_a_curve_without_memory_is_poor_whatever_its_area():
    """Of the measured area, but elsewhere: what a curve without memory misses it misses twice."""
    bulge = lambda k: 0.5 * np.sin(k * np.pi * VOLTS) ** 2 * BACK  # noqa: E731
    measured, simulated = loop(0.0) + bulge(1), loop(0.0) + 0.45 * BACK - bulge(1)
    found = verdict(measured, simulated)
    assert found.gain < 0
    assert found.word == "poor"
    usable = verdict(measured, 0.7 * measured + 0.3 * simulated)
    assert 0 < usable.gain < 0.9


def _states(factor, *, scatter, cycles=8, state="on"):
    """A verdict on cycles of two straight states, of which one is off by a factor where it is told apart."""
    on = np.where(BACK, 1e-4, 1e-6)
    clean = np.log10(on * (VOLTS + 0.01))
    rng = np.random.default_rng(0)
    tight = clean + scatter * rng.normal(size=(cycles, 1)) + 1e-3 * rng.normal(size=(cycles, 101))
    m = mj.Measurement(
        v=np.tile(VOLTS, cycles), i=10 ** tight.ravel(), sweep=np.repeat(np.arange(cycles), 101),
        reader="made here", at_compliance=np.zeros(101 * cycles, bool),
    )  # fmt: skip
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-16)
    group = pack(waves, floor=1e-16, limit=None, events=False)
    # Less than half of the rows: the typical residual is none.
    simulated = clean + np.log10(factor) * (BACK if state == "on" else ~BACK & (VOLTS > 0.05))
    rows = jnp.zeros(group.event_rows.shape)
    r = np.asarray(misfit(group, jnp.asarray(simulated)[None], events=rows))
    return judge(waves, group, r, simulated[None])


def test_a_tight_state_that_is_off_by_35_percent_is_not_good_and_one_that_scatters_may_be():
    found = _states(1.35, scatter=0.005, state="off")
    assert found.word == "usable"
    assert found.reason.startswith("the off-state's current is 1.3")
    assert found.off_ratio == pytest.approx(1.35, rel=0.02)
    assert found.on_ratio == pytest.approx(1, rel=0.02)
    assert _states(1.35, scatter=0.1, state="off").word == "good"
    assert _states(1.2, scatter=0.005, state="off").word == "good"
    assert _states(2.2, scatter=0.005, state="off").word == "poor"
    assert _states(1.35, scatter=0.005).on_ratio == pytest.approx(1.35, rel=0.02)
    assert _states(1.35, scatter=0.005).word == "usable"


def test_a_verdict_is_written_as_it_was():
    about = verdict(loop(0.5), loop(0.5)).as_json()
    words = ["word", "reason", "area_ratio", "branch_ratio", "simulated_branch_ratio", "gain"]
    assert list(about) == [*words, "on_ratio", "off_ratio", "deviation", "correlation"]


@pytest.mark.parametrize(("size", "word"), [(0.45, "good"), (0.33, "usable"), (0.2, "poor")])
def test_the_area_of_the_loop_decides(size, word):
    found = verdict(loop(0.5), loop(size))
    assert found.word == word
    assert found.area_ratio < 1


def test_rows_that_do_not_count_close_no_loop():
    """They were taken as measured: about a switching they hold most of the area of a loop."""
    middle = 0.5 * (loop(0.5) + loop(0.5)[::-1])
    waves, group, _ = compared(loop(0.5), middle)
    weight = np.array(group.weight)
    weight[:, 60:75] = 0.0
    group = group.__class__(**{**vars(group), "weight": weight})
    r = np.asarray(
        misfit(group, jnp.asarray(middle)[None], events=jnp.zeros(group.event_rows.shape))
    )
    found = judge(waves, group, r)
    assert found.word == "poor"
    assert abs(found.area_ratio) < 0.05


def test_the_area_is_that_of_the_whole_loop():
    narrow = loop(0.0) + 0.5 * BACK * (VOLTS < 0.1)
    wide = loop(0.0) + 0.5 * BACK
    found = verdict(wide, narrow)
    i = [np.trapezoid(10**x, VOLTS) for x in (wide, narrow)]
    assert found.area_ratio == pytest.approx(i[1] / i[0], rel=1e-3)


def test_a_loop_that_runs_the_other_way_round_is_poor():
    found = verdict(loop(0.3), loop(-0.3))
    assert found.word == "poor"
    assert found.area_ratio < 0


def test_a_loop_where_none_was_measured_is_poor_and_noise_is_no_loop():
    assert "none was measured" in verdict(loop(0.0), loop(0.5)).reason
    assert verdict(loop(0.0), loop(0.5)).word == "poor"
    found = verdict(loop(0.0, noise=0.03), loop(0.0))
    assert (found.word, found.area_ratio, found.gain) == ("good", None, None)


def test_residuals_that_follow_each_other_are_systematic():
    off = loop(0.5) + 0.4
    found = verdict(loop(0.5), off)
    assert found.word == "poor"
    assert found.correlation > 0.9
    assert "decades" in found.reason


def test_a_threshold_beyond_the_voltages_of_the_data_is_out_of_reach():
    waves, group, _ = compared(loop(0.5), loop(0.5))
    device = mj.params.replace(mj.model("mms"), {"v_on": 1.9, "v_off": 0.9})
    problem = SimpleNamespace(group=group, free=("v_on", "v_off", "r_on"))
    fit = SimpleNamespace(waves=waves, problem=problem, device=device, free=problem.free)
    fit.largest_voltage = FitResult.largest_voltage.fget(fit)
    assert FitResult.out_of_reach.fget(fit) == ("v_on",)  # the data end at 1 V


def test_a_missed_switching_voltage_is_named():
    measured, simulated = loop(0.0), loop(0.0)
    waves, group, r = compared(measured, simulated)
    rows, weight = (np.zeros_like(np.asarray(group.event_rows)) for _ in range(2))
    rows[0, 0, 0], weight[0, 0, 0] = 20.0, 1.0
    group = group.__class__(**{**vars(group), "event_rows": rows, "event_weight": weight})
    events = jnp.asarray(rows).at[0, 0, 0].set(45.0)
    r = np.asarray(misfit(group, jnp.asarray(simulated)[None], events=events))
    found = judge(waves, group, r)
    assert found.word == "poor"
    assert found.reason == "switching at 0.9 V where 0.4 V was measured, positive polarity"


def _with_an_offset(share: float) -> mj.Measurement:
    """A loop of both polarities without memory, read with an offset of so much of its largest current."""
    v = np.concatenate([VOLTS, -VOLTS[1:]])
    i = 1e-3 * (v - share)
    return mj.Measurement(
        v=v,
        i=i,
        sweep=np.zeros(len(v), int),
        reader="made here",
        at_compliance=np.zeros(len(v), bool),
    )


@pytest.mark.parametrize(("share", "word"), [(0.01, "good"), (0.1, "usable"), (0.4, "poor")])
def test_a_current_of_the_other_sign_counts_by_its_distance(share, word):
    """The modulus of a simulated current may follow that of a measured one through zero, where its sign does not."""
    waves = summarise_sweeps([_with_an_offset(share)], point_time=1e-3, floor=1e-9)
    (w,) = waves
    np.testing.assert_array_equal(w.opposed, (w.v > 0) & (w.v < share - 1e-9))
    group = pack(waves, floor=1e-9, limit=None, events=False)
    events = jnp.zeros(group.event_rows.shape)
    simulated = w.median_log()[None]
    r = np.asarray(misfit(group, jnp.asarray(simulated), events=events))
    found = judge(waves, group, r, simulated)
    assert found.word == word
    assert ("other sign near 0 V" in found.reason) == (word != "good")
    # A bench whose simulated readings have the sign of the data agrees with them.
    assert judge(waves, group, r, simulated, w.opposed[None]).word == "good"


def test_a_modulus_and_an_instrument_that_counts_the_other_way_oppose_nothing():
    m = _with_an_offset(0.0)
    for i in (np.abs(m.i), -m.i):
        waves = summarise_sweeps([replace(m, i=i)], point_time=1e-3, floor=1e-9)
        assert not waves[0].opposed.any()


def test_of_cycles_in_sequence_their_scatter_counts_for_nothing():
    """A cycle is simulated 0.4 decades above: beyond what its neighbours differ by that is little."""
    measured, simulated = loop(1.5), loop(1.5) + 0.4
    waves, group, r = compared(measured, simulated)
    assert judge(waves, group, r, simulated[None]).word == "poor"
    # The typical residual is 1.48 times 0.4: good up to 0.15 beyond the scatter, usable up to 0.3.
    known = [replace(waves[0], cycles=np.full(len(VOLTS), 0.5))]
    assert judge(known, group, r, simulated[None]).word == "good"
    narrower = [replace(waves[0], cycles=np.full(len(VOLTS), 0.35))]
    assert judge(narrower, group, r, simulated[None]).word == "usable"
