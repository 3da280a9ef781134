"""The page of a fit of sweeps."""

import numpy as np
import pytest

import memjax as mj
from fitting.page.blocks import Note, Table
from fitting.sweeps.report import (
    _cycles,
    _limits,
    _rows,
    _set_reset_table,
    _switching,
    _switching_table,
    _variability,
    next_measurements,
    thresholds_of,
)
from memjax.circuit import UNLIMITED
from memjax.errors import DataError
from memjax.observables import Thresholds
from memjax.observables.thresholds import NEVER
from memjax.plot import style
from tests.fits import measured_loops, threshold_loop

SIDE = {
    "v_th_V": {"median": 0.5, "sd": 0.01, "n": 9}, "v_hold_V": {"median": None, "sd": None, "n": 0},
    "never_switched": 1, "never_returned": 2, "excursions": 10,
}  # fmt: skip


def test_differences_stand_in_millivolts_where_both_sides_have_a_value():
    other = SIDE | {"v_th_V": {"median": 0.52, "sd": 0.01, "n": 9}}
    switching, hold, never = _switching_table({"positive": SIDE}, {"positive": other}).rows
    assert (switching[-1], hold[-1]) == ("+20.0", "")
    assert never[1] == "1 / 2"
    assert _switching_table({"positive": other}, {"positive": SIDE}).rows[0][-1] == "-20.0"


@pytest.mark.parametrize(
    ("levels", "picture", "kinds"),
    [
        (Thresholds(on=1e-8, hold=1e-8), ["switching"], [Table, Note]),
        (Thresholds(on=1e-3, hold=1e-8), [], [Table, Note]),
        (Thresholds(on=NEVER[0], hold=NEVER[1], why="nothing jumps"), [], [Note]),
    ],
    ids=["switching", "never switched", "not looked for"],
)
def test_switching_is_drawn_where_it_is_seen_and_counted_where_it_was_sought(
    levels, picture, kinds
):
    m = measured_loops(threshold_loop(0.4, 0.2), threshold_loop(0.5, 0.2))
    with style():
        drawn, tables = _switching(m, m, {}, levels)
    assert list(drawn) == picture
    assert [type(x) for x in tables] == kinds
    assert tables[-1] == Note(str(levels))


def test_a_fit_of_an_old_version_has_no_thresholds():
    assert thresholds_of({}) is None


def test_noise_and_spreads_have_a_row_each():
    content = {
        "read_noise": {"relative": 0.02, "floor_A": 1e-13}, "stochastic": None,
        "cycle_spread": {"mu": {"sigma_ln": 0.1, "std": None, "from": "rise"}},
    }  # fmt: skip
    *noise, spread = _variability(content).rows
    assert len(noise) == 2
    assert spread == ["cycle spread of mu (SD of its logarithm, from rise)", "0.1"]
    assert _cycles([], []) == []


def test_a_table_that_is_missing_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("sweep,t_s,v_V,i_A\n0,0,1,1e-9\n0,1,2,nan\n")
    rows = _rows(tmp_path / "a.csv", "voltage")
    np.testing.assert_array_equal(rows.v, [1, 2])
    assert not rows.at_compliance.any()
    with pytest.raises(DataError, match="cannot be read"):
        _rows(tmp_path / "b.csv", "voltage")


def sweeps(*seconds: float) -> mj.Measurement:
    """Sweeps to 1 V and back that take so long each, at the current limit near the peak."""
    v = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)])
    t, n = np.concatenate([np.linspace(0, s, 40) for s in seconds]), len(seconds)
    volts = np.tile(v, n)
    about = {"at_compliance": volts > 0.9, "reader": "test"}
    return mj.Measurement(t=t, v=volts, i=1e-6 * volts, sweep=np.repeat(np.arange(n), 40), **about)


def test_what_to_measure_next_follows_from_what_is_left_and_from_the_data():
    units = {
        "r_on": "ohm",
        "mu": "1/(V s)",
        "mu_neg": "1/(V s)",
        "v_on": "V",
        "sigma_ion": "1/sqrt(s)",
    }
    content = {
        "undetermined": ["r_on", "mu", "mu_neg", "v_on", "sigma_ion", "sigma_ln(mu)"],
        "out_of_reach": ["v_on"],
        "parameters": {n: {"unit": u, "free": True} for n, u in units.items()},
    }
    text = "\n".join(next_measurements(content, sweeps(1.0, 1.0)))
    assert "Sweeps beyond 1 V: v_on lie" in text
    assert "negative polarity, for mu_neg." in text
    assert "hides what r_on would be" in text
    assert "how fast the state moves is set by mu, mu_neg" in text
    assert "hardly seen in 2 cycles" in text
    assert "faster" not in " ".join(next_measurements(content, sweeps(1.0, 10.0)))
    nothing = content | {"undetermined": [], "out_of_reach": []}
    assert next_measurements(nothing, sweeps(*[1.0] * 10)) == []


def test_a_limit_of_one_polarity_is_no_limit_of_the_other():
    bench = {"compliance": UNLIMITED, "compliance_negative": 5e-4}
    assert _limits({"bench": bench, "compliances": [5e-4]}) == {1: [], -1: [5e-4]}
    alike = {"bench": {"compliance": 1e-6}, "compliances": [1e-6]}
    assert _limits(alike) == {1: [1e-6], -1: [1e-6]}
    assert _limits({"bench": {"compliance": None}}) == {1: [], -1: []}


def test_a_spread_that_is_rounding_is_none():
    alike = SIDE | {"v_th_V": {"median": 0.5, "sd": 3.6e-18, "n": 9}}
    assert [row[2] for row in _switching_table({"positive": alike}, {}).rows] == ["0", "", ""]
    equal = {"v_set": np.array([0.95, 0.95 * (1 + 2e-16), 0.95])}
    (row,) = _set_reset_table(equal, equal).rows
    assert row == ["|Set voltage| (V)", "0.95", "0 %", "3", "0.95", "0 %", "3"]
