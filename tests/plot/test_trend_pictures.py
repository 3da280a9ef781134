"""Pictures of trends: panels, scales, names, lines."""

import numpy as np
import pytest

from memjax.observables import Series
from memjax.plot import style, trends

CYCLE = np.arange(1.0, 301)


def series(quantity, unit, values, **about):
    return Series(
        quantity=quantity, unit=unit, cycle=CYCLE, values=np.asarray(values, float), **about
    )


def test_voltages_and_resistances_have_panels_of_their_own_with_units_and_decades():
    with style():
        figure = trends([
            series("v_th", "V", 0.3 + 0.01 * np.log10(CYCLE) + 1e-3 * np.sin(CYCLE), polarity=1),
            series("r_on", "ohm", 1e4 * (1 + 0.1 * np.sin(CYCLE)), polarity=1),
            series("r_off", "ohm", np.full(300, np.nan), polarity=1),
        ])  # fmt: skip
    upper, lower = figure.axes
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("Voltage (V)", "Resistance (Ω)")
    assert (upper.get_yscale(), lower.get_yscale()) == ("linear", "log")
    assert (lower.get_xscale(), lower.get_xlabel()) == ("log", "Cycle")
    (name,) = [t.get_text() for t in upper.get_legend().get_texts()]
    assert name.startswith("V_th +\n(+0.01 ± ")
    assert len(lower.get_legend().get_texts()) == 1  # of r_off there is nothing
    line = upper.get_lines()[1].get_ydata()
    assert line[-1] - line[0] == pytest.approx(0.01 * np.log10(300), rel=0.1)


def test_of_several_devices_the_median_is_drawn():
    with style():
        figure = trends(
            [series("hrs", "ohm", np.full(300, x), device=f"{x}") for x in (1.0, 2.0, 4.0)]
        )
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.get_lines()[-1].get_ydata(), 2.0)
    assert ax.get_legend().get_texts()[0].get_text() == "HRS, median of 3 devices"


def test_few_cycles_are_on_a_linear_axis_and_nothing_is_no_error():
    few = Series(quantity="v_th", unit="V", cycle=CYCLE[:5], values=CYCLE[:5])
    with style():
        assert trends([few]).axes[0].get_xscale() == "linear"
        assert len(trends([]).axes) == 1
