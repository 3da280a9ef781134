"""Words of the pictures of reports, by the boxes of the renderer."""

from dataclasses import replace

import numpy as np
import pytest

import fitting.figures
import memjax as mj
from fitting.sweeps import figures
from fitting.sweeps.trends import Series
from memjax.observables import Thresholds
from memjax.plot import style
from tests.overlaps import overlaps

LONG = Thresholds(
    hold=1.06e-9,
    why="published; hold-threshold from the jumps of the data, whose leakage falls through 1e-11 A without one, "
    "in most of 120 sweeps",
)


def _flaws(draw, *data, **options):
    """What overlaps in a figure."""
    with style():
        figure = draw(*data, **options)
        fitting.figures.tidy(figure)
    return overlaps(figure)


def _loops(count, *, both, peak=0.5, seed=0):
    """Sweeps that switch somewhere above half of their voltage and return at a fifth of it."""
    rng, v, i, sweep = np.random.default_rng(seed), [], [], []
    for k in range(count):
        sign = -1 if both and k % 2 else 1
        out = peak * np.linspace(0.02, 1, 60)
        on, off = peak * (0.6 + 0.08 * rng.normal()), 0.2 * peak
        for leg, is_on in ((out, out > on), (out[::-1], out[::-1] > off)):
            v.append(sign * leg)
            i.append(sign * np.where(is_on, leg / 1e3, leg / 1e11))
            sweep.append(np.full(len(leg), k))
    about = dict(t=None, at_compliance=np.zeros(120 * count, bool), reader="test")
    return mj.Measurement(
        v=np.concatenate(v), i=np.concatenate(i), sweep=np.concatenate(sweep), **about
    )


@pytest.mark.parametrize(
    ("count", "both", "peak", "levels"),
    [(3, False, 0.5, Thresholds()), (120, True, 33.3333, LONG), (40, True, 1.2345e-3, LONG)],
    ids=["typical", "crowded", "small"],
)
def test_headings_and_labels_of_switching_lie_apart(count, both, peak, levels):
    measured = _loops(count, both=both, peak=peak)
    thresholds = replace(levels, on=1e-8)
    assert _flaws(figures.figure_switching, measured, measured, {}, thresholds=thresholds) == []


@pytest.mark.slow
@pytest.mark.parametrize(("count", "both"), [(3, False), (40, True)], ids=["typical", "crowded"])
def test_words_of_the_pictures_of_sweeps_lie_apart(count, both):
    m = _loops(count, both=both)
    names = [f"a_long_name_{k}" for k in range(3 if count < 9 else 16)]
    limits = (1e-6,) if count < 9 else tuple(1e-6 * x for x in range(1, 8))
    assert (
        _flaws(figures.figure_iv, m, m, compliances={1: limits, -1: limits}, thresholds=LONG) == []
    )
    assert _flaws(figures.figure_residuals, m, m) == []
    assert _flaws(figures.figure_cycles, m, m) == []
    assert _flaws(figures.figure_correlation, names, np.eye(len(names))) == []
    values = 0.2123456 + 1e-5 * np.arange(count)
    quantities = ("switching voltage", "hold voltage", "resistance, way out", "energy")
    trends = [
        Series(name=n, unit="V", polarity=s, cycle=np.arange(count), values=values, tau=0.9, p=1e-9)
        for n in quantities[: 1 if count < 9 else 4]
        for s in (1, -1)[: 1 + both]
    ]
    assert _flaws(figures.figure_trends, trends) == []


def test_labels_that_touch_become_fewer():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2))
    ax = figure.add_subplot()
    ax.plot([0.1234567, 0.1234597], [0, 1])
    ax.ticklabel_format(useOffset=False)
    ax.locator_params(axis="x", nbins=12)
    assert [x for x in overlaps(figure) if "lies on" in x]
    fitting.figures.tidy(figure)
    assert not [x for x in overlaps(figure) if "lies on" in x]


def test_an_overlap_is_seen():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    ax = figure.add_subplot()
    ax.set_title("two words")
    assert overlaps(figure) == []
    figure.text(0.5, 0.9, "two words", ha="center")
    ax.set_xticks([0.5, 0.51], ["one tick", "another"])
    assert len(overlaps(figure)) == 2
    figure.text(0.95, 0.5, "a text that leaves the picture")
    assert "'a text that leaves the picture' leaves the picture" in overlaps(figure)
