"""The picture of a calibration."""

import numpy as np
import pytest

from fitting.amortised import figures
from fitting.amortised.calibration import CLASSES, calibrate
from fitting.figures import save


@pytest.fixture(scope="module")
def calibration():
    """Of one parameter that is right and one whose posteriors are too narrow."""
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(size=(400, 2)), rng.normal(size=(400, 255, 2))
    return calibrate(("mu", "theta"), truth, draws * [1.0, 0.7])


def test_it_shows_the_devices_of_each_class_and_the_coverage(calibration):
    *ranks, coverage = figures.figure(calibration).axes
    assert len(ranks) == 2
    for k, ax in enumerate(ranks):
        heights = [b.get_height() for b in ax.patches if b.get_width() < 2 / CLASSES]
        assert sum(heights) == 400
        assert ax.get_title().startswith(f"{calibration.names[k]}: p = ")
    lines = {x.get_label(): x.get_ydata() for x in coverage.lines}
    np.testing.assert_allclose(lines["theta"], calibration.coverage[:, 1])


def test_it_is_written_as_png_and_svg(calibration, tmp_path):
    save(figures.figure(calibration), tmp_path / "a.png")
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "a.svg"}
