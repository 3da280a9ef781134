"""Pictures: names and units of axes, what is drawn, and that all of the data are within the limits."""

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.observables import SpikeTrain, stdp_window
from memjax.plot import (
    CurveStyle,
    curve,
    isi_histogram,
    phase_plane,
    ppf,
    raster,
    refractory,
    stdp,
    style,
    traces,
)
from memjax.plot.axes import prefix

MINUS = "\N{MINUS SIGN}"


def _shown(axis) -> list[str]:
    """Texts of the ticks within the limits, after drawing."""
    axis.axes.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    at = axis.get_majorticklocs()
    texts = [t.get_text() for t in axis.get_ticklabels()]
    return [s for s, x in zip(texts, at, strict=True) if low <= x <= high]


def _holds(ax, x, y) -> None:
    """Whether the limits of the axes contain the points."""
    for values, (low, high) in ((x, ax.get_xlim()), (y, ax.get_ylim())):
        assert low <= np.min(values)
        assert np.max(values) <= high


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([0.4], "s", (1e-3, "ms")),
        ([1.0], "s", (1.0, "s")),
        ([5e3], "s", (1.0, "s")),
        ([-2e-6, 3e-6], "s", (1e-6, "µs")),
        ([5e-9], "s", (1e-9, "ns")),
        ([5e7, 1e9], "Ω", (1e6, "MΩ")),
        ([0.0], "s", (1.0, "s")),
        ([1e-20], "s", (1e-18, "as")),
    ],
)
def test_a_prefix_suits_the_numbers(values, unit, expected):
    assert prefix(values, unit=unit) == expected


T = np.linspace(0, 0.02, 401)
V = np.sin(2 * np.pi * 200 * T)


def test_panels_share_one_axis_of_time_with_its_unit():
    with style():
        axes = traces(T, {"Voltage (V)": V, "Current (µA)": 3 * V})
        assert [ax.get_ylabel() for ax in axes] == ["Voltage (V)", "Current (µA)"]
        assert [ax.get_xlabel() for ax in axes] == ["", "Time (ms)"]
        assert axes[0].get_shared_x_axes().joined(*axes)
        assert _shown(axes[1].xaxis)[-1] == "20"
    for ax, factor in zip(axes, (1, 3), strict=True):
        assert len(ax.lines) == 1
        _holds(ax, T, factor * V)
    assert axes[0].get_legend() is None


@pytest.mark.parametrize(
    ("span", "label"), [(3.0, "Time (s)"), (3e-6, "Time (µs)"), (3e-9, "Time (ns)")]
)
def test_the_unit_of_time_follows_the_span(span, label):
    assert traces(5 + T / 0.02 * span, [("x", V)])[0].get_xlabel() == label


def test_members_are_lines_and_spikes_marks_above_the_first_panel():
    train = SpikeTrain(times=np.array([1e-3, 6e-3]), start=0.0, stop=0.02)
    axes = traces(T, [("x", np.stack([V, -V, V])), ("y", V)], spikes=train, label="simulated")
    assert [len(ax.lines) for ax in axes] == [4, 1]
    (marks,) = (line for line in axes[0].lines if line.get_gid() == "spikes")
    np.testing.assert_array_equal(marks.get_xdata(), train.times)
    assert [t.get_text() for t in axes[0].get_legend().get_texts()] == ["simulated"]


def test_given_axes_are_drawn_on_and_their_number_is_checked():
    axes = traces(T, {"x": V})
    assert traces(T, {"x": -V}, axes=axes)[0] is axes[0]
    assert traces(T, {"x": V}, axes=axes[0])[0] is axes[0]
    assert len(axes[0].lines) == 3
    with pytest.raises(BoundsError, match="1 axes for 2 panels"):
        traces(T, {"x": V, "y": V}, axes=axes)
    with pytest.raises(BoundsError, match="0 panels"):
        traces(T, {})


def test_a_raster_has_a_row_for_each_train():
    trains = [np.array([0.01, 0.03]), np.zeros(0), np.array([0.02])]
    ax = raster(trains)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (ms)", "Train")
    rows = [c.get_positions() for c in ax.collections]
    assert [list(r) for r in rows] == [[0.01, 0.03], [], [0.02]]
    _holds(ax, [0.01, 0.03], [0, 2])


def test_a_raster_ends_where_the_trains_were_watched_or_where_it_is_told():
    train = SpikeTrain(times=np.array([1.0]), start=0.0, stop=4.0)
    assert raster([train]).get_xlim() == (0.0, 4.0)
    assert raster([train], start=0.5, stop=2.0).get_xlim() == (0.5, 2.0)
    assert raster([]).get_xlabel() == "Time (s)"
    assert raster([np.zeros(0)]).get_ylim() == (-0.6, 0.6)


@pytest.mark.parametrize("log", [False, True])
def test_a_histogram_counts_every_interval(log):
    isi = np.random.default_rng(0).exponential(5e-3, 500)
    ax = isi_histogram(isi, log=log, label="D = 0.03")
    assert sum(p.get_height() for p in ax.patches) == 500
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Interval between spikes (ms)", "Intervals")
    assert ax.get_xscale() == ("log" if log else "linear")
    _holds(ax, isi, [0, max(p.get_height() for p in ax.patches)])


@pytest.mark.parametrize("log", [False, True])
def test_equal_intervals_and_no_intervals_have_a_histogram_too(log):
    ax = isi_histogram(np.full(7, 2e-3), log=log)
    assert sum(p.get_height() for p in ax.patches) == 7
    empty = isi_histogram(np.zeros(0), log=log)
    assert [t.get_text() for t in empty.texts] == ["no intervals"]


def test_intervals_that_are_none_are_refused():
    with pytest.raises(BoundsError, match="no positive finite"):
        isi_histogram(np.array([1.0, 0.0]))


def _flow(x, y):
    """FitzHugh-Nagumo."""
    return x - x**3 / 3 - y + 0.5, 0.08 * (x + 0.7 - 0.8 * y)


GRID = np.linspace(-2.5, 2.5, 201), np.linspace(-1.0, 2.0, 151)


def test_nullclines_are_where_the_rates_vanish():
    path = np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0])
    ax = phase_plane(_flow, *GRID, path=path, xlabel="x", ylabel="V (V)", names=("x", "V"))
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names == ["dx/dt = 0", "dV/dt = 0", "trajectory"]
    contours = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    for k, contour in enumerate(contours):
        points = np.concatenate([p.vertices for p in contour.get_paths()])
        assert len(points) > 50
        rates = _flow(*points.T)[k]
        assert np.abs(rates).max() < (5e-4, 1e-12)[k]  # linear between points of the grid
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2.5, 2.5), (-1.0, 2.0))
    assert ax.get_ylabel() == "V (V)"


def test_arrows_point_along_the_flow_and_have_one_length():
    ax = phase_plane(_flow, *GRID, arrows=7)
    (quiver,) = (c for c in ax.collections if type(c).__name__ == "Quiver")
    assert quiver.U.size == 49
    u, v = _flow(*quiver.XY.T)
    np.testing.assert_allclose(quiver.U * v, quiver.V * u, atol=1e-12)
    assert np.all(quiver.U * u >= 0)
    np.testing.assert_allclose(np.hypot(quiver.U / 5, quiver.V / 3), 0.6 / 7)


def test_a_rate_without_a_zero_or_with_nan_is_left_out():
    ax = phase_plane(lambda x, y: (np.ones_like(x), np.full_like(y, np.nan)), *GRID)
    assert ax.get_legend() is None


def test_points_have_bars_and_published_ones_are_hollow():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 8.0])
    published = (x[:2], y[:2] + 0.5)
    ax = curve(
        x,
        y,
        0.1 * y,
        xlabel="x (V)",
        ylabel="y (A)",
        log="y",
        published=published,
        look=CurveStyle(label="memjax"),
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (V)", "y (A)")
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["memjax", "published"]
    own, theirs = ax.containers
    np.testing.assert_array_equal(own.lines[0].get_ydata(), y)
    assert own.has_yerr
    assert theirs.lines[0].get_markerfacecolor() == "white"
    _holds(ax, x, np.concatenate([0.9 * y, 1.1 * y]))


def test_bars_may_differ_below_and_above():
    ax = curve(np.zeros(1), np.ones(1), np.array([[0.25], [0.5]]))
    (bar,) = ax.containers[0].lines[2]
    np.testing.assert_array_equal(bar.get_segments()[0][:, 1], [0.75, 1.5])


def test_a_window_of_timing_is_shown_in_milliseconds_and_percent_with_its_exponentials():
    dt = np.concatenate([np.linspace(-0.1, -0.005, 12), np.linspace(0.005, 0.1, 12)])
    dw = np.where(dt > 0, 0.8, -0.4) * np.exp(-np.abs(dt) / 0.02)
    ax = stdp(dt, dw, np.full(24, 0.05), window=stdp_window(dt, dw), label="memjax")
    assert ax.get_xlabel() == f"Δt = t(post) {MINUS} t(pre) (ms)"
    assert ax.get_ylabel() == "Change of weight (%)"
    assert f"{MINUS}100" in _shown(ax.xaxis)
    assert {"0", "20"} <= set(_shown(ax.yaxis))
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names == [f"A exp({MINUS}|Δt| / τ)", "memjax"]
    _holds(ax, dt, dw)


def test_paired_pulses_are_shown_about_one():
    interval, ratio = np.geomspace(3e-3, 1.0, 7), np.linspace(2.0, 0.8, 7)
    ax = ppf(interval, ratio, published=(interval[1:3], ratio[1:3] + 0.1, np.full(2, 0.1)))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Interval (ms)", "Paired-pulse ratio")
    assert ax.get_xscale() == "log"
    assert {"10", "100", "1000"} <= set(_shown(ax.xaxis))
    assert ax.lines[0].get_ydata()[0] == 1
    _holds(ax, interval, ratio)


def test_refractory_periods_are_shown_in_milliseconds_against_megaohms():
    r = np.array([50e6, 100e6, 250e6, 500e6, 1e9])
    isi = np.array([2.0e-3, 2.32e-3, 4.22e-3, 8.3e-3, 21.3e-3])
    ax = refractory(r, isi, 0.02 * isi, published=(r, 1.1 * isi))
    assert ax.get_xlabel() == "Resistance (MΩ)"
    assert ax.get_ylabel() == "Mean interval between spikes (ms)"
    assert {"50", "100", "500", "1000"} <= set(_shown(ax.xaxis))
    assert {"2", "5", "10", "20"} <= set(_shown(ax.yaxis))
    _holds(ax, r, 1.1 * isi)


def test_a_backend_that_becomes_interactive_stays_so_after_the_style():
    """As that of a notebook does when its first figure is made in the block."""
    import matplotlib

    before = matplotlib.is_interactive()
    try:
        with style():
            matplotlib.interactive(True)
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(before)
