"""Pulses against time: the pictures show what was measured and what was simulated, from the onset of each pulse on."""

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

import memjax as mj
from fitting.figures import save
from fitting.sweeps.thinning import CURVE_POINTS, MOST_CURVES, curves_of
from fitting.time_pictures import figure_currents, figure_curves
from memjax.plot import style
from memjax.plot.style import MEASURED, MUTED, SIMULATED

T = np.linspace(0, 10e-3, 1001)


def _curves(count: int, level: float = 1e-5) -> mj.Measurement:
    """Pulses of 1 V over 0.1 V for 3 ms, each beginning 0.1 ms later than the one before; 1e-8 A at 0.1 V."""
    onset = 1e-3 + 1e-4 * np.arange(count)
    v = np.where((onset[:, None] < T) & (onset[:, None] + 3e-3 > T), 1.0, 0.1)
    i = np.where(v > 0.5, level, 1e-8)
    n = v.size
    return mj.Measurement(
        t=np.tile(T, count), v=v.ravel(), i=i.ravel(), sweep=np.repeat(np.arange(count), len(T)),
        at_compliance=np.zeros(n, bool), reader="made here",
    )  # fmt: skip


def _has(path, color: str) -> bool:
    """Whether a picture has a point of a colour."""
    image = matplotlib.image.imread(path)[..., :3]
    return bool(np.any(np.max(np.abs(image - np.array(to_rgb(color))), axis=-1) < 0.02))


def test_curves_begin_with_their_pulse_and_are_few():
    found = curves_of(_curves(2 * MOST_CURVES))
    curve, t, v = (found[n] for n in ("curve", "t_s", "v_V"))
    assert len(np.unique(curve)) == MOST_CURVES
    assert len(t) <= MOST_CURVES * CURVE_POINTS
    # Rows are 10 us apart: an onset lies between two of them.
    assert np.all(v[(t > 2e-5) & (t < 3e-3 - 2e-5)] == pytest.approx(1.0))
    assert np.all(v[(t < -2e-5) | (t > 3e-3 + 2e-5)] == pytest.approx(0.1))


@pytest.mark.slow
def test_both_are_drawn_against_time(tmp_path):
    path = tmp_path / "currents.png"
    with style():
        save(figure_currents(_curves(5), _curves(5, 3e-6)), path)
    # Lines that are not quite opaque, on white.
    shown = [tuple(0.85 * np.array(to_rgb(c)) + 0.15) for c in (MEASURED, SIMULATED)]
    assert all(_has(path, c) for c in shown)


@pytest.mark.integration
def test_measured_curves_are_behind_that_of_the_best_values(tmp_path):
    path = tmp_path / "currents.png"
    about = {
        "typical": {"t_s": T.tolist(), "i_A": _curves(1).i.tolist()},
        "pulse": {"onset_s": 1e-3, "width_s": 3e-3},
        "threshold_A": 1e-6,
    }
    with style():
        save(figure_curves(pd.DataFrame(curves_of(_curves(1, 3e-6))), about), path)
    assert _has(path, SIMULATED)
    assert _has(path, tuple(0.7 * np.array(to_rgb(MUTED)) + 0.3))
